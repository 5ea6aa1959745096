"""Values of expert search: window, evidence, candidate, and ports to directory and index."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias

from connectors.values import Agent, ContributorRole
from expertise.names import Reason
from indexer.ports import IndexContents
from indexer.values import Card, IndexEntry, ShownDocument, ShowRequest


class RankedDocument(NamedTuple):
    """A document of the window with its fused score, from 0 to 1.

    `answered_by` is the account that wrote the passage that answers, if several accounts wrote
    passages. `near_hits` is what the scores of the nearest documents in the window add to the
    document's score, or subtract from it. `said`, from 0 to 1, is the share of the question's
    information in the words that the document contains. `place` is the document's place, from 1, in
    the order by what answers (`search_api.ranking.window`, `answering`); 0 if it is not known.
    """

    card: Card
    score: float
    answered_by: str = ""
    near_hits: float = 0.0
    said: float = 0.0
    place: int = 0

    @property
    def smoothed(self) -> float:
        """The score, corrected by the nearest documents."""
        return self.score + self.near_hits


class DirectAnswerer(NamedTuple):
    """The agent who wrote a direct answer, and the document that contains it."""

    agent_id: str
    document_id: str


@dataclass(frozen=True, slots=True)
class Window:
    """The documents that match a question for one reader, best first.

    `closest` is the best cosine, on the encoder's scale. `far` is true if no document is near the
    question, neither by vector nor because it contains all of its words.
    """

    documents: tuple[RankedDocument, ...]
    closest: float = 1.0
    far: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """One document that supports a candidate, and the candidate's contribution to it.

    `weight` is the document's vote: its score times the candidate's share (see `Vote`). `former`:
    the whole contribution is older than the candidate's present post. `answers`: the candidate
    wrote the passage that answers. `asked_there`: the candidate answered there, and the document
    asks this question word for word or their answer is the direct answer. `asked_near`: they
    answered there a question in nearly the same words, which may be another one.
    """

    document_id: str
    title: str
    url: str
    roles: tuple[ContributorRole, ...]
    first: date | None
    last: date | None
    weight: float
    former: bool = False
    answers: bool = False
    asked_there: bool = False
    asked_near: bool = False


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """The parts of a candidate's score. `votes` and `walk` are from 0 to 1.

    `features` are those of `knowing.Features`, in their order.
    """

    votes: float
    walk: float
    documents: int
    features: tuple[float, ...] = ()


class Degree(StrEnum):
    """What the evidence shows about a candidate, strongest first.

    `answered`: they answered this question. `neighbour`: they answered a question in nearly the
    same words. `wrote`: they wrote about its subject. `near`: their documents only come near it,
    and show no expert.
    """

    ANSWERED = "answered"
    NEIGHBOUR = "neighbour"
    WROTE = "wrote"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent who may know, with the log-odds that they do (`confidence`; see `knowing`).

    `score` is comparable within one answer only. A candidate without `evidence` (score 0, no
    `degree`) is in the answer because of their directory entry: `reasons`.
    """

    agent: Agent
    score: float
    parts: ScoreParts
    evidence: tuple[Evidence, ...]
    reasons: tuple[Reason, ...] = ()
    confidence: float = 0.0
    degree: Degree | None = None

    @property
    def sure(self) -> bool:
        """Whether the agent may be called an expert; else they may know another expert."""
        return self.degree is not Degree.NEAR

    @property
    def last_active(self) -> date | None:
        """Date of the last contribution in the evidence, None if nothing is dated."""
        return max((proof.last for proof in self.evidence if proof.last), default=None)


TopicsOf: TypeAlias = Mapping[str, Sequence[tuple[str, float]]]
"""Topics by document id, as (topic id, confidence from 0 to 1 that the document is about it)."""


class AccountDirectory(Protocol):
    """Looks up agents by account in the current directory."""

    def by_account(self, accounts: Iterable[str]) -> Mapping[str, Agent]:
        """Return the agent of each account that the directory links to one."""


class TopicHolders(NamedTuple):
    """Holders of some topics: `agents` by id, `labels` by topic id.

    By agent id, `shown` contains topics held by contributions; `stated` contains topics of the
    directory entry, with the reason to show for each.
    """

    agents: Mapping[str, Agent] = MappingProxyType({})
    shown: Mapping[str, frozenset[str]] = MappingProxyType({})
    stated: Mapping[str, Mapping[str, Reason]] = MappingProxyType({})
    labels: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class AssignedTopics(Protocol):
    """Port: the topics that the last build assigned to documents."""

    def topics_of(self, document_ids: Collection[str], today: date) -> TopicsOf:
        """Return topics by id of document, for documents with a topic; empty without a build."""

    def shown_on(self, topic_id: str, today: date) -> frozenset[str]:
        """Return ids of agents who hold a topic by contributions, as its page shows them."""

    def holders_of(self, topic_ids: Sequence[str], today: date) -> TopicHolders:
        """Return agents who hold or declare these topics; empty without a build."""


class AgentDirectory(AccountDirectory, Protocol):
    """The whole directory, for counts and lists."""

    def everyone(self) -> tuple[Agent, ...]:
        """Return every agent, sorted by name."""

    def each(self) -> Iterator[Agent]:
        """Yield every agent, in no particular order, a few in memory at once."""

    def agents(self, agent_ids: Iterable[str]) -> Mapping[str, Agent]:
        """Return agents by id; ids that the directory does not have are left out."""


class DocumentLookup(Protocol):
    """Looks up indexed documents as they are now."""

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """Return the entries of these documents; documents that are not indexed are left out."""

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """Return documents in the order of the request.

        Documents that the reader may not read are left out.
        """


class DocumentStore(DocumentLookup, IndexContents, Protocol):
    """All indexed documents, for the offline build, without access filters."""

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield every indexed document of a source, in no particular order."""
