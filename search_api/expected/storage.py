"""Table of expected questions. No row names an agent: a question belongs to its document.

A removed question keeps its row until the index has forgotten it too: the index alone does not tell
it from a question that the document's source gives.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import sqlalchemy as sa

from connectors.batches import batches
from indexer import sql
from indexer.french.analysis import folded_words
from indexer.state import digest, row_of
from search_api.ranking.pinned import PinnedQuestion

metadata = sa.MetaData()

expected_questions = sa.Table(
    "expected_questions",
    metadata,
    sa.Column("document_key", sa.String(64), primary_key=True),
    sa.Column("question_key", sa.String(64), primary_key=True),
    sa.Column("document_id", sa.Text, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("origin", sa.String(20), nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
    sa.Column("applied", sa.Boolean, nullable=False),
    sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("expected_questions_applied", "applied"),
    sa.Index("expected_questions_pinned", "pinned"),
)
"""`question_key`: digest of the folded words. `content_hash`: of the text that answers, when the
question was added or confirmed. `applied`: whether the index has the row's present state. `pinned`:
whether who types the question gets the document first.
"""

_AT_ONCE = 500
"""Number of documents per statement."""


class QuestionOrigin(StrEnum):
    """Origin of an expected question. Those of `SOURCE` are only in the index."""

    SOURCE = "source"
    HAND = "hand"
    IMPORT = "import"
    CONFIRMED = "confirmed"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class ExpectedQuestion:
    """A question that a document answers. `content_hash`: of the text for which it was added.

    `pinned`: who types the question gets the document first.
    """

    document_id: str
    question: str
    origin: QuestionOrigin
    day: date
    content_hash: str
    removed: bool = False
    pinned: bool = False

    @property
    def key(self) -> str:
        """Key of the question: the same for all ways to write its words."""
        return question_key(self.question)

    def is_answered_by(self, text_hash: str) -> bool:
        """Return whether the text with this hash is the one for which the question was added."""
        return not self.removed and self.content_hash == text_hash

    def is_gone(self, text_hash: str) -> bool:
        """Return whether a document with this text no longer has the question.

        A program's question goes with the text for which it was proposed.
        """
        changed = self.origin is QuestionOrigin.MODEL and self.content_hash != text_hash
        return self.removed or changed


def question_key(question: str) -> str:
    """Return the same key for questions that differ in case, accents or punctuation only."""
    return digest(" ".join(folded_words(question)))


class SqlExpectedQuestions:
    """Stores expected questions, on SQLite or PostgreSQL."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of_document(self, document_id: str) -> tuple[ExpectedQuestion, ...]:
        """Return the questions of a document, oldest first, with the removed ones."""
        return self._of(expected_questions.c.document_key == digest(document_id))

    def of_documents(self, document_ids: Collection[str]) -> dict[str, list[ExpectedQuestion]]:
        """Return the questions of each document that has any, with the removed ones."""
        questions: dict[str, list[ExpectedQuestion]] = {}
        for some in batches(sorted(document_ids), _AT_ONCE):
            keys = [digest(id_) for id_ in some]
            for row in self._of(expected_questions.c.document_key.in_(keys)):
                questions.setdefault(row.document_id, []).append(row)
        return questions

    def every(self) -> Iterator[ExpectedQuestion]:
        """Return all questions that are not removed, by document."""
        return iter(self._of(~expected_questions.c.removed))

    def add(self, questions: Sequence[ExpectedQuestion]) -> int:
        """Add questions in one transaction, without duplicates of a document's questions.

        A question that the document has already is pinned if the added one is. Returns the number
        of added questions.
        """
        added = 0
        with self._engine.begin() as connection:
            for question in questions:
                present = _row(question) & ~expected_questions.c.removed
                if connection.execute(sa.select(sa.true()).where(present)).scalar():
                    if question.pinned:
                        pin = sa.update(expected_questions).where(present).values(pinned=True)
                        connection.execute(pin)
                    continue
                keys = {"document_key": digest(question.document_id), "question_key": question.key}
                row = row_of(expected_questions, question, **keys, applied=False)
                sql.put(connection, expected_questions, row)
                added += 1
        return added

    def remove(self, document_id: str, question: str) -> bool:
        """Remove a question; return whether the document had it."""
        present = _of_question(document_id, question) & ~expected_questions.c.removed
        removal = sa.update(expected_questions).where(present).values(removed=True, applied=False)
        return bool(sql.execute(self._engine, removal))

    def confirm(self, document_id: str, question: str, content_hash: str) -> bool:
        """Note that the text with this hash answers a question; return whether it was there."""
        present = _of_question(document_id, question) & ~expected_questions.c.removed
        confirmed = (
            sa.update(expected_questions)
            .where(present)
            .values(content_hash=content_hash, applied=False)
        )
        return bool(sql.execute(self._engine, confirmed))

    def pin(self, document_id: str, question: str, *, pinned: bool) -> bool:
        """Pin or unpin a question; return whether the document had it."""
        present = _of_question(document_id, question) & ~expected_questions.c.removed
        change = sa.update(expected_questions).where(present).values(pinned=pinned)
        return bool(sql.execute(self._engine, change))

    def pinned(self) -> tuple[PinnedQuestion, ...]:
        """Return the pinned questions of all documents."""
        column = expected_questions.c
        query = sa.select(column.document_id, column.question, column.content_hash)
        return sql.values(self._engine, PinnedQuestion, query.where(column.pinned, ~column.removed))

    def pending(self) -> tuple[str, ...]:
        """Return the ids of the documents of which the index lacks a change."""
        column = expected_questions.c
        query = sa.select(column.document_id).where(~column.applied).distinct()
        return tuple(sorted(sql.scalars(self._engine, query)))

    def crawled(self, document_id: str, text_hash: str) -> tuple[str, ...]:
        """Return the questions that the text with this hash answers, of a document being read.

        Those of a former text are left out: they may repeat it to readers of the new text alone.
        All are pending again, because the text may have changed.
        """
        rows = self.of_document(document_id)
        if rows:
            own = expected_questions.c.document_key == digest(document_id)
            sql.execute(
                self._engine, sa.update(expected_questions).where(own).values(applied=False)
            )
        return tuple(row.question for row in rows if row.is_answered_by(text_hash))

    def note_applied(
        self, present: Sequence[ExpectedQuestion], gone: Sequence[ExpectedQuestion]
    ) -> None:
        """Note that the index has `present` questions and not those that are `gone`, as read.

        Rows that changed since they were read stay pending.
        """
        column = expected_questions.c
        with self._engine.begin() as connection:
            for question in present:
                same = _row(question) & ~column.removed
                connection.execute(sa.update(expected_questions).where(same).values(applied=True))
            for question in gone:
                same = _row(question) & (column.removed == question.removed)
                same &= column.content_hash == question.content_hash
                connection.execute(sa.delete(expected_questions).where(same))

    def _of(self, rows: sa.ColumnElement[bool]) -> tuple[ExpectedQuestion, ...]:
        column = expected_questions.c
        query = sa.select(expected_questions).where(rows)
        ordered = query.order_by(column.document_id, column.day, column.question_key)
        return sql.values(self._engine, ExpectedQuestion, ordered)


def documents_expected(engine: sa.Engine) -> frozenset[str]:
    """Return the ids of documents with expected questions."""
    return frozenset(sql.scalars(engine, sa.select(expected_questions.c.document_id).distinct()))


def forget_expected(engine: sa.Engine, document_ids: Collection[str]) -> None:
    """Delete the expected questions of documents that no longer exist."""
    keys = [digest(id_) for id_ in document_ids]
    gone = expected_questions.c.document_key.in_(keys)
    sql.execute(engine, sa.delete(expected_questions).where(gone))


def _of_question(document_id: str, question: str) -> sa.ColumnElement[bool]:
    own = expected_questions.c.document_key == digest(document_id)
    return own & (expected_questions.c.question_key == question_key(question))


def _row(question: ExpectedQuestion) -> sa.ColumnElement[bool]:
    return _of_question(question.document_id, question.question)
