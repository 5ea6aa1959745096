"""Whole documents with their vectors in one SQLite file: a backup contains such a file.

The file has the embedded index's format, whichever engine the documents come from. A backup writes
the file from the live index; a restoration only reads it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from indexer.embedded.index import StoredDocuments
from indexer.embedded.rows import indexed_of
from indexer.embedded.store import FORMAT, Store, engine_faults
from indexer.errors import IndexRefused
from indexer.values import IndexedDocument

_EVERY = (
    "SELECT d.card, d.content_hash, d.record_hash, a.key, c.passages, c.vectors, d.facets"
    " FROM documents d JOIN contents c USING (seq) JOIN access a ON a.id = d.access"
    " ORDER BY d.seq"
)


class DocumentFile(StoredDocuments):
    """A `StoredIndex` in one file: it is written and compared, never searched."""

    format = FORMAT

    def __init__(self, path: Path, dimension: int) -> None:
        super().__init__(Store(path, dimension), dimension)

    def close(self) -> None:
        """Turn the file into a single one without a journal, and close it."""
        self.flush()
        with engine_faults():
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
        meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        if (meta["format"], meta["dimension"]) != (FORMAT, dimension):
            raise IndexRefused(
                "Les documents de cette sauvegarde sont d'une autre version de quisait : "
                "restaurez-la avec la version qui l'a faite, puis mettez à niveau."
            )
        for row in connection.execute(_EVERY):
            yield indexed_of(row, dimension)


def _quoted(path: Path) -> str:
    return path.resolve().as_uri().removeprefix("file://")
