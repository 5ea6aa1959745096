"""Values of "who knows".

Window, evidence, candidate, and what expertise needs of the directory and the index.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias

from connectors.values import Agent, ContributorRole
from expertise.names import NamedAgent, Reason
from indexer.suggestions import NearWord
from indexer.values import Card, IndexedDocument, IndexEntry, ShownDocument, ShowRequest


class RankedDocument(NamedTuple):
    """A document of the window with its fused score, from 0 to 1.

    `nearness` is its cosine above the median of the vector ranking, in standard deviations of
    that ranking: encoders and engines scale cosines differently. `answered_by` is the account
    that wrote the passage which answers, where several accounts wrote passages. `near_hits`: what
    the scores of the window's documents that are nearest to it add to its own, or take from it.
    `said`, from 0 to 1, is the share of the question's information that its words have.
    """

    card: Card
    score: float
    nearness: float = 0.0
    answered_by: str = ""
    near_hits: float = 0.0
    said: float = 0.0

    @property
    def smoothed(self) -> float:
        """The score as the documents near it place it."""
        return self.score + self.near_hits


class DirectAnswerer(NamedTuple):
    """The agent who wrote a direct answer, and the document that has it."""

    agent_id: str
    document_id: str


@dataclass(frozen=True, slots=True)
class Window:
    """The documents that match a question for one reader, best first.

    `compared` is the size of the vector ranking that `nearness` is measured in. `closest` is the
    best cosine, on the encoder's scale. `far`: no document is near the question, neither by
    vector nor by having all of its words.
    """

    documents: tuple[RankedDocument, ...]
    compared: int = 0
    closest: float = 1.0
    far: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """One document that supports a candidate, and how they contributed to it.

    `weight` is the document's vote: its score times its share (see `Vote`). `former`: all of the
    contribution is older than the candidate's present post. `answers`: they wrote the passage
    that answers. `asked_there`: they answered there, and what was asked there is asked now.
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
    """What the evidence says of somebody, the strongest first.

    `answered`: they answered this question, or one that is asked in nearly the same words; `wrote`:
    they wrote on its subject; `near`: their documents only come near it, and show no expert.
    """

    ANSWERED = "answered"
    WROTE = "wrote"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent who may know, with log-odds that they do (`confidence`; see `knowing`).

    `score` is comparable within one answer only. Without `evidence` (score 0, no `degree`) they
    are in the answer for their directory entry: `reasons`.
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
        """Whether they may be called an expert; else they may know whom to ask."""
        return self.degree is not Degree.NEAR

    @property
    def last_active(self) -> date | None:
        """When they last contributed to the evidence, as far as it is dated."""
        return max((one.last for one in self.evidence if one.last), default=None)


TopicsOf: TypeAlias = Mapping[str, Sequence[tuple[str, float]]]
"""By document: ids of topics, each with the confidence, from 0 to 1, that it is about it."""


class AccountDirectory(Protocol):
    """Looks up agents by account in the current directory."""

    def by_account(self, accounts: Iterable[str]) -> Mapping[str, Agent]:
        """The agent of each account that the directory links to one; others are left out."""
        ...


class NameMatcher(Protocol):
    """Finds the agents whose directory entry matches a question."""

    def named(self, question: str) -> tuple[NamedAgent, ...]:
        """Listed agents whose entry has every word of the question; see `names.match_agents`."""
        ...


class NameCompleter(Protocol):
    """Completes and corrects names and places of the agents who are shown on a day."""

    def begun(self, typed: str, today: date, limit: int) -> tuple[Agent, ...]:
        """Agents whose name has the typed words; the last word may be a prefix.

        Ordered by name, ignoring accents and case. Nobody where nothing is typed.
        """
        ...

    def near(self, word: str, today: date) -> tuple[NearWord, ...]:
        """The best words of names and places within a small edit distance of a folded word.

        The word itself, at distance 0, is among them where it is one of them.
        """
        ...


class TopicHolders(NamedTuple):
    """Who holds some topics, by agent id; `labels` by topic id.

    `shown` holds topics by contributions; `stated` those of the directory entry, with the reason
    to give for each.
    """

    agents: Mapping[str, Agent] = MappingProxyType({})
    shown: Mapping[str, frozenset[str]] = MappingProxyType({})
    stated: Mapping[str, Mapping[str, Reason]] = MappingProxyType({})
    labels: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class AssignedTopics(Protocol):
    """The topics that the last build assigned to documents."""

    def topics_of(self, document_ids: Collection[str], today: date) -> TopicsOf:
        """By document id. Documents without a topic are left out; empty without a build."""
        ...

    def shown_on(self, topic_id: str, today: date) -> frozenset[str]:
        """Ids of agents who hold a topic by what they contributed, as its page shows them."""
        ...

    def holders_of(self, topic_ids: Sequence[str], today: date) -> TopicHolders:
        """Who holds or declares these topics, as their pages show them; nobody without a build."""
        ...


class AgentDirectory(AccountDirectory, Protocol):
    """The whole directory, for counts and lists."""

    def everyone(self) -> tuple[Agent, ...]:
        """Every agent, by name."""
        ...

    def each(self) -> Iterator[Agent]:
        """Every agent, in no particular order; a few are in memory at once."""
        ...

    def agents(self, agent_ids: Iterable[str]) -> Mapping[str, Agent]:
        """By id; ids that the directory does not have are left out."""
        ...


class DocumentLookup(Protocol):
    """Looks up indexed documents as they are now."""

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """The entries of these documents; documents that are not indexed are left out."""
        ...

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """In the order of the request; documents that the reader may not read are left out."""
        ...


class DocumentStore(DocumentLookup, Protocol):
    """All indexed documents, for the offline build: without access filters."""

    def sources(self) -> frozenset[str]:
        """The sources that have indexed documents."""
        ...

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Every indexed document of a source, in no particular order."""
        ...

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """These documents with text and vectors; documents that are not indexed are left out."""
        ...
