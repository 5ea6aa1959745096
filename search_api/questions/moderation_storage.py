"""Storage of readers' reports of texts, and of the texts that moderators hid."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.batches import batches
from indexer import sql
from indexer.state import digest, row_of, storable
from search_api.questions.base_storage import (
    READ_AT_ONCE,
    BaseStorage,
    Transaction,
    is_answer,
    is_text,
    select_questions,
)
from search_api.questions.tables import asked_questions, given_answers, hidden_texts, text_reports
from search_api.questions.values import QuestionStage, TextReport, Thread, digest_of_text

_UNDECIDED = text_reports.c.decided.is_(None)


class SqlModeration(BaseStorage):
    """Stores reports, and which texts are hidden. Methods read hidden texts too."""

    def is_reported(self, report: TextReport) -> bool:
        """Return whether the agent has reported this text before, decided or not."""
        own = text_reports.c.agent_key == digest(report.agent_id)
        own &= is_text(text_reports, report.question_id, report.answer_id)
        return sql.first(self._engine, sa.select(text_reports).where(own)) is not None

    def report(self, report: TextReport, most: int, since: datetime) -> bool:
        """Store a reader's report of a text, once; return false at `most` reports since `since`."""
        mine = text_reports.c.agent_key == digest(report.agent_id)
        own = mine & is_text(text_reports, report.question_id, report.answer_id)
        with self._writing() as write:
            if write.has(text_reports, own):
                return True
            recent = mine & (text_reports.c.created > since)
            if write.count(text_reports, recent) >= most:
                return False
            row = row_of(text_reports, report, decided=None)
            write.execute(sa.insert(text_reports).values(row))
            return True

    def take_report_back(
        self, agent_id: str, question_id: str, answer_id: str, until: datetime | None = None
    ) -> bool:
        """Delete an agent's undecided report; return false if there is none.

        The register is written first. `until`: delete only a report made by then.
        """
        own = (text_reports.c.agent_key == digest(agent_id)) & _UNDECIDED
        own &= is_text(text_reports, question_id, answer_id)
        if until is not None:
            own &= text_reports.c.created <= until
        if sql.first(self._engine, sa.select(text_reports).where(own)) is None:
            return False
        this = {"question": question_id, "answer": answer_id}
        self._register.note("report", self.now(), agent=agent_id, **this)
        return bool(sql.execute(self._engine, sa.delete(text_reports).where(own)))

    def reports(self, question_ids: Collection[str]) -> tuple[TextReport, ...]:
        """Return the undecided reports of these questions and their answers, oldest first."""
        return self._reports(_UNDECIDED & text_reports.c.question_id.in_(question_ids))

    def reports_by(self, agent_id: str) -> tuple[TextReport, ...]:
        """Return all reports that an agent made, oldest first."""
        return self._reports(text_reports.c.agent_key == digest(agent_id))

    def _reports(self, rows: sa.ColumnElement[bool]) -> tuple[TextReport, ...]:
        query = sa.select(text_reports).where(rows).order_by(text_reports.c.created)
        found = sql.mappings(self._engine, query)
        return tuple(
            sql.value(TextReport, row, decided=row["decided"] is not None) for row in found
        )

    def waiting_reports(self, late_before: datetime) -> tuple[int, int, datetime | None]:
        """Count texts with undecided reports: (all, late ones, time of the oldest report).

        A text is late if its first report came before `late_before`.
        """
        reports = text_reports.c
        first = (
            sa.select(sa.func.min(reports.created).label("since"))
            .where(_UNDECIDED)
            .group_by(reports.question_id, reports.answer_id)
            .subquery()
        )
        late = sa.func.count().filter(first.c.since < late_before)
        query = sa.select(sa.func.count(), late, sa.func.min(first.c.since)).select_from(first)
        with self._engine.connect() as connection:
            texts, late_texts, oldest = connection.execute(query).one()
        return texts, late_texts, oldest

    def dismiss_reports(
        self, question_id: str, answer_id: str, *, only_outdated: bool = False
    ) -> None:
        """Decide that a text stays; its reporters cannot report it again until it changes.

        `only_outdated`: only reports that it is no longer right.
        """
        with self._writing() as write:
            self._decide_reports(write, question_id, answer_id, only_outdated)

    def _decide_reports(
        self, write: Transaction, question_id: str, answer_id: str, only_outdated: bool
    ) -> None:
        waiting = is_text(text_reports, question_id, answer_id) & _UNDECIDED
        if only_outdated:
            waiting &= text_reports.c.outdated
        write.execute(sa.update(text_reports).where(waiting).values(decided=self.now()))

    def hide(self, question_id: str, answer_id: str, reason: str) -> None:
        """Show a text only to its author from now on, with a reason; its reports are decided.

        If the text is the accepted answer, the question goes to the animator's stage. If it is the
        question, its undecided requests expire.
        """
        this = {"question": question_id, "answer": answer_id}
        self._register.note("hidden", self.now(), **this, hidden=True)
        with self._writing() as write:
            stage = write.stage_without(question_id, answer_id)
            if not write.change(question_id, **stage):
                return
            row = {"question_id": question_id, "answer_id": answer_id, "reason": storable(reason)}
            sql.put(write.connection, hidden_texts, {**row, "since": self.now()})
            if not answer_id:
                write.end_requests(question_id)
            self._decide_reports(write, question_id, answer_id, only_outdated=False)

    def hide_outdated(self, question_id: str, answer_id: str) -> None:
        """Show a former text only to its author, until the author confirms or corrects it.

        This is for a restored database. A text that is hidden already stays as it is.
        """
        with self._writing() as write:
            if write.has(hidden_texts, is_text(hidden_texts, question_id, answer_id)):
                return
            stage = write.stage_without(question_id, answer_id)
            if write.change(question_id, **stage):
                row = {"question_id": question_id, "answer_id": answer_id, "reason": ""}
                values = {**row, "since": self.now(), "outdated": True}
                write.execute(sa.insert(hidden_texts).values(values))

    def show_again(
        self, question_id: str, answer_id: str, text_digest: str, *, outdated: bool = False
    ) -> bool:
        """Show a hidden text to all its readers; return false if the text has changed.

        `outdated`: only a former text that nobody hid, when its author confirms it.
        """
        with self._engine.connect() as connection:
            if _digest(connection, question_id, answer_id) != text_digest:
                return False
        this = {"question": question_id, "answer": answer_id, "text": text_digest}
        self._register.note("hidden", self.now(), **this, hidden=False)
        own = is_text(hidden_texts, question_id, answer_id)
        own &= hidden_texts.c.outdated if outdated else sa.true()
        helped = (given_answers.c.id == answer_id) & given_answers.c.accepted
        with self._writing() as write:
            accepted = write.has(given_answers, helped)
            if _digest(write.connection, question_id, answer_id) != text_digest:
                return False
            if write.execute(sa.delete(hidden_texts).where(own)):
                stage = {"stage": QuestionStage.ANSWERED.value} if accepted else {}
                write.change(question_id, **stage)
            return True

    def texts_hidden(
        self, topic_ids: Collection[str] | None = None
    ) -> Iterator[tuple[Thread, str]]:
        """Yield hidden texts as (question, id of the answer or empty) pairs, newest first.

        `topic_ids`: only these topics; None for all. Rows are read in batches as they are needed.
        """
        newest = sa.func.max(hidden_texts.c.since).desc()
        yield from self._texts(hidden_texts, sa.true(), topic_ids, newest)

    def texts_reported(
        self, topic_ids: Collection[str] | None = None
    ) -> Iterator[tuple[Thread, str]]:
        """Yield texts with undecided reports like `texts_hidden`, oldest report first."""
        oldest = sa.func.min(text_reports.c.created)
        yield from self._texts(text_reports, _UNDECIDED, topic_ids, oldest)

    def answers_doubted(self, agent_id: str) -> Iterator[tuple[Thread, str]]:
        """Yield an agent's answers that readers say are no longer right, like `texts_reported`."""
        own = sa.select(given_answers.c.id).where(given_answers.c.agent_key == digest(agent_id))
        reports = text_reports.c
        rows = _UNDECIDED & reports.outdated & reports.answer_id.in_(own)
        yield from self._texts(text_reports, rows, None, sa.func.min(reports.created))

    def _texts(
        self,
        table: sa.Table,
        rows: sa.ColumnElement[bool],
        topic_ids: Collection[str] | None,
        order: sa.ColumnElement[Any],
    ) -> Iterator[tuple[Thread, str]]:
        this = asked_questions.c.id == table.c.question_id
        rows &= ~asked_questions.c.deleted
        if topic_ids is not None:
            rows &= asked_questions.c.topic_id.in_(topic_ids)
        key = (table.c.question_id, table.c.answer_id)
        query = sa.select(*key).select_from(table.join(asked_questions, this)).where(rows)
        keys = sql.rows(self._engine, query.group_by(*key).order_by(order, *key))
        for some in batches(list(keys), READ_AT_ONCE):
            ids = {question_id for question_id, _ in some}
            existing = select_questions(True).where(asked_questions.c.id.in_(ids))
            threads = {one.question.id: one for one in self._threads(existing, True)}
            yield from ((threads[id_], answer_id) for id_, answer_id in some if id_ in threads)


def _digest(connection: sa.Connection, question_id: str, answer_id: str) -> str:
    """Return the digest of the current text; empty if there is no text."""
    asked, given = asked_questions.c, given_answers.c
    query = sa.select(asked.title, asked.text).where(asked.id == question_id, ~asked.deleted)
    if answer_id:
        query = sa.select(sa.literal(""), given.text).where(is_answer(question_id, answer_id))
    row = connection.execute(query).first()
    return digest_of_text(row[0], row[1]) if row else ""
