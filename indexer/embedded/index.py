"""The embedded index: preparation of writes, and the steps of each operation."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from indexer.access import AccessFilter
from indexer.cards import card_of, either_form
from indexer.embedded.catalogue import SnapshotCache, readable_rows
from indexer.embedded.rankings import IndexMoment, Rankings
from indexer.embedded.results import (
    WordLookup,
    best_passages,
    passage_similarities,
    successors,
    text_request,
)
from indexer.embedded.rows import document_row, indexed_of, passages_of, vectors_of
from indexer.embedded.store import Store, StoreWrite, engine_faults
from indexer.embedded.text import TextIndex
from indexer.errors import IndexDamaged, IndexRefused
from indexer.french.analysis import analyse
from indexer.highlighting import question_terms
from indexer.suggestions import NearWord
from indexer.values import (
    Card,
    DocumentText,
    IndexedDocument,
    IndexEntry,
    IndexFill,
    Put,
    SearchAnswer,
    SearchRequest,
    ShownDocument,
    ShowRequest,
    Suggestion,
    Vectors,
    Write,
    WriteReport,
)

MOST_PASSAGES = 200_000
"""Number of passages for which this engine is designed; `python -m benchmarks.million embedded`
prints the memory and time that they need.
"""

FLOAT32_BYTES = 4
PROBED = 8
"""Number of documents that `probe` reads."""
MOMENT_S = 0.25
"""Longest time that a search waits for a text index that is being written, in seconds."""


def prepared_writes(
    batch: Sequence[Write], dimension: int
) -> tuple[list[StoreWrite], list[tuple[str, str]]]:
    """Return the rows to write, and (id, reason) of refused documents, before the transaction.

    Raises `IndexRefused` for vectors of another dimension.
    """
    prepared: list[StoreWrite] = []
    failed = []
    for write in batch:
        document_id = write.document_id
        reason = _unfit(write.indexed, dimension) if isinstance(write, Put) else ""
        if not encodable(document_id):
            reason = "son identifiant n'est pas un texte valide"
        if reason:
            failed.append((document_id, reason))
        elif isinstance(write, Put):
            prepared.append((document_row(write.indexed), write.indexed.document.access))
        else:
            prepared.append(write)
    return prepared, failed


def check_dimension(vector: Vectors, dimension: int) -> None:
    """Raise `IndexRefused` for a vector of another shape than (dimension,)."""
    if vector.shape != (dimension,):
        raise IndexRefused(
            f"L'encodeur donne {vector.shape[-1]} nombres, l'index en tient {dimension}. "
            "Réglez l'encodeur avec lequel il a été fait, ou un autre « folder »."
        )


def encodable(text: str) -> bool:
    """Return whether SQLite can store the text, which must not contain lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unfit(indexed: IndexedDocument, dimension: int) -> str:
    """Return why a document cannot be stored, or the empty string."""
    if len(indexed.passages) != len(indexed.vectors):
        return "il n'a pas autant de vecteurs que de passages"
    if len(indexed.vectors):
        check_dimension(indexed.vectors[0], dimension)
    if not np.isfinite(indexed.vectors).all():
        return "ses vecteurs contiennent autre chose que des nombres"
    hashes = (indexed.document.source, indexed.content_hash, indexed.record_hash)
    sound = all(map(encodable, hashes))
    return "" if sound else "sa source ou son empreinte n'est pas un texte valide"


class StoredDocuments:
    """The methods of an index that only use its store."""

    def __init__(self, store: Store, dimension: int) -> None:
        self._store, self._dimension = store, dimension

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Apply a batch in one transaction."""
        prepared, failed = prepared_writes(batch, self._dimension)
        with engine_faults():
            if prepared:
                self._store.apply(prepared)
        return WriteReport(written=len(prepared), failed=tuple(failed))

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """Return the entries of these documents by id, without documents that are not indexed."""
        wanted = [document_id for document_id in document_ids if encodable(document_id)]
        with engine_faults():
            return {entry.document_id: entry for entry in self._store.kept(wanted)}

    def flush(self) -> None:
        """Delete access lists that no document names. Writes need no flush: they are committed."""
        with engine_faults():
            self._store.forget_lists()

    def count(self, source: str) -> int:
        """Return the number of indexed documents of a source."""
        with engine_faults():
            return self._store.count(source)

    def sources(self) -> frozenset[str]:
        """Return the sources that have at least one indexed document."""
        with engine_faults():
            return self._store.sources()

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """Yield these documents whole, as they are indexed now."""
        with engine_faults():
            rows = self._store.whole(
                [document_id for document_id in document_ids if encodable(document_id)]
            )
        return (indexed_of(row, self._dimension) for row in rows)

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield the indexed documents of a source, first written first."""
        with engine_faults():
            yield from self._store.scan(source)


class EmbeddedIndex(StoredDocuments):
    """An index in one folder, for one machine and any number of its processes and threads.

    SQLite is authoritative; tantivy repeats its text, and is replayed by sequence number after a
    crash; each process holds the vectors in memory, and compares all of them. It is designed for
    `MOST_PASSAGES`: each passage takes 4 x d bytes of a process, and every search reads all of
    them.

    With `read_only`, neither the store nor the text index is changed. Raises `IndexRefused` if the
    folder holds vectors of another dimension.
    """

    def __init__(self, folder: Path, dimension: int, *, read_only: bool = False) -> None:
        with engine_faults():
            if not read_only:
                folder.mkdir(parents=True, exist_ok=True)
            store = Store(folder / "index.sqlite", dimension, read_only=read_only)
            super().__init__(store, dimension)
            self._text = TextIndex(folder, self._store)
            self._rankings = Rankings(self._text)
            if not read_only:
                self._text.replay(wait=False)
            self._memory = SnapshotCache(self._store, dimension)
        self._last_moment: IndexMoment | None = None
        self._words = WordLookup(self._store, self._text, self._memory)

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Apply a batch in one SQLite transaction, then bring the text index up to date."""
        report = super().write(batch)
        with engine_faults():
            self._text.replay(wait=True)
        return report

    def expunge(self) -> None:
        """Rewrite text segments that hold words of deleted texts, and empty SQLite's journal."""
        with engine_faults():
            self._text.expunge()
            self._store.empty_journal()

    def probe(self) -> None:
        """Read a few documents whole, and find each by the first term of its title.

        Raises `IndexDamaged` if one cannot be decoded or found. While the text index is behind the
        store, documents are only read.
        """
        with engine_faults():
            moment = self._moment()
            is_settled = moment is self._last_moment
            for row, whole in self._store.sample(PROBED):
                try:
                    document = indexed_of(whole, self._dimension)
                except (TypeError, ValueError, KeyError) as error:
                    raise IndexDamaged("index.sqlite") from error
                first = next((term.term for term in analyse(document.document.title)), None)
                _, known = moment.catalogue.slots(np.array([row]))
                if first is None or not (is_settled and known[0]):
                    continue
                if row not in self._text.having(((0, first),), moment.text):
                    raise IndexDamaged("index de texte")

    def verify(self) -> None:
        """Read every page of the store and every file of the text index. Raises `IndexDamaged`."""
        with engine_faults():
            self._store.verify()
            self._text.verify()

    def fill(self) -> IndexFill:
        """Return how full the index is, for the memory and time of one process."""
        with engine_faults():
            passages = self._store.vector_bytes() // (FLOAT32_BYTES * self._dimension)
        return IndexFill(passages, MOST_PASSAGES)

    def denials(self, source: str) -> Mapping[str, int]:
        """Return the denied principals of a source, and how many documents deny each."""
        with engine_faults():
            return self._store.denials(source)

    def without_readers(self, source: str) -> int:
        """Return how many documents of a source name no reader."""
        with engine_faults():
            return self._store.without_readers(source)

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Return the accounts that contributed to at least one indexed document."""
        keys = either_form(accounts)
        with engine_faults():
            self._text.replay(wait=False)
            catalogue = self._memory.current()
            return frozenset(
                account
                for key, account in keys.items()
                if catalogue.has_any(self._text.signed(key))
            )

    def search(self, request: SearchRequest) -> SearchAnswer:
        """Rank the documents that the reader may read.

        Count facets and total over the result set.
        """
        self._check(request.vector)
        wanted = text_request(request.question, most_words=request.newest_first)
        with engine_faults():
            moment = self._moment()
            rankings = self._rankings.of(request, wanted, moment)
        catalogue, members = moment.catalogue, rankings.members
        marked = (*rankings.lexical[: request.window], *rankings.nearest[: request.window])
        ranked = (*rankings.lexical, *rankings.nearest)
        facets = request.facets if request.counted else ()
        return SearchAnswer(
            lexical=rankings.lexical,
            vector=rankings.nearest,
            total=len(members) if request.counted else 0,
            facets={name: catalogue.facet(name, members, request.facet_size) for name in facets},
            attributes=catalogue.attributes_of(ranked) if request.with_attributes else {},
            terms_dropped=wanted.terms_dropped,
            members=catalogue.among(members, marked) if request.cut else None,
            said=None
            if rankings.shares is None
            else catalogue.values_of(rankings.shares, rankings.lexical[: request.window]),
        )

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """Return cards and best passages, read from the store under the same filter."""
        if request.by_card:
            others = replace(request, document_ids=request.by_card, successors=False, by_card=())
            return (*self.show(replace(request, by_card=())), *self._cards(others))
        if not request.passages:
            return self._cards(request)
        self._check(request.vector)
        terms = question_terms(request.question)
        with engine_faults():
            rows = {
                row[0]: row
                for row in self._rows(
                    "card, body_terms, passages, vectors", request.access, request.document_ids
                )
            }
            successors_of = self._successors(request, list(rows))
        shown = []
        for document_id, card, body, passages, vectors in (
            rows[document_id] for document_id in request.document_ids if document_id in rows
        ):
            each = vectors_of(vectors, self._dimension)
            similar = passage_similarities(each, request.vector)
            best = best_passages(
                passages_of(passages),
                body.split("\n"),
                terms,
                similar,
                request.passages,
                request.marked,
            )
            shown.append(ShownDocument(card_of(card), best, successors_of.get(document_id, ())))
        return tuple(shown)

    def read(self, access: AccessFilter, document_id: str) -> DocumentText | None:
        """Return the document.

        Rights are checked before the text is read, so that a document that may not be read takes no
        longer than a missing document.
        """
        if not encodable(document_id):
            return None
        with engine_faults():
            if not self._rows("seq", access, (document_id,)):
                return None
            rows = self._rows("card, passages, vectors", access, (document_id,))
        if not rows:
            return None
        _, card, passages, vectors = rows[0]
        first = next(iter(vectors_of(vectors, self._dimension)), None)
        return DocumentText(card_of(card), passages_of(passages), first)

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Return titles with all the typed words: exact prefixes first, then short titles."""
        return self._words.suggest(access, prefix, limit)

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """Return similar words for each word that no readable document has."""
        return self._words.near_words(access, words)

    def _moment(self) -> IndexMoment:
        """Return catalogue and text index of one state of the store.

        If another process keeps writing for `MOMENT_S`, return the current pair anyway. A pair of
        one state is cached in `_last_moment` until either changes.
        """
        deadline = time.monotonic() + MOMENT_S
        while True:
            self._text.replay(wait=False)
            catalogue = self._memory.current()
            holds, text = self._text.snapshot_at()
            former = self._last_moment
            if former and former.text is text and former.catalogue is catalogue:
                return former
            moment = IndexMoment(catalogue, text)
            # Both include the last change, so the text holds no more than the catalogue.
            if holds == catalogue.seq == self._store.progress()[0]:
                self._last_moment = moment
                return moment
            if time.monotonic() > deadline:
                return moment
            time.sleep(0.002)

    def _cards(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        with engine_faults():
            cards = dict(self._rows("card", request.access, request.document_ids))
            successors_of = self._successors(request, list(cards))
        return tuple(
            ShownDocument(card_of(cards[id_]), (), successors_of.get(id_, ()))
            for id_ in request.document_ids
            if id_ in cards
        )

    def _successors(
        self, request: ShowRequest, document_ids: Sequence[str]
    ) -> dict[str, tuple[Card, ...]]:
        if not request.successors:
            return {}
        return successors(self._store, self._memory.current(), request.access, document_ids)

    def _rows(
        self, columns: str, access: AccessFilter, document_ids: Iterable[str]
    ) -> list[tuple[Any, ...]]:
        """Return (id, columns…) of the documents that the reader may read, from the store."""
        return readable_rows(self._store, columns, access, document_ids)

    def _check(self, vector: Vectors | None) -> None:
        if vector is not None:
            check_dimension(vector, self._dimension)
