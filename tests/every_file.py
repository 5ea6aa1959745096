"""Every shared file through an extractor: each ends as text or as a named failure."""

from collections.abc import Iterator, Sequence
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
from tests.shared_files import SHARED

DOCUMENTS = SHARED / "documents"
IN_PROCESS, SERVER = "in-process", "tika"


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of one file: text of so many characters, or a failure and its reason.

    `paths` are those of its attachments that gave text.
    """

    file: str
    characters: int = 0
    paths: frozenset[str] = frozenset()
    failure: Failure | None = None
    reason: str = ""


def shared_files() -> tuple[Path, ...]:
    """All files, in order of name; the manifest is none of them."""
    return tuple(
        path
        for path in sorted(DOCUMENTS.rglob("*"))
        if path.is_file() and path != DOCUMENTS / "manifest.jsonl"
    )


def ending(extractor: Extractor, path: Path) -> Ending:
    """Raises whatever is neither text nor a failure of the file."""
    file = path.relative_to(DOCUMENTS).as_posix()
    try:
        extracted = extractor.extract(path.read_bytes(), path.name, None)
    except ExtractionFailed as failed:
        return Ending(file, failure=failed.failure, reason=str(failed))
    return Ending(
        file,
        characters=sum(len(section.text) for section in extracted.sections),
        paths=frozenset(section.path for section in extracted.sections if section.path),
    )


def endings(files: Sequence[Path]) -> dict[str, tuple[Ending, ...]]:
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


def _each(extractor: Extractor, files: Sequence[Path]) -> Iterator[Ending]:
    for path in files:
        yield ending(extractor, path)
