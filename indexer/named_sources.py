"""The index as far as the settings name its sources.

What a source gave stays in the index when the settings no longer name it, with rights that
nobody reads again: it is then no document for anybody, until it is named again or forgotten.
Nor is one whose denials name nobody known, where `known` tells.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.access import AccessFilter, Known
from indexer.ports import Index
from indexer.spelling import NearWord
from indexer.values import (
    IndexedDocument,
    Kept,
    SearchAnswer,
    SearchRequest,
    Shown,
    ShowRequest,
    Suggestion,
    Write,
    WriteReport,
)


@dataclass(frozen=True, slots=True)
class NamedSourcesIndex:
    """Adapter of `Index` over another: as if the sources that `names` leaves out held nothing.

    What is written goes through: a crawl is of a source that is named. `known` is asked anew
    at each request; without it, every denial is taken to name somebody.
    """

    index: Index
    names: frozenset[str]
    known: Callable[[], Known] | None = None

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """The index's."""
        return self.index.write(batch)

    def kept(self, document_ids: Collection[str]) -> Mapping[str, Kept]:
        """Of named sources."""
        return self.index.kept(self._named(document_ids))

    def count(self, source: str) -> int:
        """None of a source that is not named."""
        return self.index.count(source) if source in self.names else 0

    def scan(self, source: str) -> Iterator[Kept]:
        """Nothing of a source that is not named."""
        return self.index.scan(source) if source in self.names else iter(())

    def sources(self) -> frozenset[str]:
        """Those that are named, of which documents are kept."""
        return self.index.sources() & self.names

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """Of named sources."""
        return self.index.documents(self._named(document_ids))

    def denials(self, source: str) -> Mapping[str, int]:
        """None of a source that is not named."""
        return self.index.denials(source) if source in self.names else {}

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Of named sources."""
        return self.index.signing(self._named(accounts))

    def search(self, request: SearchRequest) -> SearchAnswer:
        """Under the reader's filter, within the named sources."""
        return self.index.search(replace(request, access=self._held(request.access)))

    def show(self, request: ShowRequest) -> tuple[Shown, ...]:
        """Under the same filter."""
        return self.index.show(replace(request, access=self._held(request.access)))

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Under the same filter."""
        return self.index.suggest(self._held(access), prefix, limit)

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """Under the same filter."""
        return self.index.near_words(self._held(access), words)

    def _held(self, access: AccessFilter) -> AccessFilter:
        """Within the named sources, and as far as denials name somebody known."""
        within = access.within(self.names)
        return within.knowing(self.known()) if self.known else within

    def _named(self, document_ids: Collection[str]) -> list[str]:
        """Ids begin with their source, which has no colon."""
        return [one for one in document_ids if one.partition(":")[0] in self.names]
