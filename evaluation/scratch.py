"""A temporary index for an evaluation: a judged set is indexed as a source, and deleted later."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from connectors.batches import batches
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
from indexer.cards import with_question_vectors
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.errors import ExtractionFailed, IndexRefused
from indexer.ports import Encoder, Index
from indexer.reindex import COPIED
from indexer.state import State
from indexer.values import Extracted, Failure, Put
from quisait.application.assembly import Application
from quisait.application.database import migrate
from quisait.application.engines import (
    open_cached_encoder,
    open_scratch_index,
)
from quisait.application.progress import shown_progress
from quisait.application.sources import source_names
from quisait.settings import EncoderSettings, IndexSettings
from search_api.engine import Search
from search_api.ranking.reranker import KeptOrder, Reranker
from search_api.ranking.search_configuration import SearchConfiguration

SOURCE = "evaluation"
_OWN = "evaluation:question:"
"""Prefix of the principal of a question that was made from a document."""
_WRITTEN_BY = "evaluation:author:"
"""Prefix of the principal of readers who may not read what a candidate wrote."""


def indexed_id(document_id: str) -> str:
    """Return a document's id in the index."""
    return f"{SOURCE}:{document_id}"


def judged_id(kept: str) -> str:
    """Return a document's id in the judgments."""
    return kept.partition(":")[2]


def evaluation_reader(query: JudgedQuery, without: Iterable[str] = ()) -> Reader:
    """Return a reader of all documents except the one that the question was made from.

    Documents of the candidates `without` are left out too. Access leaves them out before anything
    is ranked or scaled.
    """
    own = {_OWN + query.doc} if query.doc else set()
    written = {_WRITTEN_BY + candidate for candidate in without}
    return Reader("evaluation", frozenset({EVERYONE, *own, *written}))


class JudgedSource:
    """A connector that gives every document once, with one section each, without dates."""

    def __init__(self, documents: Sequence[JudgedText], queries: Sequence[JudgedQuery]) -> None:
        self._documents = documents
        self._asked = {query.doc for query in queries if query.doc}

    @property
    def source(self) -> str:
        """The part of each indexed id before its colon."""
        return SOURCE

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield every document, whatever `since` is."""
        for document in self._documents:
            yield Upsert(self.document(document))

    def document(self, judged: JudgedText) -> Document:
        """Return the document, for everybody but the readers that `evaluation_reader` excludes."""
        denied = {_OWN + judged.id} if judged.id in self._asked else set()
        denied |= {_WRITTEN_BY + author for author in judged.authors}
        return Document(
            id=indexed_id(judged.id),
            source=SOURCE,
            title=judged.title,
            access=Access(frozenset({EVERYONE}), frozenset(denied)),
            sections=(Section(judged.text),),
            questions=judged.questions,
            contributions=tuple(
                replace(row, account=candidate_account(row.account)) for row in judged.contributions
            )
            or tuple(
                Contribution(candidate_account(author), ContributorRole.AUTHOR)
                for author in dict.fromkeys(judged.authors)
            ),
        )


class JudgedDirectory:
    """A directory in which every candidate is an agent with one account."""

    def __init__(self, candidates: Sequence[JudgedCandidate]) -> None:
        self._candidates = candidates

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield all candidates, so that each gets their share of votes."""
        for candidate in self._candidates:
            yield Agent(
                candidate.id, "", candidate.name, accounts=(candidate_account(candidate.id),)
            )


def candidate_account(candidate_id: str) -> str:
    """Return a candidate's account in the source."""
    return f"{SOURCE}:{candidate_id}"


def rank_by_popularity(judged: ExpertSet, query: JudgedQuery) -> list[str]:
    """Rank candidates by number of documents, without the question's own: the baseline."""
    counts = dict.fromkeys(sorted(judged.ranked), 0)
    for document in judged.documents:
        if document.id != query.doc:
            for author in set(document.authors) & counts.keys():
                counts[author] += 1
    return sorted(counts, key=lambda candidate: -counts[candidate])


VECTORS = "vectors.sqlite"
"""File of encoded texts in the cache folder, shared by evaluations of any set."""

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class Bench:
    """Settings of an evaluation. `workers` questions are asked at once."""

    index: IndexSettings
    encoder: EncoderSettings
    cache: Path
    workers: int = 1
    quiet: bool = False
    reranker: Reranker = field(default_factory=KeptOrder)

    def each(self, ask: Callable[[Asked], Answered], questions: Sequence[Asked]) -> list[Answered]:
        """Return the answers in the order of the questions."""
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
    """The parts of the product that answer questions."""

    index: Index
    search: Search
    book: SqlDirectory
    encoder: Encoder


@contextmanager
def open_scratch(bench: Bench, judged: SearchSet | ExpertSet) -> Iterator[Scratch]:
    """Index the set. Raises the errors of `crawl`, or `IndexRefused` if a document failed."""
    # Questions of judged sets are public: unlike a reader's, they may be cached.
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
            search = Search(index, encoder, book, SearchConfiguration(reranker=bench.reranker))
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


@contextmanager
def with_expected_questions(
    application: Application, questions: Mapping[str, Sequence[str]]
) -> Iterator[Application]:
    """Yield the application on a temporary copy of its index with these questions, by document id.

    Documents without any keep their own. The copy holds only sources of the settings. Raises the
    errors of an index.
    """
    encoder, settings = application.encoder, application.settings
    with (
        tempfile.TemporaryDirectory(prefix="quisait-evaluation-") as folder,
        open_scratch_index(settings.index, Path(folder), encoder.dimension) as index,
    ):
        for source in source_names(settings):
            ids = [entry.document_id for entry in application.whole_index.scan(source)]
            for some in batches(ids, COPIED):
                documents = [
                    replace(one, document=replace(one.document, questions=tuple(asked)))
                    if (asked := questions.get(one.document.id))
                    else one
                    for one in application.whole_index.documents(some)
                ]
                index.write([Put(one) for one in with_question_vectors(encoder, documents)])
        yield replace(application, index=index, search=application.search.on(index))


class NoFiles:
    """The extractor for judged sets, which contain only text."""

    max_bytes = 0

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Raise `ExtractionFailed`: judged sets contain no files."""
        raise ExtractionFailed(
            Failure.UNREADABLE, "Un jeu de questions jugées ne contient pas de fichiers."
        )
