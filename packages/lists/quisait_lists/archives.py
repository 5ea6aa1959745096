"""A list's archive on disk: mbox files, or a folder of Sympa's `arc/`."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.files import open_regular_file

MOST_BYTES = 50 * 1024 * 1024
"""Of one mail; a larger one is reported and not read."""
_BEGINS = re.compile(rb"From [^\r\n]{1,200}\d\d:\d\d[^\r\n]{0,30}\d{4}[^\r\n]{0,30}\r?\n")
"""The line before each mail of an mbox file (RFC 4155); a sentence may begin with the word."""
_QUOTED_BEGINNING = re.compile(rb"^>(>*From )", re.MULTILINE)
_MONTH = re.compile(r"\d{4}-\d\d")
_NUMBER = re.compile(r"\d{1,12}")
_LINE_BYTES = 1 << 16


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
        return _QUOTED_BEGINNING.sub(rb"\1", raw) if self.is_mbox else raw


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
        mail = _Gathered(0)
        begun, blank_before, at = False, True, 0
        while line := opened.readline(_LINE_BYTES):
            if blank_before and _BEGINS.fullmatch(line):
                if begun:
                    yield mail.stored(path)
                mail, begun = _Gathered(at + len(line)), True
            elif not begun:
                if line.strip():
                    raise NoArchive("ce n'est pas un fichier mbox")
            else:
                mail.add(line)
            at += len(line)
            blank_before = line in (b"\n", b"\r\n")
        if begun:
            yield mail.stored(path)


class _Gathered:
    """The lines of one mail, of which only so many bytes are held."""

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._lines: list[bytes] = []
        self._held = 0
        self._length = 0

    def add(self, line: bytes) -> None:
        self._length += len(line)
        if self._held + len(line) <= MOST_BYTES:
            self._lines.append(line)
            self._held += len(line)

    def stored(self, path: Path) -> tuple[StoredMail, bytes]:
        raw = b"".join(self._lines)
        if self._length <= MOST_BYTES:
            where = StoredMail(path, self._offset, self._length, digest_of_mail(raw), is_mbox=True)
            return where, raw
        digest = digest_of_mail(raw + str(self._length).encode())
        where = StoredMail(path, self._offset, self._length, digest, is_mbox=True)
        return where, raw[:_LINE_BYTES]


def _is_file(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _number(entry: os.DirEntry[str]) -> tuple[int, str]:
    return int(entry.name), entry.name
