"""Read any social network's export in JSON Lines: posts, threads, pages, attachments.

`ExportConnector.changes` shows the flow. `records.schema` defines the lines.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from connectors.export.files import (
    ExportFile,
    ExportIndex,
    KnownAttachments,
    Position,
    PrefixDigest,
    UnchangedCheck,
    export_files,
    read_lines,
)
from connectors.parts import WHOLE, Part, changes_of_part
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Delete,
    Listing,
    Malformed,
    SourceRefused,
    Upsert,
)
from connectors.records.documents import RecordContext, access_of_line, documents_of
from connectors.records.schema import (
    EXPORT_VERSION,
    AccessLine,
    AccountLine,
    DeletedLine,
    ExportLine,
    HeaderLine,
    InvalidLine,
    RawLine,
    RecordLine,
    SpaceLine,
    is_unfinished,
    parse_line,
)

CHECKPOINT_LINES = 200


@dataclass(frozen=True, slots=True)
class ExportConnector:
    """Reads an export: one `.jsonl` file, or a folder of them in name order.

    Lines may be appended, and files added after the last one. If anything that was already read
    changed, or a space's readers did, the whole export is read again. If a header says `complete`,
    a listing follows, unless an invalid line may be about an unknown document. Each `part` reads
    all lines: a later line may be about a document of any earlier line.
    """

    source: str
    path: Path
    part: Part = WHOLE

    def of_part(self, part: Part) -> Self:
        """Return the same export, limited to the documents of this part."""
        return replace(self, part=part)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield the changes after the cursor. Raises `SourceUnreachable`, `SourceRefused`."""
        return changes_of_part(self._changes(since), self.part)

    def _changes(self, since: str | None) -> Iterator[Change]:
        """Yield the changes of the whole export, for all parts.

        Each document gets its state after the last line about it, so that no change opens what a
        later line closes. A document whose last record is invalid, or whose attachment is missing,
        is stale: its former text does not get the new readers.
        """
        files = export_files(self.path)
        _check_headers(files)
        unchanged = UnchangedCheck(files)
        position = _read_cursor(since, files)
        index, attachments = _build_index(files, position)
        if since and _cursor_spaces_digest(since) != index.spaces_digest():
            position, attachments = Position(), KnownAttachments()
        crawl = _ExportCrawl(files, self._context(index), index, attachments, position)
        digest = PrefixDigest(files)
        marked = position
        for count, raw in enumerate(_lines_after(files, position), start=1):
            line = parse_line(raw)
            yield from crawl.changes_of(raw, line)
            if raw.terminated or not isinstance(line, InvalidLine):
                # A last line that is still being written is read again once it is complete.
                position = Position(raw.file, raw.end, raw.number)
            if count % CHECKPOINT_LINES == 0 and position != marked:
                marked = position
                yield _checkpoint(position, digest, index, unchanged)
        last = _checkpoint(position, digest, index, unchanged)
        if index.complete:
            yield self._listing(index)
        yield last

    def count_pending(self, since: str | None) -> int | None:
        """Return the number of records that are still to be read."""
        files = export_files(self.path)
        after = _lines_after(files, _read_cursor(since, files))
        return sum(isinstance(parse_line(raw), RecordLine) for raw in after)

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these records and attachments, read again. Raises as `changes` does."""
        files = export_files(self.path)
        _check_headers(files)
        index, _ = _build_index(files, Position())
        context = self._context(index)
        for raw in _lines_after(files, Position()):
            line = parse_line(raw)
            if isinstance(line, RecordLine) and index.records.get(line.id) == raw.location:
                for change in _record_changes(raw, line, context, index):
                    if isinstance(change, Upsert) and change.document.id in document_ids:
                        yield change

    def _context(self, index: ExportIndex) -> RecordContext:
        folder = self.path if self.path.is_dir() else self.path.parent
        return RecordContext(self.source, folder, index.labels, index.spaces)

    def _listing(self, index: ExportIndex) -> Change:
        if index.unattributed:
            reason = (
                f"{len(index.unattributed)} lignes illisibles ne nomment pas leur document : "
                "rien n'est tenu pour supprimé"
            )
            return Malformed(self.path.name, reason)
        return Listing(frozenset(f"{self.source}:{name}" for name in index.ids))


@dataclass(frozen=True, slots=True)
class _ExportCrawl:
    """One pass over the lines from `start` on, with the attachments known before them."""

    files: tuple[ExportFile, ...]
    context: RecordContext
    index: ExportIndex
    attachments: KnownAttachments
    start: Position

    def changes_of(self, raw: RawLine, line: ExportLine | InvalidLine) -> Iterator[Change]:
        """Yield the changes of one line, given all other lines."""
        match line:
            case RecordLine():
                deleted = self.attachments.update(line)
                if self.index.records.get(line.id) == raw.location:
                    yield from _record_changes(raw, line, self.context, self.index)
                yield from self._deleted(deleted)
            case DeletedLine():
                yield from self._deleted(self.attachments.update(line) | {line.id})
            case AccessLine():
                yield from self._access(raw, self.index.documents_of(line, self.attachments))
            case InvalidLine():
                own = line.id if line.concerns_document else ""
                yield Malformed(raw.where, line.reason, self.context.qualified(own) or None)
                if not is_unfinished(raw, line):
                    yield from self._access(raw, self.attachments.possible_documents(line))
            case HeaderLine():
                if raw.number != 1:
                    yield Malformed(raw.where, "un en-tête ailleurs qu'en première ligne")
            case AccountLine() | SpaceLine():
                pass  # already in the index

    def _deleted(self, names: frozenset[str]) -> Iterator[Change]:
        deleted = sorted(names - self.index.ids)
        return (Delete(self.context.qualified(name)) for name in deleted)

    def _access(self, raw: RawLine, names: frozenset[str]) -> Iterator[Change]:
        """Yield the access that a line gives these documents, unless a later line is about them.

        If readers were added, the record is read again for its current text: an attachment may have
        been replaced since.
        """
        reread: set[str] = set()
        for name in sorted(names):
            location, line = self.index.access.get(name, (None, None))
            document_id = self.context.qualified(name)
            if name in self.index.stale:
                yield ContentStale(document_id)
            elif line is not None and location == raw.location:
                yield AccessNarrowed(document_id, access_of_line(line))
                record = self.index.record_location(name)
                if record is None:
                    yield from self._without_record(raw, document_id, line)
                elif record < self.start.location:
                    reread.add(name)
        yield from self._reread(reread)

    def _without_record(
        self, raw: RawLine, document_id: str, line: AccessLine | InvalidLine
    ) -> Iterator[Change]:
        """Yield new readers of a document whose record is gone, if no line was missed."""
        if self.start != Position() and not self.index.unattributed:
            yield AccessChanged(document_id, access_of_line(line))
        else:
            reason = (
                "le texte de ce document n'est plus dans l'export : ses nouveaux lecteurs ne "
                "lisent pas l'ancien ; exportez-le à nouveau"
            )
            yield Malformed(raw.where, reason, document_id)

    def _reread(self, names: set[str]) -> Iterator[Change]:
        """Yield these documents again, from their records' lines before the start."""
        wanted = set(map(self.context.qualified, names))
        locations = {at for name in names if (at := self.index.record_location(name))}
        for file_name, offset in sorted(locations):
            file = next(one for one in self.files if one.path.name == file_name)
            raw = next(read_lines(file, after=Position(file_name, offset)))
            line = parse_line(raw)
            if isinstance(line, RecordLine):
                for change in _record_changes(raw, line, self.context, self.index):
                    if _document_id(change) in wanted:
                        yield change


def _record_changes(
    raw: RawLine, line: RecordLine, context: RecordContext, index: ExportIndex
) -> Iterator[Change]:
    """Yield the record and its attachments with current readers, except those deleted later."""
    upserted: set[str] = set()
    for document in documents_of(line, context, raw.where):
        if isinstance(document, Malformed):
            yield document
            if document.document_id and document.document_id not in upserted:
                yield ContentStale(document.document_id)
            continue
        name = document.id.removeprefix(f"{context.source}:")
        if later := index.access.get(name):
            location, access_line = later
            access = access_of_line(access_line)
            if index.in_doubt(name, location):
                access = access.narrowed_to(document.access)
            document = replace(document, access=access)
        if name in index.ids and name not in index.stale:
            upserted.add(document.id)
            yield Upsert(document)


def _document_id(change: Change) -> str | None:
    match change:
        case Upsert(document):
            return document.id
        case ContentStale(document_id) | Malformed(document_id=document_id):
            return document_id
    return None


def _check_headers(files: tuple[ExportFile, ...]) -> None:
    """Raise `SourceRefused` unless each file begins with a header of the supported version."""
    for file in files:
        first = next(read_lines(file), None)
        if first is None:
            continue
        line = parse_line(first)
        if isinstance(line, HeaderLine):
            continue
        if isinstance(line, InvalidLine) and line.type == "header":
            raise SourceRefused(
                f"{first.where} : cet en-tête n'est pas celui de la version {EXPORT_VERSION} du "
                "format, la seule qui soit lue. Refaites l'export (« quisait schema export » "
                "donne le format)."
            )
        raise SourceRefused(
            f"{first.where} : l'export ne commence pas par un en-tête. Refaites-le (« quisait "
            "schema export » donne le format)."
        )


def _build_index(
    files: tuple[ExportFile, ...], position: Position
) -> tuple[ExportIndex, KnownAttachments]:
    """Return the index of the whole export, and the attachments known at the position."""
    index, attachments = ExportIndex(), KnownAttachments()
    for file in files:
        for raw in read_lines(file):
            line = parse_line(raw)
            index.add(raw, line)
            before = raw.location < position.location
            if before and isinstance(line, RecordLine | DeletedLine):
                attachments.update(line)
    return index, attachments


def _lines_after(files: tuple[ExportFile, ...], position: Position) -> Iterator[RawLine]:
    for file in files:
        if file.path.name == position.file:
            yield from read_lines(file, after=position)
        elif file.path.name > position.file:
            yield from read_lines(file)


def _checkpoint(
    position: Position, digest: PrefixDigest, index: ExportIndex, unchanged: UnchangedCheck
) -> Checkpoint:
    """Return a checkpoint. Raises `SourceUnreachable` if the files changed during the read."""
    cursor = {
        "v": 1,
        "at": [position.file, position.offset, position.line],
        "digest": digest.upto(position),
        "spaces": index.spaces_digest(),
    }
    unchanged.check()
    return Checkpoint(json.dumps(cursor))


def _read_cursor(since: str | None, files: tuple[ExportFile, ...]) -> Position:
    """Return the cursor's position, or the start if the files before it changed."""
    try:
        cursor = json.loads(since or "")
        file, offset, line = cursor["at"]
        position = Position(str(file), int(offset), int(line))
        known = cursor["v"] == 1 and position.offset >= 0 and cursor["digest"]
    except (ValueError, TypeError, KeyError):
        return Position()
    if not known or PrefixDigest(files).upto(position) != cursor["digest"]:
        return Position()
    return position


def _cursor_spaces_digest(since: str) -> str:
    try:
        return str(json.loads(since)["spaces"])
    except (ValueError, TypeError, KeyError):
        return ""
