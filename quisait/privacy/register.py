"""The deletion register: changes that must be repeated on a restored backup, one JSON line each.

The register is a file outside the database and the index, and is not restored with them. Database
and index each store a mark: the id of the last line that they know. If the mark is older than the
register, the lines after it are applied again (`quisait.privacy.replay`). If the file cannot be
written (read-only, full, owned by another account), the line is stored in the state's database and
the deletion continues, because a document to hide must not stay open because of a file. The line is
written to the file together with the next line, or when the application is opened.
"""

import errno
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from indexer import sql
from indexer.errors import IndexRefused
from indexer.state import digest
from quisait.settings.files import LockedFile, account, locked_file, try_writing, write_whole
from quisait.settings.types import reason_of

log = logging.getLogger(__name__)

metadata = sa.MetaData()

marks = sa.Table(
    "register_mark",
    metadata,
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("line", sa.String(32), nullable=False),
)

waiting = sa.Table(
    "register_waiting",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("of_agent", sa.String(64), nullable=False, index=True),
    sa.Column("line", sa.Text, nullable=False),
)
"""Lines that could not be written to the file, in order; `of_agent` is empty for documents."""

_BLOCK = 65_536
_START = b'{"id": '
"""Beginning of each line. It cannot occur inside a line, because quotation marks are escaped there.
"""

RegisterLine = dict[str, Any]
"""A line of the register: `id`, `at` (ISO 8601), `kind`, and the fields of the kind.

- `wish`: `agent`, `wish` (kind of preference), `subject`, `said`, `in_force`, `by` (an animator)
- `favourite`: a favourite deleted: `agent`, `subject` (null: all)
- `follow`: follows ended: `agent`, `follow` (kind; empty: all), `subject`
- `verification`: statements withdrawn: `agent`, `document` (empty: all)
- `question`, `corrected`: a text deleted or replaced: `question`, `answer` (empty: the question)
- `hidden`: a text hidden or shown again: the same, `hidden`, `text` (digest of the text shown)
- `report`: a report withdrawn: `agent`, `question`, `answer`
- `community`: a decision: `topic`, `accepted`
- `gone`, `closed`: `documents` about to be deleted, or to lose readers
- `purged`: everything about an `agent` is about to be deleted
- `cut`: access of an `agent` that an administrator cuts or gives back: `cut`
- `backup`: a backup begins

Features have kinds of their own (`Feature.register_lines`).
"""


@dataclass(frozen=True, slots=True)
class DatabaseRegisterMark:
    """The last register line that the state's database knows, restored with it."""

    engine: sa.Engine

    def read(self) -> str:
        """Return the id of the last known line, or an empty text."""
        return sql.scalar(self.engine, sa.select(marks.c.line)) or ""

    def move(self, line: str) -> None:
        """Store the id of a later line."""
        with self.engine.begin() as connection:
            if connection.execute(sa.update(marks).values(line=line)).rowcount == 0:
                connection.execute(sa.insert(marks).values(place=1, line=line))


@dataclass(frozen=True, slots=True)
class FileRegisterMark:
    """The last register line that the embedded index knows, in its folder, restored with it."""

    path: Path

    def read(self) -> str:
        """See `DatabaseRegisterMark`."""
        try:
            return self.path.read_text("utf-8").strip()
        except FileNotFoundError:
            return ""

    def move(self, line: str) -> None:
        """See `DatabaseRegisterMark`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.{uuid4().hex}")
        beside.write_text(line, "utf-8")
        beside.replace(self.path)


RegisterMark = DatabaseRegisterMark | FileRegisterMark


@dataclass(frozen=True, slots=True)
class PendingLines:
    """Lines in the state's database that wait until the file can be written."""

    engine: sa.Engine

    def add(self, line: RegisterLine) -> None:
        """Append a line to the waiting lines."""
        agent_id = line.get("agent")
        of_agent = digest(agent_id) if agent_id else ""
        with self.engine.begin() as connection:
            row = {"of_agent": of_agent, "line": json.dumps(line)}
            connection.execute(sa.insert(waiting).values(row))

    def all(self) -> list[tuple[int, RegisterLine]]:
        """Return (number, line) of all lines, oldest first."""
        query = sa.select(waiting.c.number, waiting.c.line).order_by(waiting.c.number)
        return [(number, json.loads(line)) for number, line in sql.rows(self.engine, query)]

    def drop(self, numbers: Sequence[int]) -> None:
        """Delete lines that are now in the file."""
        sql.execute(self.engine, sa.delete(waiting).where(waiting.c.number.in_(numbers)))

    def count(self, agent_id: str | None = None) -> int:
        """Return the number of lines, of one agent if `agent_id` is given."""
        query = sa.select(sa.func.count()).select_from(waiting)
        if agent_id is not None:
            query = query.where(waiting.c.of_agent == digest(agent_id))
        return sql.one(self.engine, query)


class RegisterUnusable(IndexRefused):
    """The register's file cannot be read, or cannot be written although it must be."""


class RegisterMismatch(IndexRefused):
    """The database or the index does not belong to the register's files."""


class FileRegister:
    """Reads and writes the register. A line is stored before its fact takes effect.

    If the file cannot be written, lines are stored in `waiting`; without `waiting`,
    `RegisterUnusable` is raised.
    """

    def __init__(
        self,
        path: Path,
        known_by: Sequence[RegisterMark],
        now: Callable[[], datetime],
        keep_days: int,
        waiting: PendingLines | None = None,
    ) -> None:
        self.path, self.marks = path, known_by
        self._now, self._keep_days, self._waiting = now, keep_days, waiting

    def backed_up(self) -> str:
        """Record that a backup begins; return the line's id, from which a restoration continues.

        Raises `RegisterUnusable` if the line could not be written to the file.
        """
        line_id = self.note("backup")
        if self.waiting():
            self.try_writing()
            raise RegisterUnusable(self.unusable(OSError(errno.EROFS, os.strerror(errno.EROFS))))
        return line_id

    def include(self, other: "FileRegister") -> None:
        """Merge all lines of another machine's file, or none, ordered by time.

        Raises `RegisterUnusable` if one of the files cannot be read, or this file cannot be
        written.
        """
        try:
            with self._locked():
                lines = {line["id"]: line for line in (*other.lines(), *self.lines())}
                ordered = sorted(lines.values(), key=lambda line: str(line["at"]))
                write_whole(self.path, _content(ordered), 0o600)
        except OSError as error:
            raise RegisterUnusable(self.unusable(error)) from error

    def noted(self, agent_id: str) -> bool:
        """Return whether the file has all lines of an agent."""
        return self._waiting is None or not self._waiting.count(agent_id)

    def waiting(self) -> int:
        """Return the number of lines that wait for the file to be writable."""
        return self._waiting.count() if self._waiting else 0

    def complete(self, *, opening: bool = False) -> int:
        """Write the waiting lines if the file can be written; return how many still wait.

        `opening`: the index may be restored and not know these lines. Therefore its mark is not
        moved, and `quisait.privacy.replay` applies the lines again.
        """
        if self.waiting():
            try:
                with self._locked():
                    before = self.last()
                    moved = [
                        mark
                        for mark in self.marks
                        if not opening
                        or (isinstance(mark, DatabaseRegisterMark) and mark.read() == before)
                    ]
                    self._append(None, moved)
            except OSError as error:
                self._log(error)
        return self.waiting()

    def unusable(self, error: OSError) -> str:
        """Return in French why the file cannot be used, and the remedy."""
        return (
            f"{self.path} (registre des suppressions) ne peut être ni lu ni écrit "
            f"({reason_of(error)}) : réglez [privacy] register_file "
            "(QUISAIT_PRIVACY__REGISTER_FILE) sur un fichier d'un dossier à écrire par ce compte "
            f"({account()}), hors de ce qui est sauvegardé ; vérifiez aussi la place sur le disque."
        )

    def try_writing(self) -> None:
        """Test whether a line could be written, without leaving anything.

        Raises `RegisterUnusable`.
        """
        try:
            try_writing(self.path)
            lock = self._lock_path()
            if lock.exists():
                os.close(os.open(lock, os.O_RDWR))
        except OSError as error:
            raise RegisterUnusable(self.unusable(error)) from error

    def last(self) -> str:
        """Return the id of the last complete line, or an empty text; only read the end of the file.

        Raises `RegisterUnusable` if the file or that line cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                tail = b""
                at = file.seek(0, os.SEEK_END)
                while at and tail.count(b"\n") < 2:
                    step = min(at, _BLOCK)
                    at = file.seek(at - step)
                    tail = file.read(step) + tail
                end = b"\n".join(tail.split(b"\n")[:-1])
                return str(_read(end.rpartition(b"\n")[2])["id"]) if end else ""
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except ValueError:
            with self.path.open("rb") as file:
                number = sum(text.endswith(b"\n") for text in file)
            raise RegisterUnusable(self._unread(number)) from None
        except OSError as error:
            raise RegisterUnusable(self.unusable(error)) from error

    def lines(self) -> Iterator[RegisterLine]:
        """Yield every complete line, oldest first, without a line cut short by a crash.

        Repeated lines, which an older quisait wrote when a backup was restored, are only yielded
        once. Raises `RegisterUnusable` if the file or a line cannot be read.
        """
        known: set[str] = set()
        number = 0
        try:
            with self.path.open("rb") as file:
                for number, text in enumerate(file, start=1):  # noqa: B007 - used below
                    if text.endswith(b"\n"):
                        line = _read(text)
                        if line["id"] not in known:
                            known.add(line["id"])
                            yield line
        except (FileNotFoundError, NotADirectoryError):
            return
        except ValueError:
            raise RegisterUnusable(self._unread(number)) from None
        except OSError as error:
            raise RegisterUnusable(self.unusable(error)) from error

    def standing(self) -> tuple[str, list[str]]:
        """Return the last line's id, and the id of the line that each mark knows.

        The lock is held if possible, because a database whose mark is about to move would otherwise
        count as restored. Raises `RegisterUnusable` if the file cannot be read.
        """
        with ExitStack() as stack:
            with suppress(OSError):
                stack.enter_context(self._locked())
            return self.last(), [mark.read() for mark in self.marks]

    def mismatch(self) -> str:
        """Return in French why the register and its marks differ, or an empty text.

        No file is created or changed. Raises `RegisterUnusable` if the file cannot be read.
        """
        if self._lock_path().exists():
            last, known = self.standing()
        else:
            last, known = self.last(), [mark.read() for mark in self.marks]
        if not last or all(mark == last for mark in known):
            return ""
        return (
            f"La base d'état ou l'index ignore des suppressions que note {self.path} : ce "
            "register_file n'est pas celui du service, ou l'un des deux est une copie d'avant. "
            "Rien n'a été changé. Donnez à cette commande le [privacy] register_file du service "
            "(QUISAIT_PRIVACY__REGISTER_FILE) ; sinon démarrez « quisait run » ou « quisait "
            "serve », qui les redira."
        )

    def since(self, mark: str) -> list[RegisterLine]:
        """Return the lines after a mark, or all lines if the mark is not among them."""
        lines = list(self.lines())
        places = [number for number, line in enumerate(lines) if line["id"] == mark]
        return lines[places[0] + 1 :] if places else lines

    def forget(self) -> int:
        """Delete lines that are older than every stored backup, except the last line.

        Return how many. Raises `RegisterUnusable` if the file cannot be read, or cannot be written
        although it must be.
        """
        if not self.path.exists():
            return 0
        oldest = (self._now() - timedelta(days=self._keep_days)).isoformat()
        try:
            with self._locked():
                lines = list(self.lines())
                kept = [line for line in lines[:-1] if line["at"] >= oldest] + lines[-1:]
                if len(kept) < len(lines):
                    write_whole(self.path, _content(kept), 0o600)
        except OSError as error:
            raise RegisterUnusable(self.unusable(error)) from error
        return len(lines) - len(kept)

    def note(self, kind: str, moment: datetime | None = None, /, **fields: object) -> str:
        """Store one line and return its id. See `indexer.register.Register`."""
        at = (moment or self._now()).isoformat()
        line = {"id": uuid4().hex, "at": at, "kind": kind, **fields}
        try:
            with self._locked():
                self._append(line, self.marks)
        except OSError as error:
            if self._waiting is None:
                raise RegisterUnusable(self.unusable(error)) from error
            self._waiting.add(line)
            self._log(error)
        except RegisterUnusable as error:
            # Unreadable, so it is unknown which of the waiting lines the file has.
            if self._waiting is None:
                raise
            self._waiting.add(line)
            self._log(error)
        return str(line["id"])

    def _append(self, line: RegisterLine | None, moved: Sequence[RegisterMark]) -> None:
        """Write the waiting lines, then this line, and move these marks; the caller holds the lock.

        Waiting lines of a restored database may be in the file already. They are not written again,
        because they would override later lines.
        """
        before = self._waiting.all() if self._waiting else []
        written = {one["id"] for one in self.lines()} if before else set()
        lines = [one for _, one in before if one["id"] not in written] + ([line] if line else [])
        if lines:
            place = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                _cut_half_line(place)
                _append_whole(place, _content(lines))
            finally:
                os.close(place)
        if self._waiting and before:
            self._waiting.drop([number for number, _ in before])
        for mark in moved if lines else ():
            # If a mark stays behind, its lines are applied again, which is harmless.
            with suppress(OSError):
                mark.move(str(lines[-1]["id"]))

    def _unread(self, number: int) -> str:
        return (
            f"{self.path} (registre des suppressions) : la ligne {number} est illisible (coupure "
            "de courant, disque abîmé, fichier retouché). Gardez une copie du fichier, retirez-en "
            "cette ligne, puis relisez toutes les sources (quisait crawl --full) : elle disait "
            "peut-être une suppression."
        )

    def _log(self, error: OSError | RegisterUnusable) -> None:
        number = error.errno if isinstance(error, OSError) else None
        log.warning("register not written", extra={"error": errno.errorcode.get(number or 0)})

    def _locked(self) -> AbstractContextManager[LockedFile]:
        return locked_file(self._lock_path())

    def _lock_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")


def _content(lines: Sequence[RegisterLine]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=True) + "\n" for line in lines).encode()


def _read(text: bytes) -> RegisterLine:
    """Return a line. Raises `ValueError`.

    If an older quisait appended a complete line to an incomplete line, the complete line is
    returned.
    """
    line = json.loads(text[max(0, text.rfind(_START)) :])
    if not isinstance(line, dict) or not {"id", "at", "kind"} <= line.keys():
        raise ValueError("no line of a register")
    return line


def _cut_half_line(place: int) -> None:
    """Cut off a line that a crash or a full disk left unfinished, before the next is appended."""
    size = end = os.fstat(place).st_size
    tail = b""
    while end and b"\n" not in tail:
        start = max(0, end - _BLOCK)
        tail, end = os.pread(place, end - start, start), start
    whole = end + tail.rfind(b"\n") + 1
    if whole < size:
        os.ftruncate(place, whole)


def _append_whole(place: int, content: bytes) -> None:
    """Append the whole content and flush it to disk, or append nothing. Raises `OSError`."""
    before = os.fstat(place).st_size
    try:
        written = 0
        while written < len(content):
            written += os.write(place, content[written:])
        os.fsync(place)
    except OSError:
        with suppress(OSError):
            os.ftruncate(place, before)
        raise
