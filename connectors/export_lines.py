"""One line of an export, understood or not, and what an export says about all its lines."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from connectors.export_files import MAX_LINE_BYTES, RawLine
from connectors.export_schema import (
    AccessLine,
    AccountLine,
    DeletedLine,
    Header,
    Line,
    Readers,
    RecordLine,
    SpaceLine,
    export_line,
)

_ABOUT_THE_EXPORT = frozenset({"header", "account", "space"})
_RECORDS = frozenset({"post", "thread", "page", "message"})
_MODELS = (Header, AccountLine, SpaceLine, RecordLine, DeletedLine, AccessLine)
_FIELDS = frozenset(name for model in _MODELS for name in model.model_fields) | {
    "allowed", "denied", "author", "text", "accepted", "account", "role", "count", "heading",
    "first", "last", "page", "path", "base64", "media_type", "created", "name",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that could not be understood, with the little that it surely says.

    `reason` holds nothing of the line's text. `type` and `id` are empty where they are
    unknown; `names` are the ids that it holds as far as it is JSON, None where it is
    not. Where `readers_known`, who reads is not what could not be understood: `readers`,
    or else those of `space`.
    """

    reason: str
    type: str = ""
    id: str = ""
    readers_known: bool = False
    readers: Readers | None = None
    space: str = ""
    names: tuple[str, ...] | None = None

    @property
    def about_a_document(self) -> bool:
        """Whether it may speak of a document."""
        return self.type not in _ABOUT_THE_EXPORT


def understand(line: RawLine) -> Line | BrokenLine:
    """Read a line; never raises."""
    raw = line.raw.removeprefix(b"\xef\xbb\xbf") if line.number == 1 else line.raw
    if line.too_long:
        return _salvaged(raw, f"ligne de plus de {MAX_LINE_BYTES // 2**20} Mio")
    try:
        return export_line.validate_json(raw)
    except ValidationError as error:
        return _broken(raw, error)


def unfinished(raw: RawLine, line: Line | BrokenLine) -> bool:
    """Whether this is a last line that is still being written."""
    return isinstance(line, BrokenLine) and line.names is None and not raw.terminated


def attachment_id(record_id: str, name: str) -> str:
    """The id of an attachment beside its record's."""
    return f"{record_id}#{name}"


def _broken(raw: bytes, error: ValidationError) -> BrokenLine:
    first = error.errors(include_input=False, include_url=False, include_context=False)
    if any(e["type"] == "json_invalid" for e in first):
        return _salvaged(raw, "ce n'est pas du JSON")
    known = _json_object(raw)
    if known is None:
        return _salvaged(raw, "ce n'est pas un objet JSON")
    kind, identity = known.get("type"), known.get("id")
    places = [
        [part for part in e["loc"] if isinstance(part, int) or part in _FIELDS] for e in first
    ]
    attached = known.get("attachments")
    names = [a.get("name") if isinstance(a, dict) else a for a in attached or ()] if isinstance(
        attached, list
    ) else []  # fmt: skip
    identity = identity.strip() if isinstance(identity, str) and "\0" not in identity else ""
    own = [attachment_id(identity, n.strip()) for n in names if isinstance(n, str)]
    unsure = any("readers" in place or "space" in place for place in places)
    said = None if unsure else _readers(known.get("readers"))
    readers_known = (
        kind in _RECORDS and not unsure and (said is not None) == bool(known.get("readers"))
    )
    return BrokenLine(
        reason=f"« {'.'.join(map(str, places[0])) or '?'} » : valeur refusée ({first[0]['type']})",
        type=kind if isinstance(kind, str) else "",
        id=identity,
        readers_known=readers_known,
        readers=said if readers_known else None,
        space=str(known.get("space", "")).strip() if readers_known else "",
        names=(identity, *own) if identity else None,
    )


def _readers(said: object) -> Readers | None:
    try:
        return Readers.model_validate(said)
    except ValidationError:
        return None


def _json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        known = json.loads(raw)
        json.dumps(known, ensure_ascii=False).encode()  # lone surrogates name nothing
    except (ValueError, RecursionError):
        return None
    return known if isinstance(known, dict) else None


def _salvaged(raw: bytes, reason: str) -> BrokenLine:
    beginning = raw[:65536]
    return BrokenLine(reason, _string(beginning, b"type"), _string(beginning, b"id"))


def _string(raw: bytes, key: bytes) -> str:
    found = re.search(rb'"' + key + rb'"\s*:\s*("(?:[^"\\]|\\.)*")', raw)
    try:
        value = str(json.loads(found[1])) if found else ""
        value.encode()
    except ValueError:
        return ""
    return value.strip() if "\0" not in value else ""


@dataclass(slots=True)
class Attachments:
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

    def named_by(self, line: BrokenLine) -> frozenset[str]:
        """The documents that a broken line may speak of, as far as it says."""
        if not (line.about_a_document and line.id):
            return frozenset()
        return self.known.get(line.id, frozenset()).union(line.names or (), {line.id})


@dataclass(slots=True)
class Learned:
    """What the lines say about the export as a whole, in the order of the files.

    `unattributed` counts the lines that may speak of a document and do not say which.
    `records` is where each record's last line stands, `access` the line after it that
    last spoke of its readers: what a source was is never said again.
    """

    complete: bool = False
    unattributed: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    spaces: dict[str, SpaceLine] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    attachments: Attachments = field(default_factory=Attachments)
    records: dict[str, tuple[str, int]] = field(default_factory=dict)
    access: dict[str, AccessLine | BrokenLine] = field(default_factory=dict)

    def learn(self, raw: RawLine, line: Line | BrokenLine) -> None:
        """Take in one more line."""
        match line:
            case Header():
                self.complete = self.complete or line.complete
            case AccountLine():
                self.labels[line.id] = line.name
            case SpaceLine():
                self.spaces[line.id] = line
            case RecordLine():
                own = {line.id, *(attachment_id(line.id, a.name) for a in line.attachments)}
                self._forget(self.attachments.gone(line) | own)
                self.ids |= own
                self.records[line.id] = (raw.file, raw.start)
            case DeletedLine():
                self._forget(self.attachments.gone(line) | {line.id})
            case AccessLine():
                self.access |= dict.fromkeys(self.attachments.sharing(line) | {line.id}, line)
            case BrokenLine():
                self._broken(line)
                if not unfinished(raw, line):
                    self.access |= dict.fromkeys(self.attachments.named_by(line), line)

    def _forget(self, ids: frozenset[str] | set[str]) -> None:
        self.ids -= ids
        for identity in ids:
            self.access.pop(identity, None)

    def _broken(self, line: BrokenLine) -> None:
        if line.type == "space":
            # Its readers are unknown from here on: nobody, rather than those it had.
            self.spaces.pop(line.id, None)
        if not line.about_a_document:
            return
        if line.names is None:
            self.unattributed += 1
        elif line.type != "deleted":
            self.ids.update(line.names)

    def spaces_digest(self) -> str:
        """Changes when the readers, the evidence policy or the title of any space do."""
        known = sorted(space.model_dump_json() for space in self.spaces.values())
        return hashlib.blake2b("\n".join(known).encode(), digest_size=8).hexdigest()
