"""The schema of export lines (version 1), and the parser of one line: one JSON object per line.

`quisait schema export` prints the JSON Schema of these models. The first line of each file is its
header. Account and space lines may be anywhere in the files.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from connectors.faults import expected
from connectors.readers import FailFastList, Name, Readers
from connectors.tables import exceeds_json_values
from connectors.values import MAX_REPLACED, ContributorRole, EvidencePolicy

EXPORT_VERSION = 1


class _ExportModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


class HeaderLine(_ExportModel):
    """The first line. `complete`: documents that the export does not contain were deleted."""

    type: Literal["header"]
    version: Literal[1]
    complete: bool = False


class AccountLine(_ExportModel):
    """An account of the source and the name that the source shows for it."""

    type: Literal["account"]
    id: Name
    name: Name


class SpaceLine(_ExportModel):
    """A community or space.

    Its readers and evidence policy apply to records that do not set their own.
    """

    type: Literal["space"]
    id: Name
    title: Name
    readers: Readers | None = None
    evidence: EvidencePolicy = EvidencePolicy.YES


class Reply(_ExportModel):
    """An answer or a comment; `thanks` is the number of other people who thanked for it."""

    author: Name
    text: str
    created: datetime | None = None
    accepted: bool = False
    thanks: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class SectionLine(_ExportModel):
    """A chapter of a page."""

    text: str
    heading: Text = ""
    author: Name | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None


class ContributorLine(_ExportModel):
    """A contribution that the record itself does not show (revisions of a page).

    `volume` is how many characters or lines of the current text the account wrote; all contributors
    of a record must use the same unit.
    """

    account: Name
    role: ContributorRole
    count: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1
    first: date | None = None
    last: date | None = None
    volume: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None


class AttachmentLine(_ExportModel):
    """A file beside the export (`path`, relative, inside its folder) or inside it (`base64`).

    A pushed attachment may instead be at an address (`url`) that the source's settings allow, with
    its `size` in bytes. An export may not use `url`.
    """

    name: Name
    path: str | None = None
    base64: str | None = None
    url: Text | None = None
    size: Annotated[int, Field(ge=1, le=1_000_000_000_000)] | None = None
    media_type: Text | None = None


class TextFormat(StrEnum):
    """The markup of a record's texts."""

    TEXT = "text"
    MARKDOWN = "markdown"


class RecordLine(_ExportModel):
    """A post, a thread (its text is the question), a page or a message.

    `format` is the markup of the texts. Without it, each text that looks like Markdown is read as
    Markdown.
    """

    type: Literal["post", "thread", "page", "message"]
    id: Name
    title: Name
    author: Name | None = None
    text: str = ""
    format: TextFormat | None = None
    sections: FailFastList[SectionLine] = []
    answers: FailFastList[Reply] = []
    comments: FailFastList[Reply] = []
    contributors: FailFastList[ContributorLine] = []
    attachments: FailFastList[AttachmentLine] = []
    readers: Readers | None = None
    space: Text = ""
    url: Text = ""
    kind: Text = ""
    language: Text = "fr"
    created: datetime | None = None
    modified: datetime | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    replaces: Annotated[FailFastList[Name], Field(max_length=MAX_REPLACED)] = []
    part_of: Text = ""
    entity: Text = ""
    area: Text = ""
    evidence: EvidencePolicy | None = None


class DeletedLine(_ExportModel):
    """The deletion of a record, or of one attachment (`record#name`).

    `attachments` names attachments that are deleted with the record; it is needed only if the
    record's line is no longer in the files.
    """

    type: Literal["deleted"]
    id: Name
    attachments: FailFastList[Name] = []


class AccessLine(_ExportModel):
    """New readers of a record and its attachments; their content did not change.

    `attachments` names the attachments; it is needed only if the record's line is no longer in the
    files.
    """

    type: Literal["access"]
    id: Name
    readers: Readers
    attachments: FailFastList[Name] = []


ExportLine = HeaderLine | AccountLine | SpaceLine | RecordLine | DeletedLine | AccessLine
export_line_adapter: TypeAdapter[ExportLine] = TypeAdapter(
    Annotated[ExportLine, Field(discriminator="type")]
)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one line of an export."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "quisait export, one line",
        "$comment": f"version {EXPORT_VERSION}",
        **export_line_adapter.json_schema(),
    }


MAX_LINE_BYTES = 64 * 1024 * 1024
"""Maximum size of a line in bytes; a longer line is skipped and reported."""

MAX_LINE_VALUES = 100_000
"""Maximum number of values and keys in a line; a line with more is skipped and reported. A thread
of ten thousand answers has fewer.
"""

_EXPORT_LINE_TYPES = frozenset({"header", "account", "space"})
_MODELS: tuple[type[BaseModel], ...] = (Readers, *_ExportModel.__subclasses__())
_FIELDS = frozenset(name for model in _MODELS for name in model.model_fields)


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line of a file; `raw` is cut if the line is `too_long`.

    `terminated` is false if the file ends before the line does.
    """

    file: str
    number: int
    start: int
    end: int
    raw: bytes
    too_long: bool
    terminated: bool

    @property
    def location(self) -> tuple[str, int]:
        """The (file, offset in bytes) of the line. Locations sort in the order of the export."""
        return self.file, self.start

    @property
    def where(self) -> str:
        """File and line number, for the administrator."""
        return f"{self.file}:{self.number}"


@dataclass(frozen=True, slots=True)
class InvalidLine:
    """A line that could not be parsed, with the parts that are known.

    `reason` contains nothing of the line's text. `type` and `id` are empty if unknown; `ids` are
    the record's id and its attachments' ids, or None if the line does not tell them.
    """

    reason: str
    type: str = ""
    id: str = ""
    ids: tuple[str, ...] | None = None

    @property
    def concerns_document(self) -> bool:
        """Whether the line may be about a document."""
        return self.type not in _EXPORT_LINE_TYPES


def parse_line(line: RawLine) -> ExportLine | InvalidLine:
    """Parse a line; never raises."""
    raw = line.raw.removeprefix(b"\xef\xbb\xbf") if line.number == 1 else line.raw
    if line.too_long:
        return _invalid_with_prefix(raw, f"ligne de plus de {MAX_LINE_BYTES // 2**20} Mio")
    if exceeds_json_values(raw, MAX_LINE_VALUES):
        return _invalid_with_prefix(raw, f"ligne de plus de {MAX_LINE_VALUES} valeurs JSON")
    try:
        return export_line_adapter.validate_json(raw)
    except ValidationError as error:
        return _invalid(raw, error)


def is_unfinished(raw: RawLine, line: ExportLine | InvalidLine) -> bool:
    """Return whether this is a last line that is still being written."""
    return isinstance(line, InvalidLine) and line.ids is None and not raw.terminated


def attachment_id(record_id: str, name: str) -> str:
    """Return the id of a record's attachment."""
    return f"{record_id}#{name}"


def possible_records(name: str) -> Iterator[tuple[str, str]]:
    """Yield the (record id, attachment name) pairs that give this attachment id.

    There may be several, since both may contain a `#`.
    """
    return ((name[:at], name[at + 1 :]) for at, sign in enumerate(name) if sign == "#")


def _invalid(raw: bytes, error: ValidationError) -> InvalidLine:
    errors = error.errors(include_input=False, include_url=False)
    if any(e["type"] == "json_invalid" for e in errors):
        return _invalid_with_prefix(raw, "ce n'est pas du JSON")
    values = _json_object(raw)
    if values is None:
        return _invalid_with_prefix(raw, "ce n'est pas un objet JSON")
    location = [str(part) for part in errors[0]["loc"] if isinstance(part, int) or part in _FIELDS]
    kind, record_id, attached = (values.get(name) for name in ("type", "id", "attachments"))
    record_id = record_id.strip() if isinstance(record_id, str) and "\0" not in record_id else ""
    names = attached if isinstance(attached, list) else ()
    names = [a.get("name") if isinstance(a, dict) else a for a in names]
    own = [attachment_id(record_id, name.strip()) for name in names if isinstance(name, str)]
    return InvalidLine(
        reason=f"« {'.'.join(location) or '?'} » : {expected(errors[0])}",
        type=kind if isinstance(kind, str) else "",
        id=record_id,
        ids=(record_id, *own) if record_id else None,
    )


def _json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
        json.dumps(value, ensure_ascii=False).encode()  # raises for lone surrogates
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _invalid_with_prefix(raw: bytes, reason: str) -> InvalidLine:
    beginning = raw[:65536]
    return InvalidLine(reason, _find_string(beginning, b"type"), _find_string(beginning, b"id"))


def _find_string(raw: bytes, key: bytes) -> str:
    found = re.search(rb'"' + key + rb'"\s*:\s*("(?:[^"\\]|\\.)*")', raw)
    try:
        value = str(json.loads(found[1])) if found else ""
        value.encode()
    except ValueError:
        return ""
    return value.strip() if "\0" not in value else ""
