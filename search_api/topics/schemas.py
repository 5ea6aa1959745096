"""API schemas of topics, isolation, coverage and peers."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import AliasPath, BeforeValidator, Field

from connectors.values import Agent
from expertise.answer_values import AloneDegree, BuildState
from expertise.holders import Basis, IsolationScope
from expertise.topics import TopicKind
from search_api.bodies import AgentBody, AreaBody, Body, EvidenceBody, ReferenceBody
from search_api.topics.service import WhyFirst
from search_api.wording import area_label


def _area(code: str) -> AreaBody:
    return AreaBody(code=code, name=area_label(code))


def _whole(km: float | None) -> int | None:
    return None if km is None else round(km)


def _rounded(share: float) -> float:
    return round(share, 2)


Area = Annotated[AreaBody, BeforeValidator(_area)]
"""An area, read from a code: `22`, `r53`, or empty for the whole country."""
Kilometres = Annotated[int | None, BeforeValidator(_whole)]
Share = Annotated[float, BeforeValidator(_rounded)]


class BuildBody(Body):
    """The build that an answer comes from."""

    state: BuildState = Field(
        description="without a build, or with one that is too old, nothing is shown"
    )
    day: date | None


class _BuildAnswer(Body):
    build: BuildBody


class TopicBody(Body):
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


class CountBody(Body):
    """A count of agents."""

    agents: int
    more: bool = Field(description="there are more; beyond ten nobody counts")


class AloneBody(Body):
    """The only holder of a topic in an area."""

    topic: TopicBody
    agent: AgentBody
    basis: Basis
    mission_since: MissionSince
    scope: IsolationScope = Field(description="the widest area in which nobody else is known")
    degree: AloneDegree = Field(
        description="`known`: documents and directory show nobody else here; `metier`: nobody else "
        "of the directory has the métier; `mission`: nobody else of the directory is on a mission "
        "for the topic"
    )
    share: Share = Field(
        description="estimated share, from 0 to 1, of the topic's people that are seen here"
    )
    next: AgentBody | None = Field(description="the nearest other holder")
    distance_km: Kilometres = Field(description="between the centroids of their départements")


class UnclaimedBody(Body):
    """Topics on which no agent is called alone, because too few of their people are known."""

    topics: list[TopicBody]
    of: int = Field(description="number of requested topics")
    share: Share = Field(description="largest share of a topic's people that is seen, from 0 to 1")


class IsolationBody(_BuildAnswer):
    """Isolated holders, sorted by area, topic and name; the order is not a ranking."""

    rows: list[AloneBody]
    unclaimed: UnclaimedBody
    following: int | None = Field(description="`offset` of the next page")


class AreaCountBody(Body):
    """Number of holders of a topic in an area."""

    area: Area = Field(
        validation_alias="code", description="code 22, r53, or empty for the whole country"
    )
    holders: CountBody
    declared: CountBody = Field(description="agents who only declare the skill: no holders")


class TopicCountBody(Body):
    """Number of holders of a topic in the requested area."""

    topic: TopicBody
    holders: CountBody
    declared: CountBody
    open_questions: int
    risks: list[str] = Field(description="left, nobody, open_questions")


class CoverageBody(_BuildAnswer):
    """Numbers of holders, either by area for a topic or by topic for an area."""

    topic: TopicBody | None
    area: Area
    areas: list[AreaCountBody]
    topics: list[TopicCountBody]
    following: int | None = Field(description="`offset` of the next page of topics")


class HolderBody(Body):
    """An agent who holds a topic or declares it."""

    agent: AgentBody
    basis: Basis
    mission_since: MissionSince


def _ids(agents: Sequence[Agent]) -> list[str]:
    return [agent.id for agent in agents]


def _is_there(community: object) -> bool:
    return community is not None


class FirstDocumentBody(ReferenceBody):
    """A document to start with, why, and the ids of holders of the topic who wrote in it."""

    parts_of_answer = ("card",)
    why: WhyFirst
    holders: Annotated[list[str], BeforeValidator(_ids)]


class AskedReferenceBody(Body):
    """A question that was asked here."""

    id: str
    title: str


class TopicProfileBody(_BuildAnswer):
    """A topic: its holders by area and name, first documents, and open questions."""

    parts_of_answer = ("view",)
    topic: TopicBody
    alt_labels: list[str] = Field(validation_alias=AliasPath("topic", "alt_labels"))
    holders: list[HolderBody]
    areas: list[AreaCountBody]
    definition: str = Field(
        validation_alias=AliasPath("topic", "definition"),
        description="from the list of topics; may be empty",
    )
    documents: list[FirstDocumentBody]
    questions: list[ReferenceBody]
    asked: list[AskedReferenceBody] = Field(description="unanswered questions asked here")
    nowhere: list[Area] = Field(description="regions without a holder")
    community: Annotated[bool, BeforeValidator(_is_there)] = Field(
        description="it has a community: `/api/v1/communities/{id}`"
    )
    broader: list[TopicBody]
    narrower: list[TopicBody]
    related: list[TopicBody]


class OwnTopicBody(Body):
    """A topic of an agent."""

    topic: TopicBody
    basis: Basis
    mission_since: MissionSince
    strength: float | None = Field(description="shown to the agent only; null for others")
    evidence: list[EvidenceBody] = Field(
        description="documents that the reader may read, newest first"
    )


class PeerBody(Body):
    """An agent who holds or declares the same topics."""

    agent: AgentBody
    topics: list[TopicBody]
    declares: list[TopicBody] = Field(description="common topics that they only declare")
    distance_km: Kilometres


class CommunityBody(Body):
    """A community of agents who share topics."""

    topics: list[TopicBody]
    members: list[AgentBody]
    proposed: bool


class PeersBody(_BuildAnswer):
    """Agents who share an agent's topics, sorted by similarity of subject, then by distance."""

    parts_of_answer = ("peers",)
    agent: AgentBody
    topics: list[OwnTopicBody]
    peers: list[PeerBody] = Field(validation_alias=AliasPath("peers", "peers"))
    communities: list[CommunityBody]
    following: int | None = Field(description="`offset` of the next peers")
