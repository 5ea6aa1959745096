"""Wrappers of an index: one limited to the sources in the settings, one with a deletion log.

Documents of a source stay in the index when the settings no longer name it, but their rights are no
longer updated. Nobody can read them until the source is named again or forgotten.

The deletion log records deletions and narrowed rights before they are applied: a restored backup
brings deleted documents back, and the log says which deletions to repeat.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.values import Access
from indexer.access import AccessFilter, PrincipalLookup
from indexer.passages import passage_text
from indexer.ports import Flushable, Index, Probed
from indexer.register import Register
from indexer.suggestions import NearWord
from indexer.values import (
    DocumentText,
    IndexedDocument,
    IndexEntry,
    Put,
    PutAccess,
    Remove,
    SearchAnswer,
    SearchRequest,
    ShownDocument,
    ShowRequest,
    Suggestion,
    Write,
    WriteReport,
)


@dataclass(frozen=True, slots=True)
class NamedSourcesIndex:
    """An `Index` that hides the sources of another index that `named` does not return.

    Writes are not filtered: only named sources are crawled. `known` is called for each request;
    without it, every denial counts as naming somebody. `require_read` is called before documents
    are read, and raises `IndexNotRead` if their rights may be out of date.
    """

    index: Index
    named: Callable[[], frozenset[str]]
    known: Callable[[], PrincipalLookup] | None = None
    require_read: Callable[[Collection[str]], None] = lambda names: None

    @property
    def names(self) -> frozenset[str]:
        """The sources that the settings name now."""
        return self.named()

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Write to the wrapped index."""
        return self.index.write(batch)

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """Return the entries of documents of named sources."""
        return self.index.kept(self._named(document_ids))

    def count(self, source: str) -> int:
        """Return the number of documents, 0 if the source is not named."""
        return self.index.count(source) if source in self.names else 0

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield the source's entries, none if it is not named."""
        self.require_read(self.names)
        return self.index.scan(source) if source in self.names else iter(())

    def sources(self) -> frozenset[str]:
        """Return the named sources that have indexed documents."""
        return self.index.sources() & self.names

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """Yield the documents of named sources."""
        self.require_read(self.names)
        return self.index.documents(self._named(document_ids))

    def denials(self, source: str) -> Mapping[str, int]:
        """Return the source's denied principals, none if it is not named."""
        return self.index.denials(source) if source in self.names else {}

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Return the contributing accounts of named sources."""
        return self.index.signing(self._named(accounts))

    def probe(self) -> None:
        """Probe the index if its engine can and readers may search it. Raises `IndexNotRead`."""
        self.require_read(self.names)
        if isinstance(self.index, Probed):
            self.index.probe()

    def search(self, request: SearchRequest) -> SearchAnswer:
        """Search with the reader's filter, in named sources."""
        return self.index.search(replace(request, access=self._held(request.access)))

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """Show documents of named sources."""
        return self.index.show(replace(request, access=self._held(request.access)))

    def read(self, access: AccessFilter, document_id: str) -> DocumentText | None:
        """Read a document of a named source."""
        return self.index.read(self._held(access), document_id)

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Suggest titles of named sources."""
        return self.index.suggest(self._held(access), prefix, limit)

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """Return similar words of named sources."""
        return self.index.near_words(self._held(access), words)

    def _held(self, access: AccessFilter) -> AccessFilter:
        """Return the filter limited to named sources, and to denials that name somebody known."""
        self.require_read(self.names)
        within = access.within(self.names)
        return within.knowing(self.known()) if self.known else within

    def _named(self, document_ids: Collection[str]) -> list[str]:
        """Return the ids of named sources: an id begins with its source, which has no colon."""
        names = self.names
        return [one for one in document_ids if one.partition(":")[0] in names]


@dataclass(frozen=True, slots=True)
class DeletionLoggingIndex:
    """The `IndexWriter` of a crawl.

    `forget` gets the texts whose cached vectors must be deleted.
    """

    index: Index
    register: Register
    forget: Callable[[Sequence[str]], object]

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Log deletions and narrowed rights, forget vectors, then write.

        Raises what the index and the deletion log raise.
        """
        ids = sorted({write.document_id for write in batch})
        kept = self.index.kept(ids) if ids else {}
        gone = [write.document_id for write in batch if isinstance(write, Remove)]
        self._log(batch, kept, gone)
        replaced = [
            write.document_id
            for write in batch
            if isinstance(write, Put) and _rewritten(write, kept)
        ]
        stale = sorted({*gone, *replaced} & kept.keys())
        if stale:
            self.forget(
                [
                    passage_text(document.document.title, passage)
                    for document in self.index.documents(stale)
                    for passage in document.passages
                ]
            )
        return self.index.write(batch)

    def _log(
        self, batch: Sequence[Write], kept: Mapping[str, IndexEntry], gone: Sequence[str]
    ) -> None:
        closed = [
            write.document_id
            for write in batch
            if (now := _access(write))
            and write.document_id in kept
            and _narrows(kept[write.document_id].access, now)
        ]
        if gone:
            self.register.note("gone", documents=gone)
        if closed:
            self.register.note("closed", documents=closed)

    def flush(self) -> None:
        """Flush the wrapped index if it can be flushed."""
        if isinstance(self.index, Flushable):
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


def _rewritten(write: Put, kept: Mapping[str, IndexEntry]) -> bool:
    before = kept.get(write.document_id)
    return before is not None and before.content_hash != write.indexed.content_hash
