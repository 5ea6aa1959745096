"""What an answer shows, before it becomes JSON or a page."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.values import Agent, Role
from indexer.values import Card, FacetValue, Question, ShownPassage
from search_api.questions.query import Order
from search_api.questions.understanding import Understood
from search_api.ranking.arranging import Effect
from search_api.ranking.fusion import FusedHit


@dataclass(frozen=True, slots=True)
class Author:
    """Who contributed, and who they are if the directory knows them and they may be named.

    `name` is the directory's for them, and the source's for anybody else.
    """

    name: str
    role: Role
    agent: Agent | None
    departed: bool

    @property
    def shown(self) -> Agent | None:
        """The agent, where there is a page of theirs to lead to."""
        return None if self.departed else self.agent


@dataclass(frozen=True, slots=True)
class Reference:
    """Another document that a document names, where the reader may read it too."""

    document_id: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class BestBet:
    """What stands above the results. `external`: a link, no document of the index."""

    reference: Reference
    external: bool


@dataclass(frozen=True, slots=True)
class Copy:
    """Where else the same text lies, where the reader may read it too."""

    reference: Reference
    source: str
    space: str


@dataclass(frozen=True, slots=True)
class Result:
    """One document of the page.

    `passages` best first; `voices[i]` is whose words `passages[i]` is, in a conversation.
    `effects`: what moved it beside the question. `copies`: other places of the same text.
    """

    card: Card
    authors: tuple[Author, ...]
    passages: tuple[ShownPassage, ...]
    voices: tuple[Author | None, ...]
    parts: FusedHit
    replaces: tuple[Reference, ...] = ()
    replaced_by: tuple[Reference, ...] = ()
    part_of: Reference | None = None
    copies: tuple[Copy, ...] = ()
    effects: tuple[Effect, ...] = ()

    @property
    def answering(self) -> tuple[tuple[ShownPassage, Author | None], ...]:
        """The best passage, and the others that have words of the question; each with its voice."""
        pairs = list(zip(self.passages, self.voices, strict=True))
        return (*pairs[:1], *(pair for pair in pairs[1:] if pair[0].highlights))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many documents answer. `reachable` is how many results the pages can show: at most W.

    A text that lies in several places is one result; `total` and facets count each place.
    `worded` of the total have words of the question, or more than that where
    `worded_more`; the others are near in sense alone. Without a question all are counted.
    """

    total: int
    worded: int
    worded_more: bool
    reachable: int


@dataclass(frozen=True, slots=True)
class Results:
    """One page. `more`: another follows it.

    `counts` are None, and there are no facets, where the question is narrowed to a person:
    what somebody contributed is shown and never counted.

    `understood`: what operators of the query became. `best_bets`: what an administrator
    put above the results, as far as the reader may see it. `incomplete` names the
    authorities that did not answer: results may be missing.
    """

    question: Question
    order: Order
    results: tuple[Result, ...]
    counts: Counts | None
    page: int
    page_size: int
    facets: Mapping[str, tuple[FacetValue, ...]]
    shortened: bool
    incomplete: tuple[str, ...]
    more: bool = False
    understood: tuple[Understood, ...] = ()
    best_bets: tuple[BestBet, ...] = ()

    @property
    def found(self) -> int:
        """The total; where nothing is counted, 1 for something and 0 for nothing."""
        return self.counts.total if self.counts else int(bool(self.results) or self.page > 1)
