"""Compare two runs of the same questions: differences, confidence intervals, p values."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.corpora import ExpertSet, JudgedQuery, MalformedSet, SearchSet
from evaluation.measures import Run, SavedRuns, Values, values
from evaluation.reports import Report

SEED = 1407
"""Fixed, so that the same two runs always give the same figures."""
EXACT_CLUSTERS = 16
"""Largest number of differing clusters for which every swap is tried: at most 65 536 swaps."""
SWAPS = 20_000
"""Number of swaps that are drawn for more clusters."""
RESAMPLES = 10_000
CONFIDENCE = 0.95
QUERIES_LISTED = 10
"""Number of questions listed as lost, and as gained."""
_EQUAL = 1e-12
"""A smaller difference is a rounding error of a sum."""
_AT_ONCE = 500_000
"""Count of numbers drawn at once, so that memory does not grow with the set."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class QueryDifference:
    """A question and the change of its value."""

    query: JudgedQuery
    difference: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference of a measure between this run and the saved one.

    `low` and `high` bound the difference (bootstrap, `CONFIDENCE`), `nan` with a single cluster.
    `p_value` is two-sided; `exact`: every swap was tried. `better`, `worse` and `equal` count
    clusters. `lost` and `gained` are the questions that changed most.
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
    lost: tuple[QueryDifference, ...]
    gained: tuple[QueryDifference, ...]


def compare_measures(
    ours: Values, theirs: Values, queries: Sequence[JudgedQuery]
) -> Mapping[str, Comparison]:
    """Compare each measure of `ours` with `theirs` over these questions, which both contain."""
    return {name: _compare_measure(ours[name], theirs[name], queries) for name in ours}


def _compare_measure(
    ours: Mapping[str, float], theirs: Mapping[str, float], queries: Sequence[JudgedQuery]
) -> Comparison:
    moved = [QueryDifference(query, ours[query.id] - theirs[query.id]) for query in queries]
    sums, sizes = _by_cluster(moved)
    p_value, exact = swap_test(sums)
    low, high = bootstrap_interval(sums, sizes)
    count = len(queries)
    return Comparison(
        before=math.fsum(theirs[query.id] for query in queries) / count,
        after=math.fsum(ours[query.id] for query in queries) / count,
        difference=math.fsum(difference.difference for difference in moved) / count,
        low=low,
        high=high,
        p_value=p_value,
        exact=exact,
        better=int((sums > _EQUAL).sum()),
        worse=int((sums < -_EQUAL).sum()),
        equal=int((abs(sums) <= _EQUAL).sum()),
        lost=_largest_differences(moved, -1),
        gained=_largest_differences(moved, 1),
    )


def _by_cluster(moved: Sequence[QueryDifference]) -> tuple[Floats, Floats]:
    """Return (clusters,) sums of differences, and (clusters,) numbers of questions."""
    clusters: dict[str, list[float]] = defaultdict(list)
    for difference in moved:
        clusters[difference.query.group].append(difference.difference)
    sums = np.array([math.fsum(inside) for inside in clusters.values()])
    return sums, np.array([len(inside) for inside in clusters.values()], dtype=np.float64)


def _largest_differences(
    moved: Sequence[QueryDifference], sign: int
) -> tuple[QueryDifference, ...]:
    way = [difference for difference in moved if sign * difference.difference > _EQUAL]
    return tuple(
        sorted(way, key=lambda difference: (-sign * difference.difference, difference.query.id))[
            :QUERIES_LISTED
        ]
    )


def swap_test(sums: Floats) -> tuple[float, bool]:
    """Return the two-sided p value of the paired randomisation test, and whether it is exact.

    The p value is the share of changes of signs, cluster by cluster, for which the total is at
    least as far from 0 as the observed one. Fisher's test as in Smucker, Allan & Carterette, "A
    comparison of statistical significance tests for information retrieval evaluation" (CIKM 2007),
    here by cluster. Drawn swaps include the observed one: Davison & Hinkley, "Bootstrap methods and
    their application" (1997), 4.2.
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
    """Return all rows of 1 and -1, shape (2^count, count)."""
    numbers = np.arange(2**count)[:, None]
    return _signs((numbers >> np.arange(count)) & 1)


def _signs(bits: npt.NDArray[np.int64]) -> Floats:
    """Map bits to signs: 1 to 1, 0 to -1."""
    return bits.astype(np.float64) * 2 - 1


def bootstrap_interval(sums: Floats, sizes: Floats) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean difference, drawing whole clusters.

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
    """Return numbers of rows that sum to `total`, each small enough for memory."""
    most = max(1, _AT_ONCE // width)
    return [min(most, total - start) for start in range(0, total, most)]


@dataclass(frozen=True, slots=True)
class RunComparison:
    """A run compared with a saved run. `unanswered`: questions missing from the saved file.

    These count as 0 there. `left_out`: questions that only one of the runs asked.
    """

    name: str
    queries: int
    clusters: int
    unanswered: int
    left_out: int
    measures: Mapping[str, Comparison]


def compare_report(
    report: Report, judged: SearchSet | ExpertSet, saved: SavedRuns
) -> tuple[RunComparison, ...]:
    """Compare each run that was saved too, measured with the current judgments.

    Raises `MalformedSet` if the file is of another set or shares no run or question.
    """
    if saved.set_name not in ("", judged.name):
        raise MalformedSet(f"Les réponses enregistrées sont du jeu {saved.set_name}.")
    measures = list(next(iter(report.rows.values())))
    found = tuple(
        _compare_run(name, run, former, judged, measures, complete=saved.complete)
        for name, run in report.runs.items()
        if (former := saved.run(name)) is not None
    )
    if not found:
        raise MalformedSet(
            f"Rien à comparer : les réponses enregistrées ({', '.join(saved.runs)}) ne sont pas "
            f"celles d'un de ces classements ({', '.join(report.runs)})."
        )
    return found


def _compare_run(
    name: str,
    ours: Run,
    theirs: Run,
    judged: SearchSet | ExpertSet,
    measures: Sequence[str],
    *,
    complete: bool,
) -> RunComparison:
    known = set(theirs)
    both = [query for query in judged.queries if query.id in known]
    queries = both if complete else list(judged.queries)
    if not both:
        raise MalformedSet(f"{name} : aucune question commune avec les réponses enregistrées.")
    return RunComparison(
        name=name,
        queries=len(queries),
        clusters=len({query.group for query in queries}),
        unanswered=len(queries) - len(both),
        left_out=len(known | {query.id for query in judged.queries}) - len(queries),
        measures=compare_measures(
            values(_as_deep(ours, ours, queries), judged.judgments, measures),
            values(_as_deep(theirs, ours, queries), judged.judgments, measures),
            queries,
        ),
    )


def _as_deep(run: Run, ours: Run, queries: Sequence[JudgedQuery]) -> Run:
    """Return a run's answers, cut to the depth of our run: a deeper run would have an advantage."""
    depth = max(map(len, ours.values()), default=0)
    return {query.id: run.get(query.id, ())[:depth] for query in queries}


def comparison_body(found: Sequence[RunComparison], *, show_queries: bool) -> dict[str, Any]:
    """Return counts and measures by run, as JSON values."""
    return {
        run.name: {
            "queries": run.queries,
            "clusters": run.clusters,
            "unanswered": run.unanswered,
            "left_out": run.left_out,
            "measures": {
                name: _measure_body(measure, show_queries=show_queries)
                for name, measure in run.measures.items()
            },
        }
        for run in found
    }


def _measure_body(comparison: Comparison, *, show_queries: bool) -> dict[str, Any]:
    known = not math.isnan(comparison.low)
    return {
        "before": comparison.before,
        "after": comparison.after,
        "difference": comparison.difference,
        "interval": [comparison.low, comparison.high] if known else None,
        "confidence": CONFIDENCE,
        "p_value": comparison.p_value,
        "exact": comparison.exact,
        "clusters_better": comparison.better,
        "clusters_worse": comparison.worse,
        "clusters_equal": comparison.equal,
        "lost": [_query_body(moved, show_queries=show_queries) for moved in comparison.lost],
        "gained": [_query_body(moved, show_queries=show_queries) for moved in comparison.gained],
    }


def _query_body(difference: QueryDifference, *, show_queries: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"query": difference.query.id, "difference": difference.difference}
    return body | {"text": difference.query.text} if show_queries else body


def comparison_text(found: Sequence[RunComparison], path: Path, *, show_queries: bool) -> str:
    """Return a table per run, then the questions that changed most by its first measure."""
    return "\n\n".join(_run_text(run, path, show_queries=show_queries) for run in found)


def _run_text(comparison: RunComparison, path: Path, *, show_queries: bool) -> str:
    lines = [
        f"{comparison.name} comparé à {path} : {comparison.queries} questions en "
        f"{comparison.clusters} groupes, tirés et échangés par groupe",
    ]
    if comparison.unanswered:
        lines.append(
            f"questions sans réponse dans ce fichier, où elles valent 0 : {comparison.unanswered}"
        )
    if comparison.left_out:
        lines.append(f"questions posées d'un seul côté, laissées de côté : {comparison.left_out}")
    heads = ("avant", "après", "écart", "intervalle à 95 %", "p", "mieux", "moins bien", "égal")
    lines.append(f"{'':10}" + "".join(f"{head:>{_WIDE.get(head, 12)}}" for head in heads))
    lines += [_row(name, measure) for name, measure in comparison.measures.items()]
    name, first = next(iter(comparison.measures.items()))
    for way, moved in (("perdu", first.lost), ("gagné", first.gained)):
        if moved:
            lines.append(f"questions qui ont le plus {way} ({name}) :")
            lines += [_query_line(each, show_queries=show_queries) for each in moved]
    return "\n".join(lines)


_WIDE = {"intervalle à 95 %": 22}


def _row(name: str, comparison: Comparison) -> str:
    known = not math.isnan(comparison.low)
    interval = f"[{comparison.low:+.4f} ; {comparison.high:+.4f}]" if known else "un seul groupe"
    p_value = f"{comparison.p_value:.4f}{'' if comparison.exact else ' ~'}"
    cells = (f"{comparison.before:.4f}", f"{comparison.after:.4f}", f"{comparison.difference:+.4f}")
    counts = (comparison.better, comparison.worse, comparison.equal)
    return (
        f"{name:10}"
        + "".join(f"{cell:>12}" for cell in cells)
        + f"{interval:>22}{p_value:>12}"
        + "".join(f"{count:>12}" for count in counts)
    )


def _query_line(difference: QueryDifference, *, show_queries: bool) -> str:
    text = f"  {difference.query.text}" if show_queries else ""
    return f"  {difference.difference:+.4f}  {difference.query.id}{text}"
