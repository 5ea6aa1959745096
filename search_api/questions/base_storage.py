"""Base of the stores of questions: transactions, and the selections that several stores share.

Each change that readers can see gives the question the next number; the connector (`documents`)
reads the rows above the number that the index knows. Writers take turns on one row, so that no
number becomes visible after a higher one, and no two writers take the same free place of an agent.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.batches import batches
from indexer import sql
from indexer.register import RegisteredStore
from search_api.questions.tables import (
    asked_agents,
    asked_questions,
    asking_sequence,
    given_answers,
    hidden_texts,
    question_readers,
)
from search_api.questions.values import (
    UNDECIDED,
    AskedQuestion,
    GivenAnswer,
    QuestionStage,
    ReaderScope,
    RequestState,
    Thread,
)

READ_AT_ONCE = 500
"""Questions read by one statement: far below the databases' limit of parameters."""

_hiding = hidden_texts.alias()
"""The row that hides the question or the answer of a query's row, if there is one."""
_HIDDEN = (
    _hiding.c.reason.label("hidden"),
    sa.func.coalesce(_hiding.c.outdated, sa.false()).label("outdated"),
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction in which no other writer changes questions. `seq`: number of its change."""

    connection: sa.Connection
    seq: int
    now: Callable[[], datetime]

    def execute(self, statement: sa.Insert | sa.Update | sa.Delete) -> int:
        """Execute a statement; return how many rows it changed."""
        return self.connection.execute(statement).rowcount

    def first(self, query: sa.Select[Any]) -> sa.RowMapping | None:
        """Return the first row of a query, None if there is none."""
        return self.connection.execute(query).mappings().first()

    def has(self, table: sa.Table, rows: sa.ColumnElement[bool]) -> bool:
        """Return whether a table has a row that meets a condition."""
        return self.first(sa.select(table).where(rows)) is not None

    def count(self, table: sa.Table, rows: sa.ColumnElement[bool]) -> int:
        """Return how many rows of a table meet a condition."""
        return self.connection.execute(select_count(table, rows)).scalar_one()

    def change(self, question_id: str, **values: object) -> bool:
        """Give a question the next number, and new values; return false if it does not exist."""
        own = (asked_questions.c.id == question_id) & ~asked_questions.c.deleted
        changed = sa.update(asked_questions).where(own).values(seq=self.seq, **values)
        return self.execute(changed) > 0

    def end_requests(self, question_id: str) -> None:
        """End the turn of every agent who was asked; a declined turn ends like a silent one."""
        this, moment = asked_agents.c.question_id == question_id, self.now()
        ends = sa.update(asked_agents).where(this & (asked_agents.c.until > moment))
        self.execute(ends.values(until=moment))
        undecided = sa.update(asked_agents).where(this & is_undecided())
        self.execute(undecided.values(state=RequestState.EXPIRED.value))

    def stage_without(self, question_id: str, answer_id: str) -> dict[str, object]:
        """Return the new stage of a question that loses its accepted answer, else nothing."""
        helped = is_answer(question_id, answer_id) & given_answers.c.accepted
        accepted = self.has(given_answers, helped)
        return {"stage": QuestionStage.ANIMATOR.value} if accepted else {}


class BaseStorage(RegisteredStore):
    """A store over the tables of questions."""

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        """Open a transaction; other writers wait until it ends."""
        with self._engine.begin() as connection:
            more = sa.update(asking_sequence).values(last=asking_sequence.c.last + 1)
            if not connection.execute(more).rowcount:
                try:
                    with connection.begin_nested():
                        connection.execute(sa.insert(asking_sequence).values(place=1, last=1))
                except sa.exc.IntegrityError:  # another writer inserted it at the same moment
                    connection.execute(more)
            seq = connection.execute(sa.select(asking_sequence.c.last)).scalar_one()
            yield Transaction(connection, seq, self.now)

    def _questions(self, query: sa.Select[Any]) -> list[AskedQuestion]:
        """Return the questions of a query; community questions come with their readers."""
        with self._engine.connect() as connection:
            return _read_questions(connection, query)

    def _threads(self, query: sa.Select[Any], with_hidden: bool = False) -> tuple[Thread, ...]:
        """Return the questions of a query with their answers; hidden answers if `with_hidden`."""
        given, shown = given_answers.c, sa.true() if with_hidden else _hiding.c.reason.is_(None)
        answers: dict[str, list[GivenAnswer]] = defaultdict(list)
        with self._engine.connect() as connection:
            questions = _read_questions(connection, query)
            for ids in batches([one.id for one in questions], READ_AT_ONCE):
                answered = select_answers(given.question_id.in_(ids), shown)
                ordered = answered.order_by(given.accepted.desc(), given.created, given.id)
                for one in map(answer_of_row, connection.execute(ordered).mappings()):
                    answers[one.question_id].append(one)
        return tuple(Thread(one, tuple(answers[one.id])) for one in questions)


def select_questions(with_hidden: bool = False) -> sa.Select[Any]:
    """Return the query of all questions that are not deleted."""
    own = is_text(_hiding, asked_questions.c.id, "")
    query = sa.select(asked_questions, *_HIDDEN).outerjoin(_hiding, own)
    query = query.where(~asked_questions.c.deleted)
    return query if with_hidden else query.where(_hiding.c.reason.is_(None))


def select_answers(*rows: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the query of the answers that meet conditions, including hidden ones."""
    own = is_text(_hiding, given_answers.c.question_id, given_answers.c.id)
    return sa.select(given_answers, *_HIDDEN).outerjoin(_hiding, own).where(*rows)


def select_count(table: sa.Table, rows: sa.ColumnElement[bool]) -> sa.Select[int]:
    """Return the query of how many rows of a table meet a condition."""
    return sa.select(sa.func.count()).select_from(table).where(rows)


def is_text(
    table: sa.FromClause,
    question_id: str | sa.ColumnElement[str],
    answer_id: str | sa.ColumnElement[str],
) -> sa.ColumnElement[bool]:
    """Return the condition that a row is about this text; the question if `answer_id` is empty."""
    return (table.c.question_id == question_id) & (table.c.answer_id == answer_id)


def is_answer(question_id: str, answer_id: str) -> sa.ColumnElement[bool]:
    """Return the condition on `given_answers` that a row is this answer to this question."""
    return (given_answers.c.id == answer_id) & (given_answers.c.question_id == question_id)


def is_undecided() -> sa.ColumnElement[bool]:
    """Return the condition that a request waits for its agent."""
    return asked_agents.c.state.in_([one.value for one in UNDECIDED])


def _read_questions(connection: sa.Connection, query: sa.Select[Any]) -> list[AskedQuestion]:
    rows = connection.execute(query).mappings().all()
    community = ReaderScope.COMMUNITY.value
    ids = [row["id"] for row in rows if row["scope"] == community and row["readers_chosen"]]
    chosen: dict[str, set[str]] = {id_: set() for id_ in ids}
    for part in batches(ids, READ_AT_ONCE):
        some = question_readers.c.question_id.in_(part)
        for row in connection.execute(sa.select(question_readers).where(some)).mappings():
            chosen[row["question_id"]].add(row["agent_id"])
    return [
        sql.value(
            AskedQuestion,
            row,
            asker_id=row["agent_id"],
            readers=chosen.get(row["id"]) if row["scope"] == community else frozenset(),
        )
        for row in rows
    ]


def answer_of_row(row: sa.RowMapping) -> GivenAnswer:
    """Return an answer to a question from a row that `select_answers` read."""
    return sql.value(GivenAnswer, row, author_id=row["agent_id"])
