"""Prepares files for Tika: limits, text encodings, parts of mails and archives.

Only uses the standard library: the child process of `in_process.py` imports it.
"""

import codecs
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from functools import partial


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """Limits per file. A file beyond them is cut or fails, and this is recorded.

    `max_characters` limits the text: the rest is cut, and the file is recorded as `too_large`. Five
    million characters are 2 500 pages, and fewer passages than an engine stores with a document (10
    000). `max_parts` limits attachments, mails in mails and files of an archive in total,
    `max_depth` their nesting. `max_memory_bytes` applies to the child of `in_process`; a Tika
    server's heap is set in its own configuration.
    """

    timeout_s: float = 120.0
    max_bytes: int = 100_000_000
    max_characters: int = 5_000_000
    max_parts: int = 1_000
    max_depth: int = 8
    max_memory_bytes: int = 2_000_000_000

    @property
    def max_markup(self) -> int:
        """Maximum number of characters of text and tags: empty tables consist of tags."""
        return 4 * self.max_characters

    @property
    def max_unpacked(self) -> int:
        """Largest total of unpacked bytes of an archive; nested archives count again."""
        return 4 * self.max_bytes


_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_SAMPLE = 4000
_MOSTLY = 0.7
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")


def utf16_as_utf8(content: bytes) -> bytes:
    """Return UTF-16 text, with or without BOM, as UTF-8 without BOM; other content unchanged.

    Tika recognises a mail or a web page by its first bytes, but not in UTF-16.
    """
    encoding = _UTF_16.get(content[:2]) or _unmarked(content[:_SAMPLE])
    text = _decoded(content, encoding) if encoding else None
    return content if text is None else text.removeprefix("\ufeff").encode()


def windows_as_utf8(content: bytes) -> bytes | None:
    """Return Windows-1252 text as UTF-8; None if it is not valid Windows-1252.

    Tika takes a short text with many accents for an unknown format.
    """
    text = _decoded(content, "cp1252")
    return text.encode() if text and text.strip() else None


def _unmarked(sample: bytes) -> str | None:
    """Return the UTF-16 variant of a text without BOM.

    Latin text in UTF-16 has a zero in nearly every other byte.
    """
    even, odd = sample[::2], sample[1::2]
    if odd and b"\0" not in even and odd.count(0) > _MOSTLY * len(odd):
        return "utf-16-le"
    if odd and b"\0" not in odd and even.count(0) > _MOSTLY * len(even):
        return "utf-16-be"
    return None


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


_BODIES = frozenset({"text", "multipart"})
_BROKEN_MAIL = (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError)
"""Errors that `email` raises on malformed mails (KeyError and UnicodeError among them)."""

_KIND = re.compile(rb"^content-(?:type|disposition)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_END_OF_FIELD = re.compile(rb"\r?\n(?![ \t])|\r(?!\n)")
_LONGEST_KIND = 8_192
"""Longest content header, in bytes: `email` takes quadratic time, and real headers are shorter."""


@dataclass(frozen=True, slots=True)
class MailPart:
    """The mail without its attachments (`path` is empty), or an attachment or inner mail."""

    path: str
    content: bytes


def mail_parts(content: bytes) -> tuple[MailPart, ...]:
    """Return the mail without attachments, then its attachments in order.

    The result is empty if there are no attachments, or if the mail is too malformed to be split; it
    should then be read as a whole.
    """
    if any(_is_endless(content, match.end()) for match in _KIND.finditer(content)):
        return ()
    try:
        mail = message_from_bytes(content)
        attached = _taken_out(mail)
        if not attached:
            return ()
        parts = tuple(
            MailPart(_name(part) or f"embedded-{number}", _bytes_of(part))
            for number, part in enumerate(attached, 1)
        )
        return (MailPart("", mail.as_bytes()), *parts)
    except _BROKEN_MAIL:
        return ()


def _is_endless(content: bytes, start: int) -> bool:
    """Return whether the content header that starts here is longer than `_LONGEST_KIND`."""
    end = start + _LONGEST_KIND
    return end < len(content) and _END_OF_FIELD.search(content, start, end) is None


def _taken_out(mail: Message) -> list[Message]:
    """Remove the attachments from `mail` and return them."""
    attached: list[Message] = []
    if mail.get_content_maintype() != "multipart" or not mail.is_multipart():
        return attached  # its text is not read: `email` may take long to decode it
    parts: list[Message | str] = []
    for part in mail.get_payload():
        if not isinstance(part, Message):
            continue
        if _is_attachment(part):
            attached.append(part)
        else:
            attached += _taken_out(part)
            parts.append(part)
    mail.set_payload(parts)
    return attached


def _is_attachment(part: Message) -> bool:
    return (
        part.get_content_disposition() == "attachment"
        or part.get_filename() is not None
        or part.get_content_maintype() not in _BODIES
    )


def _name(part: Message) -> str:
    name = str(make_header(decode_header(part.get_filename() or "")))
    return " ".join(name.replace("\\", "/").rpartition("/")[2].split())


def _bytes_of(part: Message) -> bytes:
    inner = part.get_payload() if part.is_multipart() else None
    if part.get_content_type() == "message/rfc822" and isinstance(inner, list) and inner:
        mail = inner[0]
        return mail.as_bytes() if isinstance(mail, Message) else mail.encode()
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else part.as_bytes()


_DOCUMENTS = ("[Content_Types].xml", "mimetype", "META-INF/", "Index/", "index.", "FixedDoc")
"""Names in zip files that are documents (OOXML, OpenDocument, EPUB, iWork, XPS) or programs."""
_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)
_ENCRYPTED_BIT = 0x1


class PartLocked(Exception):
    """A file of the archive needs a password."""


class PartTooLarge(Exception):
    """A file of the archive unpacks to more bytes than allowed."""


class PartBroken(Exception):
    """A file of the archive cannot be unpacked."""


def zip_parts(content: bytes) -> Iterator[tuple[str, Callable[[int], bytes]]] | None:
    """Return the path and reader of each file, in order; None if this is not a plain archive.

    A reader takes the maximum number of bytes to return, and raises `PartLocked`, `PartTooLarge`
    (before it unpacks anything) or `PartBroken`.
    """
    if not content.startswith(b"PK\x03\x04"):
        return None
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _BROKEN_ZIP:
        return None  # Tika also reads archives that have lost their directory
    if any(name.startswith(_DOCUMENTS) for name in archive.namelist()):
        return None
    return (
        (entry.filename, partial(_unpacked, archive, entry))
        for entry in archive.infolist()
        if not entry.is_dir()
    )


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> bytes:
    if entry.flag_bits & _ENCRYPTED_BIT:
        raise PartLocked
    if entry.file_size > max_bytes:  # zipfile never unpacks more than this
        raise PartTooLarge
    try:
        with archive.open(entry) as opened:
            return opened.read()
    except (*_BROKEN_ZIP, RuntimeError) as error:
        raise PartBroken from error
