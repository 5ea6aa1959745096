"""Read CSV tables as spreadsheets write them, and limit the number of values in a JSON text."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.faults import expected

if TYPE_CHECKING:
    import _csv

    from pydantic import ValidationError

_CHUNK_BYTES = 1 << 16
_COUNTED_SIGNS = (b",", b"[", b"{")


def exceeds_json_values(raw: bytes, most: int) -> bool:
    """Return whether a JSON text in UTF-8 has more than `most` commas, lists and objects.

    Their number is at least the number of values and keys, minus one. Values are counted before any
    of them is built, because twenty megabytes of empty lists would become half a gigabyte of Python
    objects. Signs inside strings do not count. For text that is not JSON the result is arbitrary.
    """
    if sum(map(raw.count, _COUNTED_SIGNS)) <= most:  # signs in strings included
        return False
    bare = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    found, inside = 0, 0
    for at in range(0, len(bare), _CHUNK_BYTES):
        pieces = bare[at : at + _CHUNK_BYTES].split(b'"')
        outside = b"".join(pieces[inside::2])
        found += sum(map(outside.count, _COUNTED_SIGNS))
        if found > most:
            return True
        inside ^= (len(pieces) - 1) & 1
    return False


class TableUnreadable(ValueError):
    """The table as a whole is invalid; the text says why."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row by column name; `number` is its line in the file, `problem` is empty if it is valid."""

    number: int
    cells: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def read_table(content: bytes, columns: frozenset[str], required: str) -> Iterator[TableRow]:
    """Yield every row that is not blank.

    Raises `TableUnreadable` before the first row if the text is not UTF-8, the
    `required` column is missing, or a column is unknown or named twice.
    """
    text = _decode(content)
    first_line = text.partition("\n")[0]
    delimiter = ";" if first_line.count(";") > first_line.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
    except csv.Error as error:
        raise TableUnreadable("la ligne d'en-tête n'est pas en CSV") from error
    while header and not header[-1]:  # spreadsheets add empty columns at the end
        header.pop()
    if required not in header:
        raise TableUnreadable(f"la colonne « {required} » manque à l'en-tête")
    if twice := [name for name in header if header.count(name) > 1]:
        raise TableUnreadable(f"la colonne « {twice[0][:40]} » est nommée deux fois")
    if unknown := [name for name in header if name not in columns]:
        known = ", ".join(sorted(columns))
        raise TableUnreadable(f"la colonne « {unknown[0][:40]} » est inconnue ; connues : {known}")
    return _rows(reader, header)


def none_if_empty(cell: object) -> object:
    """Return a cell's value, or None for an empty cell."""
    return None if cell == "" else cell


def invalid_value(error: "ValidationError", columns: Collection[str]) -> str:
    """Return the first invalid column of a row and what it expects, never the value."""
    first = error.errors(include_input=False, include_url=False)[0]
    column = first["loc"][0] if first["loc"] and first["loc"][0] in columns else "?"
    return f"« {column} » : {expected(first)}"


def _decode(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableUnreadable("la table n'est pas en UTF-8") from error
    if "\0" in text:
        raise TableUnreadable("la table contient des caractères NUL")
    return text


def _rows(reader: "_csv.Reader", header: list[str]) -> Iterator[TableRow]:
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield TableRow(number, problem="la ligne n'est pas en CSV")
            continue
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        known = dict(zip(header, cells, strict=False))
        if len(cells) < len(header) or any(cells[len(header) :]):
            yield TableRow(number, known, f"{len(cells)} cellules ; l'en-tête en a {len(header)}")
        else:
            yield TableRow(number, known)
