"""Shares of a query's information, which decide where a result set ends. Pure functions."""

import math
import re
from collections.abc import Sequence
from typing import TypeAlias

from indexer.french.analysis import analyse_query
from indexer.french.stop_words import ASKING_WORDS, STOP_WORDS
from indexer.parsed_query import Phrase, phrase_of
from indexer.values import Question

MOST_PARTS = 64
"""Maximum number of words of a query that are weighed: each costs an engine two clauses."""

TOLERANCE = 1e-4
"""Tolerance in comparisons of shares: engines add them in float32."""

_WORD = re.compile(r"[^\W_]+")


ASIDE_WEIGHT = 0.5
"""Share of a queried place's information that documents gain if they contain the place.

Documents without the place lose nothing.
"""

Part: TypeAlias = tuple[Phrase, ...]
"""The phrases that each count as containing one word of a query."""


def question_parts(question: Question) -> tuple[Part, ...]:
    """Return, for each word of a query's text, the phrases that count as containing it.

    These are the word itself, the compound that it belongs to, written as one word, and its
    glossary expansions. Phrases and alternatives of the query are not weighed: they must match
    anyway. Words that are set aside are left out, unless there are no other words.
    """
    subject, aside = _parts(question)
    return subject or aside


def aside_parts(question: Question) -> tuple[Part, ...]:
    """Return the parts of words that are set aside; empty if the query has no other words."""
    subject, aside = _parts(question)
    return aside if subject else ()


def set_aside(question: Question) -> frozenset[str]:
    """Return the terms of the parts of a query that documents need not contain."""
    return frozenset(term.term for part in question.aside for term in analyse_query(part))


def _parts(question: Question) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return the parts of the query's subject, and the parts that are set aside."""
    places: dict[int, dict[Phrase, None]] = {}
    terms: dict[int, set[str]] = {}
    for term in analyse_query(question.text):
        phrase: Phrase = ((0, term.term),)
        if term.position in terms and not term.exact:  # a compound, at its first word
            places.setdefault(term.position + 1, {})[phrase] = None
        places.setdefault(term.position, {})[phrase] = None
        terms.setdefault(term.position, set()).add(term.term)
    for expansion in question.expansions:
        typed = {term.term for term in analyse_query(expansion.words)}
        others = [phrase_of(analyse_query(other, phrase=True)) for other in expansion.others]
        for position in [at for at, words in terms.items() if words & typed]:
            places[position] |= dict.fromkeys(filter(None, others))
    aside = set_aside(question)
    left: tuple[dict[Part, None], dict[Part, None]] = {}, {}
    for position, phrases in places.items():
        left[bool(terms.get(position, set()) & aside)][tuple(phrases)] = None
    subject = tuple(left[0])[:MOST_PARTS]
    return subject, tuple(left[1])[: MOST_PARTS - len(subject)]


def information(counts: Sequence[int], documents: int, aside: int = 0) -> tuple[float, ...]:
    """Return the share of each part in a query's information; empty without parts.

    `counts` are the numbers of readable documents, of `documents` in all, that contain each part.
    The last `aside` counts belong to `aside_parts`; the shares of the other parts sum to 1. The
    weight of a part is its inverse document frequency as in BM25 (Robertson & Spärck Jones): a word
    that no document has carries the most information.
    """
    weights = [math.log(1 + (documents - n + 0.5) / (n + 0.5)) for n in counts]
    of_subject = len(weights) - aside
    whole = math.fsum(weights[:of_subject])
    weights[of_subject:] = [ASIDE_WEIGHT * weight for weight in weights[of_subject:]]
    return tuple(round(weight / whole, 6) for weight in weights) if whole > 0 else ()


def says_nothing(question: Question) -> bool:
    """Return whether the typed text has no meaningful word.

    Such a text consists of symbols, or of words in small letters that occur in every text («de
    la»).
    """
    if question.phrases or question.any_of or question.excluded:
        return False
    words = [word if word.isupper() else word.lower() for word in _WORD.findall(question.text)]
    return bool(question.text) and all(word in STOP_WORDS or word in ASKING_WORDS for word in words)
