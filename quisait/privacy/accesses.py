"""Keep revoked access revoked when the state's database is restored from a copy.

A table that gives access has `info={"gives_access": KIND}`. Deleting one of its rows, or changing a
column with the same info, is a revocation. A revocation increments the mark of its kind, in the
same transaction, and then in a file beside the register of deletions, which is not restored with
the database. A database whose mark is lower than the mark in the file is an older copy: the tables
of that kind are emptied before the database is used (decision 56).
"""

import errno
import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from expertise.directory import mark_directory_changed
from indexer import sql
from indexer.state import cursors, requested_runs
from quisait.clock import now
from quisait.features import installed_features
from quisait.privacy.register import RegisterMismatch, RegisterUnusable
from quisait.settings import DIRECTORY
from quisait.settings.files import LockedFile, account, locked_file, try_writing, write_whole
from quisait.settings.types import reason_of

log = logging.getLogger(__name__)

GIVES_ACCESS = "gives_access"
"""Key in the `info` of a table or a column that gives access; its value is a kind of access."""
OF_DIRECTORY = "directory"
"""The kind of the directory's tables, which a reading of the directory fills again."""
LABELS = {
    "sessions": "sessions",
    "personal_tokens": "jetons personnels",
    OF_DIRECTORY: "annuaire",
    **{kind: name for one in installed_features() for kind, name in one.accesses.items()},
}
"""Every kind of access, and its name for administrators."""

metadata = sa.MetaData()

access_marks = sa.Table(
    "access_marks",
    metadata,
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("emptied", sql.Moment),
)
"""For each kind, how many transactions revoked access, and when its tables were last emptied.

The number is 0 or negative as long as the outside file cannot be written.
"""

_PENDING, _MOVED = "quisait revoked", "quisait moved marks"
"""Keys in a connection's `info`: kinds whose marks are incremented at its commit; whether the file
may be behind.
"""

Marks = Mapping[str, int]


def access_tables(every: Sequence[sa.MetaData], kind: str | None = None) -> list[sa.Table]:
    """Return the tables that give access, either all or only of one kind."""
    return [
        table
        for tables in every
        for table in tables.sorted_tables
        if (found := table.info.get(GIVES_ACCESS)) and kind in (None, found)
    ]


def empty_accesses(
    connection: sa.Connection, every: Sequence[sa.MetaData], kinds: Collection[str] = LABELS
) -> int:
    """Delete all access of these kinds and return the number of rows.

    For the directory's kind, also request a new reading of the directory.
    """
    rows = sum(
        connection.execute(sa.delete(table)).rowcount
        for kind in kinds
        for table in access_tables(every, kind)
    )
    if OF_DIRECTORY in kinds:
        mark_directory_changed(connection)
        for table in (cursors, requested_runs):
            connection.execute(sa.delete(table).where(table.c.source == DIRECTORY))
        connection.execute(sa.insert(requested_runs).values(source=DIRECTORY, moment=now()))
    return rows


@dataclass(frozen=True, slots=True)
class EmptiedAccess:
    """A kind of access whose tables were emptied because the database was an older copy."""

    kind: str
    moment: datetime


class AccessMarks:
    """The marks in one database, and in the file beside the register.

    The database is written first, so the file is never ahead of its own database.
    """

    def __init__(self, engine: sa.Engine, register: Path, every: Sequence[sa.MetaData]) -> None:
        self._engine, self._every = engine, every
        self.path = marks_file(register)

    def enforce(self, *, may_empty: bool) -> None:
        """Empty the kinds of access that may have been revoked since the database was copied.

        Call this before the database is used. If the file is missing although the database expects
        one, every kind is emptied. Raises `RegisterUnusable` if the file cannot be read, or if rows
        would be deleted but the file cannot be written.

        Unless `may_empty`, no row is deleted: raises `RegisterMismatch`, or only logs a warning if
        the file cannot be written, because deletions must not wait for it.
        """
        outside = self._outside()
        with self._engine.connect() as connection:
            inside = _inside(connection)
            older = _older(inside, outside)
            has_rows = bool(older) and self._has_rows(connection, older)
        if outside == inside and inside.keys() == LABELS.keys():
            return
        if has_rows:
            try:
                try_writing(self.path)
            except OSError as error:
                if may_empty:
                    raise RegisterUnusable(self._unwritable(error)) from error
                _warn(error)
                return
            if not may_empty:
                raise RegisterMismatch(self._mismatch(outside))
        with ExitStack() as stack:
            # If the lock's file cannot be written, the marks' file cannot either.
            with suppress(OSError):
                stack.enter_context(self._locked())
            self._enforce()

    def _enforce(self) -> None:
        outside = self._outside()
        with self._engine.begin() as connection:
            inside = _inside(connection)
            older = _older(inside, outside)
            if outside is None and not older and not self._write(dict.fromkeys(LABELS, 0)):
                return  # nothing is stored: the next opening tries again
            rows = empty_accesses(connection, self._every, older)
            known = {kind: _next(kind, inside, outside or {}, older) for kind in LABELS}
            # An unchanged number is not written: another process may be adding to it.
            changed = {kind: n for kind, n in known.items() if inside.get(kind) != n}
            _keep(connection, changed, older)
        if older:
            reason = "database older than the file" if outside else "file missing"
            fields = {"kinds": sorted(older), "rows": rows, "reason": reason}
            log.warning("accesses emptied", extra={**fields, "file": str(self.path)})
        if known != outside and not self._write(known) and outside is None:
            with self._engine.begin() as connection:
                _keep(connection, {kind: -number for kind, number in known.items()}, ())

    def mismatch(self) -> str:
        """Return in French why the database does not belong to the file, or an empty text.

        Nothing is changed. Raises `RegisterUnusable` if the file cannot be read.
        """
        outside = self._outside()
        with self._engine.connect() as connection:
            older = _older(_inside(connection), outside)
        return self._mismatch(outside) if older else ""

    def _mismatch(self, outside: Marks | None) -> str:
        if outside is None:
            return (
                f"{self.path} (repères des accès retirés) n'est pas là, et la base d'état en a "
                "connu un : ce register_file n'est pas celui du service, ou le registre manque. "
                "Rien n'a été changé. Donnez à cette commande le [privacy] register_file du "
                "service (QUISAIT_PRIVACY__REGISTER_FILE) ; si le registre est perdu, « quisait "
                "run » ou « quisait serve » effacera, une fois, tout accès."
            )
        return (
            f"La base d'état ignore des retraits d'accès que note {self.path} : ce register_file "
            "n'est pas celui du service, ou la base est une copie d'avant. Rien n'a été changé. "
            "Donnez à cette commande le [privacy] register_file du service "
            "(QUISAIT_PRIVACY__REGISTER_FILE) ; si la base a été remise d'une copie, démarrez "
            "« quisait run » ou « quisait serve », qui en effacera les accès retirés depuis."
        )

    def _has_rows(self, connection: sa.Connection, kinds: Collection[str]) -> bool:
        """Return whether a table of these kinds has a row."""
        tables = (table for kind in kinds for table in access_tables(self._every, kind))
        any_row = sa.select(sa.literal(1)).limit(1)
        return any(connection.execute(any_row.select_from(table)).first() for table in tables)

    def _unwritable(self, error: OSError) -> str:
        return (
            f"{self.path} (repères des accès retirés) manque ou ne va pas avec la base d'état, et "
            f"ne peut être écrit ({reason_of(error)}) : rien n'a été effacé, et rien n'est servi, "
            "faute de savoir quels accès ont été retirés. Remettez le volume du registre, ou "
            "réglez [privacy] register_file (QUISAIT_PRIVACY__REGISTER_FILE) sur un fichier que ce "
            f"compte ({account()}) peut écrire."
        )

    def follow(self) -> None:
        """Increment the marks at each revocation by this engine from now on."""
        sa.event.listen(self._engine, "after_execute", _note_revocation)
        sa.event.listen(self._engine, "commit", _move)
        sa.event.listen(self._engine, "rollback", _forget)
        sa.event.listen(self._engine, "checkin", self._catch_up)

    def behind(self) -> bool:
        """Return whether the file is behind the database. Raises `RegisterUnusable`."""
        with self._engine.connect() as connection:
            inside = _inside(connection)
        outside = self._outside() or {}
        return any(outside.get(kind, 0) < number for kind, number in inside.items())

    def emptied(self, since: datetime) -> tuple[EmptiedAccess, ...]:
        """Return the kinds that were emptied since a moment."""
        query = sa.select(access_marks.c.kind, access_marks.c.emptied)
        query = query.where(access_marks.c.emptied.is_not(None)).order_by(access_marks.c.kind)
        rows = sql.rows(self._engine, query)
        found = (EmptiedAccess(kind, moment) for kind, moment in rows)
        return tuple(one for one in found if one.moment >= since)

    def adopt(self, connection: sa.Connection) -> None:
        """Write the file's marks to a database that contains no access from an older copy."""
        outside = self._outside()
        if outside is not None:
            _keep(connection, outside, ())

    def _catch_up(self, driver: Any, record: Any) -> None:
        """Bring the file up to the database once a connection's transaction has ended.

        The marks are read on the same connection, because the pool may have no other free
        connection.
        """
        if driver is None or not record.info.pop(_MOVED, False):
            return
        try:
            cursor = driver.cursor()
            cursor.execute("select kind, number from access_marks")
            inside = dict(cursor.fetchall())
            cursor.close()
            driver.rollback()
            with self._locked():
                outside = self._outside() or {}
                self._write({kind: max(inside[kind], outside.get(kind, 0)) for kind in inside})
        except (OSError, RegisterUnusable, self._engine.dialect.loaded_dbapi.Error) as error:
            _warn(error)

    def _locked(self) -> AbstractContextManager[LockedFile]:
        return locked_file(self.path.with_name(f"{self.path.name}.lock"))

    def _write(self, known: Marks) -> bool:
        """Write these marks to the file; return False if it cannot be written."""
        try:
            write_whole(self.path, f"{json.dumps(dict(known), indent=1)}\n".encode(), 0o600)
        except OSError as error:
            _warn(error)
            return False
        return True

    def _outside(self) -> dict[str, int] | None:
        """Return the file's marks; None if there is no file. Raises `RegisterUnusable`."""
        try:
            found = json.loads(self.path.read_text("utf-8"))
            return {str(kind): int(number) for kind, number in found.items()}
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise RegisterUnusable(
                f"{self.path} (repères des accès retirés) ne peut être lu ({reason_of(error)}) : "
                f"donnez-en la lecture à ce compte ({account()})."
            ) from error
        except (ValueError, AttributeError, TypeError):
            raise RegisterUnusable(
                f"{self.path} (repères des accès retirés) est illisible. Remettez-en une copie "
                "saine ; s'il n'y en a pas, supprimez-le : sessions, jetons et groupes poussés "
                "seront effacés, et l'annuaire relu."
            ) from None


def marks_file(register: Path) -> Path:
    """Return the path of the marks' file, which is beside the register."""
    return register.with_name(f"{register.name}.acces")


def _older(inside: Marks, outside: Marks | None) -> list[str]:
    """Return the kinds of which the database may miss the last revocations."""
    if outside is None:
        return [kind for kind in LABELS if inside.get(kind, 0) > 0]
    return [kind for kind in LABELS if abs(inside.get(kind, 0)) < outside.get(kind, 0)]


def _next(kind: str, inside: Marks, outside: Marks, older: Collection[str]) -> int:
    """Return a kind's mark; a new number, which no copy has, if copies may miss a revocation."""
    known = max(1, abs(inside.get(kind, 0)), outside.get(kind, 0))
    return known + (kind in older or inside.get(kind, 0) < 0)


def _inside(connection: sa.Connection) -> dict[str, int]:
    rows = connection.execute(sa.select(access_marks.c.kind, access_marks.c.number))
    return {kind: number for kind, number in rows if kind in LABELS}


def _keep(connection: sa.Connection, known: Marks, emptied: Collection[str]) -> None:
    for kind, number in known.items():
        values: dict[str, Any] = {"number": number}
        if kind in emptied:
            values["emptied"] = now()
        own = sa.update(access_marks).where(access_marks.c.kind == kind)
        if not connection.execute(own.values(values)).rowcount:
            connection.execute(sa.insert(access_marks).values(kind=kind, **values))


def _warn(error: Exception) -> None:
    number = error.errno if isinstance(error, OSError) else None
    log.warning("access marks not written", extra={"error": errno.errorcode.get(number or 0)})


def _note_revocation(
    connection: sa.Connection, statement: Any, _several: Any, _one: Any, _options: Any, result: Any
) -> None:
    kinds = set(_revoked(statement))
    if kinds and result.rowcount:
        connection.info.setdefault(_PENDING, set()).update(kinds)


def _revoked(statement: Any) -> Iterator[str]:
    """Yield the kinds of access that a statement revokes if it matches a row."""
    table = statement.table if isinstance(statement, sa.Delete | sa.Update) else None
    if not isinstance(table, sa.Table):
        return
    columns = {one.name: one.info.get(GIVES_ACCESS) for one in table.columns}
    if isinstance(statement, sa.Delete):
        yield from filter(None, [table.info.get(GIVES_ACCESS)])
    elif any(columns.values()):
        yield from filter(None, map(columns.get, statement.compile().params))


def _move(connection: sa.Connection) -> None:
    """Increment the marks before a commit, in sorted order, so that transactions never deadlock."""
    for kind in sorted(connection.info.pop(_PENDING, ())):
        own = sa.update(access_marks).where(access_marks.c.kind == kind, access_marks.c.number > 0)
        connection.execute(own.values(number=access_marks.c.number + 1))
        connection.info[_MOVED] = True


def _forget(connection: sa.Connection) -> None:
    connection.info.pop(_PENDING, None)
