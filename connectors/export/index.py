"""An index of all lines of an export: the last line about each document, spaces and labels."""

import hashlib
from dataclasses import dataclass, field

from connectors.records.schema import (
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

LineLocation = tuple[str, int]
"""(file, offset in bytes) of a line: sorts in the order of the export."""


@dataclass(slots=True)
class KnownAttachments:
    """The attachments of each record at its latest line, to delete those that it loses.

    Only lines that are still in the files count. If a record comes again in a file that
    replaced an earlier one, its former attachments are deleted by a tombstone, or by the
    listing of a complete export.
    """

    by_record: dict[str, frozenset[str]] = field(default_factory=dict)

    def update(self, line: RecordLine | DeletedLine) -> frozenset[str]:
        """Add a line; returns the attachments that it deletes."""
        before = self.by_record.pop(line.id, frozenset())
        if isinstance(line, DeletedLine):
            return before | {attachment_id(line.id, name) for name in line.attachments}
        now = frozenset(attachment_id(line.id, a.name) for a in line.attachments)
        if now:
            self.by_record[line.id] = now
        return before - now

    def of_access_line(self, line: AccessLine) -> frozenset[str]:
        """The attachments that get a record's new access."""
        named = {attachment_id(line.id, name) for name in line.attachments}
        return self.by_record.get(line.id, frozenset()) | named

    def possible_documents(self, line: InvalidLine) -> frozenset[str]:
        """The documents that an invalid line may be about, as far as it tells."""
        if not (line.concerns_document and line.id):
            return frozenset()
        return self.by_record.get(line.id, frozenset()).union(line.ids or (), {line.id})


@dataclass(slots=True)
class ExportIndex:
    """The state of the whole export after its last line.

    `unattributed` are the locations of lines that may be about a document but do not say
    which. `records` locates each record's last line. `owners` is the record of each
    document: its own, or the one it is attached to. `access` is the last line after it that
    changed a document's readers. `stale` are documents that an invalid line after their last
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
        """The record that an access line names, and its attachments.

        A record whose id looks like an attachment's is not one: it has its own readers.
        """
        attached = attachments.of_access_line(line)
        return frozenset({one for one in attached if one not in self.records} | {line.id})

    def record_location(self, name: str) -> LineLocation | None:
        """The last record's line that gives this document; None if it is not in the files."""
        return self.records.get(self.owners.get(name, name))

    def in_doubt(self, name: str, location: LineLocation) -> bool:
        """Whether a line between its record and that location may have changed its text."""
        record = self.record_location(name) or ("", 0)
        return any(record < one < location for one in self.unattributed)

    def spaces_digest(self) -> str:
        """Changes if the readers, the evidence policy or the title of any space do."""
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
