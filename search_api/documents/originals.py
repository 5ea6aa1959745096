"""HTTP headers of original files: media type, name, and one range of bytes.

No part of an original may run with the rights of this site: a browser shows types that cannot run
scripts (images, plain text, PDF in its own viewer), and has to save all other types as files.
"""

import mimetypes
import re
from dataclasses import dataclass
from urllib.parse import quote

OCTETS = "application/octet-stream"

_SHOWN = {
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".md": "text/plain",
    ".csv": "text/plain",
    ".log": "text/plain",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
"""Types that a browser shows, without SVG and HTML, which run scripts."""

_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
_KEPT = {
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".odt": f"{_OPEN}.text",
    ".ods": f"{_OPEN}.spreadsheet",
    ".odp": f"{_OPEN}.presentation",
    ".eml": "message/rfc822",
}
_TYPES = mimetypes.MimeTypes()
"""Python's own table of types, because the table of the machine may contain anything."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
SANDBOX = f"{_POLICY}; sandbox"
PDF_POLICY = _POLICY
"""Policy without a sandbox, since browsers open no PDF viewer in a sandbox. A PDF's scripts cannot
access the page.
"""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `start` to before `end`, of `size`; `partial` if that is not all of them."""

    start: int
    end: int
    size: int
    partial: bool


class RangeNotSatisfiable(ValueError):
    """The range lies beyond the file."""


def byte_range(header: str, size: int) -> ByteRange:
    """Return the only range of a `Range` header (RFC 9110, 14.2), or all bytes for other headers.

    Raises `RangeNotSatisfiable`.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not any(found.groups()):
        return ByteRange(0, size, size, partial=False)
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1 if last else size, size)
    if last and first and int(last) < int(first):
        return ByteRange(0, size, size, partial=False)
    if start >= size or start >= end:
        raise RangeNotSatisfiable
    return ByteRange(start, end, size, partial=True)


def original_headers(name: str, beginning: bytes) -> dict[str, str]:
    """Return the headers of a file; `beginning` is used to find a text's encoding."""
    dot = name.rfind(".")
    ending = name[dot:].lower() if dot > 0 else ""
    shown = _SHOWN.get(ending)
    media = shown or _KEPT.get(ending) or _TYPES.guess_type(f"x{ending}")[0] or OCTETS
    if media.startswith("text/"):
        media = f"{media}; charset={_charset(beginning)}"
    return {
        "Content-Type": media,
        "Content-Disposition": _disposition("inline" if shown else "attachment", name),
        "Content-Security-Policy": PDF_POLICY if ending == ".pdf" else SANDBOX,
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
    }


def _charset(beginning: bytes) -> str:
    """Return UTF-8 if the beginning of a text is valid UTF-8, else Windows-1252."""
    try:
        beginning.decode()
    except UnicodeDecodeError as error:
        return "utf-8" if error.start >= len(beginning) - 3 else "windows-1252"
    return "utf-8"


def _disposition(kind: str, name: str) -> str:
    """Return the header of RFC 6266: a plain name for old programs, and the true name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:100] or "document"
    true = quote(name.encode("utf-8", "replace"), safe="")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{true}"
