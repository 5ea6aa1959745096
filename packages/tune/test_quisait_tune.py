"""A learned ranker only reorders: whatever its file says, the window stays the same documents."""

import json
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from quisait_tune.ranker import (
    FEATURES,
    FORMAT,
    MOST_REORDERED,
    Forest,
    Ranker,
    RankerFile,
    RankerIgnored,
    Tree,
    learned_order,
    read_ranker,
    reordered,
)

from indexer.centroids import centroid
from indexer.values import HitAttributes, SearchAnswer, SearchHit
from search_api.ranking.fusion import FusedHit
from search_api.ranking.window import fused_window, ordered_window

pytestmark = pytest.mark.search

_FINITE = st.floats(-1, 1, allow_nan=False)
_LEAF = Tree(feature=(0,), threshold=(0.0,), left=(0,), right=(0,), value=(1.0,))


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Grown at random, one node at a time."""
    rows = [[0, 0.0, 0, 0, draw(_FINITE)]]
    for _ in range(draw(st.integers(0, 6))):
        leaves = [at for at, row in enumerate(rows) if not row[2]]
        at = draw(st.sampled_from(leaves))
        rows[at][:4] = [
            draw(st.integers(0, len(FEATURES) - 1)),
            draw(_FINITE),
            len(rows),
            len(rows) + 1,
        ]
        rows += [[0, 0.0, 0, 0, draw(_FINITE)] for _ in range(2)]
    names = ("feature", "threshold", "left", "right", "value")
    return Tree.model_validate(dict(zip(names, zip(*rows, strict=True), strict=True)))


def ranker_of(*grown: Tree, encoder: str = "fake") -> Ranker:
    return Ranker(
        format=FORMAT,
        encoder=encoder,
        features=FEATURES,
        made=date(2026, 11, 27),
        questions=400,
        groups=40,
        before=0.4,
        after=0.5,
        p_value=0.01,
        trees=grown,
    )


def _walked(tree: Tree, row: np.ndarray) -> float:
    at = 0
    while tree.left[at]:
        low = row[tree.feature[at]] <= tree.threshold[at]
        at = tree.left[at] if low else tree.right[at]
    return tree.value[at]


@given(st.lists(trees(), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_columns_score_as_a_walk_does(grown: list[Tree], seed: int) -> None:
    """Each hit goes down each tree by itself."""
    features = np.random.default_rng(seed).uniform(-1, 1, size=(7, len(FEATURES)))
    expected = [sum(_walked(tree, row) for tree in grown) for row in features]
    assert Forest.of(grown).scores(features) == pytest.approx(expected, abs=1e-6)


@given(
    st.lists(trees(), min_size=1, max_size=3),
    st.integers(0, MOST_REORDERED + 5),
    st.integers(0, 2**32 - 1),
)
def test_a_window_is_permuted(grown: list[Tree], count: int, seed: int) -> None:
    """Nothing is added or lost, places keep their scores, and what is behind stays behind."""
    drawn = np.random.default_rng(seed)
    scores = sorted(drawn.random(count).tolist(), reverse=True)
    hits = tuple(FusedHit(f"d{n}", s, s, n + 1, s, None) for n, s in enumerate(scores))
    features = drawn.uniform(-1, 1, size=(min(count, MOST_REORDERED), len(FEATURES)))
    again = reordered(hits, features, ranker_of(*grown))
    assert Counter(hit.document_id for hit in again) == Counter(h.document_id for h in hits)
    assert [hit.score for hit in again] == pytest.approx(scores, abs=1e-6)
    places = [hit.score for hit in again[:MOST_REORDERED]]
    assert all(one > other for one, other in pairwise(places))
    assert again[MOST_REORDERED:] == hits[MOST_REORDERED:]
    before = {hit.document_id: hit.score for hit in hits}
    for hit in again:
        assert hit.learned == pytest.approx(hit.score - before[hit.document_id], abs=1e-6)
    learned = Forest.of(grown).scores(features)
    place = {hit.document_id: n for n, hit in enumerate(hits)}
    order = [learned[place[hit.document_id]] for hit in again[:MOST_REORDERED]]
    assert order == sorted(order, reverse=True)


def _by_title() -> Ranker:
    """Prefers hits of which the question says all of the title."""
    at = FEATURES.index("title_asked")
    columns = {"feature": (at, 0, 0), "threshold": (0.99, 0.0, 0.0), "left": (1, 0, 0)}
    return ranker_of(Tree(**columns, right=(2, 0, 0), value=(0.0, 0.0, 1.0)))


def test_the_window_of_a_question_is_reordered() -> None:
    """By what the question and the hits say; by words alone nothing was learned."""
    asked = np.array([1.0, 0.0], dtype=np.float32)
    marks = {
        "far": HitAttributes("wiki", title="Le congé bonifié"),
        "near": HitAttributes("wiki", title="Congé parental", centroid=centroid(asked[None, :])),
    }
    ranking = (SearchHit("near", 0.9), SearchHit("far", 0.8))
    found = SearchAnswer(ranking, ranking, 2, {}, marks)
    plain = fused_window(found, asked, "congés bonifiés")
    assert [hit.document_id for hit in plain] == ["near", "far"]
    learned, question = learned_order(lambda _: _by_title()), "congés bonifiés"
    again = ordered_window(found, asked, question, "fake", learned)
    assert [hit.document_id for hit in again] == ["far", "near"]
    assert again[0].learned > 0 > again[1].learned
    unlearned = learned_order(lambda _: None)
    assert ordered_window(found, asked, question, "fake", unlearned) == plain
    assert ordered_window(found, None, question, "fake", learned) == fused_window(found, None)


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_any_other_file_is_ignored(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Whatever is in it: with a sentence, and nothing else is raised."""
    path = tmp_path_factory.mktemp("ranker") / "ranker.json"
    path.write_bytes(content)
    with pytest.raises(RankerIgnored, match="quisait tune"):
        read_ranker(path, "fake")
    assert RankerFile(path).ranker("fake") is None


@pytest.mark.parametrize(
    "changed",
    [
        {"left": (0, 0, 0)},
        {"left": (2, 0, 0), "right": (3, 0, 0)},
        {"left": (1, 1, 0), "right": (2, 2, 0)},
        {"feature": (len(FEATURES), 0, 0)},
        {"value": (0.0, float("nan"), 1.0)},
        {"value": (0.0, 1.0)},
        {"threshold": ()},
    ],
)
def test_what_is_no_tree_is_refused(changed: dict[str, tuple[float, ...]]) -> None:
    """A circle, a leaf with one child, a node or a feature that is not there."""
    (tree,) = _by_title().trees
    with pytest.raises(ValidationError):
        Tree.model_validate(tree.model_dump() | changed)


def test_a_ranker_serves_what_it_was_made_for(tmp_path: Path) -> None:
    """Its own encoder, format and features; a file is read again when it changes or goes."""
    path = tmp_path / "ranker.json"
    source = RankerFile(path)
    assert read_ranker(path, "fake") is None
    assert source.ranker("fake") is None
    path.write_text(ranker_of(_LEAF).model_dump_json())
    assert source.ranker("fake") == read_ranker(path, "fake") == ranker_of(_LEAF)
    with pytest.raises(RankerIgnored, match="modèle fake"):
        read_ranker(path, "another")
    assert source.ranker("another") is None
    for changed in ({"format": FORMAT + 1}, {"features": ["score"]}):
        path.write_text(json.dumps(json.loads(ranker_of(_LEAF).model_dump_json()) | changed))
        with pytest.raises(RankerIgnored, match="autre version"):
            read_ranker(path, "fake")
    path.unlink()
    assert source.ranker("fake") is None
