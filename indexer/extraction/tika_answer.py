"""What Tika answers, in a server or in-process, read as `Extracted` or as a failure."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from indexer.errors import ExtractionFailed
from indexer.extraction.clean_text import clean_text
from indexer.extraction.xhtml import sections_of
from indexer.values import Extracted, Failure

Metadata = Mapping[str, str | Sequence[str]]

_EXCEPTION = "X-TIKA:EXCEPTION:container_exception"
_WARNING = "X-TIKA:EXCEPTION:warn"
_PROTECTED = "application/x-tika-ooxml-protected"
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
_OLDEST_YEAR = 1980
_LONGEST_TITLE = 300
_NO_TITLE = re.compile(
    r"^(microsoft (word|excel|powerpoint|office)\b.*"
    r"|(document|classeur|présentation|presentation|book|slide|diapositive)\s*\d*"
    r"|(présentation|presentation) powerpoint|powerpoint presentation|diapositive \d+"
    r"|(sans titre|untitled|titre|title|no title|none|null)\s*\d*"
    r"|[~$_].*|tmp\S*|[0-9a-f]{8,}(-[0-9a-f]{4,})*"
    r"|\S*\.(tmp|docx?|dotx?|xlsx?|pptx?|odt|ods|odp|rtf|pdf|indd|html?|txt|eml|msg))$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TikaPart:
    """One file's XHTML and metadata; `path` is an attachment's path, empty for the file."""

    xhtml: str
    metadata: Metadata
    path: str = ""


def read_answer(parts: Sequence[TikaPart], content: bytes) -> Extracted:
    """The file's own part comes first. Raises `ExtractionFailed`."""
    metadata = parts[0].metadata if parts else {}
    if _first(metadata, _EXCEPTION) or _is_encrypted(metadata):
        raise _failed(metadata, parts, content)
    sections = tuple(section for part in parts for section in sections_of(part.xhtml, part.path))
    if not any(section.text for section in sections):
        raise _failed(metadata, parts, content)
    return Extracted(
        sections,
        title=_title(metadata),
        author=clean_text(_first(metadata, "dc:creator")),
        language=_language(metadata),
        created=_moment(metadata, "dcterms:created"),
        modified=_moment(metadata, "dcterms:modified"),
    )


def _failed(metadata: Metadata, parts: Sequence[TikaPart], content: bytes) -> ExtractionFailed:
    media_type = _first(metadata, "Content-Type")
    reason = _first(metadata, _EXCEPTION).partition("\n")[0]
    if _is_encrypted(metadata) or "EncryptedDocument" in reason or _is_encrypted_odf(content):
        return ExtractionFailed(Failure.ENCRYPTED, "Fichier chiffré, par mot de passe ou par clé.")
    if content.startswith(_IMAGES):
        # Whether Tika understood its camera's notes or not, an image is what it is.
        return ExtractionFailed(Failure.IMAGE_ONLY, "Le fichier est une image.")
    if reason:
        kind = re.split(r"[:\s(]", reason, maxsplit=1)[0].rpartition(".")[2]
        return ExtractionFailed(Failure.UNREADABLE, f"Tika n'a pas pu lire le fichier ({kind}).")
    if _first(metadata, _WARNING):
        return ExtractionFailed(Failure.UNREADABLE, "Fichier abîmé : aucun texte n'y a été trouvé.")
    if media_type in {"", "application/octet-stream"}:
        return ExtractionFailed(Failure.UNREADABLE, "Aucun format connu n'est reconnu.")
    pages = _first(metadata, "xmpTPg:NPages") not in {"", "0"} and media_type == "application/pdf"
    if pages or any(_shows_image(part) for part in parts):
        return ExtractionFailed(Failure.IMAGE_ONLY, "Le fichier ne contient que des images.")
    return ExtractionFailed(Failure.EMPTY, "Le fichier ne contient pas de texte.")


def _shows_image(part: TikaPart) -> bool:
    return "<img" in part.xhtml or _first(part.metadata, "Content-Type").startswith("image/")


def _is_encrypted(metadata: Metadata) -> bool:
    # A PDF that anybody may open and nobody may print also says `pdf:encrypted`; it has pages.
    closed_pdf = _first(metadata, "pdf:encrypted") == "true" and not _first(
        metadata, "xmpTPg:NPages"
    )
    return (
        closed_pdf
        or _first(metadata, "X-TIKA:encrypted") == "true"
        or _first(metadata, "Content-Type") == _PROTECTED
        or _first(metadata, "Multipart-Subtype") == "encrypted"  # RFC 1847, as OpenPGP mails are
    )


def _is_encrypted_odf(content: bytes) -> bool:
    """OpenDocument encrypts its parts one by one, and says so in its manifest."""
    try:
        with (
            zipfile.ZipFile(io.BytesIO(content)) as parts,
            parts.open("META-INF/manifest.xml") as manifest,
        ):
            return b"encryption-data" in manifest.read(1_000_000)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError):
        return False


def _first(metadata: Metadata, key: str) -> str:
    value = metadata.get(key, "")
    return value if isinstance(value, str) else next(iter(value), "")


def _title(metadata: Metadata) -> str:
    title = " ".join(clean_text(_first(metadata, "dc:title")).split())
    return "" if len(title) > _LONGEST_TITLE or _NO_TITLE.match(title) else title


def _language(metadata: Metadata) -> str:
    said = _first(metadata, "dc:language") or _first(metadata, "Content-Language")
    found = re.match(r"[a-z]{2}(?![a-z])", said.strip().lower())
    return found[0] if found else ""


def _moment(metadata: Metadata, key: str) -> datetime | None:
    """A date that a person may have meant, in UTC; a clock that was never set gives none."""
    said = re.sub(r"(\.\d{6})\d+", r"\1", _first(metadata, key))
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware if _OLDEST_YEAR <= aware.year <= datetime.now(UTC).year + 1 else None
