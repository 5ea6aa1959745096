"""What is known of who knows."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from connectors.values import Agent, Role
from expertise.names import Reason
from indexer.values import Card


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
    roles: tuple[Role, ...]
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
