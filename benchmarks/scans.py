"""Results of text recognition: `python -m benchmarks.scans`.

First, the image files of `$QUISAIT_SHARED/documents`, and those in which the in-process extractor
finds only images, are read by Tesseract in French. Then pages of French PDF files with a known text
are rendered and recognised: how many words are found, and whether it helps to drop words of low
confidence. A rendering at 100 dots per inch represents a poor scan.
"""

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import not_measured
from indexer.errors import ExtractionFailed
from indexer.extraction.in_process import InProcessExtractor
from indexer.recognition import (
    RecognisedPage,
    RecognitionFailed,
    ScanKind,
    Tesseract,
    page_of,
    scan_kind,
)
from indexer.values import Failure
from tests.every_file import DOCUMENTS, shared_files

MOST_PAGES = 50
FEWEST_WORDS = 100
"""Fewest words of a compared page, since covers have few words."""
DOTS = (200, 100)
WELL_READ = 80
SURE = (0, 30, 60, 80)
_FORMATS = {ScanKind.PDF: "PDF", ScanKind.TIFF: "TIFF", ScanKind.IMAGE: "PNG, JPEG, GIF, BMP, WebP"}


def failures() -> Iterator[tuple[str, bytes, Failure]]:
    """Yield name, bytes and failure of each file without text that Tesseract may read."""
    child = InProcessExtractor()
    try:
        for name, path in shared_files().items():
            content = path.read_bytes()
            try:
                child.extract(content, path.name, None)
            except ExtractionFailed as failed:
                if failed.failure in (Failure.IMAGE_ONLY, Failure.NOT_TEXT):
                    yield name, content, failed.failure
    finally:
        child.close()


def scans(tesseract: Tesseract) -> None:
    """Print the result of each file, and of each format."""
    found: dict[str, list[tuple[bool, int]]] = {}
    seconds, pages_read, unknown, well_read = 0.0, 0, 0, 0
    for name, content, failure in failures():
        kind = scan_kind(content)
        if kind is None:
            unknown += 1
            print(f"{name}: {failure}, of no format that Tesseract reads")
            continue
        begun = time.monotonic()
        try:
            count = min(tesseract.pages(content), MOST_PAGES)
            pages: list[RecognisedPage] = [
                tesseract.page(content, number + 1) for number in range(count)
            ]
        except RecognitionFailed as failed:
            print(f"{name}: {failure}, {failed}")
            found.setdefault(_FORMATS[kind], []).append((False, 0))
            continue
        seconds += time.monotonic() - begun
        pages_read += count
        letters = sum(page.letters for page in pages)
        mean = sum(page.confidence * page.letters for page in pages) / letters if letters else 0
        well_read += round(mean) >= WELL_READ
        found.setdefault(_FORMATS[kind], []).append((letters > 0, letters))
        print(f"{name}: {failure}, pages {count}, letters {letters}, confidence {mean:.0f}")
    print("\nformat, files, with a text, letters")
    for form, each in sorted(found.items()):
        print(form, len(each), sum(text for text, _ in each), sum(n for _, n in each), sep=", ")
    every = [one for each in found.values() for one in each]
    print("all", len(every), sum(text for text, _ in every), sum(n for _, n in every), sep=", ")
    print(f"of a confidence of {WELL_READ} at least: {well_read}")
    print(f"of no format that Tesseract reads: {unknown}")
    print(f"seconds a page: {seconds / max(1, pages_read):.1f} over {pages_read} pages")


def known_pages(most: int) -> Iterator[tuple[bytes, Counter[str]]]:
    """Yield each French PDF whose first page has enough words, with these words."""
    given = 0
    for path in sorted((DOCUMENTS / "fr_admin").rglob("*.pdf")):
        content = path.read_bytes()
        words = words_of(poppler(["pdftotext", "-f", "1", "-l", "1", "-", "-"], content).decode())
        if words.total() >= FEWEST_WORDS and given < most:
            given += 1
            yield content, words


def poppler(command: Sequence[str], content: bytes) -> bytes:
    """Return the output of a Poppler program for a file."""
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def words_of(text: str) -> Counter[str]:
    """Return the words in lower case, accents kept, with their counts."""
    return Counter(re.findall(r"[^\W_]+", text.lower()))


def accuracy(tesseract: Tesseract, most: int) -> None:
    """Print recall and precision of the words recognised on known pages."""
    pages = list(known_pages(most))
    print(f"\nFrench pages whose text is known: {len(pages)}")
    print("dots an inch, words at least so sure, recall, precision, mean confidence")
    for dots in DOTS:
        tables, means = [], []
        for content, _ in pages:
            drawn = ["pdftoppm", "-f", "1", "-l", "1", "-r", str(dots), "-gray", "-png", "-"]
            picture = poppler(drawn, content)
            tables.append(tesseract.table(picture, 1))
            means.append(page_of(tables[-1]).confidence)
        for sure in SURE:
            common = said = true = 0
            for (_, words), table in zip(pages, tables, strict=True):
                found = words_of(" ".join(sure_words(table, sure)))
                common += (found & words).total()
                said, true = said + found.total(), true + words.total()
            figures = (f"{common / true:.3f}", f"{common / said:.3f}")
            print(dots, sure, *figures, f"{sum(means) / len(means):.0f}", sep=", ")


def sure_words(table: str, least: float) -> Iterator[str]:
    """Yield the words of Tesseract's table with at least that confidence."""
    for row in table.split("\n"):
        cells = row.split("\t", 11)
        if len(cells) == 12 and cells[0] == "5" and float(cells[10]) >= least:
            yield cells[11]


def main(arguments: Sequence[str]) -> None:
    """Run both measurements; an argument limits the number of known pages."""
    if not_measured("scans", Path("documents")):
        return
    tesseract = Tesseract()
    print(tesseract.check())
    scans(tesseract)
    accuracy(tesseract, int(arguments[0]) if arguments else 4)


if __name__ == "__main__":
    main(sys.argv[1:])
