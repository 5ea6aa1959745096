"""Storage of the requests to agents to answer a question, and of what agents agree to be asked."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from indexer import sql
from indexer.state import digest, row_of, storable
from search_api.questions.base_storage import (
    BaseStorage,
    is_undecided,
    select_count,
    select_questions,
)
from search_api.questions.tables import (
    CHOSEN_BY_NAME,
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
        """Return the requests for a question, in order of time. Do not show them to readers."""
        return self._requests(asked_agents.c.question_id == question_id)

    def of_agent(self, agent_id: str) -> tuple[AgentRequest, ...]:
        """Return all requests to an agent, oldest first."""
        return self._requests(asked_agents.c.agent_key == digest(agent_id))

    def waiting_for(self, agent_id: str) -> tuple[tuple[AgentRequest, AskedQuestion], ...]:
        """Return the undecided requests to an agent, with their questions, oldest first."""
        requests = self._requests((asked_agents.c.agent_key == digest(agent_id)) & is_undecided())
        if not (ids := [one.question_id for one in requests]):
            return ()
        query = select_questions().where(asked_questions.c.id.in_(ids))
        by_id = {one.id: one for one in self._questions(query)}
        return tuple((one, by_id[one.question_id]) for one in requests if one.question_id in by_id)

    def chosen_for(self, question_id: str) -> str:
        """Return the id of the agent whom the asker chose by name; empty if there is none."""
        own = question_recipients.c.question_id == question_id
        own &= question_recipients.c.place == CHOSEN_BY_NAME
        found = sql.scalars(self._engine, sa.select(question_recipients.c.agent_id).where(own))
        return next(iter(found), "")

    def _requests(self, rows: sa.ColumnElement[bool]) -> tuple[AgentRequest, ...]:
        query = sa.select(asked_agents).where(rows).order_by(asked_agents.c.asked)
        return sql.values(self._engine, AgentRequest, query)

    def recipients_of(self, question_id: str) -> tuple[str, ...]:
        """Return the ids of the stored recipients, in order. Do not show them to readers."""
        this = question_recipients.c.question_id == question_id
        this &= question_recipients.c.place != CHOSEN_BY_NAME
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
        with self._writing() as write:
            mine = asked_agents.c.agent_key == digest(request.agent_id)
            this = asked_agents.c.question_id == request.question_id
            open_ = select_questions().where(
                asked_questions.c.id == request.question_id, _AT_EXPERTS
            )
            asked = write.first(open_)
            if (
                asked is None
                or write.count(asked_agents, this & (mine | is_undecided()))
                or write.count(asked_agents, mine & (asked_agents.c.asked > since)) >= most
                or any(
                    write.count(asked_agents, rows) >= share
                    for rows, share in _shares(asked["agent_key"], request.agent_id, of_asker)
                )
            ):
                return False
            write.execute(sa.insert(asked_agents).values(row_of(asked_agents, request)))
            return True

    def has_taken_share(
        self, asker_id: str, agent_id: str, limits: Sequence[tuple[int, datetime]]
    ) -> bool:
        """Return whether an agent was asked as many questions of an asker as the limits allow."""
        shares = _shares(digest(asker_id), agent_id, limits)
        counts = ((select_count(asked_agents, rows), share) for rows, share in shares)
        return any(sql.one(self._engine, query) >= share for query, share in counts)

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
        with self._writing() as write:
            changed = write.execute(sa.update(asked_agents).where(own).values(values)) > 0
            if changed and state is RequestState.ACCEPTED:
                write.change(question_id, named=True)
            return changed

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
        with self._writing() as write:
            if not write.has(asked_questions, open_):
                return False
            values = {"state": RequestState.WAITING.value, "decided": None}
            return write.execute(again.values(values)) > 0

    def move(self, question_id: str, stage: QuestionStage, until: datetime | None = None) -> None:
        """Put a question at a stage; its undecided requests expire."""
        with self._writing() as write:
            write.end_requests(question_id)
            values = {"stage": stage.value, "until": until}
            own = asked_questions.c.id == question_id
            write.execute(sa.update(asked_questions).where(own).values(values))

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
        with self._writing() as write:
            row = row_of(asking_preferences, said, agent_id=agent_id)
            sql.put(write.connection, asking_preferences, row)


def _shares(
    asker_key: str, agent_id: str, limits: Sequence[tuple[int, datetime]]
) -> Iterator[tuple[sa.ColumnElement[bool], int]]:
    """Yield the condition of an asker's requests to an agent, and their number, for each limit."""
    # An erased asker has no key, and asks nothing more.
    by_asker = asked_questions.c.agent_key == (asker_key or None)
    of_asker = asked_agents.c.question_id.in_(sa.select(asked_questions.c.id).where(by_asker))
    theirs = (asked_agents.c.agent_key == digest(agent_id)) & of_asker
    for share, since in limits:
        yield theirs & (asked_agents.c.asked > since), share
