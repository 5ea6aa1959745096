"""Rows of the directory's tables: CSV or JSON Lines, by extension."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from connectors.contained import read_ordinary
from connectors.directory_lines import Line
from connectors.errors import SourceRefused, SourceUnreachable
from connectors.json_size import holds_more_values
from connectors.tables import Row, TableUnreadable, read_table

L = TypeVar("L", bound=Line)

_MAX_LINE_VALUES = 250_000
"""A group of all agents, one line."""


def lines_of(path: Path, model: type[L], required: str) -> Iterator[tuple[str, L | str]]:
    """Each row as (where, line), or as (where, reason) where it cannot be understood."""
    content = _content(path)
    columns = frozenset(model.model_fields)
    try:
        rows = (
            read_table(content, columns, required)
            if path.suffix.lower() == ".csv"
            else _json_rows(content)
        )
    except TableUnreadable as error:
        raise SourceRefused(
            f"{path.name} : {error}. Corrigez le fichier, puis relancez."
        ) from error
    for row in rows:
        where = f"{path.name}:{row.number}"
        if row.problem:
            yield where, row.problem
            continue
        try:
            yield where, model.model_validate(row.cells)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            field = first["loc"][0] if first["loc"] and first["loc"][0] in columns else "?"
            yield where, f"« {field} » : valeur refusée ({first['type']})"


def _content(path: Path) -> bytes:
    if path.suffix.lower() not in {".csv", ".jsonl"}:
        raise SourceRefused(f"{path.name} : donnez l'annuaire en .csv ou en .jsonl.")
    try:
        return read_ordinary(path)
    except OSError as error:
        raise SourceUnreachable(
            f"{path} ne peut être lu ({error.strerror}) : vérifiez le chemin et les droits."
        ) from error


def _json_rows(content: bytes) -> Iterator[Row]:
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not raw.strip():
            continue
        if holds_more_values(raw, _MAX_LINE_VALUES):
            yield Row(number, problem=f"ligne de plus de {_MAX_LINE_VALUES} valeurs JSON")
            continue
        try:
            cells: Any = json.loads(raw)
        except (ValueError, RecursionError):
            cells = None
        yield (
            Row(number, cells)
            if isinstance(cells, dict)
            else Row(number, problem="ce n'est pas un objet JSON")
        )
