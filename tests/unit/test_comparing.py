"""Two runs side by side: hand-made ones, whose p value is known, and any at all."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.comparison import (
    EXACT_CLUSTERS,
    SWAPS,
    bootstrap_interval,
    compare_measures,
    swap_test,
)
from evaluation.corpora import JudgedQuery

pytestmark = pytest.mark.search

VALUES = st.lists(
    st.tuples(st.integers(0, 4), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12
)
"""(cluster, ours, theirs) of each question."""


def queries(clusters: list[int]) -> list[JudgedQuery]:
    return [JudgedQuery(f"q{n}", f"texte {n}", group=str(one)) for n, one in enumerate(clusters)]


def measured(values: list[float]) -> dict[str, dict[str, float]]:
    return {"RR": {f"q{n}": value for n, value in enumerate(values)}}


@pytest.mark.parametrize(
    ("sums", "p_value"),
    [
        ([1.0], 1.0),  # +1 and -1 are as far
        ([1.0, 1.0], 2 / 4),  # ++ and --
        ([1.0] * 5, 2 / 32),
        ([1.0, 1.0, 1.0, -1.0], 10 / 16),  # |total| 2 or 4: 1 + 4 + 4 + 1 of 16
        ([3.0, 1.0, 1.0], 2 / 8),  # only +++ and --- reach 5
        ([1.0, -1.0], 1.0),
        ([0.0, 0.0, 2.0], 1.0),  # clusters without a difference decide nothing
        ([], 1.0),
    ],
)
def test_the_p_value_of_few_clusters_is_exact(sums: list[float], p_value: float) -> None:
    """Counted by hand: the share of swaps whose total is as far from 0."""
    found, exact = swap_test(np.array(sums))
    assert exact
    assert found == pytest.approx(p_value)


def test_every_swap_is_tried_as_a_slow_loop_would() -> None:
    """Against itertools, on awkward numbers."""
    sums = [0.31, -0.07, 0.5, 0.11, -0.23, 0.05, 0.4]
    totals = [sum(s * v for s, v in zip(signs, sums, strict=True)) for signs in _signs(len(sums))]
    far = sum(abs(total) >= abs(sum(sums)) - 1e-12 for total in totals)
    assert swap_test(np.array(sums))[0] == pytest.approx(far / len(totals))


def _signs(count: int) -> list[tuple[int, ...]]:
    return list(product((1, -1), repeat=count))


def test_many_clusters_are_drawn_and_always_alike() -> None:
    """Near the binomial truth, the same twice, never 0."""
    sums = np.array([1.0] * 13 + [-1.0] * 7)
    p_value, exact = swap_test(sums)
    truth = 2 * sum(math.comb(20, k) for k in range(13, 21)) / 2**20
    assert not exact
    assert p_value == pytest.approx(truth, abs=0.02)
    assert swap_test(sums) == (p_value, False)
    assert swap_test(np.ones(60))[0] == 1 / (1 + SWAPS)
    assert len(sums) > EXACT_CLUSTERS


def test_questions_of_a_cluster_are_one_experiment() -> None:
    """Five questions better in one cluster prove nothing; in five clusters, p = 1/16."""
    ours, theirs = measured([1.0] * 5), measured([0.0] * 5)
    alone = compare_measures(ours, theirs, queries([0] * 5))["RR"]
    apart = compare_measures(ours, theirs, queries([0, 1, 2, 3, 4]))["RR"]
    assert (alone.p_value, alone.better, math.isnan(alone.low)) == (1.0, 1, True)
    assert (apart.p_value, apart.better, apart.low, apart.high) == (1 / 16, 5, 1.0, 1.0)
    assert alone.difference == apart.difference == 1.0


def test_the_interval_weighs_clusters_by_their_questions() -> None:
    """Clusters of one and nine questions: a draw of either alone gives its own mean."""
    low, high = bootstrap_interval(np.array([1.0, 0.0]), np.array([1.0, 9.0]))
    assert (low, high) == (0.0, 1.0)
    rng = np.random.default_rng(3)
    sums = rng.normal(0.1, 1.0, 400)
    low, high = bootstrap_interval(sums, np.ones(400))
    normal = 1.96 * sums.std() / math.sqrt(400)
    assert low == pytest.approx(sums.mean() - normal, abs=0.02)
    assert high == pytest.approx(sums.mean() + normal, abs=0.02)


def test_who_moved_most_is_named_on_either_side() -> None:
    """At most ten, most first; who did not move is on neither list."""
    ours = measured([0.5, 0.5, 0.5, 1.0] + [0.6] * 12)
    theirs = measured([0.9, 0.6, 0.5, 0.2] + [0.5] * 12)
    found = compare_measures(ours, theirs, queries(list(range(16))))["RR"]
    assert [one.query.id for one in found.lost] == ["q0", "q1"]
    assert [one.query.id for one in found.gained][:2] == ["q3", "q10"]
    assert len(found.gained) == 10
    assert (found.better, found.worse, found.equal) == (13, 2, 1)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_swapping_the_runs_turns_the_sign(rows: list[tuple[int, float, float]]) -> None:
    """The difference turns, p and the counts change places, and a run equals itself."""
    asked = queries([cluster for cluster, _, _ in rows])
    ours, theirs = measured([a for _, a, _ in rows]), measured([b for _, _, b in rows])
    one, other = (
        compare_measures(ours, theirs, asked)["RR"],
        compare_measures(theirs, ours, asked)["RR"],
    )
    assert one.difference == pytest.approx(-other.difference)
    assert one.p_value == other.p_value
    assert (one.better, one.worse) == (other.worse, other.better)
    assert [m.query for m in one.lost] == [m.query for m in other.gained]
    if not math.isnan(one.low):
        assert one.low == pytest.approx(-other.high, abs=1e-9)
    same = compare_measures(ours, ours, asked)["RR"]
    assert (same.difference, same.p_value, same.lost, same.gained) == (0.0, 1.0, (), ())
    assert same.equal == len({cluster for cluster, _, _ in rows})
