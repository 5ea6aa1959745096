"""Tables that administrators edit, an entry at a time: glossary and topics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of an editable table. `name` is its form field; `label` and `hint` are French.

    `choices`: the texts that a cell may have, with their French labels; empty for any text.
    """

    name: str
    label: str
    hint: str = ""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TableEntry:
    """An entry of the table: its line in the file, from 1, and a cell for each column.

    `fault`: why the line is ignored, in French; empty if the line is valid. `name`: the entry's
    name in the audit log.
    """

    line: int
    name: str
    cells: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class EditedTable:
    """A file that administrators edit; comments of the file are kept and not shown.

    `version` changes with the text. `locked`: why the file cannot be written, in French; empty if
    it can. `applies`: the time from which a change applies, in French.
    """

    name: str
    label: str
    columns: tuple[TableColumn, ...]
    entries: tuple[TableEntry, ...]
    version: str
    locked: str
    applies: str


@dataclass(frozen=True, slots=True)
class TableChange:
    """A change of one entry: `line` is None for a new entry, `cells` is None for a removal.

    `version`: the version of the file in which the line was seen.
    """

    version: str
    line: int | None
    cells: tuple[str, ...] | None


class EntryAct(StrEnum):
    """The kind of a change of an entry."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """The lines before and after a change, empty where there is none, and its French effects.

    `entry` is the name of the entry in the audit log.
    """

    entry: str
    before: str
    after: str
    effects: tuple[str, ...]

    @property
    def act(self) -> EntryAct:
        """The kind of the change."""
        if not self.before:
            return EntryAct.ADD
        return EntryAct.CHANGE if self.after else EntryAct.REMOVE


class FileChanged(ValueError):
    """The file was changed by another person meanwhile. The text is a French sentence."""


class EditedTables(Protocol):
    """Reads and changes the tables that the settings name."""

    def names(self) -> Mapping[str, str]:
        """Return the name of each table in addresses, by its label."""
        ...

    def read(self, name: str) -> EditedTable:
        """Return the current table. Raises `KeyError` if unknown, `ValueError` with a sentence."""
        ...

    def preview(self, name: str, change: TableChange) -> ChangePreview:
        """Return the effects of a change, without writing it.

        Raises `KeyError` for an unknown table, `FileChanged` if the file changed since the change's
        version, and `ValueError` with a sentence if the entry is wrong or the file is locked.
        """
        ...

    def write(self, name: str, change: TableChange) -> ChangePreview:
        """Write a change completely or not at all, and keep a copy of the former file.

        Raises like `preview`.
        """
        ...


def cells_of(columns: Sequence[TableColumn], typed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the typed text of each column, on one line."""
    return tuple(" ".join(typed.get(one.name, "").split()) for one in columns)
