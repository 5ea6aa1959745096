"""Two runs of the same questions, side by side: how far apart, and how surely.

A cluster (questions that share their judgments) is one experiment: it is what is swapped
and what is drawn, never a question alone.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quisait.evaluation.corpora import JudgedQuery
from quisait.evaluation.measures import Values

SEED = 1407
"""Fixed: the same two runs always give the same figures."""
EXACT_CLUSTERS = 16
"""Up to so many clusters that differ, every swap is tried: 65 536 at most."""
SWAPS = 20_000
"""Beyond, so many are drawn."""
RESAMPLES = 10_000
CONFIDENCE = 0.95
MOVED = 10
"""How many questions are named on either side."""
_EQUAL = 1e-12
"""Below it a difference is the rounding of a sum."""
_AT_ONCE = 500_000
"""Numbers drawn at once, so that memory does not grow with the set."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moved:
    """A question whose value changed, by how much."""

    query: JudgedQuery
    difference: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of this run minus the same of the saved one.

    `low` and `high` bound the difference (bootstrap, `CONFIDENCE`), `nan` with a single
    cluster. `p_value` is two-sided; `exact`: every swap was tried. `better`, `worse` and
    `equal` count clusters. `lost` and `gained` are the questions that moved most.
    """

    before: float
    after: float
    difference: float
    low: float
    high: float
    p_value: float
    exact: bool
    better: int
    worse: int
    equal: int
    lost: tuple[Moved, ...]
    gained: tuple[Moved, ...]


def compared(
    ours: Values, theirs: Values, queries: Sequence[JudgedQuery]
) -> Mapping[str, Comparison]:
    """Each measure of `ours` minus `theirs`, over these questions; both know them all."""
    return {name: _comparison(ours[name], theirs[name], queries) for name in ours}


def _comparison(
    ours: Mapping[str, float], theirs: Mapping[str, float], queries: Sequence[JudgedQuery]
) -> Comparison:
    moved = [Moved(query, ours[query.id] - theirs[query.id]) for query in queries]
    sums, sizes = _by_cluster(moved)
    p_value, exact = swap_test(sums)
    low, high = interval(sums, sizes)
    count = len(queries)
    return Comparison(
        before=math.fsum(theirs[query.id] for query in queries) / count,
        after=math.fsum(ours[query.id] for query in queries) / count,
        difference=math.fsum(one.difference for one in moved) / count,
        low=low,
        high=high,
        p_value=p_value,
        exact=exact,
        better=int((sums > _EQUAL).sum()),
        worse=int((sums < -_EQUAL).sum()),
        equal=int((abs(sums) <= _EQUAL).sum()),
        lost=_most(moved, -1),
        gained=_most(moved, 1),
    )


def _by_cluster(moved: Sequence[Moved]) -> tuple[Floats, Floats]:
    """(clusters,) sums of differences, and (clusters,) numbers of questions."""
    clusters: dict[str, list[float]] = defaultdict(list)
    for one in moved:
        clusters[one.query.group].append(one.difference)
    sums = np.array([math.fsum(inside) for inside in clusters.values()])
    return sums, np.array([len(inside) for inside in clusters.values()], dtype=np.float64)


def _most(moved: Sequence[Moved], sign: int) -> tuple[Moved, ...]:
    way = [one for one in moved if sign * one.difference > _EQUAL]
    return tuple(sorted(way, key=lambda one: (-sign * one.difference, one.query.id))[:MOVED])


def swap_test(sums: Floats) -> tuple[float, bool]:
    """The two-sided p value of the paired randomisation test, and whether it is exact.

    If the runs were alike, each cluster's difference could as well have the other sign:
    how often is the total then as far from 0 as it is? Fisher's test as Smucker, Allan &
    Carterette take it, "A comparison of statistical significance tests for information
    retrieval evaluation" (CIKM 2007), here by cluster. Drawn swaps count the one that was
    seen: Davison & Hinkley, "Bootstrap methods and their application" (1997), 4.2.
    """
    differing = sums[abs(sums) > _EQUAL]
    seen = abs(math.fsum(differing)) - _EQUAL
    if len(differing) <= EXACT_CLUSTERS:
        signs = _every_sign(len(differing))
        return float((abs(signs @ differing) >= seen).mean()), True
    draw, far = np.random.default_rng(SEED), 0
    for rows in _batches(SWAPS, len(differing)):
        signs = _signs(draw.integers(0, 2, size=(rows, len(differing))))
        far += int((abs(signs @ differing) >= seen).sum())
    return (1 + far) / (1 + SWAPS), False


def _every_sign(count: int) -> Floats:
    """(2^count, count) rows of 1 and -1."""
    numbers = np.arange(2**count)[:, None]
    return _signs((numbers >> np.arange(count)) & 1)


def _signs(bits: npt.NDArray[np.int64]) -> Floats:
    """1 for 1, -1 for 0."""
    return bits.astype(np.float64) * 2 - 1


def interval(sums: Floats, sizes: Floats) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean difference, drawing whole clusters.

    Field & Welsh, "Bootstrapping clustered data" (JRSS B 2007): the cluster bootstrap.
    """
    clusters = len(sums)
    if clusters < 2:
        return math.nan, math.nan
    draw, means = np.random.default_rng(SEED), []
    for rows in _batches(RESAMPLES, clusters):
        drawn = draw.integers(0, clusters, size=(rows, clusters))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return float(low), float(high)


def _batches(total: int, width: int) -> list[int]:
    """Numbers of rows that make `total`, each of them small enough."""
    most = max(1, _AT_ONCE // width)
    return [min(most, total - start) for start in range(0, total, most)]
