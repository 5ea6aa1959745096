"""Files that an administrator edits while quisait runs: reloaded when they change."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class LineFault:
    """A line (from 1) that is left out, and why, in French. Line 0: the whole file."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ParsedFile(Generic[Content]):
    """What a file says, and the lines of it that could not be understood."""

    content: Content
    faults: tuple[LineFault, ...] = ()


class ReloadedFile(Generic[Content]):
    """The content of a file now; the last one while it is missing or cannot be read.

    `kind` is what the logs call it: a file's name may be a person's.
    """

    def __init__(
        self,
        path: Path,
        read_lines: Callable[[Sequence[str]], ParsedFile[Content]],
        at_first: Content,
        kind: str = "edited",
    ) -> None:
        self._path, self._read_lines, self._kind = path, read_lines, kind
        self._seen: tuple[int, int] | None = None
        self._read = ParsedFile(at_first)
        self._reading = threading.Lock()

    def now(self) -> Content:
        """The content, read again where the file's time or size has changed."""
        with self._reading:
            seen = self._stamp()
            if seen != self._seen:
                self._seen = seen
                self._read_again()
            return self._read.content

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _read_again(self) -> None:
        try:
            self._read = self._read_lines(lines_of(self._path))
        except (OSError, ValueError) as error:
            fields = {"kind": self._kind, "error": type(error).__name__}
            log.warning("file not read", extra=fields)
            return
        log.info("file read", extra={"kind": self._kind})
        for fault in self._read.faults:
            log.warning("line left out", extra={"kind": self._kind, "line": fault.line})


def lines_of(path: Path) -> list[str]:
    """Its lines, with or without a byte order mark. Raises `OSError`, or `ValueError`."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} n'est pas en UTF-8 : enregistrez-le ainsi") from error
