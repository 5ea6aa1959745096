"""Extracts, encodes and writes batches of changes, and records what failed."""

import hashlib
import json
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np

from connectors.ports import Change, SourceError, Upsert
from connectors.values import Access, Content, Contribution, Document, Section
from indexer.centroids import quantised
from indexer.errors import DeletionsHeld, ExtractionFailed
from indexer.passages import cut, passage_text
from indexer.ports import Encoder, Extractor
from indexer.scans import Scans
from indexer.state import State, reference_of
from indexer.values import (
    WITHHELD,
    Extracted,
    Failure,
    IndexedDocument,
    IndexEntry,
    Passage,
    Put,
    PutAccess,
    Remove,
    UnreadPart,
    Vectors,
    Write,
)

GUARD_SHARE = 0.2
"""Share of a source's documents that one run may delete without confirmation."""
GUARD_FLOOR = 10
"""Number of documents that a run may delete from a source that is too small for `GUARD_SHARE`. A
run never deletes all documents of a source without confirmation, unless there is only one.
"""


@dataclass(slots=True)
class DeletionGuard:
    """Limits the deletions in one run of a source, and counts the allowed and withheld ones.

    `share` lies between 0 and 1; at 1 every deletion is allowed.
    """

    source: str
    kept_at_start: int
    share: float
    let_go: int = 0
    withheld: int = 0

    def lets_go(self, going: int) -> bool:
        """Return whether `going` more documents may be deleted; if not, count them as withheld."""
        if not going or self.share >= 1:
            self.let_go += going
            return True
        gone = self.let_go + self.withheld + going
        emptied = gone >= self.kept_at_start > 1
        if emptied or gone > max(GUARD_FLOOR, self.share * self.kept_at_start):
            self.withheld += going
            return False
        self.let_go += going
        return True

    def check(self) -> None:
        """Raise `DeletionsHeld` if any deletion was withheld."""
        if self.withheld:
            raise DeletionsHeld(self.source, self.let_go + self.withheld, self.kept_at_start)


log = logging.getLogger(__name__)

BETWEEN = " ▸ "
"""Separates a document's id from the path of its unread attachment in a failure's key."""
TRIES = 3
"""How often a crawl that is not full retries failures that may be temporary."""
_TRANSIENT = ("timed_out", "vanished")
UNREACHED = "unreached"
"""Kind of failure that every crawl retries: the document's own server did not answer."""
_EVERY_TIME = 2**31 - 1
"""A limit of tries that is never reached, so that no document stays missing because crawls ended
early or because its server was down.
"""
WITHOUT_TEXT = (Failure.NOT_TEXT, Failure.AWAITS_RECOGNITION)
"""Kinds that are not counted as failures, because nobody can correct them, or because they pass by
themselves.
"""


OF_RULES = frozenset({"rule", "unknown_principal"})
"""Kinds of reports of access rules (`connectors.ports.Malformed`), which every listing repeats."""


@dataclass(slots=True)
class OpenFailures:
    """The open failures of `source`: failed documents, attachments and records.

    Changes are stored by `save`, which the crawl calls before each cursor: a transaction for each
    file would take most of the time of a folder of unreadable ones.
    """

    failures: State
    source: str
    _open: set[str] = field(init=False)
    _anew: set[str] = field(default_factory=set)
    _parts: dict[str, set[str]] = field(init=False)
    _unsaved: dict[str, tuple[str, str] | None] = field(default_factory=dict)
    _kinds: dict[str, tuple[str, int]] = field(default_factory=dict)
    """For each kind, the first key of this run and the number of failures."""

    def __post_init__(self) -> None:
        self._open = set(self.failures.keys(self.source))
        self._parts = defaultdict(set)
        for key in self._open:
            self._remember_part(key)

    def record(self, key: str, kind: str, reason: str) -> None:
        """Record that a document, attachment or record is missing."""
        first, number = self._kinds.get(kind, (key, 0))
        self._kinds[kind] = first, number + 1
        self._unsaved[key] = kind, reason
        self._open.add(key)
        self._anew.add(key)
        self._remember_part(key)

    def save(self) -> None:
        """Store the changes since the last call."""
        if self._unsaved:
            self.failures.change_failures(self.source, self._unsaved)
            self._unsaved = {}

    def log_kinds(self) -> None:
        """Log a line for each kind of failure of this run, with the reference of the first."""
        for kind, (key, number) in self._kinds.items():
            fields = {"source": self.source, "failure": kind, "n": number}
            fields["reference"] = reference_of(key)
            if kind in WITHOUT_TEXT:
                log.info("files without text", extra=fields)
            else:
                log.warning("records failed", extra=fields)

    def replace_parts(self, document_id: str, unread: Iterable[UnreadPart]) -> None:
        """Replace the failures of a document that was read with these unread parts."""
        missing = {_part_key(document_id, part.path): part for part in unread}
        for key in self._of(document_id) - missing.keys():
            self._resolve(key)
        for key, part in missing.items():
            self.record(key, part.failure, part.reason)

    def mend(self, document_id: str) -> None:
        """Resolve all failures of a document."""
        self.replace_parts(document_id, ())

    def forget_parts(self, document_id: str) -> None:
        """Resolve failures of a document's attachments: the document itself failed."""
        for key in self._of(document_id) - {document_id}:
            self._resolve(key)

    def forget_beyond(self, held: Callable[[str], bool]) -> None:
        """Resolve failures of documents that the source no longer has.

        Failures of records without an id stay. `held` returns whether a document exists, or may
        exist.
        """
        for key in [key for key in self._open if key.startswith(f"{self.source}:")]:
            if not held(key) and not held(_document(key)):
                self._resolve(key)

    def forget_rules(self) -> None:
        """Resolve failures of access rules that a complete listing did not report again."""
        stored = self.failures.failures_of(self.source)
        for key in {row.key for row in stored if row.kind in OF_RULES} & self._open - self._anew:
            self._resolve(key)

    def forget_older(self) -> None:
        """Resolve all failures that did not recur, after the source was read in full."""
        for key in sorted(self._open - self._anew):
            self._resolve(key)

    def due(self, waiting: Callable[[], Set[str]] = frozenset) -> frozenset[str]:
        """Return the documents to request again, unless their source brings them itself.

        `waiting` returns the scans still to be recognised, which are not due.
        """
        due = self.failures.due(self.source, _TRANSIENT, TRIES)
        due |= self.failures.due(self.source, (UNREACHED,), _EVERY_TIME)
        waited = self.failures.due(self.source, (Failure.AWAITS_RECOGNITION,), _EVERY_TIME)
        return due | (waited - waiting()) if waited else due

    def count_try(self, document_ids: Collection[str]) -> None:
        """Count a retry of these documents, once their source answered."""
        self.failures.count_try(self.source, document_ids)

    def begin_anew(self, document_id: str) -> None:
        """Reset the retries of a document, because a new version of it was read."""
        if document_id in self._open:
            self.failures.begin_anew(self.source, document_id)

    def among(self, document_ids: Collection[str]) -> frozenset[str]:
        """Return the documents among these that have an open failure."""
        return frozenset(self._open.intersection(document_ids))

    def _of(self, document_id: str) -> set[str]:
        return {document_id, *self._parts.get(document_id, ())}

    def _remember_part(self, key: str) -> None:
        if BETWEEN in key:
            self._parts[_document(key)].add(key)

    def _resolve(self, key: str) -> None:
        if key in self._open:
            self._unsaved[key] = None
            self._open.discard(key)
            self._parts[_document(key)].discard(key)


def _part_key(document_id: str, path: str) -> str:
    return f"{document_id}{BETWEEN}{path}" if path else document_id


def _document(key: str) -> str:
    return key.partition(BETWEEN)[0]


PREFETCHED_DOCUMENTS = 32
"""Number of documents prepared ahead, so that one slow file does not leave the threads idle
(`python -m benchmarks.indexing extraction`: 140 files/s with 8 documents, 160 files/s with 32).
"""
PREFETCH_THREADS = 3
"""Number of documents prepared at once, each with its file in memory. Tika's server answered two
requests as quickly as four on two cores; the third thread sends a request while another reads its
answer.
"""

T = TypeVar("T")
Awaited = Callable[[], T]
"""Returns the prepared document, or raises the error of its preparation."""

_Turn = tuple[Change, Future[T] | None]


@contextmanager
def prefetched(
    changes: Iterable[Change], prepare: Callable[[Document], T]
) -> Iterator[Iterator[tuple[Change, Awaited[T]]]]:
    """Yield each change with a function that returns its prepared document, in source order.

    An error of the source is raised after all changes before it.
    """
    with ThreadPoolExecutor(PREFETCH_THREADS, "preparing") as hands:
        try:
            yield _in_turn(changes, prepare, hands)
        finally:
            hands.shutdown(wait=True, cancel_futures=True)


def _in_turn(
    changes: Iterable[Change], prepare: Callable[[Document], T], hands: ThreadPoolExecutor
) -> Iterator[tuple[Change, Awaited[T]]]:
    waiting: deque[_Turn[T]] = deque()
    broken: SourceError | None = None
    source = iter(changes)
    try:
        for change in source:
            work = hands.submit(prepare, change.document) if isinstance(change, Upsert) else None
            waiting.append((change, work))
            if len(waiting) > PREFETCHED_DOCUMENTS:
                yield _turn(waiting.popleft())
    except SourceError as error:
        broken = error
    yield from map(_turn, waiting)
    if broken:
        raise broken


def _turn(turn: _Turn[T]) -> tuple[Change, Awaited[T]]:
    change, work = turn

    def awaited() -> T:
        if work is None:
            raise TypeError("only a document is prepared")
        return work.result()

    return change, awaited


FORMAT = "1"
"""Part of each hash: raise it when the stored form of documents changes."""


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document with its passages, but without their vectors."""

    document: Document
    passages: tuple[Passage, ...]
    content_hash: str
    record_hash: str
    unread: tuple[UnreadPart, ...] = ()
    recognised: bool = False
    """Whether the text was recognised on a scan."""

    @property
    def document_id(self) -> str:
        """Id of the document."""
        return self.document.id

    @property
    def entry(self) -> IndexEntry:
        """The entry that a scan will return for it."""
        return IndexEntry(
            self.document.id, self.content_hash, self.record_hash, self.document.access
        )

    def with_expected(self, questions: Sequence[str]) -> "PreparedDocument":
        """Return the document with these expected questions after those that it has."""
        whole = tuple(dict.fromkeys((*self.document.questions, *questions)))
        return replace(
            self,
            document=replace(self.document, questions=whole),
            record_hash=with_questions(self.record_hash, whole),
        )

    def indexed(self, vectors: Vectors) -> IndexedDocument:
        """Return the document with the vectors of `texts_of`, shape (number of texts, d)."""
        own, asked = vectors[: len(self.passages)], vectors[len(self.passages) :]
        return IndexedDocument(
            self.document, self.passages, own, self.content_hash, self.record_hash, quantised(asked)
        )


def prepare(
    document: Document, extractor: Extractor, scans: Scans | None = None
) -> PreparedDocument:
    """Extract the document's text and cut it into passages.

    Raises `ExtractionFailed`, `ExtractorUnreachable` or `RecordVanished`.
    """
    whole, unread, recognised = _with_text(document, extractor, scans)
    passages = cut(whole.sections, whole.title)
    return PreparedDocument(
        document=whole,
        passages=passages,
        content_hash=_content_hash(whole.title, passages),
        record_hash=_record_hash(whole),
        unread=unread,
        recognised=recognised,
    )


def _with_text(
    document: Document, extractor: Extractor, scans: Scans | None
) -> tuple[Document, tuple[UnreadPart, ...], bool]:
    if document.content is None:
        return document, (), False
    content: Content = document.content
    if content.size_bytes is not None and content.size_bytes > extractor.max_bytes:
        # The file is not even read into memory.
        raise ExtractionFailed(
            Failure.TOO_LARGE, f"Le fichier dépasse {extractor.max_bytes} octets."
        )
    read = content.read()
    try:
        extracted = extractor.extract(read, content.filename, content.media_type)
    except ExtractionFailed as failed:
        if failed.failure not in SCANNED or scans is None:
            raise
        recognised = scans.text_of(document.source, document.id, read)
        if recognised is None:
            raise
        return _merge(document, recognised), recognised.unread, True
    return _merge(document, extracted), extracted.unread, False


SCANNED = (Failure.IMAGE_ONLY, Failure.NOT_TEXT)
"""Extraction failures of files that may be scans."""


def _merge(document: Document, extracted: Extracted) -> Document:
    """Merge the extracted text into the document.

    Fields of the source take precedence over those of the file; the default title comes last.
    """
    named = document.content.default_title if document.content else ""
    return replace(
        document,
        content=None,
        sections=document.sections + extracted.sections,
        title=document.title or extracted.title or named,
        created=document.created or extracted.created,
        modified=document.modified or extracted.modified,
    )


def _content_hash(title: str, passages: tuple[Passage, ...]) -> str:
    """Return a hash of the encoded texts, independent of the encoder: a reindex compares it."""
    digest = hashlib.sha256(_bytes_of(f"{FORMAT}\0{title}"))
    for passage in passages:
        digest.update(b"\0" + _bytes_of(passage_text(title, passage)))
    return digest.hexdigest()


def _record_hash(document: Document) -> str:
    """Return a hash of all stored fields except the access."""
    hashed = _fields(document)
    del hashed["access"], hashed["content"], hashed["version"], hashed["questions"]
    canonical = json.dumps(hashed, default=_plain, sort_keys=True, ensure_ascii=False)
    own = hashlib.sha256(_bytes_of(f"{FORMAT}\0{canonical}")).hexdigest()
    return with_questions(own, document.questions)


def with_questions(record_hash: str, questions: Sequence[str]) -> str:
    """Return the record hash of the same document with these expected questions.

    The sections, which the index does not have, are not needed. Documents without questions have
    the hash that they had before questions existed.
    """
    own = record_hash.partition(".")[0]
    if not questions:
        return own
    return f"{own}.{hashlib.sha256(_bytes_of(json.dumps(questions))).hexdigest()}"


def _bytes_of(text: str) -> bytes:
    """Return UTF-8 that may contain lone surrogates, which the index may refuse."""
    return text.encode("utf-8", "surrogatepass")


def _plain(value: object) -> dict[str, Any] | str:
    """Convert a value that JSON does not support: a record to its fields, a date to text."""
    if isinstance(value, Section):
        return _fields(value)
    if isinstance(value, Contribution):
        row = _fields(value)
        if not row["thanks"]:  # documents indexed before thanks existed keep their hash
            del row["thanks"]
        if row["volume"] is None:
            del row["volume"]
        return row
    return str(value)


def _fields(record: Document | Section | Contribution) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


@dataclass(frozen=True, slots=True)
class NarrowAccess:
    """Reduce a document's readers to the readers that `access` admits too."""

    document_id: str
    access: Access


CrawledWrite = PreparedDocument | PutAccess | NarrowAccess | Remove
"""A write that a source causes; documents have passages, but no vectors yet."""

NeededWrite = PreparedDocument | PutAccess | Remove
"""A write that is still needed after comparison with the index."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Writes whose texts are being encoded, and the cursor to save once they are acknowledged."""

    wanted: list[NeededWrite]
    vectors: Future[Vectors]
    cursor: str | None

    def writes(self) -> list[Write]:
        """Wait for the vectors and return the writes. Raises the encoder's error."""
        vectors, start = self.vectors.result(), 0
        writes: list[Write] = []
        for write in self.wanted:
            if isinstance(write, PreparedDocument):
                end = start + len(write.passages) + len(write.document.questions)
                writes.append(Put(write.indexed(vectors[start:end])))
                start = end
            else:
                writes.append(write)
        return writes


def needed_writes(
    gathered: Iterable[CrawledWrite], entries: Mapping[str, IndexEntry]
) -> tuple[list[NeededWrite], int]:
    """Return the writes that change the index, in order, and the number of unchanged documents."""
    entries_by_id = dict(entries)
    wanted: list[NeededWrite] = []
    unchanged = 0
    for write in gathered:
        change = _change(write, entries_by_id.get(write.document_id))
        if change is not None:
            _apply(change, entries_by_id)
            wanted.append(change)
        elif isinstance(write, PreparedDocument):
            unchanged += 1
    return wanted, unchanged


def texts_of(wanted: Iterable[NeededWrite]) -> list[str]:
    """Return the texts to encode, in the order in which `Batch.writes` takes their vectors."""
    texts: list[str] = []
    for write in wanted:
        if isinstance(write, PreparedDocument):
            texts += (passage_text(write.document.title, passage) for passage in write.passages)
            texts += write.document.questions
    return texts


ENCODED_CHARACTERS = 6_000
"""Number of characters, with padding, that are encoded between two checks of whether to stop: about
four passages, which take a few seconds on a slow machine. Short texts are encoded together, because
single texts take longer.
"""


def encoded(encoder: Encoder, texts: Sequence[str], check_stop: Callable[[], None]) -> Vectors:
    """Return the vectors of the texts, encoded in slices; `check_stop` is called before each."""
    # Similar lengths together: an encoder pads each batch to its longest text.
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    vectors = np.empty((len(texts), encoder.dimension), np.float32)
    for batch in _slices(order, [len(text) for text in texts]):
        check_stop()
        vectors[batch] = encoder.passages([texts[place] for place in batch])
    return vectors


def _slices(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield slices of `order`; each has at most `ENCODED_CHARACTERS`, or is one text."""
    batch: list[int] = []
    for place in order:
        if batch and (len(batch) + 1) * lengths[place] > ENCODED_CHARACTERS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _change(write: CrawledWrite, indexed: IndexEntry | None) -> NeededWrite | None:
    """Return the needed write, or None. A withheld document is only reopened by a new text."""
    if isinstance(write, PreparedDocument):
        if indexed is None or not write.entry.same_text(indexed):
            return write
        return _access_change(indexed, write.document.access)
    if indexed is None:
        return None
    match write:
        case Remove():
            return write
        case NarrowAccess(_, access):
            return _access_change(indexed, _narrowed(indexed.access, access))
        case PutAccess(_, access):
            return None if indexed.access == WITHHELD else _access_change(indexed, access)


def _access_change(entry: IndexEntry, access: Access) -> PutAccess | None:
    return None if access == entry.access else PutAccess(entry.document_id, access)


def _narrowed(current: Access, access: Access) -> Access:
    """Return the access of readers that both admit; `WITHHELD` stays."""
    return WITHHELD if current == WITHHELD else current.narrowed_to(access)


def _apply(change: NeededWrite, entries_by_id: dict[str, IndexEntry]) -> None:
    match change:
        case PreparedDocument():
            entries_by_id[change.document.id] = change.entry
        case PutAccess(document_id, access):
            entries_by_id[document_id] = replace(entries_by_id[document_id], access=access)
        case Remove(document_id):
            del entries_by_id[document_id]
