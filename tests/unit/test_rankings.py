"""Each step of a ranking, worked out by hand."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from indexer.values import SearchAnswer, SearchHit
from search_api.ranking import titles
from search_api.ranking.answered import LogisticModel
from search_api.ranking.fusion import FusedHit, unfused
from search_api.ranking.ranker import FEATURES, Forest, Tree, features_of

pytestmark = pytest.mark.search


def hit(document_id: str, score: float = 0.0, words: int | None = None) -> FusedHit:
    return FusedHit(document_id, score, score, words, 0.0, None)


def test_a_ranking_that_is_not_fused_keeps_ranks_and_no_score() -> None:
    found = unfused([SearchHit("a", 3.0), SearchHit("b", 2.0)])
    assert found == (hit("a", words=1), hit("b", words=2))


def test_a_logistic_model() -> None:
    model = LogisticModel((2.0, 1.0), -1.0, 0.5)
    assert model.probability((0.5, 0.0)) == pytest.approx(0.5)
    assert model.probability((0.5, math.log(3))) == pytest.approx(0.75)
    assert model.holds((0.5, 0.0))
    assert not model.holds((0.49, 0.0))


def test_how_much_of_a_question_a_title_says() -> None:
    """Nothing up to four tenths, all where both say the other, in between on a line."""
    shares = np.array([0.0, 0.4, 0.7, 1.0])
    assert titles.said(shares, shares).tolist() == pytest.approx([0.0, 0.0, 0.5, 1.0])
    assert titles.said(np.array([1.0]), np.array([0.0])).tolist() == [0.0]


def test_a_title_stands_out_above_the_sixth_best() -> None:
    shares = np.array([1.0, 0.7, 0.7, 0.7, 0.7, 0.7, 0.4])
    assert titles.standing_out(shares, shares).tolist() == pytest.approx([0.5, *[0.0] * 6])
    assert titles.standing_out(shares[:6], shares[:6])[0] == pytest.approx(0.5)
    assert titles.standing_out(shares[:5], shares[:5])[0] == pytest.approx(1.0)


TREE = {
    "feature": (0, 0, 1, 0, 0),
    "threshold": (0.5, 0.0, 0.2, 0.0, 0.0),
    "left": (1, 0, 3, 0, 0),
    "right": (2, 0, 4, 0, 0),
    "value": (0.0, 1.0, 0.0, 10.0, 100.0),
}


def test_a_forest_adds_up_the_leaves_that_a_hit_comes_to() -> None:
    """A value at the threshold goes to the left."""
    leaf = Tree(feature=(0,), threshold=(0.0,), left=(0,), right=(0,), value=(1_000.0,))
    forest = Forest.of((Tree.model_validate(TREE), leaf))
    rows = np.zeros((4, len(FEATURES)))
    rows[:, 0], rows[:, 1] = (0.5, 0.6, 0.6, 0.4), (9.0, 0.2, 0.3, 0.0)
    assert forest.scores(rows).tolist() == [1_001.0, 1_010.0, 1_100.0, 1_001.0]


@pytest.mark.parametrize(
    ("left", "right"),
    [((0, 0, 3, 0, 0), (2, 0, 4, 0, 0)), ((1, 1, 3, 0, 0), (2, 2, 4, 0, 0))],
    ids=["one leaf", "itself"],
)
def test_a_node_stands_behind_its_parent(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError):
        Tree.model_validate(TREE | {"left": left, "right": right})


def test_the_features_of_a_hit() -> None:
    """Ranks as parts of one; cosines below the best; a title that nobody knows says nothing."""
    hits = [FusedHit("a", 0.9, 0.8, 2, 0.7, 4), FusedHit("b", 0.3, 0.0, None, 0.2, None)]
    found = SearchAnswer((), (SearchHit("a", 0.75), SearchHit("c", 0.5)), 0, {})
    rows = features_of(hits, found, {}, "bornage").tolist()
    assert rows[0] == [0.9, 0.8, 0.7, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert rows[1] == [0.3, 0.0, 0.2, 0.0, 0.0, -0.25, 0.0, 0.0, 0.0, 0.0]
