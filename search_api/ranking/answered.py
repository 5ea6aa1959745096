"""Estimate whether the first page of a search answers its question. Pure.

A logistic model estimates whether any document answers. `quisait evaluate answering` fits it on all
administrations but one, tests it on that one, and prints what each threshold costs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from expertise.votes import only_asks
from indexer.french.analysis import all_terms
from indexer.parsed_query import Phrase
from indexer.relevance import aside_parts, question_parts
from indexer.values import Question, SearchHit
from search_api.ranking.fusion import nearness
from search_api.ranking.missing import lacks_what_is_asked, places_abroad
from search_api.ranking.results import Result

NEAR_DOCUMENTS = 5
"""Number of documents shown if none is expected to answer."""


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """Weights of the features in their order, and the probability from which the answer is yes."""

    weights: tuple[float, ...]
    bias: float
    bar: float

    def probability(self, found: Sequence[float]) -> float:
        """Return the probability, from 0 to 1, for these features.

        It is computed from rounded log-odds: last digits, which differ between processors, neither
        decide at a threshold nor part equal sentences.
        """
        odds = self.bias + math.fsum(a * b for a, b in zip(self.weights, found, strict=True))
        return 1 / (1 + math.exp(-round(odds, 6)))

    def holds(self, found: Sequence[float]) -> bool:
        """Return whether the probability reaches the threshold `bar`."""
        return self.probability(found) >= self.bar


ANY_ANSWERS = LogisticModel((2.85, 2.59, 30.23, 0.4, 2.49, 0.1, 0.79, 0.82), -9.55, 0.4)
"""Model of whether any document of the page answers. Below `bar` only the nearest are shown."""

ANSWERED = 0.65
"""Probability from which a page is said to answer; decision 123 has the figures."""


def features(
    results: Sequence[Result], vector: Sequence[SearchHit], question: Question, far_cosine: float
) -> tuple[float, ...]:
    """Return the features of the first page of results, best first.

    - The largest share (0 to 1) of the question's words that one document contains.
    - The share that the first document contains.
    - The cosine of the nearest passage above `far_cosine`.
    - The nearest document's cosine above the median, in standard deviations.
    - The logarithm of 1 plus the number of words of the question.
    - Whether the first document is also first by words, then by vector (0 or 1 each).
    - The difference between the first and the second score.

    Unanswered questions do not count as documents.
    """
    parts = (*question_parts(question), *aside_parts(question))
    asking = sum(only_asks(one.card) for one in results)
    results = [one for one in results if not only_asks(one.card)]
    said = [_said(one, parts) / max(1, len(parts)) for one in results]
    first = results[0].parts if results else None
    second = results[1].parts.score if len(results) > 1 else 0.0
    return (
        max(said, default=0.0),
        said[0] if said else 0.0,
        vector[0].score - far_cosine if vector else 0.0,
        max(nearness(vector).values(), default=0.0),
        math.log1p(len(parts)),
        float(first is not None and 1 <= (first.lexical_rank or 0) <= 1 + asking),
        float(first is not None and 1 <= (first.vector_rank or 0) <= 1 + asking),
        first.score - second if first else 0.0,
    )


def any_answers(found: Sequence[float], bar: float = ANY_ANSWERS.bar) -> bool:
    """Return whether a document answers with a probability of `bar` (0 to 1) at least.

    A document with all words of the question always does.
    """
    return found[0] >= 1.0 or ANY_ANSWERS.probability(found) >= bar


def lack_what_is_asked(results: Sequence[Result], question: Question, today: date) -> bool:
    """Return whether none of the first documents has the sum, recent year or place asked for.

    Places in France are ignored, since the asker may be there, and so are unanswered questions. The
    year of a document may also be that of its dates.
    """
    places = places_abroad(question)
    documents = [result for result in results if not only_asks(result.card)]
    return all(
        lacks_what_is_asked(question, _text(result), _years(result), places, today)
        for result in documents[:NEAR_DOCUMENTS]
    )


def _text(result: Result) -> str:
    """Return the title, the near expected question and the shown passages as one text."""
    passages = (f"{shown.passage.heading} {shown.passage.text}" for shown in result.passages)
    return " ".join((result.card.title, result.matched_question, *passages))


def _years(result: Result) -> str:
    """Return the years in which a document was created and last changed."""
    days = (result.card.created, result.card.modified)
    return " ".join(str(day.year) for day in days if day)


def _said(one: Result, parts: Sequence[tuple[Phrase, ...]]) -> int:
    """Return how many parts a result has in its title, its matched question and marked words."""
    # Each is analysed alone and as written: a reference is only read in its own letters.
    texts = (one.card.title, one.matched_question, *one.marked)
    terms = frozenset().union(*map(all_terms, texts))
    return sum(
        any(all(term in terms for _, term in phrase) for phrase in phrases) for phrases in parts
    )
