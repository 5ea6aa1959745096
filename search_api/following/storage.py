"""Topics, communities, questions and saved searches that agents follow.

Agents do not see what others follow. News is searched at each reading, under the reader's current
rights, and is not stored.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from indexer import sql
from indexer.moment import once
from indexer.register import RegisteredStore
from indexer.state import digest, storable

metadata = sa.MetaData()

follows = sa.Table(
    "follows",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("subject_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("since", sql.Moment, nullable=False),
)

news_seen = sa.Table(
    "news_seen",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("seen", sql.Moment, nullable=False),
)
"""Time until which an agent has seen the news."""


class FollowKind(StrEnum):
    """Kind of item that can be followed."""

    TOPIC = "topic"
    COMMUNITY = "community"
    QUESTION = "question"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class Follow:
    """An item that an agent follows, and since when.

    `subject`: a topic's id (for a community too), a question's id, or a search's address (`/?q=…`).
    """

    kind: FollowKind
    subject: str
    since: datetime


@dataclass(frozen=True, slots=True)
class OwnFollowing:
    """The follows of one agent. `seen`: until when they saw the news, None for never."""

    follows: tuple[Follow, ...] = ()
    seen: datetime | None = None


class SqlFollowing(RegisteredStore):
    """Follows of agents, in the state's database: SQLite or PostgreSQL."""

    def of(self, agent_id: str) -> OwnFollowing:
        """Return the follows of one agent, newest first, and when they last saw their news."""
        seen = sa.select(news_seen.c.seen).where(news_seen.c.agent_key == digest(agent_id))
        return OwnFollowing(self.follows_of(agent_id), sql.scalar(self._engine, seen))

    def follows_of(self, agent_id: str) -> tuple[Follow, ...]:
        """Return the follows of one agent, newest first."""
        query = sa.select(follows).where(follows.c.agent_key == digest(agent_id))
        newest = query.order_by(follows.c.since.desc(), follows.c.kind, follows.c.subject)
        return once(
            self._engine, ("follows", agent_id), lambda: sql.values(self._engine, Follow, newest)
        )

    def follow(self, agent_id: str, kind: FollowKind, subject: str) -> None:
        """Follow an item from now on, unless it is followed already."""
        row = {
            "agent_key": digest(agent_id),
            "kind": kind.value,
            "subject_key": digest(subject),
            "agent_id": storable(agent_id),
            "subject": storable(subject),
            "since": self.now(),
        }
        with suppress(sa.exc.IntegrityError):
            sql.execute(self._engine, sa.insert(follows).values(row))

    def unfollow(self, agent_id: str, kind: FollowKind, subject: str) -> None:
        """Stop following an item, after noting it in the register."""
        moment = self._note(agent_id, kind.value, subject)
        this = (follows.c.kind == kind.value) & (follows.c.subject_key == digest(subject))
        self._remove(agent_id, this, moment)

    def unfollow_all(self, agent_id: str) -> None:
        """Delete all follows of the agent, after noting it in the register."""
        moment = self._note(agent_id, "", "")
        self._remove(agent_id, sa.true(), moment)

    def see(self, agent_id: str) -> None:
        """Store that the agent has seen the news until now."""
        own = {"agent_key": digest(agent_id), "agent_id": storable(agent_id)}
        sql.put_alone(self._engine, news_seen, own | {"seen": self.now()})

    def _note(self, agent_id: str, kind: str, subject: str) -> datetime:
        moment = self.now()
        self._register.note("follow", moment, agent=agent_id, follow=kind, subject=subject)
        return moment

    def _remove(self, agent_id: str, rows: sa.ColumnElement[bool], moment: datetime) -> None:
        # In a replay, `now` is the time of the register's line: later follows stay.
        mine = (follows.c.agent_key == digest(agent_id)) & (follows.c.since <= moment)
        sql.execute(self._engine, sa.delete(follows).where(mine, rows))


def follow_kinds(found: Sequence[Follow]) -> dict[FollowKind, frozenset[str]]:
    """Return the subjects by kind."""
    return {
        kind: frozenset(one.subject for one in found if one.kind is kind) for kind in FollowKind
    }
