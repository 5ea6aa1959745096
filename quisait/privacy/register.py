"""The deletion register: what must be applied again to a restored backup, one JSON line per fact.

It stands outside the database and the index, and is not restored with them. Each of them
stores a mark: the last line that it knows. Where the mark is older than the register, the
lines after it are applied again (`quisait.privacy.replay`).

A line that the file cannot take (read-only, full, of another account) is stored in the state's
database, and what it records is done all the same: a document that is to be closed must not stay
open for want of a file. It is written with the next line, or when the application is opened.
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
from typing import Any, Protocol
from uuid import uuid4

import sqlalchemy as sa

from expertise.consent import Preference
from indexer.errors import IndexRefused
from indexer.state import digest
from quisait.settings.files import LockedFile, account, locked_file
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
"""Lines that the file could not take, in their order; `of_agent` is empty for documents."""

_BLOCK = 65_536
_START = b'{"id": '
"""How each line begins. No text in a line holds it: quotation marks are escaped there."""

RegisterLine = dict[str, Any]
"""`id`, `at` (ISO 8601), `kind` (wish, feedback, follow, mail, verification, question,
corrected, hidden, report, community, gone, closed, purged, cut, backup), and what the kind has."""


class RegisterMark(Protocol):
    """The last line that something knows."""

    def read(self) -> str:
        """Its id, empty where none is known."""
        ...

    def move(self, line: str) -> None:
        """Know a later one."""
        ...


@dataclass(frozen=True, slots=True)
class DatabaseRegisterMark:
    """The state database's: restored with it."""

    engine: sa.Engine

    def read(self) -> str:
        """See `Mark`."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(marks.c.line)).scalar() or ""

    def move(self, line: str) -> None:
        """See `Mark`."""
        with self.engine.begin() as connection:
            if connection.execute(sa.update(marks).values(line=line)).rowcount == 0:
                connection.execute(sa.insert(marks).values(place=1, line=line))


@dataclass(frozen=True, slots=True)
class FileRegisterMark:
    """The embedded index's, in its folder: restored with it."""

    path: Path

    def read(self) -> str:
        """See `Mark`."""
        try:
            return self.path.read_text("utf-8").strip()
        except FileNotFoundError:
            return ""

    def move(self, line: str) -> None:
        """See `Mark`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.{uuid4().hex}")
        beside.write_text(line, "utf-8")
        beside.replace(self.path)


@dataclass(frozen=True, slots=True)
class PendingLines:
    """The lines that wait, in the state's database."""

    engine: sa.Engine

    def add(self, line: RegisterLine) -> None:
        """Keep one, after those that wait already."""
        agent_id = line.get("agent")
        of_agent = digest(agent_id) if agent_id else ""
        with self.engine.begin() as connection:
            row = {"of_agent": of_agent, "line": json.dumps(line)}
            connection.execute(sa.insert(waiting).values(row))

    def all(self) -> list[tuple[int, RegisterLine]]:
        """(number, line), oldest first."""
        query = sa.select(waiting.c.number, waiting.c.line).order_by(waiting.c.number)
        with self.engine.connect() as connection:
            return [(number, json.loads(line)) for number, line in connection.execute(query)]

    def drop(self, numbers: Sequence[int]) -> None:
        """They stand in the file."""
        with self.engine.begin() as connection:
            connection.execute(sa.delete(waiting).where(waiting.c.number.in_(numbers)))

    def count(self, agent_id: str | None = None) -> int:
        """How many; of one agent, where one is given."""
        query = sa.select(sa.func.count()).select_from(waiting)
        if agent_id is not None:
            query = query.where(waiting.c.of_agent == digest(agent_id))
        with self.engine.connect() as connection:
            return connection.execute(query).scalar_one()


class RegisterUnusable(IndexRefused):
    """The register's file cannot be read, or not be written where that must be."""


class FileRegister:
    """Writes lines, and reads them. A line is kept before what it tells is done.

    Kept in the file; where that cannot be written, in `waiting`, or `RegisterUnusable` is
    raised where there is none.
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

    def wished(self, wish: Preference, moment: datetime, *, in_force: bool) -> None:
        """An agent asks something, or an animator decides about them; or takes it back.

        The animator's reason is a text about somebody: it is not written here.
        """
        self._write(
            "wish",
            moment,
            agent=wish.agent_id,
            wish=wish.kind.value,
            subject=wish.subject,
            said=list(wish.said),
            in_force=in_force,
            **({"by": wish.by} if wish.by else {}),
        )

    def feedback_removed(
        self, agent_id: str, aspect: str, subject: tuple[str, str, str] | None, moment: datetime
    ) -> None:
        """An agent deletes an opinion or a favourite, or all of them (no subject)."""
        named = list(subject) if subject else None
        self._write("feedback", moment, agent=agent_id, aspect=aspect, subject=named)

    def unfollowed(self, agent_id: str, kind: str, subject: str, moment: datetime) -> None:
        """An agent follows something no more, or nothing any more (no kind)."""
        self._write("follow", moment, agent=agent_id, follow=kind, subject=subject)

    def mail_chosen(
        self, agent_id: str, asked: bool, answered: bool, digest: str, moment: datetime
    ) -> None:
        """An agent says what they want by mail; to end it is a choice too."""
        said = [asked, answered, digest]
        self._write("mail", moment, agent=agent_id, said=said)

    def question_removed(self, question_id: str, answer_id: str, moment: datetime) -> None:
        """A question is deleted, or one of its answers."""
        self._write("question", moment, question=question_id, answer=answer_id)

    def text_corrected(self, question_id: str, answer_id: str, moment: datetime) -> None:
        """Note that the author of a question, or of one of its answers, replaces its text."""
        self._write("corrected", moment, question=question_id, answer=answer_id)

    def text_hidden(self, question_id: str, answer_id: str, moment: datetime) -> None:
        """Record that a question, or one of its answers if `answer_id` is given, was hidden."""
        self._write("hidden", moment, question=question_id, answer=answer_id, hidden=True)

    def text_shown(
        self, question_id: str, answer_id: str, text_digest: str, moment: datetime
    ) -> None:
        """Note that this text of a question, or of one of its answers, is shown again."""
        this = {"question": question_id, "answer": answer_id, "text": text_digest}
        self._write("hidden", moment, **this, hidden=False)

    def report_taken_back(
        self, agent_id: str, question_id: str, answer_id: str, moment: datetime
    ) -> None:
        """An agent takes back their report of a question, or of one of its answers."""
        self._write("report", moment, agent=agent_id, question=question_id, answer=answer_id)

    def verification_taken_back(self, agent_id: str, document_id: str) -> None:
        """An agent takes back what they said of a document, or of all (no document)."""
        self._write("verification", self._now(), agent=agent_id, document=document_id)

    def community_decided(self, topic_id: str, *, accepted: bool) -> None:
        """Note that a community, whose members read what is limited to it, is accepted or not."""
        self._write("community", self._now(), topic=topic_id, accepted=accepted)

    def gone(self, document_ids: Sequence[str]) -> None:
        """See `Witness`."""
        self._write("gone", self._now(), documents=list(document_ids))

    def closed(self, document_ids: Sequence[str]) -> None:
        """See `Witness`."""
        self._write("closed", self._now(), documents=list(document_ids))

    def purged(self, agent_id: str) -> None:
        """What was kept of who left is about to be deleted."""
        self._write("purged", self._now(), agent=agent_id)

    def agent_cut(self, agent_id: str, *, cut: bool) -> None:
        """Note that an administrator cuts an agent's access, or gives it back."""
        self._write("cut", self._now(), agent=agent_id, cut=cut)

    def backed_up(self) -> str:
        """A backup begins: the id of its line. A register that has the line goes on from it.

        Raises `RegisterUnusable` where the file does not have it.
        """
        line_id = self._write("backup", self._now())
        if self.waiting():
            self.try_writing()
            raise RegisterUnusable(self.unusable(OSError(errno.EROFS, os.strerror(errno.EROFS))))
        return line_id

    def include(self, other: "FileRegister") -> None:
        """Take over the lines of another machine's file, by their moment, whole or not at all.

        Raises `RegisterUnusable` where either cannot be read, or this one not be written.
        """
        try:
            with self._locked():
                lines = {line["id"]: line for line in (*other.lines(), *self.lines())}
                self._replace(sorted(lines.values(), key=lambda line: str(line["at"])))
        except OSError as error:
            raise RegisterUnusable(self.unusable(error)) from error

    def _replace(self, lines: Sequence[RegisterLine]) -> None:
        """Put these lines in the place of all, by who holds the lock."""
        beside = self.path.with_name(f"{self.path.name}.{uuid4().hex}")
        with beside.open("x", encoding="utf-8") as file:
            os.chmod(beside, 0o600)  # noqa: PTH101 - before anything is in it
            file.writelines(_text(line) for line in lines)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)

    def noted(self, agent_id: str) -> bool:
        """Whether everything that an agent asked stands in the file."""
        return self._waiting is None or not self._waiting.count(agent_id)

    def waiting(self) -> int:
        """How many lines wait for the file to be writable."""
        return self._waiting.count() if self._waiting else 0

    def complete(self, *, opening: bool = False) -> int:
        """Write the lines that wait, where the file can be written now: how many still wait.

        `opening`: the index may be a restored one, that lacks what they tell: its mark stays
        where it is, and `quisait.privacy.replay` tells them again.
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
        """A sentence: why the file cannot be used, and what a person can do."""
        return (
            f"{self.path} (registre des suppressions) ne peut être ni lu ni écrit "
            f"({reason_of(error)}) : réglez [privacy] register_file "
            "(QUISAIT_PRIVACY__REGISTER_FILE) sur un fichier d'un dossier à écrire par ce compte "
            f"({account()}), hors de ce qui est sauvegardé ; vérifiez aussi la place sur le disque."
        )

    def try_writing(self) -> None:
        """Write beside it as a line would be, and leave nothing. Raises `RegisterUnusable`."""
        try:
            with self._locked():
                flags = os.O_RDWR | os.O_APPEND
                if self.path.exists():
                    os.close(os.open(self.path, flags))
                beside = self.path.with_name(f"{self.path.name}.{uuid4().hex}")
                place = os.open(beside, flags | os.O_CREAT | os.O_EXCL, 0o600)
                try:
                    _write_whole(place, b"{}\n")
                finally:
                    os.close(place)
                    beside.unlink()
        except OSError as error:
            raise RegisterUnusable(self.unusable(error)) from error

    def last(self) -> str:
        """The id of the last whole line, empty where there is none. Reads the end alone.

        Raises `RegisterUnusable` where the file or that line cannot be read.
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
        """Every whole line, oldest first; one that was cut short by a crash is left out.

        A line counts once, where it stands first: an older quisait wrote what had waited again
        when a backup was restored. Raises `RegisterUnusable` where the file or a line cannot
        be read.
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
        """The last line's id, and what each mark knows.

        Read while no other process is between a line and its marks, where the lock can be had:
        else a database that is about to know the line would be taken for a restored one.
        Raises `RegisterUnusable` where the file cannot be read.
        """
        with ExitStack() as stack:
            with suppress(OSError):
                stack.enter_context(self._locked())
            return self.last(), [mark.read() for mark in self.marks]

    def since(self, mark: str) -> list[RegisterLine]:
        """The lines after a mark; all of them where the mark is not among them."""
        lines = list(self.lines())
        places = [number for number, line in enumerate(lines) if line["id"] == mark]
        return lines[places[0] + 1 :] if places else lines

    def forget(self) -> int:
        """Drop lines older than any backup that is kept: how many. The last one stays.

        Raises `RegisterUnusable` where there are some and the file cannot be written.
        """
        if not self.path.exists():
            return 0
        oldest = (self._now() - timedelta(days=self._keep_days)).isoformat()
        try:
            with self._locked():
                lines = list(self.lines())
                kept = [line for line in lines[:-1] if line["at"] >= oldest] + lines[-1:]
                if len(kept) < len(lines):
                    self._replace(kept)
        except OSError as error:
            raise RegisterUnusable(self.unusable(error)) from error
        return len(lines) - len(kept)

    def _write(self, kind: str, moment: datetime, **fields: object) -> str:
        """Keep one line: its id."""
        line = {"id": uuid4().hex, "at": moment.isoformat(), "kind": kind, **fields}
        try:
            with self._locked():
                self._append(line, self.marks)
        except OSError as error:
            if self._waiting is None:
                raise RegisterUnusable(self.unusable(error)) from error
            self._waiting.add(line)
            self._log(error)
        except RegisterUnusable as error:
            # It cannot be read, to tell what of that which waits stands in it.
            if self._waiting is None:
                raise
            self._waiting.add(line)
            self._log(error)
        return str(line["id"])

    def _append(self, line: RegisterLine | None, moved: Sequence[RegisterMark]) -> None:
        """Write what waits and then this line, by who holds the lock; move these marks.

        What waits in a restored database may stand in the file since: it is not written again,
        since it would override later lines.
        """
        before = self._waiting.all() if self._waiting else []
        written = {one["id"] for one in self.lines()} if before else set()
        lines = [one for _, one in before if one["id"] not in written] + ([line] if line else [])
        if lines:
            place = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                _cut_half_line(place)
                _write_whole(place, "".join(map(_text, lines)).encode())
            finally:
                os.close(place)
        if self._waiting and before:
            self._waiting.drop([number for number, _ in before])
        for mark in moved if lines else ():
            # A mark that stays behind has its lines applied again, which does no harm.
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
        return locked_file(self.path.with_name(f"{self.path.name}.lock"))


def _text(line: RegisterLine) -> str:
    return json.dumps(line, ensure_ascii=True) + "\n"


def _read(text: bytes) -> RegisterLine:
    """A line; of one that an older quisait wrote after a half one, the whole one at its end.

    Raises `ValueError`.
    """
    line = json.loads(text[max(0, text.rfind(_START)) :])
    if not isinstance(line, dict) or not {"id", "at", "kind"} <= line.keys():
        raise ValueError("no line of a register")
    return line


def _cut_half_line(place: int) -> None:
    """Drop what a crash or a full disk left of a line: the next one would run into it."""
    size = end = os.fstat(place).st_size
    tail = b""
    while end and b"\n" not in tail:
        start = max(0, end - _BLOCK)
        tail, end = os.pread(place, end - start, start), start
    whole = end + tail.rfind(b"\n") + 1
    if whole < size:
        os.ftruncate(place, whole)


def _write_whole(place: int, content: bytes) -> None:
    """Append all of it and have it on disk, or none of it. Raises `OSError`."""
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
