"""Encodings that Tika does not see become UTF-8; everything else stays as it is."""

import codecs

import pytest

from indexer.extraction.files import utf16_as_utf8, windows_as_utf8

pytestmark = pytest.mark.sources

TEXT = "Subject: Réunion à Besançon\n\nL’œuvre de l’été.\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_becomes_utf8(encoding: str) -> None:
    """Marked or not, in both orders, without a mark afterwards."""
    assert utf16_as_utf8(TEXT.encode(encoding)) == TEXT.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        TEXT.encode(),
        TEXT.encode("cp1252"),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + b"\x00",
        codecs.BOM_UTF16_LE + b"\x01\x00\x02\x00",
        b"\x00\x01" * 400,
        bytes(range(256)) * 8,
    ],
)
def test_the_rest_stays(content: bytes) -> None:
    """Other encodings, cut characters and binary files are not touched."""
    assert utf16_as_utf8(content) == content


def test_windows_becomes_utf8() -> None:
    """The encoding that Excel gives a CSV in French."""
    assert windows_as_utf8(TEXT.encode("cp1252")) == TEXT.encode()


@pytest.mark.parametrize("content", [b"", b" \n", b"\x01\xe9", b"\x81\x8d", b"PK\x03\x04\xe9"])
def test_what_is_no_text_is_not_read(content: bytes) -> None:
    """Blanks, control characters and bytes that Windows-1252 leaves free."""
    assert windows_as_utf8(content) is None
