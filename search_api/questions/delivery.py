"""Delivery of a question: from one recipient to the next, to the community, to the animator.

An agent who was asked and has not decided is the only one who sees it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from connectors.values import Agent
from expertise.answer_values import BuildStatus, CommunityView
from expertise.names import asked_words
from expertise.peers import accepted_communities, alone_in_region, communities_of
from expertise.topics import Topic, TopicKind, label_key
from expertise.who_knows import SURE_ODDS
from indexer.access import Reader, access_filter
from search_api.context import AnswerContext, required
from search_api.questions.choosing import (
    LATELY_DAYS,
    WEEK_DAYS,
    PossibleAnswerer,
    distance_from,
    first_of,
    limits_of_one_asker,
    may_be_asked,
    weekly_limit,
)
from search_api.questions.storage import Asking
from search_api.questions.values import (
    MOST_ASKED,
    UNDECIDED,
    AgentRequest,
    AskedQuestion,
    AskingPreferences,
    QuestionStage,
    RequestState,
    Thread,
    is_with_somebody,
)
from search_api.wording import day

DECLINE_UNDO = timedelta(minutes=1)
"""Minimum time in which a decline may be undone, before the next recipient is asked."""
_TURNS = (QuestionStage.EXPERTS, QuestionStage.COMMUNITY)
"""Stages at which the question waits for one agent, or one community, before all its readers."""


def move_questions_on(context: AnswerContext) -> int:
    """Move questions whose time is over to the next agent, the community, or the animator.

    After a decline, and the time to undo it, the next recipient is asked and gets the remaining
    time in addition to their own. A decline never moves the question to the next stage earlier, so
    that nobody can tell a decline from silence. Returns how many questions moved.
    """
    asking = required(context.part(Asking))
    moment = asking.questions.now()
    asking.questions.retention.tidy(moment - timedelta(days=LATELY_DAYS))
    due = [
        one
        for one in asking.questions.open_at(*_TURNS)
        if one.stage is QuestionStage.EXPERTS or one.until is None or one.until <= moment
    ]
    answering = answering_topics(context) if due else frozenset()
    return sum(move_on(context, one, answering) for one in due)


def move_on(context: AnswerContext, question: AskedQuestion, answering: frozenset[str]) -> bool:
    """Move a question unless an agent still has time to decide; return whether it moved.

    An agent who is away or receives no questions passes it on: the asker is told, not the name.
    """
    questions = required(context.part(Asking)).questions
    requests, moment = questions.requests, questions.now()
    if question.stage is QuestionStage.COMMUNITY:
        requests.move(question.id, QuestionStage.ANIMATOR)
        return True
    for one in requests.of_question(question.id):
        if one.state in UNDECIDED:
            if one.until > moment and _still_may(context, question, one.agent_id):
                return False
            said = requests.preferences([one.agent_id])[one.agent_id]
            if one.until > moment and (reason := _why_passed_on(said, context.today())):
                requests.decide(question.id, one.agent_id, RequestState.PASSED_ON, reason=reason)
            else:
                requests.decide(question.id, one.agent_id, RequestState.EXPIRED)
        elif one.state is RequestState.DECLINED:
            undone_until = (one.decided or one.asked) + DECLINE_UNDO
            if moment < min(undone_until, one.until):
                return False
    return go_on(context, question, answering)


def _why_passed_on(said: AskingPreferences, today: date) -> str:
    """Return what an asker reads of an agent who receives no questions now; else empty."""
    if said.absent_until and said.is_absent(today):
        return f"En absence jusqu’au {day(said.absent_until)}."
    return "" if said.receives else "Ne peut pas y répondre en ce moment."


def go_on(context: AnswerContext, question: AskedQuestion, answering: frozenset[str]) -> bool:
    """Ask the next recipient; if there is none and nobody has the question, end its stage.

    It then goes to its topic's community for one agent's time if the topic is one of `answering`,
    else to the animator. Returns whether the question moved.
    """
    if _ask_next(context, question):
        return True
    asking = required(context.part(Asking))
    requests, moment = asking.questions.requests, asking.questions.now()
    if is_with_somebody(requests.of_question(question.id), moment):
        return False
    if question.topic_id in answering:
        until = moment + timedelta(days=asking.rules.answer_days)
        requests.move(question.id, QuestionStage.COMMUNITY, until)
    else:
        requests.move(question.id, QuestionStage.ANIMATOR)
    return True


def _still_may(context: AnswerContext, question: AskedQuestion, agent_id: str) -> bool:
    """Return whether the agent may still be asked: not withdrawn, gone, away or without rights."""
    asking = required(context.part(Asking))
    agent = context.people.agents([agent_id]).get(agent_id)
    if agent is None:
        return False
    said = asking.questions.requests.preferences([agent_id])[agent_id]
    # The weekly limit applies only when asking, and this question already counts in it.
    wanted = PossibleAnswerer(agent, replace(said, per_week=1))
    readable = _may_read(asking, agent_id, question)
    return readable and may_be_asked(wanted, question, asking.rules, context.today())


def _ask_next(context: AnswerContext, question: AskedQuestion) -> bool:
    """Ask the first stored recipient who may be asked now; return false if there is none.

    At most `MOST_ASKED` agents are asked. Recipients who may not be asked now are skipped. Nobody
    is asked for an asker who was erased.
    """
    asking = required(context.part(Asking))
    requests, rules, moment = asking.questions.requests, asking.rules, asking.questions.now()
    former = requests.of_question(question.id)
    if not question.asker_id or len(former) >= MOST_ASKED:
        return False
    asked = {one.agent_id for one in former}
    ids = [one for one in requests.recipients_of(question.id) if one not in asked]
    known = context.people.agents(ids)
    # Count a decline like silence, so that later steps do not reveal it. Passing on takes no time,
    # because the asker is told of it.
    held = (one.until for one in former if one.state is not RequestState.PASSED_ON)
    until = max([moment, *held]) + timedelta(days=rules.answer_days)
    week = moment - timedelta(days=WEEK_DAYS)
    for one in with_load(context, [known[id_] for id_ in ids if id_ in known]):
        request = AgentRequest(question.id, one.agent.id, RequestState.WAITING, moment, until)
        limits = weekly_limit(one, rules), week, limits_of_one_asker(one, rules, moment)
        if (
            may_be_asked(one, question, rules, context.today())
            and _may_read(asking, one.agent.id, question)
            and requests.add(request, *limits)
        ):
            return True
    return False


def may_open(thread: Thread, requests: Sequence[AgentRequest]) -> bool:
    """Return whether an agent or a community has a turn that the asker may end.

    Declined and silent requests count alike. The asker knows who accepted, and waits for them.
    """
    accepted = any(one.state is RequestState.ACCEPTED for one in requests)
    return thread.question.stage in _TURNS and thread.waits and not accepted


def with_load(context: AnswerContext, agents: Sequence[Agent]) -> list[PossibleAnswerer]:
    """Return the agents with their preferences and the number of questions they were asked."""
    questions, ids = required(context.part(Asking)).questions, [one.id for one in agents]
    requests, moment = questions.requests, questions.now()
    lately = requests.count_since(ids, moment - timedelta(days=LATELY_DAYS))
    week = requests.count_since(ids, moment - timedelta(days=WEEK_DAYS))
    said, build = requests.preferences(ids), context.build()
    alone = frozenset() if isinstance(build, BuildStatus) else alone_in_region(build, ids)
    return [
        PossibleAnswerer(
            one, said[one.id], one.id in alone, lately.get(one.id, 0), week.get(one.id, 0)
        )
        for one in agents
    ]


def recipients_for(
    context: AnswerContext, question: AskedQuestion, asker: Agent, first: Agent | None
) -> list[str]:
    """Return the ids of the agents to ask, in order: chosen once, when the question is asked.

    Later the same search would find other people, because the question's own document supports
    them.
    """
    asking = required(context.part(Asking))
    moment, reader = asking.questions.now(), asking.reader_of(asker.id)
    return [
        one.agent.id
        for one in in_turn(context, question, asker, first, reader, by_load=True)
        if not asking.questions.requests.has_taken_share(
            question.asker_id, one.agent.id, limits_of_one_asker(one, asking.rules, moment)
        )
    ]


def in_turn(
    context: AnswerContext,
    question: AskedQuestion,
    asker: Agent,
    first: Agent | None,
    reader: Reader,
    *,
    by_load: bool,
) -> Iterator[PossibleAnswerer]:
    """Yield the agents who may be asked and may read the question, in order; `first` comes first.

    `reader`: the asker, who searches for experts. `by_load`: consider agents' preferences and
    recent requests too.
    """
    asking, first_id = required(context.part(Asking)), first.id if first else ""
    named = _named(context, question, asker, first, reader)
    people = with_load(context, named) if by_load else list(map(PossibleAnswerer, named))
    for one in first_of(people, question, asker, asking.rules, context.today(), first_id):
        if _may_read(asking, one.agent.id, question):
            yield one


def may_be_chosen(context: AnswerContext, question: AskedQuestion, agent: Agent) -> bool:
    """Return whether an asker may choose this agent by name, whatever the agent prefers.

    What the asker then reads does not depend on the agent's preferences or recent requests.
    """
    asking = required(context.part(Asking))
    possible = may_be_asked(PossibleAnswerer(agent), question, asking.rules, context.today())
    return possible and _may_read(asking, agent.id, question)


def _named(
    context: AnswerContext,
    question: AskedQuestion,
    asker: Agent,
    first: Agent | None,
    reader: Reader,
) -> list[Agent]:
    """Return `first` and likely experts, best first, by a search as the asker (`reader`).

    They include experts without a card, so that another is asked if the likeliest does not answer.
    A question to a métier is put to its holders, nearest first, without evidence.
    """
    if metier := asked_metier(context, question.topic_id):
        named = {one.id: one for one in _holders(context, metier, asker)}
    else:
        experts = required(context.part(Asking)).experts(context, reader, question.title)
        wrote = (*experts.named, *experts.ranked)
        likely = [
            one for one in wrote if one.evidence and (one.sure or one.confidence >= SURE_ODDS)
        ]
        named = {one.agent.id: one.agent for one in (*experts.known, *likely)}
    if first is not None:
        named.setdefault(first.id, first)
    return list(named.values())


def asked_metier(context: AnswerContext, topic_id: str) -> Topic | None:
    """Return the métier with this topic id, or None if it is another topic or unknown."""
    topic = context.topics().get(topic_id)
    return topic if topic and topic.kind is TopicKind.METIER else None


def _holders(context: AnswerContext, metier: Topic, asker: Agent) -> list[Agent]:
    """Return agents of this métier who may be shown, nearest to the asker first.

    If there are too many to read, returns only agents of the asker's own département.
    """
    keys = {label_key(one) for one in metier.labels}
    found: dict[str, Agent] = {}
    for label in metier.labels:
        words = asked_words(label)
        some = context.people.entries_with(words, context.today())
        if some is None and asker.departement:
            some = context.people.entries_with(words, context.today(), [asker.departement])
        found |= {one.id: one for one in some or () if label_key(one.metier) in keys}
    return sorted(found.values(), key=lambda one: (distance_from(asker, one), one.id))


def _may_read(asking: Asking, agent_id: str, question: AskedQuestion) -> bool:
    return access_filter(asking.reader_of(agent_id)).admits(question.access)


def communities(context: AnswerContext, agent: Agent | None = None) -> tuple[CommunityView, ...]:
    """Return the communities that may be asked; if `agent` is given, only the agent's communities.

    They are not closed, and at least one of their members is not only invited.
    """
    build, closed = context.build(), context.closed_communities()
    if isinstance(build, BuildStatus):
        return ()
    if agent is None:
        found = accepted_communities(build)
    else:
        found = tuple(one for one in communities_of(build, agent) if one.proposed)
    return tuple(
        one for one in found if one.members and closed.isdisjoint(topic.id for topic in one.topics)
    )


def answering_topics(context: AnswerContext) -> frozenset[str]:
    """Return the topics of the communities that may be asked."""
    return frozenset(topic.id for one in communities(context) for topic in one.topics)
