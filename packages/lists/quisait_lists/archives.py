"""A list's archive on disk: mbox files, or a folder of Sympa's `arc/`."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connectors.files import open_regular_file

MOST_BYTES = 50 * 1024 * 1024
"""Of one mail; a larger one is reported and not read."""
_BEGINS = re.compile(rb"From [^\r\n]{1,200}\d\d:\d\d[^\r\n]{0,30}\d{4}[^\r\n]{0,30}\r?\n")
"""The line before each mail of an mbox file (RFC 4155); a sentence may begin with the word."""
_QUOTED_BEGINNING = re.compile(rb"^>(>*From )", re.MULTILINE)
_MONTH = re.compile(r"\d{4}-\d\d")
_NUMBER = re.compile(r"\d{1,12}")
_LINE_BYTES = 1 << 16


class Lines(Protocol):
    """What is read line by line: an open file, or what is decompressed as it is read."""

    def readline(self, size: int, /) -> bytes:
        """The next line, or so many bytes of it; empty at the end."""
        ...


class NoArchive(ValueError):
    """The path holds no archive; the text is a French reason."""


@dataclass(frozen=True, slots=True)
class StoredMail:
    """Where a mail stands. `digest` is of its bytes; `length` counts them."""

    path: Path
    offset: int
    length: int
    digest: str
    is_mbox: bool

    def read(self) -> bytes:
        """Its bytes, as they were sent. Raises OSError, or ValueError where they changed."""
        with open_regular_file(self.path, may_be_link=False) as opened:
            opened.seek(self.offset)
            raw = opened.read(self.length)
        if digest_of_mail(raw) != self.digest:
            raise ValueError("changed")
        return as_sent(raw) if self.is_mbox else raw


def as_sent(raw: bytes) -> bytes:
    """A mail of an mbox file without the marks before lines that would begin another."""
    return _QUOTED_BEGINNING.sub(rb"\1", raw)


def digest_of_mail(raw: bytes) -> str:
    """What a mail of an archive is known by."""
    return hashlib.sha256(raw).hexdigest()[:20]


def archive_files(path: Path) -> list[tuple[Path, bool]]:
    """(file, whether it is an mbox file) of a list's archive, sorted. Raises OSError, `NoArchive`.

    What is no regular file is left alone, and so is what Sympa does not show: `deleted`, and the
    pages of its web archive.
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
    """A digest that changes when a file does. Raises OSError."""
    seen = hashlib.sha256()
    for path, _ in files:
        status = path.lstat()
        stamp = status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
        seen.update(f"{path} {stamp}\n".encode("utf-8", "surrogateescape"))
    return seen.hexdigest()[:32]


def mails_of(path: Path, *, is_mbox: bool) -> Iterator[tuple[StoredMail, bytes]]:
    """(where, bytes) of each mail of a file; of a large one its beginning alone.

    Raises OSError, `NoArchive` where the file is no mbox file.
    """
    if is_mbox:
        yield from _mails_of_mbox(path)
        return
    with open_regular_file(path, may_be_link=False) as opened:
        size = os.fstat(opened.fileno()).st_size
        raw = opened.read(min(size, MOST_BYTES))
    digest = digest_of_mail(raw if size <= MOST_BYTES else raw + str(size).encode())
    yield (
        StoredMail(path, 0, size, digest, is_mbox=False),
        raw[: _LINE_BYTES if size > MOST_BYTES else None],
    )


def _mails_of_mbox(path: Path) -> Iterator[tuple[StoredMail, bytes]]:
    with open_regular_file(path, may_be_link=False) as opened:
        for mail in split_mbox(opened):
            yield _stored(path, mail)


def _stored(path: Path, mail: "MboxMail") -> tuple[StoredMail, bytes]:
    raw = mail.held
    if mail.is_whole:
        where = StoredMail(path, mail.offset, mail.length, digest_of_mail(raw), is_mbox=True)
        return where, raw
    digest = digest_of_mail(raw + str(mail.length).encode())
    where = StoredMail(path, mail.offset, mail.length, digest, is_mbox=True)
    return where, raw[:_LINE_BYTES]


def split_mbox(opened: Lines) -> Iterator["MboxMail"]:
    """Yield each mail of an mbox file. Raises `NoArchive` where it is none, and as it is read."""
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
    """The lines of one mail, of which only so many bytes are held. `length` counts all."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.length = 0
        self._held = bytearray()

    def add(self, line: bytes) -> None:
        """Its next line."""
        self.length += len(line)
        if len(self._held) + len(line) <= MOST_BYTES:
            self._held += line

    @property
    def is_whole(self) -> bool:
        """Whether all of it is held."""
        return self.length <= MOST_BYTES

    @property
    def held(self) -> bytes:
        """Its bytes as they stand in the file, as far as they are held."""
        return bytes(self._held)


def _is_file(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _number(entry: os.DirEntry[str]) -> tuple[int, str]:
    return int(entry.name), entry.name
