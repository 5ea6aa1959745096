"""Runs kept for a later comparison: as TREC's files, or all of a report in one JSON file."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from pydantic import BaseModel, ValidationError

from quisait.evaluation.corpora import MalformedSet
from quisait.evaluation.measures import Run, write_run

JSON = ".json"
ONLY = ""
"""The name of a run that a file holds alone."""


class _Kept(BaseModel):
    """A report's runs; a question without an answer is there too, with an empty list."""

    set: str
    engine: str
    encoder: str
    runs: dict[str, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class SavedRuns:
    """`complete`: a question that a run lacks was not asked. Else it may have had no answer."""

    runs: Mapping[str, Run]
    complete: bool
    set_name: str = ""

    def run(self, name: str) -> Run | None:
        """The run of that name, or the one that is there alone."""
        return self.runs.get(name) or self.runs.get(ONLY)


def write_all(
    path: Path, set_name: str, engine: str, encoder: str, runs: Mapping[str, Run]
) -> None:
    """All the runs in one JSON file."""
    kept = {name: {q: list(ids) for q, ids in run.items()} for name, run in runs.items()}
    body = _Kept(set=set_name, engine=engine, encoder=encoder, runs=kept)
    path.write_text(json.dumps(body.model_dump(), ensure_ascii=False) + "\n", encoding="utf-8")


def write_trec(path: Path, engine: str, runs: Mapping[str, Run]) -> list[Path]:
    """One file for one run; for several, each has its name before the suffix."""
    written = []
    for name, run in runs.items():
        alone = len(runs) == 1
        file = path if alone else path.with_name(f"{path.stem}.{name}{path.suffix}")
        write_run(file, run, f"quisait-{engine}-{name}")
        written.append(file)
    return written


def read_saved(path: Path) -> SavedRuns:
    """What `--run` wrote under that name. Raises `MalformedSet` where there is nothing of it."""
    if path.suffix == JSON:
        return _read_json(path)
    if path.is_file():
        return SavedRuns({ONLY: _read_trec(path)}, complete=False)
    beside = sorted(path.parent.glob(f"{escape(path.stem)}.*{escape(path.suffix)}"))
    found = {
        file.name.removeprefix(f"{path.stem}.").removesuffix(path.suffix): _read_trec(file)
        for file in beside
    }
    if not found:
        raise MalformedSet(f"{path} manque : « quisait evaluate … --run {path} » l'écrit.")
    return SavedRuns(found, complete=False)


def _read_json(path: Path) -> SavedRuns:
    try:
        kept = _Kept.model_validate_json(path.read_bytes())
    except OSError:
        raise MalformedSet(
            f"{path} manque ou est illisible : « quisait evaluate … --run {path} » l'écrit."
        ) from None
    except ValidationError:
        raise MalformedSet(f"{path} : ce ne sont pas des réponses enregistrées.") from None
    return SavedRuns(kept.runs, complete=True, set_name=kept.set)


def _read_trec(path: Path) -> Run:
    """By score, as trec_eval reads a run, then by rank."""
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
