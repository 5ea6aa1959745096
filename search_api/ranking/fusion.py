"""Fuse the lexical and the vector ranking; say when nothing is near. Pure."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from indexer.french.analysis import analyse_query
from indexer.relevance import set_aside
from indexer.values import WINDOW, Question, RelevanceCut, SearchHit

LEXICAL_WEIGHT = 0.5
"""Equal weights: out of fold, .6 gains on two sets and loses on the third, within the error
of their mean (`fe65daca:benchmarks/tuning.py`, docs/evaluation.md)."""


class FusedHit(NamedTuple):
    """A document with its fused score and what it comes from.

    Parts are min-max normalised, from 0 to 1; a rank counts from 1, None where the
    document is not among that ranking's first W. `near_hits`: what the scores of near documents
    added to its own, or took from it (`search_api.ranking.window`). `second_model`: the same of
    a second model that read it, None where none did (`search_api.ranking.second_model`).
    `title`: what a title that says the question added (`search_api.ranking.titles`).
    `learned`: the same of the order that a ranker learned (`search_api.ranking.ranker`).
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

    def scored(self, score: float) -> "FusedHit":
        """The same with another score."""
        return self if score == self.score else FusedHit(self[0], score, *self[2:])


def fuse(
    lexical: Sequence[SearchHit],
    vector: Sequence[SearchHit],
    window: int = WINDOW,
    rescored: Mapping[str, float] = MappingProxyType({}),
) -> tuple[FusedHit, ...]:
    """The first `window` documents by the weighted sum of min-max normalised scores.

    `rescored` stands in place of scores of the vector ranking, whose ranks stay as they are.

    A document that one ranking lacks has 0 there; if a ranking is empty, the other
    decides alone. Ties go by id, so that pages never overlap. Min-max fusion as in
    Lee, "Analyses of multiple evidence combination" (SIGIR 1997).
    """
    lexical_parts, vector_parts = _normalised(lexical, {}), _normalised(vector, rescored)
    weight = LEXICAL_WEIGHT if lexical and vector else float(bool(lexical))
    hits = []
    for document_id in lexical_parts.keys() | vector_parts.keys():
        by_words, word_rank = lexical_parts.get(document_id, _ABSENT)
        by_sense, sense_rank = vector_parts.get(document_id, _ABSENT)
        score = weight * by_words + (1 - weight) * by_sense
        hits.append(FusedHit(document_id, score, by_words, word_rank, by_sense, sense_rank))
    hits.sort(key=lambda hit: (-hit.score, hit.document_id))
    return tuple(hits[:window])


_Parts = dict[str, tuple[float, int]]


def _normalised(ranking: Sequence[SearchHit], rescored: Mapping[str, float]) -> _Parts:
    """Score from 0 to 1 and rank of each document. Equal scores are all worth 1."""
    if not ranking:
        return {}
    scores = [rescored.get(ranked.document_id, ranked.score) for ranked in ranking]
    low, high = min(scores), max(scores)
    width = high - low
    return {
        ranked.document_id: ((score - low) / width if width > 0 else 1.0, rank)
        for rank, (ranked, score) in enumerate(zip(ranking, scores, strict=True), 1)
    }


_ABSENT = (0.0, None)


def nearness(vector: Sequence[SearchHit]) -> dict[str, float]:
    """How far each document stands above the ranking's median, in standard deviations.

    Cosines crowd where an encoder puts them, and an engine may report them otherwise
    scaled; this is the same for any of them. 0 where all scores are equal.
    """
    if not vector:
        return {}
    scores = np.array([ranked.score for ranked in vector])
    spread = scores.std()
    above = (scores - np.median(scores)) / spread if spread > 0 else np.zeros(len(scores))
    return {ranked.document_id: value for ranked, value in zip(vector, above.tolist(), strict=True)}


def unfused(ranking: Sequence[SearchHit]) -> tuple[FusedHit, ...]:
    """A ranking as it stands (newest first, say), where there is nothing to fuse."""
    return tuple(
        FusedHit(ranked.document_id, 0.0, 0.0, rank, 0.0, None)
        for rank, ranked in enumerate(ranking, 1)
    )


BUNDLED_MODEL = "multilingual-e5-small"

FAR_COSINES: Mapping[str, float] = MappingProxyType({BUNDLED_MODEL: 0.845})
"""By model: the cosine below which even the nearest document is far from a question. Each model
puts its cosines elsewhere; of one that is not here nothing is known, and nobody is held back.
`quisait evaluate nobody --foreign-questions` prints the figures to choose by (decision 8)."""


def far_cosine(encoder: str) -> float:
    """The bar of an encoder, by its name (model, then precision); minus infinity if unknown."""
    return FAR_COSINES.get(encoder.partition("/")[0], -math.inf)


CUTS: Mapping[str, RelevanceCut] = MappingProxyType(
    {BUNDLED_MODEL: RelevanceCut(information=0.2, cosine=0.845)}
)
"""By model: where a result set ends. Of a model that is not here nothing was measured, and its
result sets hold all that matches. `quisait evaluate cut` prints the figures to choose by
(decision 35)."""


def relevance_cut(encoder: str) -> RelevanceCut | None:
    """The cut of an encoder, by its name (model, then precision); None if unknown."""
    return CUTS.get(encoder.partition("/")[0])


@dataclass(frozen=True, slots=True)
class ModelBars:
    """Below `far_cosine` even the nearest document is far; `cut` ends a result set, None nowhere.

    Of one model on one machine, as `quisait evaluate bars` measures and keeps them.
    """

    far_cosine: float
    cut: RelevanceCut | None


def known_bars(encoder: str) -> ModelBars:
    """Those of an encoder by its name: of a model that is not known here, none."""
    return ModelBars(far_cosine(encoder), relevance_cut(encoder))


def requiring_all_words(question: Question) -> Question:
    """The question to documents that have every word of it, but for those that only ask.

    What it sets aside need not stand there.
    """
    places: dict[int, list[str]] = defaultdict(list)
    aside = set_aside(question)
    for term in analyse_query(question.text):
        if term.term in aside:
            continue
        places[term.position].append(question.text[term.start : term.end])
    words = tuple(tuple(dict.fromkeys(forms)) for forms in places.values())
    return replace(question, text="", any_of=(*question.any_of, *words), expansions=())
