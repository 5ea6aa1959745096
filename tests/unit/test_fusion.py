"""Fusion of two rankings: the order does not depend on ties, and pages never overlap."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.values import SearchHit
from search_api.ranking.fusion import FusedHit, fuse, unfused

pytestmark = pytest.mark.search

IDS = st.text(alphabet="abcdefgh", min_size=1, max_size=2)
SCORES = st.floats(min_value=-1e6, max_value=1e6) | st.sampled_from([0.0, 0.5, 1.0])


def ordered(scores: dict[str, float]) -> tuple[SearchHit, ...]:
    """Best first, ties by id, as an index answers."""
    best_first = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(SearchHit(name, score) for name, score in best_first)


RANKINGS = st.dictionaries(IDS, SCORES, max_size=20).map(ordered)


def ids(hits: Sequence[FusedHit]) -> list[str]:
    return [hit.document_id for hit in hits]


def test_a_fusion_by_hand() -> None:
    """Min-max of each ranking, then the mean; what a ranking lacks is worth 0 there."""
    lexical = ordered({"a": 12.0, "b": 9.0, "c": 2.0})
    vector = ordered({"b": 0.9, "d": 0.8, "a": 0.5})
    hits = fuse(lexical, vector)
    assert ids(hits) == ["b", "a", "d", "c"]
    assert [hit.score for hit in hits] == pytest.approx([0.85, 0.5, 0.375, 0.0])
    assert [hit.lexical for hit in hits] == pytest.approx([0.7, 1.0, 0.0, 0.0])
    assert [hit.vector for hit in hits] == pytest.approx([1.0, 0.0, 0.75, 0.0])
    assert [hit.lexical_rank for hit in hits] == [2, 1, None, 3]
    assert [hit.vector_rank for hit in hits] == [1, 3, 2, None]


def test_one_ranking_decides_alone() -> None:
    """An empty ranking does not halve the other's scores."""
    ranking = ordered({"a": 3.0, "b": 1.0})
    assert [hit.score for hit in fuse(ranking, ())] == [1.0, 0.0]
    assert [hit.score for hit in fuse((), ranking)] == [1.0, 0.0]
    assert fuse((), ()) == ()


def test_equal_scores_are_all_the_best() -> None:
    """A ranking that tells nothing apart gives everyone 1, in the order of ids."""
    hits = fuse(ordered({"c": 2.0, "a": 2.0, "b": 2.0}), ())
    assert [(hit.document_id, hit.score) for hit in hits] == [("a", 1.0), ("b", 1.0), ("c", 1.0)]


def test_newest_first_keeps_its_order() -> None:
    """Where there is nothing to fuse the ranking stands, and its ranks say so."""
    hits = unfused((SearchHit("z", 3.0), SearchHit("a", 3.0)))
    assert ids(hits) == ["z", "a"]
    assert [hit.lexical_rank for hit in hits] == [1, 2]


@given(RANKINGS, RANKINGS)
def test_scores_and_parts_stay_between_0_and_1(
    lexical: tuple[SearchHit, ...], vector: tuple[SearchHit, ...]
) -> None:
    """Each document of either ranking comes once, with parts and score in [0, 1]."""
    hits = fuse(lexical, vector)
    assert sorted(ids(hits)) == sorted({r.document_id for r in (*lexical, *vector)})
    for hit in hits:
        assert 0 <= hit.score <= 1
        assert 0 <= hit.lexical <= 1
        assert 0 <= hit.vector <= 1
        assert (hit.lexical_rank is None) == (hit.document_id not in ids_of(lexical))
        assert (hit.vector_rank is None) == (hit.document_id not in ids_of(vector))


@given(RANKINGS, RANKINGS)
def test_best_first_and_ties_by_id(
    lexical: tuple[SearchHit, ...], vector: tuple[SearchHit, ...]
) -> None:
    """The order is total, so that pages never overlap."""
    keys = [(-hit.score, hit.document_id) for hit in fuse(lexical, vector)]
    assert keys == sorted(keys)


@given(RANKINGS, RANKINGS, st.integers())
def test_the_order_of_equals_does_not_matter(
    lexical: tuple[SearchHit, ...], vector: tuple[SearchHit, ...], seed: int
) -> None:
    """However an engine orders documents of equal scores, the fused scores are the same."""
    random = Random(seed)

    def shuffled(ranking: tuple[SearchHit, ...]) -> tuple[SearchHit, ...]:
        drawn = random.sample(ranking, len(ranking))
        return tuple(sorted(drawn, key=lambda ranked: -ranked.score))

    def scores(hits: Sequence[FusedHit]) -> list[tuple[str, float]]:
        return [(hit.document_id, hit.score) for hit in hits]

    again = fuse(shuffled(lexical), shuffled(vector))
    assert scores(again) == scores(fuse(lexical, vector))


@given(RANKINGS, RANKINGS)
def test_neither_ranking_is_preferred(
    lexical: tuple[SearchHit, ...], vector: tuple[SearchHit, ...]
) -> None:
    """At equal weights, the rankings' places may be exchanged."""
    assert ids(fuse(lexical, vector)) == ids(fuse(vector, lexical))


@given(RANKINGS, RANKINGS, st.integers(min_value=0, max_value=30))
def test_the_window_only_cuts(
    lexical: tuple[SearchHit, ...], vector: tuple[SearchHit, ...], window: int
) -> None:
    """A smaller window is the beginning of a larger one: scores do not move."""
    assert fuse(lexical, vector, window) == fuse(lexical, vector)[:window]


@given(RANKINGS, RANKINGS, st.integers(min_value=1, max_value=7))
def test_pages_cover_the_window_once(
    lexical: tuple[SearchHit, ...], vector: tuple[SearchHit, ...], size: int
) -> None:
    """Pages asked one by one, each fused anew, hold every document once."""
    whole = fuse(lexical, vector)
    paged = [
        hit for first in range(0, len(whole), size) for hit in fuse(lexical, vector)[first:][:size]
    ]
    assert tuple(paged) == whole


@given(RANKINGS, st.floats(min_value=0.001, max_value=1000))
def test_the_unit_of_an_engine_does_not_matter(ranking: tuple[SearchHit, ...], unit: float) -> None:
    """BM25 of any scale gives the same parts."""
    scaled = tuple(SearchHit(r.document_id, r.score * unit) for r in ranking)
    before = {hit.document_id: hit.score for hit in fuse(ranking, ())}
    after = {hit.document_id: hit.score for hit in fuse(scaled, ())}
    assert after == pytest.approx(before, abs=1e-6)


def ids_of(ranking: Sequence[SearchHit]) -> set[str]:
    return {ranked.document_id for ranked in ranking}
