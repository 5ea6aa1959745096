"""Read an export's lines, and index which line decides each document's state."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

from connectors.files import disk_timeout_error, open_regular_file
from connectors.ports import SourceRefused, SourceUnreachable
from connectors.readers import access_of
from connectors.timeouts import DISK_TIMEOUT_S, iterate_with_timeout
from connectors.values import Access
from quisait_export.schema import (
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

_CHUNK_BYTES = 1024 * 1024
DIGEST_BYTES = 16

ExportFileStamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file with the size that it had when the crawl began; text appended later is ignored.

    `stamp` changes when the file is written to or replaced. `named` is true if the settings name
    the file itself instead of its folder; such a file may be a link.
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
    """Return whether the path is a file, not a folder.

    Raises `SourceRefused` for a link, because a link could lead outside the export.
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


def read_lines(
    file: ExportFile, start: int = 0, number: int = 1, read: "blake2b | None" = None
) -> Iterator[RawLine]:
    """Yield the lines of a file that are not blank, from line `number` at the offset `start` on.

    `read` is updated with all bytes. Raises `SourceUnreachable`, or `SourceRefused` if it is not a
    regular file.
    """
    # Long lines count more, so that few of them are read ahead.
    return iterate_with_timeout(
        _lines(file, start, number, read),
        DISK_TIMEOUT_S,
        disk_timeout_error(file.path),
        lambda line: 1 + len(line.raw) // 4096,
    )


def _lines(file: ExportFile, offset: int, number: int, read: "blake2b | None") -> Iterator[RawLine]:
    try:
        with file.open() as stream:
            stream.seek(offset)
            while offset < file.size:
                raw = stream.readline(min(MAX_LINE_BYTES, file.size - offset))
                if not raw:
                    raise changed_during_read(file.path)
                if read:
                    read.update(raw)
                end = offset + len(raw)
                chunk = raw
                too_long = not raw.endswith(b"\n") and end < file.size
                while chunk and not chunk.endswith(b"\n") and end < file.size:
                    chunk = stream.readline(min(_CHUNK_BYTES, file.size - end))
                    if read:
                        read.update(chunk)
                    end += len(chunk)
                if raw.strip():
                    terminated = chunk.endswith(b"\n")
                    yield RawLine(file.path.name, number, offset, end, raw, too_long, terminated)
                number += 1
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


def check_unchanged(file: ExportFile, digest: bytes) -> None:
    """Raise `SourceUnreachable` if the listed bytes have changed; text may be appended.

    `digest` is that of the listed bytes, from `read_lines`.
    """
    try:
        if _stamp(file.path.stat(follow_symlinks=file.named)) == file.stamp:
            return
        left, now = file.size, blake2b(digest_size=DIGEST_BYTES)
        with file.open() as stream:
            while left and (chunk := stream.read(min(_CHUNK_BYTES, left))):
                now.update(chunk)
                left -= len(chunk)
    except OSError as error:
        raise _unreadable(file.path, error) from error
    if now.digest() != digest:
        raise changed_during_read(file.path)


LineLocation = tuple[str, int]
"""The (file, offset in bytes) of a line. Locations sort in the order of the export."""


class ReaderChange(NamedTuple):
    """The readers that a line gives to a document, and the location of the line."""

    location: LineLocation
    where: str
    access: Access


class StoredRecord(NamedTuple):
    """Location and digest of a record's last line, and the access and space that it names."""

    file: str
    start: int
    number: int
    digest: bytes
    access: Access | None
    space: str


@dataclass(slots=True)
class ExportIndex:
    """The state of the whole export after its last line.

    `unattributed` are the locations of lines that may be about a document but do not say which.
    `records` has each record's last line, and `attachments` the attachments in it. `owners` maps
    each document to its record: its own, or the record that it is attached to. `access` maps each
    document to the last change of its readers after its record. `stale` contains documents that an
    invalid line after their last record may have changed or deleted. `gone` contains documents that
    a line deleted.

    Only lines that are still in the files count. If a record comes again in a file that replaced an
    earlier file, its former attachments are deleted only by a deletion line or by the listing of a
    complete export.
    """

    complete: bool = False
    unattributed: list[LineLocation] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    spaces: dict[str, SpaceLine] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    attachments: dict[str, frozenset[str]] = field(default_factory=dict)
    records: dict[str, StoredRecord] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    access: dict[str, ReaderChange] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    accesses: dict[Access, Access] = field(default_factory=dict)

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
                self._add_record(raw, line)
            case DeletedLine():
                named = (attachment_id(line.id, name) for name in line.attachments)
                self._discard(self.attachments.pop(line.id, frozenset()).union(named, {line.id}))
            case AccessLine():
                change = ReaderChange(raw.location, raw.where, access_of(line.readers))
                self.access |= dict.fromkeys(self._documents_of(line), change)
            case InvalidLine():
                self._add_invalid(raw, line)

    def record_of(self, name: str) -> StoredRecord | None:
        """Return the last record of this document, or None if it is not in the files."""
        return self.records.get(self.owners.get(name, name))

    def access_of(self, name: str) -> Access:
        """Return a document's current readers.

        If an unreadable line between its record and the line that changed its readers may have
        changed the record, no reader is added.
        """
        record = self.record_of(name)
        access = Access()
        if record and record.access is not None:
            access = record.access
        elif record and record.space in self.spaces:
            access = access_of(self.spaces[record.space].readers)
        if name not in self.access:
            return access
        later = self.access[name]
        start = (record.file, record.start) if record else ("", 0)
        if record and any(start < one < later.location for one in self.unattributed):
            return later.access.narrowed_to(access)
        return later.access

    def version_of(self, name: str, files: Mapping[str, ExportFile]) -> bytes:
        """Return a text that changes when the document's record or its space changes.

        The file of an attachment may be replaced without a change of the record. Therefore the
        version of an attachment also changes with each line that changes its readers, and when the
        file of its record is replaced.
        """
        record = self.records[self.owners[name]]
        space = self.spaces.get(record.space)
        parts: list[object] = [record.digest, space and space.model_dump_json()]
        if self.owners[name] != name:
            _, inode, *_ = files[record.file].stamp
            later = self.access.get(name)
            parts += [inode, later and later.location]
        return repr(parts).encode()

    def _add_record(self, raw: RawLine, line: RecordLine) -> None:
        attached = [attachment_id(line.id, one.name) for one in line.attachments]
        own = [line.id, *attached]
        self._discard(self.attachments.pop(line.id, frozenset()).union(own))
        if attached:
            self.attachments[line.id] = frozenset(attached)
        self.ids.update(own)
        self.gone.difference_update(own)
        access = access_of(line.readers) if line.readers else None
        if access:  # many records have the same readers
            access = self.accesses.setdefault(access, access)
        self.records[line.id] = StoredRecord(
            raw.file, raw.start, raw.number, digest_of_line(raw), access, line.space
        )
        self.owners |= dict.fromkeys(own, line.id)

    def _documents_of(self, line: AccessLine) -> frozenset[str]:
        """Return the ids of the record that an access line names, and of its attachments.

        A record whose id looks like the id of an attachment is left out, because it has its own
        readers.
        """
        named = (attachment_id(line.id, name) for name in line.attachments)
        attached = self.attachments.get(line.id, frozenset()).union(named)
        return (attached - self.records.keys()) | {line.id}

    def _discard(self, ids: frozenset[str]) -> None:
        self.ids -= ids
        self.stale -= ids
        self.gone |= ids
        for name in ids:
            self.access.pop(name, None)

    def _add_invalid(self, raw: RawLine, line: InvalidLine) -> None:
        if line.type == "space":
            # The document's readers are unknown from here on, so that nobody may read it.
            self.spaces.pop(line.id, None)
        if line.concerns_document and line.ids is None:
            self.unattributed.append(raw.location)
        elif line.concerns_document and line.type != "deleted":
            self.ids.update(line.ids or ())
        if not (line.concerns_document and line.id) or is_unfinished(raw, line):
            return
        # The documents that the line may be about, as far as it tells.
        ids = self.attachments.get(line.id, frozenset()).union(line.ids or (), {line.id})
        if line.type == "access":
            change = ReaderChange(raw.location, raw.where, Access())
            self.access |= dict.fromkeys(ids, change)
        else:
            self.stale |= ids


def digest_of_line(raw: RawLine) -> bytes:
    """Return the digest of a line's bytes."""
    return blake2b(raw.raw, digest_size=DIGEST_BYTES).digest()
