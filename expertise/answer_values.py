"""Values of the answers about topics, areas, peers and communities."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from connectors.values import Agent
from expertise.holders import Basis, IsolationScope
from expertise.topics import Topic
from expertise.values import Evidence


class BuildState(StrEnum):
    """Whether there is a build to answer from."""

    YES = "shown"
    NONE = "none"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True)
class BuildStatus:
    """Whether there is a build, and of which day."""

    state: BuildState
    day: date | None = None


class AloneDegree(StrEnum):
    """How far «alone» is said, by what it rests on.

    `KNOWN`: nobody else is known here, by documents and by the directory. `METIER`: nobody else of
    the directory has the métier. `MISSION`: nobody else of the directory is on a mission for the
    topic.
    """

    KNOWN = "known"
    METIER = "metier"
    MISSION = "mission"


@dataclass(frozen=True, slots=True)
class IsolatedHolder:
    """The only one seen in an area. `next` is the nearest other holder, at `distance_km`.

    `share`, from 0 to 1: how many of the topic's people show, as the build estimates.
    `mission_since`: the first day of their mission in force on the topic, None without one.
    """

    topic: Topic
    agent: Agent
    basis: Basis
    scope: IsolationScope
    next: Agent | None
    distance_km: float | None
    degree: AloneDegree = AloneDegree.KNOWN
    share: float = 1.0
    mission_since: date | None = None


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """Of these topics nobody is called alone: too few of their people show.

    `share`, from 0 to 1, is the largest of them that shows; `of` counts the topics that were
    asked for.
    """

    topics: tuple[Topic, ...]
    of: int
    share: float


@dataclass(frozen=True, slots=True)
class IsolationPage:
    """One page of isolated holders; `following` is the offset of the next page, None at the end."""

    rows: tuple[IsolatedHolder, ...]
    following: int | None


@dataclass(frozen=True, slots=True)
class CappedCount:
    """A count of agents, capped: `more` says that there are more."""

    agents: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class AreaCount:
    """How many hold a topic in an area: `22`, a region (`r53`), or `` for the country."""

    code: str
    holders: CappedCount
    declared: CappedCount


@dataclass(frozen=True, slots=True)
class TopicCount:
    """A topic in one area. `open_questions` counts over the whole country.

    `left`: nobody holds it there, and somebody who wrote of it has left.
    """

    topic: Topic
    holders: CappedCount
    declared: CappedCount
    documented: bool
    open_questions: int
    left: bool = False


@dataclass(frozen=True, slots=True)
class TopicCounts:
    """One page of topics by label."""

    rows: tuple[TopicCount, ...]
    following: int | None


@dataclass(frozen=True, slots=True)
class TopicHolder:
    """An agent who holds or declares a topic: by area, then name.

    `mission_since` as in `IsolatedHolder`.
    """

    agent: Agent
    basis: Basis
    mission_since: date | None = None


@dataclass(frozen=True, slots=True)
class OwnTopic:
    """A topic of one agent. `strength` is shown to that agent only, else None.

    `evidence` is what the reader may read, newest first; `mission_since` as in `IsolatedHolder`.
    """

    topic: Topic
    basis: Basis
    strength: float | None = None
    evidence: tuple[Evidence, ...] = ()
    mission_since: date | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """An agent with common topics; most topics first, then nearest.

    They hold `topics`, and only declare those of `declares`.
    """

    agent: Agent
    topics: tuple[Topic, ...]
    distance_km: float | None
    declares: tuple[Topic, ...] = ()


@dataclass(frozen=True, slots=True)
class CommunityView:
    """A community's topics and the members who may be shown."""

    topics: tuple[Topic, ...]
    members: tuple[Agent, ...]
    proposed: bool


@dataclass(frozen=True, slots=True)
class Peers:
    """An agent's topics, and who shares them; `following` is the offset of the next peers."""

    agent: Agent
    topics: tuple[OwnTopic, ...]
    peers: tuple[Peer, ...]
    communities: tuple[CommunityView, ...]
    following: int | None = None


@dataclass(frozen=True, slots=True)
class TopicView:
    """A topic: holders, documents to start with, open questions, and neighbouring topics.

    `documents` and `questions` are ids that every agent may read.
    """

    topic: Topic
    holders: tuple[TopicHolder, ...]
    areas: tuple[AreaCount, ...]
    documents: tuple[str, ...]
    questions: tuple[str, ...]
    broader: tuple[Topic, ...]
    narrower: tuple[Topic, ...]
    related: tuple[Topic, ...]
