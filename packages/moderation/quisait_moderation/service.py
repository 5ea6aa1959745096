"""Reports of questions and answers, and decisions of moderators.

A moderator sees the reported text and the reason, never the reporter. Moderators only decide on
texts that they may read, and never on their own texts. A hidden text is shown only to its author,
with the reason. If no animator of a topic can moderate its question, the animators of its entity
can. Administrators see how many reports have no moderator or wait too long.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from typing import TypeVar
from uuid import uuid4

from pydantic import Field

from expertise.topics import Topic, TopicKind
from indexer.access import Reader, access_filter
from search_api.bodies import Body
from search_api.context import (
    AnswerContext,
    AnswerRefused,
    InvalidParameter,
    NotFound,
    RoleHolder,
    note_access,
    required,
)
from search_api.identity.principals import ALL, Grant, HeldRoles, Role
from search_api.questions.authority import entities_down_to
from search_api.questions.reading import (
    OTHER_TEXT,
    any_thread,
    checked_text,
    known_agent,
    open_links,
    readable_thread,
)
from search_api.questions.storage import Asking
from search_api.questions.values import (
    MOST_LISTED,
    MOST_REASON,
    AskedQuestion,
    GivenAnswer,
    QuestionStage,
    ReaderScope,
    TextReport,
    Thread,
)
from search_api.topics.service import related_topics
from search_api.verification.storage import Verifying

MOST_PROPOSED = 20
"""Number of oldest unclassified questions that get a proposed topic. The number is limited because
each is encoded at each view.
"""


_Listed = TypeVar("_Listed")


class ModerationAct(StrEnum):
    """Decision on a text: hide it, show it again, leave it, or give the question a topic."""

    HIDE = "hide"
    SHOW = "show"
    DISMISS = "dismiss"
    CLASSIFY = "classify"


class TooManyReports(AnswerRefused):
    """The reader reached the daily limit of reports."""

    status = 429
    code = "too_many_reports"


@dataclass(frozen=True, slots=True)
class ModeratedText:
    """A question or one of its answers. `reports`: reasons and days, without names."""

    question: AskedQuestion
    answer: GivenAnswer | None
    reports: tuple[tuple[str, date], ...] = ()

    @property
    def hidden(self) -> str | None:
        """The reason why the text is hidden, None if it is visible."""
        return (self.answer or self.question).hidden

    @property
    def outdated(self) -> bool:
        """Whether the text is only hidden because it is a former text from a restored database."""
        return (self.answer or self.question).outdated

    @property
    def text(self) -> str:
        """The text, as Markdown."""
        return (self.answer or self.question).text

    @property
    def digest(self) -> str:
        """The digest of exactly this text, so that a decision does not apply to a later text."""
        return (self.answer or self.question).text_digest


@dataclass(frozen=True, slots=True)
class WaitingReports:
    """Number of reported texts that wait for a decision; `oldest`: day of the first report.

    `nobodys`: texts that nobody in the settings can moderate. `late`: texts that have waited longer
    than `answer_days`, the days that an agent has to answer a question.
    """

    texts: int
    nobodys: int
    late: int
    oldest: date | None


@dataclass(frozen=True, slots=True)
class UnclassifiedQuestion:
    """A question without a topic, and the topic nearest to its words.

    `proposed` is None without such a topic, and for questions after the `MOST_PROPOSED` oldest.
    """

    question: AskedQuestion
    proposed: Topic | None


@dataclass(frozen=True, slots=True)
class ModerationDesk:
    """Texts that wait for an animator, oldest first: readable texts on their topics and entities.

    `reported` and `hidden` never contain the animator's own texts. `waiting`: questions at the
    animator's stage. `unclassified`: questions without a topic. `topics`: all topics to choose
    from. `more`: one of these lists is cut at `MOST_LISTED`. `open_documents`: ids of readable
    documents to which the texts link.
    """

    reported: tuple[ModeratedText, ...] = ()
    hidden: tuple[ModeratedText, ...] = ()
    waiting: tuple[AskedQuestion, ...] = ()
    unclassified: tuple[UnclassifiedQuestion, ...] = ()
    topics: tuple[Topic, ...] = ()
    more: bool = False
    open_documents: frozenset[str] = frozenset()


def report_text(
    context: AnswerContext,
    reader: Reader,
    question_id: str,
    answer_id: str,
    reason: str,
    *,
    outdated: bool = False,
) -> None:
    """Report a text to the topic's animator, once; with `outdated`, also to its author.

    `outdated`: the report only says that an answer is no longer right. A report that is taken back
    still counts in the daily limit, and so does a new report after it. Raises `NotFound` for a text
    that the reader may not read or wrote themselves, `InvalidParameter`, and `TooManyReports`.
    """
    asking, agent = required(context.part(Asking)), known_agent(context, reader)
    text = _text(readable_thread(context, reader, question_id), answer_id)
    if _author(text) == agent.id:
        raise NotFound("Ce texte est le vôtre : vous pouvez le supprimer.")
    if outdated and (context.part(Verifying) is None or not answer_id):
        raise NotFound("Cela ne se dit que d’une réponse.")
    said = checked_text(reason, MOST_REASON, "Écrivez en quelques mots ce qui ne va pas.")
    moment = asking.questions.now()
    report = TextReport(question_id, answer_id, agent.id, said, moment, outdated=outdated)
    if asking.questions.moderation.is_reported(report):
        return
    most, day_ago = asking.rules.reported_per_day, moment - timedelta(days=1)
    # Reports that were taken back or whose text was deleted are in no table.
    allowed = asking.acts.is_within(f"reports:{agent.id}", uuid4().hex, most)
    if not allowed or not asking.questions.moderation.report(report, most, day_ago):
        raise TooManyReports("Vous avez beaucoup signalé aujourd’hui : revenez demain.")


def take_report_back(
    context: AnswerContext, reader: Reader, question_id: str, answer_id: str
) -> None:
    """Take back the reader's own report, as long as nobody has decided on it.

    This is also possible for a text that the reader may not read any more. Raises `NotFound`, with
    the same message for a missing report and for a decided one.
    """
    asking, agent = required(context.part(Asking)), known_agent(context, reader)
    if not asking.questions.moderation.take_report_back(agent.id, question_id, answer_id):
        raise NotFound("Vous n’avez pas de signalement à reprendre ici, ou il est déjà traité.")


def waiting_reports(context: AnswerContext) -> WaitingReports:
    """Return how many reported texts wait, as numbers for administrators."""
    asking = required(context.part(Asking))
    late = context.today() - timedelta(days=asking.rules.answer_days)
    late_before = datetime.combine(late, time(), UTC)
    texts, late_texts, oldest = asking.questions.moderation.waiting_reports(late_before)
    animators = _Animators(context, asking)
    reported = _existing_texts(asking.questions.moderation.texts_reported())
    nobodys = sum(not animators.any_for(text) for text in reported)
    return WaitingReports(texts, nobodys, late_texts, oldest.date() if oldest else None)


def _existing_texts(found: Iterable[tuple[Thread, str]]) -> Iterator[ModeratedText]:
    """Yield the texts, without answers that were just deleted."""
    for thread, answer_id in found:
        try:
            yield _text(thread, answer_id)
        except NotFound:
            continue


def to_moderate(context: AnswerContext, reader: Reader) -> ModerationDesk:
    """Return the texts that wait for this reader, without hidden ones.

    The result is empty if the reader has no such role.
    """
    held = context.grants.held_by(reader)
    asking = context.part(Asking)
    if asking is None or Role.ANIMATOR not in held.roles:
        return ModerationDesk()
    questions, topic_ids = asking.questions, _topic_ids(held)
    access, moderated = access_filter(reader), _moderated(context, asking, held)

    def readable(found: Iterable[AskedQuestion]) -> Iterator[AskedQuestion]:
        return (
            one
            for one in found
            if access.admits(one.access) and moderated(ModeratedText(one, None))
        )

    late = questions.open_at(QuestionStage.ANIMATOR, topic_ids=topic_ids)
    without_topic = questions.open_at(*QuestionStage, topic_ids=[""]) if topic_ids is None else ()
    reported = _of_others(reader, moderated, questions.moderation.texts_reported(topic_ids))
    reported_texts, more_reported = _first(reported)
    waiting, more_waiting = _first(readable(one for one in late if one.topic_id))
    unclassified, more_unclassified = _first(readable(without_topic))
    return ModerationDesk(
        reported_texts,
        (),
        waiting,
        tuple(UnclassifiedQuestion(one, None) for one in unclassified),
        more=more_reported or more_waiting or more_unclassified,
    )


def _first(found: Iterable[_Listed]) -> tuple[tuple[_Listed, ...], bool]:
    """Return the first `MOST_LISTED`, and whether there are more."""
    some = tuple(islice(found, MOST_LISTED + 1))
    return some[:MOST_LISTED], len(some) > MOST_LISTED


def _topic_ids(held: HeldRoles) -> frozenset[str] | None:
    """Return the ids of the topics that a role holder moderates; None means all topics."""
    return None if ALL in held.topics or held.entities else held.topics


def _of_others(
    reader: Reader, moderated: Callable[[ModeratedText], bool], found: Iterable[tuple[Thread, str]]
) -> Iterator[ModeratedText]:
    """Yield the texts that a reader may read and moderate, except the reader's own."""
    access = access_filter(reader)
    return (
        one
        for one in _existing_texts(found)
        if access.admits(one.question.access) and moderated(one) and _author(one) != reader.agent_id
    )


def moderation_desk(context: AnswerContext, holder: RoleHolder) -> ModerationDesk:
    """Return the texts that wait for the holder. Raises `NotFound`, `IndexUnreachable`."""
    asking = required(context.part(Asking))
    topics = tuple(one for one in context.listed_topics() if one.kind is TopicKind.TOPIC)
    found = to_moderate(context, holder.reader)
    moderated = _moderated(context, asking, holder.held)
    masked = asking.questions.moderation.texts_hidden(_topic_ids(holder.held))
    hidden, more_hidden = _first(_of_others(holder.reader, moderated, masked))
    texts = (*found.reported, *hidden)
    reasons: dict[tuple[str, str], list[tuple[str, date]]] = defaultdict(list)
    for one in asking.questions.moderation.reports({text.question.id for text in texts}):
        reason = f"N’est plus juste : {one.reason}" if one.outdated else one.reason
        reasons[one.question_id, one.answer_id].append((reason, one.created.date()))

    def with_reports(some: Sequence[ModeratedText]) -> tuple[ModeratedText, ...]:
        return tuple(
            replace(
                text,
                reports=tuple(reasons[text.question.id, text.answer.id if text.answer else ""]),
            )
            for text in some
        )

    first, rest = found.unclassified[:MOST_PROPOSED], found.unclassified[MOST_PROPOSED:]
    near = [replace(one, proposed=_nearest_topic(context, one.question)) for one in first]
    return replace(
        found,
        reported=with_reports(found.reported),
        hidden=with_reports(hidden),
        unclassified=(*near, *rest),
        topics=topics,
        more=found.more or more_hidden,
        open_documents=open_links(context, holder.reader, (one.text for one in texts)),
    )


class ModerationRequest(Body):
    """A moderator's act on a text."""

    act: ModerationAct
    answer: str = Field("", max_length=32, description="an answer's id; empty: the question")
    reason: str = Field("", max_length=MOST_REASON, description="to hide it: its author reads it")
    topic: str = Field("", max_length=200, description="to classify: a topic's id")
    digest: str = Field("", max_length=64, description="to show it again: that of the text read")


def moderate(
    context: AnswerContext, holder: RoleHolder, question_id: str, asked: ModerationRequest
) -> None:
    """Hide a text with a reason, show it again, leave it unchanged, or give a question a topic.

    Raises `NotFound` for a text that the holder may not moderate, `InvalidParameter`, and
    `NotAudited`.
    """
    asking, act, answer_id = required(context.part(Asking)), asked.act, asked.answer
    if act is ModerationAct.CLASSIFY:
        _classify(context, asking, holder, question_id, asked.topic)
        return
    moderated = _moderated(context, asking, holder.held)
    if _moderated_text(context, holder, moderated, question_id, answer_id) is None:
        raise NotFound("Ce texte n’existe pas, ou n’est pas le vôtre à modérer.")
    subject = f"question_id:{question_id}" + (f"/{answer_id}" if answer_id else "")
    said = ""
    if act is ModerationAct.HIDE:
        said = checked_text(asked.reason, MOST_REASON, "Écrivez la raison : son auteur la lira.")
    note_access(context, holder, f"question {act}", subject)
    if act is ModerationAct.HIDE:
        asking.questions.moderation.hide(question_id, answer_id, said)
    elif act is ModerationAct.SHOW:
        if not asking.questions.moderation.show_again(question_id, answer_id, asked.digest):
            raise InvalidParameter(OTHER_TEXT)
    else:
        asking.questions.moderation.dismiss_reports(question_id, answer_id)
        return
    asking.publish()


def _classify(
    context: AnswerContext, asking: Asking, holder: RoleHolder, question_id: str, topic_id: str
) -> None:
    question = any_thread(context, holder.reader, question_id).question
    asked = ModeratedText(question, None)
    if question.hidden is not None or not _moderated(context, asking, holder.held)(asked):
        raise NotFound("Cette question n’existe pas, ou n’est pas la vôtre à modérer.")
    if topic_id not in context.topics():
        raise InvalidParameter("Ce sujet n’est pas dans la liste.")
    note_access(context, holder, f"question {ModerationAct.CLASSIFY}", f"question_id:{question_id}")
    if not asking.questions.classify(question_id, topic_id):
        raise InvalidParameter("Cette question a déjà un sujet.")
    asking.publish()


def _moderated(
    context: AnswerContext, asking: Asking, held: HeldRoles
) -> Callable[[ModeratedText], bool]:
    """Return a function that tells whether a role holder may moderate a text that they can read."""
    animators = _Animators(context, asking)

    def moderated(text: ModeratedText) -> bool:
        if held.animates_topic(text.question.topic_id):
            return True
        if not _in_entities(context, held.entities, text.question):
            return False
        return not text.question.topic_id or not animators.of_topic(text)

    return moderated


class _Animators:
    """Tells whether the settings name a moderator for a text; each agent is looked up once."""

    def __init__(self, context: AnswerContext, asking: Asking) -> None:
        self._context, self._asking = context, asking
        self._readers: dict[str, Reader] = {}

    def any_for(self, text: ModeratedText) -> bool:
        """Return whether an animator of the topic or the entity can moderate the text."""
        if self.of_topic(text):
            return True
        grants = (one for one in self._context.grants.every if one.role is Role.ANIMATOR)
        return any(
            _in_entities(self._context, one.entities, text.question) and self._is_for(one, text)
            for one in grants
        )

    def of_topic(self, text: ModeratedText) -> bool:
        """Return whether an animator of its topic, or of all topics, can moderate the text."""
        topic_id = text.question.topic_id
        grants = (one for one in self._context.grants.every if one.animates_topic(topic_id))
        return any(self._is_for(one, text) for one in grants)

    def _is_for(self, grant: Grant, text: ModeratedText) -> bool:
        """Return whether the grant has a moderator; a group counts, as its members are unknown."""
        return bool(grant.groups) or any(self._may(agent_id, text) for agent_id in grant.agents)

    def _may(self, agent_id: str, text: ModeratedText) -> bool:
        if agent_id not in self._readers:
            self._readers[agent_id] = self._asking.reader_of(agent_id)
        reader = self._readers[agent_id]
        known = reader.agent_id is not None and agent_id != _author(text)
        return known and access_filter(reader).admits(text.question.access)


def _in_entities(context: AnswerContext, animated: frozenset[str], question: AskedQuestion) -> bool:
    """Return whether a question belongs to an animated entity, by its readers or its asker.

    The asker's entity only counts if the asker is named, because otherwise the page would reveal
    it.
    """
    if not animated:
        return False
    entities: tuple[str, ...] = ()
    if question.scope is ReaderScope.ENTITY:
        entities = entities_down_to(question.scope_id)
    elif question.named and (
        asker := context.people.agents([question.asker_id]).get(question.asker_id)
    ):
        entities = entities_down_to(asker.entity)
    return not animated.isdisjoint(entities)


def _moderated_text(
    context: AnswerContext,
    holder: RoleHolder,
    moderated: Callable[[ModeratedText], bool],
    question_id: str,
    answer_id: str,
) -> ModeratedText | None:
    """Return a text that the holder may moderate; None for any other text."""
    try:
        thread = any_thread(context, holder.reader, question_id)
        text = _text(thread, answer_id)
    except NotFound:
        return None
    if not moderated(text) or _author(text) == holder.reader.agent_id:
        return None
    return text


def _text(thread: Thread, answer_id: str) -> ModeratedText:
    if not answer_id:
        return ModeratedText(thread.question, None)
    found = [one for one in thread.answers if one.id == answer_id]
    if not found:
        raise NotFound("Cette réponse n’existe pas, ou ne vous est pas ouverte.")
    return ModeratedText(thread.question, found[0])


def _author(text: ModeratedText) -> str:
    return text.answer.author_id if text.answer else text.question.asker_id


def _nearest_topic(context: AnswerContext, question: AskedQuestion) -> Topic | None:
    """Return the topic (not métier) that the question names, else the nearest in words, or None."""
    near = related_topics(context, question.title).topics
    named = context.topics().get(context.named_topic(question.title))
    topic = named or (near[0] if near else None)
    return topic if topic and topic.kind is TopicKind.TOPIC else None
