"""Topics of the last build: the list, one topic, and topics near a question."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from connectors.batches import batches
from connectors.geography import REGIONS
from connectors.values import Agent, ContributorRole
from expertise.answer_values import BuildState, BuildStatus, CommunityView, TopicView
from expertise.current_build import LEAST_SHARED, OpenBuild, by_label, nearest_topic
from expertise.peers import accepted_communities, communities_on, topic_view
from expertise.topics import Topic, label_key
from expertise.votes import counting_contributions, is_open_question
from expertise.who_knows import Experts
from indexer.access import Reader, access_filter
from indexer.french.analysis import terms
from indexer.values import Card, Question, ShowRequest
from search_api.context import AnswerContext, NotFound
from search_api.questions.reading import threads_on
from search_api.questions.values import AskedQuestion

READ_FIRST = 8
"""Maximum number of documents, and of questions, on a topic's page."""
NEAREST_TOPICS = 3
"""Maximum number of topics named as near to a question."""


@dataclass(frozen=True, slots=True)
class TopicListAnswer:
    """The organisation's topics by label; empty if no build is published."""

    build: BuildStatus
    topics: tuple[Topic, ...]


class WhyFirst(StrEnum):
    """Reason why a document is one of a topic's first documents."""

    ACCEPTED = "accepted"
    TITLE = "title"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class FirstDocument:
    """A document to start with on a topic, the reason, and holders of the topic who wrote in it."""

    card: Card
    why: WhyFirst
    holders: tuple[Agent, ...]


@dataclass(frozen=True, slots=True)
class TopicAnswer:
    """A topic, with the documents and questions that the reader may read.

    `documents` are documents in force. `asked`: unanswered questions that were asked here.
    `nowhere`: codes of regions without a holder, if another region has a holder. `community`: the
    accepted community.
    """

    build: BuildStatus
    view: TopicView
    documents: tuple[FirstDocument, ...]
    questions: tuple[Card, ...]
    asked: tuple[AskedQuestion, ...]
    nowhere: tuple[str, ...]
    community: CommunityView | None


@dataclass(frozen=True, slots=True)
class RelatedTopics:
    """Topics whose labels are nearest to a text, and a community on one of them, if any."""

    topics: tuple[Topic, ...] = ()
    community: CommunityView | None = None


def list_topics(context: AnswerContext) -> TopicListAnswer:
    """Return the list of topics of the last build; it is the same for every reader."""
    build = context.build()
    if isinstance(build, BuildStatus):
        return TopicListAnswer(build, ())
    return TopicListAnswer(build.status, by_label(build))


def topic_answer(context: AnswerContext, reader: Reader, topic_id: str) -> TopicAnswer:
    """Return a topic: holders by area and name, first documents, open questions, near topics.

    Raises `NoBuild`, `NotFound` for a topic that is not listed, and `IndexUnreachable`.
    """
    build = context.required_build()
    view = topic_view(build, topic_id)
    if view is None:
        raise NotFound("Sujet inconnu : il n’est pas dans la liste.")
    held = {one.code for one in view.areas if one.holders.agents}
    return TopicAnswer(
        build.status,
        view,
        _first_documents(context, build, reader, view),
        _first_open_questions(build, reader, view.questions),
        tuple(one.question for one in threads_on(context, reader, topic_id) if one.waits)[
            :READ_FIRST
        ],
        tuple(code for region in REGIONS if (code := f"r{region}") not in held) if held else (),
        _community_on(build, topic_id),
    )


def community_on(context: AnswerContext, topic_id: str) -> CommunityView:
    """Return the accepted community of a topic.

    Raises `NotFound` if it was not accepted or has too few members, and `NoBuild`.
    """
    found = _community_on(context.required_build(), topic_id)
    if found is None:
        raise NotFound("Cette communauté n’existe pas, ou n’a plus assez de membres.")
    return found


def community_topic(context: AnswerContext, topic_id: str) -> Topic:
    """Return only a community's topic, which all readers may see. Raises like `community_on`."""
    return next(one for one in community_on(context, topic_id).topics if one.id == topic_id)


def _community_on(build: OpenBuild, topic_id: str) -> CommunityView | None:
    communities = accepted_communities(build)
    return next((one for one in communities if topic_id in {on.id for on in one.topics}), None)


def _first_documents(
    context: AnswerContext, build: OpenBuild, reader: Reader, view: TopicView
) -> tuple[FirstDocument, ...]:
    """Return readable documents in force to start with, each with its reason."""
    ids = [one for one in view.documents if one not in set(view.questions)][: 2 * READ_FIRST]
    past = context.search.past(ids, reader, context.today())
    cards = readable_cards(build, reader, [one for one in ids if one not in past][:READ_FIRST])
    accounts = {row.account for card in cards for row in counting_contributions(card)}
    owners, holding = build.book.by_account(accounts), {one.agent.id for one in view.holders}

    def first(card: Card) -> FirstDocument:
        wrote = [
            owners[row.account]
            for row in counting_contributions(card)
            if row.role in _WRITING and row.account in owners
        ]
        known = {
            one.id: one
            for one in wrote
            if one.id in holding and card.document_id not in one.disowned
        }
        return FirstDocument(card, _why_first(view.topic, card), tuple(known.values()))

    return tuple(map(first, cards))


_WRITING = {
    ContributorRole.AUTHOR,
    ContributorRole.EDITOR,
    ContributorRole.ANSWERER,
    ContributorRole.ACCEPTED_ANSWERER,
}


def _why_first(topic: Topic, card: Card) -> WhyFirst:
    if any(row.role is ContributorRole.ACCEPTED_ANSWERER for row in card.contributions):
        return WhyFirst.ACCEPTED
    said = set(label_key(card.title).split())
    named = any(set(label_key(label).split()) <= said for label in topic.labels)
    return WhyFirst.TITLE if named else WhyFirst.TEXT


def topic_to_go_on_from(context: AnswerContext, question: str, found: Experts) -> Topic | None:
    """Return the topic nearest to a question without a sure expert; else None."""
    build = context.build()
    if found.known or isinstance(build, BuildStatus) or not question.strip():
        return None
    return nearest_topic(build, question, found.nearest)


def related_topics(context: AnswerContext, text: str, *, far: bool = False) -> RelatedTopics:
    """Return topics near a text, from documents that every agent may read; none without a build.

    If no document is near the question (`far`), only topics whose whole label is in the question
    are returned.
    """
    build = context.build()
    if isinstance(build, BuildStatus):
        return RelatedTopics()
    near = _nearest_topics(build, text, 1.0 if far else LEAST_SHARED)
    topics = tuple(build.topics[id_].topic for id_ in near)
    found = communities_on(build, [one.id for one in topics]) if topics else ()
    return RelatedTopics(topics, found[0] if found else None)


def whole_topic(topics: Iterable[Topic], question: str) -> str:
    """Return the id of the topic whose label has exactly the question's words; else empty."""
    asked = set(terms(question))
    return next(
        (
            one.id
            for one in topics
            for label in one.labels
            if asked and set(label_key(label).split()) == asked
        ),
        "",
    )


def known_topic(build: OpenBuild, topic_id: str) -> str:
    """Return the topic's id if it is listed. Raises `NotFound` otherwise."""
    if topic_id not in build.topics:
        raise NotFound("Sujet inconnu : il n’est pas dans la liste.")
    return topic_id


def is_shown(build: BuildStatus) -> bool:
    """Return whether a build for answers exists."""
    return build.state is BuildState.YES


def readable_cards(build: OpenBuild, reader: Reader, ids: Iterable[str]) -> tuple[Card, ...]:
    """Return the cards of the documents that the reader may read."""
    wanted = tuple(ids)
    if not wanted:
        return ()
    request = ShowRequest(access_filter(reader), wanted, Question())
    return tuple(shown.card for shown in build.revalidation.index.show(request))


def open_questions(build: OpenBuild, reader: Reader, ids: Iterable[str]) -> tuple[Card, ...]:
    """Return readable open questions of a build that are still unanswered."""
    found = readable_cards(build, reader, ids)
    return tuple(one for one in found if is_open_question(one.contributions))


def _first_open_questions(build: OpenBuild, reader: Reader, ids: Sequence[str]) -> tuple[Card, ...]:
    """Return the first `READ_FIRST` questions of `ids` that are still open."""
    found: tuple[Card, ...] = ()
    for some in batches(ids, READ_FIRST):
        found += open_questions(build, reader, some)
        if len(found) >= READ_FIRST:
            break
    return found[:READ_FIRST]


_Labels = tuple[tuple[str, tuple[str, ...]], ...]
"""Pairs of a topic's id and all its labels."""


def _nearest_topics(build: OpenBuild, text: str, least: float) -> Sequence[str]:
    """Return topics by share of common words; `least`: minimum share of a label's words."""
    labels = tuple(
        (id_, (one.topic.label, *one.topic.alt_labels)) for id_, one in build.topics.items()
    )
    asked = frozenset(terms(text))
    shared = {
        id_: max(len(asked & words) / len(asked | words) for words in ways)
        for id_, ways in _terms_of(labels)
        if any(words and len(asked & words) >= least * len(words) for words in ways)
    }
    return sorted(shared, key=lambda id_: (-shared[id_], id_))[:NEAREST_TOPICS]


@lru_cache(maxsize=2)
def _terms_of(labels: _Labels) -> tuple[tuple[str, tuple[frozenset[str], ...]], ...]:
    return tuple((id_, tuple(frozenset(terms(way)) for way in ways)) for id_, ways in labels)
