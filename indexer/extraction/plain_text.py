"""Text whose encoding Tika does not see, as UTF-8. Standard library only: the child imports it."""

import codecs
import re

_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_SAMPLE = 4000
_MOSTLY = 0.7
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")


def utf16_as_utf8(content: bytes) -> bytes:
    """UTF-16 text, marked or not, as UTF-8 without a mark; anything else as it is.

    Tika knows a mail or a web page by its first bytes, and does not in UTF-16.
    """
    encoding = _UTF_16.get(content[:2]) or _unmarked(content[:_SAMPLE])
    text = _decoded(content, encoding) if encoding else None
    return content if text is None else text.removeprefix("\ufeff").encode()


def windows_as_utf8(content: bytes) -> bytes | None:
    """Text in Windows-1252, as UTF-8; None where it cannot be that.

    Tika takes a short text with many accents for an unknown format.
    """
    text = _decoded(content, "cp1252")
    return text.encode() if text and text.strip() else None


def _unmarked(sample: bytes) -> str | None:
    """Latin text in UTF-16 has a zero in every other byte, and none in between."""
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
