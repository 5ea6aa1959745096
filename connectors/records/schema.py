"""The published schema of `export` (version 1): one JSON object a line.

`quisait schema export` prints the JSON Schema that these models make. The first line
of each file is its header. An account or a space may stand anywhere in the files.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, TypeAdapter

from connectors.values import MOST_PRINCIPALS, MOST_REPLACED, EvidencePolicy, Role

EXPORT_VERSION = 1


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


# NUL breaks ids and columns further on; no honest name holds one.
Name = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
# A denial that nobody could ever hold would widen access: refuse what is no principal.
Principal = Annotated[Name, Field(pattern=r"^(everyone|[^:\s]+:\S[^\x00]*)$")]


Item = TypeVar("Item")
Several = Annotated[list[Item], FailFast()]
"""A list that is refused at its first item that is wrong: an error weighs a kilobyte."""


Principals = Annotated[Several[Principal], Field(max_length=MOST_PRINCIPALS)]


class Readers(_Line):
    """Principals allowed and denied; none allowed means that nobody reads."""

    allowed: Principals
    denied: Principals = []


class Header(_Line):
    """The first line. `complete`: what the file does not hold has been deleted."""

    type: Literal["header"]
    version: Literal[1]
    complete: bool = False


class AccountLine(_Line):
    """An account of the source and the name that it shows."""

    type: Literal["account"]
    id: Name
    name: Name


class SpaceLine(_Line):
    """A community or space; its readers and evidence policy hold for records without their own."""

    type: Literal["space"]
    id: Name
    title: Name
    readers: Readers | None = None
    evidence: EvidencePolicy = EvidencePolicy.YES


class Reply(_Line):
    """An answer or a comment; `thanks` is how many others thanked for it."""

    author: Name
    text: str
    created: datetime | None = None
    accepted: bool = False
    thanks: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class SectionLine(_Line):
    """A chapter of a page."""

    text: str
    heading: Text = ""
    author: Name | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None


class ContributorLine(_Line):
    """What an account did, where the record itself does not say it (revisions of a page)."""

    account: Name
    role: Role
    count: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1
    first: date | None = None
    last: date | None = None


class AttachmentLine(_Line):
    """A file beside the export (`path`, relative, inside its folder) or inside it (`base64`)."""

    name: Name
    path: str | None = None
    base64: str | None = None
    media_type: Text | None = None


class RecordLine(_Line):
    """A post, a thread (its text is the question), a page or a message."""

    type: Literal["post", "thread", "page", "message"]
    id: Name
    title: Name
    author: Name | None = None
    text: str = ""
    sections: Several[SectionLine] = []
    answers: Several[Reply] = []
    comments: Several[Reply] = []
    contributors: Several[ContributorLine] = []
    attachments: Several[AttachmentLine] = []
    readers: Readers | None = None
    space: Text = ""
    url: Text = ""
    kind: Text = ""
    language: Text = "fr"
    created: datetime | None = None
    modified: datetime | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    replaces: Annotated[Several[Name], Field(max_length=MOST_REPLACED)] = []
    part_of: Text = ""
    entity: Text = ""
    area: Text = ""
    evidence: EvidencePolicy | None = None


class DeletedLine(_Line):
    """A tombstone, of a record or of one attachment (`record#name`).

    `attachments` names those that go along, where the record's line is no longer in
    the files; otherwise they are known.
    """

    type: Literal["deleted"]
    id: Name
    attachments: Several[Name] = []


class AccessLine(_Line):
    """New readers of a record whose content did not change, and of its attachments.

    `attachments` names them where the record's line is no longer in the files.
    """

    type: Literal["access"]
    id: Name
    readers: Readers
    attachments: Several[Name] = []


Line = Header | AccountLine | SpaceLine | RecordLine | DeletedLine | AccessLine
export_line: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="type")])


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one line of an export."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "quisait export, one line",
        "$comment": f"version {EXPORT_VERSION}",
        **export_line.json_schema(),
    }
