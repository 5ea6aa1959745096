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
    """Raise `IndexUnreachable` for what tantivy raises (always a ValueError)."""
    try:
        yield
    except ValueError as error:
        raise IndexUnreachable(
            f"L'index de texte intégré a échoué : relancez ({error})."
        ) from error
