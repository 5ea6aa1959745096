"""The API's answers about topics, isolation, coverage and peers."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from expertise.holders import Basis
from expertise.isolating import Scope
from expertise.overview_values import Shown
from expertise.topics import TopicKind
from search_api.bodies import AgentBody, AreaBody, EvidenceBody, ReferenceBody


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class BuildBody(_Body):
    """The build that an answer comes from."""

    state: Shown = Field(description="without one, or with one that is too old, nothing is shown")
    day: date | None


class _Answer(_Body):
    build: BuildBody


class TopicBody(_Body):
    """A subject or a métier of the organisation's list."""

    id: str
    label: str
    kind: TopicKind


class TopicsBody(_Answer):
    """The organisation's list, as the last build knew it."""

    topics: list[TopicBody]


class CountBody(_Body):
    """A count of agents."""

    agents: int
    more: bool = Field(description="there are more; beyond ten nobody counts")


class AloneBody(_Body):
    """The only holder of a topic in an area."""

    topic: TopicBody
    agent: AgentBody
    basis: Basis
    scope: Scope = Field(description="the widest area in which nobody else is known")
    next: AgentBody | None = Field(description="the nearest other holder")
    distance_km: int | None = Field(description="between the centroids of their départements")


class IsolationBody(_Answer):
    """Isolated holders by area, topic and name: never a ranking."""

    rows: list[AloneBody]
    following: int | None = Field(description="`offset` of the next page")


class AreaCountBody(_Body):
    """How many hold a topic in an area."""

    area: AreaBody = Field(description="code 22, r53, or empty for the whole country")
    holders: CountBody
    declared: CountBody = Field(description="who only declares the skill: no holder")


class TopicCountBody(_Body):
    """How many hold a topic in the area that was asked for."""

    topic: TopicBody
    holders: CountBody
    declared: CountBody
    open_questions: int
    risks: list[str] = Field(description="one_holder, nobody, open_questions")


class CoverageBody(_Answer):
    """Either a topic's areas, or an area's topics."""

    topic: TopicBody | None
    area: AreaBody
    areas: list[AreaCountBody]
    topics: list[TopicCountBody]
    following: int | None = Field(description="`offset` of the next page of topics")


class HolderBody(_Body):
    """An agent who holds a topic, or declares it."""

    agent: AgentBody
    basis: Basis


class TopicProfileBody(_Answer):
    """A topic: who holds it by area and name, where to begin, what waits for an answer."""

    topic: TopicBody
    alt_labels: list[str]
    holders: list[HolderBody]
    areas: list[AreaCountBody]
    documents: list[ReferenceBody]
    questions: list[ReferenceBody]
    broader: list[TopicBody]
    narrower: list[TopicBody]
    related: list[TopicBody]


class OwnTopicBody(_Body):
    """A topic of an agent."""

    topic: TopicBody
    basis: Basis
    strength: float | None = Field(description="for the agent alone; null to everybody else")
    evidence: list[EvidenceBody] = Field(description="what the reader may read, newest first")


class PeerBody(_Body):
    """An agent who holds the same topics."""

    agent: AgentBody
    topics: list[TopicBody]
    distance_km: int | None


class CommunityBody(_Body):
    """Agents whom topics bring together."""

    topics: list[TopicBody]
    members: list[AgentBody]
    proposed: bool


class PeersBody(_Answer):
    """Who shares an agent's topics: nearest in subject, then in kilometres."""

    agent: AgentBody
    topics: list[OwnTopicBody]
    peers: list[PeerBody]
    communities: list[CommunityBody]
