"""Any social network's export as JSON Lines: posts, threads, pages, attachments.

`ExportConnector.changes` shows the flow. `records.schema` defines the lines.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.export.files import (
    ExportFile,
    Position,
    PrefixDigest,
    UnchangedCheck,
    export_files,
    read_lines,
)
from connectors.export.index import ExportIndex, KnownAttachments
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
    """Read an export: one `.jsonl` file, or a folder of them in name order.

    Lines may be appended and files added after the last one; where anything that was
    already read changed, or a space's readers did, the whole export is read again.
    Where a header says `complete`, a listing follows, unless a line that may speak of
    a document does not say of which.
    """

    source: str
    path: Path

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield what the lines after the cursor say. Raises `SourceUnreachable`, `SourceRefused`.

        Of each document the last word alone is said: what is read anew opens nothing that
        a later line closes. A document whose last record could not be understood, or whose
        attachment could not be found, is stale: its former text has not the new readers.
        """
        files = export_files(self.path)
        _check_headers(files)
        unchanged = UnchangedCheck(files)
        position = _read_cursor(since, files)
        learned, attachments = _build_index(files, position)
        if since and _cursor_spaces_digest(since) != learned.spaces_digest():
            position, attachments = Position(), KnownAttachments()
        reading = _ExportReading(files, self._setting(learned), learned, attachments, position)
        digest = PrefixDigest(files)
        marked = position
        for count, line in enumerate(_lines_after(files, position), start=1):
            understood = parse_line(line)
            yield from reading.changes_of(line, understood)
            if line.terminated or not isinstance(understood, InvalidLine):
                # A last line that is still being written is read again once it is whole.
                position = Position(line.file, line.end, line.number)
            if count % CHECKPOINT_LINES == 0 and position != marked:
                marked = position
                yield _checkpoint(position, digest, learned, unchanged)
        last = _checkpoint(position, digest, learned, unchanged)
        if learned.complete:
            yield self._listing(learned)
        yield last

    def expected(self, since: str | None) -> int | None:
        """How many records are still to be read."""
        files = export_files(self.path)
        after = _lines_after(files, _read_cursor(since, files))
        return sum(isinstance(parse_line(line), RecordLine) for line in after)

    def again(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these records and attachments, read anew. Raises as `changes` does."""
        files = export_files(self.path)
        _check_headers(files)
        learned, _ = _build_index(files, Position())
        setting = self._setting(learned)
        for raw in _lines_after(files, Position()):
            line = parse_line(raw)
            if isinstance(line, RecordLine) and learned.records.get(line.id) == raw.place:
                for change in _record_changes(raw, line, setting, learned):
                    if isinstance(change, Upsert) and change.document.id in document_ids:
                        yield change

    def _setting(self, learned: ExportIndex) -> RecordContext:
        folder = self.path if self.path.is_dir() else self.path.parent
        return RecordContext(self.source, folder, learned.labels, learned.spaces)

    def _listing(self, learned: ExportIndex) -> Change:
        if learned.unattributed:
            reason = (
                f"{len(learned.unattributed)} lignes illisibles ne nomment pas leur document : "
                "rien n'est tenu pour supprimé"
            )
            return Malformed(self.path.name, reason)
        return Listing(frozenset(f"{self.source}:{identity}" for identity in learned.ids))


@dataclass(frozen=True, slots=True)
class _ExportReading:
    """One reading of the lines from `start` on. `attachments`: those known so far."""

    files: tuple[ExportFile, ...]
    setting: RecordContext
    learned: ExportIndex
    attachments: KnownAttachments
    start: Position

    def changes_of(self, raw: RawLine, line: ExportLine | InvalidLine) -> Iterator[Change]:
        """What a line says, in the light of all others."""
        match line:
            case RecordLine():
                gone = self.attachments.gone(line)
                if self.learned.records.get(line.id) == raw.place:
                    yield from _record_changes(raw, line, self.setting, self.learned)
                yield from self._deleted(gone)
            case DeletedLine():
                yield from self._deleted(self.attachments.gone(line) | {line.id})
            case AccessLine():
                yield from self._access(raw, self.learned.ruled_by(line, self.attachments))
            case InvalidLine():
                own = line.id if line.about_a_document else ""
                yield Malformed(raw.where, line.reason, self.setting.qualified(own) or None)
                if not is_unfinished(raw, line):
                    yield from self._access(raw, self.attachments.named_by(line))
            case HeaderLine():
                if raw.number != 1:
                    yield Malformed(raw.where, "un en-tête ailleurs qu'en première ligne")
            case AccountLine() | SpaceLine():
                pass  # learned beforehand, wherever they stand

    def _deleted(self, ids: frozenset[str]) -> Iterator[Change]:
        gone = sorted(ids - self.learned.ids)
        return (Delete(self.setting.qualified(identity)) for identity in gone)

    def _access(self, raw: RawLine, ids: frozenset[str]) -> Iterator[Change]:
        """The readers that a line gives these documents, where no later line speaks of them.

        Whom it adds reads the text that the record has now: an attachment may have been
        replaced since it was read.
        """
        again: set[str] = set()
        for identity in sorted(ids):
            place, last = self.learned.access.get(identity, (None, None))
            document_id = self.setting.qualified(identity)
            if identity in self.learned.stale:
                yield ContentStale(document_id)
            elif last is not None and place == raw.place:
                yield AccessNarrowed(document_id, access_of_line(last))
                record = self.learned.place_of(identity)
                if record is None:
                    yield from self._without_record(raw, document_id, last)
                elif record < (self.start.file, self.start.offset):
                    again.add(identity)
        yield from self._again(again)

    def _without_record(
        self, raw: RawLine, document_id: str, line: AccessLine | InvalidLine
    ) -> Iterator[Change]:
        """The record stands in the files no more: its text is known where no line was missed."""
        if self.start != Position() and not self.learned.unattributed:
            yield AccessChanged(document_id, access_of_line(line))
        else:
            reason = (
                "le texte de ce document n'est plus dans l'export : ses nouveaux lecteurs ne "
                "lisent pas l'ancien ; exportez-le à nouveau"
            )
            yield Malformed(raw.where, reason, document_id)

    def _again(self, identities: set[str]) -> Iterator[Change]:
        """These documents, from their records' lines, which were read before."""
        for file, offset in sorted(
            {place for one in identities if (place := self.learned.place_of(one))}
        ):
            opened = next(one for one in self.files if one.path.name == file)
            raw = next(read_lines(opened, after=Position(file, offset)))
            line = parse_line(raw)
            if isinstance(line, RecordLine):
                wanted = {self.setting.qualified(one) for one in identities}
                for change in _record_changes(raw, line, self.setting, self.learned):
                    if _document_id(change) in wanted:
                        yield change


def _record_changes(
    raw: RawLine, line: RecordLine, setting: RecordContext, learned: ExportIndex
) -> Iterator[Change]:
    """The record and its attachments, less those deleted since, under their present readers."""
    brought: set[str] = set()
    for document in documents_of(line, setting, raw.where):
        if isinstance(document, Malformed):
            yield document
            if document.document_id and document.document_id not in brought:
                yield ContentStale(document.document_id)
            continue
        identity = document.id.removeprefix(f"{setting.source}:")
        if later := learned.access.get(identity):
            place, said = later
            access = access_of_line(said)
            if learned.in_doubt(identity, place):
                access = access.narrowed_to(document.access)
            document = replace(document, access=access)
        if identity in learned.ids and identity not in learned.stale:
            brought.add(document.id)
            yield Upsert(document)


def _document_id(change: Change) -> str | None:
    match change:
        case Upsert(document):
            return document.id
        case ContentStale(document_id) | Malformed(document_id=document_id):
            return document_id
    return None


def _check_headers(files: tuple[ExportFile, ...]) -> None:
    """Raise `SourceRefused` unless each file begins with a header of our version."""
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
    """All that holds for the whole export, and the attachments known at the position."""
    learned, attachments = ExportIndex(), KnownAttachments()
    for file in files:
        for raw in read_lines(file):
            line = parse_line(raw)
            learned.learn(raw, line)
            if _before(raw, position) and isinstance(line, RecordLine | DeletedLine):
                attachments.gone(line)
    return learned, attachments


def _before(line: RawLine, position: Position) -> bool:
    return line.place < (position.file, position.offset)


def _lines_after(files: tuple[ExportFile, ...], position: Position) -> Iterator[RawLine]:
    for file in files:
        if file.path.name == position.file:
            yield from read_lines(file, after=position)
        elif file.path.name > position.file:
            yield from read_lines(file)


def _checkpoint(
    position: Position, digest: PrefixDigest, learned: ExportIndex, unchanged: UnchangedCheck
) -> Checkpoint:
    """Raises `SourceUnreachable` where what was read is not what the digest is of."""
    cursor = {
        "v": 1,
        "at": [position.file, position.offset, position.line],
        "digest": digest.upto(position),
        "spaces": learned.spaces_digest(),
    }
    unchanged.check()
    return Checkpoint(json.dumps(cursor))


def _read_cursor(since: str | None, files: tuple[ExportFile, ...]) -> Position:
    """The cursor's position, or the beginning where what stands before it is not the same."""
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
