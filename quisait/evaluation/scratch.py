"""A house of its own for one evaluation: indexed by the pipeline, gone afterwards."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from expertise.agent_book import SqlAgentBook
from indexer.errors import ExtractionFailed, IndexRefused
from indexer.pipeline import Workshop, crawl
from indexer.ports import Encoder, Index
from indexer.state import State
from indexer.values import Extracted, Failure
from quisait.assembly import open_cached_encoder, open_scratch_index
from quisait.commands.progress import shown_progress
from quisait.evaluation.corpora import ExpertSet, SearchSet
from quisait.evaluation.source import JudgedDirectory, JudgedSource
from quisait.settings import EncoderSettings, IndexSettings
from search_api.search import Search

VECTORS = "vectors.sqlite"
"""The file of encoded texts in the cache folder; evaluations of any set share it."""

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class Bench:
    """What an evaluation works with. `workers` questions are asked at once."""

    index: IndexSettings
    encoder: EncoderSettings
    cache: Path
    workers: int = 1
    quiet: bool = False

    def each(self, ask: Callable[[Asked], Answered], questions: Sequence[Asked]) -> list[Answered]:
        """The answers, in the questions' order."""
        answers = []
        with (
            shown_progress("questions", "questions", self.quiet) as advance,
            ThreadPoolExecutor(self.workers) as pool,
        ):
            for answer in pool.map(ask, questions):
                answers.append(answer)
                advance(len(answers), len(questions))
        return answers


@dataclass(frozen=True, slots=True)
class Scratch:
    """The parts that answer."""

    index: Index
    search: Search
    book: SqlAgentBook
    encoder: Encoder


@contextmanager
def open_scratch(bench: Bench, judged: SearchSet | ExpertSet) -> Iterator[Scratch]:
    """The set, indexed. Raises what `crawl` raises, or `IndexRefused` where a document failed."""
    # The questions of a judged set are public: they may be kept, as a reader's may not.
    vectors = bench.cache / VECTORS
    with (
        tempfile.TemporaryDirectory(prefix="quisait-evaluation-") as name,
        open_cached_encoder(bench.encoder, vectors, keep_queries=True) as encoder,
        open_scratch_index(bench.index, Path(name), encoder.dimension) as index,
    ):
        database = sa.create_engine(f"sqlite:///{Path(name) / 'state.sqlite'}")
        try:
            state, book = State(database), SqlAgentBook(database)
            if isinstance(judged, ExpertSet):
                book.replace(JudgedDirectory(judged.candidates))
            _index(bench, judged, Workshop(NoFiles(), encoder, index, state, state))
            yield Scratch(index, Search(index, encoder, book), book, encoder)
        finally:
            database.dispose()


def _index(bench: Bench, judged: SearchSet | ExpertSet, workshop: Workshop) -> None:
    total = len(judged.documents)
    with shown_progress("indexation", "documents", bench.quiet) as advance:
        report = crawl(
            JudgedSource(judged.documents, judged.queries),
            workshop,
            progress=lambda so_far: advance(so_far.put, total),
        )
    if report.put != total:
        raise IndexRefused(f"{judged.name} : {total - report.put} documents n'ont pas été indexés.")


class NoFiles:
    """The extractor of a set, whose documents are all text."""

    max_bytes = 0

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """No set has a file."""
        raise ExtractionFailed(
            Failure.UNREADABLE, "Un jeu de questions jugées ne contient pas de fichiers."
        )
