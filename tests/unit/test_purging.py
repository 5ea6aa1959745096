"""A departed agent's data and accesses are deleted, also if the directory lost the agent."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.values import Agent
from expertise.consent import Preference, PreferenceKind, SqlConsent
from expertise.directory import SqlDirectory
from expertise.directory_tables import forget_others
from quisait.privacy.register import FileRegister
from quisait.privacy.retention import purge_departed
from search_api.query_log.counts import DirectoryNames
from search_api.query_log.recording import AskedQuery, QueryKind
from search_api.query_log.sql import QueryLogRules, SqlQueryLog
from search_api.sign_on.sessions import SessionLimits, SqlPersonalTokens, SqlSessions
from tests.builders import Listed

pytestmark = pytest.mark.trust

KEY = b"a key that is kept elsewhere"

TODAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
DAYS = 30
LONG_AGO = TODAY - timedelta(days=DAYS)
ANA, CYD = Agent("ag-1", "Ana", "Le Goff"), Agent("ag-3", "Cyd", "Roux")


@dataclass(frozen=True, slots=True)
class Kept:
    engine: sa.Engine
    register: FileRegister

    def directory(self, *agents: Agent) -> None:
        SqlDirectory(self.engine).replace(Listed(*agents))

    def purge(self, today: date = TODAY) -> tuple[str, ...]:
        return purge_departed(self.engine, self.register, today, DAYS, KEY)

    def begin(self, *agent_ids: str) -> None:
        for agent_id in agent_ids:
            self.sessions.begin(agent_id)
            self.tokens.make(agent_id, "tableur", 9)

    def accesses(self) -> list[str]:
        """Whose sessions and tokens are in the tables, over or not."""
        with self.engine.connect() as connection:
            return sorted(
                row
                for table in ("sessions", "personal_tokens")
                for row in connection.execute(sa.text(f"select agent_id from {table}")).scalars()  # noqa: S608
            )

    @property
    def sessions(self) -> SqlSessions:
        return SqlSessions(self.engine, SessionLimits(600, 3_600), lambda: 1_770_000_000)

    @property
    def tokens(self) -> SqlPersonalTokens:
        return SqlPersonalTokens(self.engine, 90, lambda: 1_770_000_000)


@pytest.fixture
def kept(engine: sa.Engine, tmp_path: Path) -> Kept:
    return Kept(engine, FileRegister(tmp_path / "register.jsonl", (), lambda: NOW, 30))


def test_accesses_go_with_who_left(kept: Kept) -> None:
    """So many days after the departure, not before; the others' stay."""
    kept.directory(ANA, Agent("ag-3", "Cyd", "Roux", departure=LONG_AGO))
    kept.begin("ag-1", "ag-3")
    assert kept.purge(TODAY - timedelta(days=1)) == ()
    assert kept.accesses() == ["ag-1", "ag-1", "ag-3", "ag-3"]
    assert kept.purge() == ("ag-3",)
    assert kept.accesses() == ["ag-1", "ag-1"]


def test_accesses_of_whom_the_directory_lost_go_too(kept: Kept) -> None:
    """Counted from the first purge that misses them; who comes back in time loses nothing."""
    kept.directory(ANA, CYD)
    kept.begin("ag-1", "ag-3")
    kept.directory(ANA)
    assert kept.purge(LONG_AGO) == ()
    kept.directory(ANA, CYD)
    assert kept.purge() == ()
    kept.directory(ANA)
    assert kept.purge() == ()
    assert kept.accesses() == ["ag-1", "ag-1", "ag-3", "ag-3"]
    assert kept.purge(TODAY + timedelta(days=DAYS)) == ("ag-3",)
    assert kept.accesses() == ["ag-1", "ag-1"]


def test_what_the_journal_counted_goes_with_who_left(kept: Kept) -> None:
    """In the period that goes on and in those before; what it counted of others stays."""
    kept.directory(ANA, Agent("ag-3", "Cyd", "Roux", departure=LONG_AGO))
    journal = SqlQueryLog(kept.engine, DirectoryNames, QueryLogRules(KEY))
    for moment in (NOW - timedelta(days=2), NOW):
        for asker in range(5):
            named = ("ag-1", "ag-3")
            journal.write(
                AskedQuery(QueryKind.EXPERTS, f"q-{asker}", "cadastre", 2, False, named), moment
            )
    assert [len(journal.mention_counts(one, TODAY)) for one in ("ag-1", "ag-3")] == [2, 2]
    assert kept.purge() == ("ag-3",)
    assert [len(journal.mention_counts(one, TODAY)) for one in ("ag-1", "ag-3")] == [2, 0]


def test_whom_no_document_denies_is_forgotten_and_the_others_stay(kept: Kept) -> None:
    """Who left stays known as long as a document denies them; then they are nobody known."""
    kept.directory(ANA, CYD)
    book, both = SqlDirectory(kept.engine), {"agent:ag-1", "agent:ag-3"}
    assert book.known(both) == both
    kept.directory(Agent("ag-2", "Bob", "Autre"))
    assert forget_others(kept.engine, lambda: both) == 0
    assert book.known(both) == both
    assert forget_others(kept.engine, lambda: {"agent:ag-3"}) == 1
    assert book.known(both) == {"agent:ag-3"}
    assert forget_others(kept.engine, tuple) == 1
    assert book.known(both) == set()


def test_a_removal_stays_without_the_name_of_an_animator_who_left(kept: Kept) -> None:
    """Also one whom the directory lists no more; the agent is not proposed again by it."""
    kept.directory(ANA)
    consent = SqlConsent(kept.engine, lambda: NOW)
    removal = Preference("ag-1", PreferenceKind.REMOVED, "t", ("cadastre",), "ag-9", "mutée")
    consent.ask(removal)
    assert kept.purge() == ()
    assert [one.preference for one in consent.of("ag-1")] == [removal]
    assert kept.purge(TODAY + timedelta(days=DAYS)) == ("ag-9",)
    assert [one.preference for one in consent.of("ag-1")] == [replace(removal, by="")]
