"""Reports of evaluations: text, JSON body, and run files for other tools."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.corpora import ExpertSet, SearchSet
from evaluation.measures import (
    JSON,
    Figure,
    Run,
    differences,
    figures,
    values,
    write_json_runs,
    write_trec_runs,
)
from evaluation.scratch import Bench

Row = Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of each run, and the differences of the served run to the others."""

    set_name: str
    engine: str
    encoder: str
    documents: int
    queries: int
    groups: int
    rows: Mapping[str, Row]
    gains: Mapping[str, Row]
    runs: Mapping[str, Run]


def make_report(
    judged: SearchSet | ExpertSet,
    bench: Bench,
    encoder: str,
    names: Sequence[str],
    runs: Mapping[str, Run],
) -> Report:
    """Measure the runs; compare the served one (hybrid, experts) with each other one."""
    measured = {name: values(run, judged.judgments, names) for name, run in runs.items()}
    served = next((name for name in ("hybrid", "experts") if name in runs), "")
    return Report(
        set_name=judged.name,
        engine=bench.index.engine,
        encoder=encoder,
        documents=len(judged.documents),
        queries=len(judged.queries),
        groups=len({query.group for query in judged.queries}),
        rows={name: figures(found, judged.queries) for name, found in measured.items()},
        gains={
            f"{served} - {name}": differences(measured[served], found, judged.queries)
            for name, found in measured.items()
            if served and name != served
        },
        runs=runs,
    )


def report_body(report: Report) -> dict[str, Any]:
    """Return the report as JSON values; measures have their names of ir_measures."""
    return {
        "set": report.set_name,
        "engine": report.engine,
        "encoder": report.encoder,
        "documents": report.documents,
        "queries": report.queries,
        "groups": report.groups,
        "runs": {name: _row_body(row) for name, row in report.rows.items()},
        "differences": {name: _row_body(row) for name, row in report.gains.items()},
    }


def _row_body(row: Row) -> dict[str, Any]:
    errors = {
        name: None if math.isnan(figure.standard_error) else figure.standard_error
        for name, figure in row.items()
    }
    return {**{name: figure.mean for name, figure in row.items()}, "standard_error": errors}


def report_text(report: Report) -> str:
    """Return the report as a table, each figure with its standard error."""
    names = list(next(iter(report.rows.values())))
    lines = [
        f"{report.set_name} · {report.engine} · {report.encoder}",
        f"{report.documents} documents, {report.queries} questions en {report.groups} groupes "
        "(± erreur type, par groupe)",
        "",
        f"{'':22}" + "".join(f"{name:>16}" for name in names),
    ]
    for name, row in report.rows.items():
        lines.append(f"{name:22}" + "".join(f"{_shown(row[m]):>16}" for m in names))
    for name, row in report.gains.items():
        lines.append(f"{name:22}" + "".join(f"{_shown(row[m], '+'):>16}" for m in names))
    return "\n".join(lines)


def _shown(figure: Figure, sign: str = "") -> str:
    error = "" if math.isnan(figure.standard_error) else f" ± {figure.standard_error:.3f}"
    return f"{figure.mean:{sign}.3f}{error}"


def write_runs(report: Report, path: Path) -> list[Path]:
    """Write the runs: as one JSON file, or as TREC files with the run's name before the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != JSON:
        return write_trec_runs(path, report.engine, report.runs)
    write_json_runs(path, report.set_name, report.engine, report.encoder, report.runs)
    return [path]
