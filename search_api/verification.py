"""Whether documents are still right: what their authors say, and what readers mark as outdated.

What was said holds for one text, by its hash: once the text changes it is said of nothing. No
source is written to. Of openings only a number a day is kept, of which no reader can be told.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import sqlalchemy as sa

from indexer.state import digest, storable

MONTH_DAYS = 30
"""Openings are counted over so many days, and what an author says."""
MOST_NOTE = 500
"""Characters of what is no longer right: as many as of any reason."""
MOST_PER_MONTH = 50
"""What an agent may choose to be asked in a month at most."""

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
)
"""The last word on each document. Without an agent once what was kept of them was erased."""

outdated_marks = sa.Table(
    "outdated_marks",
    metadata,
    sa.Column("document_key", sa.String(64), primary_key=True),
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("document_id", sa.Text, nullable=False),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Index("outdated_marks_agent", "agent_key", "day"),
)

verification_paces = sa.Table(
    "verification_paces",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("per_month", sa.Integer, nullable=False),
)
"""How many documents an agent is asked about in thirty days; 0: none."""

document_openings = sa.Table(
    "document_openings",
    metadata,
    sa.Column("document_key", sa.String(64), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("document_id", sa.Text, nullable=False),
    sa.Column("openings", sa.Integer, nullable=False),
)
"""How many readers opened a document on a day."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What an author said of a text. `note`: what is no longer right; empty where all is.

    `agent_id` is empty once what was kept of them was erased.
    """

    document_id: str
    content_hash: str
    agent_id: str
    day: date
    right: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class OutdatedMark:
    """A reader thinks that a text is no longer right. Who it is, nobody else sees."""

    document_id: str
    content_hash: str
    agent_id: str
    day: date


@dataclass(frozen=True, slots=True)
class OwnVerifications:
    """Everything that is kept of one agent. `per_month` is None where they chose nothing.

    `hidden`: of how many documents more, that they may not read any more, or that are no more.
    """

    said: tuple[Verification, ...] = ()
    marks: tuple[OutdatedMark, ...] = ()
    per_month: int | None = None
    hidden: int = 0


class VerificationRegister(Protocol):
    """Where what is taken back is also written, to be replayed on a restored database."""

    def verification_taken_back(self, agent_id: str, document_id: str) -> None:
        """Stored durably once this returns. `document_id` is empty for all that an agent said."""
        ...


class SqlVerifications:
    """All of it, in the state's database: SQLite or PostgreSQL."""

    def __init__(self, engine: sa.Engine, register: VerificationRegister | None = None) -> None:
        self._engine, self._register = engine, register

    def said(self, document_ids: Collection[str]) -> Mapping[str, Verification]:
        """The last word on each of these documents, whatever its text is now."""
        keys = [digest(one) for one in document_ids]
        query = sa.select(verifications).where(verifications.c.document_key.in_(keys))
        with self._engine.connect() as connection:
            found = map(_verification, connection.execute(query).mappings())
            return {one.document_id: one for one in found}

    def right(self, most: int) -> Mapping[str, str]:
        """By document, the hash of the text of which it was said last that it is right."""
        column = verifications.c
        query = sa.select(column.document_id, column.content_hash).where(column.right)
        newest = query.order_by(column.day.desc(), column.document_key).limit(most)
        with self._engine.connect() as connection:
            rows = connection.execute(newest).mappings()
            return {row["document_id"]: row["content_hash"] for row in rows}

    def say(self, said: Verification) -> None:
        """Keep it instead of what was said of the document before."""
        row = {
            "document_key": digest(said.document_id),
            "document_id": storable(said.document_id),
            "content_hash": said.content_hash,
            "agent_key": digest(said.agent_id),
            "agent_id": storable(said.agent_id),
            "day": said.day,
            "right": said.right,
            "note": storable(said.note),
        }
        own = verifications.c.document_key == row["document_key"]
        # Of two at one moment the first stands.
        with suppress(sa.exc.IntegrityError), self._engine.begin() as connection:
            connection.execute(sa.delete(verifications).where(own))
            connection.execute(sa.insert(verifications).values(row))

    def take_back(self, document_id: str, agent_id: str, until: date | None = None) -> None:
        """Delete what an agent said of a document, and their mark on it; of all where it is empty.

        Written to the register first, where there is any. `until`: what came later stays.
        """
        own = self.of_agent(agent_id)
        ids = {one.document_id for one in own.said} | {one.document_id for one in own.marks}
        if self._register is not None and (document_id in ids if document_id else ids):
            self._register.verification_taken_back(agent_id, document_id)
        with self._engine.begin() as connection:
            for table in (verifications, outdated_marks):
                rows = table.c.agent_key == digest(agent_id)
                if document_id:
                    rows &= table.c.document_key == digest(document_id)
                if until is not None:
                    rows &= table.c.day <= until
                connection.execute(sa.delete(table).where(rows))

    def mark(self, mark: OutdatedMark, most: int, since: date) -> bool:
        """Keep a reader's mark, once; false where they marked `most` since that day."""
        column = outdated_marks.c
        mine = column.agent_key == digest(mark.agent_id)
        own = mine & (column.document_key == digest(mark.document_id))
        row = {
            "document_key": digest(mark.document_id),
            "agent_key": digest(mark.agent_id),
            "document_id": storable(mark.document_id),
            "agent_id": storable(mark.agent_id),
            "content_hash": mark.content_hash,
            "day": mark.day,
        }
        recent = sa.select(sa.func.count()).select_from(outdated_marks)
        recent = recent.where(mine, ~own, column.day >= since)
        with suppress(sa.exc.IntegrityError), self._engine.begin() as connection:
            if connection.execute(recent).scalar_one() >= most:
                return False
            connection.execute(sa.delete(outdated_marks).where(own))
            connection.execute(sa.insert(outdated_marks).values(row))
        return True

    def marks(self, most: int) -> tuple[OutdatedMark, ...]:
        """The newest marks, of every reader."""
        query = sa.select(outdated_marks).order_by(outdated_marks.c.day.desc()).limit(most)
        with self._engine.connect() as connection:
            return tuple(map(_mark, connection.execute(query).mappings()))

    def count_opening(self, document_id: str, day: date) -> None:
        """One more reader opened the document on that day."""
        key = digest(document_id)
        own = (document_openings.c.document_key == key) & (document_openings.c.day == day)
        more = sa.update(document_openings).where(own)
        row = {"document_key": key, "day": day, "document_id": storable(document_id)}
        # Of two at one moment, the first of a day, one is not counted.
        with suppress(sa.exc.IntegrityError), self._engine.begin() as connection:
            if not connection.execute(
                more.values(openings=document_openings.c.openings + 1)
            ).rowcount:
                connection.execute(sa.insert(document_openings).values(**row, openings=1))

    def much_opened(self, since: date, least: int, most: int) -> tuple[str, ...]:
        """The ids of documents opened so often from a day on, at most so many, the most read first.

        A reader counts once a day.
        """
        column = document_openings.c
        total = sa.func.sum(column.openings)
        query = sa.select(column.document_id).where(column.day >= since)
        query = query.group_by(column.document_key, column.document_id).having(total >= least)
        with self._engine.connect() as connection:
            ordered = query.order_by(total.desc(), column.document_key).limit(most)
            return tuple(connection.execute(ordered).scalars())

    def said_since(self, agent_id: str, day: date) -> int:
        """Of how many documents an agent had the last word after that day."""
        own = (verifications.c.agent_key == digest(agent_id)) & (verifications.c.day > day)
        query = sa.select(sa.func.count()).select_from(verifications).where(own)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def choose_pace(self, agent_id: str, per_month: int) -> None:
        """Ask an agent about so many documents in thirty days; 0: none."""
        own = verification_paces.c.agent_key == digest(agent_id)
        row = {"agent_key": digest(agent_id), "agent_id": storable(agent_id)}
        with self._engine.begin() as connection:
            connection.execute(sa.delete(verification_paces).where(own))
            connection.execute(sa.insert(verification_paces).values(**row, per_month=per_month))

    def of_agent(self, agent_id: str) -> OwnVerifications:
        """Everything that is kept of one agent."""
        mine = digest(agent_id)

        def own(table: sa.Table) -> sa.Select[tuple[object]]:
            return sa.select(table).where(table.c.agent_key == mine)

        with self._engine.connect() as connection:
            pace = connection.execute(own(verification_paces)).mappings().first()
            return OwnVerifications(
                tuple(map(_verification, connection.execute(own(verifications)).mappings())),
                tuple(map(_mark, connection.execute(own(outdated_marks)).mappings())),
                pace["per_month"] if pace else None,
            )


_OF_DOCUMENTS = (verifications, outdated_marks, document_openings)


def documents_verified(engine: sa.Engine) -> frozenset[str]:
    """The ids of which anything was said, marked or counted."""
    with engine.connect() as connection:
        return frozenset(
            id_
            for table in _OF_DOCUMENTS
            for id_ in connection.execute(sa.select(table.c.document_id)).scalars()
        )


def forget_documents(engine: sa.Engine, document_ids: Collection[str]) -> None:
    """Delete all that was said, marked and counted of documents that are no more."""
    keys = [digest(one) for one in document_ids]
    with engine.begin() as connection:
        for table in _OF_DOCUMENTS:
            connection.execute(sa.delete(table).where(table.c.document_key.in_(keys)))


def forget_openings(engine: sa.Engine, before: date) -> None:
    """Delete the numbers of the days before that day."""
    with engine.begin() as connection:
        connection.execute(sa.delete(document_openings).where(document_openings.c.day < before))


def forget_agent_in_verifications(connection: sa.Connection, agent_id: str) -> int:
    """Erase an agent: what they said stays, without their name. How many rows."""
    mine, rows = digest(agent_id), 0
    unnamed = sa.update(verifications).where(verifications.c.agent_key == mine)
    rows += connection.execute(unnamed.values(agent_key="", agent_id="")).rowcount
    for table in (outdated_marks, verification_paces):
        rows += connection.execute(sa.delete(table).where(table.c.agent_key == mine)).rowcount
    return rows


def _verification(row: sa.RowMapping) -> Verification:
    return Verification(
        row["document_id"],
        row["content_hash"],
        row["agent_id"],
        row["day"],
        row["right"],
        row["note"],
    )


def _mark(row: sa.RowMapping) -> OutdatedMark:
    return OutdatedMark(row["document_id"], row["content_hash"], row["agent_id"], row["day"])
