"""The tuning bench measures the fusion that serves, by the measure that reports do."""

import numpy as np
import pytest

from benchmarks.tuning import EXACT, PAIRS, SERVING, SHARES, Scored, fold_of, ndcgs
from evaluation.measures import values
from indexer.values import WINDOW, SearchHit
from search_api.ranking.fusion import fuse

pytestmark = pytest.mark.search


def _ranked(scores: np.ndarray) -> list[SearchHit]:
    order = np.argsort(-scores, kind="stable")[:WINDOW]
    return [SearchHit(f"{n:04}", float(scores[n])) for n in order if np.isfinite(scores[n])]


@pytest.mark.parametrize("seed", range(5))
def test_a_question_is_measured_as_it_is_served(seed: int) -> None:
    """More documents than the window holds, some without a word of the question."""
    draw = np.random.default_rng(seed)
    count = 2 * WINDOW
    words = np.where(draw.random(count) < 0.7, draw.random(count) * 9 + 0.01, 0.0)
    exact, pairs = (draw.random((2, count)) * 3).round(1) * (words > 0)
    near = draw.random(count).round(3)
    gains = (draw.random(count) < 0.03).astype(float)
    one = Scored(words, exact, pairs, near, gains)
    lexical = np.round(words + SERVING.exact * exact + SERVING.pairs * pairs, 4)
    fused = fuse(_ranked(np.where(words > 0, lexical, -np.inf)), _ranked(near))
    run = {"q": [hit.document_id for hit in fused]}
    judgments = {"q": {f"{n:04}": int(gain) for n, gain in enumerate(gains) if gain}}
    found = ndcgs(one)
    assert found[0] == pytest.approx(values(run, judgments, ["nDCG@10"])["nDCG@10"]["q"])
    assert len(found) == 1 + len(EXACT) * len(PAIRS) * len(SHARES)
    assert found[0] in found[1:]


def test_a_group_falls_whole_into_one_fold() -> None:
    """Always the same, and every fold gets some."""
    folds = [fold_of(f"group {n}", 5) for n in range(100)]
    assert set(folds) == set(range(5))
    assert folds == [fold_of(f"group {n}", 5) for n in range(100)]
