"""A question parsed for an engine: terms, phrases, exclusions, boosts. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from indexer.french.analysis import EXACT, Term, analyse_query
from indexer.values import Expansion, Question

MINIMUM_MATCH_PERCENT = 20
"""A document matches lexically with that share of the distinct terms, rounded down, and
at least one."""

MAX_MINIMUM_MATCH = 5
"""No document has to have more of the terms: a pasted text would match next to nothing."""

DATED_MATCH_PERCENT = 75
MAX_MINIMUM_MATCH_BY_DATE = 8
"""By date, whatever matches stands as high as what answers: so a document must have that
share of the terms, rounded up, and at most so many."""

EXACT_WEIGHT = 0.5
"""What a word as written adds to a match, in parts of its BM25 score."""

PAIR_WEIGHT = 0.7
"""What two neighbours side by side add. Both weights are what every fold chooses
(`fe65daca:benchmarks/tuning.py`, docs/evaluation.md)."""

PAIR_REACH = 4
"""Neighbours of a question stand at most so many words apart («taxe sur les salaires»)."""

BOOSTING_WORDS = 64
"""So many words of a question lift a match; the others only make one."""

EXPANSION_WEIGHT = 0.5
"""What another way of saying it is worth beside the words typed, of equal rarity: a phrase
weighs as a whole, however many words it has."""

MAX_EXPANSION_WORDS = 32
"""So many words of expansions are asked for, at most."""

Phrase = tuple[tuple[int, str], ...]
"""(distance from the first word, term); one word is a phrase too."""


@dataclass(frozen=True, slots=True)
class WeightedPhrase:
    """A phrase, and what its score is multiplied by."""

    phrase: Phrase
    weight: float


@dataclass(frozen=True, slots=True)
class AnalyzedQuery:
    """What must, may and must not stand in a document's title or text.

    One phrase of each group of `any_of` must stand. Each group of `expansions` matches as
    one more term does, by the best of its phrases. `exact` and `pairs` bring no document
    that the rest does not; they lift it.
    """

    terms: tuple[str, ...]
    minimum: int
    phrases: tuple[Phrase, ...]
    excluded: tuple[Phrase, ...]
    exact: tuple[str, ...] = ()
    pairs: tuple[Phrase, ...] = ()
    any_of: tuple[tuple[Phrase, ...], ...] = ()
    expansions: tuple[tuple[WeightedPhrase, ...], ...] = ()
    terms_dropped: bool = False

    @property
    def scores(self) -> bool:
        """Whether there is anything to rank by."""
        return bool(self.terms or self.phrases or self.any_of)

    @property
    def binds(self) -> bool:
        """Whether even the nearest by vector have to be checked against the text."""
        return bool(self.phrases or self.excluded or self.any_of)

    @property
    def binding(self) -> "AnalyzedQuery":
        """What binds alone: nothing to rank by but what must stand."""
        return replace(self, terms=(), exact=(), pairs=(), expansions=())


class _ClauseBudget:
    """What is left of an engine's clauses; what does not fit is dropped, and remembered."""

    def __init__(self, left: int, phrase_cost: int) -> None:
        self.left, self.cost, self.dropped = left, phrase_cost, False

    def phrases(self, wanted: Sequence[str]) -> tuple[Phrase, ...]:
        """Cut at the first word that does not fit; phrases without a word fall away."""
        found = []
        for words in wanted:
            whole = phrase_of(analyse_query(words, phrase=True))
            phrase = whole[: max(0, self.left) // self.cost]
            self.dropped |= len(phrase) < len(whole)
            self.left -= self.cost * len(phrase)
            if phrase:
                found.append(phrase)
        return tuple(found)


def parse_query(
    question: Question,
    budget: int,
    phrase_cost: int = 1,
    term_cost: int = 1,
    *,
    most_words: bool = False,
) -> AnalyzedQuery:
    """Read a question. Phrases and exclusions come first when something has to be dropped.

    `budget` is shared by the words of phrases and the distinct terms, each at its cost.
    `most_words`: for an order that is not by relevance, where few words in common mislead.
    """
    space = _ClauseBudget(budget, phrase_cost)
    phrases, excluded = space.phrases(question.phrases), space.phrases(question.excluded)
    any_of = tuple(filter(None, (space.phrases(group) for group in question.any_of)))
    found = analyse_query(question.text)
    distinct = tuple(dict.fromkeys(term.term for term in found))
    terms = distinct[: space.left // term_cost]
    left = min(MAX_EXPANSION_WORDS, space.left // term_cost - len(terms))
    return AnalyzedQuery(
        terms=terms,
        minimum=_minimum_by_date(len(terms)) if most_words else _minimum_by_relevance(len(terms)),
        phrases=phrases,
        excluded=excluded,
        exact=tuple(
            dict.fromkeys(EXACT + term.exact for term in found[:BOOSTING_WORDS] if term.exact)
        ),
        pairs=tuple(dict.fromkeys(_pairs(found[:BOOSTING_WORDS]))),
        any_of=any_of,
        expansions=_expansions(question.expansions, left) if terms else (),
        terms_dropped=space.dropped or len(terms) < len(distinct),
    )


def _minimum_by_relevance(terms: int) -> int:
    return max(1, min(MAX_MINIMUM_MATCH, terms * MINIMUM_MATCH_PERCENT // 100))


def _minimum_by_date(terms: int) -> int:
    return max(1, min(MAX_MINIMUM_MATCH_BY_DATE, -(-terms * DATED_MATCH_PERCENT // 100)))


def _expansions(wanted: Sequence[Expansion], left: int) -> tuple[tuple[WeightedPhrase, ...], ...]:
    """As many as there is room for; a phrase that does not fit whole is left out."""
    groups = []
    for expansion in wanted:
        typed = max(1, len(analyse_query(expansion.words)))
        group = []
        for other in expansion.others:
            phrase = phrase_of(analyse_query(other, phrase=True))
            if phrase and len(phrase) <= left:
                left -= len(phrase)
                group.append(WeightedPhrase(phrase, EXPANSION_WEIGHT * typed / len(phrase)))
        if group:
            groups.append(tuple(group))
    return tuple(groups)


def phrase_of(found: Sequence[Term]) -> Phrase:
    """The terms at their distances from the first."""
    return tuple((term.position - found[0].position, term.term) for term in found)


def _pairs(found: Sequence[Term]) -> list[Phrase]:
    """Neighbours; a compound written as one is left out, it stands where its first word does."""
    words = list({term.position: term for term in reversed(found)}.values())[::-1]
    return [
        phrase_of(pair)
        for pair in pairwise(words)
        if pair[1].position - pair[0].position <= PAIR_REACH
    ]
