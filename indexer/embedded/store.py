"""The store of the embedded index: one SQLite file in WAL mode, which is authoritative.

Also turns the engine's errors into `IndexerError`s.
"""

import json
import random
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple
from pathlib import Path

import numpy as np

from connectors.values import Access
from indexer.cards import card_of
from indexer.embedded.rows import (
    DocumentRow,
    WholeRow,
    access_key,
    access_of,
    facets_of,
    hit_attributes_of,
    passages_of,
)
from indexer.errors import IndexDamaged, IndexOfOtherVersion, IndexRefused, IndexUnreachable
from indexer.values import WITHHELD, IndexEntry, PutAccess, Remove

_FOR_A_PERSON = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_TOOBIG,
    }
)


_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@contextmanager
def engine_faults() -> Iterator[None]:
    """Raise `IndexDamaged`, `IndexRefused` if a person has to act, else `IndexUnreachable`."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            raise IndexDamaged(str(error)) from error
        kind = IndexRefused if code in _FOR_A_PERSON else IndexUnreachable
        raise kind(
            f"La base de l'index intégré est en faute ({error}) : vérifiez la place et les droits."
        ) from error
    except PermissionError as error:
        raise IndexRefused(
            f"Le dossier de l'index intégré nous est fermé : ouvrez-en les droits ({error})."
        ) from error
    except OSError as error:
        raise IndexUnreachable(
            f"Le disque de l'index intégré est en faute : vérifiez-le, puis relancez ({error})."
        ) from error


@contextmanager
def text_faults() -> Iterator[None]:
    """Raise `IndexUnreachable` for tantivy's errors (a ValueError), `IndexDamaged` for a panic."""
    try:
        yield
    except ValueError as error:
        raise IndexUnreachable(
            f"L'index de texte intégré a échoué : relancez ({error})."
        ) from error
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        raise IndexDamaged("index de texte") from error


PANIC = "PanicException"
"""Name of the error that tantivy's binding raises for a truncated segment; it cannot be imported.
"""
FORMAT = "1"
"""Raise this number when the layout of rows changes (`tests/unit/test_index_layout.py`)."""
BUSY_TIMEOUT_S = 30.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS access (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY, changed INTEGER NOT NULL, access INTEGER NOT NULL,
    id TEXT UNIQUE NOT NULL, source TEXT NOT NULL, card TEXT NOT NULL, facets TEXT NOT NULL,
    newest REAL NOT NULL, content_hash TEXT NOT NULL, record_hash TEXT NOT NULL,
    title_terms TEXT NOT NULL, title_words TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS documents_changed ON documents (changed);
CREATE INDEX IF NOT EXISTS documents_source ON documents (source);
CREATE INDEX IF NOT EXISTS documents_access ON documents (access);
CREATE TABLE IF NOT EXISTS contents (
    seq INTEGER PRIMARY KEY, body_terms TEXT NOT NULL, passages TEXT NOT NULL,
    vectors BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS removed (seq INTEGER PRIMARY KEY, document INTEGER NOT NULL);
"""

_KEPT = (
    "SELECT d.seq, d.id, d.content_hash, d.record_hash, a.key FROM documents d"
    " JOIN access a ON a.id = d.access"
)

_WHOLE = (
    "SELECT d.card, d.content_hash, d.record_hash, a.key, c.passages, c.vectors, d.facets"
    " FROM documents d JOIN contents c USING (seq) JOIN access a ON a.id = d.access"
    " WHERE d.id IN (SELECT value FROM json_each(?))"
)
_ROW = (
    "SELECT d.seq, d.card, d.content_hash, d.record_hash, a.key, c.passages, c.vectors, d.facets"
    " FROM documents d LEFT JOIN contents c USING (seq) LEFT JOIN access a ON a.id = d.access"
)
SALVAGED_AT_ONCE = 256

StoreWrite = tuple[DocumentRow, Access] | PutAccess | Remove


class Store:
    """A SQLite file with one connection per thread and short transactions.

    With `read_only`, SQLite refuses every write.
    """

    def __init__(self, path: Path, dimension: int, *, read_only: bool = False) -> None:
        self._path, self.read_only = path, read_only
        self._local = threading.local()
        opened = self.reading() if read_only else self.writing()
        with engine_faults(), opened as connection:
            if not read_only:
                self._prepare(connection, dimension)
            self.uid = self._checked(connection, dimension)

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            _to_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")  # what is acknowledged is durable
            connection.execute("PRAGMA secure_delete = ON")  # a deleted text is overwritten
            if self.read_only:
                connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
        return connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run the block in a write transaction, which is applied whole or not at all."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Run the block in a read transaction: all its reads see the same state."""
        with self._transaction("BEGIN") as connection:
            yield connection

    def apply(self, batch: Iterable[StoreWrite]) -> None:
        """Apply the writes in order, in one transaction."""
        with self.writing() as connection:
            seq = self.seq(connection)
            for seq, write in enumerate(batch, start=seq + 1):  # noqa: B020 — ends on the last one
                _apply(connection, seq, write)
            connection.execute("UPDATE meta SET value = ? WHERE name = 'seq'", (seq,))

    def seq(self, connection: sqlite3.Connection) -> int:
        """Return the number of the last change."""
        return _number(connection, "seq")

    def progress(self) -> tuple[int, int]:
        """Return the numbers of the last change, and of the last change in the text index."""
        rows = self.connection().execute(
            "SELECT name, value FROM meta WHERE name IN ('seq', 'applied')"
        )
        positions = dict(rows.fetchall())
        return int(positions["seq"]), int(positions["applied"])

    def mark_applied(self, seq: int) -> None:
        """Record that the text index has committed all changes up to `seq`."""
        with self.writing() as connection:
            connection.execute("UPDATE meta SET value = ? WHERE name = 'applied'", (seq,))

    def forget_lists(self) -> None:
        """Delete access lists that no document names.

        The newest list stays: if its number were reused, processes with lists in memory would
        confuse the two lists.
        """
        with self.writing() as connection:
            connection.execute(
                "DELETE FROM access WHERE id < (SELECT max(id) FROM access)"
                " AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.access = access.id)"
            )

    def empty_journal(self) -> None:
        """Write the write-ahead journal to the file, and empty it.

        Deleted content is overwritten in the file (`secure_delete`), but stays in the journal until
        then. Raises `IndexUnreachable` if other connections read for too long.
        """
        ((busy, _, _),) = self.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if busy:
            raise IndexUnreachable(
                "L'index intégré est occupé : son journal n'a pas pu être vidé. Relancez plus tard."
            )

    def kept(self, document_ids: Sequence[str]) -> Iterator[IndexEntry]:
        """Return the entries of these documents."""
        rows = self.connection().execute(
            f"{_KEPT} WHERE d.id IN (SELECT value FROM json_each(?))",  # noqa: S608 — constants
            (json.dumps(document_ids),),
        )
        return (_kept(row) for row in rows.fetchall())

    def whole(self, document_ids: Sequence[str]) -> list[WholeRow]:
        """Return the whole rows of these documents."""
        rows = self.connection().execute(_WHOLE, (json.dumps(document_ids),))
        return rows.fetchall()

    def sources(self) -> frozenset[str]:
        """Return the sources that have at least one document."""
        rows = self.connection().execute("SELECT DISTINCT source FROM documents")
        return frozenset(source for (source,) in rows)

    def denials(self, source: str) -> dict[str, int]:
        """Return the denied principals of a source, and how many documents deny each."""
        rows = self.connection().execute(
            "SELECT a.key, count(*) FROM access a JOIN documents d ON d.access = a.id"
            " WHERE a.key NOT LIKE '%, []]' AND d.source = ? GROUP BY a.id",
            (source,),
        )
        counted: Counter[str] = Counter()
        for key, count in rows:
            counted.update(dict.fromkeys(access_of(key).denied, count))
        return dict(counted)

    def without_readers(self, source: str) -> int:
        """Return how many documents of a source name no reader."""
        rows = self.connection().execute(
            "SELECT a.key, count(*) FROM access a JOIN documents d ON d.access = a.id"
            " WHERE a.key LIKE '[[], %' AND d.source = ? GROUP BY a.id",
            (source,),
        )
        return sum(count for key, count in rows if access_of(key) != WITHHELD)

    def count(self, source: str) -> int:
        """Return the number of documents of a source."""
        rows = self.connection().execute(
            "SELECT count(*) FROM documents WHERE source = ?", (source,)
        )
        return int(rows.fetchone()[0])

    def sample(self, count: int) -> list[tuple[int, WholeRow]]:
        """Return (row number, whole row) of at most `count` documents, drawn at random."""
        connection = self.connection()
        last = connection.execute("SELECT max(seq) FROM documents").fetchone()[0] or 0
        drawn = random.sample(range(last + 1), min(count, last + 1))
        sampled = {}
        for least in drawn:
            row = connection.execute(
                f"{_ROW} WHERE d.seq >= ? ORDER BY d.seq LIMIT 1", (least,)
            ).fetchone()
            if row:
                sampled[row[0]] = (row[0], row[1:])
        return list(sampled.values())

    def verify(self) -> None:
        """Read every page. Raises `IndexDamaged` if one is damaged."""
        ((verdict,),) = self.connection().execute("PRAGMA quick_check(1)").fetchall()
        if verdict != "ok":
            raise IndexDamaged("index.sqlite")

    def vector_bytes(self) -> int:
        """Return the size of all vectors in bytes; only their lengths are read."""
        (total,) = self.connection().execute("SELECT sum(length(vectors)) FROM contents").fetchone()
        return int(total or 0)

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield every document of a source, in steps, so that no transaction stays open."""
        last = 0
        while True:
            rows = self.connection().execute(
                f"{_KEPT} WHERE d.source = ? AND d.seq > ? ORDER BY d.seq LIMIT 1000",
                (source, last),
            ).fetchall()  # fmt: skip
            yield from map(_kept, rows)
            if not rows:
                return
            last = rows[-1][0]

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self.connection()
        connection.execute(begin)
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @staticmethod
    def _prepare(connection: sqlite3.Connection, dimension: int) -> None:
        """Create missing tables, and the index's unique id."""
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        wanted = {"format": FORMAT, "dimension": dimension, "seq": 0, "applied": 0}
        connection.executemany(
            "INSERT OR IGNORE INTO meta VALUES (?, ?)", [*wanted.items(), ("uid", uuid.uuid4().hex)]
        )

    @staticmethod
    def _checked(connection: sqlite3.Connection, dimension: int) -> str:
        """Check that the file is ours, and return its unique id."""
        meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        if meta["format"] != FORMAT:
            raise IndexOfOtherVersion
        if meta["dimension"] != dimension:
            raise IndexRefused(
                f"Cet index tient des vecteurs de {meta['dimension']} nombres ; l'encodeur en "
                f"donne {dimension}. Lancez « quisait reindex »."
            )
        _require_readable(connection)
        return str(meta["uid"])


def _require_readable(connection: sqlite3.Connection) -> None:
    """Raise `IndexOfOtherVersion` if the oldest or the newest row has another layout.

    Former versions changed the layout without raising `FORMAT`.
    """
    for order in ("ASC", "DESC"):
        try:
            row = connection.execute(f"{_ROW} ORDER BY d.seq {order} LIMIT 1").fetchone()
            if row:
                _, card, _, _, key, passages, _, facets = row
                _ = card_of(card), access_of(key), passages_of(passages)
                values, title, encoded = facets_of(facets)
                hit_attributes_of(encoded, values, title, 0.0, np.empty((0, 1), np.float32))
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise IndexOfOtherVersion from error
        except sqlite3.OperationalError as error:  # no such column
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
                raise IndexOfOtherVersion from error
            raise


def _to_wal(connection: sqlite3.Connection) -> None:
    """Turn on WAL, so that readers do not block a writer.

    SQLite refuses at once if another process does the same to a new file, so this is retried.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def salvaged_rows(path: Path) -> Iterator[WholeRow | None]:
    """Yield every readable row of a damaged file, and None for each unreadable row.

    A range of rows with an error is halved until only single rows are left out. The first item is
    None if the check of the whole file fails, since rows may then be missing unnoticed.
    """
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as connection:
        try:
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                yield None
            last = connection.execute("SELECT value FROM meta WHERE name = 'seq'").fetchone()[0]
        except (sqlite3.Error, TypeError):
            yield None
            return
        stretches = [
            (start, start + SALVAGED_AT_ONCE) for start in range(1, last + 1, SALVAGED_AT_ONCE)
        ]
        stretches.reverse()
        while stretches:
            start, end = stretches.pop()
            try:
                rows = connection.execute(
                    f"{_ROW} WHERE d.seq >= ? AND d.seq < ? ORDER BY d.seq", (start, end)
                ).fetchall()
            except sqlite3.Error:
                middle = (start + end) // 2
                if end - start == 1:
                    yield None
                else:
                    stretches += [(middle, end), (start, middle)]
            else:
                yield from (row[1:] for row in rows)


def _kept(row: tuple[int, str, str, str, str]) -> IndexEntry:
    _, document_id, content_hash, record_hash, key = row
    return IndexEntry(document_id, content_hash, record_hash, access_of(key))


def _apply(connection: sqlite3.Connection, seq: int, write: StoreWrite) -> None:
    if isinstance(write, PutAccess):
        existing = connection.execute(
            "SELECT seq FROM documents WHERE id = ?", (write.document_id,)
        ).fetchone()
        if existing:
            connection.execute(
                "UPDATE documents SET changed = ?, access = ? WHERE seq = ?",
                (seq, _access_id(connection, write.access), existing[0]),
            )
    elif isinstance(write, Remove):
        _remove(connection, seq, write.document_id)
    else:
        row, access = write
        _remove(connection, seq, row.id)
        _insert(connection, seq, row, _access_id(connection, access))


def _remove(connection: sqlite3.Connection, seq: int, document_id: str) -> None:
    existing = connection.execute(
        "SELECT seq FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    if existing:
        connection.execute("DELETE FROM documents WHERE seq = ?", existing)
        connection.execute("DELETE FROM contents WHERE seq = ?", existing)
        connection.execute("INSERT INTO removed VALUES (?, ?)", (seq, existing[0]))


def _insert(connection: sqlite3.Connection, seq: int, row: DocumentRow, access_id: int) -> None:
    fields: Sequence[object] = astuple(row)
    connection.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (seq, seq, access_id, *fields[:9]),
    )
    connection.execute("INSERT INTO contents VALUES (?, ?, ?, ?)", (seq, *fields[9:]))


def _access_id(connection: sqlite3.Connection, access: Access) -> int:
    key = access_key(access)
    row = connection.execute("SELECT id FROM access WHERE key = ?", (key,)).fetchone()
    if row is None:
        return connection.execute("INSERT INTO access (key) VALUES (?)", (key,)).lastrowid or 0
    return int(row[0])


def _number(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0])
