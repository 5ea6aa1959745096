"""The files of an export: lines with their offsets, and the position to resume from."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from connectors.files import disk_timeout_error, open_regular_file
from connectors.ports import SourceRefused, SourceUnreachable
from connectors.records.schema import MAX_LINE_BYTES, RawLine
from connectors.timeouts import DISK_TIMEOUT_S, iterate_with_timeout

_CHUNK_BYTES = 1024 * 1024

ExportFileStamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file as long as it was when the reading began: what is appended waits.

    `stamp` differs once anything was written to it, or another file took its place.
    """

    path: Path
    size: int
    stamp: ExportFileStamp = ()
    named: bool = True
    """Whether the settings name the file itself, and not its folder: it may be a link then."""

    def opened(self) -> BinaryIO:
        """The file that was listed.

        Raises OSError, `SourceRefused` for what is no ordinary file, or `SourceUnreachable`
        where another took its place: what was learned is not of its lines.
        """
        opened = open_regular_file(self.path, may_be_link=self.named)
        if self.stamp and _stamp(os.fstat(opened.fileno()))[:2] != self.stamp[:2]:
            opened.close()
            raise changed_during_read(self.path)
        return opened

    def status(self) -> os.stat_result:
        """Raises OSError."""
        return self.path.stat(follow_symlinks=self.named)


@dataclass(frozen=True, slots=True)
class Position:
    """Everything before `offset` of this file, and every file before it, has been read."""

    file: str = ""
    offset: int = 0
    line: int = 0


def export_files(path: Path) -> tuple[ExportFile, ...]:
    """The export's files in name order. Raises `SourceUnreachable` or `SourceRefused`."""
    try:
        listed = stat.S_ISDIR(path.stat().st_mode)
        paths = sorted(path.iterdir()) if listed else [path]
        found = (
            (one, one.stat(follow_symlinks=not listed))
            for one in paths
            if not listed or _is_export_name(one)
        )
        files = tuple(
            ExportFile(one, status.st_size, _stamp(status), named=not listed)
            for one, status in found
            if not listed or _is_file(one, status)
        )
    except OSError as error:
        raise _unreadable(Path(error.filename or path), error) from error
    if not files:
        raise SourceUnreachable(
            f"{path} ne contient aucun fichier .jsonl : déposez l'export, ou corrigez le chemin."
        )
    return files


def _is_file(path: Path, status: os.stat_result) -> bool:
    """Raises `SourceRefused` for a link: it could lead to the export of other readers."""
    if stat.S_ISLNK(status.st_mode):
        raise SourceRefused(
            f"{path} est un lien symbolique : déposez le fichier lui-même dans ce dossier, ou "
            "corrigez le chemin de la source."
        )
    return not stat.S_ISDIR(status.st_mode)


def _is_export_name(path: Path) -> bool:
    return path.suffix == ".jsonl" and not path.name.startswith(".")


def _stamp(status: os.stat_result) -> ExportFileStamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def read_lines(file: ExportFile, after: Position | None = None) -> Iterator[RawLine]:
    """Lines of a file that are not blank, from `after` on.

    Raises `SourceUnreachable`, or `SourceRefused` for what is no ordinary file.
    """
    # Lines may be long: few of such are read ahead.
    return iterate_with_timeout(
        _lines(file, after),
        DISK_TIMEOUT_S,
        disk_timeout_error(file.path),
        lambda line: 1 + len(line.raw) // 4096,
    )


def _lines(file: ExportFile, after: Position | None) -> Iterator[RawLine]:
    offset, number = (after.offset, after.line) if after else (0, 0)
    try:
        with file.opened() as opened:
            if offset:
                opened.seek(offset - 1)
                if opened.read(1) != b"\n":
                    number -= 1  # what was the last line has since got its line end
            while offset < file.size:
                raw = opened.readline(min(MAX_LINE_BYTES, file.size - offset))
                if not raw:
                    raise changed_during_read(file.path)
                end = offset + len(raw)
                last = raw
                cut = not raw.endswith(b"\n") and end < file.size
                while last and not last.endswith(b"\n") and end < file.size:
                    last = opened.readline(min(_CHUNK_BYTES, file.size - end))
                    end += len(last)
                number += 1
                if raw.strip():
                    whole = last.endswith(b"\n")
                    yield RawLine(file.path.name, number, offset, end, raw, cut, whole)
                offset = end
    except OSError as error:
        raise _unreadable(file.path, error) from error


def _unreadable(path: Path, error: OSError) -> SourceUnreachable:
    return SourceUnreachable(
        f"{path} ne peut être lu ({error.strerror}) : vérifiez le chemin et les droits."
    )


def changed_during_read(path: Path) -> SourceUnreachable:
    """What a file that is not the one that was begun is told as."""
    return SourceUnreachable(
        f"{path} a changé pendant la lecture : rien n'est tenu pour supprimé, il sera relu. "
        "Déposez un export entier d'un coup (écrivez-le à côté, puis renommez-le)."
    )


class UnchangedCheck:
    """Tells whether files still begin with the bytes that they had."""

    def __init__(self, files: Sequence[ExportFile]) -> None:
        self._files = files
        self._stamps = [file.stamp for file in files]
        self._digest = self._now()

    def check(self) -> None:
        """Raise `SourceUnreachable` where anything but what was appended is not the same."""
        for place, file in enumerate(self._files):
            try:
                stamp = _stamp(file.status())
            except OSError as error:
                raise _unreadable(file.path, error) from error
            if stamp != self._stamps[place]:
                if self._now() != self._digest:
                    raise changed_during_read(file.path)
                self._stamps[place] = stamp

    def _now(self) -> str | None:
        last = self._files[-1]
        return PrefixDigest(self._files).upto(Position(last.path.name, last.size))


class PrefixDigest:
    """A digest of everything before a position: names of the files and their bytes."""

    def __init__(self, files: Sequence[ExportFile]) -> None:
        self._files = files
        self._hash = hashlib.blake2b(digest_size=16)
        self._at = 0
        self._offset = 0

    def upto(self, position: Position) -> str | None:
        """The digest of what stands before `position`, never before an earlier one.

        None where the files do not reach that far. Raises `SourceUnreachable`.
        """
        names = [file.path.name for file in self._files]
        if not position.file:
            return self._hash.hexdigest()
        if position.file not in names:
            return None
        target = names.index(position.file)
        while self._at < target:
            self._read(self._files[self._at].size)
            self._at, self._offset = self._at + 1, 0
        if self._files[target].size < position.offset:
            return None
        self._read(position.offset)
        return self._hash.hexdigest()

    def _read(self, upto: int) -> None:
        file = self._files[self._at]
        if self._offset == 0:
            self._hash.update(f"{file.path.name}\0".encode(errors="surrogateescape"))
        try:
            with file.opened() as opened:
                opened.seek(self._offset)
                while self._offset < upto:
                    chunk = opened.read(min(_CHUNK_BYTES, upto - self._offset))
                    if not chunk:
                        return
                    self._hash.update(chunk)
                    self._offset += len(chunk)
        except OSError as error:
            raise _unreadable(file.path, error) from error
