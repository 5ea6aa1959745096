"""A journal for tests, and everything that its tables hold, as a thief would read it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from search_api.query_log.counts import QueryCounts, names_of
from search_api.query_log.recording import AskedQuery, QueryKind
from search_api.query_log.sql import QueryLogRules, SqlQueryLog
from search_api.query_log.storage import ALL_TABLES

NINE = datetime(2026, 3, 10, 9, 12, 34, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PEOPLE = frozenset({("Claire", "Le Bihan"), ("Jean-Noël", "Fœtus"), ("Li", "Dupont")})
KEY = b"a key that is kept elsewhere"


@dataclass(frozen=True, slots=True)
class Notebook:
    """A journal that only remembers."""

    noted: list[AskedQuery] = field(default_factory=list)

    def note(self, query: AskedQuery) -> None:
        self.noted.append(query)


def journal_of(
    engine: sa.Engine,
    key: bytes = KEY,
    people: frozenset[tuple[str, str]] = PEOPLE,
    period_days: int = 1,
    keep_days: int = 90,
) -> SqlQueryLog:
    return SqlQueryLog(engine, lambda: names_of(people), QueryLogRules(key, period_days, keep_days))


def search(agent: str, text: str, results: int = 3, *, further: bool = False) -> AskedQuery:
    return AskedQuery(QueryKind.SEARCH, agent, text, results, further)


def experts(agent: str, text: str, results: int = 3) -> AskedQuery:
    return AskedQuery(QueryKind.EXPERTS, agent, text, results)


def asked_by(journal: SqlQueryLog, agents: Iterable[object], text: str, at: datetime) -> None:
    for agent in agents:
        journal.write(search(f"ag-{agent}", text), at)


def rows(engine: sa.Engine, table: sa.Table) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def everything(engine: sa.Engine) -> str:
    """Every value of every table of the journal."""
    return "\n".join(str(row) for table in ALL_TABLES for row in rows(engine, table))


def shown(found: Iterable[QueryCounts]) -> dict[str, QueryCounts]:
    return {one.text: one for one in found if one.text is not None}


def hidden(found: Iterable[QueryCounts]) -> QueryCounts:
    (others,) = (one for one in found if one.text is None)
    return others
