"""Every file of a collection through both extractors: each ends as text or as a named failure."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import ExtractionFailed
from indexer.extraction.in_process import InProcessExtractor
from indexer.extraction.tika_server import TikaServerExtractor
from indexer.ports import Extractor
from indexer.values import Failure
from tests.engines import ensure_tika
from tests.samples.files import SAMPLES, WITHOUT_TEXT, sample_bytes
from tests.shared_files import SHARED

DOCUMENTS = SHARED / "documents"
NOTES = Path(__file__).resolve().parents[1] / "demo" / "notes"
IN_PROCESS, SERVER = "in-process", "tika"

Files = Mapping[str, Path | bytes]
"""A path, or content, by the name that the file goes by."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The result of one file: the number of characters of its text, or a failure and its reason.

    `paths` are those of its attachments that gave text.
    """

    file: str
    characters: int = 0
    paths: frozenset[str] = frozenset()
    failure: Failure | None = None
    reason: str = ""


def shared_files() -> dict[str, Path]:
    """All files of `../shared/documents`, in order of name; the manifest is none of them."""
    return {
        path.relative_to(DOCUMENTS).as_posix(): path
        for path in sorted(DOCUMENTS.rglob("*"))
        if path.is_file() and path != DOCUMENTS / "manifest.jsonl"
    }


def own_files() -> dict[str, Path | bytes]:
    """Return the project's own files: generated samples, and notes of the demo."""
    notes = {
        path.relative_to(NOTES).as_posix(): path
        for path in sorted(NOTES.rglob("*"))
        if path.is_file() and path.name != "_quisait.csv"
    }
    return {name: sample_bytes(name) for name in (*SAMPLES, *WITHOUT_TEXT)} | notes


def ending(extractor: Extractor, name: str, file: Path | bytes) -> Ending:
    """Raises whatever is neither text nor a failure of the file."""
    held = file if isinstance(file, bytes) else file.read_bytes()
    try:
        extracted = extractor.extract(held, name.rpartition("/")[2], None)
    except ExtractionFailed as failed:
        return Ending(name, failure=failed.failure, reason=str(failed))
    return Ending(
        name,
        characters=sum(len(section.text) for section in extracted.sections),
        paths=frozenset(section.path for section in extracted.sections if section.path),
    )


def endings(files: Files) -> dict[str, tuple[Ending, ...]]:
    """The ending of each file by each extractor, both at once."""
    with ExitStack() as opened:
        child = InProcessExtractor()
        opened.callback(child.close)
        extractors: dict[str, Extractor] = {
            IN_PROCESS: child,
            SERVER: TikaServerExtractor(ensure_tika()),
        }
        pool = opened.enter_context(ThreadPoolExecutor(len(extractors)))
        running = {
            name: pool.submit(lambda each: tuple(_each(each, files)), extractor)
            for name, extractor in extractors.items()
        }
        return {name: run.result() for name, run in running.items()}


def _each(extractor: Extractor, files: Files) -> Iterator[Ending]:
    for name, file in files.items():
        yield ending(extractor, name, file)
