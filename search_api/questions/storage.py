"""Storage of questions to experts and their answers in the state's database."""

import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

import sqlalchemy as sa

from expertise.who_knows import Experts
from indexer import sql
from indexer.access import Reader
from indexer.register import NO_REGISTER, Clock, Register
from indexer.state import digest, row_of, storable
from indexer.values import Card
from search_api.addresses import QUESTION_SOURCE
from search_api.context import AnswerContext
from search_api.questions.base_storage import (
    READ_AT_ONCE,
    BaseStorage,
    Transaction,
    answer_of_row,
    is_answer,
    is_text,
    select_answers,
    select_count,
    select_questions,
)
from search_api.questions.limits import DailyActs
from search_api.questions.moderation_storage import SqlModeration
from search_api.questions.request_storage import SqlRequests
from search_api.questions.retention_storage import SqlRetention
from search_api.questions.tables import (
    CHOSEN_BY_NAME,
    QUESTION_PARTS,
    answered_before,
    asked_agents,
    asked_questions,
    asking_sequence,
    given_answers,
    hidden_texts,
    question_readers,
    question_recipients,
    questions_found_again,
    text_reports,
)
from search_api.questions.values import (
    AskedQuestion,
    AskingRules,
    GivenAnswer,
    OpenQuestionFigures,
    OwnAsking,
    QuestionStage,
    ReaderScope,
    RequestState,
    Thread,
)


class SqlQuestions(BaseStorage):
    """Stores questions and answers. `requests`, `moderation`, `retention`: what belongs to them.

    Methods leave hidden texts out, unless their docstring says otherwise.
    """

    def __init__(self, engine: sa.Engine, now: Clock, register: Register = NO_REGISTER) -> None:
        super().__init__(engine, now, register)
        self.requests = SqlRequests(engine, now)
        self.moderation = SqlModeration(engine, now, register)
        self.retention = SqlRetention(engine, now)
        self._figures: tuple[tuple[int, date], OpenQuestionFigures] | None = None

    def ask(
        self,
        question: AskedQuestion,
        per_day: int,
        since: datetime,
        recipients: Sequence[str] = (),
        chosen: str = "",
    ) -> bool:
        """Store a new question and the ids of its recipients, in order.

        `chosen`: the id of the agent whom the asker chose by name, or empty.
        Return false if the asker has asked `per_day` questions since `since`.
        """
        with self._writing() as write:
            asked = asked_questions.c
            own = (asked.agent_key == digest(question.asker_id)) & (asked.created > since)
            if write.count(asked_questions, own) >= per_day:
                return False
            limited = question.readers is not None
            others = {"seq": write.seq, "deleted": False, "corrected": []}
            others |= {"readers_chosen": limited}
            row = row_of(asked_questions, question, agent_id=question.asker_id, **others)
            write.execute(sa.insert(asked_questions).values(row))
            planned = [{"place": place, **_agent(id_)} for place, id_ in enumerate(recipients)]
            if chosen:
                planned.insert(0, {"place": CHOSEN_BY_NAME, **_agent(chosen)})
            readers = [_agent(id_) for id_ in sorted(question.readers or ())]
            for table, rows in ((question_recipients, planned), (question_readers, readers)):
                if rows:
                    this = {"question_id": question.id}
                    write.connection.execute(sa.insert(table), [this | one for one in rows])
            return True

    def one(self, question_id: str, *, with_hidden: bool = False) -> Thread | None:
        """Return a question with its answers; None if it is unknown, deleted or hidden."""
        query = select_questions(with_hidden).where(asked_questions.c.id == question_id)
        return next(iter(self._threads(query, with_hidden)), None)

    def of_asker(self, agent_id: str) -> tuple[Thread, ...]:
        """Return the questions of an agent, newest first, including hidden ones."""
        query = select_questions(True).where(asked_questions.c.agent_key == digest(agent_id))
        return self._threads(query.order_by(asked_questions.c.created.desc(), asked_questions.c.id))

    def awaiting_word(self, agent_id: str) -> int:
        """Count an agent's questions that were answered and have no reaction of the agent yet."""
        asked = asked_questions.c
        own = ~asked.deleted & (asked.agent_key == digest(agent_id))
        own &= (asked.stage != QuestionStage.ANSWERED.value) & (asked.missing == "")
        answered = sa.exists().where(_by_another())
        thanked = answered.where(given_answers.c.thanked)
        return sql.one(self._engine, select_count(asked_questions, own & answered & ~thanked))

    def open_at(
        self, *stages: QuestionStage, topic_ids: Collection[str] | None = None, newest: bool = False
    ) -> Iterator[AskedQuestion]:
        """Yield the questions at these stages that still wait for an answer, oldest first.

        `topic_ids`: only these topics; None for all. `newest`: newest first. Rows are read in
        batches as they are needed.
        """
        asked = asked_questions.c
        rows = asked.stage.in_([one.value for one in stages]) & _waits()
        if topic_ids is not None:
            rows &= asked.topic_id.in_(topic_ids)
        order = [one.desc() if newest else one.asc() for one in (asked.created, asked.id)]
        query = select_questions().where(rows).order_by(*order).limit(READ_AT_ONCE)
        after: sa.ColumnElement[bool] = sa.true()
        while True:
            found = self._questions(query.where(after))
            yield from found
            if len(found) < READ_AT_ONCE:
                return
            last = found[-1]
            follows = operator.lt if newest else operator.gt
            later = (asked.created == last.created) & follows(asked.id, last.id)
            after = follows(asked.created, last.created) | later

    def open_by_topic(self, *stages: QuestionStage) -> dict[str, int]:
        """Return, by topic, how many questions open to everybody wait at these stages."""
        asked = asked_questions.c
        rows = asked.stage.in_([one.value for one in stages]) & _waits() & ~asked.deleted & _shown()
        rows &= asked.scope == ReaderScope.EVERYBODY.value
        query = sa.select(asked.topic_id, sa.func.count()).where(rows).group_by(asked.topic_id)
        return {row[0]: row[1] for row in sql.rows(self._engine, query)}

    def on_topic(self, topic_id: str, since: datetime | None = None) -> tuple[Thread, ...]:
        """Return a topic's questions asked, changed or answered since `since`; None for all."""
        asked, given = asked_questions.c, given_answers.c
        rows = asked.topic_id == topic_id
        if since is not None:
            hidden = sa.select(hidden_texts.c.answer_id)
            lately = (given.created > since) & given.id.not_in(hidden)
            answered = sa.select(given.question_id).where(lately)
            rows &= (asked.modified > since) | asked.id.in_(answered)
        query = select_questions().where(rows).order_by(asked.modified.desc(), asked.id)
        return self._threads(query)

    def edit(self, question_id: str, title: str, text: str) -> None:
        """Replace the text of a question; only the time of the change is kept of the former text.

        Do nothing if the text is the same.
        """
        own = asked_questions.c.id == question_id
        said = {"title": storable(title), "text": storable(text)}
        if not self._differs(asked_questions, own, said):
            return
        moment = self._note_corrected(question_id, "")
        with self._writing() as write:
            row = write.first(sa.select(asked_questions).where(own))
            if row is not None:
                corrected = [*row["corrected"], moment.isoformat()]
                write.change(question_id, **said, modified=moment, corrected=corrected)
                _forget_former(write, question_id, "")

    def answer(
        self, answer: GivenAnswer, most: int | None = None, since: datetime | None = None
    ) -> bool:
        """Store an answer and end its author's request; return false at the limit.

        The limit is `most` answers of this author since `since`. An answer of an agent who was
        asked makes the asker's name visible; other answers do not, otherwise any reader could learn
        the name with an answer of one word. An answer of the asker does not remove what they found
        missing. An answer whose id is stored already stays unchanged.
        """
        mine = digest(answer.author_id)
        question_id, requests, asked = answer.question_id, asked_agents.c, asked_questions.c
        own = (requests.agent_key == mine) & (requests.question_id == question_id)
        by_asker = (asked.id == question_id) & (asked.agent_key == mine)
        with self._writing() as write:
            if write.has(given_answers, given_answers.c.id == answer.id):
                return True
            if most is not None and since is not None:
                given = (given_answers.c.agent_key == mine) & (given_answers.c.created > since)
                if write.count(given_answers, given) >= most:
                    return False
            is_asker = write.has(asked_questions, by_asker)
            values: dict[str, object] = {} if is_asker else {"missing": ""}
            done = sa.update(asked_agents).where(own).values(state=RequestState.ANSWERED.value)
            if write.execute(done):
                values["named"] = True
            if write.change(question_id, **values):
                row = row_of(given_answers, answer, agent_id=answer.author_id, corrected=[])
                write.execute(sa.insert(given_answers).values(row))
            return True

    def correct(self, answer_id: str, text: str, valid_until: date | None = None) -> None:
        """Replace an answer's text and last valid day; only the time of the change is kept."""
        own = given_answers.c.id == answer_id
        moment, said = self.now(), {"text": storable(text)}
        if differs := self._differs(given_answers, own, said):
            moment = self._note_corrected(differs["question_id"], answer_id)
        with self._writing() as write:
            row = write.first(sa.select(given_answers).where(own))
            if row is None:
                return
            corrected = [*row["corrected"], moment.isoformat()]
            values = {**said, "corrected": corrected, "valid_until": valid_until}
            write.execute(sa.update(given_answers).where(own).values(values))
            shown = differs and _forget_former(write, row["question_id"], answer_id)
            stage = {"stage": QuestionStage.ANSWERED.value} if shown and row["accepted"] else {}
            # A correction that other readers cannot see must not change the date that they see.
            hidden = is_text(hidden_texts, row["question_id"], answer_id)
            unseen = write.has(hidden_texts, hidden)
            dated = {} if unseen else {"modified": self.now()}
            write.change(row["question_id"], **dated, **stage)

    def accept(self, question_id: str, answer_id: str) -> None:
        """Mark the only answer that helped; the question is answered."""
        with self._writing() as write:
            this = given_answers.c.question_id == question_id
            helped = given_answers.c.id == answer_id
            write.execute(sa.update(given_answers).where(this).values(accepted=helped))
            stage = QuestionStage.ANSWERED.value
            write.change(question_id, stage=stage, until=None, missing="")
            write.end_requests(question_id)

    def thank(self, question_id: str, answer_id: str) -> None:
        """Store that the asker thanked for an answer."""
        own = is_answer(question_id, answer_id)
        with self._writing() as write:
            write.execute(sa.update(given_answers).where(own).values(thanked=True))
            write.change(question_id)

    def lacks(self, question_id: str, missing: str) -> None:
        """Store what the asker finds missing; no answer is accepted, and other agents are asked.

        `until` stays as it is: the next step asks another agent.
        """
        with self._writing() as write:
            this = given_answers.c.question_id == question_id
            write.execute(sa.update(given_answers).where(this).values(accepted=False))
            stage = QuestionStage.EXPERTS.value
            write.change(question_id, stage=stage, missing=storable(missing))

    def remove(self, question_id: str) -> None:
        """Delete a question with all its answers."""
        self._register.note("question", self.now(), question=question_id, answer="")
        with self._writing() as write:
            gone = {"title": "", "text": "", "missing": "", "agent_id": "", "scope_id": ""}
            write.change(question_id, **gone, corrected=[], deleted=True)
            for table in QUESTION_PARTS:
                write.execute(sa.delete(table).where(table.c.question_id == question_id))
            write.end_requests(question_id)

    def remove_answer(self, question_id: str, answer_id: str) -> None:
        """Delete an answer. If it was accepted, the question goes to the animator's stage."""
        self._register.note("question", self.now(), question=question_id, answer=answer_id)
        with self._writing() as write:
            own = is_answer(question_id, answer_id)
            stage = write.stage_without(question_id, answer_id)
            for table in (hidden_texts, text_reports):
                write.execute(sa.delete(table).where(is_text(table, question_id, answer_id)))
            if write.execute(sa.delete(given_answers).where(own)):
                write.change(question_id, **stage)

    def count_answered_before(self, day: date, document_id: str) -> None:
        """Count one more «Cela répond».

        It is also counted separately if the document is a question open to everybody. Call this
        only for documents that everybody may read: the numbers are public.
        """
        source, _, question_id = document_id.partition(":")
        by_question = asked_questions.c.id == (question_id if source == QUESTION_SOURCE else "")
        opened = asked_questions.c.scope == ReaderScope.EVERYBODY.value
        with self._writing() as write:
            _one_more(write, answered_before, day)
            found = by_question & opened & ~asked_questions.c.deleted
            if write.has(asked_questions, found):
                _one_more(write, questions_found_again, day)

    def answered_before(self, since: date) -> int:
        """Return how often «Cela répond» was said since a day."""
        return self._counted(answered_before, since)

    def _counted(self, table: sa.Table, since: date) -> int:
        total = sa.select(sa.func.coalesce(sa.func.sum(table.c.count), 0))
        return int(sql.one(self._engine, total.where(table.c.day >= since)))

    def open_figures(self, since: datetime) -> OpenQuestionFigures:
        """Return the figures of questions open to everybody that were asked since `since`.

        They are computed again after each change and each day: this reads a row of each question.
        """
        key = (self.last_seq(), since.date())
        if self._figures is None or self._figures[0] != key:
            self._figures = (key, self._open_figures(since))
        return self._figures[1]

    def _open_figures(self, since: datetime) -> OpenQuestionFigures:
        asked, given = asked_questions.c, given_answers.c
        query = (
            sa.select(asked.created, sa.func.min(given.created))
            .select_from(asked_questions.outerjoin(given_answers, _by_another()))
            .where(~asked.deleted, asked.scope == ReaderScope.EVERYBODY.value, _shown())
            .where(asked.created > since)
            .group_by(asked.id, asked.created)
        )
        rows = sql.rows(self._engine, query)
        times_s = [
            (first - created).total_seconds() for created, first in rows if first is not None
        ]
        middle = timedelta(seconds=median(times_s)) if times_s else None
        again = self._counted(questions_found_again, since.date())
        return OpenQuestionFigures(len(rows), len(times_s), middle, again)

    def of_agent(self, agent_id: str) -> OwnAsking:
        """Return everything that is stored about one agent, including hidden texts."""
        mine = digest(agent_id)
        own = select_questions(True).where(asked_questions.c.agent_key == mine)
        given = select_answers(given_answers.c.agent_key == mine)
        answered = given.order_by(given_answers.c.created)
        planned, readers = question_recipients.c, question_readers.c
        asked = sa.select(asked_agents.c.question_id).where(asked_agents.c.agent_key == mine)
        may_be_asked = (
            sa.select(planned.question_id)
            .distinct()
            .where(planned.agent_key == mine, planned.question_id.not_in(asked))
        )
        may_read = sa.select(readers.question_id).where(readers.agent_key == mine)
        return OwnAsking(
            self.requests.preferences([agent_id])[agent_id],
            tuple(self._questions(own)),
            tuple(map(answer_of_row, sql.mappings(self._engine, answered))),
            self.requests.of_agent(agent_id),
            tuple(sql.scalars(self._engine, may_be_asked.order_by(planned.question_id))),
            tuple(sql.scalars(self._engine, may_read.order_by(readers.question_id))),
            self.moderation.reports_by(agent_id),
        )

    def changed_after(self, seq: int, upto: int) -> Iterator[tuple[str, Thread | None]]:
        """Yield (id, question) of the questions whose number is above `seq` and up to `upto`.

        They are sorted by number; the question is None if it was deleted or hidden.
        """
        return self._changed(asked_questions.c.seq > seq, asked_questions.c.seq <= upto)

    def changed(self, question_ids: Iterable[str]) -> Iterator[tuple[str, Thread | None]]:
        """Yield these questions in their current version, like `changed_after`."""
        return self._changed(asked_questions.c.id.in_(list(question_ids)))

    def last_seq(self) -> int:
        """Return the number of the last change, 0 if there is none."""
        return sql.scalar(self._engine, sa.select(asking_sequence.c.last)) or 0

    def _changed(self, *rows: sa.ColumnElement[bool]) -> Iterator[tuple[str, Thread | None]]:
        query = sa.select(asked_questions.c.id).where(*rows).order_by(asked_questions.c.seq)
        yield from ((id_, self.one(id_)) for id_ in sql.scalars(self._engine, query))

    def classify(self, question_id: str, topic_id: str) -> bool:
        """Give a topic to a question that has none; return false if it has one or is unknown."""
        with self._writing() as write:
            without = (asked_questions.c.id == question_id) & (asked_questions.c.topic_id == "")
            found = write.has(asked_questions, without)
            return found and write.change(question_id, topic_id=topic_id)

    def _differs(
        self, table: sa.Table, own: sa.ColumnElement[bool], said: dict[str, str]
    ) -> sa.RowMapping | None:
        """Return the row if its text differs from `said`, else None."""
        row = sql.first(self._engine, sa.select(table).where(own))
        return None if row is None or said == {name: row[name] for name in said} else row

    def _note_corrected(self, question_id: str, answer_id: str) -> datetime:
        """Write to the register that a text is about to be replaced, and return the time."""
        moment = self.now()
        self._register.note("corrected", moment, question=question_id, answer=answer_id)
        return moment


def _shown() -> sa.ColumnElement[bool]:
    """Return the condition that the question is not hidden as a whole."""
    return ~sa.exists().where(is_text(hidden_texts, asked_questions.c.id, ""))


def _by_another() -> sa.ColumnElement[bool]:
    """Return the condition that an answer to the question is visible and not by its asker."""
    given, asked = given_answers.c, asked_questions.c
    hidden = sa.exists().where(is_text(hidden_texts, given.question_id, given.id))
    theirs = (asked.agent_key == "") | (given.agent_key != asked.agent_key)
    return (given.question_id == asked.id) & theirs & ~hidden


def _waits() -> sa.ColumnElement[bool]:
    """Return the condition of `Thread.waits`, in SQL."""
    return (asked_questions.c.missing != "") | ~sa.exists().where(_by_another())


def _forget_former(write: Transaction, question_id: str, answer_id: str) -> bool:
    """Delete what concerns the text that its author just replaced.

    That is its hiding, if it was a former text from a restored database, and its reports that are
    decided or only say that it is no longer right: readers may report the new text again. Return
    whether it was hidden.
    """
    over = text_reports.c.decided.is_not(None) | text_reports.c.outdated
    reported = is_text(text_reports, question_id, answer_id) & over
    write.execute(sa.delete(text_reports).where(reported))
    own = is_text(hidden_texts, question_id, answer_id) & hidden_texts.c.outdated
    return write.execute(sa.delete(hidden_texts).where(own)) > 0


def _one_more(write: Transaction, table: sa.Table, day: date) -> None:
    more = sa.update(table).where(table.c.day == day).values(count=table.c.count + 1)
    if not write.execute(more):
        write.execute(sa.insert(table).values(day=day, count=1))


def _agent(agent_id: str) -> dict[str, object]:
    return {"agent_key": digest(agent_id), "agent_id": storable(agent_id)}


@dataclass(frozen=True, slots=True)
class Asking:
    """Dependencies of questions to experts.

    `publish` updates the index with stored questions; it returns false if that happens later.
    `reader_of` returns what an agent may read now. `experts` returns who may know the answer to a
    question, and `note_opening` counts that a reader opened a question's document. `acts` limits
    the number of counted «Cela répond», of corrections, and of answers and reports that are deleted
    again.
    """

    questions: SqlQuestions
    rules: AskingRules
    publish: Callable[[], bool]
    reader_of: Callable[[str], Reader]
    experts: Callable[[AnswerContext, Reader, str], Experts]
    note_opening: Callable[[AnswerContext, Reader, Card], None]
    acts: DailyActs
