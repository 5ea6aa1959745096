"""Storage of the requests to agents to answer a question, and of what agents agree to be asked."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from indexer import sql
from indexer.state import digest, row_of, storable
from search_api.questions.base_storage import (
    BaseStorage,
    change,
    count,
    end_requests,
    has_row,
    is_undecided,
    select_questions,
)
from search_api.questions.tables import (
    asked_agents,
    asked_questions,
    asking_preferences,
    question_recipients,
)
from search_api.questions.values import (
    AgentRequest,
    AskedQuestion,
    AskingPreferences,
    QuestionStage,
    RequestState,
)

_AT_EXPERTS = asked_questions.c.stage == QuestionStage.EXPERTS.value


class SqlRequests(BaseStorage):
    """Stores the requests to agents, and their preferences."""

    def of_question(self, question_id: str) -> tuple[AgentRequest, ...]:
        """Return the requests for a question, in order of time. Not to be shown to a reader."""
        return self._requests(asked_agents.c.question_id == question_id)

    def of_agent(self, agent_id: str) -> tuple[AgentRequest, ...]:
        """Return all requests to an agent, oldest first."""
        return self._requests(asked_agents.c.agent_key == digest(agent_id))

    def waiting_for(self, agent_id: str) -> tuple[tuple[AgentRequest, AskedQuestion], ...]:
        """Return the undecided requests to an agent, with their questions, oldest first."""
        requests = self._requests((asked_agents.c.agent_key == digest(agent_id)) & is_undecided())
        ids = [one.question_id for one in requests]
        query = select_questions().where(asked_questions.c.id.in_(ids))
        by_id = {one.id: one for one in self._questions(query)}
        return tuple((one, by_id[one.question_id]) for one in requests if one.question_id in by_id)

    def _requests(self, rows: sa.ColumnElement[bool]) -> tuple[AgentRequest, ...]:
        query = sa.select(asked_agents).where(rows).order_by(asked_agents.c.asked)
        return sql.values(self._engine, AgentRequest, query)

    def recipients_of(self, question_id: str) -> tuple[str, ...]:
        """Return the ids of the stored recipients, in order. Not to be shown to a reader."""
        this = question_recipients.c.question_id == question_id
        ordered = sa.select(question_recipients.c.agent_id).where(this)
        return tuple(sql.scalars(self._engine, ordered.order_by(question_recipients.c.place)))

    def count_since(self, agent_ids: Collection[str], moment: datetime) -> dict[str, int]:
        """Return how many questions each of these agents was asked since `moment`."""
        keys = {digest(id_): id_ for id_ in agent_ids}
        query = (
            sa.select(asked_agents.c.agent_key, sa.func.count())
            .where(asked_agents.c.agent_key.in_(keys), asked_agents.c.asked > moment)
            .group_by(asked_agents.c.agent_key)
        )
        return {keys[key]: number for key, number in sql.rows(self._engine, query)}

    def add(
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
            open_ = select_questions().where(
                asked_questions.c.id == request.question_id, _AT_EXPERTS
            )
            asked = connection.execute(open_).mappings().first()
            if (
                asked is None
                or count(connection, asked_agents, this & (mine | is_undecided()))
                or count(connection, asked_agents, mine & (asked_agents.c.asked > since)) >= most
                or _has_taken_share(connection, asked["agent_key"], request.agent_id, of_asker)
            ):
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
        own = (asked_agents.c.question_id == question_id) & is_undecided()
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
                change(connection, question_id, seq, named=True)
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
        open_ = (asked_questions.c.id == question_id) & _AT_EXPERTS & ~asked_questions.c.deleted
        again = sa.update(asked_agents).where(own & ~sa.exists(later.correlate(asked_agents)))
        with self._writing() as (connection, _):
            if not has_row(connection, asked_questions, open_):
                return False
            values = {"state": RequestState.WAITING.value, "decided": None}
            return bool(connection.execute(again.values(values)).rowcount)

    def move(self, question_id: str, stage: QuestionStage, until: datetime | None = None) -> None:
        """Put a question at a stage; its undecided requests expire."""
        with self._writing() as (connection, _):
            end_requests(connection, question_id, self.now())
            values = {"stage": stage.value, "until": until}
            own = asked_questions.c.id == question_id
            connection.execute(sa.update(asked_questions).where(own).values(values))

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


def _has_taken_share(
    connection: sa.Connection, asker_key: str, agent_id: str, limits: Sequence[tuple[int, datetime]]
) -> bool:
    # An erased asker has no key, and asks nothing more.
    by_asker = asked_questions.c.agent_key == (asker_key or None)
    theirs = (asked_agents.c.agent_key == digest(agent_id)) & asked_agents.c.question_id.in_(
        sa.select(asked_questions.c.id).where(by_asker)
    )
    return any(
        count(connection, asked_agents, theirs & (asked_agents.c.asked > moment)) >= most
        for most, moment in limits
    )
