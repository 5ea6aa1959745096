"""Indexes that lie about what they keep when a reindex reads it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from connectors.values import Access
from indexer.ports import Index
from indexer.values import IndexedDocument, Put, Write, WriteReport
from tests.contract.lying_indexes import HonestIndex


class RemembersSources(HonestIndex):
    """A source that is empty by now is still named."""

    def __init__(self, index: Index) -> None:
        super().__init__(index)
        self.seen: frozenset[str] = frozenset()

    def sources(self) -> frozenset[str]:
        self.seen |= self.index.sources()
        return self.seen


class NamesOneSource(HonestIndex):
    def sources(self) -> frozenset[str]:
        return frozenset(sorted(self.index.sources())[:1])


class GivesTheReadersOfThePut(HonestIndex):
    """The rights that a document came with, whatever changed since."""

    def __init__(self, index: Index) -> None:
        super().__init__(index)
        self.put: dict[str, Access] = {}

    def write(self, batch: Sequence[Write]) -> WriteReport:
        for write in batch:
            if isinstance(write, Put):
                self.put[write.indexed.document.id] = write.indexed.document.access
        return self.index.write(batch)

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        for one in self.index.documents(document_ids):
            access = self.put[one.document.id]
            yield replace(one, document=replace(one.document, access=access))


class GivesOthersVectors(HonestIndex):
    """As derived sources did: a long document has the vectors of some other passages."""

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        for one in self.index.documents(document_ids):
            wrong = one.vectors[::-1] if len(one.passages) >= 150 else one.vectors
            yield replace(one, vectors=wrong)


class LosesContributions(HonestIndex):
    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        for one in self.index.documents(document_ids):
            yield replace(one, document=replace(one.document, contributions=()))


class GivesOnePage(HonestIndex):
    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        return self.index.documents(list(document_ids)[:100])


class LosesPassages(HonestIndex):
    """Only the first: the rest would be gone from every copy."""

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        for one in self.index.documents(document_ids):
            yield replace(one, passages=one.passages[:1], vectors=one.vectors[:1])
