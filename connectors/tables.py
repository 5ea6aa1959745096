"""CSV tables as people's spreadsheets write them: comma or semicolon, BOM, CRLF."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _csv


class TableUnreadable(ValueError):
    """The table as a whole cannot be understood; its text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row by column name; `number` is its line in the file, `problem` is empty if sound."""

    number: int
    cells: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def read_table(content: bytes, columns: frozenset[str], required: str) -> Iterator[Row]:
    """Yield every row that is not blank.

    Raises `TableUnreadable` before the first row where the text is not UTF-8, the
    `required` column is missing, or a column is unknown or named twice.
    """
    text = _text(content)
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
        raise TableUnreadable(f"la colonne « {required} » manque")
    if len(set(header)) < len(header) or not columns.issuperset(header):
        raise TableUnreadable("une colonne est inconnue, ou nommée deux fois")
    return _rows(reader, header)


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableUnreadable("la table n'est pas en UTF-8") from error
    if "\0" in text:
        raise TableUnreadable("la table contient des caractères NUL")
    return text


def _rows(reader: "_csv.Reader", header: list[str]) -> Iterator[Row]:
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Row(number, problem="la ligne n'est pas en CSV")
            continue
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        known = dict(zip(header, cells, strict=False))
        if len(cells) < len(header) or any(cells[len(header) :]):
            yield Row(number, known, f"{len(cells)} cellules ; l'en-tête en a {len(header)}")
        else:
            yield Row(number, known)
