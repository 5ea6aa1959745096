"""Opinions («utile», «pas utile») and favourites of agents.

An opinion is about a document, or about an agent proposed for a question; only the question's topic
is stored, never its text. Agents do not see others' opinions: an administrator sees sums of at
least `MIN_VOTERS` people. No ranking uses them (decision 0040).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from indexer import sql
from indexer.register import NO_REGISTER, Register
from indexer.state import digest, storable

MIN_VOTERS = 5
"""Minimum number of people before opinions are summed, as before a query's text is shown."""
MIN_PROPOSED = 3
"""Minimum number of agents in a topic's opinions, so that the sum is not about one agent."""

metadata = sa.MetaData()

feedback = sa.Table(
    "agent_feedback",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("aspect", sa.String(20), primary_key=True),
    sa.Column("subject_kind", sa.String(20), primary_key=True),
    sa.Column("subject_key", sa.String(64), primary_key=True),
    sa.Column("topic_id", sa.String(200), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("useful", sa.Boolean),
    sa.Column("since", sql.Moment, nullable=False),
    sa.Index("agent_feedback_subject", "aspect", "subject_kind", "subject_key"),
)
"""`agent_key`: the agent who gave the feedback. `subject`: the document or agent concerned.
`topic_id`: empty except for opinions on an agent whose question named a topic. `useful`: null for
favourites.
"""


class Aspect(StrEnum):
    """Kind of feedback."""

    OPINION = "opinion"
    FAVOURITE = "favourite"


class SubjectKind(StrEnum):
    """Kind of subject of an opinion or a favourite."""

    DOCUMENT = "document"
    AGENT = "agent"
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class Subject:
    """A document, agent or topic, by id.

    `topic_id`: topic of the question that proposed an agent.
    """

    kind: SubjectKind
    id: str
    topic_id: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """An opinion (`useful` or not) or a favourite (`useful` is None), and when it was given."""

    aspect: Aspect
    subject: Subject
    useful: bool | None
    since: datetime


@dataclass(frozen=True, slots=True)
class OpinionSum:
    """Opinions of at least `MIN_VOTERS` people on a document, or on agents proposed for a topic.

    For a topic, `subject` is the topic's id, empty for questions without a topic.
    """

    kind: SubjectKind
    subject: str
    useful: int
    not_useful: int


class SqlFeedback:
    """Stores opinions and favourites, on SQLite or PostgreSQL."""

    def __init__(
        self,
        engine: sa.Engine,
        now: Callable[[], datetime],
        register: Register = NO_REGISTER,
    ) -> None:
        self._engine, self._now, self._register = engine, now, register

    def of(self, agent_id: str) -> Sequence[Feedback]:
        """Return the feedback that one agent gave, newest first."""
        query = sa.select(feedback).where(feedback.c.agent_key == digest(agent_id))
        rows = sql.mappings(self._engine, query)
        found = (
            sql.value(
                Feedback,
                row,
                subject=Subject(SubjectKind(row["subject_kind"]), row["subject"], row["topic_id"]),
            )
            for row in rows
        )
        return tuple(sorted(found, key=lambda one: (one.since, one.subject.id), reverse=True))

    def keep(self, agent_id: str, aspect: Aspect, subject: Subject, useful: bool | None) -> None:
        """Store feedback, which replaces the agent's earlier feedback on the same subject."""
        row = {
            **_key(agent_id, aspect, subject),
            "agent_id": storable(agent_id),
            "subject": storable(subject.id),
            "useful": useful,
            "since": self._now(),
        }
        sql.put_alone(self._engine, feedback, row)

    def remove(self, agent_id: str, aspect: Aspect, subject: Subject | None = None) -> None:
        """Delete an opinion or favourite, or all without a subject, after noting the deletion."""
        moment = self._now()
        named = (subject.kind, subject.id, subject.topic_id) if subject else None
        self._register.note("feedback", moment, agent=agent_id, aspect=aspect, subject=named)
        # In a replay, `now` is the time of the register's line: later feedback stays.
        said = _same(agent_id, aspect, subject) & (feedback.c.since <= moment)
        sql.execute(self._engine, sa.delete(feedback).where(said))

    def forget_opinions_on(self, agent_id: str) -> None:
        """Delete other agents' opinions on an agent who withdraws."""
        opinions = feedback.c.aspect == Aspect.OPINION.value
        gone = sa.delete(feedback).where(_about(agent_id), opinions)
        sql.execute(self._engine, gone.where(feedback.c.since <= self._now()))

    def sums(self) -> Sequence[OpinionSum]:
        """Return sums of opinions that enough people gave, by kind, then subject."""
        column = feedback.c
        opinions = column.aspect == Aspect.OPINION.value
        voters = sa.func.count(sa.distinct(column.agent_key)) >= MIN_VOTERS
        useful, not_useful = (
            sa.func.count().filter(said) for said in (column.useful, ~column.useful)
        )
        documents = (
            sa.select(sa.func.min(column.subject), useful, not_useful)
            .where(opinions, column.subject_kind == SubjectKind.DOCUMENT.value)
            .group_by(column.subject_key)
            .having(voters)
        )
        several = sa.func.count(sa.distinct(column.subject_key)) >= MIN_PROPOSED
        topics = (
            sa.select(column.topic_id, useful, not_useful)
            .where(opinions, column.subject_kind == SubjectKind.AGENT.value)
            .group_by(column.topic_id)
            .having(voters & several)
        )
        kinds = ((SubjectKind.DOCUMENT, documents), (SubjectKind.TOPIC, topics))
        return tuple(
            OpinionSum(kind, *row)
            for kind, query in kinds
            for row in sorted(map(tuple, sql.rows(self._engine, query)))
        )


def forget_subjects(engine: sa.Engine, kind: SubjectKind, ids: Sequence[str]) -> int:
    """Delete all feedback on subjects that no longer exist; return the number of rows."""
    keys = [digest(id_) for id_ in ids]
    gone = sa.delete(feedback).where(
        feedback.c.subject_kind == kind.value, feedback.c.subject_key.in_(keys)
    )
    return sql.execute(engine, gone) if keys else 0


def subjects_kept(engine: sa.Engine, kind: SubjectKind) -> frozenset[str]:
    """Return the ids of a kind that have any feedback."""
    query = sa.select(feedback.c.subject).where(feedback.c.subject_kind == kind.value).distinct()
    return frozenset(sql.scalars(engine, query))


def forget_agent(connection: sa.Connection, agent_id: str) -> int:
    """Delete other agents' feedback on an agent who is purged; return the number of rows."""
    return connection.execute(sa.delete(feedback).where(_about(agent_id))).rowcount


def _about(agent_id: str) -> sa.ColumnElement[bool]:
    is_agent = feedback.c.subject_kind == SubjectKind.AGENT.value
    return is_agent & (feedback.c.subject_key == digest(agent_id))


def _same(agent_id: str, aspect: Aspect, subject: Subject | None) -> sa.ColumnElement[bool]:
    key = _key(agent_id, aspect, subject) if subject else _whose(agent_id, aspect)
    return sa.and_(*(feedback.c[name] == value for name, value in key.items()))


def _whose(agent_id: str, aspect: Aspect) -> dict[str, object]:
    return {"agent_key": digest(agent_id), "aspect": aspect.value}


def _key(agent_id: str, aspect: Aspect, subject: Subject) -> dict[str, object]:
    return {
        **_whose(agent_id, aspect),
        "subject_kind": subject.kind.value,
        "subject_key": digest(subject.id),
        "topic_id": subject.topic_id,
    }
