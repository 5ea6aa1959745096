"""The parts of a crawl that holds a lease: each write asks first whether it still does."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Protocol, runtime_checkable

import numpy as np

from connectors.changes import Change
from connectors.errors import SourceError
from connectors.ports import Connector, Rereadable
from indexer.pipeline import Workshop
from indexer.ports import Cursors, Encoder, IndexWriter, Settling
from indexer.values import Kept, Vectors, Write, WriteReport
from quisait.work.source_lock import Held

ENCODED_AT_ONCE = 6_000
"""So many characters, padding counted, are encoded before a look at whether to stop: about four
passages, which take a few seconds on a slow machine. Short texts stay together: one by one
they cost more."""


class Stopped(SourceError):
    """The worker is told to stop: what is encoded is written, the rest is read again."""


def leased(workshop: Workshop, held: Held, stop: Event) -> Workshop:
    """The same workshop, that writes only while the lease is held, and encodes until told."""
    return replace(
        workshop,
        encoder=StoppableEncoder(workshop.encoder, stop),
        index=LeasedIndex(workshop.index, held),
        cursors=LeasedCursors(workshop.cursors, held),
    )


@dataclass(frozen=True, slots=True)
class LeasedIndex:
    """An index that a crawl writes to. `write` raises `LeaseLost` before it writes anything.

    A lease that was renewed lasts `lease_s` more: only a process that is paused for longer
    than that between asking and writing writes once without a lease.
    """

    index: IndexWriter
    held: Held

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """As the index does."""
        self.held.check()
        return self.index.write(batch)

    def settle(self) -> None:
        """As the index does, where it has anything to settle."""
        if isinstance(self.index, Settling):
            self.index.settle()

    def kept(self, document_ids: Collection[str]) -> Mapping[str, Kept]:
        """As the index does."""
        return self.index.kept(document_ids)

    def count(self, source: str) -> int:
        """As the index does."""
        return self.index.count(source)

    def scan(self, source: str) -> Iterator[Kept]:
        """As the index does."""
        return self.index.scan(source)


@dataclass(frozen=True, slots=True)
class LeasedCursors:
    """Cursors that a crawl keeps. `save` raises `LeaseLost` before it saves."""

    cursors: Cursors
    held: Held

    def load(self, source: str) -> str | None:
        """As the cursors do."""
        return self.cursors.load(source)

    def save(self, source: str, cursor: str) -> None:
        """As the cursors do."""
        self.held.check()
        self.cursors.save(source, cursor)

    def note_ahead(self, source: str, document_ids: Collection[str]) -> None:
        """As the cursors do."""
        self.cursors.note_ahead(source, document_ids)

    def ahead(self, source: str) -> frozenset[str]:
        """As the cursors do."""
        return self.cursors.ahead(source)


@dataclass(frozen=True, slots=True)
class StoppableEncoder:
    """An encoder that a worker can stop between two slices of a batch, and not after it."""

    encoder: Encoder
    stop: Event

    @property
    def name(self) -> str:
        """The encoder's."""
        return self.encoder.name

    @property
    def dimension(self) -> int:
        """The encoder's."""
        return self.encoder.dimension

    def passages(self, texts: Sequence[str]) -> Vectors:
        """The encoder's. Raises `Stopped` once told to stop; a document may be a thousand."""
        # Like lengths together: an encoder pads what it encodes at once to the longest text.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for some in _slices(order, [len(text) for text in texts]):
            if self.stop.is_set():
                raise Stopped("Arrêt demandé. La lecture reprendra.")
            vectors[some] = self.encoder.passages([texts[place] for place in some])
        return vectors

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The encoder's."""
        return self.encoder.queries(texts)

    def beginning(self, text: str) -> str:
        """The encoder's."""
        return self.encoder.beginning(text)


def _slices(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places in their order, shortest text first, cut by `ENCODED_AT_ONCE`; one at least."""
    some: list[int] = []
    for place in order:
        if some and (len(some) + 1) * lengths[place] > ENCODED_AT_ONCE:
            yield some
            some = []
        some.append(place)
    if some:
        yield some


@runtime_checkable
class RereadableConnector(Connector, Rereadable, Protocol):
    """A source of documents that can be asked again for single ones."""


@dataclass(frozen=True, slots=True)
class Stoppable:
    """A connector that a worker can stop between two changes."""

    connector: Connector
    stop: Event

    @property
    def source(self) -> str:
        """The connector's."""
        return self.connector.source

    def changes(self, since: str | None) -> Iterator[Change]:
        """The connector's, until told to stop. Raises `Stopped` then."""
        return self._until_told(self.connector.changes(since))

    def _until_told(self, changes: Iterator[Change]) -> Iterator[Change]:
        for change in changes:
            if self.stop.is_set():
                raise Stopped(f"{self.source} : arrêt demandé. La lecture reprendra.")
            yield change


@dataclass(frozen=True, slots=True)
class StoppableAgain(Stoppable):
    """The same of one that can be asked again for single documents."""

    connector: RereadableConnector

    def again(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """The connector's, until told to stop. Raises `Stopped` then."""
        return self._until_told(self.connector.again(document_ids))


def stoppable(connector: Connector, stop: Event) -> Stoppable:
    """A connector that a worker can stop, and that can do what it could."""
    if isinstance(connector, RereadableConnector):
        return StoppableAgain(connector, stop)
    return Stoppable(connector, stop)
