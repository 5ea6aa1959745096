"""Read rows of an application's SQLite table as documents with their authors and readers."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import Listed, RecordUnreadable, RecordVanished, SourceUnreachable
from connectors.readers import Readers, access_of
from connectors.values import Access, Contribution, ContributorRole, Document, Section

_ROWS = "SELECT id, title, text, author, written, readers FROM documents"
_AUTHOR = ContributorRole.AUTHOR


class Options(BaseModel):
    """The source's table `options` in quisait.toml."""

    model_config = ConfigDict(extra="forbid")
    database: str = Field(description="fichier SQLite de l'application, relatif à quisait.toml")


@dataclass(frozen=True, slots=True)
class TableSource:
    """Lists the table `documents(id, title, text, author, readers, written)`.

    `readers` are principals, separated by spaces; a row without any has those of the source.
    """

    source: str
    path: Path
    default_access: Access

    def roots(self) -> Sequence[Path]:
        """Return the table's file."""
        return (self.path,)

    def listing(self) -> Iterator[Listed]:
        """Yield each row, with a version that changes with everything but its readers."""
        for row in self._rows("", ()):
            document_id, (*said, readers) = f"{self.source}:{row['id']}", row
            version = repr(said).encode()
            try:
                yield Listed(document_id, version, self._access(readers), row["id"])
            except ValueError:
                yield Listed(document_id, version, Access(), problem="ses lecteurs se lisent mal")

    def read(self, listed: Listed) -> Document:
        """Return the document of a row as it is now."""
        if not (rows := self._rows("WHERE id = ?", (listed.place,))):
            raise RecordVanished("la ligne n'est plus là")
        try:
            return self._document(listed.id, rows[0])
        except (TypeError, ValueError) as error:
            raise RecordUnreadable("texte, lecteurs ou date") from error

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access | None]:
        """Return the readers that the rows now name, without rows that are gone or malformed."""
        now = {row.id: row.access for row in self.listing() if not row.problem}
        return {item.id: now[item.id] for item in items if item.id in now}

    def _rows(self, condition: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
        try:
            with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as database:
                database.row_factory = sqlite3.Row
                return database.execute(f"{_ROWS} {condition}", values).fetchall()
        except sqlite3.Error as error:
            raise SourceUnreachable(f"{self.source} : base illisible, vérifiez-la.") from error

    def _access(self, written: str | None) -> Access:
        named = str(written or "").split()
        return access_of(Readers(allowed=named)) if named else self.default_access

    def _document(self, document_id: str, row: sqlite3.Row) -> Document:
        written, author = datetime.fromisoformat(row["written"]), f"{self.source}:{row['author']}"
        return Document(
            id=document_id,
            source=self.source,
            title=row["title"],
            sections=(Section(str.strip(row["text"]), author=author),),
            access=self._access(row["readers"]),
            modified=written,
            contributions=(Contribution(author, _AUTHOR, row["author"], last=written.date()),),
        )


def open_table(place: SourcePlace, options: Options) -> TableSource:
    """Return the source; nothing is read yet."""
    return TableSource(place.source, place.folder / options.database, place.default_access)


KIND = ConnectorKind("table d'une application", Options, open_table)
