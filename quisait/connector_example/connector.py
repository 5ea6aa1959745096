"""Read rows of an application's SQLite table as documents with their authors and readers."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import Change, Checkpoint, ContentStale, Listing, Malformed, Upsert
from connectors.ports import SourceUnreachable as Unreachable
from connectors.records.documents import access_of
from connectors.records.schema import Readers
from connectors.values import Access, Contribution, ContributorRole, Document, Section

PAGE = 100


class Options(BaseModel):
    """The source's table `options` in quisait.toml."""

    model_config = ConfigDict(extra="forbid")
    database: str = Field(description="fichier SQLite de l'application, relatif à quisait.toml")


@dataclass(frozen=True, slots=True)
class TableConnector:
    """Reads the table `documents(number, id, title, text, author, readers, written)`.

    The application gives each written row a number above all others; the cursor is the last number
    read. `readers` are principals separated by spaces; without any, the source's own apply.
    """

    source: str
    path: Path
    default_access: Access

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield rows written after the cursor, then all ids: missing documents were deleted."""
        last = int(since) if since and since.isdecimal() else 0
        while rows := self._rows("WHERE number > ? ORDER BY number LIMIT ?", last, PAGE):
            for row in rows:
                yield from self._changes_of(row)
            last = rows[-1]["number"]
            yield Checkpoint(str(last))
        yield Listing(frozenset(f"{self.source}:{row['id']}" for row in self._rows("")))
        yield Checkpoint(str(last))

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these documents as they are now."""
        for document_id in sorted(document_ids):
            for row in self._rows("WHERE id = ?", document_id.partition(":")[2]):
                yield from self._changes_of(row)

    def _rows(self, condition: str, *values: Any) -> list[sqlite3.Row]:
        try:
            with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as database:
                database.row_factory = sqlite3.Row
                return database.execute(f"SELECT * FROM documents {condition}", values).fetchall()  # noqa: S608 - conditions are this file's
        except sqlite3.Error as error:
            raise Unreachable(f"{self.source} : la base ne se lit pas, vérifiez-la.") from error

    def _changes_of(self, row: sqlite3.Row) -> Iterator[Change]:
        document_id = f"{self.source}:{row['id']}"
        try:
            yield Upsert(self._document(document_id, row))
        except (TypeError, ValueError):
            # Its former text must not stay readable: this row may have removed readers.
            yield Malformed(f"ligne {row['number']}", "texte, lecteurs ou date", document_id)
            yield ContentStale(document_id)

    def _document(self, document_id: str, row: sqlite3.Row) -> Document:
        written = datetime.fromisoformat(row["written"])
        readers = Readers(allowed=str(row["readers"] or "").split())
        author = f"{self.source}:{row['author']}"
        return Document(
            id=document_id,
            source=self.source,
            title=row["title"],
            sections=(Section(str.strip(row["text"]), author=author),),
            access=access_of(readers) if readers.allowed else self.default_access,
            modified=written,
            contributions=(
                Contribution(author, ContributorRole.AUTHOR, row["author"], last=written.date()),
            ),
        )


def open_table(place: SourcePlace, options: Options) -> TableConnector:
    """Return the connector of one source; nothing is read yet."""
    return TableConnector(place.source, place.folder / options.database, place.default_access)


KIND = ConnectorKind("table d'une application", Options, open_table)
