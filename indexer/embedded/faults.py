"""What SQLite, tantivy and the disk raise, as what the caller can do about it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from indexer.errors import IndexRefused, IndexUnreachable

_FOR_A_PERSON = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_TOOBIG,
    }
)


@contextmanager
def engine_faults() -> Iterator[None]:
    """Raise `IndexRefused` where a person has to act, else `IndexUnreachable`."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        kind = IndexRefused if code in _FOR_A_PERSON else IndexUnreachable
        raise kind(f"The embedded index's database failed: {error}") from error
    except PermissionError as error:
        raise IndexRefused(f"The embedded index's folder is closed to us: {error}") from error
    except OSError as error:
        raise IndexUnreachable(f"The embedded index's disk failed: {error}") from error


@contextmanager
def text_faults() -> Iterator[None]:
    """Raise `IndexUnreachable` for what tantivy raises (always a ValueError)."""
    try:
        yield
    except ValueError as error:
        raise IndexUnreachable(f"The embedded text index failed: {error}") from error
