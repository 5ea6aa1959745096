"""A journal for tests, and everything that its tables hold, as a thief would read it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from search_api.journal.counts import Counts
from search_api.journal.port import AskedFor, Asking
from search_api.journal.sql import JournalRules, SqlJournal
from search_api.journal.tables import ALL
from search_api.journal.words import names_of

NINE = datetime(2026, 3, 10, 9, 12, 34, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PEOPLE = frozenset({("Claire", "Le Bihan"), ("Jean-Noël", "Fœtus"), ("Li", "Dupont")})
KEY = b"a key that is kept elsewhere"


def journal_of(
    engine: sa.Engine,
    key: bytes = KEY,
    people: frozenset[tuple[str, str]] = PEOPLE,
    period_days: int = 1,
    keep_days: int = 90,
) -> SqlJournal:
    return SqlJournal(engine, lambda: names_of(people), JournalRules(key, period_days, keep_days))


def search(agent: str, text: str, results: int = 3, *, further: bool = False) -> Asking:
    return Asking(AskedFor.SEARCH, agent, text, results, further)


def experts(agent: str, text: str, results: int = 3) -> Asking:
    return Asking(AskedFor.EXPERTS, agent, text, results)


def asked_by(journal: SqlJournal, agents: Iterable[object], text: str, at: datetime) -> None:
    for agent in agents:
        journal.write(search(f"ag-{agent}", text), at)


def rows(engine: sa.Engine, table: sa.Table) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def everything(engine: sa.Engine) -> str:
    """Every value of every table of the journal."""
    return "\n".join(str(row) for table in ALL for row in rows(engine, table))


def shown(found: Iterable[Counts]) -> dict[str, Counts]:
    return {one.text: one for one in found if one.text is not None}


def hidden(found: Iterable[Counts]) -> Counts:
    (others,) = (one for one in found if one.text is None)
    return others
