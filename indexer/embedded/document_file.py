"""Whole documents with their vectors in one SQLite file: the part of a backup for an index.

The file has the embedded index's format, whichever engine the documents come from. It is written by
a copy from the live index, and read back without being changed.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from indexer.embedded.index import encodable, prepared_writes
from indexer.embedded.rows import indexed_of
from indexer.embedded.store import FORMAT, Store, engine_faults
from indexer.errors import IndexRefused
from indexer.values import IndexedDocument, IndexEntry, Write, WriteReport

_EVERY = (
    "SELECT d.card, d.content_hash, d.record_hash, a.key, c.passages, c.vectors"
    " FROM documents d JOIN contents c USING (seq) JOIN access a ON a.id = d.access"
    " ORDER BY d.seq"
)


class DocumentFile:
    """A `StoredIndex` in one file: it is written and compared, never searched."""

    format = FORMAT

    def __init__(self, path: Path, dimension: int) -> None:
        self._store, self._dimension = Store(path, dimension), dimension

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Apply a batch in one transaction."""
        prepared, failed = prepared_writes(batch, self._dimension)
        with engine_faults():
            if prepared:
                self._store.apply(prepared)
        return WriteReport(written=len(prepared), failed=tuple(failed))

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """Return the entries of these documents by id, without missing ones."""
        wanted = [document_id for document_id in document_ids if encodable(document_id)]
        with engine_faults():
            return {entry.document_id: entry for entry in self._store.kept(wanted)}

    def count(self, source: str) -> int:
        """Return the number of documents of a source."""
        with engine_faults():
            return self._store.count(source)

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield the entry of every document of a source."""
        with engine_faults():
            yield from self._store.scan(source)

    def sources(self) -> frozenset[str]:
        """Return the sources that have documents."""
        with engine_faults():
            return self._store.sources()

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """Yield these documents whole."""
        with engine_faults():
            rows = self._store.whole([one for one in document_ids if encodable(one)])
        return (indexed_of(row, self._dimension) for row in rows)

    def close(self) -> None:
        """Turn the file into a single one without a journal, and close it."""
        with engine_faults():
            self._store.forget_lists()
            connection = self._store.connection()
            connection.execute("PRAGMA journal_mode = DELETE")
            # Erase what was deleted during the copy.
            connection.execute("VACUUM")
            connection.close()


def read_documents(path: Path, dimension: int) -> Iterator[IndexedDocument]:
    """Yield every document of a file that `DocumentFile` closed; the file may be read-only.

    Raises `IndexRefused` for a file of another format or dimension.
    """
    address = f"file:{_quoted(path)}?mode=ro&immutable=1"
    with engine_faults(), closing(sqlite3.connect(address, uri=True)) as connection:
        kept = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        if (kept["format"], kept["dimension"]) != (FORMAT, dimension):
            raise IndexRefused(
                "Les documents de cette sauvegarde sont d'une autre version de quisait : "
                "restaurez-la avec la version qui l'a faite, puis mettez à niveau."
            )
        for row in connection.execute(_EVERY):
            yield indexed_of(row, dimension)


def _quoted(path: Path) -> str:
    return path.resolve().as_uri().removeprefix("file://")
