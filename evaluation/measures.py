"""Runs, judgments and measures: TREC run files, saved runs, and figures with standard errors."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from evaluation.corpora import JudgedQuery, Judgments, MalformedSet

SEARCH_MEASURES = ("nDCG@10", "R@10", "RR", "R@100")
EXPERT_MEASURES = ("AP", "RR", "P@10", "nDCG@10")
"""Measures, with their names in ir_measures."""

IR_MEASURES_MISSING = (
    "Il faut ir-measures pour cela : « pip install ir-measures scipy », dans l'environnement de "
    "quisait."
)
CUT = 100
"""Number of documents of a ranking that are judged and written."""

Run = Mapping[str, Sequence[str]]
"""query id → ids, best first."""
Values = Mapping[str, Mapping[str, float]]
"""measure → query id → value."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over questions, and its standard error over groups of questions."""

    mean: float
    standard_error: float


def load_ir_measures() -> Any:
    """Return the library that computes measures. Raises `ValueError` if it is not installed."""
    try:
        import ir_measures
    except ModuleNotFoundError as error:
        raise ValueError(IR_MEASURES_MISSING) from error
    return ir_measures


def values(run: Run, judgments: Judgments, names: Sequence[str]) -> Values:
    """Return each measure of each question of the run; 0 for a question without answers.

    Ranks decide, not scores, which engines would use to break ties differently.
    """
    found = {name: dict.fromkeys(run, 0.0) for name in names}
    asked = {query: dict(judgments[query]) for query in run}
    scored = {
        query: {name: float(len(ids) - rank) for rank, name in enumerate(ids)}
        for query, ids in run.items()
    }
    ir_measures = load_ir_measures()
    measures = [ir_measures.parse_measure(name) for name in names]
    for one in ir_measures.iter_calc(measures, asked, scored):
        found[str(one.measure)][one.query_id] = float(one.value)
    return found


def figures(measured: Values, queries: Sequence[JudgedQuery]) -> dict[str, Figure]:
    """Return the mean and standard error of each measure."""
    return {name: figure(by_query, queries) for name, by_query in measured.items()}


def figure(by_query: Mapping[str, float], queries: Sequence[JudgedQuery]) -> Figure:
    """Return the mean and its standard error, robust to groups; `nan` with a single group.

    Residuals are summed by group, then squared: Liang & Zeger, "Longitudinal data analysis using
    generalized linear models" (Biometrika 1986), for a mean alone.
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
    """Return the mean difference of each measure, ours minus theirs, paired by question."""
    return {
        name: figure({q: ours[name][q] - theirs[name][q] for q in ours[name]}, queries)
        for name in ours
    }


def write_run(path: Path, run: Run, tag: str) -> None:
    """Write a TREC run file (`query Q0 document rank score tag`); scores only repeat ranks."""
    with path.open("w", encoding="utf-8") as file:
        for query, ids in run.items():
            for rank, name in enumerate(ids, 1):
                file.write(f"{query} Q0 {name} {rank} {len(ids) - rank + 1} {tag}\n")


JSON = ".json"
ONLY = ""
"""Name of the only run in a file."""


class _SavedReport(BaseModel):
    """The runs of a report; questions without an answer have an empty list."""

    set: str
    engine: str
    encoder: str
    runs: dict[str, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class SavedRuns:
    """Saved runs.

    `complete`: questions missing from a run were not asked; else they may have had no answer.
    """

    runs: Mapping[str, Run]
    complete: bool
    set_name: str = ""

    def run(self, name: str) -> Run | None:
        """Return the run of that name, or the only one in the file."""
        return self.runs.get(name) or self.runs.get(ONLY)


def write_json_runs(
    path: Path, set_name: str, engine: str, encoder: str, runs: Mapping[str, Run]
) -> None:
    """Write all runs to one JSON file."""
    kept = {name: {q: list(ids) for q, ids in run.items()} for name, run in runs.items()}
    body = _SavedReport(set=set_name, engine=engine, encoder=encoder, runs=kept)
    path.write_text(json.dumps(body.model_dump(), ensure_ascii=False) + "\n", encoding="utf-8")


def write_trec_runs(path: Path, engine: str, runs: Mapping[str, Run]) -> list[Path]:
    """Write one file per run; with several runs, each file has the name before its suffix."""
    written = []
    for name, run in runs.items():
        alone = len(runs) == 1
        file = path if alone else path.with_name(f"{path.stem}.{name}{path.suffix}")
        write_run(file, run, f"quisait-{engine}-{name}")
        written.append(file)
    return written


def read_saved_runs(path: Path) -> SavedRuns:
    """Return the runs that `--run` wrote to this path. Raises `MalformedSet` if there are none."""
    if path.suffix == JSON:
        return _read_json_runs(path)
    if path.is_file():
        return SavedRuns({ONLY: _read_trec_run(path)}, complete=False)
    beside = sorted(path.parent.glob(f"{escape(path.stem)}.*{escape(path.suffix)}"))
    found = {
        file.name.removeprefix(f"{path.stem}.").removesuffix(path.suffix): _read_trec_run(file)
        for file in beside
    }
    if not found:
        raise MalformedSet(f"{path} manque : « quisait evaluate … --run {path} » l'écrit.")
    return SavedRuns(found, complete=False)


def _read_json_runs(path: Path) -> SavedRuns:
    try:
        kept = _SavedReport.model_validate_json(path.read_bytes())
    except OSError:
        raise MalformedSet(
            f"{path} manque ou est illisible : « quisait evaluate … --run {path} » l'écrit."
        ) from None
    except ValidationError:
        raise MalformedSet(f"{path} : ce ne sont pas des réponses enregistrées.") from None
    return SavedRuns(kept.runs, complete=True, set_name=kept.set)


def _read_trec_run(path: Path) -> Run:
    """Return the run, ordered by score like trec_eval, then by rank."""
    rows: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedSet(f"{path} est illisible ({type(error).__name__}).") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            query, _, name, rank, score, _ = line.split()
            rows[query].append((-float(score), int(rank), name))
        except ValueError:
            raise MalformedSet(
                f"{path}:{number} : six colonnes attendues (question Q0 document rang score nom)."
            ) from None
    return {query: [name for _, _, name in sorted(found)] for query, found in rows.items()}
