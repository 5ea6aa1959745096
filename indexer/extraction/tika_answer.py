"""Reads Tika's answers: text with headings and pages, or a kind of failure."""

import io
import mimetypes
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import unescape

from connectors.markdown import MarkdownText, read_markdown
from connectors.titles import own_title
from connectors.values import Section
from indexer.errors import ExtractionFailed
from indexer.extraction.files import ExtractionLimits
from indexer.extraction.xhtml import Page, attachments_of, clean_text, page_of
from indexer.values import Extracted, Failure, UnreadPart

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SECTOR = 512
_WORD_FILE = b"\xec\xa5"
_WORD_ENCRYPTED = (11, 0x01)
"""[MS-DOC] 2.5.2, FibBase: byte and bit of the flag fEncrypted."""
_EXCEL_FILE = re.compile(rb"\x09\x08(?P<size>..)", re.DOTALL)
_EXCEL_ENCRYPTED = b"\x2f\x00"
"""[MS-XLS] 2.4.117: FilePass follows the beginning of the workbook."""
_7Z = b"7z\xbc\xaf\x27\x1c"
_7Z_AES = b"\x06\xf1\x07\x01"


def is_encrypted(content: bytes) -> bool:
    """Return whether an OpenDocument, old Word or Excel, or 7z file is encrypted."""
    if content.startswith(_OLE):
        return _is_encrypted_office(content)
    if content.startswith(_7Z):
        return _7Z_AES in content
    return _is_encrypted_odf(content)


def _is_encrypted_odf(content: bytes) -> bool:
    """Return whether the manifest of an OpenDocument file lists encrypted parts."""
    try:
        with (
            zipfile.ZipFile(io.BytesIO(content)) as parts,
            parts.open("META-INF/manifest.xml") as manifest,
        ):
            return b"encryption-data" in manifest.read(1_000_000)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError, ValueError):
        return False


def _is_encrypted_office(content: bytes) -> bool:
    """Return whether the first Word or Excel stream, which starts at a sector, is encrypted."""
    byte, bit = _WORD_ENCRYPTED
    for start in range(_SECTOR, len(content), _SECTOR):
        head = content[start : start + 32]
        if head.startswith(_WORD_FILE) and len(head) > byte:
            return bool(head[byte] & bit)
        if match := _EXCEL_FILE.match(head):
            record = 4 + int.from_bytes(match["size"], "little")
            return head[record : record + 2] == _EXCEL_ENCRYPTED
    return False


Metadata = Mapping[str, str | Sequence[str]]

ARCHIVES = frozenset(
    f"application/{name}"
    for name in (
        *("zip", "x-tar", "x-gtar", "gzip", "x-7z-compressed", "x-bzip2", "x-xz"),
        *("x-rar-compressed", "x-archive", "x-cpio", "x-compress", "zstd"),
    )
)

CONTAINER_EXCEPTION = "X-TIKA:EXCEPTION:container_exception"
STREAM_EXCEPTION = "X-TIKA:EXCEPTION:embedded_stream_exception"
PART_EXCEPTION = "X-TIKA:EXCEPTION:embedded_exception"
STOPPED = "X-TIKA:EXCEPTION:embedded_resource_limit_reached"
CUT = "X-TIKA:EXCEPTION:write_limit_reached"
_WARNING = "X-TIKA:EXCEPTION:warn"
_PROTECTED = "application/x-tika-ooxml-protected"
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
_WORDLESS = ("image/", "audio/", "video/", "font/")
NOT_TEXT_KINDS: Mapping[str, str] = {
    "image": "image",
    "audio": "son",
    "video": "vidéo",
    "font": "police",
    **dict.fromkeys(("application/x-font-ttf", "application/x-font-otf"), "police"),
    **dict.fromkeys(ARCHIVES, "archive sans texte"),
    **dict.fromkeys(
        (
            *("application/x-msdownload", "application/x-dosexec", "application/x-executable"),
            *("application/x-sharedlib", "application/x-elf", "application/java-vm"),
            *("application/java-archive", "application/x-mach-o-executable"),
        ),
        "programme",
    ),
    **dict.fromkeys(("application/x-sqlite3", "application/x-iso9660-image"), "données"),
}
"""French names of kinds without text, by media type or its first half."""
_LOCKED = "Fichier chiffré, par mot de passe ou par clé."
_PICTURES = "Le fichier ne contient que des images."


@dataclass(frozen=True, slots=True)
class TikaPart:
    """XHTML and metadata of a file; `path` is an attachment's path, or empty for the file."""

    xhtml: str
    metadata: Metadata
    path: str = ""


def first(metadata: Metadata, key: str) -> str:
    """Return the first value, or the empty string."""
    value = metadata.get(key, "")
    return value if isinstance(value, str) else next(iter(value), "")


def each(metadata: Metadata, key: str) -> tuple[str, ...]:
    """Return all values."""
    value = metadata.get(key, ())
    return (value,) if isinstance(value, str) else tuple(value)


def refuse_by_size(size_bytes: int, max_bytes: int) -> None:
    """Raise `ExtractionFailed` if the file is empty or too large."""
    if size_bytes == 0:
        raise ExtractionFailed(Failure.EMPTY, "Le fichier est vide.")
    if size_bytes > max_bytes:
        raise ExtractionFailed(Failure.TOO_LARGE, f"Le fichier dépasse {max_bytes} octets.")


def file_failed(
    parts: Sequence[TikaPart], content: bytes, unread: Sequence[UnreadPart] = ()
) -> ExtractionFailed:
    """Return the failure of a file in which no text was found, its parts included."""
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
    if kind := _kind_without_text(media_type, content):
        return ExtractionFailed(Failure.NOT_TEXT, kind)
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


def _kind_without_text(media_type: str, content: bytes) -> str:
    """Return the French name of a file's kind if that kind has no text, else the empty string.

    Images are recognised even if Tika failed on their metadata.
    """
    if content.startswith(_IMAGES):
        return NOT_TEXT_KINDS["image"]
    return NOT_TEXT_KINDS.get(media_type, NOT_TEXT_KINDS.get(media_type.partition("/")[0], ""))


def part_failed(metadata: Metadata, has_text: bool) -> tuple[Failure, str] | None:
    """Return why an attachment is missing or incomplete; None if nothing is missing.

    Kinds without text (images, sounds) and empty files are not reported: the logo in every
    signature would hide failures that a person can mend.
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
    """Return whether Tika reports that a password or a key is missing."""
    # A PDF that may be opened but not printed also says `pdf:encrypted`; it has pages.
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


_NAMES = (".md", ".markdown", ".mdown", ".mkd")
_TYPES = ("text/plain", "text/x-web-markdown")
_BODY = re.compile(r"<body>\s*<p>([^<]*)</p>\s*</body>")
"""Matches the body of a plain text in Tika's XHTML: one paragraph without tags."""


def markdown_of(part: TikaPart, name: str) -> MarkdownText | None:
    """Return the part read as Markdown, if it is text and its name has a Markdown suffix."""
    kind = first(part.metadata, "Content-Type").partition(";")[0]
    if kind not in _TYPES or not name.lower().endswith(_NAMES):
        return None
    body = _BODY.search(part.xhtml)
    return read_markdown(unescape(body[1]).strip("\n")) if body else None


_LONGEST = 500
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]")


def clean_path(path: str) -> str:
    """Return the path with its segments cleaned: no control characters, drives or `..`."""
    segments = (
        " ".join(_UNSEEN.sub("", unicodedata.normalize("NFC", segment)).split())
        for segment in path.replace("\\", "/").split("/")
    )
    cleaned = "/".join(s for s in segments if s not in {"", ".", ".."} and not s.endswith(":"))
    return cleaned if len(cleaned) <= _LONGEST else f"…{cleaned[-_LONGEST:]}"


def server_paths(answered: Sequence[Metadata]) -> list[str]:
    """Return the path of each part in a server's answer.

    The server's path of a file in an archive omits folders; its resource name includes them.
    """
    ids = [first(part, "X-TIKA:embedded_id_path") for part in answered]
    by_id = dict(zip(ids, answered, strict=True))

    def path_of(id_path: str) -> str:
        part = by_id.get(id_path)
        if part is None or not id_path:
            return ""
        above = id_path.rpartition("/")[0]
        name = first(part, "X-TIKA:embedded_resource_path").rpartition("/")[2]
        full = first(part, "resourceName")
        packed = first(by_id.get(above, {}), "Content-Type") in ARCHIVES
        return f"{path_of(above)}/{full if packed and full.endswith(name) else name}".lstrip("/")

    return [path_of(id_path) for id_path in ids]


def named_apart(parts: Sequence[TikaPart]) -> list[TikaPart]:
    """Return the parts under clean and distinct paths."""
    taken: dict[str, int] = {}
    apart = []
    for rank, part in enumerate(parts):
        path = clean_path(part.path) if rank else ""
        if rank and not path:
            path = "sans nom"
        taken[path] = taken.get(path, 0) + 1
        number = f" ({taken[path]})" if taken[path] > 1 else ""
        apart.append(TikaPart(part.xhtml, part.metadata, path + number))
    return apart


def is_archive(part: TikaPart) -> bool:
    """Return whether the part's own text is only a list of names."""
    return first(part.metadata, "Content-Type") in ARCHIVES


MOST_NAMED = 100
"""Number of unread parts listed one by one; the others are counted in one line."""


def unread_parts(parts: Sequence[TikaPart], sections: Sequence[Section]) -> tuple[UnreadPart, ...]:
    """Return the unread parts in order, each path once."""
    with_text = {section.path for section in sections if section.text}
    by_path: dict[str, UnreadPart] = {}
    for part in parts:
        for unread in (*_itself(part, with_text), *_inside(part, parts, with_text)):
            by_path.setdefault(unread.path, unread)
    named, more = list(by_path.values())[:MOST_NAMED], len(by_path) - MOST_NAMED
    if more > 0:
        named.append(UnreadPart("…", Failure.UNREADABLE, f"Et {more} autres pièces non lues."))
    return tuple(named)


def _itself(part: TikaPart, with_text: set[str]) -> Iterator[UnreadPart]:
    failed = part_failed(part.metadata, part.path in with_text) if part.path else None
    if failed:
        yield UnreadPart(part.path, *failed)


def _locked_stream(reason: str) -> str:
    """Return the name of the file that Tika reports as encrypted; empty if it names none.

    A regular expression would take quadratic time if the reason repeats «stream (».
    """
    before, locked, _ = reason.partition(") is encrypted")
    return before.partition("stream (")[2] if locked else ""


def _inside(part: TikaPart, parts: Sequence[TikaPart], with_text: set[str]) -> Iterator[UnreadPart]:
    """Yield files that an archive could not unpack, and unread attachments.

    Unread attachments are only yielded if in-process Tika read them together with the file.
    """
    for reason in each(part.metadata, STREAM_EXCEPTION):
        if name := _locked_stream(reason):
            path = clean_path(f"{part.path}/{name}")
            yield UnreadPart(path, Failure.ENCRYPTED, "Fichier chiffré, par mot de passe.")
    if part.path or len(parts) > 1:
        return  # each attachment has its own part and reason
    reasons = each(part.metadata, PART_EXCEPTION)
    if not reasons:
        return
    locked_ones = sum("EncryptedDocument" in reason for reason in reasons)
    failure = Failure.ENCRYPTED if locked_ones == len(reasons) else Failure.UNREADABLE
    silent = [
        path
        for path in map(clean_path, attachments_of(part.xhtml))
        if path not in with_text and not (mimetypes.guess_type(path)[0] or "").startswith("image/")
    ]
    for path in silent or (["…"] if locked_ones else []):
        yield UnreadPart(path, failure, "Aucun texte n'a pu en être tiré.")


__all__ = ["Metadata", "TikaPart", "read_answer"]

_OLDEST_YEAR = 1980


def read_answer(
    answered: Sequence[TikaPart], content: bytes, limits: ExtractionLimits, filename: str = ""
) -> Extracted:
    """Return the text of an answer, whose first part is the file itself.

    If any text was found, the file counts as read; parts without text are listed in `unread`.
    `filename` is only used to recognise Markdown. Raises `ExtractionFailed`.
    """
    parts = named_apart(answered)
    metadata = parts[0].metadata if parts else {}
    broken = bool(first(metadata, CONTAINER_EXCEPTION))
    if is_locked(metadata) or (broken and not is_archive(parts[0])):
        raise file_failed(parts, content)
    read = [_read(part, limits, filename) for part in parts]
    every_section = [section for part in read for section in part.sections]
    sections = tuple(_cut(every_section, limits.max_characters))
    unread = unread_parts(parts, every_section)
    if not any(section.text for section in sections):
        raise file_failed(parts, content, unread)
    return Extracted(
        sections,
        title=own_title(first(metadata, "dc:title")) or own_title(read[0].title),
        created=_moment(metadata, "dcterms:created"),
        modified=_moment(metadata, "dcterms:modified"),
        unread=(*_beyond(parts, every_section, sections, limits), *unread),
    )


def _read(part: TikaPart, limits: ExtractionLimits, filename: str) -> Page:
    """Return the sections of a part, without an archive's own text: a list of names."""
    cut = replace(part, xhtml=part.xhtml[: limits.max_markup])
    markdown = markdown_of(cut, part.path or filename)
    if markdown is not None:
        texts = ((clean_text(part.heading), clean_text(part.text)) for part in markdown.parts)
        sections = (Section(text, heading, path=part.path) for heading, text in texts)
        return Page(tuple(filter(_says_something, sections)), markdown.title)
    page = page_of(cut.xhtml, part.path)
    return replace(page, sections=tuple(_cleanly_named(page.sections, part)))


def _says_something(section: Section) -> bool:
    return bool(section.text or section.heading)


def _cleanly_named(sections: Iterable[Section], part: TikaPart) -> Iterator[Section]:
    for section in sections:
        if section.path == part.path:
            if not is_archive(part):
                yield section
        else:
            yield replace(section, path=clean_path(section.path))


def _cut(sections: Sequence[Section], max_characters: int) -> Iterator[Section]:
    """Yield the first sections, up to `max_characters` of text and headings."""
    left = max_characters
    for section in sections:
        left -= len(section.heading)
        if left <= 0:
            return
        yield section if len(section.text) <= left else replace(section, text=section.text[:left])
        left -= len(section.text)


def _beyond(
    parts: Sequence[TikaPart],
    sections: Sequence[Section],
    remaining: Sequence[Section],
    limits: ExtractionLimits,
) -> Iterator[UnreadPart]:
    """If the end of the document was cut off, yield one unread part with the reason."""
    reasons = []
    is_cut = (
        sections[-1] != remaining[-1]
        or any(first(part.metadata, CUT) for part in parts)
        or any(len(part.xhtml) > limits.max_markup for part in parts)
    )
    if is_cut:
        reasons.append(f"Au-delà de {limits.max_characters} caractères, le texte n'est pas lu.")
    if first(parts[0].metadata, STOPPED):
        reasons.append(f"Au-delà de {limits.max_parts} pièces, les pièces ne sont pas lues.")
    if first(parts[0].metadata, CONTAINER_EXCEPTION):
        yield UnreadPart("", Failure.UNREADABLE, "L'archive est abîmée : la suite n'est pas lue.")
        return
    if reasons:
        yield UnreadPart("", Failure.TOO_LARGE, " ".join(reasons))


def _moment(metadata: Metadata, key: str) -> datetime | None:
    """Return a plausible date in UTC; None for dates from a clock that was never set."""
    written = re.sub(r"(\.\d{6})\d+", r"\1", first(metadata, key))
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware if _OLDEST_YEAR <= aware.year <= datetime.now(UTC).year + 1 else None
