"""Why Tika found no text, in a whole file or in one of its parts.

Passwords are found in the file's own bytes too.
"""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.errors import ExtractionFailed
from indexer.values import Failure, UnreadPart

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SECTOR = 512
_WORD_FILE = b"\xec\xa5"
_WORD_ENCRYPTED = (11, 0x01)
"""[MS-DOC] 2.5.2, FibBase: the bit fEncrypted."""
_EXCEL_FILE = re.compile(rb"\x09\x08(?P<size>..)", re.DOTALL)
_EXCEL_ENCRYPTED = b"\x2f\x00"
"""[MS-XLS] 2.4.117: FilePass comes right after the beginning of the workbook."""
_7Z = b"7z\xbc\xaf\x27\x1c"
_7Z_AES = b"\x06\xf1\x07\x01"


def is_encrypted(content: bytes) -> bool:
    """Of OpenDocument, old Word and Excel, and 7z."""
    if content.startswith(_OLE):
        return _is_encrypted_office(content)
    if content.startswith(_7Z):
        return _7Z_AES in content
    return _is_encrypted_odf(content)


def _is_encrypted_odf(content: bytes) -> bool:
    """OpenDocument encrypts its parts one by one, and says so in its manifest."""
    try:
        with (
            zipfile.ZipFile(io.BytesIO(content)) as parts,
            parts.open("META-INF/manifest.xml") as manifest,
        ):
            return b"encryption-data" in manifest.read(1_000_000)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError, ValueError):
        return False


def _is_encrypted_office(content: bytes) -> bool:
    """A stream begins at a sector; the first of Word and of Excel says what it is."""
    byte, bit = _WORD_ENCRYPTED
    for start in range(_SECTOR, len(content), _SECTOR):
        head = content[start : start + 32]
        if head.startswith(_WORD_FILE) and len(head) > byte:
            return bool(head[byte] & bit)
        if found := _EXCEL_FILE.match(head):
            record = 4 + int.from_bytes(found["size"], "little")
            return head[record : record + 2] == _EXCEL_ENCRYPTED
    return False


Metadata = Mapping[str, str | Sequence[str]]

CONTAINER_EXCEPTION = "X-TIKA:EXCEPTION:container_exception"
STREAM_EXCEPTION = "X-TIKA:EXCEPTION:embedded_stream_exception"
PART_EXCEPTION = "X-TIKA:EXCEPTION:embedded_exception"
STOPPED = "X-TIKA:EXCEPTION:embedded_resource_limit_reached"
CUT = "X-TIKA:EXCEPTION:write_limit_reached"
_WARNING = "X-TIKA:EXCEPTION:warn"
_PROTECTED = "application/x-tika-ooxml-protected"
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
_WORDLESS = ("image/", "audio/", "video/", "font/")
_LOCKED = "Fichier chiffré, par mot de passe ou par clé."
_PICTURES = "Le fichier ne contient que des images."


@dataclass(frozen=True, slots=True)
class TikaPart:
    """One file's XHTML and metadata; `path` is an attachment's path, empty for the file."""

    xhtml: str
    metadata: Metadata
    path: str = ""


def first(metadata: Metadata, key: str) -> str:
    """The first value, or an empty text."""
    value = metadata.get(key, "")
    return value if isinstance(value, str) else next(iter(value), "")


def each(metadata: Metadata, key: str) -> tuple[str, ...]:
    """All values."""
    value = metadata.get(key, ())
    return (value,) if isinstance(value, str) else tuple(value)


def refuse_by_size(size_bytes: int, max_bytes: int) -> None:
    """Raises `ExtractionFailed` for what need not even be opened."""
    if size_bytes == 0:
        raise ExtractionFailed(Failure.EMPTY, "Le fichier est vide.")
    if size_bytes > max_bytes:
        raise ExtractionFailed(Failure.TOO_LARGE, f"Le fichier dépasse {max_bytes} octets.")


def file_failed(
    parts: Sequence[TikaPart], content: bytes, unread: Sequence[UnreadPart] = ()
) -> ExtractionFailed:
    """Of a file in which there is no text at all, its parts included."""
    metadata = parts[0].metadata if parts else {}
    media_type = first(metadata, "Content-Type")
    reason = first(metadata, CONTAINER_EXCEPTION)
    if is_locked(metadata) or "EncryptedDocument" in reason or is_encrypted(content):
        return ExtractionFailed(Failure.ENCRYPTED, _LOCKED)
    if unread:
        failures = {part.failure for part in unread}
        failure = unread[0].failure if len(failures) == 1 else Failure.UNREADABLE
        return ExtractionFailed(
            failure, f"Aucune pièce n'a pu être lue ; {unread[0].path} : {unread[0].reason}"
        )
    if content.startswith(_IMAGES):
        # Whether Tika understood its camera's notes or not, an image is what it is.
        return ExtractionFailed(Failure.IMAGE_ONLY, "Le fichier est une image.")
    if reason:
        return ExtractionFailed(
            Failure.UNREADABLE, f"Tika n'a pas pu lire le fichier ({_kind(reason)})."
        )
    if first(metadata, _WARNING):
        return ExtractionFailed(Failure.UNREADABLE, "Fichier abîmé : aucun texte n'y a été trouvé.")
    if media_type in {"", "application/octet-stream"}:
        return ExtractionFailed(Failure.UNREADABLE, "Aucun format connu n'est reconnu.")
    if _has_pages(metadata) or any(_shows_image(part) for part in parts):
        return ExtractionFailed(Failure.IMAGE_ONLY, _PICTURES)
    return ExtractionFailed(Failure.EMPTY, "Le fichier ne contient pas de texte.")


def part_failed(metadata: Metadata, has_text: bool) -> tuple[Failure, str] | None:
    """Why an attachment is missing, or a piece of it; None where nothing is missed.

    What holds no words by nature (images, sounds) and what is empty is not missed: a
    logo in every signature would drown what a person can do something about.
    """
    if first(metadata, STOPPED):
        return Failure.TOO_LARGE, "Trop gros, ou trop de fichiers l'un dans l'autre."
    reason = first(metadata, PART_EXCEPTION)
    if is_locked(metadata) or "EncryptedDocument" in reason:
        return Failure.ENCRYPTED, _LOCKED
    if first(metadata, "Content-Type").startswith(_WORDLESS) or "ZeroByteFile" in reason:
        return None
    if reason:
        return Failure.UNREADABLE, f"Tika n'a pas pu le lire ({_kind(reason)})."
    if not has_text and _has_pages(metadata):
        return Failure.IMAGE_ONLY, _PICTURES
    return None


def is_locked(metadata: Metadata) -> bool:
    """Whether Tika says that a password or a key is missing."""
    # A PDF that anybody may open and nobody may print also says `pdf:encrypted`; it has pages.
    closed_pdf = first(metadata, "pdf:encrypted") == "true" and not first(metadata, "xmpTPg:NPages")
    return (
        closed_pdf
        or first(metadata, "X-TIKA:encrypted") == "true"
        or first(metadata, "Content-Type") == _PROTECTED
        or first(metadata, "Multipart-Subtype") == "encrypted"  # RFC 1847, as OpenPGP mails are
    )


def _kind(reason: str) -> str:
    line = reason.partition("\n")[0]
    return re.split(r"[:;\s(]", line, maxsplit=1)[0].rpartition(".")[2]


def _has_pages(metadata: Metadata) -> bool:
    pages = first(metadata, "xmpTPg:NPages")
    return pages not in {"", "0"} and first(metadata, "Content-Type") == "application/pdf"


def _shows_image(part: TikaPart) -> bool:
    return "<img" in part.xhtml or first(part.metadata, "Content-Type").startswith("image/")
