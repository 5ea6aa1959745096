"""PDF files, written object by object: pages of text, an attachment, a picture, a password."""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence

_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def pdf(objects: Iterable[bytes], trailer: bytes = b"") -> bytes:
    """A file of these objects; the first is the catalogue."""
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(places) + 1
    end = (size, trailer, start)
    return bytes(made) + b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % end


def stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), more, content)


def text_pages(pages: Sequence[str], attached: tuple[str, bytes] | None = None) -> bytes:
    """A page for each text, with a file attached where one is given."""
    count = len(pages)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(count))
    catalogue = b"<</Type/Catalog/Pages 2 0 R>>"
    objects = [b"", b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count), _FONT]
    for number, text in enumerate(pages):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % (5 + 2 * number)
        )
        objects.append(stream(_drawn(text)))
    if attached:
        name, content = attached
        at = len(objects)
        written = name.encode("ascii")
        catalogue = (
            b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(%s) %d 0 R]>>>>>>"
            % (written, at + 2)
        )
        objects.append(stream(content, b"/Type/EmbeddedFile"))
        objects.append(
            b"<</Type/Filespec/F(%s)/UF(%s)/EF<</F %d 0 R>>>>" % (written, written, at + 1)
        )
    objects[0] = catalogue
    return pdf(objects)


def _drawn(text: str) -> bytes:
    lines = (
        line.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        for line in text.splitlines()
    )
    return b"BT /F1 12 Tf 15 TL 60 780 Td " + b" ".join(b"(%s) '" % line for line in lines) + b" ET"


def picture() -> bytes:
    """One page, on which there is an image and no word."""
    grey = zlib.compress(bytes(range(256)))
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R"
            b"/Resources<</XObject<</I 5 0 R>>>>>>",
            stream(b"q 160 0 0 160 20 20 cm /I Do Q"),
            stream(
                grey,
                b"/Type/XObject/Subtype/Image/Width 16/Height 16/ColorSpace/DeviceGray"
                b"/BitsPerComponent 8/Filter/FlateDecode",
            ),
        ]
    )


def locked(text: str, password: str) -> bytes:
    """One page that only a password opens (standard handler, revision 2: RC4, 40 bits)."""
    padded = (password.encode() + _PADDING)[:32]
    owner = _rc4(_md5(padded)[:5], padded)
    permissions, name = -4, b"0123456789abcdef"
    key = _md5(padded + owner + struct.pack("<i", permissions) + name)[:5]
    page_key = _md5(key + b"\x04\0\0\0\0")[:10]
    user, name_hex = _rc4(key, _PADDING).hex().encode(), name.hex().encode()
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
            b"/Resources<</Font<</F1 5 0 R>>>>>>",
            stream(_rc4(page_key, _drawn(text))),
            _FONT,
        ],
        b"/Encrypt<</Filter/Standard/V 1/R 2/P %d/O<%s>/U<%s>>>/ID[<%s><%s>]"
        % (permissions, owner.hex().encode(), user, name_hex, name_hex),
    )


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _rc4(key: bytes, content: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    made, i, j = bytearray(), 0, 0
    for byte in content:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        made.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(made)
