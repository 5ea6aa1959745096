"""A temporary index for one evaluation: a judged set as a source, indexed and then deleted."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from connectors.ports import Change, Malformed, Upsert
from connectors.values import (
    EVERYONE,
    Access,
    Agent,
    Contribution,
    ContributorRole,
    Document,
    Group,
    Section,
)
from evaluation.corpora import ExpertSet, JudgedCandidate, JudgedQuery, JudgedText, SearchSet
from expertise.directory import SqlDirectory
from indexer.access import Reader
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.errors import ExtractionFailed, IndexRefused
from indexer.ports import Encoder, Index
from indexer.state import State
from indexer.values import Extracted, Failure
from quisait.application.database import migrate
from quisait.application.engines import (
    open_cached_encoder,
    open_scratch_index,
    open_second_model,
)
from quisait.application.progress import shown_progress
from quisait.settings import EncoderSettings, IndexSettings, RerankerSettings
from search_api.ranking.search_configuration import SearchConfiguration
from search_api.search import Search

SOURCE = "evaluation"
_OWN = "evaluation:question:"
"""Stands before the principal of a question that was made of a document."""
_WRITTEN_BY = "evaluation:author:"
"""Stands before the principal of who reads nothing that a candidate wrote."""


def indexed_id(document_id: str) -> str:
    """A document's id in the index."""
    return f"{SOURCE}:{document_id}"


def judged_id(kept: str) -> str:
    """The id that the judgments know."""
    return kept.partition(":")[2]


def evaluation_reader(query: JudgedQuery, without: Iterable[str] = ()) -> Reader:
    """Reads everything, but for the document that the question was made of.

    Nor what the candidates `without` wrote. To be left out by access is to be left out
    before anything is ranked or scaled.
    """
    own = {_OWN + query.doc} if query.doc else set()
    written = {_WRITTEN_BY + candidate for candidate in without}
    return Reader("evaluation", frozenset({EVERYONE, *own, *written}))


class JudgedSource:
    """A connector: every document once, one section each, without dates."""

    def __init__(self, documents: Sequence[JudgedText], queries: Sequence[JudgedQuery]) -> None:
        self._documents = documents
        self._asked = {query.doc for query in queries if query.doc}

    @property
    def source(self) -> str:
        """The part of each kept id before its colon."""
        return SOURCE

    def changes(self, since: str | None) -> Iterator[Change]:
        """Every document, whatever `since` says."""
        for document in self._documents:
            yield Upsert(self.document(document))

    def document(self, judged: JudgedText) -> Document:
        """As it is kept: for all to read, but those whom `reader_of` leaves out."""
        denied = {_OWN + judged.id} if judged.id in self._asked else set()
        denied |= {_WRITTEN_BY + author for author in judged.authors}
        return Document(
            id=indexed_id(judged.id),
            source=SOURCE,
            title=judged.title,
            access=Access(frozenset({EVERYONE}), frozenset(denied)),
            sections=(Section(judged.text),),
            contributions=tuple(
                replace(row, account=candidate_account(row.account)) for row in judged.contributions
            )
            or tuple(
                Contribution(candidate_account(author), ContributorRole.AUTHOR)
                for author in dict.fromkeys(judged.authors)
            ),
        )


class JudgedDirectory:
    """A directory: every candidate is an agent with one account."""

    def __init__(self, candidates: Sequence[JudgedCandidate]) -> None:
        self._candidates = candidates

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """The candidates, all of them, so that each gets their share of votes."""
        for candidate in self._candidates:
            yield Agent(
                candidate.id, "", candidate.name, accounts=(candidate_account(candidate.id),)
            )


def candidate_account(candidate_id: str) -> str:
    """A candidate's account in the source."""
    return f"{SOURCE}:{candidate_id}"


def rank_by_popularity(judged: ExpertSet, query: JudgedQuery) -> list[str]:
    """The candidates by number of documents, the question's own aside: what to beat."""
    counts = dict.fromkeys(sorted(judged.ranked), 0)
    for document in judged.documents:
        if document.id != query.doc:
            for author in set(document.authors) & counts.keys():
                counts[author] += 1
    return sorted(counts, key=lambda candidate: -counts[candidate])


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
    reranker: RerankerSettings = field(default_factory=RerankerSettings)

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
    book: SqlDirectory
    encoder: Encoder


@contextmanager
def open_scratch(bench: Bench, judged: SearchSet | ExpertSet) -> Iterator[Scratch]:
    """The set, indexed. Raises what `crawl` raises, or `IndexRefused` where a document failed."""
    # The questions of a judged set are public: they may be kept, as a reader's may not.
    vectors = bench.cache / VECTORS
    with (
        tempfile.TemporaryDirectory(
            prefix="quisait-evaluation-", ignore_cleanup_errors=True
        ) as name,
        open_cached_encoder(bench.encoder, vectors, keep_queries=True) as encoder,
        open_scratch_index(bench.index, Path(name), encoder.dimension) as index,
    ):
        database = migrate(sa.create_engine(f"sqlite:///{Path(name) / 'state.sqlite'}"))
        try:
            state, book = State(database), SqlDirectory(database)
            if isinstance(judged, ExpertSet):
                book.replace(JudgedDirectory(judged.candidates))
            _index(bench, judged, CrawlDependencies(NoFiles(), encoder, index, state, state))
            second = open_second_model(bench.reranker, limited=False)
            search = Search(index, encoder, book, SearchConfiguration(second_model=second))
            yield Scratch(index, search, book, encoder)
        finally:
            database.dispose()


def _index(bench: Bench, judged: SearchSet | ExpertSet, dependencies: CrawlDependencies) -> None:
    total = len(judged.documents)
    with shown_progress("indexation", "documents", bench.quiet) as advance:
        report = crawl(
            JudgedSource(judged.documents, judged.queries),
            dependencies,
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
