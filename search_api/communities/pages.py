"""A community's page, and the actions of its animator: pin items, close the community."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from expertise.topics import Topic
from indexer.access import Reader
from indexer.values import Card
from search_api.communities.service import CommunityAnswer, community
from search_api.communities.storage import SqlCommunityPages
from search_api.context import (
    AnswerContext,
    InvalidParameter,
    NotAllowed,
    RoleHolder,
    note_access,
    required,
)
from search_api.identity.principals import Role
from search_api.questions.reading import threads_on
from search_api.questions.values import AskedQuestion
from search_api.topics.news import news_on
from search_api.topics.service import READ_FIRST


class CommunityPageAct(StrEnum):
    """Change of a community's page by its animator."""

    PIN = "pin"
    UNPIN = "unpin"
    CLOSE = "close"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class CommunityPage:
    """A community, with the documents and questions that the reader may read.

    `pinned`: newest pin first. `waiting` and `answered`: questions asked here on its topic, newest
    first. `news`: documents changed within a year. `closed`: nobody may join or ask it any more.
    `animates`: the reader may pin items and close it.
    """

    community: CommunityAnswer
    pinned: tuple[Card, ...]
    waiting: tuple[AskedQuestion, ...]
    answered: tuple[AskedQuestion, ...]
    news: tuple[Card, ...]
    closed: bool
    animates: bool


def community_page(context: AnswerContext, reader: Reader, topic_id: str) -> CommunityPage:
    """Return the page of a topic's community. Raises as `community` does."""
    found = community(context, reader, topic_id)
    pages, topic = context.part(SqlCommunityPages), found.topic
    pins = pages.pins(topic.id) if pages else ()
    readable = context.search.cards(pins, reader)
    threads = threads_on(context, reader, topic.id)
    held = context.grants.held_by(reader)
    return CommunityPage(
        found,
        tuple(readable[id_] for id_ in pins if id_ in readable),
        tuple(one.question for one in threads if one.waits)[:READ_FIRST],
        tuple(one.question for one in threads if not one.waits)[:READ_FIRST],
        _news(context, reader, topic, pins),
        topic.id in context.closed_communities(),
        Role.ANIMATOR in held.roles and held.animates_topic(topic.id),
    )


def set_community_page(
    context: AnswerContext,
    holder: RoleHolder,
    topic_id: str,
    act: CommunityPageAct,
    document_id: str = "",
) -> None:
    """Pin a document or a question, remove a pin, close the community or open it again.

    Raises `NotAllowed` for a topic that the holder does not animate, `NotFound` for an unknown
    community or an unreadable document, `InvalidParameter`, `NotAudited`, and `NoBuild`.
    """
    pages = required(context.part(SqlCommunityPages))
    topic = community(context, holder.reader, topic_id).topic
    if not holder.held.animates_topic(topic.id):
        raise NotAllowed("Vous n’animez pas le sujet de cette communauté.")
    note_access(context, holder, f"community {act}", f"topic_id:{topic.id}")
    if act is CommunityPageAct.UNPIN:
        pages.unpin(topic.id, document_id)
    elif act is CommunityPageAct.PIN:
        _pin(context, holder, pages, topic, document_id)
    else:
        pages.close(topic.id, act is CommunityPageAct.CLOSE)


def _pin(
    context: AnswerContext,
    holder: RoleHolder,
    pages: SqlCommunityPages,
    topic: Topic,
    document_id: str,
) -> None:
    context.readable_card(document_id, holder.reader)
    pins = pages.pins(topic.id)
    # Count only pins that the holder sees: they cannot remove others, nor learn of them.
    seen = context.search.cards(pins, holder.reader)
    if document_id not in seen and len(seen) >= READ_FIRST:
        raise InvalidParameter(f"Épinglez {READ_FIRST} documents au plus : retirez-en un d’abord.")
    pages.pin(topic.id, document_id)


def _news(
    context: AnswerContext, reader: Reader, topic: Topic, without: Collection[str]
) -> tuple[Card, ...]:
    found = news_on(context, reader, topic)
    return tuple(one for one in found if one.document_id not in without)[:READ_FIRST]
