"""Read a list's archive on disk: mbox files, or a folder of Sympa's `arc/`."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connectors.files import open_regular_file

MOST_BYTES = 50 * 1024 * 1024
"""Maximum size of a mail; a larger mail is reported and not read."""
_BEGINS = re.compile(rb"From [^\r\n]{1,200}\d\d:\d\d[^\r\n]{0,30}\d{4}[^\r\n]{0,30}\r?\n")
"""Matches the line before each mail of an mbox file (RFC 4155). The pattern is strict, since a
sentence may begin with « From ».
"""
_QUOTED_BEGINNING = re.compile(rb"^>(>*From )", re.MULTILINE)
_MONTH = re.compile(r"\d{4}-\d\d")
_NUMBER = re.compile(r"\d{1,12}")
_LINE_BYTES = 1 << 16


class Lines(Protocol):
    """An open file, or a stream that is decompressed while it is read."""

    def readline(self, size: int, /) -> bytes:
        """Return the next line, or its next `size` bytes; empty at the end."""
        ...


class NoArchive(ValueError):
    """The path contains no archive; the text is a French reason."""


@dataclass(frozen=True, slots=True)
class StoredMail:
    """The location of a mail in a file; `length` is in bytes, `digest` is of its bytes."""

    path: Path
    offset: int
    length: int
    digest: str
    is_mbox: bool

    def read(self) -> bytes:
        """Return its bytes as sent. Raises OSError, or ValueError if they changed."""
        with open_regular_file(self.path, may_be_link=False) as opened:
            opened.seek(self.offset)
            raw = opened.read(self.length)
        if digest_of_mail(raw) != self.digest:
            raise ValueError("changed")
        return as_sent(raw) if self.is_mbox else raw


def as_sent(raw: bytes) -> bytes:
    """Return a mail of an mbox file without the `>` before lines that begin with « From »."""
    return _QUOTED_BEGINNING.sub(rb"\1", raw)


def digest_of_mail(raw: bytes) -> str:
    """Return the digest that identifies a mail of an archive."""
    return hashlib.sha256(raw).hexdigest()[:20]


def archive_files(path: Path) -> list[tuple[Path, bool]]:
    """Return (file, whether it is an mbox file) for a list's archive, sorted.

    Skips files that are not regular, and Sympa's `deleted` folder and web pages, which Sympa does
    not show. Raises OSError, `NoArchive`.
    """
    if not path.is_dir():
        return [(path, True)]
    with os.scandir(path) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    months = [entry for entry in inside if _MONTH.fullmatch(entry.name) and _is_folder(entry)]
    found: list[tuple[Path, bool]] = []
    for month in months:
        texts = Path(month.path, "arctxt")
        if texts.is_dir() and not texts.is_symlink():
            with os.scandir(texts) as entries:
                mails = [one for one in entries if _NUMBER.fullmatch(one.name) and _is_file(one)]
            found += [(Path(one.path), False) for one in sorted(mails, key=_number)]
    if not months:
        found = [
            (Path(one.path), True) for one in inside if one.name.endswith("mbox") and _is_file(one)
        ]
    if not months and not found:
        raise NoArchive("ni fichier .mbox, ni mois d'une archive de Sympa (AAAA-MM/arctxt)")
    return found


def state_of(files: list[tuple[Path, bool]]) -> str:
    """Return a digest that changes when a file does. Raises OSError."""
    seen = hashlib.sha256()
    for path, _ in files:
        status = path.lstat()
        stamp = status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
        seen.update(f"{path} {stamp}\n".encode("utf-8", "surrogateescape"))
    return seen.hexdigest()[:32]


def mails_of(path: Path, *, is_mbox: bool) -> Iterator[tuple[StoredMail, bytes]]:
    """Yield (location, bytes) of each mail of a file; of a large mail, only its beginning.

    Raises OSError, or `NoArchive` if the file is not an mbox file.
    """
    with open_regular_file(path, may_be_link=False) as opened:
        size = os.fstat(opened.fileno()).st_size
        found = (
            ((mail.offset, mail.length, mail.held) for mail in split_mbox(opened))
            if is_mbox
            else [(0, size, opened.read(min(size, MOST_BYTES)))]
        )
        for offset, length, held in found:
            whole = length <= MOST_BYTES
            digest = digest_of_mail(held if whole else held + str(length).encode())
            stored = StoredMail(path, offset, length, digest, is_mbox)
            yield stored, held if whole else held[:_LINE_BYTES]


def split_mbox(opened: Lines) -> Iterator["MboxMail"]:
    """Yield each mail of an mbox file. Raises `NoArchive` if it is not one, or read errors."""
    mail: MboxMail | None = None
    blank_before, at = True, 0
    while line := opened.readline(_LINE_BYTES):
        if blank_before and _BEGINS.fullmatch(line):
            if mail:
                yield mail
            mail = MboxMail(at + len(line))
        elif mail:
            mail.add(line)
        elif line.strip():
            raise NoArchive("ce n'est pas un fichier mbox")
        at += len(line)
        blank_before = line in (b"\n", b"\r\n")
    if mail:
        yield mail


class MboxMail:
    """The lines of one mail; at most `MOST_BYTES` are held in memory. `length` counts all bytes."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.length = 0
        self._held = bytearray()

    def add(self, line: bytes) -> None:
        """Add the mail's next line."""
        self.length += len(line)
        if len(self._held) + len(line) <= MOST_BYTES:
            self._held += line

    @property
    def is_whole(self) -> bool:
        """Whether all bytes of the mail are held in memory."""
        return self.length <= MOST_BYTES

    @property
    def held(self) -> bytes:
        """The bytes of the mail as in the file, as far as they are held in memory."""
        return bytes(self._held)


def _is_file(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _number(entry: os.DirEntry[str]) -> tuple[int, str]:
    return int(entry.name), entry.name
