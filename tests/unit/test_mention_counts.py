"""Counts of an agent's appearances in answers: only from five askers on, and anonymous."""

from datetime import date

import pytest
import sqlalchemy as sa

from indexer.state import digest
from search_api.query_log.counts import MentionCount, names_of
from search_api.query_log.recording import AskedQuery, QueryKind
from search_api.query_log.sql import QueryLogRules, SqlQueryLog
from search_api.query_log.storage import journal_named, journal_named_counts
from tests.journals import DAY, KEY, NINE, everything, rows

pytestmark = pytest.mark.trust

TODAY = NINE.date()


@pytest.fixture
def journal(engine: sa.Engine) -> SqlQueryLog:
    def topics(text: str) -> frozenset[str]:
        return frozenset({"cadastre"} if "cadastre" in text else ())

    return SqlQueryLog(engine, lambda: names_of(frozenset()), QueryLogRules(KEY), topics)


def ask(journal: SqlQueryLog, asker: int, text: str, *named: str) -> None:
    asking = AskedQuery(QueryKind.EXPERTS, f"ag-{asker}", text, len(named), False, named)
    journal.write(asking, NINE)


def told(journal: SqlQueryLog, agent: str, today: date = TODAY) -> list[MentionCount]:
    return list(journal.mention_counts(agent, today))


def test_from_five_distinct_askers_on(journal: SqlQueryLog) -> None:
    """One who asks five times is one; each topic has its own count."""
    for _ in range(5):
        ask(journal, 1, "le cadastre", "ana")
    for asker in range(2, 5):
        ask(journal, asker, "cadastre encore", "ana", "ben")
    assert told(journal, "ana") == []
    ask(journal, 5, "le cadastre", "ana")
    assert told(journal, "ana") == [MentionCount("cadastre", TODAY, 5)]
    assert told(journal, "ben") == []
    for asker in range(6):
        ask(journal, asker, "autre chose", "ben")
    assert told(journal, "ben") == [MentionCount("", TODAY, 6)]


def test_only_counts_outlive_their_period(journal: SqlQueryLog, engine: sa.Engine) -> None:
    """Pseudonyms and small counts go; what is left is forgotten in time."""
    for asker in range(7):
        ask(journal, asker, "le cadastre", "ana", *(("ben",) if asker < 4 else ()))
    journal.close_ended(NINE + 2 * DAY)
    assert told(journal, "ana") == [MentionCount("cadastre", TODAY, 7)]
    assert told(journal, "ben") == []
    with engine.connect() as connection:
        rows = connection.execute(sa.text("select count(*) from journal_named")).scalar()
    assert rows == 0
    journal.close_ended(NINE + 100 * DAY)
    assert told(journal, "ana") == []


def test_no_table_says_who_asked(journal: SqlQueryLog, engine: sa.Engine) -> None:
    """Nor do the two pseudonyms of one asker join."""
    ask(journal, 1, "le cadastre", "ana")
    assert "ag-1" not in everything(engine)
    with engine.connect() as connection:
        brought = connection.execute(sa.text("select asker from journal_named")).scalar()
        asked = connection.execute(sa.text("select asker from journal_askings")).scalar()
    assert brought != asked


def test_a_list_of_agents_tells_nobodys_counts(journal: SqlQueryLog, engine: sa.Engine) -> None:
    """Who is named stands under a key that the database lacks, another one in each period."""
    for asker in range(6):
        ask(journal, asker, "le cadastre", "ana")
    (key,) = {row["agent_key"] for row in rows(engine, journal_named)}
    assert digest("ana") not in everything(engine)
    for asker in range(6):
        journal.write(
            AskedQuery(QueryKind.EXPERTS, f"ag-{asker}", "le cadastre", 1, False, ("ana",)),
            NINE + DAY,
        )
    (next_key,) = {row["agent_key"] for row in rows(engine, journal_named)}
    assert [row["agent_key"] for row in rows(engine, journal_named_counts)] == [key]
    assert key != next_key
    assert [one.askers for one in told(journal, "ana", TODAY + DAY)] == [6, 6]
    stolen = SqlQueryLog(engine, lambda: names_of(frozenset()), QueryLogRules(b"guessed"))
    assert told(stolen, "ana") == []
