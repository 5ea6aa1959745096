"""The query journal: what it keeps, what it never does, and how it forgets. Both databases."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa

from quisait.application.database import connect, migrate
from search_api.query_log.recording import AskedQuery, BackgroundQueryLog
from search_api.query_log.storage import journal_askings, journal_counts, journal_period
from tests.journals import (
    DAY,
    HOUR,
    NINE,
    asked_by,
    everything,
    experts,
    hidden,
    journal_of,
    rows,
    search,
    shown,
)

pytestmark = pytest.mark.trust


def test_the_fifth_asker_brings_the_text(engine: sa.Engine) -> None:
    """Before, nothing of it stands anywhere; accents, case and signs make no other query."""
    journal = journal_of(engine)
    asked_by(journal, range(4), "Exonération foncière", NINE)
    asked_by(journal, range(4), "exoneration  FONCIERE ?", NINE + HOUR)
    assert "onciere" not in everything(engine)
    assert hidden(journal.counts(NINE, 30)).queries == 1
    asked_by(journal, [4], "exonération foncière", NINE + HOUR)
    found = shown(journal.counts(NINE + HOUR, 30))
    assert (found["exoneration fonciere"].askings, len(found)) == (9, 1)


def test_nothing_finer_than_an_hour_nor_any_name_is_kept(engine: sa.Engine) -> None:
    """Neither minutes, nor an agent's id, nor an order that would tell them."""
    asked_by(journal_of(engine), ["marie", "paul"], "bornage", NINE)
    assert {row["hour"] for row in rows(engine, journal_askings)} == {
        NINE.replace(minute=0, second=0)
    }
    assert "ag-" not in everything(engine)
    assert journal_askings.primary_key.columns.keys() == ["hour", "asker", "asked_for", "query"]


def test_one_asker_on_five_days_is_not_five(engine: sa.Engine) -> None:
    """Nor on two days with four others: distinct askers are those of one period."""
    journal = journal_of(engine)
    for day in range(5):
        asked_by(journal, [0], "bornage", NINE + day * DAY)
    asked_by(journal, [0, 1, 2], "divorce", NINE + 5 * DAY)
    asked_by(journal, [2, 3, 4], "divorce", NINE + 6 * DAY)
    assert shown(journal.counts(NINE + 6 * DAY, 30)) == {}
    assert "bornage" not in everything(engine)


def test_another_key_makes_no_second_asker(engine: sa.Engine) -> None:
    """A key changed at noon closes the period: three askers before and after are not six."""
    asked_by(journal_of(engine), range(3), "bornage", NINE)
    later = journal_of(engine, key=b"another key")
    asked_by(later, range(3), "bornage", NINE + HOUR)
    assert shown(later.counts(NINE + HOUR, 30)) == {}
    assert "bornage" not in everything(engine)


def test_who_has_another_key_closes_nothing_before_its_time(engine: sa.Engine) -> None:
    """A report or a worker without the server's key reads, and leaves the period be."""
    asked_by(journal_of(engine), range(4), "bornage", NINE)
    elsewhere = journal_of(engine, key=b"")
    assert hidden(elsewhere.counts(NINE, 30)).askings == 4
    asked_by(journal_of(engine), [4], "bornage", NINE)
    assert set(shown(elsewhere.counts(NINE, 30))) == {"bornage"}


def test_a_longer_period_counts_together(engine: sa.Engine) -> None:
    """Seven days where the settings say so, counted from 1970."""
    start = datetime(2026, 3, 12, tzinfo=UTC)
    assert start.timestamp() % (7 * 86400) == 0
    journal = journal_of(engine, period_days=7)
    for day in range(5):
        asked_by(journal, [day], "bornage", start + day * DAY)
    assert set(shown(journal.counts(start + 6 * DAY, 30))) == {"bornage"}


PERSONAL = (
        "formulaire 2042", "article 1407", "x² + y", "chapitre Ⅳ", "note ٣",
        "dossier de Claire", "le bihan cadastre", "LEBIHAN", "claire.lebihan", "jean noel",
        "c.lebihan", "clebihan", "clairelebihan", "foetus", "Duponts", "du pont", "dupontl",
        "qui@exemple.fr", "mot " * 60, "auteur:dupont",
)  # fmt: skip


def test_a_digit_or_a_name_is_never_kept(engine: sa.Engine) -> None:
    """Whoever asks and however many; it is counted, and stays hidden."""
    journal = journal_of(engine)
    for text in PERSONAL:
        asked_by(journal, range(8), text, NINE)
    counts = journal.counts(NINE + DAY, 30)
    assert shown(counts) == {}
    asked = len(PERSONAL)
    assert (hidden(counts).queries, hidden(counts).askings) == (asked, 8 * asked)
    assert not [row for row in rows(engine, journal_counts) if row["text"] is not None]


def test_a_name_that_arrives_later_hides_what_was_shown(engine: sa.Engine) -> None:
    """The directory of the day of the report decides; no directory shows nothing."""
    asked_by(journal_of(engine), range(5), "permis de chasse", NINE)
    arrived = journal_of(engine, people=frozenset({("Ana", "Chasse")}))
    assert shown(arrived.counts(NINE + DAY, 30)) == {}
    assert "chasse" not in everything(engine), "the period was closed with today's directory"
    nobody = journal_of(engine, people=frozenset())
    asked_by(nobody, range(5), "bornage", NINE + DAY)
    assert "bornage" not in everything(engine)


def test_abandoned_is_followed_and_not_looked_into(engine: sa.Engine) -> None:
    """Another question within the hour; a second page, a facet or the experts' page redeem."""
    journal = journal_of(engine)
    for agent in range(5):
        name = f"ag-{agent}"
        journal.write(search(name, "perdu", 0), NINE)
        journal.write(search(name, "ouvert"), NINE)
        journal.write(search(name, "ouvert", 1, further=True), NINE)
        journal.write(search(name, "confirme"), NINE)
        journal.write(experts(name, "confirme"), NINE)
        journal.write(search(name, "dernier"), NINE)
        journal.write(search(name, "autre heure"), NINE + HOUR)
    for counts in (journal.counts(NINE + HOUR, 30), journal.counts(NINE + DAY, 30)):
        assert [(one.text, one.abandoned) for one in counts if one.abandoned] == [("perdu", 5)]
        found = shown(counts)
        assert set(found) == {"perdu", "ouvert", "confirme", "dernier", "autre heure"}
        assert (found["perdu"].zero, found["ouvert"].zero) == (5, 0)
        assert (found["ouvert"].results, found["ouvert"].counted) == (15, 5)


def test_a_period_that_ended_leaves_counts_alone(engine: sa.Engine) -> None:
    """Askings, pseudonyms, digests and the salt are gone, whoever comes first afterwards."""
    journal = journal_of(engine)
    asked_by(journal, range(5), "bornage", NINE)
    asked_by(journal, range(2), "divorce", NINE)
    before = rows(engine, journal_askings)
    (period,) = rows(engine, journal_period)
    assert journal.close_ended(NINE) == 0
    asked_by(journal, [9], "autre", NINE + DAY)
    kept = everything(engine)
    secrets = {period["salt"], *(row["asker"] for row in before), *(row["query"] for row in before)}
    assert not [one for one in secrets if one in kept]
    assert sorted((row["text"], row["askings"]) for row in rows(engine, journal_counts)
                  if row["text"]) == [("bornage", 5)]  # fmt: skip
    assert journal.close_ended(NINE + 2 * DAY) == 1
    assert rows(engine, journal_period) == []


def test_counts_are_forgotten_in_time(engine: sa.Engine) -> None:
    """After `keep_days`; a report looks back as far as it is asked to."""
    journal = journal_of(engine, keep_days=10)
    asked_by(journal, range(5), "bornage", NINE)
    assert "bornage" in shown(journal.counts(NINE + 9 * DAY, 30))
    assert "bornage" not in shown(journal.counts(NINE + 9 * DAY, 5))
    journal.close_ended(NINE + 11 * DAY)
    assert "bornage" not in everything(engine)
    assert not journal.is_kept()


def test_a_purge_leaves_nothing(engine: sa.Engine) -> None:
    """All tables, the salt too; the journal goes on afterwards."""
    journal = journal_of(engine)
    asked_by(journal, range(5), "bornage", NINE)
    journal.close_ended(NINE + DAY)
    asked_by(journal, range(5), "divorce", NINE + DAY)
    assert journal.is_kept()
    assert journal.purge() == 1 + 5 + 1 + 1
    assert everything(engine) == ""
    asked_by(journal, range(5), "bornage", NINE + DAY)
    assert set(shown(journal.counts(NINE + DAY, 30))) == {"bornage"}


def test_clocks_that_differ_lose_nothing(engine: sa.Engine) -> None:
    """Two servers, one behind: its question counts in the period that goes on. A clock that
    was years ahead does not keep a salt for years."""
    ahead, behind = journal_of(engine), journal_of(engine)
    asked_by(ahead, range(4), "bornage", NINE + DAY)
    asked_by(behind, [4], "bornage", NINE + DAY - timedelta(hours=11))
    assert set(shown(ahead.counts(NINE + DAY, 30))) == {"bornage"}
    asked_by(ahead, [5], "bornage", NINE + 3650 * DAY)
    (stray,) = rows(engine, journal_period)
    asked_by(behind, [5], "bornage", NINE + 2 * DAY)
    (period,) = rows(engine, journal_period)
    assert period["salt"] != stray["salt"]
    assert period["start"] < stray["start"]


def test_what_is_deleted_is_overwritten(tmp_path: Path) -> None:
    """Neither an old salt nor a digest can be read out of the file of SQLite."""
    path = tmp_path / "state.sqlite"
    engine = migrate(connect(f"sqlite:///{path}"))
    journal = journal_of(engine)
    asked_by(journal, range(5), "bornage contradictoire", NINE)
    (period,), askings = rows(engine, journal_period), rows(engine, journal_askings)
    assert period["salt"].encode() in path.read_bytes()
    journal.close_ended(NINE + DAY)
    left = path.read_bytes()
    assert b"bornage contradictoire" in left
    assert period["salt"].encode() not in left
    assert not [row for row in askings if row["asker"].encode() in left]
    journal.purge()
    assert b"bornage" not in path.read_bytes()
    engine.dispose()


class Stubborn:
    """A journal that fails, then waits until it may go on."""

    def __init__(self) -> None:
        self.written: list[tuple[AskedQuery, datetime]] = []
        self.may_go_on, self.failures = Event(), 1

    def write(self, asking: AskedQuery, moment: datetime) -> None:
        self.may_go_on.wait(20)
        if self.failures:
            self.failures -= 1
            raise RuntimeError(f"cannot keep {asking.text}")
        self.written.append((asking, moment))

    def close_ended(self, moment: datetime) -> int:
        return 0


def test_the_queue_neither_waits_nor_fails(caplog: pytest.LogCaptureFixture) -> None:
    """Beyond its size it drops; a fault is told without its text; the rest is written."""
    kept = Stubborn()
    queue = BackgroundQueryLog(kept, lambda: NINE, most=3)
    with queue.writing() as thread:
        for number in range(6):
            queue.note(search("ag-1", f"xylophone {number}"))
        kept.may_go_on.set()
    assert not thread.is_alive()
    assert 2 <= len(kept.written) <= 3
    assert {moment for _, moment in kept.written} == {NINE.replace(minute=0, second=0)}
    messages = [record.getMessage() for record in caplog.records]
    assert {"journal full", "journal failed"} <= set(messages)
    formatter = logging.Formatter()
    told = "".join(f"{formatter.format(one)} {vars(one)}" for one in caplog.records)
    assert "xylophone" not in told
    assert "ag-1" not in repr(search("ag-1", "xylophone"))
    assert "xylophone" not in repr(search("ag-1", "xylophone"))
