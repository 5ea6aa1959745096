"""Fuse the lexical and the vector ranking; thresholds of each encoder. Pure."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from indexer.french.analysis import analyse_query
from indexer.relevance import set_aside
from indexer.values import WINDOW, Question, RelevanceCut, SearchHit

LEXICAL_WEIGHT = 0.5
"""Both rankings have equal weights: out of fold, 0.6 gains on two sets and loses on the third,
within the error of their mean (`fe65daca:benchmarks/tuning.py`, docs/evaluation.md).
"""


class RankingEffect(StrEnum):
    """A fact about a document, such as its age, that moved it up or down in the results."""

    PINNED = "pinned"
    RECENT = "recent"
    TRUSTED = "trusted"
    DISTRUSTED = "distrusted"
    EXPIRED = "expired"
    REPLACED = "replaced"
    SUCCEEDS = "succeeds"


class FusedHit(NamedTuple):
    """A document with its fused score and the parts of the score.

    Parts are min-max normalised, from 0 to 1; a rank counts from 1, None if the document is not
    among that ranking's first W. `near_hits` is what the scores of near documents add or subtract
    (`search_api.ranking.window`). `second_model` is the change by a second model that read the
    document, None if none did (`search_api.ranking.reranker`). `title` is the gain for a title
    that repeats the question (`search_api.ranking.titles`). `learned` is the change by a learned
    order (`search_api.ranking.window.WindowOrder`). `answering` is the gain for a near passage and
    for the question's words, `topic` for the topic of the first hit, `expected` for an expected
    question that is near, the one of number `question` (`search_api.ranking.window`).
    `copies`: ids of other places of the same text, best first; `effects`: what else moved the
    document (`search_api.ranking.reranking`).
    """

    document_id: str
    score: float
    lexical: float
    lexical_rank: int | None
    vector: float
    vector_rank: int | None
    near_hits: float = 0.0
    second_model: float | None = None
    title: float = 0.0
    learned: float = 0.0
    answering: float = 0.0
    topic: float = 0.0
    expected: float = 0.0
    question: int | None = None
    copies: tuple[str, ...] = ()
    effects: tuple[RankingEffect, ...] = ()


def fuse(
    lexical: Sequence[SearchHit],
    vector: Sequence[SearchHit],
    window: int = WINDOW,
    rescored: Mapping[str, float] = MappingProxyType({}),
    spread: float | None = None,
    trust: float = 1.0,
) -> tuple[FusedHit, ...]:
    """Return the first `window` documents by the weighted sum of scores from 0 to 1.

    `rescored` replaces scores of the vector ranking, whose ranks stay unchanged. Lexical scores are
    min-max normalised and multiplied by `trust`; those of vectors are exp((cosine - best) / spread)
    (`ModelBars.spread`), or min-max normalised without a spread. A document that is missing from a
    ranking has 0 there; if a ranking is empty, the other decides alone. Ties are broken by id, so
    that pages never overlap. Min-max fusion follows Lee, "Analyses of multiple evidence
    combination" (SIGIR 1997).
    """
    lexical_parts = _normalised(lexical, {}, None)
    vector_parts = _normalised(vector, rescored, spread)
    weight = LEXICAL_WEIGHT if lexical and vector else float(bool(lexical))
    hits = []
    for document_id in lexical_parts.keys() | vector_parts.keys():
        by_words, word_rank = lexical_parts.get(document_id, _ABSENT)
        by_sense, sense_rank = vector_parts.get(document_id, _ABSENT)
        score = weight * trust * by_words + (1 - weight) * by_sense
        hits.append(FusedHit(document_id, score, by_words, word_rank, by_sense, sense_rank))
    hits.sort(key=lambda hit: (-hit.score, hit.document_id))
    return tuple(hits[:window])


_Parts = dict[str, tuple[float, int]]


def _normalised(
    ranking: Sequence[SearchHit], rescored: Mapping[str, float], spread: float | None
) -> _Parts:
    """Return each document's score from 0 to 1, and its rank. Equal scores all become 1."""
    scores = [rescored.get(hit.document_id, hit.score) for hit in ranking]
    if spread is None:
        scores = normalised(scores)
    else:
        best = max(scores, default=0.0)
        scores = [round(math.exp((score - best) / spread), 6) for score in scores]
    return {
        ranked.document_id: (score, rank)
        for rank, (ranked, score) in enumerate(zip(ranking, scores, strict=True), 1)
    }


def normalised(values: Sequence[float]) -> list[float]:
    """Return the values scaled from 0 to 1; all 1 if they are equal."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    return [(value - low) / (high - low) if high > low else 1.0 for value in values]


_ABSENT = (0.0, None)


def nearness(vector: Sequence[SearchHit]) -> dict[str, float]:
    """Return each document's cosine above the ranking's median, in standard deviations.

    Encoders place cosines in different ranges, and engines may scale them; this value does not
    depend on either. It is 0 if all scores are equal, and rounded, because the last digits of
    vectorised sums differ between processors.
    """
    if not vector:
        return {}
    scores = np.array([ranked.score for ranked in vector])
    spread = scores.std()
    above = (scores - np.median(scores)) / spread if spread > 0 else np.zeros(len(scores))
    return {
        ranked.document_id: value
        for ranked, value in zip(vector, np.round(above, 6).tolist(), strict=True)
    }


def unfused(ranking: Sequence[SearchHit]) -> tuple[FusedHit, ...]:
    """Return a ranking unchanged as fused hits, for example newest first."""
    return tuple(
        FusedHit(ranked.document_id, 0.0, 0.0, rank, 0.0, None)
        for rank, ranked in enumerate(ranking, 1)
    )


BUNDLED_MODEL = "multilingual-e5-small"


@dataclass(frozen=True, slots=True)
class ModelBars:
    """Thresholds of one model: `far_cosine`, and the `cut` of result sets (None: no cut).

    Below `far_cosine` even the nearest document is far from a question. `quisait evaluate bars`
    measures and stores them for one model on one machine. A document whose cosine is lower than the
    best one by `spread` has 1/e of its score by vectors; None for a model for which this was not
    measured (decision 117).
    """

    far_cosine: float
    cut: RelevanceCut | None
    spread: float | None = None


BUNDLED_CUT = RelevanceCut(information=0.2, cosine=0.845)
KNOWN_BARS: Mapping[str, ModelBars] = MappingProxyType(
    {BUNDLED_MODEL: ModelBars(0.845, BUNDLED_CUT, spread=0.022)}
)
"""Thresholds by model, since each model has its own range of cosines. `quisait evaluate nobody
--foreign-questions` and `quisait evaluate cut` print the figures to choose by (decisions 8, 35).
"""


def known_bars(encoder: str) -> ModelBars:
    """Return the thresholds of an encoder, by its name (model, then precision).

    For an unknown model no question counts as far, and result sets contain all that matches.
    """
    return KNOWN_BARS.get(encoder.partition("/")[0], ModelBars(-math.inf, None))


def requiring_all_words(question: Question) -> Question:
    """Return the question restricted to documents with all its words, except words that only ask.

    Words that the question sets aside are not required either.
    """
    places: dict[int, list[str]] = defaultdict(list)
    aside = set_aside(question)
    for term in analyse_query(question.text):
        if term.term in aside:
            continue
        places[term.position].append(question.text[term.start : term.end])
    words = tuple(tuple(dict.fromkeys(forms)) for forms in places.values())
    return replace(question, text="", any_of=(*question.any_of, *words), expansions=())
