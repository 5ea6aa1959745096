"""Parses a query for an engine: terms, phrases, exclusions, boosts. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from indexer.french.analysis import EXACT, Term, analyse_query
from indexer.values import Expansion, Question

MINIMUM_MATCH_PERCENT = 20
"""Percentage of the distinct terms that a lexical match must have, rounded down, but at least one
term.
"""

MAX_MINIMUM_MATCH = 5
"""Maximum number of terms that a match must have, because otherwise a pasted text would match
almost nothing.
"""

DATED_MATCH_PERCENT = 75
MAX_MINIMUM_MATCH_BY_DATE = 8
"""Maximum number of terms that a match must have in an order by date. There, weak matches rank as
high as answers, so that a document must have `DATED_MATCH_PERCENT` of the terms, rounded up.
"""

EXACT_WEIGHT = 0.5
"""Weight of a word that matches exactly as written. Its BM25 score is multiplied by it."""

PAIR_WEIGHT = 0.7
"""Weight of two neighbouring words of the query that are also neighbours in the document. All folds
chose this value and that of `EXACT_WEIGHT` (`fe65daca:benchmarks/tuning.py`, docs/evaluation.md).
"""

PAIR_REACH = 4
"""Largest distance, in words, of neighbours in a query («taxe sur les salaires»)."""

BOOSTING_WORDS = 64
"""Number of words of a query that boost exact and neighbouring matches; later words do not."""

EXPANSION_WEIGHT = 0.5
"""Weight of an expansion relative to the typed words, at equal rarity: a phrase counts as a whole,
however many words it has.
"""

MAX_EXPANSION_WORDS = 32
"""Largest number of words of expansions in a query."""

Phrase = tuple[tuple[int, str], ...]
"""Pairs (distance from the first word, term). A single word is a phrase too."""


@dataclass(frozen=True, slots=True)
class WeightedPhrase:
    """A phrase and the factor of its score."""

    phrase: Phrase
    weight: float


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """Terms and phrases that a document's title or text must, may or must not contain.

    At least one phrase of each group of `any_of` must match. Each group of `expansions` counts as
    one more term, scored by its best phrase. `exact` and `pairs` only raise the score of documents
    that match otherwise.
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
        """Whether the query has terms or phrases to rank by."""
        return bool(self.terms or self.phrases or self.any_of)

    @property
    def binds(self) -> bool:
        """Whether vector hits must also match phrases or exclusions."""
        return bool(self.phrases or self.excluded or self.any_of)

    @property
    def binding(self) -> "ParsedQuery":
        """The query reduced to its conditions: phrases, exclusions and groups."""
        return replace(self, terms=(), exact=(), pairs=(), expansions=())


class _ClauseBudget:
    """The number of clauses that an engine still accepts.

    `dropped` is true if words did not fit.
    """

    def __init__(self, left: int, phrase_cost: int) -> None:
        self.left, self.cost, self.dropped = left, phrase_cost, False

    def phrases(self, wanted: Sequence[str]) -> tuple[Phrase, ...]:
        """Return the phrases without empty ones, cut at the first word that does not fit."""
        phrases = []
        for words in wanted:
            whole = phrase_of(analyse_query(words, phrase=True))
            phrase = whole[: max(0, self.left) // self.cost]
            self.dropped |= len(phrase) < len(whole)
            self.left -= self.cost * len(phrase)
            if phrase:
                phrases.append(phrase)
        return tuple(phrases)


def parse_query(
    question: Question,
    budget: int,
    phrase_cost: int = 1,
    term_cost: int = 1,
    *,
    most_words: bool = False,
) -> ParsedQuery:
    """Parse a question. Phrases and exclusions take precedence if something has to be dropped.

    `budget` is shared by the words of phrases and the distinct terms, each at its cost.
    `most_words` is true for orders other than by relevance, in which few common words would not be
    enough for a match.
    """
    space = _ClauseBudget(budget, phrase_cost)
    phrases, excluded = space.phrases(question.phrases), space.phrases(question.excluded)
    any_of = tuple(filter(None, (space.phrases(group) for group in question.any_of)))
    analysed = analyse_query(question.text)
    distinct = tuple(dict.fromkeys(term.term for term in analysed))
    terms = distinct[: space.left // term_cost]
    left = min(MAX_EXPANSION_WORDS, space.left // term_cost - len(terms))
    return ParsedQuery(
        terms=terms,
        minimum=_minimum_by_date(len(terms)) if most_words else _minimum_by_relevance(len(terms)),
        phrases=phrases,
        excluded=excluded,
        exact=tuple(
            dict.fromkeys(EXACT + term.exact for term in analysed[:BOOSTING_WORDS] if term.exact)
        ),
        pairs=tuple(dict.fromkeys(_pairs(analysed[:BOOSTING_WORDS]))),
        any_of=any_of,
        expansions=_expansions(question.expansions, left) if terms else (),
        terms_dropped=space.dropped or len(terms) < len(distinct),
    )


def _minimum_by_relevance(terms: int) -> int:
    return max(1, min(MAX_MINIMUM_MATCH, terms * MINIMUM_MATCH_PERCENT // 100))


def _minimum_by_date(terms: int) -> int:
    return max(1, min(MAX_MINIMUM_MATCH_BY_DATE, -(-terms * DATED_MATCH_PERCENT // 100)))


def _expansions(wanted: Sequence[Expansion], left: int) -> tuple[tuple[WeightedPhrase, ...], ...]:
    """Return as many expansions as fit; a phrase that does not fit whole is left out."""
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


def phrase_of(terms: Sequence[Term]) -> Phrase:
    """Return the terms with their distances from the first one."""
    return tuple((term.position - terms[0].position, term.term) for term in terms)


def _pairs(terms: Sequence[Term]) -> list[Phrase]:
    """Return pairs of neighbours, without compounds written as one word at the same position."""
    words = list({term.position: term for term in reversed(terms)}.values())[::-1]
    return [
        phrase_of(pair)
        for pair in pairwise(words)
        if pair[1].position - pair[0].position <= PAIR_REACH
    ]
