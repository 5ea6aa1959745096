"""From a source's changes to what is kept. Read `crawl` first."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.changes import (
    AccessChanged,
    Checkpoint,
    Delete,
    Listing,
    Malformed,
    Upsert,
)
from connectors.errors import RecordVanished
from connectors.ports import Connector
from connectors.values import Document
from indexer.errors import DeletionsHeld, ExtractionFailed, IndexRefused
from indexer.passages import passage_text
from indexer.ports import Cursors, Encoder, Extractor, Failures, IndexWriter
from indexer.preparation import Prepared, prepare
from indexer.values import Failure, IndexedDocument, Kept, Put, PutAccess, Remove, Write

log = logging.getLogger(__name__)

BATCH_PASSAGES = 64
"""How many passages are encoded and written at once: what an interruption costs at most."""
BATCH_WRITES = 500
BATCH_ACCESS_CHANGES = 20_000
"""An index may write the change of a whole folder at once, if it is told of it at once."""

GUARD_SHARE = 0.2
"""The share of a source that may vanish in one run without a person's word."""
GUARD_FLOOR = 10
"""So many may vanish from a small source, where a share says little; but never all of several."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """The parts that a crawl works with."""

    extractor: Extractor
    encoder: Encoder
    index: IndexWriter
    cursors: Cursors
    failures: Failures


@dataclass(slots=True)
class CrawlReport:
    """What a crawl did. `changed` counts documents written, of whatever kind."""

    source: str
    seen: int = 0
    put: int = 0
    access_changed: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: int = 0
    malformed: int = 0
    passages: int = 0
    resumed: bool = False

    @property
    def changed(self) -> int:
        """Documents put, removed or given other readers."""
        return self.put + self.access_changed + self.removed


def crawl(
    connector: Connector,
    workshop: Workshop,
    *,
    full: bool = False,
    accept_deletions: bool = False,
    guard_share: float = GUARD_SHARE,
    progress: Callable[[CrawlReport], None] = lambda report: None,
) -> CrawlReport:
    """Bring the index up to what the source says, and keep the cursor after each write.

    Raises `SourceUnreachable`, `SourceRefused`, `IndexUnreachable`, `IndexRefused`,
    `ExtractorUnreachable` or `DeletionsHeld`; what was acknowledged before stays, and
    the next crawl goes on from the last checkpoint.
    """
    source = connector.source
    since = None if full else workshop.cursors.load(source)
    if since is None:
        workshop.failures.clear(source)
    crawling = _Crawl(
        workshop, CrawlReport(source), 1.0 if accept_deletions else guard_share, progress
    )
    for change in connector.changes(since):
        match change:
            case Upsert(document):
                crawling.upsert(document)
            case AccessChanged(document_id, access):
                crawling.add(PutAccess(document_id, access))
            case Delete(document_id):
                crawling.delete(document_id)
            case Listing(document_ids):
                crawling.keep_only(document_ids)
            case Malformed(where, reason, document_id):
                crawling.malformed(document_id or where, reason)
            case Checkpoint(cursor):
                crawling.flush()
                workshop.cursors.save(source, cursor)
    crawling.flush()
    return crawling.report


@dataclass(slots=True)
class _Crawl:
    """One run: the batch that is being gathered, and what is already kept."""

    workshop: Workshop
    report: CrawlReport
    guard_share: float
    progress: Callable[[CrawlReport], None]
    batch: list[Prepared | PutAccess | Remove] = field(default_factory=list)
    pending: set[str] = field(default_factory=set)
    batch_passages: int = 0
    batch_access_changes: int = 0
    kept: dict[str, Kept] = field(init=False)
    kept_at_start: int = field(init=False)

    def __post_init__(self) -> None:
        self.kept = {k.document_id: k for k in self.workshop.index.scan(self.report.source)}
        self.kept_at_start = len(self.kept)

    def upsert(self, document: Document) -> None:
        self.report.seen += 1
        try:
            prepared = prepare(document, self.workshop.extractor, self.workshop.encoder.name)
        except RecordVanished as vanished:
            self._vanished(document, vanished)
            return
        except ExtractionFailed as failure:
            self._extraction_failed(document, failure)
            return
        self.workshop.failures.resolve(self.report.source, document.id)
        self._add_if_changed(prepared)

    def _vanished(self, document: Document, vanished: RecordVanished) -> None:
        """It is gone, or cannot be read now: what is kept of it has the readers it has now."""
        self.report.failed += 1
        self._record(document.id, "vanished", str(vanished))
        if self._may_be_kept(document.id):
            self.add(PutAccess(document.id, document.access))

    def _extraction_failed(self, document: Document, failure: ExtractionFailed) -> None:
        """Without its text a document goes; one that only took too long keeps the old one."""
        self.report.failed += 1
        self._record(document.id, failure.failure, str(failure))
        if self._may_be_kept(document.id):
            late = failure.failure is Failure.TIMED_OUT
            self.add(PutAccess(document.id, document.access) if late else Remove(document.id))

    def _may_be_kept(self, document_id: str) -> bool:
        return document_id in self.kept or document_id in self.pending

    def _add_if_changed(self, prepared: Prepared) -> None:
        if prepared.document.id in self.pending:
            self.flush()  # what it is compared with must be what is kept by then
        document, kept = prepared.document, self.kept.get(prepared.document.id)
        if kept is None or not prepared.same_as(kept):
            self.add(prepared)
        elif kept.access != document.access:
            self.add(PutAccess(document.id, document.access))
        else:
            self.report.unchanged += 1
            self.progress(self.report)

    def add(self, write: Prepared | PutAccess | Remove) -> None:
        self.batch.append(write)
        self.pending.add(write.document.id if isinstance(write, Prepared) else write.document_id)
        if isinstance(write, Prepared):
            self.batch_passages += len(write.passages)
        self.batch_access_changes += isinstance(write, PutAccess)
        if (
            self.batch_passages >= BATCH_PASSAGES
            or len(self.batch) - self.batch_access_changes >= BATCH_WRITES
            or self.batch_access_changes >= BATCH_ACCESS_CHANGES
        ):
            self.flush()

    def delete(self, document_id: str) -> None:
        if document_id in self.kept:
            self._guard(1)
        self.workshop.failures.resolve(self.report.source, document_id)
        self.add(Remove(document_id))

    def keep_only(self, document_ids: frozenset[str]) -> None:
        self.flush()
        missing = sorted(self.kept.keys() - document_ids)
        self._guard(len(missing))
        for document_id in missing:
            self.add(Remove(document_id))
        self._forget_failures_beyond(document_ids)

    def _forget_failures_beyond(self, document_ids: frozenset[str]) -> None:
        source = self.report.source
        for key in self.workshop.failures.keys(source):
            if key.startswith(f"{source}:") and key not in document_ids:
                self.workshop.failures.resolve(source, key)

    def _guard(self, vanishing: int) -> None:
        pending = sum(isinstance(write, Remove) for write in self.batch)
        gone = self.report.removed + pending + vanishing
        emptied = gone >= self.kept_at_start > 1
        many = gone > max(GUARD_FLOOR, self.guard_share * self.kept_at_start)
        if (emptied or many) and self.guard_share < 1:
            # New readers do not wait for a person's word about deletions.
            self.batch = [write for write in self.batch if not isinstance(write, Remove)]
            self.flush()
            raise DeletionsHeld(self.report.source, gone, self.kept_at_start)

    def malformed(self, key: str, reason: str) -> None:
        self.report.malformed += 1
        self._record(key, "malformed", reason)

    def _record(self, key: str, kind: str, reason: str) -> None:
        log.warning("record failed", extra={"document_id": key, "failure": kind})
        self.workshop.failures.record(self.report.source, key, kind, reason)

    def flush(self) -> None:
        """Encode what is gathered in one go, write it, and count what was acknowledged."""
        if not self.batch:
            return
        failed = self._written(self._encoded())
        for document_id, reason in failed.items():
            self._record(document_id, "refused", reason)
        self.report.failed += len(failed)
        self._withdraw(failed)
        self.batch, self.batch_passages, self.batch_access_changes = [], 0, 0
        self.pending = set()
        self.progress(self.report)

    def _written(self, writes: list[Write]) -> dict[str, str]:
        """Write and remember; gives (document id → reason refused)."""
        failed = dict(self.workshop.index.write(writes).failed)
        for write in writes:
            self._remember(write, failed)
        return failed

    def _withdraw(self, refused: dict[str, str]) -> None:
        """What was refused may have narrowed its readers: the old version does not stay.

        Raises `IndexRefused` where it cannot be withdrawn: the cursor stays before it.
        """
        if not refused:
            return
        stuck = self._written([Remove(document_id) for document_id in refused]).keys() & self.kept
        if stuck:
            raise IndexRefused(
                f"L'index a refusé de changer puis de retirer {', '.join(sorted(stuck)[:5])} : "
                "leurs anciens lecteurs les lisent peut-être encore. Voyez « quisait sources »."
            )

    def _encoded(self) -> list[Write]:
        prepared = [write for write in self.batch if isinstance(write, Prepared)]
        texts = [passage_text(p.document.title, s) for p in prepared for s in p.passages]
        vectors = self.workshop.encoder.passages(texts)
        self.report.passages += len(texts)
        writes: list[Write] = []
        start = 0
        for write in self.batch:
            if isinstance(write, Prepared):
                end = start + len(write.passages)
                writes.append(Put(write.indexed(vectors[start:end])))
                start = end
            else:
                writes.append(write)
        return writes

    def _remember(self, write: Write, failed: dict[str, str]) -> None:
        match write:
            case Put(indexed) if indexed.document.id not in failed:
                self.report.put += 1
                self.kept[indexed.document.id] = _kept(indexed)
            case PutAccess(document_id, access) if document_id not in failed:
                if document_id in self.kept:
                    self.report.access_changed += 1
                    old = self.kept[document_id]
                    self.kept[document_id] = Kept(
                        document_id, old.content_hash, old.record_hash, access
                    )
            case Remove(document_id) if document_id not in failed:
                if self.kept.pop(document_id, None) is not None:
                    self.report.removed += 1


def _kept(indexed: IndexedDocument) -> Kept:
    return Kept(
        indexed.document.id, indexed.content_hash, indexed.record_hash, indexed.document.access
    )
