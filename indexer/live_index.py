"""The index that a process reads and writes: the one that its engine's pointer names as live.

An engine holds one live index and, while `quisait reindex` runs, the next one beside it. The
pointer is read at each request and each batch, so that processes follow a reindex without a
restart. Read `LiveIndex` first.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol, TypeVar

from indexer.access import AccessFilter
from indexer.cards import re_encoded
from indexer.described_indexes import ANOTHER, DescribedIndexes
from indexer.errors import IndexNotRead, IndexOfOtherVersion, IndexRefused, IndexUnreachable
from indexer.ports import (
    Encoder,
    Expungeable,
    Flushable,
    Index,
    Limited,
    Probed,
    StoredIndex,
    Verifiable,
)
from indexer.quantisation import WHOLE_VECTORS, Quantisation
from indexer.suggestions import NearWord
from indexer.values import (
    DocumentText,
    IndexedDocument,
    IndexEntry,
    IndexFill,
    Put,
    Remove,
    SearchAnswer,
    SearchRequest,
    ShownDocument,
    ShowRequest,
    Suggestion,
    Write,
    WriteReport,
)

COMPARED = 1_000
"""How many documents are compared at once."""
DESCRIBED_FOR_S = 1.0
"""How long `require_read` trusts its last look at the cursors, in seconds."""

Item = TypeVar("Item")


def differing(source: StoredIndex, target: StoredIndex) -> Iterator[tuple[int, list[str]]]:
    """(documents seen, ids of those that `target` lacks, has otherwise or alone); page by page."""
    for name in sorted(source.sources() | target.sources()):
        for entries in pages(source.scan(name), COMPARED):
            there = target.kept([entry.document_id for entry in entries])
            yield (
                len(entries),
                [entry.document_id for entry in entries if there.get(entry.document_id) != entry],
            )
        for entries in pages(target.scan(name), COMPARED):
            here = source.kept([entry.document_id for entry in entries])
            yield 0, [entry.document_id for entry in entries if entry.document_id not in here]


def withdraw_stale(live: Index, beside: Index) -> None:
    """Remove from `beside` each document of which `live` has another text, or none."""
    for name in sorted(beside.sources()):
        stale: list[str] = []
        for entries in pages(beside.scan(name), COMPARED):
            now = live.kept([entry.document_id for entry in entries])
            stale += [
                entry.document_id
                for entry in entries
                if entry.document_id not in now or not same_text(entry, now[entry.document_id])
            ]
        for some in pages(stale, COMPARED):
            beside.write([Remove(document_id) for document_id in some])


def same_text(one: IndexEntry, other: IndexEntry) -> bool:
    """Whether text and record are the same, whoever reads them."""
    return (one.content_hash, one.record_hash) == (other.content_hash, other.record_hash)


def pages(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """So many at a time."""
    left = iter(items)
    while page := list(islice(left, size)):
        yield page


log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """An encoder as an index remembers it: `kind` and `model` are the settings that open it."""

    name: str
    dimension: int
    kind: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What an index is made with; settings or code of another one ask for a reindex.

    `analysis` stands for the French analysis and the mapping. An index of another `format`
    cannot be read by this code. `shards` is how many parts its documents are divided into.
    """

    encoder: EncoderRecord
    analysis: str
    format: str
    shards: int = 1
    quantisation: Quantisation = WHOLE_VECTORS

    def serves(self, wanted: "IndexSpec") -> bool:
        """Whether an index so made is what `wanted` asks for, wherever the model lies."""
        return (
            self.encoder.name,
            self.encoder.dimension,
            self.analysis,
            self.format,
            self.shards,
            self.quantisation,
        ) == (
            wanted.encoder.name,
            wanted.encoder.dimension,
            wanted.analysis,
            wanted.format,
            wanted.shards,
            wanted.quantisation,
        )


@dataclass(frozen=True, slots=True)
class NamedIndex:
    """One whole index, by the name that its storage gave it. A name is never used twice."""

    name: str
    spec: IndexSpec


@dataclass(frozen=True, slots=True)
class Pointers:
    """Which index answers, and which one a reindex is filling, if any."""

    live: NamedIndex
    next: NamedIndex | None = None


class IndexStorage(Protocol):
    """The indexes that an engine holds, and the pointer to the live one.

    Each change is durable, and is done whole or not at all; who makes one holds the gate
    alone. All methods raise `IndexUnreachable` or `IndexRefused`.
    """

    def spec(self, encoder: EncoderRecord) -> IndexSpec:
        """What this code makes indexes with."""
        ...

    def pointers(self) -> Pointers | None:
        """As they are now, whichever process moved them; None where there is no index yet."""
        ...

    def index(self, named: NamedIndex) -> Index:
        """Open an index. Raises `IndexUnreachable` where it was deleted meanwhile."""
        ...

    def identity(self, named: NamedIndex) -> str:
        """Return an id that no other index of any engine has or had, a restored copy included."""
        ...

    def create(self, spec: IndexSpec) -> NamedIndex:
        """Make an empty index: the live one where there is none, else the next one."""
        ...

    def promote(self) -> None:
        """Move the pointer: the next index is the live one. The former one is deleted."""
        ...

    def drop_next(self) -> None:
        """Delete the next index."""
        ...

    def clear(self) -> None:
        """Delete every index that is neither live nor next: a killed process left it."""
        ...

    def delete_all(self) -> None:
        """Delete every index and pointer: there is no index afterwards."""
        ...

    def size_bytes(self, named: NamedIndex) -> int:
        """How much it takes on disk."""
        ...

    def salvage(self, named: NamedIndex) -> Iterator[IndexedDocument | None]:
        """Yield each document that can still be read of a damaged index; None for what cannot."""
        ...


class Encoders(Protocol):
    """Encoders as indexes remember them."""

    def __call__(self, record: EncoderRecord) -> Encoder:
        """Open it, once. Raises `IndexRefused` where that model is no longer to be had."""
        ...


class Gate(Protocol):
    """Writers go in together, each for one batch; who moves a pointer goes in alone."""

    def writing(self) -> AbstractContextManager[None]:
        """Hold it with other writers; waits for who is alone."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Hold it alone; waits for the writers' batches, and no further writer goes first."""
        ...


class LiveIndex:
    """Adapter of `Index` over whichever index is live, for a process that encodes with `own`.

    Where the live index has another encoder, what is written is encoded anew, and questions
    are answered by their words alone, until the process is started again.
    """

    def __init__(
        self,
        storage: IndexStorage,
        encoders: Encoders,
        gate: Gate,
        own: EncoderRecord,
        described: DescribedIndexes | None = None,
    ) -> None:
        """Without `described`, the cursors are taken to describe whichever index is live."""
        self._storage, self._encoders, self._gate = storage, encoders, gate
        self._spec, self._described = storage.spec(own), described
        self._warned: set[str] = set()
        self._all_named = False
        self._read_until = 0.0

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Apply to the live index. Raises `IndexUnreachable` or `IndexRefused`."""
        if not batch:
            return WriteReport(0)
        self._live()
        with self._gate.writing():
            live = self._live(create=False)
            written = {source_of(write) for write in batch if not isinstance(write, Remove)}
            for source in sorted(written):
                self._claim(live, source)
            for source in sorted({source_of(write) for write in batch} - written):
                self._note_removal(live, source)
            return self._storage.index(live).write(self._encoded_for(live, batch))

    def begin(self, source: str) -> bool:
        """Make the source's cursor describe the live index: before a crawl loads the cursor.

        Returns whether the source has to be read in full before readers may search the index.
        """
        self._live()
        with self._gate.writing():  # no other index takes its place meanwhile
            return self._claim(self._live(create=False), source)

    def finish(self, source: str) -> None:
        """Note that the source was read to its end since `begin`."""
        if self._described:
            self._described.finish(source, self._storage.identity(self._live()))

    def is_described(self, source: str) -> bool:
        """Return whether the source's cursor describes the live index."""
        if not self._described:
            return True
        return self._described.describes(source, self._identity(self._live()))

    def unread(self, sources: Collection[str]) -> frozenset[str]:
        """Return those of the sources to be read in full before readers may search the index."""
        if not self._described:
            return frozenset()
        live = self._live()
        index = self._storage.index(live)
        identity = self._identity(live)
        return self._described.unread(sources, identity, lambda one: not index.count(one))

    def require_read(self, sources: Collection[str]) -> None:
        """Raise `IndexNotRead` if one of these sources has to be read in full first (`unread`).

        Called before each answer to a reader; that nothing is unread is kept for `DESCRIBED_FOR_S`.
        """
        if time.monotonic() < self._read_until:
            return
        if unread := self.unread(sources):
            raise IndexNotRead(unread)
        self._read_until = time.monotonic() + DESCRIBED_FOR_S

    def _claim(self, live: NamedIndex, source: str) -> bool:
        if not self._described:
            return False
        index = self._storage.index(live)
        identity = self._identity(live, written=True)
        return self._described.claim(source, identity, lambda: not index.count(source))

    def _note_removal(self, live: NamedIndex, source: str) -> None:
        if self._described:
            index, identity = self._storage.index(live), self._identity(live)
            self._described.note_removal(source, identity, lambda: not index.count(source))

    def _identity(self, live: NamedIndex, *, written: bool = False) -> str:
        """Return the live index's identity, after giving an index id to rows that have none.

        These are of a backup or a former version, and describe the live index if it holds anything.
        If it is empty they describe another one; that is only decided once it is `written` to.
        """
        identity = self._storage.identity(live)
        if self._described and not self._all_named:
            if self._described.has_unnamed():
                if self._storage.index(live).sources():
                    self._described.name_unnamed(identity)
                elif written:
                    self._described.name_unnamed(ANOTHER)
            self._all_named = not self._described.has_unnamed()
        return identity

    def flush(self) -> None:
        """Flush the live index while nobody else writes."""
        self._live()
        with self._gate.alone():
            flush(self._storage.index(self._live(create=False)))

    def expunge(self) -> None:
        """Also what an unfinished reindex holds: of texts that are gone, or are others by now."""
        self._live()
        with self._gate.alone():
            self._storage.clear()
            pointers = self._pointers()
            indexes = [
                self._storage.index(pointer)
                for pointer in (pointers.live, pointers.next)
                if pointer
            ]
            for beside in indexes[1:]:
                withdraw_stale(indexes[0], beside)
        for index in indexes:
            if isinstance(index, Expungeable):
                index.expunge()

    def fill(self) -> IndexFill | None:
        """The live index's; None of an engine without a limit."""
        return self._ask(lambda index: index.fill() if isinstance(index, Limited) else None)

    def probe(self) -> None:
        """Probe the live index if its engine can. Raises `IndexDamaged`."""

        def ask(index: Index) -> None:
            if isinstance(index, Probed):
                index.probe()

        self._ask(ask)

    def verify(self) -> None:
        """Read the live index's files through if its engine can. Raises `IndexDamaged`."""

        def ask(index: Index) -> None:
            if isinstance(index, Verifiable):
                index.verify()

        self._ask(ask)

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """The live index's."""
        return self._ask(lambda index: index.kept(document_ids))

    def count(self, source: str) -> int:
        """The live index's."""
        return self._ask(lambda index: index.count(source))

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield the live index's entries, each id once though another index takes its place."""
        return self._each(lambda index: index.scan(source), lambda entry: entry.document_id)

    def sources(self) -> frozenset[str]:
        """The live index's."""
        return self._ask(lambda index: index.sources())

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """Yield these documents of the live index, each once though another takes its place."""
        return self._each(lambda index: index.documents(document_ids), lambda one: one.document.id)

    def denials(self, source: str) -> Mapping[str, int]:
        """The live index's."""
        return self._ask(lambda index: index.denials(source))

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """The live index's."""
        return self._ask(lambda index: index.signing(accounts))

    def search(self, request: SearchRequest) -> SearchAnswer:
        """The live index's; by words alone where it has another encoder."""
        by_words = replace(request, vector=None, lexical=True)
        return self._ask_with_vector(
            lambda index, same: index.search(request if same else by_words)
        )

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """The live index's; passages are chosen by words alone where it has another encoder."""
        by_words = replace(request, vector=None)
        return self._ask_with_vector(lambda index, same: index.show(request if same else by_words))

    def read(self, access: AccessFilter, document_id: str) -> DocumentText | None:
        """The live index's."""
        return self._ask(lambda index: index.read(access, document_id))

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """The live index's."""
        return self._ask(lambda index: index.suggest(access, prefix, limit))

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """The live index's."""
        return self._ask(lambda index: index.near_words(access, words))

    def _each(
        self, ask: Callable[[Index], Iterator[Item]], id_of: Callable[[Item], str]
    ) -> Iterator[Item]:
        """Yield each item once; go on in the index that takes the place of a deleted one."""
        given: set[str] = set()
        live = self._live()
        while True:
            try:
                for item in ask(self._storage.index(live)):
                    if id_of(item) not in given:
                        given.add(id_of(item))
                        yield item
            except (IndexUnreachable, IndexRefused):
                instead = self._live()
                if instead == live:
                    raise
                live = instead
            else:
                return

    def _ask(self, ask: Callable[[Index], Answer]) -> Answer:
        return self._ask_live(lambda live: ask(self._storage.index(live)))

    def _ask_with_vector(self, ask: Callable[[Index, bool], Answer]) -> Answer:
        return self._ask_live(
            lambda live: ask(self._storage.index(live), self._has_own_encoder(live))
        )

    def _ask_live(self, ask: Callable[[NamedIndex], Answer]) -> Answer:
        """Ask again where another index took the place of the one that was asked."""
        live = self._live()
        try:
            return ask(live)
        except (IndexUnreachable, IndexRefused):
            instead = self._live()
            if instead == live:
                raise
            return ask(instead)

    def _live(self, *, create: bool = True) -> NamedIndex:
        """Raises `IndexRefused` for an index of another format."""
        return self._pointers(create=create).live

    def _pointers(self, *, create: bool = False) -> Pointers:
        pointers = self._storage.pointers()
        if pointers is None and create:
            with self._gate.alone():
                if self._storage.pointers() is None:
                    self._storage.create(self._spec)
            pointers = self._storage.pointers()
        if pointers is None:
            raise IndexUnreachable("L'index vient de disparaître : relancez plus tard.")
        if pointers.live.spec.format != self._spec.format:
            raise IndexOfOtherVersion
        return pointers

    def _has_own_encoder(self, live: NamedIndex) -> bool:
        same = live.spec.encoder.name == self._spec.encoder.name
        if not same and live.name not in self._warned:
            self._warned.add(live.name)
            log.warning(
                "the index has another encoder: questions are answered by words until a restart",
                extra={
                    "encoder": live.spec.encoder.name,
                    "own_encoder": self._spec.encoder.name,
                },
            )
        return same

    def _encoded_for(self, live: NamedIndex, batch: Sequence[Write]) -> Sequence[Write]:
        """The same writes with the vectors of that index's encoder."""
        documents = [write.indexed for write in batch if isinstance(write, Put)]
        if live.spec.encoder.name == self._spec.encoder.name or not documents:
            return batch
        encoded = iter(re_encoded(self._encoders(live.spec.encoder), documents))
        return [Put(next(encoded)) if isinstance(write, Put) else write for write in batch]


def source_of(write: Write) -> str:
    """Return the source of the document that is written: the part of its id before the colon."""
    document_id = write.indexed.document.id if isinstance(write, Put) else write.document_id
    return document_id.partition(":")[0]


def flush(index: StoredIndex) -> None:
    """Nothing that was sent to it before comes after this."""
    if isinstance(index, Flushable):
        index.flush()
