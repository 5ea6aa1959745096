"""API schemas of topics, isolation, coverage and peers."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from expertise.answer_values import (
    AloneDegree,
    AreaCount,
    BuildState,
    BuildStatus,
    CappedCount,
    CommunityView,
    IsolatedHolder,
    OwnTopic,
    Peer,
    TopicCount,
)
from expertise.holders import Basis, IsolationScope
from expertise.topics import Topic, TopicKind
from indexer.values import Card
from search_api.answers.agents import PeersAnswer
from search_api.answers.isolation import Coverage, IsolationAnswer, risks
from search_api.answers.topics import TopicAnswer, TopicListAnswer, WhyFirst
from search_api.schemas.search import AgentBody, AreaBody, EvidenceBody, ReferenceBody
from search_api.schemas.search_responses import agent_body, evidence_body
from search_api.wording import area_label, web_address


class _TopicSchema(BaseModel):
    model_config = ConfigDict(frozen=True)


class BuildBody(_TopicSchema):
    """The build that an answer comes from."""

    state: BuildState = Field(
        description="without one, or with one that is too old, nothing is shown"
    )
    day: date | None


class _BuildAnswer(_TopicSchema):
    build: BuildBody


class TopicBody(_TopicSchema):
    """A subject or a métier of the organisation's list."""

    id: str
    label: str
    kind: TopicKind


class TopicsBody(_BuildAnswer):
    """The organisation's list of topics, as of the last build."""

    topics: list[TopicBody]


MissionSince = Annotated[
    date | None,
    Field(description="first day of the agent's mission in force on the topic, by the directory"),
]


class CountBody(_TopicSchema):
    """A count of agents."""

    agents: int
    more: bool = Field(description="there are more; beyond ten nobody counts")


class AloneBody(_TopicSchema):
    """The only holder of a topic in an area."""

    topic: TopicBody
    agent: AgentBody
    basis: Basis
    mission_since: MissionSince
    scope: IsolationScope = Field(description="the widest area in which nobody else is known")
    degree: AloneDegree = Field(
        description="what it rests on: `known`, nobody else is known here by documents and "
        "directory; `metier`, nobody else of the directory has the métier; `mission`, nobody else "
        "of the directory is on a mission for the topic"
    )
    share: float = Field(
        description="how many of the topic's people show here, from 0 to 1, as is estimated"
    )
    next: AgentBody | None = Field(description="the nearest other holder")
    distance_km: int | None = Field(description="between the centroids of their départements")


class UnclaimedBody(_TopicSchema):
    """Topics where no agent is called alone, because too few of their people are visible here."""

    topics: list[TopicBody]
    of: int = Field(description="how many topics were asked for")
    share: float = Field(description="how many of their people show at most, from 0 to 1")


class IsolationBody(_BuildAnswer):
    """Isolated holders, sorted by area, topic and name: never a ranking."""

    rows: list[AloneBody]
    unclaimed: UnclaimedBody
    following: int | None = Field(description="`offset` of the next page")


class AreaCountBody(_TopicSchema):
    """Number of holders of a topic in an area."""

    area: AreaBody = Field(description="code 22, r53, or empty for the whole country")
    holders: CountBody
    declared: CountBody = Field(description="who only declares the skill: no holder")


class TopicCountBody(_TopicSchema):
    """Number of holders of a topic in the requested area."""

    topic: TopicBody
    holders: CountBody
    declared: CountBody
    open_questions: int
    risks: list[str] = Field(description="left, nobody, open_questions")


class CoverageBody(_BuildAnswer):
    """Either a topic's areas, or an area's topics."""

    topic: TopicBody | None
    area: AreaBody
    areas: list[AreaCountBody]
    topics: list[TopicCountBody]
    following: int | None = Field(description="`offset` of the next page of topics")


class HolderBody(_TopicSchema):
    """An agent who holds a topic or declares it."""

    agent: AgentBody
    basis: Basis
    mission_since: MissionSince


class FirstDocumentBody(ReferenceBody):
    """A document to start with, why, and the ids of holders of the topic who wrote in it."""

    why: WhyFirst
    holders: list[str]


class AskedReferenceBody(_TopicSchema):
    """A question that was asked here."""

    id: str
    title: str


class TopicProfileBody(_BuildAnswer):
    """A topic: its holders by area and name, first documents, and open questions."""

    topic: TopicBody
    alt_labels: list[str]
    holders: list[HolderBody]
    areas: list[AreaCountBody]
    definition: str = Field(description="from the list of topics; may be empty")
    documents: list[FirstDocumentBody]
    questions: list[ReferenceBody]
    asked: list[AskedReferenceBody] = Field(description="unanswered questions asked here")
    nowhere: list[AreaBody] = Field(description="regions without a holder")
    community: bool = Field(description="it has a community: `/api/v1/communities/{id}`")
    broader: list[TopicBody]
    narrower: list[TopicBody]
    related: list[TopicBody]


class OwnTopicBody(_TopicSchema):
    """A topic of an agent."""

    topic: TopicBody
    basis: Basis
    mission_since: MissionSince
    strength: float | None = Field(description="for the agent alone; null to everybody else")
    evidence: list[EvidenceBody] = Field(description="what the reader may read, newest first")


class PeerBody(_TopicSchema):
    """An agent who holds or declares the same topics."""

    agent: AgentBody
    topics: list[TopicBody]
    declares: list[TopicBody] = Field(description="common topics that they only declare")
    distance_km: int | None


class CommunityBody(_TopicSchema):
    """A community of agents who share topics."""

    topics: list[TopicBody]
    members: list[AgentBody]
    proposed: bool


class PeersBody(_BuildAnswer):
    """Agents who share an agent's topics: nearest in subject, then in kilometres."""

    agent: AgentBody
    topics: list[OwnTopicBody]
    peers: list[PeerBody]
    communities: list[CommunityBody]
    following: int | None = Field(description="`offset` of the next peers")


def build_body(dated: BuildStatus) -> BuildBody:
    """Return the body of a build's state and day."""
    return BuildBody(state=dated.state, day=dated.day)


def topics_body(found: TopicListAnswer) -> TopicsBody:
    """Return the response body for the list of topics."""
    return TopicsBody(build=build_body(found.build), topics=list(map(topic_body, found.topics)))


def isolation_body(found: IsolationAnswer) -> IsolationBody:
    """Return the response body for isolated holders."""
    return IsolationBody(
        build=build_body(found.build),
        rows=[_alone_body(one) for one in found.rows],
        unclaimed=UnclaimedBody(
            topics=[topic_body(one) for one in found.unclaimed.topics],
            of=found.unclaimed.of,
            share=round(found.unclaimed.share, 2),
        ),
        following=found.following,
    )


def coverage_body(found: Coverage) -> CoverageBody:
    """Return the response body for a topic's coverage by area, or an area's by topic."""
    return CoverageBody(
        build=build_body(found.build),
        topic=topic_body(found.topic) if found.topic else None,
        area=area_body(found.area),
        areas=[_area_count_body(one) for one in found.areas],
        topics=[_topic_count_body(one) for one in found.topics],
        following=found.following,
    )


def topic_profile_body(found: TopicAnswer) -> TopicProfileBody:
    """Return the response body for a topic's profile."""
    view = found.view
    return TopicProfileBody(
        build=build_body(found.build),
        topic=topic_body(view.topic),
        alt_labels=list(view.topic.alt_labels),
        holders=[
            HolderBody(agent=agent_body(h.agent), basis=h.basis, mission_since=h.mission_since)
            for h in view.holders
        ],
        areas=[_area_count_body(one) for one in view.areas],
        definition=view.topic.definition,
        documents=[
            FirstDocumentBody(
                **reference_body(one.card).model_dump(),
                why=one.why,
                holders=[agent.id for agent in one.holders],
            )
            for one in found.documents
        ],
        questions=[reference_body(card) for card in found.questions],
        asked=[AskedReferenceBody(id=one.id, title=one.title) for one in found.asked],
        nowhere=[area_body(code) for code in found.nowhere],
        community=found.community is not None,
        broader=list(map(topic_body, view.broader)),
        narrower=list(map(topic_body, view.narrower)),
        related=list(map(topic_body, view.related)),
    )


def peers_body(found: PeersAnswer) -> PeersBody:
    """Return the response body for agents who share an agent's topics."""
    return PeersBody(
        build=build_body(found.build),
        agent=agent_body(found.peers.agent),
        topics=[own_topic_body(one) for one in found.peers.topics],
        peers=[peer_body(one) for one in found.peers.peers],
        communities=[community_body(one) for one in found.peers.communities],
        following=found.peers.following,
    )


def area_body(code: str) -> AreaBody:
    """Return the body of an area with its name."""
    return AreaBody(code=code, name=area_label(code))


def topic_body(topic: Topic) -> TopicBody:
    """Return the body of a topic, without its relations in the list."""
    return TopicBody(id=topic.id, label=topic.label, kind=topic.kind)


def _alone_body(one: IsolatedHolder) -> AloneBody:
    return AloneBody(
        topic=topic_body(one.topic),
        agent=agent_body(one.agent),
        basis=one.basis,
        mission_since=one.mission_since,
        scope=one.scope,
        degree=one.degree,
        share=round(one.share, 2),
        next=agent_body(one.next) if one.next else None,
        distance_km=_whole_km(one.distance_km),
    )


def _area_count_body(one: AreaCount) -> AreaCountBody:
    return AreaCountBody(
        area=area_body(one.code),
        holders=_count_body(one.holders),
        declared=_count_body(one.declared),
    )


def _topic_count_body(one: TopicCount) -> TopicCountBody:
    return TopicCountBody(
        topic=topic_body(one.topic),
        holders=_count_body(one.holders),
        declared=_count_body(one.declared),
        open_questions=one.open_questions,
        risks=risks(one),
    )


def _count_body(one: CappedCount) -> CountBody:
    return CountBody(agents=one.agents, more=one.more)


def own_topic_body(one: OwnTopic) -> OwnTopicBody:
    """Return the body of a topic of an agent."""
    return OwnTopicBody(
        topic=topic_body(one.topic),
        basis=one.basis,
        mission_since=one.mission_since,
        strength=one.strength,
        evidence=list(map(evidence_body, one.evidence)),
    )


def peer_body(one: Peer) -> PeerBody:
    """Return the body of an agent with the same topics."""
    return PeerBody(
        agent=agent_body(one.agent),
        topics=list(map(topic_body, one.topics)),
        declares=list(map(topic_body, one.declares)),
        distance_km=_whole_km(one.distance_km),
    )


def community_body(one: CommunityView) -> CommunityBody:
    """Return the body of a community."""
    return CommunityBody(
        topics=list(map(topic_body, one.topics)),
        members=list(map(agent_body, one.members)),
        proposed=one.proposed,
    )


def reference_body(card: Card) -> ReferenceBody:
    """Return the body of a reference to a document."""
    return ReferenceBody(id=card.document_id, title=card.title, url=web_address(card.url))


def _whole_km(km: float | None) -> int | None:
    return None if km is None else round(km)
