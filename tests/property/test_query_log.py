"""The query log is compared with a model that remembers every question."""

import unicodedata
from collections import defaultdict
from datetime import datetime

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.french.analysis import folded_words
from quisait.application.database import migrate
from search_api.query_log.counts import MIN_ASKERS, may_be_shown, names_of, normal_text
from search_api.query_log.recording import AskedQuery, QueryKind
from search_api.query_log.storage import journal_counts, journal_period, journal_texts
from tests.journals import HOUR, NINE, PEOPLE, everything, journal_of, rows, shown
from tests.selection import examples

pytestmark = pytest.mark.trust

SAFE = ("bornage amiable", "taxe foncière", "congé")
UNSAFE = ("formulaire 2042", "dossier Dupont", "note de LE BIHAN", "jean‑noël", "a@b.fr")
ASKED = st.tuples(
    st.sampled_from(list(QueryKind)),
    st.integers(0, 6),
    st.sampled_from(SAFE + UNSAFE),
    st.integers(0, 2),
    st.booleans(),
    st.integers(0, 9),
)
"""(kind, agent, text, results, looked further, hours since the one before)."""


@examples(20, 200)
@given(st.lists(ASKED, min_size=1, max_size=40))
def test_no_text_before_five_askers_of_one_day(
    asked: list[tuple[QueryKind, int, str, int, bool, int]],
) -> None:
    """After each question: the texts kept are exactly those that five asked that day."""
    engine = migrate(sa.create_engine("sqlite://"))
    journal, moment = journal_of(engine), NINE
    askers: dict[tuple[object, str], set[int]] = defaultdict(set)
    salts: dict[object, str] = {}
    for kind, agent, text, results, further, hours in asked:
        moment += hours * HOUR
        journal.write(AskedQuery(kind, f"ag-{agent}", text, results, further), moment)
        askers[moment.date(), normal_text(text)].add(agent)
        (period,) = rows(engine, journal_period)
        assert salts.setdefault(moment.date(), period["salt"]) == period["salt"]
        _check(engine, askers, salts, moment)
    journal.close_ended(moment + 24 * HOUR)
    assert rows(engine, journal_period) == []
    enough = {text for (_, text), who in askers.items() if _is_shown(text, who)}
    counts = journal.counts(moment + 24 * HOUR, 365)
    assert set(shown(counts)) == enough
    hours_of_askings = {
        (kind, agent, normal_text(text), at)
        for (kind, agent, text, *_), at in zip(asked, _moments(asked), strict=True)
    }
    assert sum(one.askings for one in counts) == len(hours_of_askings)
    engine.dispose()


def _moments(asked: list[tuple[QueryKind, int, str, int, bool, int]]) -> list[datetime]:
    found, moment = [], NINE.replace(minute=0, second=0)
    for *_, hours in asked:
        moment += hours * HOUR
        found.append(moment)
    return found


def _is_shown(text: str, who: set[int]) -> bool:
    return len(who) >= MIN_ASKERS and text in {normal_text(one) for one in SAFE}


def _check(
    engine: sa.Engine,
    askers: dict[tuple[object, str], set[int]],
    salts: dict[object, str],
    moment: datetime,
) -> None:
    now = {t for (day, t), who in askers.items() if day == moment.date() and _is_shown(t, who)}
    ever = {t for (_, t), who in askers.items() if _is_shown(t, who)}
    assert {row["text"] for row in rows(engine, journal_texts)} == now
    assert {row["text"] for row in rows(engine, journal_counts)} - {None} <= ever
    kept = everything(engine)
    for text in {normal_text(one) for one in SAFE + UNSAFE} - ever:
        assert text not in kept
    assert [day for day, salt in salts.items() if salt in kept] == [moment.date()]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_nothing_shown_has_a_digit_or_a_name(text: str) -> None:
    """Any text at all, of which every word was looked at."""
    if not may_be_shown(text, names_of(PEOPLE)):
        return
    compatible = unicodedata.normalize("NFKC", text) + normal_text(text)
    assert not any(letter.isnumeric() for letter in compatible if letter.isascii())
    assert not any(letter.isdigit() or letter.isdecimal() for letter in compatible)
    assert not {"claire", "bihan", "dupont", "noel"} & set(folded_words(text))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["Claire", "LE BIHAN", "lebihan", "Dupont", "Jean-Noël", "foetus"]),
    st.lists(st.sampled_from(["note", "sur", "l'arrêt", "d'", "(", "«", ":", "-"]), max_size=4),
    st.integers(0, 4),
)
def test_a_name_is_seen_wherever_it_stands(name: str, around: list[str], at: int) -> None:
    """Among any other words and signs."""
    words = [*around[:at], name, *around[at:]]
    assert not may_be_shown(" ".join(words), names_of(PEOPLE))
