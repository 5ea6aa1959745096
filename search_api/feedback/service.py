"""Opinions and favourites of a reader, which only they see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from connectors.values import Agent
from expertise.topics import Topic
from expertise.visibility import may_be_shown
from indexer.access import Reader
from indexer.state import reference_of
from indexer.values import Card
from search_api.context import AnswerContext, InvalidParameter, NotFound, RoleHolder, required
from search_api.feedback.storage import Aspect, Feedback, OpinionSum, Subject, SubjectKind
from search_api.people.agents import shown_agent

MOST_KEPT = 500
"""Maximum number of opinions, and of favourites, of one agent, so that a person can read the list.
"""


class FeedbackAction(StrEnum):
    """Action of a click. `forget_opinions` and `forget_favourites` delete all of them."""

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

    `topic` next to an `agent` is the topic named by the question, if any.
    """

    said: Feedback
    document: Card | None = None
    agent: Agent | None = None
    topic: Topic | None = None


@dataclass(frozen=True, slots=True)
class OwnFeedback:
    """A reader's opinions and favourites, newest first.

    `hidden`: feedback on items that the reader may not see any more, or that are deleted; both look
    the same.
    """

    opinions: tuple[ShownFeedback, ...] = ()
    favourites: tuple[ShownFeedback, ...] = ()
    hidden: tuple[Feedback, ...] = ()

    def hidden_of(self, aspect: str) -> int:
        """Return the number of hidden opinions or favourites."""
        return sum(one.aspect == aspect for one in self.hidden)


@dataclass(frozen=True, slots=True)
class SummedOpinions:
    """Opinions on a document that the administrator may read, or on a topic.

    Without both, these are opinions on people proposed for questions without a topic.
    """

    summed: OpinionSum
    document: Card | None = None
    topic: Topic | None = None


def own_feedback(context: AnswerContext, reader: Reader) -> OwnFeedback:
    """Return the reader's feedback, under their rights. Raises `IndexUnreachable`."""
    if context.feedback is None:
        return OwnFeedback()
    said = context.feedback.of(reader.agent_id or "")
    documents = context.search.cards(_ids(said, SubjectKind.DOCUMENT), reader)
    agents = context.people.agents(_ids(said, SubjectKind.AGENT))
    topics, today = context.topics(), context.today()
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
    """Store or delete an opinion or a favourite; only the topic of a `question` is stored.

    An agent was proposed for `question`, or for `subject.topic_id`. `subject` is ignored if all are
    deleted. Raises `NotFound` for a subject that the reader may not see, `InvalidParameter` for
    feedback that cannot be stored, and `IndexUnreachable`.
    """
    store, agent_id = required(context.feedback), reader.agent_id or ""
    aspect = Aspect.FAVOURITE if action in _OF_FAVOURITES else Aspect.OPINION
    if action in _OF_ALL:
        store.remove(agent_id, aspect)
        return
    proposed = aspect is Aspect.OPINION and subject.kind is SubjectKind.AGENT
    if proposed and question:
        subject = replace(subject, topic_id=named_topic(context, question))
    if action not in _KEEPING:
        store.remove(agent_id, aspect, subject)
        return
    if not proposed:
        subject = replace(subject, topic_id="")
    _check(context, reader, aspect, subject)
    store.keep(agent_id, aspect, subject, _KEEPING[action])


def feedback_reverse(
    context: AnswerContext, reader: Reader, action: FeedbackAction, subject: Subject
) -> FeedbackAction | None:
    """Return the action that restores the reader's present feedback on a subject.

    Returns None for an action on all subjects.
    """
    if context.feedback is None or action in _OF_ALL:
        return None
    aspect = Aspect.FAVOURITE if action in _OF_FAVOURITES else Aspect.OPINION
    if aspect is Aspect.FAVOURITE or subject.kind is not SubjectKind.AGENT:
        subject = replace(subject, topic_id="")
    said = context.feedback.of(reader.agent_id or "")
    now = next((one for one in said if (one.aspect, one.subject) == (aspect, subject)), None)
    if aspect is Aspect.FAVOURITE:
        return FeedbackAction.FAVOURITE if now else FeedbackAction.NO_FAVOURITE
    if now is None:
        return FeedbackAction.NO_OPINION
    return FeedbackAction.USEFUL if now.useful else FeedbackAction.NOT_USEFUL


def opinion_sums(context: AnswerContext, administrator: RoleHolder) -> tuple[SummedOpinions, ...]:
    """Return sums of at least five people's opinions, by document and topic, without names.

    Documents that the administrator may not read are left out, because the role gives access to no
    document. Raises `IndexUnreachable`.
    """
    if context.feedback is None:
        return ()
    sums = context.feedback.sums()
    named = tuple(one.subject for one in sums if one.kind is SubjectKind.DOCUMENT)
    documents, topics = context.search.cards(named, administrator.reader), context.topics()
    return tuple(
        SummedOpinions(one, documents.get(one.subject), topics.get(one.subject))
        for one in sums
        if one.subject in (documents if one.kind is SubjectKind.DOCUMENT else {"", *topics})
    )


class PageFeedback:
    """State of the feedback buttons of a page; the store is read for the first button."""

    def __init__(self, context: AnswerContext, reader: Reader) -> None:
        self._context, self._reader = context, reader
        self._topics: dict[str, str] = {}

    def offered(self, kind: str, subject: str) -> bool:
        """Return whether the reader may give feedback on a subject, which may not be themselves."""
        own = kind == SubjectKind.AGENT and subject == self._reader.agent_id
        return self._context.feedback is not None and bool(self._reader.agent_id) and not own

    def opinion(self, kind: str, subject: str, question: str = "") -> bool | None:
        """Return the reader's opinion: useful or not, or None without an opinion."""
        topic = ""
        if kind == SubjectKind.AGENT and question:
            if question not in self._topics:
                self._topics[question] = named_topic(self._context, question)
            topic = self._topics[question]
        return self._opinions_and_favourites.get(
            (Aspect.OPINION, Subject(SubjectKind(kind), subject, topic))
        )

    def is_favourite(self, kind: str, subject: str) -> bool:
        """Return whether it is a favourite of the reader."""
        return (
            Aspect.FAVOURITE,
            Subject(SubjectKind(kind), subject),
        ) in self._opinions_and_favourites

    def anchor(self, kind: str, subject: str) -> str:
        """Return an anchor of the page, to come back to."""
        return f"avis-{kind}-{reference_of(subject)}"

    @cached_property
    def _opinions_and_favourites(self) -> Mapping[tuple[Aspect, Subject], bool | None]:
        store = self._context.feedback
        said = store.of(self._reader.agent_id or "") if store else ()
        return {(one.aspect, one.subject): one.useful for one in said}


def named_topic(context: AnswerContext, question: str) -> str:
    """Return the id of the first topic that a question names; else empty."""
    topics = tuple(context.topics().values())
    if not topics or not question.strip():
        return ""
    # Imported here because it imports NumPy, which most pages do not need.
    from expertise.assignment import topics_named

    return min(topics_named(question, topics), default="")


def _check(context: AnswerContext, reader: Reader, aspect: Aspect, subject: Subject) -> None:
    """Raise `NotFound` or `InvalidParameter` if the feedback cannot be stored."""
    if subject.kind is SubjectKind.DOCUMENT:
        context.readable_card(subject.id, reader)
    topics = context.topics()
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
            f"Vous en gardez déjà {MOST_KEPT} : effacez-en dans « Préférences » d’abord."
        )


def _ids(said: Sequence[Feedback], kind: SubjectKind) -> tuple[str, ...]:
    return tuple(sorted({one.subject.id for one in said if one.subject.kind is kind}))
