"""An accepted community: its topic, who is in it, where to begin; joined and left by oneself."""

from dataclasses import dataclass

from connectors.values import Agent
from expertise.answer_values import BuildStatus
from expertise.peers import accepted_communities
from expertise.topics import Topic
from indexer.access import Reader
from indexer.values import Card
from search_api.answers.context import AnswerContext, NotFound
from search_api.answers.topics import topic_answer


@dataclass(frozen=True, slots=True)
class CommunityAnswer:
    """A community with the documents and open questions of its topic that the reader may read.

    `member`: the reader is one of `members`, who all may be shown, by area and name. `shown`:
    the reader may be shown, and would stand among them. `incomplete` as in `TopicAnswer`.
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
    """The community of a topic, by the topic's id.

    Raises `NotFound` for one that was not accepted, or has too few members; `NoBuild`,
    `IndexUnreachable`.
    """
    build = context.required_build()
    found = [one for one in accepted_communities(build) if topic_id in _ids(one.topics)]
    if not found:
        raise NotFound("Cette communauté n’existe pas, ou n’a plus assez de membres.")
    about, members = topic_answer(context, reader, topic_id), found[0].members
    own = context.people.agent(reader.agent_id or "")
    return CommunityAnswer(
        about.build,
        about.view.topic,
        members,
        any(one.id == reader.agent_id for one in members),
        own is not None and own.listed,
        about.documents,
        about.questions,
        about.incomplete,
    )


def _ids(topics: tuple[Topic, ...]) -> set[str]:
    return {one.id for one in topics}
