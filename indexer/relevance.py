"""Where a result set ends: shares of a question's information. Pure functions."""

import math
import re
from collections.abc import Sequence
from typing import TypeAlias

from indexer.french.analysis import analyse_query
from indexer.french.stop_words import ASKING_WORDS, STOP_WORDS
from indexer.parsed_query import Phrase, phrase_of
from indexer.values import Question

MOST_PARTS = 64
"""So many words of a question are weighed: each costs an engine two clauses."""

TOLERANCE = 1e-4
"""An engine sums shares in float32."""

_WORD = re.compile(r"[^\W_]+")


ASIDE_WEIGHT = 0.5
"""A place that a question names adds so much of its information to the share of a document that
says it, and takes none from one that does not."""

Part: TypeAlias = tuple[Phrase, ...]
"""The phrases by which a document says a word of a question."""


def question_parts(question: Question) -> tuple[Part, ...]:
    """For each word of a question's text, the phrases by which a document says it.

    The word itself; the compound that it is a part of, written as one; what the glossary says
    for it. Phrases and alternatives of the question are not weighed: they must stand anyway. What
    it sets aside is left out, unless nothing else is left.
    """
    subject, aside = _parts(question)
    return subject or aside


def aside_parts(question: Question) -> tuple[Part, ...]:
    """For each word that a question sets aside the same, unless nothing else is left."""
    subject, aside = _parts(question)
    return aside if subject else ()


def set_aside(question: Question) -> frozenset[str]:
    """Return the terms of the parts of a question that documents need not say."""
    return frozenset(term.term for part in question.aside for term in analyse_query(part))


def _parts(question: Question) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """(parts of the subject, parts that are set aside)."""
    places: dict[int, dict[Phrase, None]] = {}
    terms: dict[int, set[str]] = {}
    for term in analyse_query(question.text):
        phrase: Phrase = ((0, term.term),)
        if term.position in terms and not term.exact:  # a compound stands where its first word does
            places.setdefault(term.position + 1, {})[phrase] = None
        places.setdefault(term.position, {})[phrase] = None
        terms.setdefault(term.position, set()).add(term.term)
    for expansion in question.expansions:
        typed = {term.term for term in analyse_query(expansion.words)}
        others = [phrase_of(analyse_query(other, phrase=True)) for other in expansion.others]
        for position in [at for at, said in terms.items() if said & typed]:
            places[position] |= dict.fromkeys(filter(None, others))
    aside = set_aside(question)
    left: tuple[dict[Part, None], dict[Part, None]] = {}, {}
    for position, phrases in places.items():
        left[bool(terms.get(position, set()) & aside)][tuple(phrases)] = None
    subject = tuple(left[0])[:MOST_PARTS]
    return subject, tuple(left[1])[: MOST_PARTS - len(subject)]


def information(counts: Sequence[int], documents: int, aside: int = 0) -> tuple[float, ...]:
    """The share of each part in a question's information; together 1, empty without parts.

    `counts` are the readable documents, of `documents` in all, that say each part; the last
    `aside` of them are of `aside_parts`, whose shares come on top. The weight of a part is its
    inverse document frequency as in BM25 (Robertson & Spärck Jones): a word that no document has
    says most of what is asked.
    """
    weights = [math.log(1 + (documents - n + 0.5) / (n + 0.5)) for n in counts]
    of_subject = len(weights) - aside
    whole = math.fsum(weights[:of_subject])
    weights[of_subject:] = [ASIDE_WEIGHT * weight for weight in weights[of_subject:]]
    return tuple(round(weight / whole, 6) for weight in weights) if whole > 0 else ()


def says_nothing(question: Question) -> bool:
    """Whether a text was typed, and no word of it says what is wanted.

    Symbols alone, or words that stand in every text («de la»), in small letters.
    """
    if question.phrases or question.any_of or question.excluded:
        return False
    words = [word if word.isupper() else word.lower() for word in _WORD.findall(question.text)]
    return bool(question.text) and all(word in STOP_WORDS or word in ASKING_WORDS for word in words)
