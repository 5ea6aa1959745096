"""Where a result set ends: shares of a question's information. Pure functions."""

import math
import re
from collections.abc import Sequence

from indexer.french.analysis import analyse_query
from indexer.french.stop_words import ASKING_WORDS, STOP_WORDS
from indexer.parsed_query import Phrase, phrase_of
from indexer.values import Question

MOST_PARTS = 64
"""So many words of a question are weighed: each costs an engine two clauses."""

TOLERANCE = 1e-4
"""An engine sums shares in float32."""

_WORD = re.compile(r"[^\W_]+")


def question_parts(question: Question) -> tuple[tuple[Phrase, ...], ...]:
    """For each word of a question's text, the phrases by which a document says it.

    The word itself; the compound that it is a part of, written as one; what the glossary says
    for it. Phrases and alternatives of the question are not weighed: they must stand anyway.
    """
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
    return tuple(dict.fromkeys(map(tuple, places.values())))[:MOST_PARTS]


def information(counts: Sequence[int], documents: int) -> tuple[float, ...]:
    """The share of each part in a question's information; together 1, empty without parts.

    `counts` are the readable documents, of `documents` in all, that say each part. The weight of
    a part is its inverse document frequency as in BM25 (Robertson & Spärck Jones): a word that no
    document has says most of what is asked.
    """
    weights = [math.log(1 + (documents - n + 0.5) / (n + 0.5)) for n in counts]
    whole = math.fsum(weights)
    return tuple(round(weight / whole, 6) for weight in weights) if whole > 0 else ()


def says_nothing(question: Question) -> bool:
    """Whether a text was typed, and no word of it says what is wanted.

    Symbols alone, or words that stand in every text («de la»), in small letters.
    """
    if question.phrases or question.any_of or question.excluded:
        return False
    words = [word if word.isupper() else word.lower() for word in _WORD.findall(question.text)]
    return bool(question.text) and all(word in STOP_WORDS or word in ASKING_WORDS for word in words)
