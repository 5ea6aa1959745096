"""Opinions and favourites: what a reader says and keeps, shown to them alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from connectors.values import Agent
from expertise.answer_values import BuildStatus
from expertise.topics import Topic
from expertise.visibility import may_be_shown
from indexer.access import Reader
from indexer.state import reference_of
from indexer.values import Card
from search_api.answers.agents import shown_agent
from search_api.answers.context import AnswerContext, InvalidParameter, NotFound, RoleHolder
from search_api.feedback import Aspect, Feedback, OpinionSum, Subject, SubjectKind

MOST_KEPT = 500
"""Opinions, and favourites, that one agent may keep: a list that a person can read."""


class FeedbackAction(StrEnum):
    """What a click does. `forget_opinions` and `forget_favourites` delete all of them."""

    USEFUL = "useful"
    NOT_USEFUL = "not_useful"
    NO_OPINION = "no_opinion"
    FAVOURITE = "favourite"
    NO_FAVOURITE = "no_favourite"
    FORGET_OPINIONS = "forget_opinions"
    FORGET_FAVOURITES = "forget_favourites"


_OF_FAVOURITES = {
    FeedbackAction.FAVOURITE,
    FeedbackAction.NO_FAVOURITE,
    FeedbackAction.FORGET_FAVOURITES,
}
_KEEPING = {
    FeedbackAction.USEFUL: True,
    FeedbackAction.NOT_USEFUL: False,
    FeedbackAction.FAVOURITE: None,
}
_OF_ALL = {FeedbackAction.FORGET_OPINIONS, FeedbackAction.FORGET_FAVOURITES}


@dataclass(frozen=True, slots=True)
class ShownFeedback:
    """An opinion or a favourite, with the document, agent or topic as the reader may see it.

    `topic` beside an `agent` is the one that the question named, if any.
    """

    said: Feedback
    document: Card | None = None
    agent: Agent | None = None
    topic: Topic | None = None


@dataclass(frozen=True, slots=True)
class OwnFeedback:
    """What a reader said and kept, the newest first.

    `hidden` is about what they may not see any more, or what is no more: both look alike.
    """

    opinions: tuple[ShownFeedback, ...] = ()
    favourites: tuple[ShownFeedback, ...] = ()
    hidden: tuple[Feedback, ...] = ()

    def hidden_of(self, aspect: str) -> int:
        """How many of one aspect are hidden."""
        return sum(one.aspect == aspect for one in self.hidden)


@dataclass(frozen=True, slots=True)
class SummedOpinions:
    """A document that the administrator may read, or a topic, with its opinions.

    Neither of them: the opinions on people proposed for questions that name no topic.
    """

    summed: OpinionSum
    document: Card | None = None
    topic: Topic | None = None


def own_feedback(context: AnswerContext, reader: Reader) -> OwnFeedback:
    """The reader's opinions and favourites, under their rights. Raises `IndexUnreachable`."""
    if context.feedback is None:
        return OwnFeedback()
    said = context.feedback.of(reader.agent_id or "")
    documents = context.search.cards(_ids(said, SubjectKind.DOCUMENT), reader)
    agents = context.people.agents(_ids(said, SubjectKind.AGENT))
    topics, today = _topics(context), context.today()
    found = []
    for one in said:
        id_, topic = one.subject.id, topics.get(one.subject.topic_id)
        if one.subject.kind is SubjectKind.DOCUMENT:
            found.append(ShownFeedback(one, document=documents.get(id_)))
        elif one.subject.kind is SubjectKind.TOPIC:
            found.append(ShownFeedback(one, topic=topics.get(id_)))
        else:
            agent = agents.get(id_)
            if agent is not None and may_be_shown(agent, today, reader.agent_id):
                found.append(ShownFeedback(one, agent=agent, topic=topic))
            else:
                found.append(ShownFeedback(one))
    seen = [one for one in found if one.document or one.agent or one.topic]
    return OwnFeedback(
        tuple(one for one in seen if one.said.aspect is Aspect.OPINION),
        tuple(one for one in seen if one.said.aspect is Aspect.FAVOURITE),
        tuple(one.said for one in found if not (one.document or one.agent or one.topic)),
    )


def give_feedback(
    context: AnswerContext,
    reader: Reader,
    action: FeedbackAction,
    subject: Subject,
    question: str = "",
) -> None:
    """Keep an opinion or a favourite, or delete it; of a `question`, only the topic it names.

    An agent was proposed for a `question`, or for `subject.topic_id`. `subject` is not read where
    all are deleted. Raises `NotFound` for what the reader may not
    see, `InvalidParameter` for what cannot be kept, `IndexUnreachable`.
    """
    if context.feedback is None:
        raise NotFound("")
    agent_id = reader.agent_id or ""
    aspect = Aspect.FAVOURITE if action in _OF_FAVOURITES else Aspect.OPINION
    if action in _OF_ALL:
        context.feedback.remove(agent_id, aspect)
        return
    proposed = aspect is Aspect.OPINION and subject.kind is SubjectKind.AGENT
    if proposed and question:
        subject = replace(subject, topic_id=named_topic(context, question))
    if action not in _KEEPING:
        context.feedback.remove(agent_id, aspect, subject)
        return
    if not proposed:
        subject = replace(subject, topic_id="")
    _check(context, reader, aspect, subject)
    context.feedback.keep(agent_id, aspect, subject, _KEEPING[action])


def opinion_sums(context: AnswerContext, administrator: RoleHolder) -> tuple[SummedOpinions, ...]:
    """Opinions by document and topic, from five people on; never who gave them, nor on whom.

    The role opens no document: those that the administrator may not read are left out. Raises
    `IndexUnreachable`.
    """
    if context.feedback is None:
        return ()
    sums = context.feedback.sums()
    named = tuple(one.subject for one in sums if one.kind is SubjectKind.DOCUMENT)
    documents, topics = context.search.cards(named, administrator.reader), _topics(context)
    return tuple(
        SummedOpinions(one, documents.get(one.subject), topics.get(one.subject))
        for one in sums
        if one.subject in (documents if one.kind is SubjectKind.DOCUMENT else {"", *topics})
    )


class PageFeedback:
    """What a page's buttons show of the reader's own; read from the store at the first of them."""

    def __init__(self, context: AnswerContext, reader: Reader) -> None:
        self._context, self._reader = context, reader
        self._topics: dict[str, str] = {}

    def offered(self, kind: str, subject: str) -> bool:
        """Whether the reader may say something of it: not of themselves."""
        own = kind == SubjectKind.AGENT and subject == self._reader.agent_id
        return self._context.feedback is not None and bool(self._reader.agent_id) and not own

    def opinion(self, kind: str, subject: str, question: str = "") -> bool | None:
        """Whether it was useful, None where the reader did not say."""
        topic = ""
        if kind == SubjectKind.AGENT and question:
            if question not in self._topics:
                self._topics[question] = named_topic(self._context, question)
            topic = self._topics[question]
        return self._said.get((Aspect.OPINION, Subject(SubjectKind(kind), subject, topic)))

    def is_favourite(self, kind: str, subject: str) -> bool:
        """Whether the reader keeps it."""
        return (Aspect.FAVOURITE, Subject(SubjectKind(kind), subject)) in self._said

    def anchor(self, kind: str, subject: str) -> str:
        """An id of the page's, to come back to."""
        return f"avis-{kind}-{reference_of(subject)}"

    @cached_property
    def _said(self) -> Mapping[tuple[Aspect, Subject], bool | None]:
        store = self._context.feedback
        said = store.of(self._reader.agent_id or "") if store else ()
        return {(one.aspect, one.subject): one.useful for one in said}


def named_topic(context: AnswerContext, question: str) -> str:
    """The id of a topic that a question names, the first where it names several; else empty."""
    build = context.build()
    if isinstance(build, BuildStatus):
        return ""
    # Imported here: it imports NumPy, which most pages do not need.
    from expertise.assignment import topics_named

    named = topics_named(question, tuple(one.topic for one in build.topics.values()))
    return min(named, default="")


def _check(context: AnswerContext, reader: Reader, aspect: Aspect, subject: Subject) -> None:
    """Raises `NotFound` or `InvalidParameter`."""
    if subject.kind is SubjectKind.DOCUMENT and not context.search.cards((subject.id,), reader):
        raise NotFound("Ce document n’existe pas, ou ne vous est pas ouvert.")
    topics = _topics(context)
    named = {subject.id} if subject.kind is SubjectKind.TOPIC else {subject.topic_id} - {""}
    if not named <= topics.keys():
        raise NotFound("Sujet inconnu : il n’est pas dans la liste.")
    if subject.kind is SubjectKind.AGENT:
        if subject.id == reader.agent_id:
            raise InvalidParameter("Vous ne pouvez ni vous évaluer, ni vous garder en favori.")
        shown_agent(context, reader, subject.id)
    if subject.kind is SubjectKind.TOPIC and aspect is Aspect.OPINION:
        raise InvalidParameter("Un avis porte sur un document, ou sur une personne proposée.")
    kept = context.feedback.of(reader.agent_id or "") if context.feedback else ()
    if sum(one.aspect is aspect for one in kept) >= MOST_KEPT:
        raise InvalidParameter(
            f"Vous en gardez déjà {MOST_KEPT} : effacez-en dans « Mes données » d’abord."
        )


def _ids(said: Sequence[Feedback], kind: SubjectKind) -> tuple[str, ...]:
    return tuple(sorted({one.subject.id for one in said if one.subject.kind is kind}))


def _topics(context: AnswerContext) -> Mapping[str, Topic]:
    build = context.build()
    if isinstance(build, BuildStatus):
        return {}
    return {id_: one.topic for id_, one in build.topics.items()}
