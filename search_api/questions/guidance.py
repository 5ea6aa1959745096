"""What helps to understand a question, handed over by the assembly."""

from dataclasses import dataclass, field
from typing import Protocol

from indexer.values import Question
from search_api.questions.best_bets import Bet, NoBestBets
from search_api.questions.understanding import Authors, Expanding, NoAuthors, NoGlossary
from search_api.ranking.arranging import Preferences


class Betting(Protocol):
    """The administrator's best bets."""

    def bets(self, question: Question) -> tuple[Bet, ...]:
        """Those that a question means, best first; who may see them is asked afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Guidance:
    """Who wrote, what else it is called, what stands above, what is preferred: each alone too."""

    authors: Authors = field(default_factory=NoAuthors)
    glossary: Expanding = field(default_factory=NoGlossary)
    best_bets: Betting = field(default_factory=NoBestBets)
    preferences: Preferences = field(default_factory=Preferences)
