"""Values in the answers about topics, areas, peers and communities."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from connectors.values import Agent
from expertise.holders import Basis, IsolationScope
from expertise.topics import Topic
from expertise.values import Evidence


class BuildState(StrEnum):
    """Whether answers can be given: there is a build, none yet, or one that is too old."""

    YES = "shown"
    NONE = "none"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True)
class BuildStatus:
    """Whether there is a build, and its day."""

    state: BuildState
    day: date | None = None


class AloneDegree(StrEnum):
    """What the word «alone» claims about a holder, depending on its evidence.

    `KNOWN`: documents and directory show nobody else on the topic in the area. `METIER`: no other
    agent of the directory has the métier. `MISSION`: no other agent of the directory is on a
    mission for the topic.
    """

    KNOWN = "known"
    METIER = "metier"
    MISSION = "mission"


@dataclass(frozen=True, slots=True)
class IsolatedHolder:
    """The only holder seen on a topic in an area.

    `next` is the nearest other holder, at `distance_km`. `share`, from 0 to 1, is the estimated
    part of the topic's people that the build sees. `mission_since` is the first day of the agent's
    mission in force on the topic, or None.
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
    """Topics on which nobody is called alone, because the build sees too few of their people.

    `share`, from 0 to 1, is the largest part of a topic's people that is seen; `of` is the number
    of topics requested.
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
    """A number of agents with an upper limit; `more` is true if there are more."""

    agents: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class AreaCount:
    """Numbers of agents who hold or declare a topic in an area.

    `code` is `22` for a département, `r53` for a region, empty for the country.
    """

    code: str
    holders: CappedCount
    declared: CappedCount


@dataclass(frozen=True, slots=True)
class TopicCount:
    """Numbers for a topic in one area; `questions` are unanswered ones of the whole country, by id.

    `left` is true if nobody holds the topic there and an agent who wrote about it has left.
    """

    topic: Topic
    holders: CappedCount
    declared: CappedCount
    documented: bool
    questions: tuple[str, ...] = ()
    left: bool = False

    @property
    def open_questions(self) -> int:
        """Number of unanswered questions."""
        return len(self.questions)

    @property
    def risks(self) -> list[str]:
        """The topic's risks that all readers may see: `left`, `nobody`, `open_questions`."""
        risks = []
        if not self.holders.agents and self.documented:
            risks.append("left" if self.left else "nobody")
        if self.open_questions:
            risks.append("open_questions")
        return risks


@dataclass(frozen=True, slots=True)
class TopicCounts:
    """One page of topics, sorted by label; `following` is the next offset, None at the end."""

    rows: tuple[TopicCount, ...]
    following: int | None


@dataclass(frozen=True, slots=True)
class TopicHolder:
    """An agent who holds or declares a topic; lists are sorted by area, then name.

    `mission_since` means the same as in `IsolatedHolder`.
    """

    agent: Agent
    basis: Basis
    mission_since: date | None = None


@dataclass(frozen=True, slots=True)
class OwnTopic:
    """A topic of one agent.

    `strength` is None unless that agent is the reader. `evidence` contains the documents that the
    reader may read, newest first. `mission_since` means the same as in `IsolatedHolder`.
    """

    topic: Topic
    basis: Basis
    strength: float | None = None
    evidence: tuple[Evidence, ...] = ()
    mission_since: date | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A document that shows an agent's `topics`, by label."""

    evidence: Evidence
    topics: tuple[Topic, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """An agent with topics in common.

    Lists begin with the most common topics, then with the nearest peers. The peer holds `topics`
    and only declares `declares`.
    """

    agent: Agent
    topics: tuple[Topic, ...]
    distance_km: float | None
    declares: tuple[Topic, ...] = ()


@dataclass(frozen=True, slots=True)
class CommunityView:
    """A community's topics and the members who may be shown.

    `invited`: agents who have not answered yet; other agents may not see them.
    """

    topics: tuple[Topic, ...]
    members: tuple[Agent, ...]
    proposed: bool
    invited: tuple[Agent, ...] = ()


@dataclass(frozen=True, slots=True)
class Peers:
    """An agent's topics and the agents who share them; `following` is the next offset of peers."""

    agent: Agent
    topics: tuple[OwnTopic, ...]
    peers: tuple[Peer, ...]
    communities: tuple[CommunityView, ...]
    following: int | None = None


@dataclass(frozen=True, slots=True)
class TopicView:
    """The page of a topic: holders, first documents, open questions, neighbouring topics.

    `documents` and `questions` are ids of documents that every agent may read.
    """

    topic: Topic
    holders: tuple[TopicHolder, ...]
    areas: tuple[AreaCount, ...]
    documents: tuple[str, ...]
    questions: tuple[str, ...]
    broader: tuple[Topic, ...]
    narrower: tuple[Topic, ...]
    related: tuple[Topic, ...]
