"""Storage of questions to experts in the state's database: SQLite or PostgreSQL.

Each change that readers can see gives the question the next number; the connector (`documents`)
reads the rows above the number that the index knows. Writers take turns on one row, so that no
number becomes visible after a higher one, and no two writers take the same free place of an agent.
"""

import operator
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from connectors.batches import batches
from indexer import sql
from indexer.register import NO_REGISTER, Register
from indexer.state import digest, row_of, storable
from search_api.questions.values import (
    SOURCE,
    UNDECIDED,
    AgentRequest,
    AskedQuestion,
    AskingPreferences,
    GivenAnswer,
    OpenQuestionFigures,
    OwnAsking,
    QuestionStage,
    ReaderScope,
    RequestState,
    TextReport,
    Thread,
)

_READ_AT_ONCE = 500
"""Questions read by one statement: far below the databases' limit of parameters."""

metadata = sa.MetaData()

asked_questions = sa.Table(
    "asked_questions",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False, index=True),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("topic_id", sa.String(200), nullable=False),
    sa.Column("scope", sa.String(20), nullable=False),
    sa.Column("scope_id", sa.Text, nullable=False),
    sa.Column("named", sa.Boolean, nullable=False),
    sa.Column("stage", sa.String(20), nullable=False),
    sa.Column("until", sql.Moment),
    sa.Column("created", sql.Moment, nullable=False),
    sa.Column("modified", sql.Moment, nullable=False),
    sa.Column("missing", sa.Text, nullable=False),
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Column("corrected", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("readers_chosen", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("asked_questions_stage", "stage", "created", "id"),
    sa.Index("asked_questions_topic", "topic_id", "stage", "created", "id"),
    sa.Index("asked_questions_modified", "modified"),
    info={sql.KEPT_UNNAMED: True},
)
"""A deleted question keeps its id and number, so that its document is deleted too; it keeps
`agent_key` for a while, so that it still counts for its asker's limits.
"""

asked_agents = sa.Table(
    "asked_agents",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("asked", sql.Moment, nullable=False),
    sa.Column("until", sql.Moment, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("decided", sql.Moment),
    sa.Index("asked_agents_agent", "agent_key", "asked"),
)

question_recipients = sa.Table(
    "question_recipients",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
)
"""Agents who may be asked a question, in that order, chosen when it was asked."""

question_readers = sa.Table(
    "question_readers",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("agent_key", sa.String(64), primary_key=True, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
)
"""Members of a community when a question limited to it was asked."""

given_answers = sa.Table(
    "given_answers",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("question_id", sa.String(32), nullable=False, index=True),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created", sql.Moment, nullable=False),
    sa.Column("corrected", sa.JSON, nullable=False),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("thanked", sa.Boolean, nullable=False),
    sa.Column("valid_until", sa.Date),
    info={sql.KEPT_UNNAMED: True},
)

asking_preferences = sa.Table(
    "asking_preferences",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("receives", sa.Boolean, nullable=False),
    sa.Column("topics", sa.JSON, nullable=False),
    sa.Column("per_week", sa.Integer),
    sa.Column("absent_until", sa.Date),
)

answered_before = sa.Table(
    "answered_before",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)
"""Daily count, without names, of how often «Cela répond» ended a question being written."""

questions_found_again = sa.Table(
    "questions_found_again",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)
"""The part of `answered_before` where a question open to everybody was the answer."""

hidden_texts = sa.Table(
    "hidden_texts",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("answer_id", sa.String(32), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", sql.Moment, nullable=False),
    sa.Column("outdated", sa.Boolean, nullable=False, server_default=sa.false()),
)
"""Texts hidden by the animator of their topic: the question with all its answers if `answer_id` is
empty. `outdated`: nobody hid it, it is a former text from a restored database.
"""

question_uses = sa.Table(
    "question_uses",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("day", sa.Date, nullable=False),
)
"""Last day on which an agent other than its asker and answerers opened a question; no name."""

text_reports = sa.Table(
    "text_reports",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("answer_id", sa.String(32), primary_key=True),
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created", sql.Moment, nullable=False),
    sa.Column("decided", sql.Moment),
    sa.Column("outdated", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("text_reports_agent", "agent_key", "created"),
)

_hiding = hidden_texts.alias()
"""The row, if any, that hides the question or the answer of a query's row."""
_HIDDEN = (
    _hiding.c.reason.label("hidden"),
    sa.func.coalesce(_hiding.c.outdated, sa.false()).label("outdated"),
)

asking_sequence = sa.Table(
    "asking_sequence",
    metadata,
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last", sa.Integer, nullable=False),
)


class SqlQuestions:
    """Stores all questions, requests, answers and preferences.

    Methods leave hidden texts out, unless their docstring says otherwise.
    """

    def __init__(
        self,
        engine: sa.Engine,
        now: Callable[[], datetime],
        register: Register = NO_REGISTER,
    ) -> None:
        self._engine, self.now, self._register = engine, now, register
        self._figures: tuple[tuple[int, date], OpenQuestionFigures] | None = None

    def ask(
        self, question: AskedQuestion, per_day: int, since: datetime, recipients: Sequence[str] = ()
    ) -> bool:
        """Store a new question and the ids of its recipients, in order.

        Return false if the asker has asked `per_day` questions since `since`.
        """
        with self._writing() as (connection, seq):
            asked = asked_questions.c
            own = (asked.agent_key == digest(question.asker_id)) & (asked.created > since)
            count = sa.select(sa.func.count()).select_from(asked_questions).where(own)
            if connection.execute(count).scalar_one() >= per_day:
                return False
            connection.execute(sa.insert(asked_questions).values(_question_row(question, seq)))
            rows = [
                {"question_id": question.id, "place": place, **_agent_columns(id_)}
                for place, id_ in enumerate(recipients)
            ]
            if rows:
                connection.execute(sa.insert(question_recipients), rows)
            _write_readers(connection, question.id, question.readers or ())
            return True

    def one(self, question_id: str, *, with_hidden: bool = False) -> Thread | None:
        """Return a question with its answers; None if it is unknown, deleted or hidden."""
        query = _existing(with_hidden).where(asked_questions.c.id == question_id)
        return next(iter(self._threads(query, with_hidden)), None)

    def _threads(self, query: sa.Select[Any], with_hidden: bool = False) -> tuple[Thread, ...]:
        given, shown = given_answers.c, sa.true() if with_hidden else _hiding.c.reason.is_(None)
        answers: dict[str, list[GivenAnswer]] = defaultdict(list)
        with self._engine.connect() as connection:
            questions = _questions(connection, query)
            for ids in batches([one.id for one in questions], _READ_AT_ONCE):
                answered = _given(given.question_id.in_(ids), shown)
                ordered = answered.order_by(given.accepted.desc(), given.created, given.id)
                for one in map(_answer, connection.execute(ordered).mappings()):
                    answers[one.question_id].append(one)
        return tuple(Thread(one, tuple(answers[one.id])) for one in questions)

    def of_asker(self, agent_id: str) -> tuple[Thread, ...]:
        """Return the questions of an agent, newest first, including hidden ones."""
        query = _existing(True).where(asked_questions.c.agent_key == digest(agent_id))
        newest = asked_questions.c.created.desc()
        return self._threads(query.order_by(newest, asked_questions.c.id))

    def waiting_for(self, agent_id: str) -> tuple[tuple[AgentRequest, AskedQuestion], ...]:
        """Return the undecided requests to an agent, with their questions, oldest first."""
        own = asked_agents.c.agent_key == digest(agent_id)
        requests = self._requests(own & _undecided())
        query = _existing().where(asked_questions.c.id.in_([one.question_id for one in requests]))
        with self._engine.connect() as connection:
            by_id = {one.id: one for one in _questions(connection, query)}
        return tuple((one, by_id[one.question_id]) for one in requests if one.question_id in by_id)

    def awaiting_word(self, agent_id: str) -> int:
        """Count an agent's questions that were answered and have no reaction of the agent yet."""
        asked = asked_questions.c
        own = ~asked.deleted & (asked.agent_key == digest(agent_id))
        own &= (asked.stage != QuestionStage.ANSWERED.value) & (asked.missing == "")
        thanked = _answered_by_another(given_answers.c.thanked)
        with self._engine.connect() as connection:
            return _count(connection, own & _answered_by_another() & ~thanked, asked_questions)

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
        query = _existing().where(rows).order_by(*order).limit(_READ_AT_ONCE)
        after: sa.ColumnElement[bool] = sa.true()
        while True:
            with self._engine.connect() as connection:
                found = _questions(connection, query.where(after))
            yield from found
            if len(found) < _READ_AT_ONCE:
                return
            last = found[-1]
            follows = operator.lt if newest else operator.gt
            later = (asked.created == last.created) & follows(asked.id, last.id)
            after = follows(asked.created, last.created) | later

    def due(self, moment: datetime) -> tuple[AskedQuestion, ...]:
        """Return waiting questions that are with experts, or whose community's time is over."""
        asked = asked_questions.c
        over = asked.until.is_(None) | (asked.until <= moment)
        community = (asked.stage == QuestionStage.COMMUNITY.value) & over
        due = (asked.stage == QuestionStage.EXPERTS.value) | community
        query = _existing().where(due & _waits()).order_by(asked.created, asked.id)
        with self._engine.connect() as connection:
            return tuple(_questions(connection, query))

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
        newest = asked_questions.c.modified.desc()
        return self._threads(_existing().where(rows).order_by(newest, asked_questions.c.id))

    def requests_of(self, question_id: str) -> tuple[AgentRequest, ...]:
        """Return the requests for a question, in order of time. Not to be shown to a reader."""
        return self._requests(asked_agents.c.question_id == question_id)

    def _requests(self, rows: sa.ColumnElement[bool]) -> tuple[AgentRequest, ...]:
        query = sa.select(asked_agents).where(rows).order_by(asked_agents.c.asked)
        return sql.values(self._engine, AgentRequest, query)

    def recipients_of(self, question_id: str) -> tuple[str, ...]:
        """Return the ids of the stored recipients, in order. Not to be shown to a reader."""
        this = question_recipients.c.question_id == question_id
        ordered = sa.select(question_recipients.c.agent_id).where(this)
        return tuple(sql.scalars(self._engine, ordered.order_by(question_recipients.c.place)))

    def requested_since(self, agent_ids: Collection[str], moment: datetime) -> dict[str, int]:
        """Return how many questions each of these agents was asked since `moment`."""
        keys = {digest(id_): id_ for id_ in agent_ids}
        query = (
            sa.select(asked_agents.c.agent_key, sa.func.count())
            .where(asked_agents.c.agent_key.in_(keys), asked_agents.c.asked > moment)
            .group_by(asked_agents.c.agent_key)
        )
        return {keys[key]: count for key, count in sql.rows(self._engine, query)}

    def request(
        self,
        request: AgentRequest,
        most: int,
        since: datetime,
        of_asker: Sequence[tuple[int, datetime]] = (),
    ) -> bool:
        """Ask one agent; return false if that is not allowed any more.

        False if the question waits for another agent, is not at the experts' stage or was deleted;
        if the agent was asked it before, or was asked `most` questions since `since`; or if the
        agent reached one of the limits of one asker (`of_asker`: number and since). Deleted
        questions count.
        """
        with self._writing() as (connection, _):
            mine = asked_agents.c.agent_key == digest(request.agent_id)
            this = asked_agents.c.question_id == request.question_id
            open_ = _existing().where(
                asked_questions.c.id == request.question_id,
                asked_questions.c.stage == QuestionStage.EXPERTS.value,
            )
            asked = connection.execute(open_).mappings().first()
            if asked is None:
                return False
            if _count(connection, this & (mine | _undecided())):
                return False
            if _count(connection, mine & (asked_agents.c.asked > since)) >= most:
                return False
            if _has_taken_share(connection, asked["agent_key"], request.agent_id, of_asker):
                return False
            connection.execute(sa.insert(asked_agents).values(row_of(asked_agents, request)))
            return True

    def has_taken_share(
        self, asker_id: str, agent_id: str, limits: Sequence[tuple[int, datetime]]
    ) -> bool:
        """Return whether an agent was asked as many questions of an asker as the limits allow."""
        with self._engine.connect() as connection:
            return _has_taken_share(connection, digest(asker_id), agent_id, limits)

    def decide(
        self,
        question_id: str,
        agent_id: str,
        state: RequestState,
        until: datetime | None = None,
        reason: str = "",
    ) -> bool:
        """Change an undecided request; return false if there is none.

        Accepting makes the asker's name visible. A request is accepted only once, so that no agent
        keeps a question for ever.
        """
        own = (asked_agents.c.question_id == question_id) & _undecided()
        own &= asked_agents.c.agent_key == digest(agent_id)
        if state is RequestState.ACCEPTED:
            own &= asked_agents.c.state == RequestState.WAITING.value
        values: dict[str, object] = {"state": state.value, "reason": storable(reason)}
        if state is not RequestState.EXPIRED:
            values["decided"] = self.now()
        if until is not None:
            values["until"] = until
        with self._writing() as (connection, seq):
            changed = connection.execute(sa.update(asked_agents).where(own).values(values)).rowcount
            if changed and state is RequestState.ACCEPTED:
                _change(connection, question_id, seq, named=True)
            return bool(changed)

    def take_back_decline(self, question_id: str, agent_id: str) -> bool:
        """Make a declined request wait again; return false if the question went on since.

        It went on if another agent was asked later, or if the time of the request is over.
        """
        moment, asked, others = self.now(), asked_agents.c, asked_agents.alias().c
        this = asked.question_id == question_id
        own = this & (asked.agent_key == digest(agent_id)) & (asked.until > moment)
        own &= asked.state == RequestState.DECLINED.value
        later = sa.select(others.agent_key).where(
            others.question_id == question_id,
            others.agent_key != digest(agent_id),
            others.asked >= asked.asked,
        )
        open_ = asked_questions.c.id == question_id
        open_ &= asked_questions.c.stage == QuestionStage.EXPERTS.value
        again = sa.update(asked_agents).where(own & ~sa.exists(later.correlate(asked_agents)))
        with self._writing() as (connection, _):
            if not _there(connection, open_ & ~asked_questions.c.deleted):
                return False
            values = {"state": RequestState.WAITING.value, "decided": None}
            return bool(connection.execute(again.values(values)).rowcount)

    def move(self, question_id: str, stage: QuestionStage, until: datetime | None) -> None:
        """Put a question at a stage; its undecided requests expire."""
        with self._writing() as (connection, _):
            _end_requests(connection, question_id, self.now())
            values = {"stage": stage.value, "until": until}
            own = asked_questions.c.id == question_id
            connection.execute(sa.update(asked_questions).where(own).values(values))

    def edit(self, question_id: str, title: str, text: str) -> None:
        """Replace the text of a question; only the time of the change is kept of the former text.

        Do nothing if the text is the same.
        """
        own = asked_questions.c.id == question_id
        said = {"title": storable(title), "text": storable(text)}
        if not self._differs(asked_questions, own, said):
            return
        moment = self._note_corrected(question_id, "")
        with self._writing() as (connection, seq):
            row = connection.execute(sa.select(asked_questions).where(own)).mappings().first()
            if row is None:
                return
            corrected = [*row["corrected"], moment.isoformat()]
            _change(connection, question_id, seq, **said, modified=moment, corrected=corrected)
            _forget_decided(connection, question_id, "")
            _forget_outdated(connection, question_id, "")

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
        own = (asked_agents.c.agent_key == mine) & (
            asked_agents.c.question_id == answer.question_id
        )
        by_asker = (asked_questions.c.id == answer.question_id) & (
            asked_questions.c.agent_key == mine
        )
        with self._writing() as (connection, seq):
            if _count(connection, given_answers.c.id == answer.id, given_answers):
                return True
            if most is not None and since is not None:
                given = (given_answers.c.agent_key == mine) & (given_answers.c.created > since)
                if _count(connection, given, given_answers) >= most:
                    return False
            values: dict[str, object] = {} if _there(connection, by_asker) else {"missing": ""}
            done = sa.update(asked_agents).where(own).values(state=RequestState.ANSWERED.value)
            if connection.execute(done).rowcount:
                values["named"] = True
            if _change(connection, answer.question_id, seq, **values):
                row = row_of(given_answers, answer, agent_id=answer.author_id, corrected=[])
                connection.execute(sa.insert(given_answers).values(row))
            return True

    def correct(self, answer_id: str, text: str, valid_until: date | None = None) -> None:
        """Replace an answer's text and last valid day; only the time of the change is kept."""
        own = given_answers.c.id == answer_id
        moment, said = self.now(), {"text": storable(text)}
        if differs := self._differs(given_answers, own, said):
            moment = self._note_corrected(differs["question_id"], answer_id)
        with self._writing() as (connection, seq):
            row = connection.execute(sa.select(given_answers).where(own)).mappings().first()
            if row is None:
                return
            corrected = [*row["corrected"], moment.isoformat()]
            values = {**said, "corrected": corrected, "valid_until": valid_until}
            connection.execute(sa.update(given_answers).where(own).values(values))
            stage = {}
            if differs:
                _forget_decided(connection, row["question_id"], answer_id)
                if _forget_outdated(connection, row["question_id"], answer_id) and row["accepted"]:
                    stage = {"stage": QuestionStage.ANSWERED.value}
            # A correction that other readers cannot see must not change the date that they see.
            this = _text(hidden_texts, row["question_id"], answer_id)
            unseen = connection.execute(sa.select(hidden_texts).where(this)).first() is not None
            dated = {} if unseen else {"modified": self.now()}
            _change(connection, row["question_id"], seq, **dated, **stage)

    def accept(self, question_id: str, answer_id: str) -> None:
        """Mark the only answer that helped; the question is answered."""
        with self._writing() as (connection, seq):
            this = given_answers.c.question_id == question_id
            helped = given_answers.c.id == answer_id
            connection.execute(sa.update(given_answers).where(this).values(accepted=helped))
            stage = QuestionStage.ANSWERED.value
            _change(connection, question_id, seq, stage=stage, until=None, missing="")
            _end_requests(connection, question_id, self.now())

    def thank(self, question_id: str, answer_id: str) -> None:
        """Store that the asker thanked for an answer."""
        with self._writing() as (connection, seq):
            own = (given_answers.c.id == answer_id) & (given_answers.c.question_id == question_id)
            connection.execute(sa.update(given_answers).where(own).values(thanked=True))
            _change(connection, question_id, seq)

    def lacks(self, question_id: str, missing: str) -> None:
        """Store what the asker finds missing; no answer is accepted, and other agents are asked.

        `until` stays as it is: the next step asks another agent.
        """
        with self._writing() as (connection, seq):
            this = given_answers.c.question_id == question_id
            connection.execute(sa.update(given_answers).where(this).values(accepted=False))
            stage = QuestionStage.EXPERTS.value
            _change(connection, question_id, seq, stage=stage, missing=storable(missing))

    def remove(self, question_id: str) -> None:
        """Delete a question with all its answers."""
        self._register.note("question", self.now(), **_this(question_id, ""))
        with self._writing() as (connection, seq):
            gone = {"title": "", "text": "", "missing": "", "agent_id": "", "scope_id": ""}
            _change(connection, question_id, seq, **gone, corrected=[], deleted=True)
            moderated = (hidden_texts, text_reports, question_uses)
            for table in (given_answers, *moderated, question_recipients, question_readers):
                connection.execute(sa.delete(table).where(table.c.question_id == question_id))
            _end_requests(connection, question_id, self.now())

    def tidy(self, before: datetime) -> None:
        """Erase what is stored of deleted questions only for limits, if older than `before`.

        That is the asker and the requests: without them an agent could ask and delete without end.
        Reports that were decided before `before` are deleted too.
        """
        gone = sa.select(asked_questions.c.id).where(asked_questions.c.deleted)
        with self._writing() as (connection, _):
            late = asked_agents.c.question_id.in_(gone) & (asked_agents.c.asked < before)
            connection.execute(sa.delete(asked_agents).where(late))
            # A recent request still counts for its asker's limits, however old the question is.
            counted = sa.select(asked_agents.c.question_id)
            old = asked_questions.c.deleted & (asked_questions.c.created < before)
            old &= asked_questions.c.id.not_in(counted)
            connection.execute(sa.update(asked_questions).where(old).values(agent_key=""))
            decided = text_reports.c.decided < before
            connection.execute(sa.delete(text_reports).where(decided))

    def remove_answer(self, question_id: str, answer_id: str) -> None:
        """Delete an answer. If it was accepted, the question goes to the animator's stage."""
        self._register.note("question", self.now(), **_this(question_id, answer_id))
        with self._writing() as (connection, seq):
            own = (given_answers.c.id == answer_id) & (given_answers.c.question_id == question_id)
            stage = _stage_without(connection, question_id, answer_id)
            for table in (hidden_texts, text_reports):
                connection.execute(sa.delete(table).where(_text(table, question_id, answer_id)))
            if connection.execute(sa.delete(given_answers).where(own)).rowcount:
                _change(connection, question_id, seq, **stage)

    def preferences(self, agent_ids: Collection[str]) -> dict[str, AskingPreferences]:
        """Return the preferences of each of these agents; defaults for agents who set nothing."""
        keys = {digest(id_): id_ for id_ in agent_ids}
        query = sa.select(asking_preferences).where(asking_preferences.c.agent_key.in_(keys))
        found = {id_: AskingPreferences() for id_ in agent_ids}
        for row in sql.mappings(self._engine, query):
            found[keys[row["agent_key"]]] = sql.value(AskingPreferences, row)
        return found

    def prefer(self, agent_id: str, said: AskingPreferences) -> None:
        """Store an agent's preferences; they apply from the next question on."""
        with self._writing() as (connection, _):
            row = row_of(asking_preferences, said, agent_id=agent_id)
            sql.put(connection, asking_preferences, row)

    def count_answered_before(self, day: date, document_id: str) -> None:
        """Count one more «Cela répond», and apart if a question open to everybody was the answer.

        To be called only for documents that everybody may read: the numbers are public.
        """
        source, _, question_id = document_id.partition(":")
        by_question = asked_questions.c.id == (question_id if source == SOURCE else "")
        opened = asked_questions.c.scope == ReaderScope.EVERYBODY.value
        with self._writing() as (connection, _):
            _one_more(connection, answered_before, day)
            if _there(connection, by_question & opened & ~asked_questions.c.deleted):
                _one_more(connection, questions_found_again, day)

    def note_use(self, question_id: str, day: date) -> None:
        """Store the last day on which a question was used, and no name."""
        own = question_uses.c.question_id == question_id
        query = sa.select(question_uses.c.day).where(own)
        if (sql.scalar(self._engine, query) or date.min) >= day:
            return
        with self._writing() as (connection, _):
            sql.put(connection, question_uses, {"question_id": question_id, "day": day})

    def expired(
        self, unanswered_before: datetime | None, unused_before: datetime | None
    ) -> tuple[str, ...]:
        """Return the ids of questions whose retention time is over, including hidden ones.

        Questions without an answer: not changed since `unanswered_before`. Answered questions: not
        changed, answered or used since `unused_before`. None: such questions are kept for ever.
        """
        before = {False: unanswered_before, True: unused_before}
        found: list[str] = []
        for answered, moment in before.items():
            if moment is not None:
                found += self._expired(answered, moment)
        return tuple(sorted(found))

    def _expired(self, answered: bool, before: datetime) -> Iterator[str]:
        asked, given, used = asked_questions.c, given_answers.c, question_uses.c
        this = given.question_id == asked.id
        lately = sa.exists().where(this, given.created >= before)
        of_use = sa.exists().where(used.question_id == asked.id, used.day >= before.date())
        has_answer = sa.exists().where(this)
        old = ~asked.deleted & (asked.modified < before) & ~lately & ~of_use
        old &= has_answer if answered else ~has_answer
        corrected = sa.select(given.question_id, given.corrected).where(
            given.question_id.in_(sa.select(asked.id).where(old))
        )
        with self._engine.connect() as connection:
            ids = list(connection.execute(sa.select(asked.id).where(old)).scalars())
            # Times of corrections are a JSON list, which not every database can compare.
            kept = {
                question_id
                for question_id, moments in connection.execute(corrected)
                if moments and datetime.fromisoformat(moments[-1]) >= before
            }
        yield from (one for one in ids if one not in kept)

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
        own = _existing(True).where(asked_questions.c.agent_key == mine)
        answered = _given(given_answers.c.agent_key == mine).order_by(given_answers.c.created)
        planned, readers = question_recipients.c, question_readers.c
        asked = sa.select(asked_agents.c.question_id).where(asked_agents.c.agent_key == mine)
        may_be_asked = sa.select(planned.question_id).where(
            planned.agent_key == mine, planned.question_id.not_in(asked)
        )
        may_read = sa.select(readers.question_id).where(readers.agent_key == mine)
        with self._engine.connect() as connection:
            questions = tuple(_questions(connection, own))
        return OwnAsking(
            self.preferences([agent_id])[agent_id],
            questions,
            tuple(map(_answer, sql.mappings(self._engine, answered))),
            self._requests(asked_agents.c.agent_key == mine),
            tuple(sql.scalars(self._engine, may_be_asked.order_by(planned.question_id))),
            tuple(sql.scalars(self._engine, may_read.order_by(readers.question_id))),
            self._reports(text_reports.c.agent_key == mine),
        )

    def changed_after(self, seq: int, upto: int) -> Iterator[tuple[str, Thread | None]]:
        """Yield (id, question) of the questions whose number is above `seq` and up to `upto`.

        By number; None for a question that was deleted or hidden.
        """
        yield from self._changed(asked_questions.c.seq > seq, asked_questions.c.seq <= upto)

    def changed(self, question_ids: Iterable[str]) -> Iterator[tuple[str, Thread | None]]:
        """Yield these questions in their current version, like `changed_after`."""
        yield from self._changed(asked_questions.c.id.in_(list(question_ids)))

    def last_seq(self) -> int:
        """Return the number of the last change, 0 if there is none."""
        return sql.scalar(self._engine, sa.select(asking_sequence.c.last)) or 0

    def _changed(self, *rows: sa.ColumnElement[bool]) -> Iterator[tuple[str, Thread | None]]:
        query = sa.select(asked_questions.c.id).where(*rows).order_by(asked_questions.c.seq)
        yield from ((id_, self.one(id_)) for id_ in sql.scalars(self._engine, query))

    def hide(self, question_id: str, answer_id: str, reason: str) -> None:
        """Show a text only to its author from now on, with a reason; its reports are decided.

        If the text is the accepted answer, the question goes to the animator's stage. If it is the
        question, its undecided requests expire.
        """
        self._register.note("hidden", self.now(), **_this(question_id, answer_id), hidden=True)
        with self._writing() as (connection, seq):
            stage = _stage_without(connection, question_id, answer_id)
            if not _change(connection, question_id, seq, **stage):
                return
            row = {"question_id": question_id, "answer_id": answer_id}
            values = {"reason": storable(reason), "since": self.now()}
            sql.put(connection, hidden_texts, row | values)
            if not answer_id:
                _end_requests(connection, question_id, self.now())
            _decide_reports(connection, question_id, answer_id, self.now())

    def hide_outdated(self, question_id: str, answer_id: str) -> None:
        """Show a former text only to its author, until the author confirms or corrects it.

        For a restored database. A text that is hidden already stays as it is.
        """
        own = _text(hidden_texts, question_id, answer_id)
        row = {"question_id": question_id, "answer_id": answer_id, "reason": ""}
        with self._writing() as (connection, seq):
            if connection.execute(sa.select(hidden_texts).where(own)).first() is None:
                stage = _stage_without(connection, question_id, answer_id)
                if _change(connection, question_id, seq, **stage):
                    values = {**row, "since": self.now(), "outdated": True}
                    connection.execute(sa.insert(hidden_texts).values(values))

    def show_again(
        self, question_id: str, answer_id: str, text_digest: str, *, outdated: bool = False
    ) -> bool:
        """Show a hidden text to all its readers; return false if the text has changed.

        `outdated`: only a former text that nobody hid, when its author confirms it.
        """
        if self._text_digest(question_id, answer_id) != text_digest:
            return False
        this = {**_this(question_id, answer_id), "text": text_digest}
        self._register.note("hidden", self.now(), **this, hidden=False)
        helped = (given_answers.c.id == answer_id) & given_answers.c.accepted
        with self._writing() as (connection, seq):
            found = connection.execute(sa.select(given_answers.c.id).where(helped)).first()
            stage = {"stage": QuestionStage.ANSWERED.value} if found else {}
            own = _text(hidden_texts, question_id, answer_id)
            if self._text_digest(question_id, answer_id, connection) != text_digest:
                return False
            own &= hidden_texts.c.outdated if outdated else sa.true()
            if connection.execute(sa.delete(hidden_texts).where(own)).rowcount:
                _change(connection, question_id, seq, **stage)
            return True

    def _text_digest(
        self, question_id: str, answer_id: str, connection: sa.Connection | None = None
    ) -> str:
        """Return the digest of the current text; empty if there is no text."""
        with nullcontext(connection) if connection else self._engine.connect() as within:
            if answer_id:
                rows = sa.select(given_answers).where(given_answers.c.id == answer_id)
                rows = rows.where(given_answers.c.question_id == question_id)
            else:
                rows = _existing(True).where(asked_questions.c.id == question_id)
            row = within.execute(rows).mappings().first()
        if row is None:
            return ""
        return (_answer(row) if answer_id else _question(row)).text_digest

    def texts_hidden(
        self, topic_ids: Collection[str] | None = None
    ) -> Iterator[tuple[Thread, str]]:
        """Yield hidden texts as (question, id of the answer or empty) pairs, newest first.

        `topic_ids`: only these topics; None for all. Rows are read in batches as they are needed.
        """
        yield from self._texts(hidden_texts, sa.true(), topic_ids, sa.desc(hidden_texts.c.since))

    def texts_reported(
        self, topic_ids: Collection[str] | None = None
    ) -> Iterator[tuple[Thread, str]]:
        """Yield texts with undecided reports like `texts_hidden`, oldest report first."""
        waiting = text_reports.c.decided.is_(None)
        yield from self._texts(
            text_reports, waiting, topic_ids, sa.func.min(text_reports.c.created)
        )

    def answers_doubted(self, agent_id: str) -> Iterator[tuple[Thread, str]]:
        """Yield an agent's answers that readers say are no longer right, like `texts_reported`."""
        own = sa.select(given_answers.c.id).where(given_answers.c.agent_key == digest(agent_id))
        reports = text_reports.c
        rows = reports.decided.is_(None) & reports.outdated & reports.answer_id.in_(own)
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
        grouped = [*key] if table is text_reports else []
        query = query.group_by(*grouped).order_by(order, *key)
        keys = [(one[0], one[1]) for one in sql.rows(self._engine, query)]
        for some in batches(keys, _READ_AT_ONCE):
            existing = _existing(True).where(asked_questions.c.id.in_({one[0] for one in some}))
            threads = {one.question.id: one for one in self._threads(existing, True)}
            yield from ((threads[one[0]], one[1]) for one in some if one[0] in threads)

    def is_reported(self, report: TextReport) -> bool:
        """Return whether the agent has reported this text before, decided or not."""
        own = text_reports.c.agent_key == digest(report.agent_id)
        own &= _text(text_reports, report.question_id, report.answer_id)
        return sql.first(self._engine, sa.select(text_reports).where(own)) is not None

    def report(self, report: TextReport, most: int, since: datetime) -> bool:
        """Store a reader's report of a text, once; return false at `most` reports since `since`."""
        mine = text_reports.c.agent_key == digest(report.agent_id)
        own = mine & _text(text_reports, report.question_id, report.answer_id)
        with self._writing() as (connection, _):
            if connection.execute(sa.select(text_reports).where(own)).first():
                return True
            recent = mine & (text_reports.c.created > since)
            if _count(connection, recent, text_reports) >= most:
                return False
            connection.execute(
                sa.insert(text_reports).values(row_of(text_reports, report, decided=None))
            )
            return True

    def take_report_back(
        self, agent_id: str, question_id: str, answer_id: str, until: datetime | None = None
    ) -> bool:
        """Delete an agent's undecided report; return false if there is none.

        The register is written first. `until`: only a report that was made by then.
        """
        own = (text_reports.c.agent_key == digest(agent_id)) & text_reports.c.decided.is_(None)
        own &= _text(text_reports, question_id, answer_id)
        if until is not None:
            own &= text_reports.c.created <= until
        if sql.first(self._engine, sa.select(text_reports).where(own)) is None:
            return False
        this = _this(question_id, answer_id)
        self._register.note("report", self.now(), agent=agent_id, **this)
        return bool(sql.execute(self._engine, sa.delete(text_reports).where(own)))

    def reports(self, question_ids: Collection[str] | None = None) -> tuple[TextReport, ...]:
        """Return the undecided reports, oldest first. For moderators.

        `question_ids`: only of these questions and their answers; None for all.
        """
        rows: sa.ColumnElement[bool] = text_reports.c.decided.is_(None)
        if question_ids is not None:
            rows &= text_reports.c.question_id.in_(question_ids)
        return self._reports(rows)

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
            .where(reports.decided.is_(None))
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
        with self._writing() as (connection, _):
            _decide_reports(connection, question_id, answer_id, self.now(), only_outdated)

    def classify(self, question_id: str, topic_id: str) -> bool:
        """Give a topic to a question that has none; return false if it has one or is unknown."""
        with self._writing() as (connection, seq):
            without = (asked_questions.c.id == question_id) & (asked_questions.c.topic_id == "")
            return _there(connection, without) and _change(
                connection, question_id, seq, topic_id=topic_id
            )

    def _differs(
        self, table: sa.Table, own: sa.ColumnElement[bool], said: dict[str, str]
    ) -> sa.RowMapping | None:
        """Return the row if its text differs from `said`, else None."""
        row = sql.first(self._engine, sa.select(table).where(own))
        return None if row is None or said == {name: row[name] for name in said} else row

    def _note_corrected(self, question_id: str, answer_id: str) -> datetime:
        """Write to the register that a text is about to be replaced, and return the time."""
        moment = self.now()
        self._register.note("corrected", moment, **_this(question_id, answer_id))
        return moment

    @contextmanager
    def _writing(self) -> Iterator[tuple[sa.Connection, int]]:
        """Open a transaction with the number of its change; other writers wait until it ends."""
        with self._engine.begin() as connection:
            more = sa.update(asking_sequence).values(last=asking_sequence.c.last + 1)
            if not connection.execute(more).rowcount:
                try:
                    with connection.begin_nested():
                        connection.execute(sa.insert(asking_sequence).values(place=1, last=1))
                except sa.exc.IntegrityError:  # another writer inserted it at the same moment
                    connection.execute(more)
            yield connection, connection.execute(sa.select(asking_sequence.c.last)).scalar_one()


def _this(question_id: str, answer_id: str) -> dict[str, str]:
    """Return the fields of the register that name a question, or one of its answers."""
    return {"question": question_id, "answer": answer_id}


def renumber_texts_of(connection: sa.Connection, agent_id: str) -> None:
    """Give the next number to questions with texts of an agent who is about to be erased.

    Their documents are then indexed again, without the agent's name.
    """
    mine = digest(agent_id)
    connection.execute(sa.update(asking_sequence).values(last=asking_sequence.c.last + 1))
    seq = sa.select(asking_sequence.c.last).scalar_subquery()
    answered = sa.select(given_answers.c.question_id).where(given_answers.c.agent_key == mine)
    touched = (asked_questions.c.agent_key == mine) | asked_questions.c.id.in_(answered)
    connection.execute(sa.update(asked_questions).where(touched).values(seq=seq))


def forget_every_question(connection: sa.Connection) -> None:
    """Erase all questions, answers and requests; preferences stay.

    The number of the last change stays too, so that later numbers are above those in the index.
    """
    moderated = (hidden_texts, text_reports, question_uses)
    asked = (asked_questions, asked_agents, question_recipients, question_readers)
    for table in (*asked, given_answers, *moderated):
        connection.execute(sa.delete(table))


def _existing(with_hidden: bool = False) -> sa.Select[Any]:
    own = _text(_hiding, asked_questions.c.id, "")
    query = sa.select(asked_questions, *_HIDDEN).outerjoin(_hiding, own)
    query = query.where(~asked_questions.c.deleted)
    return query if with_hidden else query.where(_hiding.c.reason.is_(None))


def _given(*rows: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the query of the answers that meet conditions, including hidden ones."""
    own = _text(_hiding, given_answers.c.question_id, given_answers.c.id)
    return sa.select(given_answers, *_HIDDEN).outerjoin(_hiding, own).where(*rows)


def _shown() -> sa.ColumnElement[bool]:
    """Return the condition that the question is not hidden as a whole."""
    return ~sa.exists().where(_text(hidden_texts, asked_questions.c.id, ""))


def _answered_by_another(*more: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return the condition that a visible answer by another than the asker meets `more`."""
    return sa.exists().where(_by_another(), *more)


def _by_another() -> sa.ColumnElement[bool]:
    """Return the condition that an answer to the question is visible and not by its asker."""
    given, asked = given_answers.c, asked_questions.c
    hidden = sa.exists().where(_text(hidden_texts, given.question_id, given.id))
    theirs = (asked.agent_key == "") | (given.agent_key != asked.agent_key)
    return (given.question_id == asked.id) & theirs & ~hidden


def _waits() -> sa.ColumnElement[bool]:
    """Return the condition of `Thread.waits`, in SQL."""
    return (asked_questions.c.missing != "") | ~_answered_by_another()


def _text(
    table: sa.FromClause,
    question_id: str | sa.ColumnElement[str],
    answer_id: str | sa.ColumnElement[str],
) -> sa.ColumnElement[bool]:
    return (table.c.question_id == question_id) & (table.c.answer_id == answer_id)


def _stage_without(
    connection: sa.Connection, question_id: str, answer_id: str
) -> dict[str, object]:
    """Return the new stage of a question that loses its accepted answer, else nothing."""
    own = (given_answers.c.id == answer_id) & (given_answers.c.question_id == question_id)
    helped = sa.select(given_answers.c.accepted).where(own)
    accepted = connection.execute(helped).scalar()
    return {"stage": QuestionStage.ANIMATOR.value} if accepted else {}


def _decide_reports(
    connection: sa.Connection,
    question_id: str,
    answer_id: str,
    moment: datetime,
    only_outdated: bool = False,
) -> None:
    waiting = _text(text_reports, question_id, answer_id) & text_reports.c.decided.is_(None)
    if only_outdated:
        waiting &= text_reports.c.outdated
    connection.execute(sa.update(text_reports).where(waiting).values(decided=moment))


def _forget_decided(connection: sa.Connection, question_id: str, answer_id: str) -> None:
    """Delete reports of a former text that are decided, or that it is no longer right.

    Readers may report the new text again.
    """
    over = text_reports.c.decided.is_not(None) | text_reports.c.outdated
    connection.execute(
        sa.delete(text_reports).where(_text(text_reports, question_id, answer_id) & over)
    )


def _forget_outdated(connection: sa.Connection, question_id: str, answer_id: str) -> bool:
    """Show a former text again once its author replaced it; return whether there was one."""
    own = _text(hidden_texts, question_id, answer_id) & hidden_texts.c.outdated
    return bool(connection.execute(sa.delete(hidden_texts).where(own)).rowcount)


def _undecided() -> sa.ColumnElement[bool]:
    return asked_agents.c.state.in_([one.value for one in UNDECIDED])


def _has_taken_share(
    connection: sa.Connection, asker_key: str, agent_id: str, limits: Sequence[tuple[int, datetime]]
) -> bool:
    # An erased asker has no key, and asks nothing more.
    by_asker = asked_questions.c.agent_key == (asker_key or None)
    theirs = (asked_agents.c.agent_key == digest(agent_id)) & asked_agents.c.question_id.in_(
        sa.select(asked_questions.c.id).where(by_asker)
    )
    return any(
        _count(connection, theirs & (asked_agents.c.asked > moment)) >= most
        for most, moment in limits
    )


def _one_more(connection: sa.Connection, table: sa.Table, day: date) -> None:
    more = sa.update(table).where(table.c.day == day).values(count=table.c.count + 1)
    if not connection.execute(more).rowcount:
        connection.execute(sa.insert(table).values(day=day, count=1))


def _there(connection: sa.Connection, rows: sa.ColumnElement[bool]) -> bool:
    return connection.execute(sa.select(asked_questions.c.id).where(rows)).first() is not None


def _count(
    connection: sa.Connection, rows: sa.ColumnElement[bool], table: sa.Table = asked_agents
) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(rows)
    return connection.execute(query).scalar_one()


def _change(connection: sa.Connection, question_id: str, seq: int, **values: object) -> bool:
    """Give a question the next number, and new values; return false if it does not exist."""
    own = (asked_questions.c.id == question_id) & ~asked_questions.c.deleted
    changed = sa.update(asked_questions).where(own).values(seq=seq, **values)
    return bool(connection.execute(changed).rowcount)


def _end_requests(connection: sa.Connection, question_id: str, moment: datetime) -> None:
    """End the turn of every agent who was asked; a declined turn ends like a silent one."""
    this = asked_agents.c.question_id == question_id
    ends = this & (asked_agents.c.until > moment)
    connection.execute(sa.update(asked_agents).where(ends).values(until=moment))
    undecided = sa.update(asked_agents).where(this & _undecided())
    connection.execute(undecided.values(state=RequestState.EXPIRED.value))


def _agent_columns(agent_id: str) -> dict[str, str]:
    return {"agent_key": digest(agent_id), "agent_id": storable(agent_id)}


def _write_readers(connection: sa.Connection, question_id: str, readers: Collection[str]) -> None:
    rows = [{"question_id": question_id, **_agent_columns(id_)} for id_ in sorted(readers)]
    if rows:
        connection.execute(sa.insert(question_readers), rows)


def _questions(connection: sa.Connection, query: sa.Select[Any]) -> list[AskedQuestion]:
    """Return the questions of a query; community questions come with their readers."""
    rows = connection.execute(query).mappings().all()
    community = ReaderScope.COMMUNITY.value
    ids = [row["id"] for row in rows if row["scope"] == community and row["readers_chosen"]]
    readers: dict[str, set[str]] = {id_: set() for id_ in ids}
    for part in batches(ids, _READ_AT_ONCE):
        some = question_readers.c.question_id.in_(part)
        for row in connection.execute(sa.select(question_readers).where(some)).mappings():
            readers[row["question_id"]].add(row["agent_id"])
    return [
        _question(row, readers=readers.get(row["id"]))
        if row["scope"] == community
        else _question(row)
        for row in rows
    ]


def _question(row: sa.RowMapping, **others: object) -> AskedQuestion:
    return sql.value(AskedQuestion, row, asker_id=row["agent_id"], **others)


def _question_row(one: AskedQuestion, seq: int) -> dict[str, object]:
    return row_of(
        asked_questions,
        one,
        agent_id=one.asker_id,
        seq=seq,
        deleted=False,
        corrected=[],
        readers_chosen=one.readers is not None,
    )


def _answer(row: sa.RowMapping) -> GivenAnswer:
    return sql.value(GivenAnswer, row, author_id=row["agent_id"])
