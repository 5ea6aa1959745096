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

LinePlace = tuple[str, int]
"""(file, offset in bytes) of a line: in the order of the export."""


@dataclass(slots=True)
class KnownAttachments:
    """Which attachments each record had at its latest line, so that those it lost can go.

    Only the lines that are still in the files are known: a record that comes again in
    a file that took an earlier one's place leaves its former attachments to a tombstone
    or to the listing of a complete export.
    """

    known: dict[str, frozenset[str]] = field(default_factory=dict)

    def gone(self, line: RecordLine | DeletedLine) -> frozenset[str]:
        """Take in a line; the attachments that go with it."""
        before = self.known.pop(line.id, frozenset())
        if isinstance(line, DeletedLine):
            return before | {attachment_id(line.id, name) for name in line.attachments}
        now = frozenset(attachment_id(line.id, a.name) for a in line.attachments)
        if now:
            self.known[line.id] = now
        return before - now

    def sharing(self, line: AccessLine) -> frozenset[str]:
        """The attachments that share a record's new access."""
        named = {attachment_id(line.id, name) for name in line.attachments}
        return self.known.get(line.id, frozenset()) | named

    def named_by(self, line: InvalidLine) -> frozenset[str]:
        """The documents that a broken line may speak of, as far as it says."""
        if not (line.about_a_document and line.id):
            return frozenset()
        return self.known.get(line.id, frozenset()).union(line.names or (), {line.id})


@dataclass(slots=True)
class ExportIndex:
    """What the lines say about the export as a whole, in the order of the files.

    `unattributed` is where lines stand that may speak of a document and do not say which.
    `records` is where each record's last line stands, `access` the line after it that
    last spoke of its readers, with its place: what a source was is never said again.
    `stale` are the documents of which a line after their last record may hold another
    text, or delete them, and could not be understood.
    """

    complete: bool = False
    unattributed: list[LinePlace] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    spaces: dict[str, SpaceLine] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    attachments: KnownAttachments = field(default_factory=KnownAttachments)
    records: dict[str, LinePlace] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    """The record of each document: its own, or the one that it is attached to."""
    access: dict[str, tuple[LinePlace, AccessLine | InvalidLine]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)

    def learn(self, raw: RawLine, line: ExportLine | InvalidLine) -> None:
        """Take in one more line."""
        match line:
            case HeaderLine():
                self.complete = self.complete or line.complete
            case AccountLine():
                self.labels[line.id] = line.name
            case SpaceLine():
                self.spaces[line.id] = line
            case RecordLine():
                own = {line.id, *(attachment_id(line.id, a.name) for a in line.attachments)}
                self._forget(self.attachments.gone(line) | own)
                self.ids |= own
                self.records[line.id] = raw.place
                self.owners |= dict.fromkeys(own, line.id)
            case DeletedLine():
                self._forget(self.attachments.gone(line) | {line.id})
            case AccessLine():
                self.access |= dict.fromkeys(
                    self.ruled_by(line, self.attachments), (raw.place, line)
                )
            case InvalidLine():
                self._broken(raw, line)
                if not is_unfinished(raw, line):
                    named = self.attachments.named_by(line)
                    if line.type == "access":
                        self.access |= dict.fromkeys(named, (raw.place, line))
                    else:
                        self.stale |= named

    def ruled_by(self, line: AccessLine, attachments: KnownAttachments) -> frozenset[str]:
        """The record that an access line names, and its attachments.

        A record that bears an attachment's id is none: its readers are its own.
        """
        shared = attachments.sharing(line)
        return frozenset({one for one in shared if one not in self.records} | {line.id})

    def place_of(self, identity: str) -> LinePlace | None:
        """Where the last record stands that brings this document; None for none in the files."""
        return self.records.get(self.owners.get(identity, identity))

    def in_doubt(self, identity: str, place: LinePlace) -> bool:
        """Whether a line between its record and that place may have brought another text of it."""
        record = self.place_of(identity) or ("", 0)
        return any(record < one < place for one in self.unattributed)

    def _forget(self, ids: frozenset[str] | set[str]) -> None:
        self.ids -= ids
        self.stale -= ids
        for identity in ids:
            self.access.pop(identity, None)

    def _broken(self, raw: RawLine, line: InvalidLine) -> None:
        if line.type == "space":
            # Its readers are unknown from here on: nobody, rather than those it had.
            self.spaces.pop(line.id, None)
        if not line.about_a_document:
            return
        if line.names is None:
            self.unattributed.append(raw.place)
        elif line.type != "deleted":
            self.ids.update(line.names)

    def spaces_digest(self) -> str:
        """Changes when the readers, the evidence policy or the title of any space do."""
        known = sorted(space.model_dump_json() for space in self.spaces.values())
        return hashlib.blake2b("\n".join(known).encode(), digest_size=8).hexdigest()
