"""Extract, encode and write a batch of changes; what failed is kept with its remedy."""

import hashlib
import json
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from connectors.parts import WHOLE, Part
from connectors.ports import Change, SourceError, Upsert
from connectors.values import Access, Content, Contribution, Document, Section
from indexer.errors import DeletionsHeld, ExtractionFailed
from indexer.passages import cut, passage_text
from indexer.ports import NO_SCANS, Extractor, Failures, IndexWriter, ScannedTexts
from indexer.state import reference_of
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
"""The share of a source that may vanish in one run without a confirmation."""
GUARD_FLOOR = 10
"""So many may vanish from a small source, where a share says little; but never all of several."""


@dataclass(slots=True)
class DeletionGuard:
    """Counts, over one run of a source, the deletions let through and those withheld.

    `share` lies between 0 and 1; at 1 every deletion passes.
    """

    source: str
    kept_at_start: int
    share: float
    let_go: int = 0
    withheld: int = 0

    def lets_go(self, going: int) -> bool:
        """Whether `going` more documents may be deleted; what may not is counted as withheld."""
        gone = self.let_go + self.withheld + going
        emptied = gone >= self.kept_at_start > 1
        many = gone > max(GUARD_FLOOR, self.share * self.kept_at_start)
        if going and self.share < 1 and (emptied or many):
            self.withheld += going
            return False
        self.let_go += going
        return True

    def check(self) -> None:
        """Raises `DeletionsHeld` where any deletion was withheld."""
        if self.withheld:
            raise DeletionsHeld(self.source, self.let_go + self.withheld, self.kept_at_start)


@dataclass(slots=True)
class PartDeletionGuard(DeletionGuard):
    """The same of one part of a source: its own share, and its own part of `GUARD_FLOOR`.

    A part never loses all its documents, be it one: all parts together would lose the source.
    `count` counts the documents that the part keeps: it goes through those of the whole source,
    and is asked where anything is to be deleted.
    """

    parts: int = 1
    count: Callable[[], int] = lambda: 0
    counted: bool = False

    def lets_go(self, going: int) -> bool:
        """As that of a whole source."""
        if not going or self.share >= 1:
            self.let_go += going
            return True
        if not self.counted:
            self.kept_at_start, self.counted = self.count(), True
        gone = self.let_go + self.withheld + going
        many = gone > max(GUARD_FLOOR / self.parts, self.share * self.kept_at_start)
        if many or gone >= self.kept_at_start:
            self.withheld += going
            return False
        self.let_go += going
        return True


def guard_of(index: IndexWriter, source: str, part: Part, share: float) -> DeletionGuard:
    """The guard of a run of a source, or of one part of it."""
    if part == WHOLE:
        return DeletionGuard(source, index.count(source), share)

    def count() -> int:
        return sum(part.holds(entry.document_id) for entry in index.scan(source))

    return PartDeletionGuard(source, 0, share, parts=part.of, count=count)


log = logging.getLogger(__name__)

BETWEEN = " ▸ "
"""Between a document's id and the path of the attachment that is missing from it."""
TRIES = 3
"""So often an ordinary crawl asks again for what may have been bad luck."""
_TRANSIENT = ("timed_out", "vanished")
UNREACHED = "unreached"
"""What is asked for again at each crawl, as its own server did not answer."""
_EVERY_TIME = 2**31 - 1
"""Tries: a recognised text is not lost by crawls that end early, nor a file by its server's."""
WITHOUT_TEXT = (Failure.NOT_TEXT, Failure.AWAITS_RECOGNITION)
"""What is no failure: nobody can do anything about it, or it passes by itself."""


@dataclass(slots=True)
class OpenFailures:
    """The open failures of `source`: of documents, of their attachments, of records."""

    failures: Failures
    source: str
    _open: set[str] = field(init=False)
    _anew: set[str] = field(default_factory=set)
    _parts: dict[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._open = set(self.failures.keys(self.source))
        self._parts = defaultdict(set)
        for key in self._open:
            self._remember_part(key)

    def record(self, key: str, kind: str, reason: str) -> None:
        """A document, attachment or record is missing."""
        fields = {"source": self.source, "reference": reference_of(key), "failure": kind}
        if kind in WITHOUT_TEXT:
            log.info("file without text", extra=fields)
        else:
            log.warning("record failed", extra=fields)
        self.failures.record(self.source, key, kind, reason)
        self._open.add(key)
        self._anew.add(key)
        self._remember_part(key)

    def replace_parts(self, document_id: str, unread: Iterable[UnreadPart]) -> None:
        """The document was read: this is missing from it, and nothing else."""
        missing = {_part_key(document_id, part.path): part for part in unread}
        for key in self._of(document_id) - missing.keys():
            self._resolve(key)
        for key, part in missing.items():
            self.record(key, part.failure, part.reason)

    def mend(self, document_id: str) -> None:
        """Nothing of that document is missing any more."""
        self.replace_parts(document_id, ())

    def forget_parts(self, document_id: str) -> None:
        """The document goes as a whole, for the reason that is recorded of it."""
        for key in self._of(document_id) - {document_id}:
            self._resolve(key)

    def forget_beyond(self, held: Callable[[str], bool]) -> None:
        """What the source holds no more is not missing. Places of records stay.

        `held` says of a document's id whether it exists, or may exist.
        """
        for key in [key for key in self._open if key.startswith(f"{self.source}:")]:
            if not held(key) and not held(_document(key)):
                self._resolve(key)

    def forget_older(self) -> None:
        """The source was read whole: what did not fail anew is mended."""
        for key in sorted(self._open - self._anew):
            self._resolve(key)

    def due(self, waiting: Callable[[], Set[str]] = frozenset) -> frozenset[str]:
        """The documents to be asked for again, if their source does not bring them itself.

        `waiting` gives the scans that still wait for their text: of scans, these are not due.
        """
        due = self.failures.due(self.source, _TRANSIENT, TRIES)
        due |= self.failures.due(self.source, (UNREACHED,), _EVERY_TIME)
        waited = self.failures.due(self.source, (Failure.AWAITS_RECOGNITION,), _EVERY_TIME)
        return due | (waited - waiting()) if waited else due

    def count_try(self, document_ids: Collection[str]) -> None:
        """They were asked for again, and their source answered."""
        self.failures.count_try(self.source, document_ids)

    def begin_anew(self, document_id: str) -> None:
        """A new version of the document came: tries of the former one do not count for it."""
        if document_id in self._open:
            self.failures.begin_anew(self.source, document_id)

    def among(self, document_ids: Collection[str]) -> frozenset[str]:
        """Those of them that are missing now."""
        return frozenset(self._open.intersection(document_ids))

    def _of(self, document_id: str) -> set[str]:
        return {document_id, *self._parts.get(document_id, ())}

    def _remember_part(self, key: str) -> None:
        if BETWEEN in key:
            self._parts[_document(key)].add(key)

    def _resolve(self, key: str) -> None:
        if key in self._open:
            self.failures.resolve(self.source, key)
            self._open.discard(key)
            self._parts[_document(key)].discard(key)


def _part_key(document_id: str, path: str) -> str:
    return f"{document_id}{BETWEEN}{path}" if path else document_id


def _document(key: str) -> str:
    return key.partition(BETWEEN)[0]


PREFETCHED_DOCUMENTS = 32
"""How many documents are prepared before their turn: one slow file must not keep idle those
who prepare (`python -m benchmarks.indexing extraction`: 140 files/s with 8, 160 with 32)."""
PREFETCH_THREADS = 3
"""How many are prepared at once, as many files are held in memory. Tika's server answered two
as quickly as four on two cores; the third asks while another reads what was answered."""

T = TypeVar("T")
Awaited = Callable[[], T]
"""Gives what was prepared, or raises what preparing raised."""

_Turn = tuple[Change, Future[T] | None]


@contextmanager
def prefetched(
    changes: Iterable[Change], prepare: Callable[[Document], T]
) -> Iterator[Iterator[tuple[Change, Awaited[T]]]]:
    """Give each change with its document as `prepare` made it, in the order of the source.

    An error of the source is raised after everything that came before it had its turn.
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
"""Part of each hash: raise it when what is kept of a document changes."""


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document with its passages, not yet their vectors."""

    document: Document
    passages: tuple[Passage, ...]
    content_hash: str
    record_hash: str
    unread: tuple[UnreadPart, ...] = ()
    recognised: bool = False
    """Whether its text was recognised on a scan."""

    def same_as(self, kept: IndexEntry) -> bool:
        """Whether nothing but the access may differ from what is kept."""
        return (self.content_hash, self.record_hash) == (kept.content_hash, kept.record_hash)

    @property
    def kept(self) -> IndexEntry:
        """What a scan will tell of it."""
        return IndexEntry(
            self.document.id, self.content_hash, self.record_hash, self.document.access
        )

    def indexed(self, vectors: Vectors) -> IndexedDocument:
        """With its vectors, shape (number of passages, d)."""
        return IndexedDocument(
            self.document, self.passages, vectors, self.content_hash, self.record_hash
        )


def prepare(
    document: Document, extractor: Extractor, scans: ScannedTexts = NO_SCANS
) -> PreparedDocument:
    """Raises `ExtractionFailed`, `ExtractorUnreachable` or `RecordVanished`."""
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
    document: Document, extractor: Extractor, scans: ScannedTexts
) -> tuple[Document, tuple[UnreadPart, ...], bool]:
    if document.content is None:
        return document, (), False
    content: Content = document.content
    if content.size_bytes is not None and content.size_bytes > extractor.max_bytes:
        # Not even held in memory.
        raise ExtractionFailed(
            Failure.TOO_LARGE, f"Le fichier dépasse {extractor.max_bytes} octets."
        )
    read = content.read()
    try:
        extracted = extractor.extract(read, content.filename, content.media_type)
    except ExtractionFailed as failed:
        if failed.failure not in SCANNED:
            raise
        found = scans.text_of(document.source, document.id, read)
        if found is None:
            raise
        return _merge(document, found), found.unread, True
    return _merge(document, extracted), extracted.unread, False


SCANNED = (Failure.IMAGE_ONLY, Failure.NOT_TEXT)
"""What an extractor says of a file that may be a scan."""


def _merge(document: Document, extracted: Extracted) -> Document:
    """What the source says goes before what the file says of itself, its name comes last."""
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
    """Of what is encoded, whatever the encoder: a reindex compares by it."""
    digest = hashlib.sha256(_bytes_of(f"{FORMAT}\0{title}"))
    for passage in passages:
        digest.update(b"\0" + _bytes_of(passage_text(title, passage)))
    return digest.hexdigest()


def _record_hash(document: Document) -> str:
    """Of everything that is kept but the access."""
    kept = _fields(document)
    del kept["access"], kept["content"], kept["version"]
    canonical = json.dumps(kept, default=_plain, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(_bytes_of(f"{FORMAT}\0{canonical}")).hexdigest()


def _bytes_of(text: str) -> bytes:
    """In UTF-8, and half a surrogate pair too: the index says whether it keeps it."""
    return text.encode("utf-8", "surrogatepass")


def _plain(value: object) -> dict[str, Any] | str:
    """What JSON has no word for: a record is its fields, a date is what it is written as."""
    if isinstance(value, Section):
        return _fields(value)
    if isinstance(value, Contribution):
        row = _fields(value)
        if not row["thanks"]:  # so that what was kept before there were thanks is unchanged
            del row["thanks"]
        if row["volume"] is None:
            del row["volume"]
        return row
    return str(value)


def _fields(record: Document | Section | Contribution) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


@dataclass(frozen=True, slots=True)
class NarrowAccess:
    """Keep of a document's readers only those whom `access` admits too."""

    document_id: str
    access: Access


CrawledWrite = PreparedDocument | PutAccess | NarrowAccess | Remove
"""What a source asked for; a document has its passages, not yet their vectors."""

NeededWrite = PreparedDocument | PutAccess | Remove
"""What is still to be written, once compared with what is kept."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is being encoded, and the cursor to keep once its writes are acknowledged."""

    wanted: list[NeededWrite]
    vectors: Future[Vectors]
    cursor: str | None

    def writes(self) -> list[Write]:
        """With their vectors, once these are there. Raises what the encoder raised."""
        vectors, start = self.vectors.result(), 0
        writes: list[Write] = []
        for write in self.wanted:
            if isinstance(write, PreparedDocument):
                end = start + len(write.passages)
                writes.append(Put(write.indexed(vectors[start:end])))
                start = end
            else:
                writes.append(write)
        return writes


def needed_writes(
    gathered: Iterable[CrawledWrite], kept: Mapping[str, IndexEntry]
) -> tuple[list[NeededWrite], int]:
    """(what changes anything of what is kept, in its order; how many documents are as kept)."""
    entries_by_id = dict(kept)
    wanted: list[NeededWrite] = []
    unchanged = 0
    for write in gathered:
        change = _change(write, entries_by_id.get(id_of(write)))
        if change is not None:
            _apply(change, entries_by_id)
            wanted.append(change)
        elif isinstance(write, PreparedDocument):
            unchanged += 1
    return wanted, unchanged


def texts_of(wanted: Iterable[NeededWrite]) -> list[str]:
    """The texts to encode, in the order in which `Batch.writes` takes their vectors."""
    return [
        passage_text(write.document.title, passage)
        for write in wanted
        if isinstance(write, PreparedDocument)
        for passage in write.passages
    ]


def id_of(write: CrawledWrite | Write) -> str:
    """The document that a write is about."""
    match write:
        case PreparedDocument():
            return write.document.id
        case Put():
            return write.indexed.document.id
        case _:
            return write.document_id


def _change(write: CrawledWrite, kept: IndexEntry | None) -> NeededWrite | None:
    """What has to be written, None for nothing. A withheld text is opened by a reading alone."""
    if isinstance(write, PreparedDocument):
        if kept is None or not write.same_as(kept):
            return write
        return _access_change(kept, write.document.access)
    if kept is None:
        return None
    match write:
        case Remove():
            return write
        case NarrowAccess(_, access):
            return _access_change(kept, _narrowed(kept.access, access))
        case PutAccess(_, access):
            return None if kept.access == WITHHELD else _access_change(kept, access)


def _access_change(kept: IndexEntry, access: Access) -> PutAccess | None:
    return None if access == kept.access else PutAccess(kept.document_id, access)


def _narrowed(kept: Access, access: Access) -> Access:
    """The readers of both; what is withheld stays so."""
    return WITHHELD if kept == WITHHELD else kept.narrowed_to(access)


def _apply(change: NeededWrite, entries_by_id: dict[str, IndexEntry]) -> None:
    match change:
        case PreparedDocument():
            entries_by_id[change.document.id] = change.kept
        case PutAccess(document_id, access):
            entries_by_id[document_id] = replace(entries_by_id[document_id], access=access)
        case Remove(document_id):
            del entries_by_id[document_id]
