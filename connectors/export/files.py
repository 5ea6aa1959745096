"""Read an export's lines, and index which line decides each document's state."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from connectors.files import disk_timeout_error, open_regular_file
from connectors.ports import SourceRefused, SourceUnreachable
from connectors.records.schema import (
    MAX_LINE_BYTES,
    AccessLine,
    AccountLine,
    DeletedLine,
    ExportLine,
    HeaderLine,
    InvalidLine,
    RawLine,
    RecordLine,
    SpaceLine,
    attachment_id,
    is_unfinished,
)
from connectors.timeouts import DISK_TIMEOUT_S, iterate_with_timeout

_CHUNK_BYTES = 1024 * 1024

ExportFileStamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file with the size that it had when the crawl began; text appended later is ignored.

    `stamp` changes when the file is written to or replaced. `named`: the settings name the file
    itself, not its folder, so it may be a link.
    """

    path: Path
    size: int
    stamp: ExportFileStamp = ()
    named: bool = True

    def open(self) -> BinaryIO:
        """Open the listed file.

        Raises OSError, `SourceRefused` if it is not a regular file, or `SourceUnreachable` if it
        was replaced: the export's index would not match its lines.
        """
        stream = open_regular_file(self.path, may_be_link=self.named)
        if self.stamp and _stamp(os.fstat(stream.fileno()))[:2] != self.stamp[:2]:
            stream.close()
            raise changed_during_read(self.path)
        return stream


@dataclass(frozen=True, slots=True)
class Position:
    """A reading position: all before `offset` in `file`, and all files before it, is read."""

    file: str = ""
    offset: int = 0
    line: int = 0

    @property
    def location(self) -> tuple[str, int]:
        """(file, offset in bytes), comparable with a line's location."""
        return self.file, self.offset


def export_files(path: Path) -> tuple[ExportFile, ...]:
    """Return the export's files in name order. Raises `SourceUnreachable` or `SourceRefused`."""
    try:
        named = not stat.S_ISDIR(path.stat().st_mode)
        paths = [path] if named else sorted(filter(_is_export_name, path.iterdir()))
        found = [(one, one.stat(follow_symlinks=named)) for one in paths]
        files = tuple(
            ExportFile(one, status.st_size, _stamp(status), named)
            for one, status in found
            if named or _is_file(one, status)
        )
    except OSError as error:
        raise _unreadable(Path(error.filename or path), error) from error
    if not files:
        raise SourceUnreachable(
            f"{path} ne contient aucun fichier .jsonl : déposez l'export, ou corrigez le chemin."
        )
    return files


def _is_file(path: Path, status: os.stat_result) -> bool:
    """Return whether it is not a folder.

    Raises `SourceRefused` for a link: it could lead anywhere.
    """
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
    """Yield the lines of a file that are not blank, from `after` on.

    Raises `SourceUnreachable`, or `SourceRefused` if it is not a regular file.
    """
    # Long lines count more, so that few of them are read ahead.
    return iterate_with_timeout(
        _lines(file, after),
        DISK_TIMEOUT_S,
        disk_timeout_error(file.path),
        lambda line: 1 + len(line.raw) // 4096,
    )


def _lines(file: ExportFile, after: Position | None) -> Iterator[RawLine]:
    offset, number = (after.offset, after.line) if after else (0, 0)
    try:
        with file.open() as stream:
            if offset:
                stream.seek(offset - 1)
                if stream.read(1) != b"\n":
                    number -= 1  # the last line read then has since been terminated
            while offset < file.size:
                raw = stream.readline(min(MAX_LINE_BYTES, file.size - offset))
                if not raw:
                    raise changed_during_read(file.path)
                end = offset + len(raw)
                chunk = raw
                too_long = not raw.endswith(b"\n") and end < file.size
                while chunk and not chunk.endswith(b"\n") and end < file.size:
                    chunk = stream.readline(min(_CHUNK_BYTES, file.size - end))
                    end += len(chunk)
                number += 1
                if raw.strip():
                    terminated = chunk.endswith(b"\n")
                    yield RawLine(file.path.name, number, offset, end, raw, too_long, terminated)
                offset = end
    except OSError as error:
        raise _unreadable(file.path, error) from error


def _unreadable(path: Path, error: OSError) -> SourceUnreachable:
    return SourceUnreachable(
        f"{path} ne peut être lu ({error.strerror}) : vérifiez le chemin et les droits."
    )


def changed_during_read(path: Path) -> SourceUnreachable:
    """Return the error for a file that changed or was replaced during the crawl."""
    return SourceUnreachable(
        f"{path} a changé pendant la lecture : rien n'est tenu pour supprimé, il sera relu. "
        "Déposez un export entier d'un coup (écrivez-le à côté, puis renommez-le)."
    )


class UnchangedCheck:
    """Checks that files changed only by appending since the crawl began."""

    def __init__(self, files: Sequence[ExportFile]) -> None:
        self._files = files
        self._stamps = [file.stamp for file in files]
        self._digest = self._current_digest()

    def check(self) -> None:
        """Raise `SourceUnreachable` if a file changed other than by appending."""
        for number, file in enumerate(self._files):
            try:
                stamp = _stamp(file.path.stat(follow_symlinks=file.named))
            except OSError as error:
                raise _unreadable(file.path, error) from error
            if stamp != self._stamps[number]:
                if self._current_digest() != self._digest:
                    raise changed_during_read(file.path)
                self._stamps[number] = stamp

    def _current_digest(self) -> str | None:
        last = self._files[-1]
        return PrefixDigest(self._files).upto(Position(last.path.name, last.size))


class PrefixDigest:
    """A digest of everything before a position: the files' names and bytes."""

    def __init__(self, files: Sequence[ExportFile]) -> None:
        self._files = files
        self._hash = hashlib.blake2b(digest_size=16)
        self._file_number = 0
        self._offset = 0

    def upto(self, position: Position) -> str | None:
        """Return the digest of everything before `position`; positions must not decrease.

        Returns None if the files do not reach that far. Raises `SourceUnreachable`.
        """
        names = [file.path.name for file in self._files]
        if not position.file:
            return self._hash.hexdigest()
        if position.file not in names:
            return None
        target = names.index(position.file)
        while self._file_number < target:
            self._read(self._files[self._file_number].size)
            self._file_number, self._offset = self._file_number + 1, 0
        if self._files[target].size < position.offset:
            return None
        self._read(position.offset)
        return self._hash.hexdigest()

    def _read(self, upto: int) -> None:
        file = self._files[self._file_number]
        if self._offset == 0:
            self._hash.update(f"{file.path.name}\0".encode(errors="surrogateescape"))
        try:
            with file.open() as stream:
                stream.seek(self._offset)
                while self._offset < upto:
                    chunk = stream.read(min(_CHUNK_BYTES, upto - self._offset))
                    if not chunk:
                        return
                    self._hash.update(chunk)
                    self._offset += len(chunk)
        except OSError as error:
            raise _unreadable(file.path, error) from error


LineLocation = tuple[str, int]
"""(file, offset in bytes) of a line; sorts in the order of the export."""


@dataclass(slots=True)
class KnownAttachments:
    """The attachments in each record's latest line, to delete attachments that a newer line drops.

    Only lines that are still in the files count. If a record comes again in a file that replaced an
    earlier file, its former attachments are deleted only by a deletion line or by the listing of a
    complete export.
    """

    by_record: dict[str, frozenset[str]] = field(default_factory=dict)

    def update(self, line: RecordLine | DeletedLine) -> frozenset[str]:
        """Add a line and return the attachments that it deletes."""
        before = self.by_record.pop(line.id, frozenset())
        if isinstance(line, DeletedLine):
            return before | {attachment_id(line.id, name) for name in line.attachments}
        now = frozenset(attachment_id(line.id, a.name) for a in line.attachments)
        if now:
            self.by_record[line.id] = now
        return before - now

    def of_access_line(self, line: AccessLine) -> frozenset[str]:
        """Return the attachments that get a record's new access."""
        named = {attachment_id(line.id, name) for name in line.attachments}
        return self.by_record.get(line.id, frozenset()) | named

    def possible_documents(self, line: InvalidLine) -> frozenset[str]:
        """Return the documents that an invalid line may be about, as far as it tells."""
        if not (line.concerns_document and line.id):
            return frozenset()
        return self.by_record.get(line.id, frozenset()).union(line.ids or (), {line.id})


@dataclass(slots=True)
class ExportIndex:
    """The state of the whole export after its last line.

    `unattributed` are the locations of lines that may be about a document but do not say which.
    `records` locates each record's last line. `owners` maps each document to its record: its own,
    or the record that it is attached to. `access` holds, for each document, the last line after its
    record that changed its readers. `stale` are documents that an invalid line after their last
    record may have changed or deleted.
    """

    complete: bool = False
    unattributed: list[LineLocation] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    spaces: dict[str, SpaceLine] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    attachments: KnownAttachments = field(default_factory=KnownAttachments)
    records: dict[str, LineLocation] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    access: dict[str, tuple[LineLocation, AccessLine | InvalidLine]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)

    def add(self, raw: RawLine, line: ExportLine | InvalidLine) -> None:
        """Add the next line."""
        match line:
            case HeaderLine():
                self.complete = self.complete or line.complete
            case AccountLine():
                self.labels[line.id] = line.name
            case SpaceLine():
                self.spaces[line.id] = line
            case RecordLine():
                own = {line.id, *(attachment_id(line.id, a.name) for a in line.attachments)}
                self._discard(self.attachments.update(line) | own)
                self.ids |= own
                self.records[line.id] = raw.location
                self.owners |= dict.fromkeys(own, line.id)
            case DeletedLine():
                self._discard(self.attachments.update(line) | {line.id})
            case AccessLine():
                ids = self.documents_of(line, self.attachments)
                self.access |= dict.fromkeys(ids, (raw.location, line))
            case InvalidLine():
                self._add_invalid(raw, line)

    def documents_of(self, line: AccessLine, attachments: KnownAttachments) -> frozenset[str]:
        """Return the record that an access line names, and its attachments.

        A record whose id looks like an attachment's is not an attachment: it has its own readers.
        """
        attached = attachments.of_access_line(line)
        return frozenset({name for name in attached if name not in self.records} | {line.id})

    def record_location(self, name: str) -> LineLocation | None:
        """Return the last line of this document's record, or None if it is not in the files."""
        return self.records.get(self.owners.get(name, name))

    def in_doubt(self, name: str, location: LineLocation) -> bool:
        """Return whether an unreadable line between record and `location` may have changed it."""
        record = self.record_location(name) or ("", 0)
        return any(record < place < location for place in self.unattributed)

    def spaces_digest(self) -> str:
        """Return a digest of the readers, evidence policies and titles of all spaces."""
        known = sorted(space.model_dump_json() for space in self.spaces.values())
        return hashlib.blake2b("\n".join(known).encode(), digest_size=8).hexdigest()

    def _discard(self, ids: frozenset[str] | set[str]) -> None:
        self.ids -= ids
        self.stale -= ids
        for name in ids:
            self.access.pop(name, None)

    def _add_invalid(self, raw: RawLine, line: InvalidLine) -> None:
        if line.type == "space":
            # Its readers are unknown from here on: nobody, not those it had.
            self.spaces.pop(line.id, None)
        if line.concerns_document and line.ids is None:
            self.unattributed.append(raw.location)
        elif line.concerns_document and line.type != "deleted":
            self.ids.update(line.ids or ())
        if not is_unfinished(raw, line):
            ids = self.attachments.possible_documents(line)
            if line.type == "access":
                self.access |= dict.fromkeys(ids, (raw.location, line))
            else:
                self.stale |= ids
