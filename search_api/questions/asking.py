"""Asking a question: what the form shows, the checks, and the question that is stored."""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from uuid import uuid4

from connectors.values import EVERYONE, Agent
from expertise.answer_values import BuildStatus, CommunityView
from expertise.peers import members_on
from expertise.topics import Topic, TopicKind
from expertise.visibility import may_be_shown
from indexer.access import Reader
from search_api.context import AnswerContext, AnswerRefused, InvalidParameter, required
from search_api.markdown import document_link
from search_api.query.query import Query
from search_api.questions.authority import entities_down_to
from search_api.questions.delivery import (
    answering_topics,
    asked_metier,
    communities,
    go_on,
    in_turn,
    may_be_chosen,
    recipients_for,
)
from search_api.questions.reading import checked_text, checked_title, known_agent
from search_api.questions.storage import Asking
from search_api.questions.values import (
    MOST_ASKED,
    MOST_TEXT,
    MOST_TITLE,
    AskedQuestion,
    ReaderScope,
)
from search_api.ranking.results import Result

EXISTING_SHOWN = 3
"""Number of documents shown while a question is written: as many as are read at a glance."""


class TooManyQuestions(AnswerRefused):
    """The reader reached the daily limit of questions."""

    status = 429
    code = "too_many_questions"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question as its asker writes it. `to`: agent to ask first, or empty.

    `community`: topic of the community to ask instead of one agent after the other. `metier`:
    métier whose holders are asked instead of agents found by a search. `keep`: ids of the shown
    recipients that the asker keeps; None to ask all who may be asked.
    """

    title: str
    text: str = ""
    topic_id: str = ""
    scope: ReaderScope = ReaderScope.EVERYBODY
    scope_id: str = ""
    hidden: bool = False
    to: str = ""
    community: str = ""
    metier: str = ""
    keep: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class AskingForm:
    """Content of the form for a question.

    `existing`: documents that may already answer. `topics`: topics to choose from. `topic_id` of
    `new`: topic named by the title. `communities` and `entities`: possible limits of the readers.
    `answering`: communities that may be asked, even without being a member; `then`: the community
    asked after the agents, or None. `metiers`: métiers that may be asked. `to`: the agent whose
    page the asker came from, or None. `recipients`: agents whom the question may be put to.
    """

    new: NewQuestion
    existing: tuple[Result, ...]
    topics: tuple[Topic, ...]
    communities: tuple[CommunityView, ...]
    entities: tuple[str, ...]
    hidden_names: bool
    to: Agent | None
    answering: tuple[CommunityView, ...] = ()
    metiers: tuple[Topic, ...] = ()
    recipients: tuple[Agent, ...] = ()
    then: CommunityView | None = None


def asking_form(
    context: AnswerContext, reader: Reader, new: NewQuestion, *, look: bool = True
) -> AskingForm:
    """Return the form for a question; if `look`, with recipients and documents that already answer.

    Raises `NotFound`, `IndexUnreachable`.
    """
    asking, agent = required(context.part(Asking)), known_agent(context, reader)
    new = replace(new, topic_id=new.topic_id or context.named_topic(new.title))
    entities, answering = entities_down_to(agent.entity), communities(context)
    listed, topic_id = context.listed_topics(), new.community or new.topic_id
    return AskingForm(
        new,
        existing_answers(context, reader, new.title) if look else (),
        tuple(one for one in listed if one.kind is TopicKind.TOPIC),
        communities(context, agent),
        entities,
        asking.rules.may_hide_name(entities),
        _may_be_first(context, reader, new.to),
        answering,
        tuple(one for one in listed if one.kind is TopicKind.METIER),
        planned_recipients(context, reader, new) if look else (),
        next((one for one in answering if topic_id in {on.id for on in one.topics}), None),
    )


def planned_recipients(
    context: AnswerContext, reader: Reader, new: NewQuestion
) -> tuple[Agent, ...]:
    """Return the agents whom a question may be put to, best first; at most `MOST_ASKED`.

    Only evidence, distance and rights count, not agents' preferences or recent requests: otherwise
    a reader could infer that an agent was asked, and so that another declined. The result is empty
    for a question that could not be asked. Raises `NotFound`, `IndexUnreachable`.
    """
    agent = known_agent(context, reader)
    try:
        draft = _draft(context, agent, new)
    except InvalidParameter:
        return ()
    first = _may_be_first(context, reader, new.to)
    if new.community:
        return ()
    chosen = in_turn(context, draft, agent, first, reader, by_load=False)
    return tuple(one.agent for one in islice(chosen, MOST_ASKED))


def existing_answers(
    context: AnswerContext, reader: Reader, text: str, most: int = EXISTING_SHOWN
) -> tuple[Result, ...]:
    """Return documents that may answer the text being written, without noting the query.

    Raises `IndexUnreachable`.
    """
    required(context.part(Asking))
    if not text.strip():
        return ()
    query = Query(text.strip()[:MOST_TITLE], page_size=most)
    return tuple(context.search.answer(query, reader, context.today()).results)


def link_to_document(context: AnswerContext, reader: Reader, document_id: str) -> str:
    """Return the Markdown of a link with a document's title. Raises `NotFound`."""
    title = context.readable_card(document_id, reader).title
    return document_link(title or "Sans titre", document_id)


def answered_by_existing(context: AnswerContext, reader: Reader, document_id: str) -> None:
    """Count that a document answered a question before it was asked; store neither.

    Each reader counts once a day per document, up to a daily limit. Documents that not everybody
    may read do not count: the number is public and would reveal them. Raises `NotFound` for a
    document that the reader may not read.
    """
    asking = required(context.part(Asking))
    context.readable_card(document_id, reader)
    everybody = Reader(reader.agent_id, frozenset({EVERYONE}))
    if not context.search.cards((document_id,), everybody):
        return
    if asking.acts.is_new(reader.agent_id or "", document_id, asking.rules.found_per_day):
        asking.questions.count_answered_before(context.today(), document_id)


def ask_question(context: AnswerContext, reader: Reader, new: NewQuestion) -> AskedQuestion:
    """Store a question and ask the first expert, or the chosen community or métier.

    Raises `InvalidParameter`, `TooManyQuestions`, `NotFound`, `IndexUnreachable`.
    """
    asking, agent = required(context.part(Asking)), known_agent(context, reader)
    question = _draft(context, agent, new)
    first = _may_be_first(context, reader, new.to)
    recipients = [] if new.community else recipients_for(context, question, agent, first)
    chosen = ""
    if first and not new.community and may_be_chosen(context, question, first):
        chosen = first.id
    if new.keep is not None:
        recipients = [one for one in recipients if one in new.keep]
        chosen = chosen if chosen in new.keep else ""
    # Read the index before the question is stored: if that failed afterwards, the asker would ask
    # a question again that is stored already.
    answering, day_ago = answering_topics(context), question.created - timedelta(days=1)
    if not asking.questions.ask(question, asking.rules.asked_per_day, day_ago, recipients, chosen):
        raise TooManyQuestions("Vous avez posé beaucoup de questions aujourd’hui : revenez demain.")
    asking.publish()
    go_on(context, question, answering)
    return question


def _draft(context: AnswerContext, agent: Agent, new: NewQuestion) -> AskedQuestion:
    """Return the question that an agent writes, checked. Raises `InvalidParameter`."""
    asking = required(context.part(Asking))
    moment = asking.questions.now()
    readers = _readers(context, agent, new)
    return AskedQuestion(
        id=uuid4().hex,
        asker_id=agent.id,
        title=checked_title(new.title),
        text=checked_text(new.text, MOST_TEXT),
        created=moment,
        modified=moment,
        topic_id=_topic_id(context, new),
        scope=new.scope,
        scope_id=new.scope_id,
        named=not (new.hidden and asking.rules.may_hide_name(entities_down_to(agent.entity))),
        until=moment + timedelta(days=asking.rules.answer_days),
        readers=readers,
    )


def _may_be_first(context: AnswerContext, reader: Reader, agent_id: str) -> Agent | None:
    """Return the agent to ask first if they may be shown; whether they are asked is secret."""
    agent = context.people.agents([agent_id]).get(agent_id) if agent_id else None
    shown = agent is not None and may_be_shown(agent, context.today())
    return agent if shown and agent_id != reader.agent_id else None


def _topic_id(context: AnswerContext, new: NewQuestion) -> str:
    """Return the community's or the métier's topic, else the chosen topic, which may be empty.

    Raises `InvalidParameter`.
    """
    if new.community:
        if new.community not in answering_topics(context):
            raise InvalidParameter("Cette communauté n’existe pas, ou n’a plus assez de membres.")
        return new.community
    if new.metier:
        if asked_metier(context, new.metier) is None:
            raise InvalidParameter("Ce métier n’est pas dans la liste.")
        return new.metier
    if new.topic_id and new.topic_id not in context.topics():
        raise InvalidParameter("Ce sujet n’est pas dans la liste.")
    return new.topic_id


def _readers(context: AnswerContext, agent: Agent, new: NewQuestion) -> frozenset[str]:
    """Return the present members of the community that readers are limited to; else an empty set.

    Raises `InvalidParameter` for a community or an entity that is not one of the asker's own.
    """
    own = {""}
    if new.scope is ReaderScope.ENTITY:
        own = set(entities_down_to(agent.entity))
    elif new.scope is ReaderScope.COMMUNITY:
        own = {topic.id for one in communities(context, agent) for topic in one.topics}
    if new.scope_id not in own:
        raise InvalidParameter("Choisissez des lecteurs que la page propose.")
    build = context.build()
    if new.scope is not ReaderScope.COMMUNITY or isinstance(build, BuildStatus):
        return frozenset()
    return frozenset(one.id for one in members_on(build, new.scope_id))
