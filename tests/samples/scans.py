"""Scans made at test time: a text is drawn by Poppler, and only its picture is kept."""

import itertools
import shutil
import struct
import subprocess
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.needs import refuse_where_fast
from tests.samples.pdf_files import pdf, stream, text_pages

NOTE = (
    "La régie d'avances du collège\nest contrôlée chaque trimestre.\nLe trésorier signe l'arrêté."
)
"""With accents and an apostrophe, as French is written."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Grey pixels, a byte each, row by row."""

    width: int
    height: int
    pixels: bytes

    def turned(self) -> "Picture":
        """By a quarter, as a sheet laid askew."""
        columns = (self.pixels[at :: self.width][::-1] for at in range(self.width))
        return Picture(self.height, self.width, b"".join(columns))


def ensure_tesseract() -> None:
    """Raises `AssertionError` where Tesseract or Poppler is not installed."""
    refuse_where_fast("tesseract")
    lacking = [name for name in ("tesseract", "pdftoppm") if shutil.which(name) is None]
    assert not lacking, f"{lacking} not installed: make servers"


@cache
def drawn(text: str) -> Picture:
    """The upper half of a page on which a text stands, at 200 dpi."""
    ensure_tesseract()
    made = subprocess.run(
        ["pdftoppm", "-r", "200", "-gray", "-singlefile", "-"],
        input=text_pages([text]),
        capture_output=True,
        check=True,
    ).stdout
    _, size, _, pixels = made.split(b"\n", 3)
    width, height = map(int, size.split())
    return Picture(width, height // 2, pixels[: width * (height // 2)])


def png(picture: Picture) -> bytes:
    """Return the image as a PNG file."""
    rows = b"".join(
        b"\0" + picture.pixels[at : at + picture.width]
        for at in range(0, len(picture.pixels), picture.width)
    )
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 0, 0, 0, 0)
    return png_of(head, zlib.compress(rows))


def png_of(head: bytes, data: bytes) -> bytes:
    """A PNG of a header and compressed rows, true or not."""
    chunks = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def scanned_pdf(pictures: Sequence[Picture], times: int = 1) -> bytes:
    """A page for each picture, all of them so many times, and no word."""
    count, first = len(pictures) * times, 3 + 2 * len(pictures)
    kids = b" ".join(b"%d 0 R" % (first + n) for n in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count),
    ]
    for one in pictures:
        objects += [
            stream(b"q 595 0 0 421 0 0 cm /I Do Q"),
            stream(
                zlib.compress(one.pixels),
                b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray"
                b"/BitsPerComponent 8/Filter/FlateDecode" % (one.width, one.height),
            ),
        ]
    objects += [
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 421]/Contents %d 0 R"
        b"/Resources<</XObject<</I %d 0 R>>>>>>" % (3 + 2 * place, 4 + 2 * place)
        for place in [n % len(pictures) for n in range(count)]
    ]
    return pdf(objects)


def tiff(pictures: Sequence[Picture]) -> bytes:
    """A file of several pages, as a fax machine writes."""
    made, places = b"II*\0", []
    body = b""
    at = 8
    for one in pictures:
        strip = at
        body += one.pixels + b"\0" * (len(one.pixels) % 2)
        at = 8 + len(body)
        tags = (
            (256, 4, one.width),
            (257, 4, one.height),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, strip),
            (277, 3, 1),
            (278, 4, one.height),
            (279, 4, len(one.pixels)),
        )
        places.append(at)
        body += struct.pack("<H", len(tags))
        body += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
        body += b"\0\0\0\0"
        at = 8 + len(body)
    whole = bytearray(made + struct.pack("<I", places[0]) + body)
    for here, there in itertools.pairwise(places):
        struct.pack_into("<I", whole, here + 2 + 12 * 9, there)
    return bytes(whole)
