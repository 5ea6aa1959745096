"""Table of agents' favourites. Only the agent who marked a favourite sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from indexer import sql
from indexer.register import RegisteredStore
from indexer.state import digest, storable

metadata = sa.MetaData()

favourites = sa.Table(
    "favourites",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("subject_kind", sa.String(20), primary_key=True),
    sa.Column("subject_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("since", sql.Moment, nullable=False),
    sa.Index("favourites_subject", "subject_kind", "subject_key"),
)
"""`agent_key`: digest of the agent who marked it. `subject_key`: digest of the subject's id."""


class SubjectKind(StrEnum):
    """Kind of subject of a favourite."""

    DOCUMENT = "document"
    AGENT = "agent"
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class Favourite:
    """A document, agent or topic, by its id, and when it was marked."""

    kind: SubjectKind
    subject: str
    since: datetime


class SqlFavourites(RegisteredStore):
    """Stores favourites, on SQLite or PostgreSQL."""

    def of(self, agent_id: str) -> Sequence[Favourite]:
        """Return the favourites of an agent, newest first."""
        column = favourites.c
        query = sa.select(column.subject_kind.label("kind"), column.subject, column.since)
        query = query.where(column.agent_key == digest(agent_id))
        newest = query.order_by(column.since.desc(), column.subject.desc())
        return sql.values(self._engine, Favourite, newest)

    def add(self, agent_id: str, kind: SubjectKind, subject: str) -> None:
        """Mark a subject as a favourite; marking it again only changes its time."""
        row = {
            "agent_key": digest(agent_id),
            "subject_kind": kind.value,
            "subject_key": digest(subject),
            "agent_id": storable(agent_id),
            "subject": storable(subject),
            "since": self.now(),
        }
        sql.put_alone(self._engine, favourites, row)

    def remove(self, agent_id: str, kind: SubjectKind | None = None, subject: str = "") -> None:
        """Delete a favourite, or all without a kind, after noting the deletion in the register."""
        moment = self.now()
        named = (kind, subject) if kind else None
        self._register.note("favourite", moment, agent=agent_id, subject=named)
        # In a replay, `now` is the time of the register's line: later favourites stay.
        removed = (favourites.c.agent_key == digest(agent_id)) & (favourites.c.since <= moment)
        if kind:
            removed &= _about(kind, [subject])
        sql.execute(self._engine, sa.delete(favourites).where(removed))


def forget_subjects(engine: sa.Engine, kind: SubjectKind, ids: Sequence[str]) -> int:
    """Delete all favourites on subjects that no longer exist; return the number of rows."""
    return sql.execute(engine, sa.delete(favourites).where(_about(kind, ids))) if ids else 0


def favourite_subjects(engine: sa.Engine, kind: SubjectKind) -> frozenset[str]:
    """Return the ids of a kind that are anybody's favourites."""
    query = sa.select(favourites.c.subject).where(favourites.c.subject_kind == kind.value)
    return frozenset(sql.scalars(engine, query.distinct()))


def forget_agent(connection: sa.Connection, agent_id: str) -> int:
    """Delete other agents' favourites on an agent who is purged; return the number of rows."""
    about = _about(SubjectKind.AGENT, [agent_id])
    return connection.execute(sa.delete(favourites).where(about)).rowcount


def _about(kind: SubjectKind, ids: Sequence[str]) -> sa.ColumnElement[bool]:
    keys = favourites.c.subject_key.in_([digest(id_) for id_ in ids])
    return (favourites.c.subject_kind == kind.value) & keys
