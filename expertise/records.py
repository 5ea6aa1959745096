"""What a build leaves, row by row: topics, cells and communities."""

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from expertise.communities import CommunityKind
from expertise.holders import Basis
from expertise.isolating import Scope
from expertise.left_out import LeftOut
from expertise.topics import Topic
from indexer.state import digest

DOCUMENT_KEY_CHARS = 24


@dataclass(frozen=True, slots=True)
class Proof:
    """A document of a cell, and the account that contributed.

    `weight` is what it says, from 0 to 1; `mark` is the beginning of its record hash.
    """

    document_id: str
    account: str
    weight: float
    mark: str


@dataclass(frozen=True, slots=True)
class CellRecord:
    """What an agent holds, or declares, of a topic.

    `departement` is where they were in post; `nearest` names the next holders, for who
    is alone somewhere; `proofs` are all the documents, strongest first.
    """

    topic_id: str
    agent_id: str
    departement: str
    basis: Basis
    strength: float
    scope: Scope
    nearest: tuple[str, ...]
    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A topic of the list, with documents to start with and questions nobody answered."""

    topic: Topic
    documents: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssignedRecord:
    """The topics of a document that somebody contributed to: (id, confidence from 0 to 1)."""

    key: str
    topics: tuple[tuple[str, float], ...]


def document_key(document_id: str) -> str:
    """What stands for a document: 96 bits of its id's digest."""
    return digest(document_id)[:DOCUMENT_KEY_CHARS]


@dataclass(frozen=True, slots=True)
class CommunityRecord:
    """Agents that topics bring together."""

    number: int
    kind: CommunityKind
    topics: tuple[str, ...]
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """A cluster of documents that no topic covers: (id, mark) pairs, and its terms.

    Each term is as most documents write it, with the places of those that have it.
    """

    number: int
    documents: tuple[tuple[str, str], ...]
    terms: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def id(self) -> str:
        """The same for the same documents."""
        return digest("\n".join(sorted(id_ for id_, _ in self.documents)))[:12]


@dataclass(frozen=True, slots=True)
class LeftOutRecord:
    """One thing that the build does not hold."""

    number: int
    left_out: LeftOut


Record: TypeAlias = (
    TopicRecord | CellRecord | CommunityRecord | ProposalRecord | AssignedRecord | LeftOutRecord
)


@dataclass(frozen=True, slots=True)
class BuildStamp:
    """Which build is read, of which day, and how much it counted.

    `least_strength` is what made a holder; `documents` and `contributions` are those
    that every agent may read, of `contributions_seen`.
    """

    id: str
    day: date
    digest: str
    topics_digest: str
    least_strength: float
    documents: int
    contributions: int
    contributions_seen: int
