"""One line, understood or not."""

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from connectors.json_size import holds_more_values
from connectors.records.schema import (
    AccessLine,
    AccountLine,
    DeletedLine,
    Header,
    Line,
    RecordLine,
    SpaceLine,
    export_line,
)

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A longer line is skipped and reported."""

MAX_LINE_VALUES = 100_000
"""So is one of more values and keys: ten thousand answers with all that is said of them."""

_ABOUT_THE_EXPORT = frozenset({"header", "account", "space"})
_MODELS = (Header, AccountLine, SpaceLine, RecordLine, DeletedLine, AccessLine)
_FIELDS = frozenset(name for model in _MODELS for name in model.model_fields) | {
    "allowed", "denied", "author", "text", "accepted", "account", "role", "count", "heading",
    "first", "last", "page", "path", "base64", "media_type", "created", "name",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line; `raw` is cut where it was `too_long`; `terminated` unless the file ends in it."""

    file: str
    number: int
    start: int
    end: int
    raw: bytes
    too_long: bool
    terminated: bool

    @property
    def place(self) -> tuple[str, int]:
        """(file, offset in bytes), in the order of the export."""
        return self.file, self.start

    @property
    def where(self) -> str:
        """The line as an administrator finds it."""
        return f"{self.file}:{self.number}"


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that could not be understood, with the little that it surely says.

    `reason` holds nothing of the line's text. `type` and `id` are empty where they are
    unknown; `names` are the ids that it holds as far as it is JSON, None where it is
    not.
    """

    reason: str
    type: str = ""
    id: str = ""
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
    if holds_more_values(raw, MAX_LINE_VALUES):
        return _salvaged(raw, f"ligne de plus de {MAX_LINE_VALUES} valeurs JSON")
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
    return BrokenLine(
        reason=f"« {'.'.join(map(str, places[0])) or '?'} » : valeur refusée ({first[0]['type']})",
        type=kind if isinstance(kind, str) else "",
        id=identity,
        names=(identity, *own) if identity else None,
    )


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
