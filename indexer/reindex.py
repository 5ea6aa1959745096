"""A reindex: fills the next index from the live index, compares both, then makes the next one live.

Read `reindex` first. Meanwhile only the live index receives writes and answers queries. Changes of
the live index (texts, access lists, deletions, `WITHHELD`, by any process) are found by repeated
comparison. During the last comparison, writers wait: when the pointer moves, both indexes are
equal, and the cursors of the sources describe both.
"""

import logging
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from connectors.batches import batches
from connectors.values import Access, authority_of
from indexer.access import NOBODY, AccessFilter, Reader, access_filter
from indexer.cards import encoded_texts, re_encoded
from indexer.described_indexes import ANOTHER, DescribedIndexes
from indexer.errors import IndexDamaged, IndexRefused
from indexer.live_index import (
    Encoders,
    Gate,
    IndexSpec,
    IndexStorage,
    NamedIndex,
    differing,
)
from indexer.ports import Encoder, Index, StoredIndex
from indexer.values import (
    IndexedDocument,
    IndexEntry,
    Put,
    PutAccess,
    Question,
    Remove,
    SearchRequest,
    ShowRequest,
    Vectors,
    Write,
)

log = logging.getLogger(__name__)

COPIED = 100
"""Number of documents that are read, encoded and written at once."""
FEW = 200
"""Once a pass finds at most this number of differences, the rest is copied while writers wait."""
PASSES = 20
"""Maximum number of passes; then the rest is copied while writers wait, however much it is."""

SAMPLE_SEED = 11
SAMPLE_DOCUMENTS = 60
"""Number of documents drawn from all sources, and also from the documents with a denial."""
SAMPLE_READERS = 40


@dataclass(slots=True)
class CopyCounts:
    """Counts of a copy. `seen`: documents compared in this pass. `encoded`: encoded passages."""

    seen: int = 0
    written: int = 0
    removed: int = 0
    encoded: int = 0


Progress = Callable[[CopyCounts, int], None]
"""Called with the counts and the total number of documents."""


KeepVectors = Callable[[Sequence[str], Vectors], None]
"""Called with texts of passages and the vectors that the index's encoder made of them."""


@dataclass(frozen=True, slots=True)
class ReindexDependencies:
    """Services of a reindex. `described` records which index the stored cursors describe."""

    storage: IndexStorage
    encoders: Encoders
    gate: Gate
    described: DescribedIndexes | None = None


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """Result of a reindex.

    `documents` is their total; `tried` counts checked (reader, document) pairs.
    """

    documents: int
    copied: CopyCounts
    tried: int
    resumed: bool = False


def reindex(
    parts: ReindexDependencies,
    wanted: IndexSpec,
    progress: Progress = lambda done, total: None,
    origin: IndexStorage | None = None,
    behind: Collection[str] = (),
) -> ReindexReport:
    """Fill an index with the spec `wanted` from the live one, check it, and make it live.

    With `origin`, the live index of that engine is copied, and stays unchanged. The sources
    `behind` then have to be read in full before readers may search the new index. Resumes an
    interrupted reindex. Raises `IndexUnreachable`, or `IndexRefused` if the live index is of
    another format or a check fails: the live index then still answers.
    """
    storage = origin or parts.storage
    live = live_of(storage)
    if live.spec.format != storage.spec(live.spec.encoder).format:
        raise IndexRefused("L'index est d'un autre format : ses documents ne peuvent être copiés.")
    if origin and parts.storage.pointers() is None:
        with parts.gate.alone():
            parts.storage.create(wanted)
    beside, resumed = begin(parts, wanted)
    alike = live.spec.encoder.name == wanted.encoder.name
    source, target = storage.index(live), parts.storage.index(beside)
    copy = IndexCopy(
        source, target, None if alike else lambda: parts.encoders(wanted.encoder), parts.gate
    )
    with kept_alike(copy, progress) as documents:
        tried = check_rights(source, target)
        if parts.described:
            former = storage.identity(live)
            parts.described.name_unnamed(former if documents else ANOTHER)
            parts.described.carry(former, parts.storage.identity(beside), behind)
        parts.storage.promote()
    log.info("index promoted", extra={"live": beside.name, "documents": documents})
    return ReindexReport(documents, copy.counts, tried, resumed)


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """Number of salvaged documents; `complete` if the damaged index can hold no others."""

    documents: int
    complete: bool


def rebuild(
    parts: ReindexDependencies,
    wanted: IndexSpec,
    progress: Progress = lambda done, total: None,
    keep: KeepVectors | None = None,
) -> RebuildReport:
    """Replace a damaged live index with an index of its readable documents. Writers wait.

    `keep` gets the copied vectors, for an encoder that lost its cached ones. If documents may be
    missing, every source has to be read in full before readers may search the new index. Raises
    `IndexUnreachable` or `IndexRefused`.
    """
    with parts.gate.alone():
        try:
            parts.storage.clear()
            live = live_of(parts.storage)
        except IndexDamaged:  # the spec of the live index cannot be read any more
            parts.storage.delete_all()
            parts.storage.create(wanted)
            if parts.described:
                parts.described.name_unnamed(ANOTHER)
            return RebuildReport(0, complete=False)
        pointers = parts.storage.pointers()
        if pointers is not None and pointers.next is not None:
            parts.storage.drop_next()
        made = parts.storage.create(wanted)
        report = _refill(parts, live, made, progress, keep)
        if parts.described:
            former = parts.storage.identity(live)
            parts.described.name_unnamed(former if report.documents else ANOTHER)
            if report.complete:
                parts.described.carry(former, parts.storage.identity(made))
        parts.storage.promote()
    log.warning("index rebuilt", extra={"documents": report.documents, "complete": report.complete})
    return report


def _refill(
    parts: ReindexDependencies,
    live: NamedIndex,
    made: NamedIndex,
    progress: Progress,
    keep: KeepVectors | None,
) -> RebuildReport:
    target, alike = parts.storage.index(made), live.spec.encoder.name == made.spec.encoder.name
    counts, complete = CopyCounts(), True
    for batch in batches(parts.storage.salvage(live), COPIED):
        documents = [document for document in batch if document is not None]
        complete = complete and len(documents) == len(batch)
        if not alike and documents:
            documents = re_encoded(parts.encoders(made.spec.encoder), documents)
        elif keep and documents:
            vectors = np.concatenate([document.vectors for document in documents])
            keep(encoded_texts(documents), vectors)
        if documents:
            failed = target.write([Put(document) for document in documents]).failed
            complete = complete and not failed
            counts.written += len(documents) - len(failed)
        progress(counts, counts.written)
    return RebuildReport(counts.written, complete)


@contextmanager
def kept_alike(copy: "IndexCopy", progress: Progress) -> Iterator[int]:
    """Copy until both indexes are equal; yield the number of documents, while writers wait.

    Raises `IndexUnreachable`, or `IndexRefused` if they still differ.
    """
    for _ in range(PASSES):
        if _pass(copy, progress) <= FEW:
            break
    with copy.gate.alone():
        copy.source.flush()
        copy.target.flush()
        for _, ids in differing(copy.source, copy.target):
            copy.write(ids, copy.read(ids))
        if any(ids for _, ids in differing(copy.source, copy.target)):
            raise IndexRefused(
                "Les deux index diffèrent encore après la copie : rien n'a été échangé. "
                "Relancez la commande."
            )
        yield check_counts(copy.source, copy.target)


def begin(parts: ReindexDependencies, wanted: IndexSpec) -> tuple[NamedIndex, bool]:
    """Return the next index, and whether it existed.

    An index with another spec is deleted first.
    """
    with parts.gate.alone():
        parts.storage.clear()
        pointers = parts.storage.pointers()
        if pointers is None:
            raise IndexRefused("Il n'y a pas encore d'index : lancez « quisait crawl ».")
        if pointers.next is not None and pointers.next.spec.serves(wanted):
            return pointers.next, True
        if pointers.next is not None:
            parts.storage.drop_next()
        return parts.storage.create(wanted), False


def abandon(parts: ReindexDependencies) -> None:
    """Delete the index that is being filled."""
    with parts.gate.alone():
        pointers = parts.storage.pointers()
        if pointers is None or pointers.next is None:
            raise IndexRefused("Aucune réindexation n'est commencée : rien n'a été changé.")
        parts.storage.drop_next()


def live_of(storage: IndexStorage) -> NamedIndex:
    """Return the live index. Raises `IndexRefused` if there is none yet."""
    pointers = storage.pointers()
    if pointers is None:
        raise IndexRefused("Il n'y a pas encore d'index : lancez « quisait crawl ».")
    return pointers.live


@dataclass(slots=True)
class IndexCopy:
    """Copies documents from one index to another.

    `encoder` opens the target's encoder when it is first needed. It is None if both indexes have
    the same encoder; vectors are then copied.
    """

    source: StoredIndex
    target: StoredIndex
    encoder: Callable[[], Encoder] | None
    gate: Gate
    counts: CopyCounts = field(default_factory=CopyCounts)

    def copy(self, document_ids: Sequence[str]) -> None:
        """Copy documents while others write.

        The next pass copies changes that they make meanwhile.
        """
        read = self.read(document_ids)
        with self.gate.writing():
            self.write(document_ids, read)

    def read(self, document_ids: Sequence[str]) -> dict[str, IndexedDocument]:
        """Return documents whose text or record differs, with vectors of the target's encoder."""
        here, there = self.source.kept(document_ids), self.target.kept(document_ids)
        wanted = [
            document_id
            for document_id, entry in here.items()
            if document_id not in there or not entry.same_text(there[document_id])
        ]
        documents = list(self.source.documents(wanted))
        if self.encoder is not None and documents:
            documents = re_encoded(self.encoder(), documents)
            self.counts.encoded += sum(len(document.passages) for document in documents)
        return {document.document.id: document for document in documents}

    def write(self, document_ids: Sequence[str], read: dict[str, IndexedDocument]) -> None:
        """Bring these documents of the target up to date, if `read` still matches the source.

        A text that was removed from the source index since it was read is not written.
        """
        now, there = self.source.kept(document_ids), self.target.kept(document_ids)
        needed = (
            _needed(now.get(document_id), there.get(document_id), read.get(document_id))
            for document_id in document_ids
        )
        writes = [write for write in needed if write is not None]
        failed = self.target.write(writes).failed
        if failed:
            document_id, reason = failed[0]
            raise IndexRefused(
                f"Le nouvel index refuse {len(failed)} documents, dont {document_id} : {reason}. "
                "L'ancien répond toujours ; corrigez, puis relancez."
            )
        removed = sum(isinstance(write, Remove) for write in writes)
        self.counts.removed += removed
        self.counts.written += len(writes) - removed


def _pass(copy: IndexCopy, progress: Progress) -> int:
    """Compare the indexes and copy the documents that differ; return their number."""
    total = sum(copy.source.count(name) for name in copy.source.sources())
    copy.counts.seen = differences = 0
    for seen, ids in differing(copy.source, copy.target):
        copy.counts.seen += seen
        differences += len(ids)
        for batch in batches(ids, COPIED):
            copy.copy(batch)
            progress(copy.counts, total)
    progress(copy.counts, total)
    return differences


def _needed(
    now: IndexEntry | None, there: IndexEntry | None, read: IndexedDocument | None
) -> Write | None:
    """Return the write that makes a document of the target equal to the source.

    Returns None if they are equal, or if the document must be read again.
    """
    if now == there:
        return None
    if now is None:
        return Remove(there.document_id) if there else None
    if read is not None and read.entry == now:
        return Put(read)
    if there is not None and now.same_text(there):
        return PutAccess(now.document_id, now.access)
    return None


def check_counts(current: StoredIndex, made: StoredIndex) -> int:
    """Return the number of documents. Raises `IndexRefused` if a source's counts differ."""
    total = 0
    for source in sorted(current.sources() | made.sources()):
        here, there = current.count(source), made.count(source)
        if here != there:
            raise IndexRefused(
                f"{source} : {here} documents ici, {there} là. Rien n'a été échangé : "
                "relancez « quisait reindex »."
            )
        total += here
    return total


def check_rights(current: Index, made: Index) -> int:
    """Return the number of (reader, document) pairs tried. Raises `IndexRefused` if one differs.

    The tried readers are made of the documents' own principals: each allowed principal, each denied
    principal together with an allowed one, a reader whose authority does not answer, and nobody.
    """
    sample = _sampled(current)
    ids = tuple(sorted(entry.document_id for entry in sample))
    tried = 0
    for reader in _readers(sample):
        wanted = frozenset(entry.document_id for entry in sample if reader.admits(entry.access))
        request = ShowRequest(reader, ids, Question())
        for index in (current, made):
            seen = frozenset(shown.card.document_id for shown in index.show(request))
            if seen != wanted:
                raise IndexRefused(_refusal(len(seen - wanted), len(wanted - seen)))
        totals = [
            index.search(SearchRequest(reader, Question())).total for index in (current, made)
        ]
        if totals[0] != totals[1]:
            raise IndexRefused(_refusal(max(totals[1] - totals[0], 0), 0))
        tried += len(ids)
    return tried


def _refusal(more: int, fewer: int) -> str:
    return (
        f"Un lecteur d'essai lit {more} documents de trop et {fewer} de moins : rien n'a été "
        "échangé. Relancez « quisait reindex » ; si cela se répète, --abandon, puis signalez-le."
    )


def _sampled(index: Index) -> Sequence[IndexEntry]:
    """Return a reservoir sample of all sources and one of the documents with a denial."""
    drawn = random.Random(SAMPLE_SEED)  # noqa: S311 - a sample, no secret
    every: list[IndexEntry] = []
    denying: list[IndexEntry] = []
    seen = denied = 0
    for source in sorted(index.sources()):
        for entry in index.scan(source):
            seen += 1
            _keep(every, entry, seen, drawn)
            if entry.access.denied:
                denied += 1
                _keep(denying, entry, denied, drawn)
    return list({entry.document_id: entry for entry in (*every, *denying)}.values())


def _keep(reservoir: list[IndexEntry], entry: IndexEntry, seen: int, drawn: random.Random) -> None:
    """Keep every entry seen with the same probability, by algorithm R (Vitter, 1985)."""
    if len(reservoir) < SAMPLE_DOCUMENTS:
        reservoir.append(entry)
    elif (place := drawn.randrange(seen)) < SAMPLE_DOCUMENTS:
        reservoir[place] = entry


def _readers(sample: Sequence[IndexEntry]) -> Sequence[AccessFilter]:
    readers = [access_filter(NOBODY)]
    accesses = dict.fromkeys(entry.access for entry in sample)
    # Accesses with a denial first: errors are most likely there.
    for access in sorted(accesses, key=lambda access: not access.denied):
        readers += map(access_filter, _readers_of(access))
    return list(dict.fromkeys(readers))[:SAMPLE_READERS]


def _readers_of(access: Access) -> Iterator[Reader]:
    allowed, denied = sorted(access.allowed)[:3], sorted(access.denied)[:3]
    for principal in allowed:
        yield Reader("reindex", frozenset({principal}))
        for refused in denied:
            yield Reader("reindex", frozenset({principal, refused}))
            yield Reader("reindex", frozenset({principal}), frozenset({authority_of(refused)}))
