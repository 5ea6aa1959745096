"""Parse the documents that applications push, in the export schema or in the format of `find`.

`find` is La Suite's search application (suitenumerique/find). docs/pousser.md says what its fields
mean here; all other fields (`depth`, `path`, `numchild`, `size`, …) are ignored.
"""

import base64
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from connectors.faults import expected
from connectors.push.addresses import has_readable_type, origin_of
from connectors.records.schema import (
    AccessLine,
    AttachmentLine,
    ContributorLine,
    DeletedLine,
    FailFastList,
    InvalidLine,
    Name,
    RawLine,
    Readers,
    RecordLine,
    SectionLine,
    Text,
    parse_line,
)
from connectors.values import EVERYONE, MAX_PRINCIPALS, ContributorRole, account_principal

TOKEN_PREFIX = "qsp_"  # noqa: S105 - how a token begins, which is not secret
"""Prefix of the tokens of sources that push."""


class PushOutcome(StrEnum):
    """The result of one pushed item."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PushReceipt:
    """The answer to one item. `document_id` is as it was pushed, without the source's name.

    `code` is for programs, `reason` is a French sentence. Neither contains any of the document's
    text. `place` is the invalid field, if known.
    """

    document_id: str
    outcome: PushOutcome
    code: str = ""
    reason: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class PushLimits:
    """The maximum size of a request and of a document, and number of documents in a request."""

    request_bytes: int
    document_bytes: int
    documents: int


@dataclass(frozen=True, slots=True)
class SuiteRules:
    """Settings of a source for La Suite's documents.

    `open_reach` are the values of `reach` (`public`, `authenticated`) that let every agent find a
    document. `link` is a template of a document's URL with `{id}`, or empty. `file_origins` are the
    origins (`https://host`, with its port) from which files of any pushed document may be fetched.
    """

    open_reach: frozenset[str] = frozenset()
    link: str = ""
    file_origins: frozenset[str] = frozenset()


class InboxFull(Exception):
    """Too many items of a source wait to be indexed: nothing was accepted, try again later."""


class InboxUnreachable(Exception):
    """The database did not answer in time: nothing was accepted, try again later."""


VERSION_CHARACTERS = 200

PushedLine = RecordLine | DeletedLine | AccessLine


@dataclass(frozen=True, slots=True)
class PushedItem:
    """A valid item. `version` is empty if none was given.

    `tags` are the tags of a document of find; None leaves the stored tags unchanged.
    """

    line: PushedLine
    version: str = ""
    tags: tuple[str, ...] | None = None

    @property
    def digest(self) -> str:
        """A digest of the item without its version, to recognize an item that is pushed again."""
        return hashlib.blake2b(canonical_json(self.line).encode(), digest_size=16).hexdigest()


def canonical_json(line: PushedLine) -> str:
    """Return a line as the inbox stores it: equal lines give equal texts, without NUL."""
    return line.model_dump_json(exclude_defaults=True)


def parse_item(
    item: object, document_bytes: int, file_origins: frozenset[str] = frozenset()
) -> PushedItem | PushReceipt:
    """Return the item, or the receipt that refuses it; never raises.

    `item` is parsed JSON; `version`, next to the record's own fields, is an integer or a text.
    Files given by URL are accepted only on `file_origins`.
    """
    text = encode_item(item, document_bytes)
    if isinstance(text, PushReceipt):
        return text
    assert isinstance(item, dict)  # noqa: S101 - `encode_item` refuses everything else
    record = {name: value for name, value in item.items() if name != "version"}
    raw = json.dumps(record, ensure_ascii=False).encode()
    line = parse_line(RawLine("", 1, 0, len(raw), raw, too_long=False, terminated=True))
    if isinstance(line, InvalidLine):
        place = line.reason.partition("« ")[2].partition(" »")[0]
        return refused_receipt(line.id, "malformed", line.reason, place)
    if not isinstance(line, PushedLine):
        reason = f"« {line.type} » ne se pousse pas : donnez « readers » à chaque document"
        return refused_receipt("", "malformed", reason, "type")
    version = _parse_version(item.get("version"))
    if version is None:
        reason = f"« version » : un entier, ou un texte de {VERSION_CHARACTERS} signes au plus"
        return refused_receipt(line.id, "malformed", reason, "version")
    if isinstance(line, RecordLine) and (problem := _attachments_problem(line, file_origins)):
        return refused_receipt(line.id, "malformed", f"« attachments » : {problem}", "attachments")
    return PushedItem(line, version)


def encode_item(item: object, document_bytes: int) -> bytes | PushReceipt:
    """Return the item in UTF-8, or its refusal: not an object, a lone surrogate, or too large."""
    if not isinstance(item, dict):
        return refused_receipt("", "malformed", "ce n'est pas un objet JSON")
    try:
        text = json.dumps(item, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return refused_receipt("", "malformed", "un texte contient une moitié de caractère Unicode")
    except RecursionError:
        return refused_receipt("", "malformed", "trop de niveaux d'objets")
    if len(text) > document_bytes:
        reason = f"document de plus de {document_bytes} octets"
        return refused_receipt(_id_of(item), "too_large", reason)
    return text


def refused_receipt(document_id: str, code: str, reason: str, place: str = "") -> PushReceipt:
    """Return the receipt of an item that is not accepted."""
    return PushReceipt(document_id, PushOutcome.REFUSED, code, reason, place)


def _id_of(item: dict[str, object]) -> str:
    """Return the id of an invalid item, or an empty text if the id is invalid too."""
    given = item.get("id")
    return given.strip() if isinstance(given, str) and len(given) <= 2000 else ""


def _parse_version(given: object) -> str | None:
    """Return the version as text, empty if there is none; None if it is invalid."""
    if given is None:
        return ""
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 10**40:
        return str(given)
    if not isinstance(given, str) or "\0" in given:
        return None
    version = given.strip()
    return version if 0 < len(version) <= VERSION_CHARACTERS else None


def _attachments_problem(line: RecordLine, file_origins: frozenset[str]) -> str:
    """Return why a record's attachments are refused, in French; empty if they are valid.

    A path would name a file of the server, so only base64 and URLs on `file_origins` are accepted.
    """
    names = Counter(attachment.name for attachment in line.attachments)
    if any(count > 1 for count in names.values()):
        return "deux pièces jointes portent le même nom"
    for attachment in line.attachments:
        if attachment.url is not None:
            if problem := _address_problem(attachment, file_origins):
                return problem
            continue
        if attachment.size is not None:
            return "« size » accompagne « url »"
        if attachment.path is not None or attachment.base64 is None:
            return "donnez le contenu en « base64 », jamais un chemin"
        try:
            base64.b64decode(attachment.base64, validate=True)
        except ValueError:
            return "ce n'est pas du base64"
    return ""


def _address_problem(attachment: AttachmentLine, file_origins: frozenset[str]) -> str:
    """Return why a file may not be fetched from its URL, in French; empty if it may."""
    if attachment.path is not None or attachment.base64 is not None:
        return "donnez « base64 » ou « url », l'un des deux"
    if origin_of(attachment.url or "", file_origins) is None:
        return "l'adresse n'est pas sur un hôte que « file_hosts » nomme"
    if attachment.size is None:
        return "donnez la taille du fichier (« size »), en octets"
    if not has_readable_type(attachment.media_type or ""):
        return "donnez un type de fichier qui a un texte (« media_type »)"
    return ""


_TITLE_CHARACTERS = 200

Identity = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]


_MOST_CONTRIBUTORS = 1_000
_MOST_TAGS = 100


class _FindDocument(BaseModel):
    """One document of `/documents/index/`. Other fields are ignored.

    `creator` and `contributors` are accounts, like `users`. Both are missing in find's own schema;
    applications may send them to name the authors. `url` is missing there too: it is the URL of a
    file whose text is not in `content`. The file is not fetched if `url`, `mimetype` or `size` is
    invalid.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    id: Name
    title: Text
    content: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    users: FailFastList[Identity] = []
    groups: FailFastList[Identity] = []
    reach: Literal["public", "authenticated", "restricted"] | None = "restricted"
    is_active: bool
    description: str = ""
    url: object = None
    mimetype: object = None
    size: object = None
    creator: Identity | None = None
    contributors: Annotated[FailFastList[Identity], Field(max_length=_MOST_CONTRIBUTORS)] = []
    tags: Annotated[FailFastList[Identity], Field(max_length=_MOST_TAGS)] = []


def parse_find_item(
    item: object, source: str, rules: SuiteRules, document_bytes: int
) -> PushedItem | PushReceipt:
    """Return the item for one of find's documents, or the receipt that refuses it; never raises.

    The item has no version: `updated_at` does not change when the readers do.
    """
    text = encode_item(item, document_bytes)
    if isinstance(text, PushReceipt):
        return text
    try:
        document = _FindDocument.model_validate_json(text)
    except ValidationError as error:
        # The reason names the field and what it expects, never the value.
        first = error.errors(include_input=False, include_url=False)[0]
        place = str(first["loc"][0]) if first["loc"] else ""
        reason = f"« {place} » : {expected(first)}"
        assert isinstance(item, dict)  # noqa: S101 - `encode_item` refuses everything else
        return refused_receipt(_id_of(item), first["type"], reason, place)
    if not document.is_active:
        return PushedItem(DeletedLine(type="deleted", id=document.id))
    if not document.title and not document.content:
        return refused_receipt(document.id, "malformed", "ni titre ni contenu", "title")
    allowed = _find_principals(document, source, rules)
    if len(allowed) > MAX_PRINCIPALS:
        reason = f"plus de {MAX_PRINCIPALS} lecteurs : nommez un groupe"
        return refused_receipt(document.id, "too_long", reason, "users")
    tags = tuple(dict.fromkeys(document.tags))
    return PushedItem(_find_record(document, allowed, rules), tags=tags)


def _find_record(document: _FindDocument, allowed: list[str], rules: SuiteRules) -> RecordLine:
    description = document.description.strip()
    first_line = document.content.replace("\0", " ").partition("\n")[0].strip()
    return RecordLine(
        type="page",
        kind="document",
        id=document.id,
        title=document.title or first_line[:_TITLE_CHARACTERS] or document.id,
        text=document.content,
        sections=[SectionLine(text=description, heading="Description")] if description else [],
        author=document.creator,
        contributors=_editors(document),
        attachments=_file_of(document, rules),
        readers=Readers(allowed=allowed),
        created=document.created_at,
        modified=document.updated_at,
        url=rules.link.replace("{id}", document.id) if rules.link else "",
    )


def _file_of(document: _FindDocument, rules: SuiteRules) -> list[AttachmentLine]:
    """Return the file of a document without a text, if it may be fetched; the title names it."""
    url, kind, size = document.url, document.mimetype, document.size
    if document.content.strip() or not isinstance(url, str) or not isinstance(kind, str):
        return []
    if isinstance(size, bool) or not isinstance(size, int) or not has_readable_type(kind):
        return []
    if origin_of(url, rules.file_origins) is None:
        return []
    try:
        # Drive puts a file's description below its title.
        name = document.title.partition("\n")[0].strip() or document.id
        return [AttachmentLine(name=name, url=url, size=size, media_type=kind)]
    except ValidationError:
        return []


def _editors(document: _FindDocument) -> list[ContributorLine]:
    """Return each contributor once, as editor; the creator is the author."""
    names = dict.fromkeys(one for one in document.contributors if one != document.creator)
    last = document.updated_at.date()
    return [ContributorLine(account=name, role=ContributorRole.EDITOR, last=last) for name in names]


def _find_principals(document: _FindDocument, source: str, rules: SuiteRules) -> list[str]:
    """Return the principals of users (accounts of the source) and groups (of the source).

    A document open to all by its link is found by every agent only if the settings say so: find
    itself shows it only to users who have opened it.
    """
    allowed = {account_principal(f"{source}:{user}") for user in document.users}
    allowed |= {f"{source}:group:{group}" for group in document.groups}
    if document.reach in rules.open_reach:
        allowed.add(EVERYONE)
    return sorted(allowed)
