"""Tesseract on what is made to be read, and on what is made to harm; real programs."""

import struct
import zlib

import pytest

from indexer.recognition import (
    RecognitionFailed,
    RecognitionLimits,
    RecognitionStopped,
    RecognitionUnavailable,
    Tesseract,
    page_of,
    scan_kind,
)
from tests.samples.files import sample_bytes
from tests.samples.pdf_files import pdf, stream
from tests.samples.scans import (
    NOTE,
    Picture,
    drawn,
    ensure_tesseract,
    png,
    png_of,
    scanned_pdf,
    tiff,
)

pytestmark = pytest.mark.sources

SAID = " ".join(NOTE.split())


@pytest.fixture
def tesseract() -> Tesseract:
    ensure_tesseract()
    return Tesseract()


def test_it_says_what_reads_and_what_is_missing(
    tesseract: Tesseract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A language or a program that is not installed is named with its package."""
    assert tesseract.check().startswith("tesseract ")
    with pytest.raises(RecognitionUnavailable, match="tesseract-ocr-tlh"):
        Tesseract("fra+tlh").check()
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(RecognitionUnavailable, match="tesseract-ocr, poppler-utils"):
        tesseract.check()
    with pytest.raises(RecognitionUnavailable, match="tesseract"):
        tesseract.page(png(Picture(8, 8, bytes(64))), 1)


def test_french_is_read_with_its_accents(tesseract: Tesseract) -> None:
    """As an image and as pages of a file, upright or laid on its side, each with its certainty."""
    upright = drawn(NOTE)
    for content in (png(upright.turned()), *(of([upright] * 2) for of in (scanned_pdf, tiff))):
        pages = tesseract.pages(content)
        read = tesseract.page(content, pages)
        assert read.text == SAID
        assert read.letters == len(SAID.replace(" ", ""))
        assert 80 < read.confidence <= 100
        assert pages == (1 if scan_kind(content) == "image" else 2)


def test_words_stand_in_lines_and_paragraphs() -> None:
    """A word that was cut at a line's end is whole again; the mean weighs words by length."""
    head = "level\tpage\tblock\tpar\tline\tword\tleft\ttop\twidth\theight\tconf\ttext\n"
    words = (
        (1, 1, 1, 90, "admi-"),
        (1, 1, 2, 60, "nistrer"),
        (1, 1, 2, 96, "Saint-"),
        (1, 1, 3, 96, "Omer"),
        (1, 2, 1, -1, " "),
        (2, 1, 1, 30, "fin"),
    )
    rows = (
        f"5\t1\t{block}\t{par}\t{line}\t1\t0\t0\t9\t9\t{sure}\t{text}\n"
        for block, par, line, sure, text in words
    )
    found = page_of(head + "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t\n" + "".join(rows) + "5\tcut")
    assert found.text == "administrer Saint- Omer\n\nfin"
    assert found.letters == 25
    assert found.confidence == pytest.approx((5 * 90 + 7 * 60 + 10 * 96 + 3 * 30) / 25)


ADDRESSES = b"/etc/hostname\nhttp://127.0.0.1:9/x.png\n"
HOSTILE = {
    "a list of files and addresses": ADDRESSES,
    "a signature and nothing": b"\x89PNG\r\n\x1a\n",
    "pixels that unpack to more than the memory": png_of(
        struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0), zlib.compress(bytes(50_000_000), 9)
    ),
    "a PDF without pages": b"%PDF-1.4\ntrailer<<>>\n%%EOF",
    "a TIFF whose chain leads back": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
    "a list behind a TIFF's mark": b"II*\0" + ADDRESSES,
    "a list behind a BMP's mark": b"BM" + ADDRESSES,
    "a list behind a JPEG's mark": b"\xff\xd8\xff\n" + ADDRESSES,
}


def read_whole(tesseract: Tesseract, content: bytes) -> None:
    for number in range(tesseract.pages(content)):
        tesseract.page(content, number + 1)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_made_to_harm_fails_alone(tesseract: Tesseract, name: str) -> None:
    """Within its bounds; bytes that Tesseract would take for a list of files never reach it."""
    quick = Tesseract(limits=RecognitionLimits(10, 600_000_000))
    with pytest.raises(RecognitionFailed):
        read_whole(quick, HOSTILE[name])


def test_garbage_for_a_picture_is_a_blank_page(tesseract: Tesseract) -> None:
    """Poppler draws what it can of a JBIG2 stream that is none; a single pixel is no word."""
    garbage = stream(
        bytes(range(256)) * 40,
        b"/Type/XObject/Subtype/Image/Width 900/Height 900/ColorSpace/DeviceGray"
        b"/BitsPerComponent 1/Filter/JBIG2Decode",
    )
    made = pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 90000 90000]/Contents 4 0 R"
            b"/Resources<</XObject<</I 5 0 R>>>>>>",
            stream(b"q 90000 0 0 90000 0 0 cm /I Do Q"),
            garbage,
        ]
    )
    for content in (made, png(Picture(1, 1, b"\0")), sample_bytes("numerise.pdf")):
        assert tesseract.pages(content) == 1
        read = tesseract.page(content, 1)
        assert (read.letters, read.confidence) == (0, 0.0)


def test_a_page_of_ten_thousand_is_read_alone(tesseract: Tesseract) -> None:
    """Only the page that is asked for is drawn."""
    content = scanned_pdf([drawn(NOTE)], 10_000)
    assert tesseract.pages(content) == 10_000
    assert tesseract.page(content, 1).text == SAID
    with pytest.raises(RecognitionFailed):
        tesseract.page(content, 10_001)


def test_a_page_that_takes_long_is_given_up_or_stopped() -> None:
    """By its time, or soon after it is asked to stop; the program is gone."""
    large = Picture(6_000, 6_000, bytes(range(256)) * (6_000 * 6_000 // 256))
    content = png(large)
    ensure_tesseract()
    with pytest.raises(RecognitionFailed):
        Tesseract(limits=RecognitionLimits(0.1)).page(content, 1)
    with pytest.raises(RecognitionStopped):
        Tesseract(stopped=lambda: True).page(content, 1)
