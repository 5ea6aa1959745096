"""An accepted community: its topic, its members and first documents."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from connectors.values import Agent
from expertise.answer_values import BuildStatus
from expertise.peers import NOTICE_DAYS, accepted_communities, invitations_of
from expertise.topics import Topic
from indexer.access import Reader
from indexer.values import Card
from search_api.context import AnswerContext
from search_api.topics.service import community_on, topic_answer


@dataclass(frozen=True, slots=True)
class Invitation:
    """A community that invites the reader.

    `shown_on` is the day from which a missing answer counts as yes. `told` is true if a page showed
    the invitation to the reader before, so that this day is fixed.
    """

    topic: Topic
    shown_on: date
    told: bool = False


def invitations(context: AnswerContext, reader: Reader) -> tuple[Invitation, ...]:
    """Return the open communities that wait for the reader's answer."""
    build, agent = context.build(), context.people.agent(reader.agent_id or "")
    if isinstance(build, BuildStatus) or agent is None or context.consent is None:
        return ()
    told, today = dict(agent.communities_invited), context.today()
    closed = context.closed_communities()
    open_ones = (one for one in invitations_of(build, agent) if one.id not in closed)
    days = timedelta(days=NOTICE_DAYS)
    return tuple(
        Invitation(one, told.get(one.id, today) + days, one.id in told) for one in open_ones
    )


def unread_invitations(context: AnswerContext, within_days: int) -> Iterator[tuple[str, str]]:
    """Yield (agent's id, topic's id) of invitations that no page has shown to the agent yet.

    Only open communities that were accepted in the last `within_days` days count.
    """
    build = context.build()
    if isinstance(build, BuildStatus) or context.consent is None:
        return
    closed = context.closed_communities()
    since = context.today() - timedelta(days=within_days)
    lately = {
        one.topic_id for one in build.builds.community_decisions.all().values() if one.day >= since
    }
    for community in accepted_communities(build):
        for topic in community.topics:
            if topic.id in lately - closed:
                for agent in community.invited:
                    if topic.id not in dict(agent.communities_invited):
                        yield agent.id, topic.id


def note_told(context: AnswerContext, reader: Reader, shown: Iterable[Invitation]) -> None:
    """Note that a page shows these invitations to the reader, which starts their days of notice."""
    for one in shown:
        if context.consent and reader.agent_id:
            context.consent.note_invitation(reader.agent_id, one.topic.id, one.topic.labels)


@dataclass(frozen=True, slots=True)
class CommunityAnswer:
    """A community with documents and open questions of its topic that the reader may read.

    `members` may be shown, and are sorted by area and name. `member`: the reader is one of them.
    `shown`: the reader may be shown among the members. `invitation`: the reader's own. `left`: the
    reader refused or left.
    """

    build: BuildStatus
    topic: Topic
    members: tuple[Agent, ...]
    member: bool
    shown: bool
    documents: tuple[Card, ...]
    questions: tuple[Card, ...]
    invitation: Invitation | None = None
    left: bool = False


def community(context: AnswerContext, reader: Reader, topic_id: str) -> CommunityAnswer:
    """Return the community of a topic, by the topic's id.

    Raises `NotFound` if it was not accepted or has too few members; `NoBuild`, `IndexUnreachable`.
    """
    members = community_on(context, topic_id).members
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
        next((one for one in invitations(context, reader) if one.topic.id == topic_id), None),
        own is not None and topic_id in own.communities_left,
    )
