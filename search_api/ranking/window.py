"""Score a fused window by its documents as wholes: their centroids and neighbours. Pure.

Only hits of one reader are used: documents that they may not read change nothing. Cosines and means
are rounded, so that equal documents tie.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from expertise.values import TopicsOf
from indexer.centroids import decoded, nearest_questions
from indexer.values import HitAttributes, SearchAnswer, SearchHit, Vectors
from search_api.ranking.fusion import FusedHit, fuse
from search_api.ranking.titles import titled


@dataclass(frozen=True, slots=True)
class WindowWeights:
    """Weights, from 0 to 1, of what changes a score besides the fused rankings.

    `centroid`: part of the centroid in a document's cosine with a question; the best passage has
    the rest. `near_hits`: part of the nearest hits in a hit's score. `passage`: gain of the hit
    with the nearest passage. `said`: gain of a hit that has all of the question's information.
    `topic`: gain of a hit that is surely on the topic of the first. `expected`: gain of the hit
    with the nearest expected question. `quisait evaluate order` compares them (decisions 43, 44,
    94, 102 and 117).
    """

    centroid: float = 0.7
    near_hits: float = 0.25
    passage: float = 0.2
    said: float = 0.3
    topic: float = 0.2
    expected: float = 0.5


SERVED_WEIGHTS = WindowWeights()

VOTES_NEAR_HITS = 0.2
"""Weight of the nearest hits in a document's vote for experts; there all hits have neighbours. In
`fe65daca:benchmarks/voting_sets.py`, a smaller weight leaves expert_dblp below its target, a larger
one costs expert_beta and forums (decision 44).
"""

PASSAGE_REACH = 0.05
"""Cosine below the nearest passage from which on a passage gains nothing."""

QUESTION_REACH = 0.05
"""Cosine below the reference from which on an expected question gains nothing."""

SURE_QUESTION, USUAL_QUESTION = 0.96, 0.9
"""Cosine from which an expected question has the whole gain: `USUAL_QUESTION` if each of the first
`MOST_COVERED` documents has expected questions, up to `SURE_QUESTION` if hardly any has, so that a
document does not win only because it has some.
"""
MOST_COVERED = 20

LEAST_TRUST, TRUST_POWER = 0.2, 0.25
"""The lexical ranking counts less if its first hit has little of the question's information:
multiplied by this share, at least `LEAST_TRUST`, to the power of `TRUST_POWER`.
"""

NEAREST_HITS = 5
"""Number of nearest hits that count for each hit."""
TEMPERATURE = 0.05
"""Temperature of the softmax that weights nearer hits more."""
SAME_DOCUMENT = 0.99
"""Hits with at least this cosine are copies or versions, which do not lift each other."""
MOST_ON_TOPIC = 100
"""Number of first hits whose topics are read."""
MOST_SMOOTHED = 200
"""Number of first results that have neighbours and can be neighbours: all that pages can show."""

_Hit = TypeVar("_Hit", SearchHit, FusedHit)
Floats = NDArray[np.float64]


def fused_window(
    found: SearchAnswer,
    vector: Vectors | None,
    question: str = "",
    weights: WindowWeights = SERVED_WEIGHTS,
    spread: float | None = None,
) -> tuple[FusedHit, ...]:
    """Return everything found, fused, best first; by words alone if the question has no vector.

    `question` contains the wanted words, which titles may repeat. `spread` is that of the encoder
    (`ModelBars.spread`).
    """
    most = len(found.lexical) + len(found.vector)
    if vector is None:
        return fuse(found.lexical, found.vector, most)
    near = _rescored(found.vector, found.attributes, vector, weights.centroid)
    trust = _trust(found) if spread is not None else 1.0
    fused = answering(fuse(found.lexical, found.vector, most, near, spread, trust), found, weights)
    if spread is not None:
        fused = expecting(fused, found.attributes, vector, weights.expected)
    return titled(smoothed(fused, found.attributes, weights.near_hits), found.attributes, question)


def answering(
    hits: Sequence[FusedHit], found: SearchAnswer, weights: WindowWeights = SERVED_WEIGHTS
) -> tuple[FusedHit, ...]:
    """Return the hits, with gains for the nearest passages and for the question's information.

    Fused scores are relative to the window: its first hit by words has 1 even if it has one word of
    the question, and the nearest by its centroid need not have the nearest passage. An answer
    without `said`, from an encoder without known bars, is returned unchanged.
    """
    if found.said is None:
        return tuple(hits)
    nearest = found.vector[0].score if found.vector else 0.0
    gains = {
        hit.document_id: weights.passage * (1 - (nearest - hit.score) / PASSAGE_REACH)
        for hit in found.vector
        if nearest - hit.score < PASSAGE_REACH
    }
    for id_, share in found.said.items():
        gains[id_] = gains.get(id_, 0.0) + weights.said * share
    again = [
        hit._replace(score=hit.score + gain, answering=gain)
        if (gain := round(gains.get(hit.document_id, 0.0), 6))
        else hit
        for hit in hits
    ]
    return tuple(sorted(again, key=lambda hit: (-hit.score, hit.document_id)))


def _trust(found: SearchAnswer) -> float:
    """Return how much the lexical ranking counts, from 0 to 1."""
    first = found.lexical[0].document_id if found.lexical else ""
    share = 1.0 if found.said is None else found.said.get(first, 0.0)
    return round(math.pow(max(LEAST_TRUST, share), TRUST_POWER), 6)


def expecting(
    hits: Sequence[FusedHit],
    attributes: Mapping[str, HitAttributes],
    vector: Vectors,
    weight: float = SERVED_WEIGHTS.expected,
) -> tuple[FusedHit, ...]:
    """Return the hits, with a higher score if an expected question is near the reader's question.

    Only the first `MOST_SMOOTHED` hits are compared.
    """
    marks = {hit.document_id: attributes.get(hit.document_id) for hit in hits[:MOST_SMOOTHED]}
    asked = {id_: mark.questions for id_, mark in marks.items() if mark and mark.questions}
    if not asked:
        return tuple(hits)
    near = dict(zip(asked, nearest_questions(list(asked.values()), vector), strict=True))
    first = hits[:MOST_COVERED]
    covered = sum(hit.document_id in near for hit in first) / len(first)
    usual = SURE_QUESTION - (SURE_QUESTION - USUAL_QUESTION) * covered
    reference = max(usual, *(cosine for cosine, _ in near.values()))
    again = []
    for hit in hits:
        cosine, number = near.get(hit.document_id, (-1.0, 0))
        gain = round(weight * (1 - (reference - cosine) / QUESTION_REACH), 6)
        if gain > 0:
            hit = hit._replace(score=hit.score + gain, expected=gain, question=number)
        again.append(hit)
    return tuple(sorted(again, key=lambda hit: (-hit.score, hit.document_id)))


@dataclass(frozen=True, slots=True)
class FusedWindow:
    """The fused hits of a question with a vector, best first, and what they were made from.

    `question` contains the wanted words; `encoder` is the name of the vectors' encoder.
    """

    hits: tuple[FusedHit, ...]
    found: SearchAnswer
    vector: Vectors
    question: str
    encoder: str


WindowOrder: TypeAlias = Callable[[FusedWindow], tuple[FusedHit, ...]]
"""Returns the hits of a window in an order of its own."""


def fused_order(window: FusedWindow) -> tuple[FusedHit, ...]:
    """Return the hits in the order in which they were fused."""
    return window.hits


def ordered_window(
    found: SearchAnswer,
    vector: Vectors | None,
    question: str,
    encoder: str,
    order: WindowOrder,
    spread: float | None = None,
) -> tuple[FusedHit, ...]:
    """Return the fused window in that order; as it was fused if the question has no vector."""
    hits = fused_window(found, vector, question, spread=spread)
    return hits if vector is None else order(FusedWindow(hits, found, vector, question, encoder))


def _rescored(
    ranking: Sequence[SearchHit],
    attributes: Mapping[str, HitAttributes],
    vector: Vectors,
    weight: float,
) -> dict[str, float]:
    """Return weighted means of the cosines of centroid and best passage, by document."""
    cosines = centroid_cosines(ranking, attributes, vector)
    return {
        hit.document_id: (1 - weight) * hit.score + weight * cosines[hit.document_id]
        for hit in ranking
        if hit.document_id in cosines
    }


def centroid_cosines(
    ranking: Sequence[_Hit], attributes: Mapping[str, HitAttributes], vector: Vectors
) -> dict[str, float]:
    """Return the cosine of each document's centroid with the question."""
    hits, centroids = _with_centroids(ranking, attributes)
    if not hits:
        return {}
    cosines: list[float] = np.round((centroids @ vector).astype(np.float64), 6).tolist()
    return {hit.document_id: cosine for hit, cosine in zip(hits, cosines, strict=True)}


def smoothed(
    hits: Sequence[FusedHit],
    attributes: Mapping[str, HitAttributes],
    weight: float = SERVED_WEIGHTS.near_hits,
    most: int = MOST_SMOOTHED,
) -> tuple[FusedHit, ...]:
    """Return the hits after each score moved towards the scores of the nearest hits.

    Documents that answer the same question are near each other (cluster hypothesis; score
    regularisation, Diaz, "Regularizing ad hoc retrieval scores", CIKM 2005). A hit without
    neighbours keeps its score. Hits after the first `most` move towards 0.
    """
    first = hits[:most]
    near = _near(first, attributes)
    near += [0.0] * (len(hits) - len(first))
    # Later hits move towards score 0, so that they never pass earlier ones.
    again = [
        hit if gain is None else hit._replace(score=hit.score + gain, near_hits=gain)
        for hit, gain in zip(hits, _gains(hits, near, weight), strict=True)
    ]
    again.sort(key=lambda hit: (-hit.score, hit.document_id))
    return tuple(again)


def on_topic(
    hits: Sequence[FusedHit], topics: TopicsOf, weight: float = SERVED_WEIGHTS.topic
) -> tuple[FusedHit, ...]:
    """Raise the scores of hits on a topic of the first hit; return all hits, best first.

    The first hit answers most questions (`quisait evaluate answers`), and other documents on its
    topic belong to the answer more often than those that share words with the question. The gain is
    `weight` times the largest product of both confidences in a common topic, also for the first hit
    itself.
    """
    if not hits:
        return ()
    first = dict(topics.get(hits[0].document_id, ()))

    def gain(hit: FusedHit) -> float:
        about = topics.get(hit.document_id, ())
        return weight * max((first.get(id_, 0.0) * sure for id_, sure in about), default=0.0)

    again = [
        hit._replace(score=hit.score + more, topic=more) if (more := round(gain(hit), 6)) else hit
        for hit in hits
    ]
    return tuple(sorted(again, key=lambda hit: (-hit.score, hit.document_id)))


def near_hits(
    hits: Sequence[FusedHit],
    attributes: Mapping[str, HitAttributes],
    weight: float = VOTES_NEAR_HITS,
) -> dict[str, float]:
    """Return, by document, how much the nearest of these hits change its score."""
    gains = _gains(hits, _near(hits, attributes), weight)
    return {
        hit.document_id: hit.near_hits if gain is None else gain
        for hit, gain in zip(hits, gains, strict=True)
    }


def _gains(
    hits: Sequence[FusedHit], near: Sequence[float], weight: float
) -> Iterator[float | None]:
    """Yield what the nearest hits add to each score; None for a hit without neighbours."""
    for hit, score in zip(hits, near, strict=True):
        yield None if math.isnan(score) else weight * (score - hit.score)


def _near(hits: Sequence[FusedHit], attributes: Mapping[str, HitAttributes]) -> list[float]:
    """Return each hit's mean score of its nearest hits, weighted by nearness; nan without any."""
    kept, centroids = _with_centroids(hits, attributes)
    scores = _near_scores(centroids, np.array([hit.score for hit in kept]))
    if len(kept) == len(hits):
        return scores
    told = {hit.document_id: score for hit, score in zip(kept, scores, strict=True)}
    return [told.get(hit.document_id, math.nan) for hit in hits]


def _near_scores(centroids: Vectors, scores: Floats) -> list[float]:
    """Return each hit's mean score of its nearest hits from centroids; nan without any."""
    if len(scores) < 2:
        return [np.nan] * len(scores)
    cosines = np.round(centroids @ centroids.T, 6)
    np.fill_diagonal(cosines, -np.inf)
    cosines[cosines >= SAME_DOCUMENT] = -np.inf
    rows, count = np.arange(len(scores)), min(NEAREST_HITS, len(scores) - 1)
    nearest = np.empty((len(scores), count), dtype=np.int64)
    found = np.empty((len(scores), count))
    for rank in range(count):  # faster than a partition for so few
        nearest[:, rank] = at = cosines.argmax(axis=1)
        found[:, rank] = cosines[rows, at]
        cosines[rows, at] = -np.inf
    best = found.max(axis=1, keepdims=True)
    best[np.isneginf(best)] = 0.0
    weights = np.exp((found - best) / TEMPERATURE)
    sums = weights.sum(axis=1)
    means = np.full(len(scores), np.nan)
    np.divide((weights * scores[nearest]).sum(axis=1), sums, out=means, where=sums > 0)
    near: list[float] = np.round(means, 6).tolist()
    return near


def _with_centroids(
    hits: Sequence[_Hit], attributes: Mapping[str, HitAttributes]
) -> tuple[list[_Hit], Vectors]:
    """Return the hits whose documents have a centroid, and the centroids (n, d)."""
    kept = [
        hit for hit in hits if (mark := attributes.get(hit.document_id)) and len(mark.centroid) > 0
    ]
    return kept, decoded([attributes[hit.document_id].centroid for hit in kept])
