"""One pushed item: a record of the export's schema, its tombstone, or its new readers."""

import base64
import hashlib
import json
from collections import Counter
from dataclasses import dataclass

from connectors.push.values import Outcome, Receipt
from connectors.records.lines import BrokenLine, RawLine, understand
from connectors.records.schema import AccessLine, DeletedLine, RecordLine

VERSION_CHARACTERS = 200

PushedLine = RecordLine | DeletedLine | AccessLine


@dataclass(frozen=True, slots=True)
class Submitted:
    """An item that was understood. `version` is empty where none was given."""

    line: PushedLine
    version: str = ""

    @property
    def digest(self) -> str:
        """Of all that the item says but its version: what comes again says the same."""
        return hashlib.blake2b(stored(self.line).encode(), digest_size=16).hexdigest()


def stored(line: PushedLine) -> str:
    """A line as the inbox keeps it: one text for one meaning, without NUL."""
    return line.model_dump_json(exclude_defaults=True)


def submitted(item: object, document_bytes: int) -> Submitted | Receipt:
    """What an item says, or why it is refused; never raises.

    `item` is JSON, parsed; `version` beside the record's own fields is an integer or a text.
    """
    text = written(item, document_bytes)
    if isinstance(text, Receipt):
        return text
    assert isinstance(item, dict)  # noqa: S101 - `written` refuses all else
    record = {name: value for name, value in item.items() if name != "version"}
    raw = json.dumps(record, ensure_ascii=False).encode()
    line = understand(RawLine("", 1, 0, len(raw), raw, too_long=False, terminated=True))
    if isinstance(line, BrokenLine):
        place = line.reason.partition("« ")[2].partition(" »")[0]
        return refused(line.id, "malformed", line.reason, place)
    if not isinstance(line, PushedLine):
        reason = f"« {line.type} » ne se pousse pas : donnez « readers » à chaque document"
        return refused("", "malformed", reason, "type")
    version = _version(item.get("version"))
    if version is None:
        reason = f"« version » : un entier, ou un texte de {VERSION_CHARACTERS} signes au plus"
        return refused(line.id, "malformed", reason, "version")
    if isinstance(line, RecordLine) and (fault := _attachments_fault(line)):
        return refused(line.id, "malformed", f"« attachments » : {fault}", "attachments")
    return Submitted(line, version)


def written(item: object, document_bytes: int) -> bytes | Receipt:
    """The item as UTF-8, or why it cannot be one: no object, half a character, too large."""
    if not isinstance(item, dict):
        return refused("", "malformed", "ce n'est pas un objet JSON")
    try:
        text = json.dumps(item, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return refused("", "malformed", "un texte contient une moitié de caractère Unicode")
    except RecursionError:
        return refused("", "malformed", "trop de niveaux d'objets")
    if len(text) > document_bytes:
        named = item.get("id")
        name = named if isinstance(named, str) and len(named) <= 2000 else ""
        return refused(name, "too_large", f"document de plus de {document_bytes} octets")
    return text


def refused(document_id: str, code: str, reason: str, place: str = "") -> Receipt:
    """The receipt of an item that is not taken."""
    return Receipt(document_id, Outcome.REFUSED, code, reason, place)


def _version(given: object) -> str | None:
    """The version as text, empty for none; None where it cannot be one."""
    if given is None:
        return ""
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 10**40:
        return str(given)
    if not isinstance(given, str) or "\0" in given:
        return None
    version = given.strip()
    return version if 0 < len(version) <= VERSION_CHARACTERS else None


def _attachments_fault(line: RecordLine) -> str:
    """Why a record's attachments cannot be taken; empty where they can.

    A path would be one of the server's own files: nothing but base64 is taken.
    """
    names = Counter(attachment.name for attachment in line.attachments)
    if any(count > 1 for count in names.values()):
        return "deux pièces jointes portent le même nom"
    for attachment in line.attachments:
        if attachment.path is not None or attachment.base64 is None:
            return "donnez le contenu en « base64 », jamais un chemin"
        try:
            base64.b64decode(attachment.base64, validate=True)
        except ValueError:
            return "ce n'est pas du base64"
    return ""
