"""The register: what a restored backup must be told. One line of JSON for each fact.

It stands outside the database and the index, and is not restored with them. Each of them
keeps a mark: the last line that it knows. Where the mark is older than the register, the
lines after it are applied again (`quisait.privacy.replaying`).
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import sqlalchemy as sa

from expertise.consent import Wish

metadata = sa.MetaData()

marks = sa.Table(
    "register_mark",
    metadata,
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("line", sa.String(32), nullable=False),
)

_BLOCK = 65_536

Line = dict[str, Any]
"""`id`, `at` (ISO 8601), `kind` (wish, gone, closed, purged), and what the kind has."""


class Mark(Protocol):
    """The last line that something knows."""

    def read(self) -> str:
        """Its id, empty where none is known."""
        ...

    def move(self, line: str) -> None:
        """Know a later one."""
        ...


@dataclass(frozen=True, slots=True)
class DatabaseMark:
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
class FileMark:
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


class FileRegister:
    """Writes lines, and reads them. A line is on disk before what it tells is done."""

    def __init__(
        self, path: Path, known_by: Sequence[Mark], now: Callable[[], datetime], keep_days: int
    ) -> None:
        self.path, self.marks = path, known_by
        self._now, self._keep_days = now, keep_days

    def wished(self, wish: Wish, moment: datetime, *, in_force: bool) -> None:
        """An agent asks something, or takes it back."""
        self._write(
            "wish",
            moment,
            agent=wish.agent_id,
            wish=wish.kind.value,
            subject=wish.subject,
            said=list(wish.said),
            in_force=in_force,
        )

    def gone(self, document_ids: Sequence[str]) -> None:
        """See `Witness`."""
        self._write("gone", self._now(), documents=list(document_ids))

    def closed(self, document_ids: Sequence[str]) -> None:
        """See `Witness`."""
        self._write("closed", self._now(), documents=list(document_ids))

    def purged(self, agent_id: str) -> None:
        """What was kept of who left is about to be deleted."""
        self._write("purged", self._now(), agent=agent_id)

    def last(self) -> str:
        """The id of the last whole line, empty where there is none. Reads the end alone."""
        try:
            with self.path.open("rb") as file:
                tail = b""
                at = file.seek(0, os.SEEK_END)
                while at and tail.count(b"\n") < 2:
                    step = min(at, _BLOCK)
                    at = file.seek(at - step)
                    tail = file.read(step) + tail
                end = b"\n".join(tail.split(b"\n")[:-1])
                return str(json.loads(end.rpartition(b"\n")[2])["id"]) if end else ""
        except FileNotFoundError:
            return ""

    def lines(self) -> Iterator[Line]:
        """Every whole line, oldest first; one that was cut short by a crash is left out."""
        try:
            with self.path.open(encoding="utf-8") as file:
                for text in file:
                    if text.endswith("\n"):
                        yield json.loads(text)
        except FileNotFoundError:
            return

    def since(self, mark: str) -> list[Line]:
        """The lines after a mark; all of them where the mark is not among them."""
        lines = list(self.lines())
        places = [number for number, line in enumerate(lines) if line["id"] == mark]
        return lines[places[-1] + 1 :] if places else lines

    def forget(self) -> int:
        """Drop lines older than any backup that is kept: how many. The last one stays."""
        oldest = (self._now() - timedelta(days=self._keep_days)).isoformat()
        with self._locked():
            lines = list(self.lines())
            kept = [line for line in lines[:-1] if line["at"] >= oldest] + lines[-1:]
            if len(kept) < len(lines):
                beside = self.path.with_name(f"{self.path.name}.{uuid4().hex}")
                with beside.open("x", encoding="utf-8") as file:
                    os.chmod(beside, 0o600)  # noqa: PTH101 - before anything is in it
                    file.writelines(_text(line) for line in kept)
                    os.fsync(file.fileno())
                beside.replace(self.path)
        return len(lines) - len(kept)

    def _write(self, kind: str, moment: datetime, **said: object) -> None:
        line = {"id": uuid4().hex, "at": moment.isoformat(), "kind": kind, **said}
        with self._locked():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            place = os.open(self.path, flags, 0o600)
            try:
                os.write(place, _text(line).encode())
                os.fsync(place)
            finally:
                os.close(place)
            for mark in self.marks:
                mark.move(str(line["id"]))

    def _locked(self) -> "_Lock":
        return _Lock(self.path.with_name(f"{self.path.name}.lock"))


class _Lock:
    """Only one process writes; the lock ends with its holder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = -1

    def __enter__(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._place = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._place, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._place)


def _text(line: Line) -> str:
    return json.dumps(line, ensure_ascii=True) + "\n"
