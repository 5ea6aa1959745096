"""Recognises the text of images and scanned pages with Tesseract, a page at a time.

Pages of a PDF are first drawn by Poppler. Each program runs in its own process with the lowest
priority and limits of time and memory, so that a hostile file costs only one page's time.
"""

import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from threading import Event, Thread

from indexer.errors import IndexerError


class RecognitionFailed(Exception):
    """A page or a whole file could not be read; a retry may succeed."""


class RecognitionStopped(Exception):
    """Recognition was asked to stop while it read a page; the page has no result."""


class RecognitionUnavailable(IndexerError):
    """A program or a language is missing: no page can be read."""


class ScanKind(StrEnum):
    """A format that Tesseract reads, recognised by the first bytes of a file."""

    PDF = "pdf"
    TIFF = "tiff"
    IMAGE = "image"


_SIGNATURES = (
    (re.compile(rb"%PDF-"), ScanKind.PDF),
    (re.compile(rb"II\*\0|MM\0\*"), ScanKind.TIFF),
    (
        re.compile(
            rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|BM.{4}\0{4}", re.DOTALL
        ),
        ScanKind.IMAGE,
    ),
)


def scan_kind(content: bytes) -> ScanKind | None:
    """Return the format of the content, or None for all other formats, even other images.

    Tesseract would take unknown bytes for a list of files and URLs to read.
    """
    return next((kind for start, kind in _SIGNATURES if start.match(content)), None)


@dataclass(frozen=True, slots=True)
class RecognitionLimits:
    """Limits per page. `longest_side`: pixels of a drawn PDF page; 3 508 is A4 at 300 dpi."""

    page_timeout_s: float = 120.0
    max_memory_bytes: int = 2_000_000_000
    longest_side: int = 3508


@dataclass(frozen=True, slots=True)
class RecognisedPage:
    """A page's paragraphs in reading order, separated by blank lines.

    `confidence` (0 to 100) is the mean of Tesseract's confidence in each word, weighted by its
    characters; 0 without words. `letters` is the number of characters of all words.
    """

    text: str
    confidence: float
    letters: int


@dataclass(frozen=True, slots=True)
class Tesseract:
    """Reads texts in one language; the caller holds the bytes of the whole file in memory."""

    language: str = "fra"
    limits: RecognitionLimits = RecognitionLimits()
    stopped: Callable[[], bool] = lambda: False

    def check(self) -> str:
        """Return Tesseract's version and language. Raises `RecognitionUnavailable`.

        The error says which packages to install.
        """
        missing = [
            package
            for program, package in (("tesseract", "tesseract-ocr"), ("pdftoppm", "poppler-utils"))
            if shutil.which(program) is None
        ]
        if missing:
            raise RecognitionUnavailable(
                f"Programmes absents : installez {', '.join(missing)} (paquets Debian) avec "
                f"tesseract-ocr-{self.language}, ou réglez [scans] enabled = false."
            )
        version, *languages = self._installed()
        lacking = set(self.language.split("+")) - set(languages)
        if lacking:
            packages = ", ".join(f"tesseract-ocr-{language}" for language in sorted(lacking))
            raise RecognitionUnavailable(
                f"Tesseract ne connaît pas « {self.language} » : installez {packages} (paquets "
                "Debian), ou réglez [scans] language."
            )
        return f"{version}, {self.language}"

    def _installed(self) -> list[str]:
        outputs = [
            subprocess.run(  # noqa: S603 - a program of the system, and a constant
                [_program("tesseract"), option],
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            ).stdout.splitlines()
            for option in ("--version", "--list-langs")
        ]
        return [*outputs[0][:1], *outputs[1][1:]]

    def pages(self, content: bytes) -> int:
        """Return the number of pages of a file, at least 1. Raises `RecognitionFailed`."""
        match scan_kind(content):
            case ScanKind.PDF:
                info = self._run(["pdfinfo", "-"], content)
                pages = re.search(rb"^Pages:\s+(\d{1,9})$", info, re.MULTILINE)
                if not pages or not int(pages[1]):
                    raise RecognitionFailed("Le PDF ne dit pas combien de pages il a.")
                return int(pages[1])
            case ScanKind.TIFF:
                return max(1, sum(1 for _ in _tiff_directories(content)))
            case ScanKind.IMAGE:
                return 1
            case _:
                raise RecognitionFailed("Le fichier n'est ni une image connue ni un PDF.")

    def page(self, content: bytes, number: int) -> RecognisedPage:
        """Return the text of a page; `number` counts from 1.

        Raises `RecognitionFailed`, or `RecognitionStopped` soon after `stopped` returns True.
        """
        return page_of(self.table(content, number))

    def table(self, content: bytes, number: int) -> str:
        """Return Tesseract's table (TSV) of a page, a row per word. Raises like `page`."""
        command = ["tesseract", "stdin", "stdout", "-l", self.language, "--psm", "1"]
        match scan_kind(content):
            case ScanKind.PDF:
                page, side = str(number), str(self.limits.longest_side)
                draw = ["pdftoppm", "-f", page, "-l", page, "-scale-to", side, "-gray", "-"]
                content = self._run(draw, content)
                if not content.startswith(b"P5"):
                    raise RecognitionFailed("La page ne peut pas être dessinée.")
                command += ["--dpi", "300"]
            case ScanKind.TIFF:
                command += ["-c", f"tessedit_page_number={number - 1}"]
            case None:
                raise RecognitionFailed("Le fichier n'est ni une image connue ni un PDF.")
        table = self._run([*command, "tsv"], content).decode("utf-8", "replace")
        if not _PAGE_ROW.search(table):  # Tesseract prints nothing for a broken TIFF
            raise RecognitionFailed("tesseract n'a trouvé aucune page.")
        return table

    def _run(self, command: Sequence[str], content: bytes) -> bytes:
        """Return what a program outputs for this content. Raises like `page`."""
        limits, program = self.limits, command[0]
        with (
            subprocess.Popen(  # noqa: S603 - a program of the system; a file is its input alone
                [_program(program), *command[1:]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # it may contain text of the page
                cwd="/",
                env={**os.environ, "OMP_THREAD_LIMIT": "1", "LC_ALL": "C.UTF-8"},
            ) as process
        ):
            _bound(process.pid, limits)
            ended, why = Event(), Event()
            watch = Thread(target=self._watch, args=(process, ended, why), daemon=True)
            watch.start()
            try:
                written, _ = process.communicate(content)
            finally:
                process.kill()
                ended.set()
                watch.join()
        if why.is_set():
            raise RecognitionStopped
        if process.returncode == -signal.SIGKILL:
            raise RecognitionFailed(f"{program} n'a pas fini en {limits.page_timeout_s:g} s.")
        if process.returncode:
            raise RecognitionFailed(f"{program} n'a pas pu lire le fichier.")
        return bytes(written)

    def _watch(self, process: "subprocess.Popen[bytes]", ended: Event, stopped: Event) -> None:
        """Kill the process at its timeout, or when asked to stop (after setting `stopped`)."""
        ends = time.monotonic() + self.limits.page_timeout_s
        while not ended.wait(_LOOK_EVERY_S):
            if self.stopped():
                stopped.set()
            if stopped.is_set() or time.monotonic() > ends:
                process.kill()
                return


def _bound(pid: int, limits: RecognitionLimits) -> None:
    """Limit a process before it receives the file. A process that has ended needs no limits."""
    seconds, most = int(limits.page_timeout_s) + 1, limits.max_memory_bytes
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
        # If the parent process is killed, the program still ends by itself.
        resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
        os.setpriority(os.PRIO_PROCESS, pid, 19)


_LOOK_EVERY_S = 0.5
"""Interval, in seconds, of checks whether to stop reading a page."""


def _program(name: str) -> str:
    """Return the program's path. Raises `RecognitionUnavailable` if it is not installed."""
    if (path := shutil.which(name)) is None:
        raise RecognitionUnavailable(f"Le programme « {name} » est absent : « quisait check ».")
    return path


_MOST_DIRECTORIES = 100_000


def _tiff_directories(content: bytes) -> Iterator[int]:
    """Yield the offset of each page of a TIFF, even if the chain is broken or has a loop."""
    order = "<" if content.startswith(b"II") else ">"
    seen: set[int] = set()
    place = 4
    while place + 4 <= len(content) and len(seen) < _MOST_DIRECTORIES:
        (offset,) = struct.unpack_from(f"{order}I", content, place)
        if offset == 0 or offset in seen or offset + 2 > len(content):
            return
        seen.add(offset)
        yield offset
        (entries,) = struct.unpack_from(f"{order}H", content, offset)
        place = offset + 2 + 12 * entries


_WORD, _COLUMNS = "5", 12
_PAGE_ROW = re.compile(r"^1\t", re.MULTILINE)


def page_of(table: str) -> RecognisedPage:
    """Return the page that Tesseract's table (TSV) describes, with a row per word."""
    paragraphs: dict[tuple[str, str], dict[str, list[str]]] = {}
    letters, sum_of_letters = 0, 0.0
    for row in table.split("\n"):
        cells = row.split("\t", _COLUMNS - 1)
        if len(cells) < _COLUMNS or cells[0] != _WORD or not (word := cells[11].strip()):
            continue
        _, _, block, paragraph, line, *_, confidence, _ = cells
        lines = paragraphs.setdefault((block, paragraph), {})
        lines.setdefault(line, []).append(word)
        letters += len(word)
        sum_of_letters += len(word) * max(0.0, float(confidence))
    texts = (_joined(list(map(" ".join, lines.values()))) for lines in paragraphs.values())
    return RecognisedPage("\n\n".join(texts), sum_of_letters / letters if letters else 0.0, letters)


def _joined(lines: Sequence[str]) -> str:
    """Join the lines of a paragraph, and the two halves of words split at line ends."""
    joined = ""
    for line in lines:
        if joined.endswith("-") and joined[-2:-1].isalpha() and line[:1].islower():
            joined = joined[:-1] + line
        else:
            joined = f"{joined} {line}" if joined else line
    return joined
