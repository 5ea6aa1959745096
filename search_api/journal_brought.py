"""How often an agent was brought up, by topic: told to themselves, from five askers on.

Within a period, who asked is a pseudonym that joins nothing else of the journal; at its end
only counts of five askers or more stay, and the salt is gone.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from indexer.state import digest
from search_api.journal_counts import ENOUGH_ASKERS
from search_api.journal_period import Period
from search_api.journal_tables import journal_brought, journal_brought_counts

OTHER = ""
"""Of questions that name no topic of the list."""


@dataclass(frozen=True, slots=True)
class BroughtUp:
    """By how many distinct askers, in a period that began on a day; `OTHER` or a topic's id."""

    topic_id: str
    start: date
    askers: int


def note_brought(
    connection: sa.Connection,
    period: Period,
    asker: str,
    named: Sequence[str],
    topics: Collection[str],
) -> None:
    """One row for each agent that an answer named, each topic of the question, each asker."""
    table, pseudonym = journal_brought, period.bringer(asker)
    for agent_id in dict.fromkeys(named):
        for topic in sorted(topics) or [OTHER]:
            row = {"agent_key": digest(agent_id), "topic_id": topic, "asker": pseudonym}
            same = sa.and_(*(table.c[name] == value for name, value in row.items()))
            if connection.execute(sa.select(table.c.asker).where(same)).first() is None:
                connection.execute(sa.insert(table).values(row))


def close_brought(connection: sa.Connection, start: datetime) -> None:
    """Keep counts that are large enough, and nothing else."""
    rows = connection.execute(_enough()).all()
    kept = [
        {"agent_key": key, "topic_id": topic, "start": start, "askers": askers}
        for key, topic, askers in rows
    ]
    if kept:
        connection.execute(sa.insert(journal_brought_counts), kept)
    connection.execute(sa.delete(journal_brought))


def brought_up(engine: sa.Engine, agent_id: str, today: date) -> tuple[BroughtUp, ...]:
    """What one agent may know of themselves: newest first, the period that goes on included."""
    key, counts = digest(agent_id), journal_brought_counts.c
    query = sa.select(counts.topic_id, counts.start, counts.askers).where(counts.agent_key == key)
    with engine.connect() as connection:
        live = connection.execute(_enough().where(journal_brought.c.agent_key == key)).all()
        closed = connection.execute(query).all()
    found = [BroughtUp(topic, today, askers) for _, topic, askers in live]
    found += [BroughtUp(topic, start.date(), askers) for topic, start, askers in closed]
    return tuple(sorted(found, key=lambda one: (-one.start.toordinal(), one.topic_id)))


def _enough() -> sa.Select[Any]:
    table = journal_brought.c
    askers = sa.func.count()
    grouped = sa.select(table.agent_key, table.topic_id, askers)
    return grouped.group_by(table.agent_key, table.topic_id).having(askers >= ENOUGH_ASKERS)
