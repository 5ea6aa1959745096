"""The whole document's vector and near documents count beside the best passage."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.centroids import centroid, decoded, quantised
from indexer.values import HitAttributes, SearchAnswer, SearchHit, Vectors
from search_api.ranking.fusion import FusedHit, fuse
from search_api.ranking.window import (
    MOST_COVERED,
    MOST_SMOOTHED,
    PASSAGE_REACH,
    SERVED_WEIGHTS,
    VOTES_NEAR_HITS,
    answering,
    expecting,
    fused_window,
    near_hits,
    on_topic,
    smoothed,
)

pytestmark = pytest.mark.search


def _unit(*numbers: float) -> Vectors:
    vector = np.array(numbers, dtype=np.float32)
    unit: Vectors = vector / np.linalg.norm(vector)
    return unit


def _marks(**vectors: Vectors) -> dict[str, HitAttributes]:
    return {
        name: HitAttributes("wiki", centroid=centroid(vector[None, :]))
        for name, vector in vectors.items()
    }


def _hits(**scores: float) -> tuple[FusedHit, ...]:
    ordered = sorted(scores.items(), key=lambda pair: -pair[1])
    return tuple(FusedHit(name, score, score, None, score, None) for name, score in ordered)


def test_a_byte_a_number_is_near_enough() -> None:
    """Cosines with it are within .002 of the exact ones, as many numbers as encoders give."""
    drawn = np.random.default_rng(7).normal(size=(200, 384)).astype(np.float32)
    vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    rows = decoded([centroid(vectors[n : n + 1]) for n in range(200)])
    assert np.abs(rows @ vectors.T - vectors @ vectors.T).max() < 0.002
    mean = vectors[:3].mean(axis=0)
    assert decoded([centroid(vectors[:3])])[0] @ mean == pytest.approx(
        np.linalg.norm(mean), abs=0.001
    )


def test_no_direction_is_no_centroid() -> None:
    """No passage, or passages that cancel each other."""
    assert centroid(np.empty((0, 4), dtype=np.float32)) == b""
    assert centroid(np.array([[1, 0], [-1, 0]], dtype=np.float32)) == b""
    assert decoded([]).shape == (0, 0)


def test_the_whole_document_counts_beside_its_best_passage() -> None:
    """Ranks stay those of the best passage; what has no centroid keeps its cosine."""
    asked = _unit(1, 0, 0)
    ranking = (SearchHit("passage", 0.9), SearchHit("whole", 0.8), SearchHit("none", 0.7))
    attributes = _marks(passage=_unit(0, 1, 0), whole=_unit(1, 0, 0))
    found = SearchAnswer((), ranking, 0, {}, attributes)
    hits = {hit.document_id: hit for hit in fused_window(found, asked)}
    assert [hit.document_id for hit in fused_window(found, asked)] == ["whole", "none", "passage"]
    assert {name: hit.vector_rank for name, hit in hits.items()} == {
        "passage": 1,
        "whole": 2,
        "none": 3,
    }
    low, high = (1 - SERVED_WEIGHTS.centroid) * 0.9, 0.8 + SERVED_WEIGHTS.centroid * (1 - 0.8)
    assert hits["none"].vector == pytest.approx((0.7 - low) / (high - low), abs=0.01)
    alone = fused_window(found, None)
    assert [hit.document_id for hit in alone] == ["passage", "whole", "none"]


def test_near_passages_and_words_of_the_question_gain() -> None:
    """The first hit by words has all of its ranking's score with one word of a question in ten."""
    worded = (SearchHit("chance", 9.0), SearchHit("answer", 8.9), SearchHit("last", 1.0))
    ranking = (SearchHit("near", 0.9), SearchHit("answer", 0.88), SearchHit("chance", 0.8))
    found = SearchAnswer(worded, ranking, 0, {}, {}, said={"answer": 0.8})
    before = fuse(worded, ranking)
    hits = {hit.document_id: hit for hit in answering(before, found)}
    passage, said = SERVED_WEIGHTS.passage, SERVED_WEIGHTS.said
    assert hits["near"].answering == pytest.approx(passage)
    assert hits["answer"].answering == pytest.approx(
        passage * (1 - 0.02 / PASSAGE_REACH) + said * 0.8
    )
    assert hits["chance"].answering == hits["last"].answering == 0.0
    assert {hit.document_id: hit.score + hits[hit.document_id].answering for hit in before} == {
        name: pytest.approx(hit.score) for name, hit in hits.items()
    }
    assert answering(before, replace(found, vector=(), said=None)) == before


def test_an_expected_question_gains_by_its_nearness() -> None:
    """All of the gain if each first hit has questions; if few have, only nearly the same one."""
    asked, same, near = _unit(1, 0, 0), _unit(1, 0.02, 0), _unit(1, 0.46, 0)  # cosines 1 and .91
    hits = _hits(first=1.0, second=0.9, third=0.1)
    marks = {
        name: HitAttributes("wiki", questions=quantised(vector[None]))
        for name, vector in {"first": _unit(0, 1, 0), "second": near, "third": same}.items()
    }
    gained = {hit.document_id: hit for hit in expecting(hits, marks, asked)}
    assert gained["third"].expected == pytest.approx(SERVED_WEIGHTS.expected, abs=0.01)
    assert [gained[name].expected for name in ("first", "second")] == [0.0, 0.0]
    assert (gained["third"].question, gained["first"].question) == (0, None)
    only_near = {"second": marks["second"]}
    crowd = _hits(**{f"other{n}": 1.0 for n in range(MOST_COVERED)}, second=1.0)
    assert {hit.expected for hit in expecting(crowd, only_near, asked)} == {0.0}
    (alone,) = expecting(_hits(second=1.0), only_near, asked)
    assert alone.expected == pytest.approx(SERVED_WEIGHTS.expected, abs=0.01)
    assert expecting(hits, {}, asked) == hits


def test_near_hits_lift_and_lower() -> None:
    """Each hit is partly what its neighbours are, and says by how much; nobody near, no change."""
    hits = _hits(first=1.0, near=0.5, alone=0.6)
    marks = _marks(first=_unit(1, 0.3, 0), near=_unit(1, 0, 0), alone=_unit(0, 0, 1))
    again = {hit.document_id: hit for hit in smoothed(hits, marks)}
    expected = 0.5 + SERVED_WEIGHTS.near_hits * (1.0 - 0.5)
    assert again["near"].score == pytest.approx(expected, abs=0.001)
    assert again["near"].near_hits == pytest.approx(expected - 0.5, abs=0.001)
    assert again["first"].near_hits < 0
    assert smoothed(hits, {}) == hits
    assert smoothed(hits[:1], marks) == hits[:1]


def test_copies_do_not_lift_each_other() -> None:
    """A document with four copies has the same score as without them."""
    one, other, far = _unit(1, 0, 0, 0), _unit(0.7, 1, 0, 0), _unit(0, 0, 1, 0)
    copies = {f"copy{n}": 0.6 for n in range(5)}
    scores = {"other": 0.3, "far": 0.5}
    many = smoothed(
        _hits(**copies, **scores), _marks(**dict.fromkeys(copies, one), other=other, far=far)
    )
    once = smoothed(_hits(copy0=0.6, **scores), _marks(copy0=one, other=other, far=far))
    assert {hit.document_id: hit.score for hit in many}["copy0"] == pytest.approx(
        {hit.document_id: hit.score for hit in once}["copy0"], abs=0.001
    )


def test_what_stands_behind_never_passes() -> None:
    """The hits that are compared stay before those that are not."""
    count = MOST_SMOOTHED + 5
    drawn = np.random.default_rng(3).normal(size=(count, 8)).astype(np.float32)
    hits = _hits(**{f"d{n:03}": 1 - n / count for n in range(count)})
    marks = _marks(**{f"d{n:03}": vector for n, vector in enumerate(drawn)})
    again = smoothed(hits, marks)
    assert {hit.document_id for hit in again[:MOST_SMOOTHED]} == {
        hit.document_id for hit in hits[:MOST_SMOOTHED]
    }
    assert all(one.score >= other.score for one, other in pairwise(again))


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=30),
    st.integers(0, 9),
)
def test_votes_gain_no_more_than_their_part(drawn: list[tuple[float, int]], seed: int) -> None:
    """However many near-duplicates stand together, none passes the best of the window by them.

    Documents that are no hits, being read by others alone, move nothing.
    """
    seen = np.random.default_rng(seed).normal(size=(6, 8))
    nearly = np.random.default_rng(1).normal(size=(len(drawn), 8)) * 0.1
    vectors = {f"d{n:02}": seen[group] + nearly[n] for n, (_, group) in enumerate(drawn)}
    hits = _hits(**{f"d{n:02}": score for n, (score, _) in enumerate(drawn)})
    marks = _marks(**vectors)
    gains = near_hits(hits, marks)
    scores = [hit.score for hit in hits]
    for hit in hits:
        gain = gains[hit.document_id]
        assert VOTES_NEAR_HITS * (min(scores) - hit.score) - 1e-5 <= gain
        assert gain <= VOTES_NEAR_HITS * (max(scores) - hit.score) + 1e-5
    assert near_hits(hits, {**marks, **_marks(secret=seen[0])}) == gains


def test_votes_of_a_deep_window_are_smoothed_whole() -> None:
    """By the function that smooths results, beyond the hits that pages can show."""
    hits = _hits(**{f"d{n:03}": 1 - n / 300 for n in range(300)})
    drawn = np.random.default_rng(3).normal(size=(300, 8))
    marks = _marks(**{f"d{n:03}": vector for n, vector in enumerate(drawn)})
    gains = near_hits(hits, marks)
    assert gains["d299"] > 0
    served = {hit.document_id: hit.near_hits for hit in smoothed(hits[:MOST_SMOOTHED], marks, 0.2)}
    assert near_hits(hits[:MOST_SMOOTHED], marks, 0.2) == served


_SURE = st.floats(0.0, 1.0)
_TOPICS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.lists(st.tuples(st.sampled_from(["bail", "impôt"]), _SURE), max_size=2),
)


@given(st.lists(_SURE, min_size=1, max_size=6), _TOPICS)
def test_the_topic_of_the_first_orders_the_others(
    scores: list[float], topics: dict[str, list[tuple[str, float]]]
) -> None:
    """Nobody loses a score; without a topic of the first nothing changes; the same hits return."""
    hits = _hits(**dict(zip("abcdef", scores, strict=False)))
    again = on_topic(hits, topics, 0.3)
    before = {hit.document_id: hit for hit in hits}
    assert {hit.document_id for hit in again} == set(before)
    first = {id_ for id_, _ in topics.get(hits[0].document_id, ())}
    for hit in again:
        own = {id_ for id_, _ in topics.get(hit.document_id, ())}
        assert 0 <= hit.topic <= 0.3
        assert hit.topic == 0 or first & own
        assert hit.score == pytest.approx(before[hit.document_id].score + hit.topic)
    assert [hit.score for hit in again] == sorted((hit.score for hit in again), reverse=True)


def test_a_document_on_the_topic_of_the_first_passes_another() -> None:
    hits = _hits(first=0.9, other=0.6, same=0.5)
    topics = {"first": [("bail", 1.0)], "other": [("impôt", 1.0)], "same": [("bail", 0.9)]}
    assert [hit.document_id for hit in on_topic(hits, topics)] == ["first", "same", "other"]
