"""Questions to experts: what a reader sees and does, and the steps from one agent to the next.

Every reader sees a question under the rights that its asker chose, but not which agents were asked;
only the asker sees who accepted. An agent who was asked and has not decided is the only one who
sees it.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from uuid import uuid4

from connectors.values import EVERYONE, Agent
from expertise.answer_values import BuildStatus, CommunityView
from expertise.consent import PreferenceKind
from expertise.peers import (
    accepted_communities,
    alone_in_region,
    communities_of,
    members_on,
    own_topics,
)
from expertise.topics import Topic, TopicKind
from expertise.visibility import may_be_named, may_be_shown
from expertise.who_knows import SURE_ODDS
from indexer.access import AccessFilter, Reader, access_filter
from indexer.errors import IndexUnreachable
from indexer.values import Card
from search_api.context import (
    AnswerContext,
    AnswerRefused,
    Asking,
    InvalidParameter,
    NotFound,
    required,
)
from search_api.feedback.service import named_topic
from search_api.identity.principals import ALL, Role
from search_api.people.service import CHOSEN_FROM
from search_api.query.query import Query
from search_api.questions.authority import entities_of
from search_api.questions.choosing import (
    LATELY_DAYS,
    WEEK_DAYS,
    PossibleAnswerer,
    first_of,
    limits_of_one_asker,
    may_be_asked,
    weekly_limit,
)
from search_api.questions.markdown import document_link, plain_text
from search_api.questions.metiers import asked_metier, holders_of_metier, known_metier, metiers
from search_api.questions.reading import (
    OTHER_TEXT,
    any_thread,
    checked_text,
    known_agent,
    note_use,
    open_links,
    readable_thread,
)
from search_api.questions.values import (
    MOST_ASKED,
    MOST_LISTED,
    MOST_PER_WEEK,
    MOST_REASON,
    MOST_TEXT,
    MOST_TITLE,
    SOURCE,
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
    ReaderScope,
    RequestState,
    Thread,
    is_with_somebody,
)
from search_api.ranking.results import Result
from search_api.search.service import who_knows
from search_api.topics.service import list_topics
from search_api.verification.service import note_opening

EXISTING_SHOWN = 3
"""Number of documents shown while a question is written: as many as are read at a glance."""
CORRECTED = "Question corrigée depuis"
"""Title shown to all but the asker for a question of which a restored database has a former text.
"""
MOST_OPEN = 20
"""Maximum number of open questions of each kind in a list."""
MOST_READ_FOR_OPEN = 200
"""Number of newest open questions among which questions of the reader's area are searched."""
DECLINE_UNDO = timedelta(minutes=1)
"""Minimum time in which a decline may be undone, before the next recipient is asked."""
Questions = tuple[AskedQuestion, ...]
_YEAR = timedelta(days=365)
_OPEN = (QuestionStage.EXPERTS, QuestionStage.COMMUNITY, QuestionStage.ANIMATOR)
_LATE = (QuestionStage.COMMUNITY, QuestionStage.ANIMATOR)
"""Stages at which no agent in particular is asked any more."""
_TURNS = (QuestionStage.EXPERTS, QuestionStage.COMMUNITY)
"""Stages at which the question waits for one agent, or one community, before all its readers."""
_WITHDRAW = PreferenceKind.WITHDRAW


class QuestionAction(StrEnum):
    """Action on a question by an agent who is asked, the asker, an answer's author, or a reader."""

    ACCEPT = "accept"
    DECLINE = "decline"
    RETAKE = "retake"
    TRANSFER = "transfer"
    ANSWER = "answer"
    CORRECT = "correct"
    DELETE_ANSWER = "delete_answer"
    CONFIRM = "confirm"
    STILL_RIGHT = "still_right"
    EDIT = "edit"
    HELPED = "helped"
    THANK = "thank"
    LACKS = "lacks"
    OPEN = "open"
    DELETE = "delete"


class TooManyQuestions(AnswerRefused):
    """The reader reached the daily limit of questions."""

    status = 429
    code = "too_many_questions"


class TooManyAnswers(AnswerRefused):
    """The reader reached the daily limit of answers or of corrections."""

    status = 429
    code = "too_many_answers"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question as its asker writes it. `to`: agent to ask first, empty for none.

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
    `answering`: communities that may be asked, even without being a member; `then`: the one asked
    after the agents, None for none. `metiers`: métiers that may be asked. `to`: the agent whose
    page the asker came from, None for none. `recipients`: agents whom the question may be put to.
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


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer. `author` is None if they may not be named. `own`: it is the reader's.

    `doubts`: what is no longer right according to its readers, for its author only.
    `open_documents`: ids of documents that the text links to and the reader may read.
    """

    answer: GivenAnswer
    author: Agent | None
    own: bool
    doubts: tuple[str, ...] = ()
    open_documents: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The text without Markdown, with the titles that the reader may read."""
        return plain_text(self.answer.text, self.open_documents)

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
    the other, 0 if nobody was ever asked; `may_open`, whether they may end the wait of one agent or
    community and leave the question to all its readers. `open_documents`: ids of documents that the
    texts link to and the reader may read. `found_by_search`: its document is in the index.
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
    """Questions for a reader: to them, to their communities, to animators; and their own.

    `answered_before`: how often all agents said «Cela répond» in a year. `figures`: of that year's
    questions open to everybody. `waiting_topics`: topics with waiting questions, and how many; only
    questions open to everybody count, so that no other one is revealed. `moderates`: the reader is
    an animator. `more`: `of_communities` or `animated` is cut to the `MOST_LISTED` oldest. The last
    three are waiting questions of others that are in no list above, newest first, at most
    `MOST_OPEN` each: on the reader's topics, by askers of their département, and the rest. `load`:
    how many questions the reader was asked this week.
    """

    waiting: tuple[tuple[AgentRequest, AskedQuestion], ...]
    of_communities: tuple[AskedQuestion, ...]
    animated: tuple[AskedQuestion, ...]
    mine: tuple[Thread, ...]
    answered_before: int
    figures: OpenQuestionFigures
    load: QuestionLoad
    waiting_topics: tuple[tuple[Topic, int], ...] = ()
    moderates: bool = False
    more: bool = False
    open_on_topics: tuple[AskedQuestion, ...] = ()
    open_nearby: tuple[AskedQuestion, ...] = ()
    open_elsewhere: tuple[AskedQuestion, ...] = ()

    @property
    def answered(self) -> tuple[Thread, ...]:
        """The reader's questions with an answer to which they have not reacted yet."""
        return tuple(one for one in self.mine if one.awaits_asker)


def asking_form(
    context: AnswerContext, reader: Reader, new: NewQuestion, *, look: bool = True
) -> AskingForm:
    """Return the form for a question; with documents that already answer, if `look`.

    Raises `NotFound`, `IndexUnreachable`.
    """
    asking, agent = required(context.asking), known_agent(context, reader)
    topics = tuple(one for one in list_topics(context).topics if one.kind is TopicKind.TOPIC)
    named = new.topic_id or proposed_topic(context, new.title)
    new, answering = replace(new, topic_id=named), _accepted(context)
    topic_id = new.community or new.topic_id
    return AskingForm(
        new,
        existing_answers(context, reader, new.title) if look else (),
        topics,
        _communities(context, agent),
        entities_of(agent),
        asking.rules.may_hide_name(entities_of(agent)),
        _may_be_first(context, reader, new.to),
        answering,
        metiers(context),
        planned_recipients(context, reader, new) if look else (),
        next((one for one in answering if topic_id in {on.id for on in one.topics}), None),
    )


def planned_recipients(
    context: AnswerContext, reader: Reader, new: NewQuestion
) -> tuple[Agent, ...]:
    """Return the agents whom a question may be put to, best first; at most `MOST_ASKED`.

    Only evidence, distance and rights count, not agents' preferences or recent requests: otherwise
    a reader could infer that an agent was asked, and so that another declined. Empty for a question
    that could not be asked. Raises `NotFound`, `IndexUnreachable`.
    """
    agent = known_agent(context, reader)
    try:
        draft = _draft(context, agent, new)
    except InvalidParameter:
        return ()
    first = _may_be_first(context, reader, new.to)
    named = [] if new.community else _named(context, draft, agent, first, reader)
    chosen = _in_turn(context, draft, agent, first, list(map(PossibleAnswerer, named)))
    return tuple(one.agent for one in islice(chosen, MOST_ASKED))


def proposed_topic(context: AnswerContext, text: str) -> str:
    """Return the id of the topic named by the text being written, empty for none."""
    return named_topic(context, text) if text.strip() else ""


def existing_answers(
    context: AnswerContext, reader: Reader, text: str, most: int = EXISTING_SHOWN
) -> tuple[Result, ...]:
    """Return documents that may answer the text being written, without noting the query.

    Raises `IndexUnreachable`.
    """
    required(context.asking)
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
    asking = required(context.asking)
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
    asking, agent = required(context.asking), known_agent(context, reader)
    question = _draft(context, agent, new)
    moment = question.created
    first = _may_be_first(context, reader, new.to)
    recipients = [] if new.community else _recipients(context, question, agent, first)
    if new.keep is not None:
        recipients = [one for one in recipients if one in new.keep]
    # Read the index before the question is stored: if that failed afterwards, the asker would ask
    # a question again that is stored already.
    answering = _answering(context)
    day_ago = moment - timedelta(days=1)
    if not asking.questions.ask(question, asking.rules.asked_per_day, day_ago, recipients):
        raise TooManyQuestions("Vous avez posé beaucoup de questions aujourd’hui : revenez demain.")
    asking.publish()
    if not _ask_next(context, question):
        _to_community(context, question, answering)
    return question


def _draft(context: AnswerContext, agent: Agent, new: NewQuestion) -> AskedQuestion:
    """Return the question that an agent writes, checked. Raises `InvalidParameter`."""
    asking = required(context.asking)
    moment = asking.questions.now()
    scope_id = _scope_id(context, agent, new)
    return AskedQuestion(
        id=uuid4().hex,
        asker_id=agent.id,
        title=_checked_title(new.title),
        text=checked_text(new.text, MOST_TEXT),
        created=moment,
        modified=moment,
        topic_id=_community(context, new.community)
        or known_metier(context, new.metier)
        or _topic(context, new.topic_id),
        scope=new.scope,
        scope_id=scope_id,
        named=not (new.hidden and asking.rules.may_hide_name(entities_of(agent))),
        until=moment + timedelta(days=asking.rules.answer_days),
        readers=_members(context, scope_id) if new.scope is ReaderScope.COMMUNITY else frozenset(),
    )


def question_page(context: AnswerContext, reader: Reader, question_id: str) -> ShownQuestion:
    """Return a question under the reader's rights. Raises `NotFound`, `IndexUnreachable`.

    Other readers of a former text that waits for its author's confirmation only see that it
    changed.
    """
    asking, thread = required(context.asking), _shown_thread(context, reader, question_id)
    question, me = thread.question, reader.agent_id
    own = question.asker_id == me
    requests = asking.questions.requests.of_question(question.id)
    accepted = [one.agent_id for one in requests if one.state is RequestState.ACCEPTED]
    ids = {question.asker_id, *(one.author_id for one in thread.answers), *accepted} - {""}
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
        note_opening(context, reader, card)
    mine = [one.state for one in requests if one.agent_id == me and one.state in UNDECIDED]
    answered = any(one.author_id == me for one in thread.answers)
    reports = asking.questions.moderation.reports({question.id}) if answered else ()
    readable = open_links(context, reader, (question.text, *(one.text for one in thread.answers)))
    return ShownQuestion(
        question,
        tuple(
            ShownAnswer(
                one,
                named(one.author_id) if own or thread.shows_author(one) else None,
                one.author_id == me,
                tuple(
                    report.reason
                    for report in reports
                    if one.author_id == me and report.outdated and report.answer_id == one.id
                ),
                readable,
            )
            for one in thread.answers
        ),
        context.topics().get(question.topic_id),
        named(question.asker_id) if question.named or own else None,
        own,
        mine[0] if mine else None,
        named(accepted[0]) if own and accepted else None,
        tuple(
            PassedOn(one.reason, one.decided.date() if one.decided else None)
            for one in requests
            if own and one.state is RequestState.PASSED_ON
        ),
        min(len(asking.questions.requests.recipients_of(question.id)), MOST_ASKED)
        if own and requests
        else 0,
        own and _may_open(thread, requests),
        readable,
        card is not None,
    )


def _card_of(context: AnswerContext, reader: Reader, question: AskedQuestion) -> Card | None:
    """Return the card of a question's document; None as well if the index does not answer."""
    try:
        return context.search.cards((question.document_id,), reader).get(question.document_id)
    except IndexUnreachable:
        return None


def _may_open(thread: Thread, requests: Sequence[AgentRequest]) -> bool:
    """Return whether an agent or a community has a turn that the asker may end.

    Declined and silent requests count alike. The asker knows who accepted, and waits for them.
    """
    accepted = any(one.state is RequestState.ACCEPTED for one in requests)
    return thread.question.stage in _TURNS and thread.waits and not accepted


def _shown_thread(context: AnswerContext, reader: Reader, question_id: str) -> Thread:
    """Return what the reader may read, with empty texts in place of others' former texts."""
    whole, me = any_thread(context, reader, question_id), reader.agent_id
    question = whole.question
    if question.outdated and question.asker_id != me:
        bare = replace(
            question,
            title=CORRECTED,
            text="",
            missing="",
            asker_id="",
            stage=QuestionStage.ANIMATOR,
        )
        return Thread(bare)
    shown = {one.id for one in readable_thread(context, reader, question_id).answers}
    answers = (
        one if one.id in shown else replace(one, text="", author_id="", corrected=(), thanked=False)
        for one in whole.answers
        if one.id in shown or one.outdated
    )
    return Thread(question, tuple(answers))


def _may_be_named_here(context: AnswerContext, agent: Agent) -> bool:
    """Return whether the agent may be named and did not withdraw, even from questions only."""
    said = context.consent.of(agent.id) if context.consent else ()
    left = {one.preference.subject for one in said if one.preference.kind is _WITHDRAW}
    return may_be_named(agent) and SOURCE not in left


def own_questions(context: AnswerContext, reader: Reader) -> OwnQuestions:
    """Return the reader's questions and requests. Raises `NotFound`, `IndexUnreachable`."""
    asking, agent = required(context.asking), known_agent(context, reader)
    access, questions = access_filter(reader), asking.questions
    joined = {topic.id for one in _communities(context, agent) for topic in one.topics}
    held = context.grants.held_by(reader)
    animates = Role.ANIMATOR in held.roles
    topic_ids = None if ALL in held.topics else held.topics

    def first(some: Iterable[AskedQuestion]) -> list[AskedQuestion]:
        of_others = (one for one in some if one.asker_id != agent.id and access.admits(one.access))
        return list(islice(of_others, MOST_LISTED + 1))

    of_communities = first(questions.open_at(*_LATE, topic_ids=joined))
    animated = questions.open_at(QuestionStage.ANIMATOR, topic_ids=topic_ids) if animates else ()
    of_animator = first(animated)
    waiting = [
        (_as_told(request, asking.rules), question)
        for request, question in questions.requests.waiting_for(agent.id)
        if access.admits(question.access)
    ]
    above = {one.id for _, one in waiting} | {one.id for one in (*of_communities, *of_animator)}
    return OwnQuestions(
        tuple(waiting),
        tuple(of_communities[:MOST_LISTED]),
        tuple(of_animator[:MOST_LISTED]),
        questions.of_asker(agent.id),
        questions.answered_before(context.today() - _YEAR),
        questions.open_figures(questions.now() - _YEAR),
        own_load(context, agent),
        _waiting_topics(context, questions.open_by_topic(*_LATE)),
        animates,
        max(len(of_communities), len(of_animator)) > MOST_LISTED,
        *_open_questions(context, access, agent, above),
    )


def _open_questions(
    context: AnswerContext, access: AccessFilter, agent: Agent, above: Collection[str]
) -> tuple[Questions, Questions, Questions]:
    """Return others' open questions: (on the agent's topics, of their département, others)."""
    questions, build = required(context.asking).questions, context.build()
    topics = () if isinstance(build, BuildStatus) else own_topics(build, agent)

    def readable(found: Iterable[AskedQuestion], most: int, known: Collection[str]) -> Questions:
        of_others = (
            one
            for one in found
            if one.asker_id != agent.id and one.id not in known and access.admits(one.access)
        )
        return tuple(islice(of_others, most))

    ids = [one.id for one in topics]
    on_topics = questions.open_at(*_OPEN, topic_ids=ids, newest=True) if ids else ()
    mine = readable(on_topics, MOST_OPEN, above)
    # One request per stage, so that each is read in the order of a database index.
    recent = heapq.merge(
        *(questions.open_at(stage, newest=True) for stage in _OPEN),
        key=lambda one: (one.created, one.id),
        reverse=True,
    )
    others = readable(recent, MOST_READ_FOR_OPEN, {*above, *(one.id for one in mine)})
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


def _waiting_topics(
    context: AnswerContext, counts: Mapping[str, int]
) -> tuple[tuple[Topic, int], ...]:
    """Return topics, by label, with unanswered questions that no agent is asked any more."""
    listed = list_topics(context).topics if counts else ()
    return tuple((one, counts[one.id]) for one in listed if one.id in counts)


def _as_told(request: AgentRequest, rules: AskingRules) -> AgentRequest:
    """Return the request without time left by an earlier decline, which would reveal it."""
    if request.state is not RequestState.WAITING:
        return request
    own = request.asked + timedelta(days=rules.answer_days)
    return replace(request, until=min(request.until, own))


def own_load(context: AnswerContext, agent: Agent) -> QuestionLoad:
    """Return how many questions an agent was asked this week. Raises `NotFound`."""
    rules = required(context.asking).rules
    (one,) = _possible(context, [agent])
    per_week = weekly_limit(one, rules) if one.preferences.receives else 0
    return QuestionLoad(one.asked_this_week, per_week)


def waiting_for(context: AnswerContext, reader: Reader) -> tuple[int, int]:
    """Return how many questions wait for the reader, as (requests to them, their own questions).

    Own questions wait if they have an answer to which the reader did not react. 0 if questions are
    off here.
    """
    if context.asking is None or reader.agent_id is None:
        return 0, 0
    access, questions = access_filter(reader), context.asking.questions
    asked = questions.requests.waiting_for(reader.agent_id)
    readable = sum(access.admits(question.access) for _, question in asked)
    return readable, questions.awaiting_word(reader.agent_id)


def act_on_question(
    context: AnswerContext,
    reader: Reader,
    question_id: str,
    action: QuestionAction,
    *,
    text: str = "",
    title: str = "",
    answer_id: str = "",
    valid_until: date | None = None,
    text_digest: str = "",
) -> None:
    """Act on a question, as far as the reader may.

    `text`: an answer, a reason, what is missing, or the question's text. `valid_until`: last day on
    which an answer is right. `text_digest`: digest of the former text that its author confirms.
    Raises `NotFound` for an action that the reader may not do, `InvalidParameter`, and
    `IndexUnreachable`.
    """
    asking, thread = required(context.asking), readable_thread(context, reader, question_id)
    me = reader.agent_id or ""
    acting = _Acting(context, asking, thread, me, text, title, answer_id, valid_until, text_digest)
    getattr(acting, action)()
    if action not in _UNSEEN:
        asking.publish()


def keep_answer(asking: Asking, answer: GivenAnswer) -> None:
    """Store an answer, once under its id. Raises `TooManyAnswers`."""
    day_ago, most = asking.questions.now() - timedelta(days=1), asking.rules.answered_per_day
    # Deleted answers are in no table: an agent could answer, mail the asker and delete, forever.
    allowed = asking.acts.is_within(f"answers:{answer.author_id}", answer.id, most)
    if not allowed or not asking.questions.answer(answer, most, day_ago):
        raise TooManyAnswers("Vous avez beaucoup répondu aujourd’hui : revenez demain.")


@dataclass(frozen=True, slots=True)
class _Acting:
    """An agent's action on a question that they may read: a method for each `QuestionAction`."""

    context: AnswerContext
    asking: Asking
    thread: Thread
    agent_id: str
    text: str
    title: str
    answer_id: str
    valid_until: date | None
    text_digest: str

    @property
    def question(self) -> AskedQuestion:
        return self.thread.question

    def accept(self) -> None:
        until = self.asking.questions.now() + timedelta(days=self.asking.rules.answer_days)
        self._decide(RequestState.ACCEPTED, until=until)

    def decline(self) -> None:
        requests = self.asking.questions.requests.of_question(self.question.id)
        states = [one.state for one in requests if one.agent_id == self.agent_id]
        if RequestState.ACCEPTED in states:
            raise InvalidParameter("Vous avez accepté : transmettez la question, avec une raison.")
        self._decide(RequestState.DECLINED)  # the next step asks the next recipient

    def retake(self) -> None:
        """Undo the agent's decline, as long as nobody was asked since."""
        requests = self.asking.questions.requests.of_question(self.question.id)
        mine = (one.state for one in requests if one.agent_id == self.agent_id)
        if RequestState.DECLINED not in mine:
            raise NotFound("Vous n’avez pas décliné cette question.")
        if not self.asking.questions.requests.take_back_decline(self.question.id, self.agent_id):
            raise InvalidParameter(
                "Trop tard : cette question est passée à la personne suivante, ou son délai est "
                "fini."
            )

    def transfer(self) -> None:
        reason = checked_text(self.text, MOST_REASON, "Écrivez la raison en quelques mots.")
        answering = _answering(self.context)
        self._decide(RequestState.PASSED_ON, reason=reason)
        _go_on(self.context, self.question, answering)

    def answer(self) -> None:
        said = checked_text(self.text, MOST_TEXT, "Écrivez la réponse.")
        moment = self.asking.questions.now()
        answer = GivenAnswer(
            uuid4().hex, self.question.id, self.agent_id, said, moment, valid_until=self.valid_until
        )
        keep_answer(self.asking, answer)

    def correct(self) -> None:
        said = checked_text(self.text, MOST_TEXT, "Écrivez la réponse.")
        self._within_the_day()
        self.asking.questions.correct(self._own_answer().id, said, self.valid_until)

    def delete_answer(self) -> None:
        self.asking.questions.remove_answer(self.question.id, self._own_answer().id)

    def confirm(self) -> None:
        """Show the agent's former text from a restored database again, unless it was hidden."""
        if self.answer_id:
            outdated = self._own_answer().outdated
        else:
            self._of_the_asker()
            outdated = self.question.outdated
        if not outdated:
            raise NotFound("Ce texte n’attend pas que vous le confirmiez.")
        this = self.question.id, self.answer_id, self.text_digest
        if not self.asking.questions.moderation.show_again(*this, outdated=True):
            raise InvalidParameter(OTHER_TEXT)

    def still_right(self) -> None:
        this = self.question.id, self._own_answer().id
        self.asking.questions.moderation.dismiss_reports(*this, only_outdated=True)

    def edit(self) -> None:
        self._of_the_asker()
        said, titled = checked_text(self.text, MOST_TEXT), _checked_title(self.title)
        self._within_the_day()
        self.asking.questions.edit(self.question.id, titled, said)

    def helped(self) -> None:
        self._of_the_asker()
        self.asking.questions.accept(self.question.id, self._answer_of_others().id)

    def thank(self) -> None:
        self._of_the_asker()
        self.asking.questions.thank(self.question.id, self._answer_of_others().id)

    def lacks(self) -> None:
        self._of_the_asker()
        said = checked_text(self.text, MOST_REASON, "Écrivez ce qui manque.")
        if all(one.author_id == self.agent_id for one in self.thread.answers):
            raise InvalidParameter("Personne d’autre n’a encore répondu : corrigez votre question.")
        answering = _answering(self.context)
        self.asking.questions.lacks(self.question.id, said)
        _go_on(self.context, self.question, answering)

    def open(self) -> None:
        self._of_the_asker()
        if not _may_open(self.thread, self.asking.questions.requests.of_question(self.question.id)):
            raise InvalidParameter("Votre question n’attend plus un tour : relisez où elle en est.")
        self.asking.questions.requests.move(self.question.id, QuestionStage.ANIMATOR, None)

    def delete(self) -> None:
        self._of_the_asker()
        self.asking.questions.remove(self.question.id)

    def _within_the_day(self) -> None:
        """Limit daily corrections like answers: each is news and is written to the index."""
        who, most = f"corrections:{self.agent_id}", self.asking.rules.answered_per_day
        if not self.asking.acts.is_within(who, uuid4().hex, most):
            raise TooManyAnswers("Vous avez beaucoup corrigé aujourd’hui : revenez demain.")

    def _decide(self, state: RequestState, until: datetime | None = None, reason: str = "") -> None:
        requests = self.asking.questions.requests
        if not requests.decide(self.question.id, self.agent_id, state, until, reason):
            raise NotFound("Cette question ne vous est pas, ou plus, posée.")

    def _of_the_asker(self) -> None:
        if self.question.asker_id != self.agent_id:
            raise NotFound("Seule la personne qui a posé la question peut le faire.")

    def _own_answer(self) -> GivenAnswer:
        for one in self.thread.answers:
            if one.id == self.answer_id and one.author_id == self.agent_id:
                return one
        raise NotFound("Cette réponse n’existe pas, ou n’est pas la vôtre.")

    def _answer_of_others(self) -> GivenAnswer:
        for one in self.thread.answers:
            if one.id == self.answer_id and one.author_id != self.agent_id:
                return one
        raise NotFound("Cette réponse n’existe pas, ou est la vôtre.")


_UNSEEN = {
    QuestionAction.DECLINE,
    QuestionAction.RETAKE,
    QuestionAction.TRANSFER,
    QuestionAction.OPEN,
    QuestionAction.STILL_RIGHT,
}
"""Actions that change nothing for other readers of the question."""


def own_asking(context: AnswerContext, reader: Reader) -> OwnAsking | None:
    """Return everything stored here about the reader; None if questions are off here."""
    if context.asking is None or reader.agent_id is None:
        return None
    return context.asking.questions.of_agent(reader.agent_id)


def set_asking_preferences(context: AnswerContext, reader: Reader, said: AskingPreferences) -> None:
    """Store the reader's preferences. Raises `InvalidParameter`, `NotFound`."""
    asking, agent = required(context.asking), known_agent(context, reader)
    if said.per_week is not None and not 0 <= said.per_week <= MOST_PER_WEEK:
        raise InvalidParameter(f"Choisissez de 0 à {MOST_PER_WEEK} questions par semaine.")
    if not context.topics().keys() >= set(said.topics):
        raise InvalidParameter("Ce sujet n’est pas dans la liste.")
    asking.questions.requests.prefer(agent.id, said)


def forget_own_questions(context: AnswerContext, reader: Reader) -> None:
    """Delete every question and answer of the reader. Raises `NotFound`, `IndexUnreachable`."""
    asking, agent = required(context.asking), known_agent(context, reader)
    own = asking.questions.of_agent(agent.id)
    for question in own.questions:
        asking.questions.remove(question.id)
    for answer in own.answers:
        asking.questions.remove_answer(answer.question_id, answer.id)
    asking.publish()


def move_questions_on(context: AnswerContext) -> int:
    """Move questions whose time is over to the next agent, the community, or the animator.

    After a decline, and the time to undo it, the question goes to the next recipient, who gets the
    remaining time in addition to their own, and never earlier to the next stage: nobody can tell a
    decline from silence. Returns how many questions moved.
    """
    asking = required(context.asking)
    moment = asking.questions.now()
    asking.questions.retention.tidy(moment - timedelta(days=LATELY_DAYS))
    due = asking.questions.due(moment)
    answering = _answering(context) if due else frozenset()
    return sum(_moved_on(context, asking, one, answering) for one in due)


def _moved_on(
    context: AnswerContext, asking: Asking, question: AskedQuestion, answering: frozenset[str]
) -> bool:
    moment = asking.questions.now()
    if question.stage is QuestionStage.COMMUNITY:
        asking.questions.requests.move(question.id, QuestionStage.ANIMATOR, None)
        return True
    requests = asking.questions.requests.of_question(question.id)
    for one in requests:
        if one.state in UNDECIDED:
            if one.until > moment and _still_may(context, question, one.agent_id):
                return False
            asking.questions.requests.decide(question.id, one.agent_id, RequestState.EXPIRED)
        elif one.state is RequestState.DECLINED:
            undone_until = (one.decided or one.asked) + DECLINE_UNDO
            if moment < min(undone_until, one.until):
                return False
    return _go_on(context, question, answering)


def _go_on(context: AnswerContext, question: AskedQuestion, answering: frozenset[str]) -> bool:
    """Ask the next recipient; if there is none and nobody has the question, end its stage.

    Returns whether the question moved.
    """
    if _ask_next(context, question):
        return True
    questions = required(context.asking).questions
    if is_with_somebody(questions.requests.of_question(question.id), questions.now()):
        return False
    _to_community(context, question, answering)
    return True


def _still_may(context: AnswerContext, question: AskedQuestion, agent_id: str) -> bool:
    """Return whether the agent may still be asked: not withdrawn, gone, away or without rights."""
    asking = required(context.asking)
    agent = context.people.agents([agent_id]).get(agent_id)
    if agent is None:
        return False
    said = asking.questions.requests.preferences([agent_id])[agent_id]
    # The weekly limit applies only when asking, and this question already counts in it.
    wanted = PossibleAnswerer(agent, replace(said, per_week=None))
    rules = replace(asking.rules, per_week=1)
    readable = _may_read(asking, agent_id, question)
    return readable and may_be_asked(wanted, question, rules, context.today())


def _ask_next(context: AnswerContext, question: AskedQuestion) -> bool:
    """Ask the first stored recipient who may be asked now; return false if there is none.

    At most `MOST_ASKED` agents are asked. Recipients who may not be asked now are skipped. Nobody
    is asked for an asker who was erased.
    """
    asking = required(context.asking)
    requests = asking.questions.requests.of_question(question.id)
    if not question.asker_id or len(requests) >= MOST_ASKED:
        return False
    moment, rules = asking.questions.now(), asking.rules
    week = moment - timedelta(days=WEEK_DAYS)
    asked = {one.agent_id for one in requests}
    ids = [one for one in asking.questions.requests.recipients_of(question.id) if one not in asked]
    known = context.people.agents(ids)
    # Count a decline like silence, so that later steps do not reveal it. Passing on takes no time,
    # because the asker is told of it.
    held = (one.until for one in requests if one.state is not RequestState.PASSED_ON)
    until = max([moment, *held]) + timedelta(days=rules.answer_days)
    for one in _possible(context, [known[id_] for id_ in ids if id_ in known]):
        if not may_be_asked(one, question, rules, context.today()):
            continue
        request = AgentRequest(question.id, one.agent.id, RequestState.WAITING, moment, until)
        if _may_read(asking, one.agent.id, question) and asking.questions.requests.add(
            request, weekly_limit(one, rules), week, limits_of_one_asker(one, rules, moment)
        ):
            return True
    return False


def _possible(context: AnswerContext, named: Sequence[Agent]) -> list[PossibleAnswerer]:
    asking, ids = required(context.asking), [one.id for one in named]
    questions, moment = asking.questions, asking.questions.now()
    lately = questions.requests.count_since(ids, moment - timedelta(days=LATELY_DAYS))
    week = questions.requests.count_since(ids, moment - timedelta(days=WEEK_DAYS))
    said, build = questions.requests.preferences(ids), context.build()
    alone = frozenset() if isinstance(build, BuildStatus) else alone_in_region(build, ids)
    return [
        PossibleAnswerer(
            one, said[one.id], one.id in alone, lately.get(one.id, 0), week.get(one.id, 0)
        )
        for one in named
    ]


def _recipients(
    context: AnswerContext, question: AskedQuestion, asker: Agent, first: Agent | None
) -> list[str]:
    """Return the ids of the agents to ask, in order: chosen once, when the question is asked.

    Later the same search would find other people, because the question's own document supports
    them.
    """
    asking = required(context.asking)
    reader = asking.reader_of(asker.id)
    people = _possible(context, _named(context, question, asker, first, reader))
    moment = asking.questions.now()
    return [
        one.agent.id
        for one in _in_turn(context, question, asker, first, people)
        if not asking.questions.requests.has_taken_share(
            question.asker_id, one.agent.id, limits_of_one_asker(one, asking.rules, moment)
        )
    ]


def _in_turn(
    context: AnswerContext,
    question: AskedQuestion,
    asker: Agent,
    first: Agent | None,
    people: Sequence[PossibleAnswerer],
) -> Iterator[PossibleAnswerer]:
    """Yield the agents of `people` who may be asked and may read the question, in order.

    The agent `first` comes before all others.
    """
    asking, first_id = required(context.asking), first.id if first else ""
    for one in first_of(people, question, asker, asking.rules, context.today(), first_id):
        if _may_read(asking, one.agent.id, question):
            yield one


def _named(
    context: AnswerContext,
    question: AskedQuestion,
    asker: Agent,
    first: Agent | None,
    reader: Reader,
) -> list[Agent]:
    """Return likely experts by a search of the asker, `reader`, best first, and `first`.

    They are more than have a card, so that another is asked if the likeliest does not answer. For a
    question to a métier: its holders, nearest first, without evidence.
    """
    if metier := asked_metier(context, question.topic_id):
        named = {one.id: one for one in holders_of_metier(context, metier, asker)}
    else:
        searched = who_knows(context, reader, question.title, limit=CHOSEN_FROM, noted=False)
        wrote = (*searched.experts.named, *searched.experts.candidates)
        likely = [
            one for one in wrote if one.evidence and (one.sure or one.confidence >= SURE_ODDS)
        ]
        named = {one.agent.id: one.agent for one in (*searched.experts.known, *likely)}
    if first is not None:
        named.setdefault(first.id, first)
    return list(named.values())


def _may_read(asking: Asking, agent_id: str, question: AskedQuestion) -> bool:
    return access_filter(asking.reader_of(agent_id)).admits(question.access)


def _to_community(
    context: AnswerContext, question: AskedQuestion, answering: frozenset[str]
) -> None:
    """Put the question to its topic's community for one agent's time, else to the animator."""
    asking = required(context.asking)
    if question.topic_id in answering:
        until = asking.questions.now() + timedelta(days=asking.rules.answer_days)
        asking.questions.requests.move(question.id, QuestionStage.COMMUNITY, until)
    else:
        asking.questions.requests.move(question.id, QuestionStage.ANIMATOR, None)


def _communities(context: AnswerContext, agent: Agent) -> tuple[CommunityView, ...]:
    build = context.build()
    if isinstance(build, BuildStatus):
        return ()
    return _open(context, tuple(one for one in communities_of(build, agent) if one.proposed))


def _accepted(context: AnswerContext) -> tuple[CommunityView, ...]:
    build = context.build()
    return () if isinstance(build, BuildStatus) else _open(context, accepted_communities(build))


def _open(
    context: AnswerContext, communities: tuple[CommunityView, ...]
) -> tuple[CommunityView, ...]:
    """Return the communities that may be asked: not closed, and with members, not guests alone."""
    closed = context.closed_communities()
    return tuple(
        one
        for one in communities
        if one.members and closed.isdisjoint(topic.id for topic in one.topics)
    )


def _answering(context: AnswerContext) -> frozenset[str]:
    """Return the topics of the communities that may be asked."""
    return frozenset(topic.id for one in _accepted(context) for topic in one.topics)


def _members(context: AnswerContext, topic_id: str) -> frozenset[str]:
    """Return the ids of the present members of a topic's community."""
    build = context.build()
    if isinstance(build, BuildStatus):
        return frozenset()
    return frozenset(one.id for one in members_on(build, topic_id))


def _community(context: AnswerContext, topic_id: str) -> str:
    if topic_id and topic_id not in _answering(context):
        raise InvalidParameter("Cette communauté n’existe pas, ou n’a plus assez de membres.")
    return topic_id


def _may_be_first(context: AnswerContext, reader: Reader, agent_id: str) -> Agent | None:
    """Return the agent to ask first if they may be shown; whether they are asked is secret."""
    agent = context.people.agents([agent_id]).get(agent_id) if agent_id else None
    shown = agent is not None and may_be_shown(agent, context.today())
    return agent if shown and agent_id != reader.agent_id else None


def _checked_title(title: str) -> str:
    """Return the title on one line. Raises `InvalidParameter`."""
    line = " ".join(title.split())
    return checked_text(line, MOST_TITLE, "Écrivez votre question en une phrase.")


def _topic(context: AnswerContext, topic_id: str) -> str:
    if topic_id and topic_id not in context.topics():
        raise InvalidParameter("Ce sujet n’est pas dans la liste.")
    return topic_id


def _scope_id(context: AnswerContext, agent: Agent, new: NewQuestion) -> str:
    """Return the community or entity to limit readers to, if it is one of the asker's own."""
    own: dict[ReaderScope, frozenset[str]] = {
        ReaderScope.EVERYBODY: frozenset({""}),
        ReaderScope.ENTITY: frozenset(entities_of(agent)),
        ReaderScope.COMMUNITY: frozenset(
            topic.id for one in _communities(context, agent) for topic in one.topics
        ),
    }
    if new.scope_id not in own[new.scope]:
        raise InvalidParameter("Choisissez des lecteurs que la page propose.")
    return new.scope_id
