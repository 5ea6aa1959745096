"""An accepted community: its topic, its members and first documents."""

from dataclasses import dataclass

from connectors.values import Agent
from expertise.answer_values import BuildStatus, CommunityView
from expertise.peers import accepted_communities
from expertise.topics import Topic
from indexer.access import Reader
from indexer.values import Card
from search_api.answers.context import AnswerContext, NotFound
from search_api.answers.topics import topic_answer


@dataclass(frozen=True, slots=True)
class CommunityAnswer:
    """A community with documents and open questions of its topic that the reader may read.

    `member`: the reader is one of `members`, who may all be shown, by area and name. `shown`: the
    reader may be shown among the members. `incomplete`: as in `TopicAnswer`.
    """

    build: BuildStatus
    topic: Topic
    members: tuple[Agent, ...]
    member: bool
    shown: bool
    documents: tuple[Card, ...]
    questions: tuple[Card, ...]
    incomplete: tuple[str, ...]


def community(context: AnswerContext, reader: Reader, topic_id: str) -> CommunityAnswer:
    """Return the community of a topic, by the topic's id.

    Raises `NotFound` if it was not accepted or has too few members; `NoBuild`, `IndexUnreachable`.
    """
    members = _found(context, topic_id).members
    about = topic_answer(context, reader, topic_id)
    own = context.people.agent(reader.agent_id or "")
    return CommunityAnswer(
        about.build,
        about.view.topic,
        members,
        any(one.id == reader.agent_id for one in members),
        own is not None and own.listed,
        tuple(one.card for one in about.documents),
        about.questions,
        about.incomplete,
    )


def community_topic(context: AnswerContext, topic_id: str) -> Topic:
    """Return only a community's topic, which all readers may see. Raises like `community`."""
    return next(one for one in _found(context, topic_id).topics if one.id == topic_id)


def _found(context: AnswerContext, topic_id: str) -> CommunityView:
    for one in accepted_communities(context.required_build()):
        if any(topic.id == topic_id for topic in one.topics):
            return one
    raise NotFound("Cette communauté n’existe pas, ou n’a plus assez de membres.")
