"""Questions to experts as a reader sees them: a question's page, and what is theirs.

Every reader sees a question under the rights that its asker chose, but not which agents were asked;
only the asker sees who accepted.
"""

import heapq
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

from connectors.values import Agent
from expertise.answer_values import BuildStatus
from expertise.consent import PreferenceKind
from expertise.peers import own_topics
from expertise.topics import Topic
from expertise.visibility import may_be_named
from indexer.access import Reader, access_filter
from indexer.errors import IndexUnreachable
from indexer.moment import once
from indexer.values import Card
from search_api.addresses import QUESTION_SOURCE
from search_api.context import AnswerContext, InvalidParameter, required
from search_api.identity.principals import ALL, Role
from search_api.markdown import linked_documents, plain_text
from search_api.questions.choosing import usual_limit, weekly_limit
from search_api.questions.delivery import (
    answering_topics,
    communities,
    may_open,
    move_on,
    with_load,
)
from search_api.questions.reading import (
    any_thread,
    closed_to_asker,
    known_agent,
    note_use,
    open_links,
    without_hidden,
)
from search_api.questions.storage import Asking
from search_api.questions.values import (
    MOST_ASKED,
    MOST_LISTED,
    MOST_PER_WEEK,
    UNDECIDED,
    AgentRequest,
    AskedQuestion,
    AskingPreferences,
    AskingRules,
    GivenAnswer,
    OpenQuestionFigures,
    OwnAsking,
    PassedOn,
    QuestionLoad,
    QuestionStage,
    RequestState,
    Thread,
)

CORRECTED = "Question corrigée depuis"
"""Title shown to all but the asker if a restored database has a former text of the question."""
MOST_OPEN = 20
"""Maximum number of open questions of each kind in a list."""
MOST_READ_FOR_OPEN = 200
"""Number of newest open questions among which questions of the reader's area are searched."""
Questions = tuple[AskedQuestion, ...]
_YEAR = timedelta(days=365)
_OPEN = (QuestionStage.EXPERTS, QuestionStage.COMMUNITY, QuestionStage.ANIMATOR)
_LATE = (QuestionStage.COMMUNITY, QuestionStage.ANIMATOR)
"""Stages at which no agent in particular is asked any more."""


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer. `author` is None if they may not be named. `own`: it is the reader's.

    `doubts`: what is no longer right according to its readers, for its author only.
    `open_documents`: ids of documents that the text links to and the reader may read;
    `closed_to_asker_ids`: those that the question's asker may not read, for its author only.
    """

    answer: GivenAnswer
    author: Agent | None
    own: bool
    doubts: tuple[str, ...] = ()
    open_documents: frozenset[str] = frozenset()
    closed_to_asker_ids: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text without Markdown, with the titles that the reader may read."""
        return plain_text(self.answer.text, self.open_documents)

    @property
    def cites_closed(self) -> bool:
        """Whether the text links to a document that the reader may not read, or that is gone."""
        return not linked_documents(self.answer.text) <= self.open_documents

    @property
    def markdown(self) -> str:
        """The author's own text, to correct it; empty for other readers."""
        return self.answer.text if self.own else ""

    @property
    def digest(self) -> str:
        """Digest of the author's own former text, to confirm it; empty for other texts."""
        return self.answer.text_digest if self.answer.outdated and self.own else ""


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """A question as a reader sees it.

    `asker` is None while they may not be named; if they left, it has only a name. `own`: it is the
    reader's. `state`: state of the reader's own request, None if they are not asked now. Only for
    the asker: `accepted_by`, the agent who accepted and has not answered yet; `passed_on`, reasons
    of agents who passed it on, without names; `recipients`, how many agents may be asked, one after
    the other, 0 if nobody was ever asked; `first`, the agent whom they chose by name; `may_open`,
    whether they may end the wait of one agent or community and leave the question to all its
    readers. `open_documents`: ids of documents that the texts link to and the reader may read.
    `found_by_search`: its document is in the index.
    """

    question: AskedQuestion
    answers: tuple[ShownAnswer, ...]
    topic: Topic | None
    asker: Agent | None
    own: bool
    state: RequestState | None = None
    accepted_by: Agent | None = None
    passed_on: tuple[PassedOn, ...] = ()
    recipients: int = 0
    first: Agent | None = None
    may_open: bool = False
    open_documents: frozenset[str] = frozenset()
    found_by_search: bool = False

    @property
    def digest(self) -> str:
        """Digest of the asker's own former text, to confirm it; empty for other texts."""
        return self.question.text_digest if self.question.outdated and self.own else ""

    @property
    def text(self) -> str:
        """The text without Markdown, with the titles that the reader may read."""
        return plain_text(self.question.text, self.open_documents)

    @property
    def markdown(self) -> str:
        """The asker's own text, to correct it; empty for other readers."""
        return self.question.text if self.own else ""


@dataclass(frozen=True, slots=True)
class OwnQuestions:
    """Questions put to a reader, to their communities and to animators, and the reader's own.

    `answered_before`: how often all agents said «Cela répond» in a year. `figures`: of that year's
    questions open to everybody. `waiting_topics`: topics with waiting questions, and how many; only
    questions open to everybody count, so that no restricted question is revealed. `more`:
    `of_communities` or `animated` is cut to the `MOST_LISTED` oldest. `open_on_topics` (the
    reader's topics), `open_nearby` (by askers of their département) and `open_elsewhere` are
    waiting questions of others that are in no other list, newest first, at most `MOST_OPEN` each.
    `load`: how many questions the reader was asked this week.
    """

    waiting: tuple[tuple[AgentRequest, AskedQuestion], ...]
    of_communities: tuple[AskedQuestion, ...]
    animated: tuple[AskedQuestion, ...]
    mine: tuple[Thread, ...]
    answered_before: int
    figures: OpenQuestionFigures
    load: QuestionLoad
    waiting_topics: tuple[tuple[Topic, int], ...] = ()
    more: bool = False
    open_on_topics: tuple[AskedQuestion, ...] = ()
    open_nearby: tuple[AskedQuestion, ...] = ()
    open_elsewhere: tuple[AskedQuestion, ...] = ()

    @property
    def answered(self) -> tuple[Thread, ...]:
        """The reader's questions with an answer to which they have not reacted yet."""
        return tuple(one for one in self.mine if one.awaits_asker)


def question_page(context: AnswerContext, reader: Reader, question_id: str) -> ShownQuestion:
    """Return a question under the reader's rights. Raises `NotFound`, `IndexUnreachable`.

    Other readers of a former text that waits for its author's confirmation only see that it
    changed.
    """
    asking, thread = required(context.part(Asking)), _shown_thread(context, reader, question_id)
    question, me = thread.question, reader.agent_id
    own = question.asker_id == me
    requests = asking.questions.requests.of_question(question.id)
    accepted = [one.agent_id for one in requests if one.state is RequestState.ACCEPTED]
    chosen = asking.questions.requests.chosen_for(question.id) if own else ""
    wrote = (one.author_id for one in thread.answers)
    ids = {question.asker_id, *wrote, *accepted, chosen} - {""}
    known = context.people.agents(ids)

    def named(agent_id: str) -> Agent | None:
        agent = known.get(agent_id)
        if agent is None or (agent_id != me and not _may_be_named_here(context, agent)):
            return None
        if not agent.departed(context.today()):
            return agent
        # For agents who left, show neither post nor address, as for authors of documents.
        return Agent(agent.id, agent.given_name, agent.family_name, departure=agent.departure)

    note_use(context, reader, thread)
    card = _card_of(context, reader, question)
    if card:
        asking.note_opening(context, reader, card)
    mine = [one.state for one in requests if one.agent_id == me and one.state in UNDECIDED]
    readable = open_links(context, reader, (question.text, *(one.text for one in thread.answers)))
    answered = any(one.author_id == me for one in thread.answers)
    reports = asking.questions.moderation.reports({question.id}) if answered else ()
    closed = _closed_citations(context, reader, thread)
    doubts = [(one.answer_id, one.reason) for one in reports if one.outdated]
    answers = [
        ShownAnswer(
            one,
            named(one.author_id) if own or thread.shows_author(one) else None,
            one.author_id == me,
            tuple(reason for id_, reason in doubts if one.author_id == me and id_ == one.id),
            readable,
            tuple(sorted(closed & linked_documents(one.text))) if one.author_id == me else (),
        )
        for one in thread.answers
    ]
    shown = ShownQuestion(
        question,
        tuple(answers),
        context.topics().get(question.topic_id),
        named(question.asker_id) if question.named or own else None,
        own,
        mine[0] if mine else None,
        open_documents=readable,
        found_by_search=card is not None,
    )
    if not own:
        return shown
    planned = asking.questions.requests.recipients_of(question.id) if requests else ()
    return replace(
        shown,
        accepted_by=named(accepted[0]) if accepted else None,
        passed_on=tuple(
            PassedOn(one.reason, one.decided.date() if one.decided else None)
            for one in requests
            if one.state is RequestState.PASSED_ON
        ),
        recipients=min(len(planned), MOST_ASKED),
        first=named(chosen),
        may_open=may_open(thread, requests),
    )


def _closed_citations(context: AnswerContext, reader: Reader, thread: Thread) -> frozenset[str]:
    """Return the documents in the reader's own answers that they may read and the asker may not."""
    own = (linked_documents(one.text) for one in thread.answers if one.author_id == reader.agent_id)
    cited = frozenset().union(*own)
    return closed_to_asker(context, reader, thread.question, cited) if cited else cited


def _card_of(context: AnswerContext, reader: Reader, question: AskedQuestion) -> Card | None:
    """Return the card of a question's document; None as well if the index does not answer."""
    try:
        return context.search.cards((question.document_id,), reader).get(question.document_id)
    except IndexUnreachable:
        return None


def _shown_thread(context: AnswerContext, reader: Reader, question_id: str) -> Thread:
    """Return what the reader may read, with empty texts in place of others' former texts."""
    whole, me = any_thread(context, reader, question_id), reader.agent_id
    question = whole.question
    if question.outdated and question.asker_id != me:
        bare = replace(question, title=CORRECTED, text="", missing="", asker_id="")
        return Thread(replace(bare, stage=QuestionStage.ANIMATOR))
    shown = {one.id for one in without_hidden(whole, reader).answers}
    answers = (
        one if one.id in shown else replace(one, text="", author_id="", corrected=(), thanked=False)
        for one in whole.answers
        if one.id in shown or one.outdated
    )
    return Thread(question, tuple(answers))


def _may_be_named_here(context: AnswerContext, agent: Agent) -> bool:
    """Return whether the agent may be named and did not withdraw, even from questions only."""
    said = context.consent.of(agent.id) if context.consent else ()
    left = {
        one.preference.subject for one in said if one.preference.kind is PreferenceKind.WITHDRAW
    }
    return may_be_named(agent) and QUESTION_SOURCE not in left


def own_questions(context: AnswerContext, reader: Reader) -> OwnQuestions:
    """Return the reader's questions and requests. Raises `NotFound`, `IndexUnreachable`."""
    asking, agent = required(context.part(Asking)), known_agent(context, reader)
    access, questions = access_filter(reader), asking.questions
    joined = {topic.id for one in communities(context, agent) for topic in one.topics}
    held = context.grants.held_by(reader)
    animates = Role.ANIMATOR in held.roles
    topic_ids = None if ALL in held.topics else held.topics
    late = questions.open_at(*_LATE, topic_ids=joined)
    of_communities = _first_of_others(late, reader, MOST_LISTED + 1)
    animated = questions.open_at(QuestionStage.ANIMATOR, topic_ids=topic_ids) if animates else ()
    of_animator = _first_of_others(animated, reader, MOST_LISTED + 1)
    waiting = [
        (_as_told(request, asking.rules), question)
        for request, question in questions.requests.waiting_for(agent.id)
        if access.admits(question.access)
    ]
    counts = questions.open_by_topic(*_LATE)
    topics = context.listed_topics() if counts else ()
    above = {one.id for _, one in waiting} | {one.id for one in (*of_communities, *of_animator)}
    return OwnQuestions(
        tuple(waiting),
        of_communities[:MOST_LISTED],
        of_animator[:MOST_LISTED],
        questions.of_asker(agent.id),
        questions.answered_before(context.today() - _YEAR),
        questions.open_figures(questions.now() - _YEAR),
        own_load(context, agent),
        tuple((one, counts[one.id]) for one in topics if one.id in counts),
        max(len(of_communities), len(of_animator)) > MOST_LISTED,
        *_open_questions(context, reader, agent, above),
    )


def _first_of_others(
    found: Iterable[AskedQuestion], reader: Reader, most: int, known: Collection[str] = ()
) -> Questions:
    """Return the first questions that others asked and the reader may read, except `known`."""
    access = access_filter(reader)
    readable = (
        one
        for one in found
        if one.asker_id != reader.agent_id and one.id not in known and access.admits(one.access)
    )
    return tuple(islice(readable, most))


def _open_questions(
    context: AnswerContext, reader: Reader, agent: Agent, above: Collection[str]
) -> tuple[Questions, Questions, Questions]:
    """Return others' open questions: (on the agent's topics, of their département, others)."""
    questions, build = required(context.part(Asking)).questions, context.build()
    ids = [] if isinstance(build, BuildStatus) else [one.id for one in own_topics(build, agent)]
    on_topics = questions.open_at(*_OPEN, topic_ids=ids, newest=True) if ids else ()
    mine = _first_of_others(on_topics, reader, MOST_OPEN, above)
    # One request per stage, so that each is read in the order of a database index.
    recent = heapq.merge(
        *(questions.open_at(stage, newest=True) for stage in _OPEN),
        key=lambda one: (one.created, one.id),
        reverse=True,
    )
    known = {*above, *(one.id for one in mine)}
    others = _first_of_others(recent, reader, MOST_READ_FOR_OPEN, known)
    # Only askers whose name and post are visible: this list must not reveal them.
    askers = context.people.agents({one.asker_id for one in others if one.named} - {""})
    local = {
        one.id
        for one in askers.values()
        if agent.departement and one.departement == agent.departement
        if _may_be_named_here(context, one) and not one.departed(context.today())
    }
    near = {one.id for one in others if one.named and one.asker_id in local}
    nearby = tuple(one for one in others if one.id in near)
    elsewhere = tuple(one for one in others if one.id not in near)
    return mine, nearby[:MOST_OPEN], elsewhere[:MOST_OPEN]


def _as_told(request: AgentRequest, rules: AskingRules) -> AgentRequest:
    """Return the request without time left by an earlier decline, which would reveal it."""
    if request.state is not RequestState.WAITING:
        return request
    own = request.asked + timedelta(days=rules.answer_days)
    return replace(request, until=min(request.until, own))


def own_load(context: AnswerContext, agent: Agent) -> QuestionLoad:
    """Return how many questions an agent was asked this week. Raises `NotFound`."""
    rules = required(context.part(Asking)).rules
    (one,) = with_load(context, [agent])
    per_week = weekly_limit(one, rules) if one.preferences.receives else 0
    return QuestionLoad(one.asked_this_week, per_week, usual_limit(one, rules))


def waiting_for(context: AnswerContext, reader: Reader) -> tuple[int, int]:
    """Return how many questions wait for the reader, as (requests to them, their own questions).

    Own questions wait if they have an answer to which the reader did not react. Both numbers are 0
    if questions are disabled.
    """
    asking = context.part(Asking)
    if asking is None or reader.agent_id is None:
        return 0, 0
    agent_id, access, questions = reader.agent_id, access_filter(reader), asking.questions

    def read() -> tuple[int, int]:
        requests = questions.requests.waiting_for(agent_id)
        readable = sum(access.admits(question.access) for _, question in requests)
        return readable, questions.awaiting_word(agent_id)

    return once(questions, ("waiting for", agent_id), read)


def own_asking(context: AnswerContext, reader: Reader) -> OwnAsking | None:
    """Return everything stored here about the reader; None if questions are disabled."""
    asking = context.part(Asking)
    if asking is None or reader.agent_id is None:
        return None
    return asking.questions.of_agent(reader.agent_id)


def set_asking_preferences(context: AnswerContext, reader: Reader, said: AskingPreferences) -> bool:
    """Store the reader's preferences; return whether the questions that wait for them go on.

    They do if the reader is away or receives no questions. Raises `InvalidParameter`, `NotFound`.
    """
    asking, agent = required(context.part(Asking)), known_agent(context, reader)
    if said.per_week is not None and not 0 <= said.per_week <= MOST_PER_WEEK:
        raise InvalidParameter(f"Choisissez de 0 à {MOST_PER_WEEK} questions par semaine.")
    if not context.topics().keys() >= set(said.topics):
        raise InvalidParameter("Ce sujet n’est pas dans la liste.")
    asking.questions.requests.prefer(agent.id, said)
    waiting = asking.questions.requests.waiting_for(agent.id)
    if not waiting or (said.receives and not said.is_absent(context.today())):
        return False
    with suppress(IndexUnreachable):  # else the next step moves them
        answering = answering_topics(context)
        for _, question in waiting:
            move_on(context, question, answering)
    return True


def forget_own_questions(context: AnswerContext, reader: Reader) -> None:
    """Delete every question and answer of the reader. Raises `NotFound`, `IndexUnreachable`."""
    asking, agent = required(context.part(Asking)), known_agent(context, reader)
    own = asking.questions.of_agent(agent.id)
    for question in own.questions:
        asking.questions.remove(question.id)
    for answer in own.answers:
        asking.questions.remove_answer(answer.question_id, answer.id)
    asking.publish()
