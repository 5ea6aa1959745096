"""One generation brought to what another has, while both are written to."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from indexer.cards import re_encoded
from indexer.errors import IndexRefused
from indexer.generations import Encoders, Gate, Generation, Generations
from indexer.ports import Encoder, Flushable, Index
from indexer.values import IndexedDocument, IndexEntry, Put, PutAccess, Remove, Write

COMPARED = 1_000
"""How many documents are compared at once."""

Item = TypeVar("Item")


@dataclass(slots=True)
class Copied:
    """What a copy has done so far. `seen` counts documents compared, `encoded` passages."""

    seen: int = 0
    written: int = 0
    removed: int = 0
    encoded: int = 0


@dataclass(slots=True)
class Copying:
    """From one generation's index to another's.

    `encoder` opens that of the second, once there is something to encode; None: both
    have the same one, and vectors are copied.
    """

    source: Index
    target: Index
    encoder: Callable[[], Encoder] | None
    gate: Gate
    done: Copied = field(default_factory=Copied)

    def differing(self) -> Iterator[list[str]]:
        """Ids that differ in presence, record, content or access; a few at a time."""
        for name in sorted(self.source.sources() | self.target.sources()):
            for rows in pieces(self.source.scan(name), COMPARED):
                there = self.target.kept([row.document_id for row in rows])
                self.done.seen += len(rows)
                yield [row.document_id for row in rows if there.get(row.document_id) != row]
            for rows in pieces(self.target.scan(name), COMPARED):
                here = self.source.kept([row.document_id for row in rows])
                yield [row.document_id for row in rows if row.document_id not in here]

    def copy(self, document_ids: Sequence[str]) -> None:
        """Copy these, without writers being kept out for longer than a write.

        A document that was written to since it was read is read again: a copy never
        overwrites what is newer.
        """
        left: Sequence[str] = document_ids
        while left:
            read = self._read(left)
            with self.gate.alone():
                left = self._write(left, read)

    def copy_alone(self, document_ids: Sequence[str]) -> None:
        """The same, for who holds the gate alone."""
        self._write(document_ids, self._read(document_ids))

    def _read(self, document_ids: Sequence[str]) -> dict[str, IndexedDocument]:
        """Those whose record or text differs, with the target's vectors; the rest needs none."""
        here, there = self.source.kept(document_ids), self.target.kept(document_ids)
        wanted = [
            document_id
            for document_id, kept in here.items()
            if document_id not in there or not _same_text(kept, there[document_id])
        ]
        documents = list(self.source.documents(wanted))
        if self.encoder is not None and documents:
            documents = re_encoded(self.encoder(), documents)
            self.done.encoded += sum(len(one.passages) for one in documents)
        return {one.document.id: one for one in documents}

    def _write(self, document_ids: Sequence[str], read: dict[str, IndexedDocument]) -> list[str]:
        """Write those that are still as they were read; gives the others. Nobody else writes."""
        now, there = self.source.kept(document_ids), self.target.kept(document_ids)
        writes: list[Write] = []
        again = []
        for document_id in document_ids:
            write = _needed(now.get(document_id), there.get(document_id), read.get(document_id))
            if write is not None:
                writes.append(write)
            elif document_id in now and there.get(document_id) != now[document_id]:
                again.append(document_id)
        failed = self.target.write(writes).failed
        if failed:
            document_id, reason = failed[0]
            raise IndexRefused(
                f"La nouvelle génération refuse {len(failed)} documents, dont {document_id} : "
                f"{reason}. L'ancienne répond toujours ; corrigez, puis relancez."
            )
        self.done.written += sum(not isinstance(write, Remove) for write in writes)
        self.done.removed += sum(isinstance(write, Remove) for write in writes)
        return again


def _needed(
    now: IndexEntry | None, there: IndexEntry | None, read: IndexedDocument | None
) -> Write | None:
    """The write that makes the target as the source is now; None if none or it must be reread."""
    if now == there:
        return None
    if now is None:
        return Remove(there.document_id) if there else None
    if read is not None and kept_of(read) == now:
        return Put(read)
    if there is not None and _same_text(now, there):
        return PutAccess(now.document_id, now.access)
    return None


def kept_of(indexed: IndexedDocument) -> IndexEntry:
    """What a scan tells of it."""
    document = indexed.document
    return IndexEntry(document.id, indexed.content_hash, indexed.record_hash, document.access)


def settled(index: Index) -> None:
    """Nothing that was sent to it before comes after this."""
    if isinstance(index, Flushable):
        index.settle()


def pieces(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """So many at a time."""
    left = iter(items)
    while piece := list(islice(left, size)):
        yield piece


def _same_text(one: IndexEntry, other: IndexEntry) -> bool:
    return (one.content_hash, one.record_hash) == (other.content_hash, other.record_hash)


def copying(
    generations: Generations, source: Generation, target: Generation, encoders: Encoders, gate: Gate
) -> Copying:
    """What copies between two generations."""
    record = target.made.encoder
    alike = source.made.encoder.name == record.name != ""
    return Copying(
        generations.index(source),
        generations.index(target),
        None if alike else lambda: encoders(record),
        gate,
    )
