"""Applies the changes of a source to the index. Read `crawl` first."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import StrEnum

from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    Connector,
    ContentStale,
    Delete,
    Listing,
    Malformed,
    RecordUnreachable,
    RecordVanished,
    SourceError,
    SubtreeHidden,
    SupportsRefetch,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import Access, Document
from indexer.crawl.batches import (
    GUARD_SHARE,
    SCANNED,
    UNREACHED,
    WITHOUT_TEXT,
    Awaited,
    Batch,
    CrawledWrite,
    DeletionGuard,
    NarrowAccess,
    OpenFailures,
    PreparedDocument,
    encoded,
    needed_writes,
    prefetched,
    prepare,
    texts_of,
)
from indexer.errors import ExtractionFailed, ExtractorUnreachable, IndexRefused
from indexer.ports import Encoder, Extractor, IndexWriter
from indexer.scans import Scans
from indexer.state import State
from indexer.values import WITHHELD, Failure, Put, PutAccess, Remove, UnreadPart, Vectors, Write

BATCH_PASSAGES = 64
"""Number of passages that are encoded and written at once: the most an interruption can lose."""
BATCH_S = 30.0
"""Longest time to gather a batch, and about the longest time to encode it, in seconds: batches are
smaller on a slow machine.
"""
LEAST_BATCH_PASSAGES = 4
"""Smallest batch on a slow machine, in passages."""
BATCH_WRITES = 500
BATCH_ACCESS_CHANGES = 20_000
"""Maximum number of access changes in a batch. It is larger than `BATCH_WRITES`, because an index
can write the access change of a whole folder at once if it is in one batch.
"""


class Wait(StrEnum):
    """The steps of a crawl that may take long."""

    SOURCE = "source"
    EXTRACTION = "extraction"
    ENCODING = "encoding"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class CrawlDependencies:
    """The services that a crawl uses.

    `check_lock` is called before each write to the index, the cursors or their rows, and raises if
    the crawl may not write any more. `check_stop` is called after each change, each slice of
    encoded texts and each batch, and raises if the crawl must end. `scans` gives recognised texts;
    it is None without text recognition. `expected_questions` returns those of a document id for
    the text with a content hash, which are added to the questions that the source gives.
    """

    extractor: Extractor
    encoder: Encoder
    index: IndexWriter
    cursors: State
    failures: State
    scans: Scans | None = None
    expected_questions: Callable[[str, str], tuple[str, ...]] = lambda document_id, text_hash: ()
    check_lock: Callable[[], None] = lambda: None
    check_stop: Callable[[], None] = lambda: None

    def write(self, writes: Sequence[Write]) -> Mapping[str, str]:
        """Write to the index if `check_lock` allows it; return why documents failed, by id."""
        self.check_lock()
        return dict(self.index.write(writes).failed)


@dataclass(slots=True)
class CrawlReport:
    """Counts of a crawl.

    `without_text` counts files of kinds that have no text, and scans that are not recognised yet;
    they do not count as failures.
    """

    source: str
    seen: int = 0
    put: int = 0
    access_changed: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: int = 0
    without_text: int = 0
    malformed: int = 0
    passages: int = 0
    resumed: bool = False

    @property
    def changed(self) -> int:
        """Number of documents that were put or removed, or whose access changed."""
        return self.put + self.access_changed + self.removed


def crawl(
    connector: Connector,
    dependencies: CrawlDependencies,
    *,
    full: bool = False,
    guard_share: float = GUARD_SHARE,
    progress: Callable[[CrawlReport], None] = lambda report: None,
    waits: Callable[[Wait], None] = lambda what: None,
) -> CrawlReport:
    """Apply a source's changes to the index, and save the cursor after acknowledged writes.

    A run that would delete more than `guard_share` of the source's documents is held; 1.0 accepts
    any deletion. `progress` is called after each batch, `waits` before each step that may take
    long. Some documents are prepared ahead; a batch is encoded while the next one is gathered.

    Raises `SourceUnreachable`, `SourceRefused`, `IndexUnreachable`, `IndexRefused`,
    `ExtractorUnreachable` or `DeletionsHeld`; acknowledged writes stay, and the next crawl resumes
    at the last checkpoint.
    """
    source = connector.source
    if isinstance(connector, Snapshot):
        seen = dependencies.cursors.seen(source, dependencies.check_lock)
        connector = replace(connector, seen=seen)
    since = None if full else dependencies.cursors.load(source)
    ahead = dependencies.cursors.ahead(source)
    if ahead and not isinstance(connector, SupportsRefetch):
        since = None  # only a full reading brings the index in line with the source
    dependencies.index.flush()
    with ExitStack() as stack:
        encoding = stack.enter_context(ThreadPoolExecutor(1, "encoding"))
        guard = DeletionGuard(source, dependencies.index.count(source), guard_share)
        crawling = _Crawl(
            dependencies,
            CrawlReport(source),
            guard,
            progress,
            waits,
            encoding,
            set(ahead),
            since,
        )

        def prepared(document: Document) -> PreparedDocument:
            ready = prepare(document, dependencies.extractor, dependencies.scans)
            questions = dependencies.expected_questions(document.id, ready.content_hash)
            return ready.with_expected(questions)

        changes = stack.enter_context(prefetched(_changes(connector, since, crawling), prepared))
        stack.callback(crawling.missing.log_kinds)
        try:
            for change, awaited in changes:
                crawling.apply(change, awaited)
        except (SourceError, ExtractorUnreachable):
            crawling.flush()  # restrictions and deletions already read do not wait
            crawling.write_encoded()  # so that changes before a checkpoint are not read again
            raise
        crawling.end(whole=since is None)
    return crawling.report


def _changes(connector: Connector, since: str | None, crawling: "_Crawl") -> Iterator[Change]:
    """Yield the source's changes, then documents that must be read again.

    Documents are read again after a temporary failure, if they are scans that no longer wait for
    recognition (unless the source is read in full), or if their indexed text may be newer than the
    cursor. A retry only counts if the source has answered.
    """
    missing, source = crawling.missing, crawling.report.source
    rereads = since is not None and isinstance(connector, SupportsRefetch)
    scans = crawling.dependencies.scans
    due = set(missing.due(lambda: scans.awaited(source) if scans else set())) if rereads else set()
    for change in connector.changes(since):
        crawling.dependencies.check_stop()
        if isinstance(change, Upsert):
            due.discard(change.document.id)
            missing.begin_anew(change.document.id)
        yield change
    left = set(missing.among(due))
    again = left | crawling.ahead
    if again and isinstance(connector, SupportsRefetch):
        for change in connector.refetch(frozenset(again)):
            crawling.dependencies.check_stop()
            if isinstance(change, Upsert) and change.document.id in left:
                left.discard(change.document.id)
                missing.count_try({change.document.id})
            yield change
        missing.count_try(left)  # the source no longer has them


@dataclass(slots=True)
class _Crawl:
    """A run: the gathered writes, the batch being encoded, and the known failures."""

    dependencies: CrawlDependencies
    report: CrawlReport
    guard: DeletionGuard
    progress: Callable[[CrawlReport], None]
    waits: Callable[[Wait], None]
    encoding: ThreadPoolExecutor
    ahead: set[str]
    """Documents whose indexed text may be newer than the cursor, and that this run has not read
    yet. The changes that the source reports since the cursor may be older than their indexed text.
    """
    still_ahead: set[str] = field(init=False)
    """The documents of `ahead`, and the documents that this run has read but not written: they stay
    noted when a cursor is saved.
    """
    cursor: str | None
    written: bool = False
    """Whether anything was written since the cursor was saved."""
    gathered: list[CrawledWrite] = field(default_factory=list)
    gathered_passages: int = 0
    gathered_access_changes: int = 0
    gathered_since: float = field(default_factory=time.monotonic)
    most_passages: int = BATCH_PASSAGES
    """Number of passages to gather for a batch: as many as the encoder encodes in `BATCH_S`."""
    unreadable: set[str] = field(default_factory=set)
    """Ids of existing documents that lost their text, whose gathered removals the guard may
    withhold.
    """
    underway: Batch | None = None
    unread: dict[str, tuple[UnreadPart, ...]] = field(default_factory=dict)
    """Unread parts of documents that were read but not written yet, by id. If the run ends before
    the write, their failures stay open, so that the documents are requested again.
    """
    missing: OpenFailures = field(init=False)
    scanned: set[str] = field(init=False)
    """Documents that have a recognised text or wait for one, as far as this run knows."""
    typed: set[str] = field(default_factory=set)
    """Documents of `scanned` that now have a text of their own, until they are written."""

    def __post_init__(self) -> None:
        self.missing = OpenFailures(self.dependencies.failures, self.report.source)
        scans = self.dependencies.scans
        self.scanned = set(scans.known(self.report.source)) if scans else set()
        self.still_ahead = set(self.ahead)

    def forget_scans(self, document_ids: Set[str]) -> None:
        """Forget recognised texts of documents that were deleted or are no longer scans."""
        gone = self.scanned & document_ids
        if gone and self.dependencies.scans:
            self.scanned -= gone
            self.dependencies.scans.forget(self.report.source, gone)

    def apply(self, change: Change, awaited: Awaited[PreparedDocument]) -> None:
        self._apply(change, awaited)
        late = time.monotonic() - self.gathered_since >= BATCH_S
        if late and (self.gathered or (self.underway and self.underway.vectors.done())):
            self.flush()
        self.waits(Wait.SOURCE)

    def _apply(self, change: Change, awaited: Awaited[PreparedDocument]) -> None:
        match change:
            case Upsert(document):
                self.upsert(document, awaited)
            case AccessChanged() | AccessNarrowed() | ContentStale():
                self.add(self.access_change(change))
            case Delete(document_id):
                self.delete(document_id)
            case Listing():
                self.keep_only(change)
            case SubtreeHidden():
                self.close(change)
            case Malformed(where, reason, document_id, kind):
                self.report.malformed += 1
                self.missing.record(document_id or where, kind, reason)
            case Checkpoint(cursor):
                self.flush(cursor)

    def access_change(
        self, change: AccessChanged | AccessNarrowed | ContentStale
    ) -> PutAccess | NarrowAccess:
        match change:
            case AccessChanged(document_id, access) if document_id not in self.ahead:
                return PutAccess(document_id, access)
            case AccessChanged(document_id, access) | AccessNarrowed(document_id, access):
                return NarrowAccess(document_id, access)
            case ContentStale(document_id):
                return PutAccess(document_id, WITHHELD)

    def upsert(self, document: Document, awaited: Awaited[PreparedDocument]) -> None:
        self.report.seen += 1
        self.waits(Wait.EXTRACTION)
        try:
            prepared = awaited()
        except RecordVanished as vanished:
            kind = UNREACHED if isinstance(vanished, RecordUnreachable) else "vanished"
            self._fail(document.id, kind, str(vanished))
            self.add(PutAccess(document.id, WITHHELD))
        except ExtractionFailed as failure:
            self._fail(document.id, failure.failure, str(failure))
            # The current readers may read a text that could not be read: nobody may read the
            # indexed one, not even while the guard withholds its removal.
            self.add(PutAccess(document.id, WITHHELD))
            self.typed.discard(document.id)
            if failure.failure is Failure.AWAITS_RECOGNITION:
                self.scanned.add(document.id)
            if failure.failure not in (*SCANNED, Failure.AWAITS_RECOGNITION, Failure.TIMED_OUT):
                self.forget_scans({document.id})
            if failure.failure is not Failure.TIMED_OUT:
                self.missing.forget_parts(document.id)
                self.unreadable.add(document.id)
                self.add(Remove(document.id))
        else:
            self.unread[document.id] = prepared.unread
            if not prepared.recognised and document.id in self.scanned:
                self.typed.add(document.id)
            self.ahead.discard(document.id)
            self.add(prepared)

    def delete(self, document_id: str) -> None:
        """Remove a document at once: the guard only withholds vanished or unreadable documents."""
        self.unread.pop(document_id, None)
        self.missing.mend(document_id)
        self.forget_scans({document_id})
        self.unreadable.discard(document_id)
        self.add(Remove(document_id))

    def keep_only(self, listing: Listing) -> None:
        self.flush()
        self.write_encoded()
        held = listing.membership()
        missing = sorted(document_id for document_id in self._kept() if not held(document_id))
        if self.guard.lets_go(len(missing)):
            self.gathered += map(Remove, missing)
            self.flush()
            self.forget_scans(
                {document_id for document_id in self.scanned if not held(document_id)}
            )
        elif left_out := listing.is_left_out:
            self.gathered += (
                PutAccess(document_id, Access()) for document_id in missing if left_out(document_id)
            )
            self.flush()
        self.missing.forget_beyond(held)
        if not listing.unlisted:
            self.missing.forget_rules()

    def close(self, unseen: SubtreeHidden) -> None:
        self.flush()
        self.write_encoded()
        for document_id in self._kept():
            if unseen.contains(document_id):
                self.add(PutAccess(document_id, Access()))

    def _kept(self) -> Iterator[str]:
        """Yield the ids of the indexed documents of the source."""
        entries = self.dependencies.index.scan(self.report.source)
        return (entry.document_id for entry in entries)

    def add(self, write: CrawledWrite) -> None:
        self.gathered.append(write)
        if isinstance(write, PreparedDocument):
            self.gathered_passages += len(write.passages)
        self.gathered_access_changes += isinstance(write, PutAccess | NarrowAccess)
        if (
            self.gathered_passages >= self.most_passages
            or len(self.gathered) - self.gathered_access_changes >= BATCH_WRITES
            or self.gathered_access_changes >= BATCH_ACCESS_CHANGES
        ):
            self.flush()

    def flush(self, cursor: str | None = None) -> None:
        """Start to encode the gathered writes, and write those encoded meanwhile."""
        self.missing.save()
        ids = _ids(self.gathered)
        if self.underway and not ids.isdisjoint(_ids(self.underway.wanted)):
            self.write_encoded()  # compare with the index after those writes
        wanted, unchanged = needed_writes(self.gathered, self.dependencies.index.kept(ids))
        self.report.unchanged += unchanged
        as_kept = ids.difference(_ids(wanted))
        self.gathered, self.gathered_passages, self.gathered_access_changes = [], 0, 0
        self.gathered_since = time.monotonic()
        going = {
            write.document_id
            for write in wanted
            if isinstance(write, Remove) and write.document_id in self.unreadable
        }
        self.unreadable.clear()
        if not self.guard.lets_go(len(going)):
            # Changes of access and new texts are written all the same.
            wanted = [
                write
                for write in wanted
                if not (isinstance(write, Remove) and write.document_id in going)
            ]
        # Writes that narrow access do not wait for the encoding of other documents.
        put = _ids(write for write in wanted if isinstance(write, PreparedDocument))
        at_once = [
            w for w in wanted if not isinstance(w, PreparedDocument) and w.document_id not in put
        ]
        self._write(at_once)
        wanted = [write for write in wanted if write.document_id in put]
        texts = texts_of(wanted)
        vectors = self.encoding.submit(self._encode, texts)
        self.write_encoded(later=_ids(at_once))
        self._settle(as_kept)  # only now: the cursor saved above is older than these documents
        self.report.passages += len(texts)
        self.underway = Batch(wanted, vectors, cursor)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch, and set the size of the next batches by the time that it took."""
        began = time.monotonic()
        vectors = encoded(self.dependencies.encoder, texts, self.dependencies.check_stop)
        if texts:
            in_time = int(len(texts) * BATCH_S / max(time.monotonic() - began, 0.001))
            self.most_passages = max(LEAST_BATCH_PASSAGES, min(BATCH_PASSAGES, in_time))
        return vectors

    def end(self, *, whole: bool) -> None:
        """Write the remaining changes. `whole` is true if the source was read from its beginning.

        Raises `DeletionsHeld` if deletions wait for a person's confirmation.
        """
        self.flush()
        self.write_encoded()
        self.missing.save()
        self.guard.check()
        self.still_ahead.clear()  # all were read again, and are unchanged or written
        if self.cursor is not None and not self.written:
            self.save(self.cursor)
        if whole:
            self.missing.forget_older()
            self.missing.save()

    def write_encoded(self, later: Collection[str] = ()) -> None:
        """Write the encoded batch, count acknowledged writes, then save the cursor.

        `later`: documents of the following batch that have already been written.
        """
        if self.underway is None:
            return
        batch, self.underway = self.underway, None
        self.waits(Wait.ENCODING)
        writes = batch.writes()
        self.waits(Wait.INDEX)
        self._write(writes)
        if batch.cursor is not None and not self.guard.withheld:
            self.save(batch.cursor, later)
        self.progress(self.report)
        self.dependencies.check_stop()

    def save(self, cursor: str, later: Collection[str] = ()) -> None:
        still_ahead = self.still_ahead.union(later)
        self.dependencies.check_lock()
        self.dependencies.cursors.save(self.report.source, cursor, still_ahead)
        self.cursor, self.written = cursor, bool(later)

    def _write(self, writes: Sequence[Write]) -> None:
        """Note the documents as ahead of the cursor, write them, and withdraw refused ones."""
        if not writes:
            return
        self.dependencies.cursors.note_ahead(self.report.source, _ids(writes))
        self.written = True
        failed = self.dependencies.write(writes)
        self._count(writes, failed)
        for document_id, reason in failed.items():
            self._fail(document_id, "refused", reason)
        self._settle(_ids(writes))
        self.missing.save()
        self._withdraw(failed.keys())

    def _settle(self, document_ids: Set[str]) -> None:
        """Resolve failures of documents that are indexed as they were read."""
        self.still_ahead -= document_ids - self.ahead
        self.forget_scans(self.typed & document_ids)
        self.typed -= document_ids
        for document_id in sorted(self.unread.keys() & document_ids):
            self.missing.replace_parts(document_id, self.unread.pop(document_id))

    def _withdraw(self, refused: Collection[str]) -> None:
        """Remove the old versions of refused documents, whose access may have been narrowed.

        Raises `IndexRefused` if one cannot be removed: the cursor is then not saved.
        """
        if not refused:
            return
        entries = self.dependencies.index.kept(refused)
        if not entries:
            return
        removals = [Remove(document_id) for document_id in sorted(entries)]
        failed = self.dependencies.write(removals)
        self._count(removals, failed)
        if failed:
            raise IndexRefused(
                f"L'index a refusé de changer puis de retirer {', '.join(sorted(failed)[:5])} : "
                "leurs anciens lecteurs les lisent peut-être encore. Voyez « quisait sources »."
            )

    def _count(self, writes: Iterable[Write], failed: Mapping[str, str]) -> None:
        for write in writes:
            match write:
                case Put(indexed):
                    self.report.put += indexed.document.id not in failed
                case PutAccess(document_id):
                    self.report.access_changed += document_id not in failed
                case Remove(document_id):
                    self.report.removed += document_id not in failed

    def _fail(self, document_id: str, kind: str, reason: str) -> None:
        self.unread.pop(document_id, None)
        if kind in WITHOUT_TEXT:
            self.report.without_text += 1
        else:
            self.report.failed += 1
        self.missing.record(document_id, kind, reason)


def _ids(writes: Iterable[CrawledWrite | Write]) -> set[str]:
    return {write.document_id for write in writes}
