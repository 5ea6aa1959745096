"""What is asked, without who asks: the port that the routes tell of each question.

No clicks are followed. What the routes can honestly say is what was asked, how many answers
there were, and whether somebody looked further into them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from indexer.access import Reader
from search_api.questions.query import Order


class AskedFor(StrEnum):
    """What a question looks for."""

    SEARCH = "search"
    EXPERTS = "experts"


@dataclass(frozen=True, slots=True)
class Asking:
    """One question as a route met it. Neither who nor what shows in its `repr`.

    `further`: the answers were known already, and were looked into (a second page, a facet,
    an area, another order); their number then is not the question's own.
    `named`: the agents whom the answer brought up.
    """

    asked_for: AskedFor
    agent_id: str = field(repr=False)
    text: str = field(repr=False)
    results: int
    further: bool = False
    named: Sequence[str] = field(default=(), repr=False)


class Journal(Protocol):
    """Where questions are noted."""

    def note(self, asking: Asking) -> None:
        """Returns at once and never raises: an answer neither waits nor fails for it."""
        ...


class NoJournal:
    """Keeps nothing: the default."""

    def note(self, asking: Asking) -> None:
        """Let it pass."""


def search_asked(
    reader: Reader,
    text: str,
    filters: Mapping[str, Sequence[str]],
    page: int,
    total: int,
    order: Order = Order.RELEVANCE,
    named: Sequence[str] = (),
) -> Asking:
    """A search, as the API or a page answered it; `named` are the agents shown beside it."""
    further = page > 1 or bool(filters) or order is not Order.RELEVANCE
    asker = reader.agent_id or ""
    return Asking(AskedFor.SEARCH, asker, text, total, further, tuple(named))


def experts_asked(reader: Reader, text: str, area: str, found: Sequence[str]) -> Asking:
    """A question for those who know; `found` are the candidates' ids."""
    asker = reader.agent_id or ""
    return Asking(AskedFor.EXPERTS, asker, text, len(found), bool(area), tuple(found))
