"""Confirmations by authors that documents are still right, and readers' marks of outdated ones.

A statement applies to one text, by its hash: once the text changes, it no longer applies. Nothing
is written to a source. Only the daily number of openings is stored, from which no reader can be
identified.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import sqlalchemy as sa

from indexer import sql
from indexer.register import NO_REGISTER, Register
from indexer.state import digest, row_of, storable
from search_api.questions.limits import DailyActs

MONTH_DAYS = 30
"""Period, in days, for counting openings and authors' statements."""
MOST_NOTE = 500
"""Maximum number of characters of a note about what is no longer right."""
MOST_PER_MONTH = 50
"""Maximum number of documents per month about which an agent may choose to be asked."""

metadata = sa.MetaData()

verifications = sa.Table(
    "verifications",
    metadata,
    sa.Column("document_key", sa.String(64), primary_key=True),
    sa.Column("document_id", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("right", sa.Boolean, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    info={sql.KEPT_UNNAMED: True},
)
"""The last statement on each document. The agent's columns are empty once the agent was erased."""

outdated_marks = sa.Table(
    "outdated_marks",
    metadata,
    sa.Column("document_key", sa.String(64), primary_key=True),
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("document_id", sa.Text, nullable=False),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Index("outdated_marks_agent", "agent_key", "day"),
)

verification_paces = sa.Table(
    "verification_paces",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("per_month", sa.Integer, nullable=False),
)
"""Number of documents about which an agent is asked in thirty days; 0 means none."""

document_openings = sa.Table(
    "document_openings",
    metadata,
    sa.Column("document_key", sa.String(64), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("document_id", sa.Text, nullable=False),
    sa.Column("openings", sa.Integer, nullable=False),
)
"""Number of readers who opened a document on a day."""


@dataclass(frozen=True, slots=True)
class _OnText:
    """A statement of an agent on a text, with its day."""

    document_id: str
    content_hash: str
    agent_id: str
    day: date


@dataclass(frozen=True, slots=True)
class Verification(_OnText):
    """An author's statement on a text. `note`: what is no longer right; empty if all is right.

    `agent_id` is empty once the author was erased.
    """

    right: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class OutdatedMark(_OnText):
    """A reader's mark that a text is no longer right. Nobody else sees who the reader is.

    `note`: what is no longer right; empty in marks of earlier versions.
    """

    note: str = ""


@dataclass(frozen=True, slots=True)
class OwnVerifications:
    """Everything stored about one agent. `per_month` is None if the agent chose no number.

    `hidden`: number of further documents that the agent may no longer read or that are deleted.
    `titles`: the titles of the readable documents, by id.
    """

    said: tuple[Verification, ...] = ()
    marks: tuple[OutdatedMark, ...] = ()
    per_month: int | None = None
    hidden: int = 0
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def document_ids(self) -> frozenset[str]:
        """Ids of the documents with a statement or a mark."""
        return frozenset(one.document_id for one in (*self.said, *self.marks))


class SqlVerifications:
    """Statements, marks, paces and openings in the state's database: SQLite or PostgreSQL."""

    def __init__(self, engine: sa.Engine, register: Register = NO_REGISTER) -> None:
        self._engine, self._register = engine, register

    def said(self, document_ids: Collection[str]) -> Mapping[str, Verification]:
        """Return the last statement on each of these documents, even if its text has changed."""
        keys = [digest(one) for one in document_ids]
        query = sa.select(verifications).where(verifications.c.document_key.in_(keys))
        found = sql.values(self._engine, Verification, query)
        return {one.document_id: one for one in found}

    def right(self, most: int) -> Mapping[str, str]:
        """Return, by document, the hash of the text last confirmed; the newest `most`."""
        column = verifications.c
        query = sa.select(column.document_id, column.content_hash).where(column.right)
        newest = query.order_by(column.day.desc(), column.document_key).limit(most)
        rows = sql.mappings(self._engine, newest)
        return {row["document_id"]: row["content_hash"] for row in rows}

    def say(self, said: Verification) -> None:
        """Store a statement, which replaces the former statement on the document."""
        row = row_of(verifications, said, document_key=digest(said.document_id))
        sql.put_alone(self._engine, verifications, row)

    def take_back(self, document_id: str, agent_id: str, until: date | None = None) -> None:
        """Delete an agent's statement and mark on a document, or all if `document_id` is empty.

        The register is written first if there is something to delete. Statements after `until`
        stay.
        """
        ids = self.of_agent(agent_id).document_ids
        if document_id in ids if document_id else ids:
            self._register.note("verification", agent=agent_id, document=document_id)
        with self._engine.begin() as connection:
            for table in (verifications, outdated_marks):
                rows = table.c.agent_key == digest(agent_id)
                if document_id:
                    rows &= table.c.document_key == digest(document_id)
                if until is not None:
                    rows &= table.c.day <= until
                connection.execute(sa.delete(table).where(rows))

    def mark(self, mark: OutdatedMark, most: int, since: date) -> bool:
        """Store a reader's mark, once; return false if they made `most` marks since `since`."""
        column = outdated_marks.c
        mine = column.agent_key == digest(mark.agent_id)
        own = mine & (column.document_key == digest(mark.document_id))
        row = row_of(outdated_marks, mark, document_key=digest(mark.document_id))
        recent = sa.select(sa.func.count()).select_from(outdated_marks)
        recent = recent.where(mine, ~own, column.day >= since)
        with suppress(sa.exc.IntegrityError), self._engine.begin() as connection:
            if connection.execute(recent).scalar_one() >= most:
                return False
            connection.execute(sa.delete(outdated_marks).where(own))
            connection.execute(sa.insert(outdated_marks).values(row))
        return True

    def marks(self, most: int) -> tuple[OutdatedMark, ...]:
        """Return the newest `most` marks, of all readers."""
        query = sa.select(outdated_marks).order_by(outdated_marks.c.day.desc()).limit(most)
        return sql.values(self._engine, OutdatedMark, query)

    def dismiss_marks(self, document_id: str) -> None:
        """Delete all readers' marks on a document."""
        of_it = outdated_marks.c.document_key == digest(document_id)
        sql.execute(self._engine, sa.delete(outdated_marks).where(of_it))

    def count_opening(self, document_id: str, day: date) -> None:
        """Count one more reader who opened the document on that day."""
        key = digest(document_id)
        own = (document_openings.c.document_key == key) & (document_openings.c.day == day)
        more = sa.update(document_openings).where(own)
        row = {"document_key": key, "day": day, "document_id": storable(document_id)}
        # Of two simultaneous first openings of a day, one is not counted.
        with suppress(sa.exc.IntegrityError), self._engine.begin() as connection:
            if not connection.execute(
                more.values(openings=document_openings.c.openings + 1)
            ).rowcount:
                connection.execute(sa.insert(document_openings).values(**row, openings=1))

    def much_opened(self, since: date, least: int, most: int) -> tuple[str, ...]:
        """Return the ids of documents opened `least` times since a day, most opened first.

        At most `most` ids are returned. A reader counts once a day.
        """
        column = document_openings.c
        total = sa.func.sum(column.openings)
        query = sa.select(column.document_id).where(column.day >= since)
        query = query.group_by(column.document_key, column.document_id).having(total >= least)
        ordered = query.order_by(total.desc(), column.document_key).limit(most)
        return tuple(sql.scalars(self._engine, ordered))

    def said_since(self, agent_id: str, day: date) -> int:
        """Return the number of documents on which an agent made the last statement after a day."""
        own = (verifications.c.agent_key == digest(agent_id)) & (verifications.c.day > day)
        query = sa.select(sa.func.count()).select_from(verifications).where(own)
        return sql.one(self._engine, query)

    def choose_pace(self, agent_id: str, per_month: int) -> None:
        """Set the number of documents about which an agent is asked in thirty days.

        0 means none.
        """
        own = {"agent_key": digest(agent_id), "agent_id": storable(agent_id)}
        sql.put_alone(self._engine, verification_paces, own | {"per_month": per_month})

    def pace_of(self, agent_id: str) -> int | None:
        """Return the number of documents a month that an agent chose, or None."""
        mine = verification_paces.c.agent_key == digest(agent_id)
        return sql.scalar(self._engine, sa.select(verification_paces.c.per_month).where(mine))

    def of_agent(self, agent_id: str) -> OwnVerifications:
        """Return everything stored about one agent."""
        mine = digest(agent_id)

        def own(table: sa.Table) -> sa.Select[tuple[object]]:
            return sa.select(table).where(table.c.agent_key == mine)

        return OwnVerifications(
            sql.values(self._engine, Verification, own(verifications)),
            sql.values(self._engine, OutdatedMark, own(outdated_marks)),
            self.pace_of(agent_id),
        )


_OF_DOCUMENTS = (verifications, outdated_marks, document_openings)


def documents_verified(engine: sa.Engine) -> frozenset[str]:
    """Return the ids of documents with a statement, a mark or openings."""
    return frozenset(
        id_
        for table in _OF_DOCUMENTS
        for id_ in sql.scalars(engine, sa.select(table.c.document_id))
    )


def forget_documents(engine: sa.Engine, document_ids: Collection[str]) -> None:
    """Delete the statements, marks and openings of documents that no longer exist."""
    keys = [digest(one) for one in document_ids]
    with engine.begin() as connection:
        for table in _OF_DOCUMENTS:
            connection.execute(sa.delete(table).where(table.c.document_key.in_(keys)))


def forget_openings(engine: sa.Engine, before: date) -> None:
    """Delete the openings of days before `before`."""
    sql.execute(engine, sa.delete(document_openings).where(document_openings.c.day < before))


@dataclass(frozen=True, slots=True)
class VerificationRules:
    """Rules from the settings: the age from which a document is old, in days, and limits.

    `per_month`: number of documents to verify in thirty days, for agents who made no choice.
    `marked_per_day`: number of documents that a reader may mark as outdated. A document opened
    `much_opened` times in thirty days (0: openings are not counted) is old after `opened_days`.
    """

    old_days: int = 1095
    per_month: int = 5
    marked_per_day: int = 10
    much_opened: int = 50
    opened_days: int = 365


@dataclass(frozen=True, slots=True)
class Verifying:
    """Dependencies of authors' statements: their store and the rules for asking authors.

    `acts` recognises a reader's first opening of a document in a day.
    """

    store: SqlVerifications
    rules: VerificationRules = VerificationRules()
    acts: DailyActs = field(default_factory=lambda: DailyActs(lambda: datetime.now(UTC)))
