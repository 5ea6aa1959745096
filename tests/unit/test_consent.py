"""Agents' wishes on both databases: what is asked holds, and goes when it is taken back."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
import sqlalchemy as sa

from connectors.values import Agent
from expertise.consent import Preference, PreferenceKind, SqlConsent
from expertise.directory import SqlDirectory
from expertise.visibility import may_be_named, may_be_shown
from tests.builders import Listed
from tests.each import each

pytestmark = pytest.mark.trust

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
TODAY = date(2026, 3, 10)
ANA = Agent(
    "ag-1",
    "Ana",
    "Le Goff",
    "géomètre",
    skills=("bornage",),
    accounts=("wiki:ana", "wiki-2:ana", "mail:ana"),
)
BEN = Agent("ag-2", "Ben", "Amrani", accounts=("wiki:ben",))


@pytest.fixture
def book(engine: sa.Engine) -> SqlDirectory:
    book = SqlDirectory(engine)
    book.replace(Listed(ANA, BEN))
    return book


@pytest.fixture
def consent(engine: sa.Engine) -> SqlConsent:
    return SqlConsent(engine, lambda: NOW)


def everywhere(book: SqlDirectory) -> dict[str, bool]:
    """By each way in which a book names agents, whether it names Ana as one to propose."""
    return {
        "by_account": any(one.listed for one in book.by_account(["wiki:ana"]).values()),
        "agent": bool((one := book.agent("ag-1")) and one.listed),
        "agents": any(one.listed for one in book.agents(["ag-1"]).values()),
        "everyone": "ag-1" in [one.id for one in book.everyone() if one.listed],
        "named": bool(book.named("Goff")),
        "begun": bool(book.begun("le gof", TODAY, 5)),
        "near": any(near.slips == 0 for near in book.near("goff", TODAY)),
        "accounts_named": bool(book.accounts_named(["goff"])),
    }


def test_a_withdrawal_shows_in_every_reading(book: SqlDirectory, consent: SqlConsent) -> None:
    """Before and after, and after the directory was read again; then it is taken back."""
    wish = Preference("ag-1", PreferenceKind.WITHDRAW)
    assert set(everywhere(book).values()) == {True}
    consent.ask(wish)
    assert set(everywhere(book).values()) == {False}
    book.replace(Listed(ANA, BEN))
    assert set(everywhere(book).values()) == {False}
    assert book.as_read("ag-1") is not None
    assert set(book.accounts_of("ag-1")) == set(ANA.accounts), "rights do not hang on it"
    consent.take_back(wish)
    assert set(everywhere(book).values()) == {True}


DEPARTURES = (None, TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1))
WITHDRAWN = (None, "", "wiki")


def test_every_reading_says_the_same_of_who_may_be_named(
    engine: sa.Engine, consent: SqlConsent
) -> None:
    """In every reading, SQL finds by a name those whom `expertise.visibility` shows."""

    def check(case: tuple[bool, date | None, str | None]) -> None:
        listed, departure, withdrawn = case
        book = SqlDirectory(engine)
        book.replace(Listed(replace(ANA, listed=listed, departure=departure), BEN))
        if withdrawn is None:
            _says_the_same(book, *case)
            return
        wish = Preference("ag-1", PreferenceKind.WITHDRAW, withdrawn)
        consent.ask(wish)
        _says_the_same(book, *case)
        consent.take_back(wish)

    each(((case, case) for case in product((True, False), DEPARTURES, WITHDRAWN)), check)


def _says_the_same(
    book: SqlDirectory, listed: bool, departure: date | None, withdrawn: str | None
) -> None:
    agent = book.agent("ag-1")
    assert agent is not None
    assert may_be_named(agent) == (listed and withdrawn != "")
    shown = may_be_shown(agent, TODAY)
    assert shown == (may_be_named(agent) and departure not in DEPARTURES[1:3])
    assert may_be_shown(agent, TODAY, "ag-1") == (not agent.departed(TODAY))
    found = everywhere(book)
    assert {found["begun"], found["near"]} == {shown}
    assert found["named"] == found["accounts_named"] == may_be_named(agent)
    kept = {one for one in ANA.accounts if withdrawn != "wiki" or not one.startswith("wiki:")}
    assert set(book.accounts_named(["goff"])) == (kept if may_be_named(agent) else set())


def test_a_source_is_meant_whole_and_alone(book: SqlDirectory, consent: SqlConsent) -> None:
    """«wiki» is not «wiki-2»; the others' accounts stay."""
    consent.ask(Preference("ag-1", PreferenceKind.WITHDRAW, "wiki"))
    assert set(book.by_account([*ANA.accounts, "wiki:ben"])) == {
        "wiki-2:ana",
        "mail:ana",
        "wiki:ben",
    }
    assert set(book.accounts_named(["goff"])) == {"wiki-2:ana", "mail:ana"}
    assert (agent := book.agent("ag-1")) is not None
    assert agent.listed


def test_a_topic_is_refused_or_declared(book: SqlDirectory, consent: SqlConsent) -> None:
    """The last word counts; a refused skill is said by nobody."""
    consent.ask(Preference("ag-1", PreferenceKind.DECLARE, "t", ("plan minute",)))
    assert (agent := book.agent("ag-1")) is not None
    assert agent.skills == ("bornage", "plan minute")
    assert agent.skills_declared == TODAY
    assert [one.agent.id for one in book.named("plan minute")] == ["ag-1"]
    consent.ask(Preference("ag-1", PreferenceKind.REFUSE, "t", ("plan minute", "bornages")))
    assert (agent := book.agent("ag-1")) is not None
    assert agent.skills == ()
    assert [one.id for one in agent.refused] == ["t"]
    assert book.named("plan minute") == ()
    assert book.named("bornage") == ()
    assert [kept.preference.kind for kept in consent.of("ag-1")] == [PreferenceKind.REFUSE]


def test_wishes_are_ones_own(consent: SqlConsent) -> None:
    """And all of them can be forgotten at once."""
    consent.ask(Preference("ag-1", PreferenceKind.WITHDRAW))
    consent.ask(Preference("ag-2", PreferenceKind.DECLARE, "t", ("régies",)))
    assert [kept.preference.agent_id for kept in consent.of("ag-1")] == ["ag-1"]
    assert consent.of("ag-1")[0].since == NOW
    assert consent.counts() == {PreferenceKind.WITHDRAW: 1, PreferenceKind.DECLARE: 1}
    assert consent.forget("ag-2") == 1
    assert consent.of("ag-2") == ()
