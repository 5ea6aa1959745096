"""The index to which crawls write: deletions and narrowed rights are noted before they apply.

A restored backup contains deleted documents again; the register says which deletions to repeat.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.values import Access
from indexer.cards import encoded_texts, expected_questions
from indexer.ports import Index
from indexer.register import Register
from indexer.values import IndexEntry, Put, PutAccess, Remove, Write, WriteReport


@dataclass(frozen=True, slots=True)
class DeletionLoggingIndex:
    """An index that notes deletions and removed readers in the register before each write.

    `forget` gets the texts whose cached vectors must be deleted.
    """

    index: Index
    register: Register
    forget: Callable[[Sequence[str]], object]

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Note deletions and narrowed rights, forget vectors, then write.

        Raises what the index and the register raise.
        """
        ids = sorted({write.document_id for write in batch})
        entries = self.index.kept(ids) if ids else {}
        gone = [write.document_id for write in batch if isinstance(write, Remove)]
        self._log(batch, entries, gone)
        replaced = [
            write.document_id
            for write in batch
            if isinstance(write, Put) and _rewritten(write, entries)
        ]
        stale = sorted({*gone, *replaced} & entries.keys())
        if stale:
            documents = list(self.index.documents(stale))
            self.forget([*encoded_texts(documents), *expected_questions(documents)])
        return self.index.write(batch)

    def _log(
        self, batch: Sequence[Write], entries: Mapping[str, IndexEntry], gone: Sequence[str]
    ) -> None:
        closed = [
            write.document_id
            for write in batch
            if (now := _access(write))
            and write.document_id in entries
            and _narrows(entries[write.document_id].access, now)
        ]
        if gone:
            self.register.note("gone", documents=gone)
        if closed:
            self.register.note("closed", documents=closed)

    def flush(self) -> None:
        """Flush the wrapped index."""
        self.index.flush()

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """Return the entries from the wrapped index."""
        return self.index.kept(document_ids)

    def count(self, source: str) -> int:
        """Return the count of the wrapped index."""
        return self.index.count(source)

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield the entries of the wrapped index."""
        return self.index.scan(source)


def _narrows(former: Access, now: Access) -> bool:
    """Return whether a reader admitted by `former` may no longer be admitted by `now`."""
    return not (former.allowed <= now.allowed and now.denied <= former.denied)


def _access(write: Write) -> Access | None:
    if isinstance(write, Put):
        return write.indexed.document.access
    return write.access if isinstance(write, PutAccess) else None


def _rewritten(write: Put, entries: Mapping[str, IndexEntry]) -> bool:
    before = entries.get(write.document_id)
    return before is not None and before.content_hash != write.indexed.content_hash
