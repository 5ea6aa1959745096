"""An index whose deletions and narrowed rights are told elsewhere before they are made.

A backup that is restored brings back what was deleted since: what is told here is done again.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from indexer.passages import passage_text
from indexer.ports import Index, Settling
from indexer.values import Kept, Put, PutAccess, Remove, Write, WriteReport


class Witness(Protocol):
    """What is told of documents that an older copy must not show as it has them."""

    def gone(self, document_ids: Sequence[str]) -> None:
        """They are about to be deleted. Kept once this returns."""
        ...

    def closed(self, document_ids: Sequence[str]) -> None:
        """Their readers are about to change. Kept once this returns."""
        ...


@dataclass(frozen=True, slots=True)
class WitnessedIndex:
    """The `IndexWriter` of a crawl. `forget` is told the texts whose cached vectors must go."""

    index: Index
    witness: Witness
    forget: Callable[[Sequence[str]], object]

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Tell, forget, then write. Raises what the index and the witness raise."""
        ids = sorted({_id(write) for write in batch})
        kept = self.index.kept(ids) if ids else {}
        gone = [one.document_id for one in batch if isinstance(one, Remove)]
        self._tell(batch, kept, gone)
        replaced = [
            one.indexed.document.id
            for one in batch
            if isinstance(one, Put) and _rewritten(one, kept)
        ]
        stale = sorted({*gone, *replaced} & kept.keys())
        if stale:
            self.forget(
                [
                    passage_text(one.document.title, passage)
                    for one in self.index.documents(stale)
                    for passage in one.passages
                ]
            )
        return self.index.write(batch)

    def _tell(self, batch: Sequence[Write], kept: Mapping[str, Kept], gone: Sequence[str]) -> None:
        closed = [
            _id(write)
            for write in batch
            if (now := _access(write)) and _id(write) in kept and kept[_id(write)].access != now
        ]
        if gone:
            self.witness.gone(gone)
        if closed:
            self.witness.closed(closed)

    def settle(self) -> None:
        """As the index does, where it has anything to settle."""
        if isinstance(self.index, Settling):
            self.index.settle()

    def kept(self, document_ids: Collection[str]) -> Mapping[str, Kept]:
        """The index's."""
        return self.index.kept(document_ids)

    def count(self, source: str) -> int:
        """The index's."""
        return self.index.count(source)

    def scan(self, source: str) -> Iterator[Kept]:
        """The index's."""
        return self.index.scan(source)


def _id(write: Write) -> str:
    return write.indexed.document.id if isinstance(write, Put) else write.document_id


def _access(write: Write) -> object:
    if isinstance(write, Put):
        return write.indexed.document.access
    return write.access if isinstance(write, PutAccess) else None


def _rewritten(write: Put, kept: Mapping[str, Kept]) -> bool:
    before = kept.get(write.indexed.document.id)
    return before is not None and before.content_hash != write.indexed.content_hash
