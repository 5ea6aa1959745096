"""What is known of who knows."""

from dataclasses import dataclass
from datetime import date

from connectors.values import Agent, Role
from indexer.values import Card


@dataclass(frozen=True, slots=True)
class RankedDocument:
    """A document of the window with its fused score, from 0 to 1."""

    card: Card
    score: float


@dataclass(frozen=True, slots=True)
class Window:
    """The documents that answer a topic for one reader, best first."""

    documents: tuple[RankedDocument, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One document that supports a candidate, and what they did to it.

    `weight` is the document's vote: its score times role and recency weights.
    """

    document_id: str
    title: str
    url: str
    roles: tuple[Role, ...]
    first: date | None
    last: date | None
    weight: float


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """Why a candidate stands where they stand. `votes` and `walk` are from 0 to 1."""

    votes: float
    walk: float
    documents: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent who may know, never without evidence. `score` orders one answer only."""

    agent: Agent
    score: float
    parts: ScoreParts
    evidence: tuple[Evidence, ...]
