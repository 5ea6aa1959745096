"""Estimate whether the first page of a search answers its question. Pure.

A logistic model of six features of the page. `quisait evaluate answered` fits it across
administrations and prints how often it is right.
"""

import math
from collections.abc import Sequence

import numpy as np

from indexer.french.analysis import analyse
from indexer.parsed_query import Phrase
from indexer.relevance import question_parts
from indexer.values import Question, SearchHit
from search_api.ranking.fusion import nearness
from search_api.ranking.results import Result

NEAR_DOCUMENTS = 5
"""Number of documents shown where none answers."""

LEAST_PROBABILITY = 0.35
"""Below it, the page says that no document answers."""

WEIGHTS = (2.5, 1.2, 0.4, 17.0, 0.65, 2.3, 0.6)
"""Of the features in their order."""
BIAS = -9.2


def features(
    results: Sequence[Result], vector: Sequence[SearchHit], question: Question, far_cosine: float
) -> tuple[float, ...]:
    """Return the features of the first page of results, best first.

    The largest share of the question's words that one document says, the first document's share,
    the share that all say together (0 to 1); the nearest passage's cosine above `far_cosine`; how
    far it stands above the median in standard deviations; the logarithm of the number of words;
    how many of the two rankings (words, sense) agree on the first document.
    """
    parts = question_parts(question)
    said = [_said(one, parts) for one in results]
    together = set().union(*said) if said else set()
    count = max(1, len(parts))
    first = results[0].parts if results else None
    agreed = first is not None and (first.lexical_rank == 1) + (first.vector_rank == 1)
    return (
        max((len(one) for one in said), default=0) / count,
        len(said[0]) / count if said else 0.0,
        len(together) / count,
        (vector[0].score - far_cosine) if vector else 0.0,
        max(nearness(vector).values(), default=0.0),
        math.log1p(len(parts)),
        float(agreed),
    )


def is_answered(found: Sequence[float]) -> bool:
    """Return whether a page with these features answers; all words in one document do."""
    return found[0] >= 1.0 or probability(found) >= LEAST_PROBABILITY


def probability(found: Sequence[float]) -> float:
    """Return the probability, from 0 to 1, that a page with these features answers."""
    logit = BIAS + float(np.dot(WEIGHTS, found))
    return 1 / (1 + math.exp(-logit))


def _said(one: Result, parts: Sequence[tuple[Phrase, ...]]) -> set[int]:
    """The places of the parts that a result says in its title and marked words."""
    marked = {
        shown.passage.text[start:end].lower()
        for shown in one.passages
        for start, end in shown.highlights
    }
    text = " ".join((one.card.title, *marked))
    terms = {term for found in analyse(text) for term in found.all}
    return {
        place
        for place, phrases in enumerate(parts)
        if any(all(term in terms for _, term in phrase) for phrase in phrases)
    }
