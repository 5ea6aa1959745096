"""How often an agent was brought up, by topic: told to themselves, from five askers on.

Within a period, who asked is a pseudonym that joins nothing else of the journal; at its end
only counts of five askers or more stay, and the salt is gone. Who was brought up is an HMAC of
their id and the period's first day, under a key that is not in the database: without it a list
of all agents tells nobody's counts, and nothing joins two periods.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from search_api.journal.counts import ENOUGH_ASKERS
from search_api.journal.period import Period, named_key, utc
from search_api.journal.tables import (
    FORMER,
    journal_brought,
    journal_brought_counts,
    journal_period,
)

OTHER = ""
"""Of questions that name no topic of the list."""


@dataclass(frozen=True, slots=True)
class BroughtUp:
    """By how many distinct askers, in a period that began on a day; `OTHER` or a topic's id."""

    topic_id: str
    start: date
    askers: int


def drop_former(engine: sa.Engine) -> None:
    """Delete what an earlier version kept under a digest without a key: it cannot be told anew."""
    there = set(FORMER).intersection(sa.inspect(engine).get_table_names())
    if not there:
        return
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("pragma secure_delete = on")
        for name in sorted(there):
            connection.execute(sa.text(f"drop table if exists {name}"))


def note_brought(
    connection: sa.Connection,
    key: bytes,
    period: Period,
    asker: str,
    named: Sequence[str],
    topics: Collection[str],
) -> None:
    """One row for each agent that an answer named, each topic of the question, each asker."""
    table, pseudonym = journal_brought, period.bringer(asker)
    for agent_id in dict.fromkeys(named):
        for topic in sorted(topics) or [OTHER]:
            row = {
                "agent_key": named_key(key, period.start, agent_id),
                "topic_id": topic,
                "asker": pseudonym,
            }
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


def brought_up(engine: sa.Engine, key: bytes, agent_id: str, today: date) -> tuple[BroughtUp, ...]:
    """What one agent may know of themselves: newest first, the period that goes on included."""
    counts = journal_brought_counts.c
    query = sa.select(counts.topic_id, counts.start, counts.askers)
    with engine.connect() as connection:
        theirs = _keys_of(connection, key, agent_id)
        live = connection.execute(_enough().where(journal_brought.c.agent_key.in_(theirs))).all()
        closed = connection.execute(query.where(counts.agent_key.in_(theirs))).all()
    found = [BroughtUp(topic, today, askers) for _, topic, askers in live]
    found += [BroughtUp(topic, start.date(), askers) for topic, start, askers in closed]
    return tuple(sorted(found, key=lambda one: (-one.start.toordinal(), one.topic_id)))


def forget_brought(connection: sa.Connection, key: bytes, agent_id: str) -> int:
    """Delete all that is kept of how one agent was brought up: how many rows."""
    theirs = _keys_of(connection, key, agent_id)
    return sum(
        connection.execute(sa.delete(table).where(table.c.agent_key.in_(theirs))).rowcount
        for table in (journal_brought, journal_brought_counts)
    )


def _keys_of(connection: sa.Connection, key: bytes, agent_id: str) -> list[str]:
    """What stands for one agent in each period of which something is kept."""
    asked = (
        sa.select(table.c.start).distinct() for table in (journal_period, journal_brought_counts)
    )
    starts = {utc(start) for one in asked for start in connection.execute(one).scalars()}
    return [named_key(key, start, agent_id) for start in sorted(starts)]


def _enough() -> sa.Select[Any]:
    table = journal_brought.c
    askers = sa.func.count()
    grouped = sa.select(table.agent_key, table.topic_id, askers)
    return grouped.group_by(table.agent_key, table.topic_id).having(askers >= ENOUGH_ASKERS)
