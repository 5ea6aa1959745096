"""Parse the documents that applications push, in the export schema."""

import base64
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from quisait_export.schema import (
    AccessLine,
    AttachmentLine,
    DeletedLine,
    InvalidLine,
    RawLine,
    RecordLine,
    parse_line,
)

from quisait_push.addresses import has_readable_type, origin_of

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


class InboxFull(Exception):
    """Too many items of a source wait to be indexed: nothing was accepted, try again later."""


class InboxUnreachable(Exception):
    """The database did not answer in time: nothing was accepted, try again later."""


VERSION_CHARACTERS = 200

PushedLine = RecordLine | DeletedLine | AccessLine


@dataclass(frozen=True, slots=True)
class PushedItem:
    """A valid item. `version` is empty if none was given.

    `tags` select documents of La Suite; None leaves the stored tags unchanged.
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
        return refused_receipt(id_of(item), "too_large", reason)
    return text


def refused_receipt(document_id: str, code: str, reason: str, place: str = "") -> PushReceipt:
    """Return the receipt of an item that is not accepted."""
    return PushReceipt(document_id, PushOutcome.REFUSED, code, reason, place)


def id_of(item: dict[str, object]) -> str:
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
