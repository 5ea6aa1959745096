"""Rankings and judgments become figures, each with its standard error."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ir_measures

from quisait.evaluation.corpora import JudgedQuery, Judgments

SEARCH_MEASURES = ("nDCG@10", "R@10", "RR", "R@100")
EXPERT_MEASURES = ("AP", "RR", "P@10", "nDCG@10")
"""As ir_measures names them."""

CUT = 100
"""How many documents of a ranking are judged and written."""

Run = Mapping[str, Sequence[str]]
"""query id → ids, best first."""
Values = Mapping[str, Mapping[str, float]]
"""measure → query id → value."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over questions, and its standard error over groups of them."""

    mean: float
    standard_error: float


def values(run: Run, judgments: Judgments, names: Sequence[str]) -> Values:
    """Each measure of each question of the run; a question without any answer has 0.

    The order of the run decides, not its scores: engines would break ties otherwise.
    """
    found = {name: dict.fromkeys(run, 0.0) for name in names}
    asked = {query: dict(judgments[query]) for query in run}
    scored = {
        query: {name: float(len(ids) - rank) for rank, name in enumerate(ids)}
        for query, ids in run.items()
    }
    measures = [ir_measures.parse_measure(name) for name in names]
    for one in ir_measures.iter_calc(measures, asked, scored):
        found[str(one.measure)][one.query_id] = float(one.value)
    return found


def figures(measured: Values, queries: Sequence[JudgedQuery]) -> dict[str, Figure]:
    """Mean and standard error of each measure."""
    return {name: figure(by_query, queries) for name, by_query in measured.items()}


def figure(by_query: Mapping[str, float], queries: Sequence[JudgedQuery]) -> Figure:
    """The mean, and its standard error robust to groups; `nan` with a single group.

    Residuals are summed by group, then squared: Liang & Zeger, "Longitudinal data
    analysis using generalized linear models" (Biometrika 1986), for a mean alone.
    """
    count = len(queries)
    mean = math.fsum(by_query[query.id] for query in queries) / count
    residuals: dict[str, float] = defaultdict(float)
    for query in queries:
        residuals[query.group] += by_query[query.id] - mean
    groups = len(residuals)
    if groups < 2:
        return Figure(mean, math.nan)
    squares = math.fsum(residual**2 for residual in residuals.values())
    return Figure(mean, math.sqrt(groups / (groups - 1) * squares) / count)


def differences(ours: Values, theirs: Values, queries: Sequence[JudgedQuery]) -> dict[str, Figure]:
    """Ours minus theirs, question by question."""
    return {
        name: figure({q: ours[name][q] - theirs[name][q] for q in ours[name]}, queries)
        for name in ours
    }


def write_run(path: Path, run: Run, tag: str) -> None:
    """As TREC writes runs (`query Q0 document rank score tag`); scores only repeat the order."""
    with path.open("w", encoding="utf-8") as file:
        for query, ids in run.items():
            for rank, name in enumerate(ids, 1):
                file.write(f"{query} Q0 {name} {rank} {len(ids) - rank + 1} {tag}\n")
