"""Values of "who knows".

Window, evidence, candidate, and what expertise needs of the directory and the index.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol, TypeAlias

from connectors.values import Agent, ContributorRole
from expertise.names import NamedAgent, Reason
from indexer.suggestions import NearWord
from indexer.values import Card, IndexedDocument, IndexEntry, ShownDocument, ShowRequest


class RankedDocument(NamedTuple):
    """A document of the window with its fused score, from 0 to 1.

    `nearness` says how far above the middle of the vector ranking it stands, in that
    ranking's own standard deviations: encoders and engines scale cosines each their way.
    `answered_by` is the account that wrote the part of it which answers, where several
    wrote parts and that is known.
    """

    card: Card
    score: float
    nearness: float = 0.0
    answered_by: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """The documents that answer a topic for one reader, best first.

    `compared` counts the documents that `nearness` was measured among. `closest` is the
    cosine of the nearest one, on its encoder's scale. `far`: nothing comes near the topic,
    neither in sense, as far as its encoder tells, nor by having all of its words.
    """

    documents: tuple[RankedDocument, ...]
    compared: int = 0
    closest: float = 1.0
    far: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """One document that supports a candidate, and what they did to it.

    `weight` is the document's vote: its score times its share (see `Vote`). `former` says
    that all of it dates from before the present post; `answers`, that they wrote the part
    of it which answers.
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


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """Why a candidate stands where they stand. `votes` and `walk` are from 0 to 1."""

    votes: float
    walk: float
    documents: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent who may know. `score` orders one answer only.

    Without `evidence` (and then at score 0) the directory alone names them: `reasons`.
    `confidence` is what their evidence bears (see `confidence.Confidences`); not `sure`:
    what they wrote comes near, and they may know whom to ask.
    """

    agent: Agent
    score: float
    parts: ScoreParts
    evidence: tuple[Evidence, ...]
    reasons: tuple[Reason, ...] = ()
    confidence: float = 0.0
    sure: bool = True

    @property
    def last_active(self) -> date | None:
        """When they last contributed to the evidence, as far as it is dated."""
        return max((one.last for one in self.evidence if one.last), default=None)


TopicsOf: TypeAlias = Mapping[str, Sequence[tuple[str, float]]]
"""By document: ids of topics, each with the confidence, from 0 to 1, that it is about it."""


class AccountDirectory(Protocol):
    """The directory as it stands now."""

    def by_account(self, accounts: Iterable[str]) -> Mapping[str, Agent]:
        """The agent of each account that the directory joins to one; others are left out."""
        ...


class NameMatcher(Protocol):
    """The directory's words, as a question may name somebody by them."""

    def named(self, question: str) -> tuple[NamedAgent, ...]:
        """Those listed of whom the directory says every word; see `names.match_agents`."""
        ...


class NameCompleter(Protocol):
    """Names and places of those who are listed and present on a day."""

    def begun(self, typed: str, today: date, limit: int) -> tuple[Agent, ...]:
        """Agents with the typed words in their name, the last of which may be only begun.

        By name; accents and case aside. Nobody where nothing is typed.
        """
        ...

    def near(self, word: str, today: date) -> tuple[NearWord, ...]:
        """The best words of a name or place within few slips of a folded one.

        The word itself, with no slip, is among them where it is one.
        """
        ...


class AssignedTopics(Protocol):
    """What the last build found documents to be about."""

    def topics_of(self, document_ids: Collection[str], today: date) -> TopicsOf:
        """Documents without a topic are left out, and all where no build may be read."""
        ...


class AgentDirectory(AccountDirectory, Protocol):
    """The whole directory, for what is counted over it."""

    def everyone(self) -> tuple[Agent, ...]:
        """Every agent, by name."""
        ...

    def agents(self, agent_ids: Iterable[str]) -> Mapping[str, Agent]:
        """These agents, as far as the directory knows them."""
        ...


class DocumentLookup(Protocol):
    """What has become of documents since they were counted."""

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """What is kept of these documents, those left out that are not."""
        ...

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """In the order asked for; what the reader may not read is left out."""
        ...


class DocumentStore(DocumentLookup, Protocol):
    """Everything that is kept. It never meets a reader."""

    def sources(self) -> frozenset[str]:
        """The sources of which documents are kept."""
        ...

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Every kept document of a source, in no particular order."""
        ...

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """These documents whole, those left out that are not kept."""
        ...
