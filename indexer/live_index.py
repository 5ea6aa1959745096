"""The index that a process reads and writes, which the engine's pointer marks as live.

An engine contains one live index and, while `quisait reindex` runs, the next index. The pointer is
read at each request and each batch, so that processes follow a reindex without a restart. Read
`LiveIndex` first.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from connectors.batches import batches
from indexer.access import AccessFilter, PrincipalLookup
from indexer.cards import re_encoded
from indexer.described_indexes import ANOTHER, DescribedIndexes
from indexer.errors import IndexNotRead, IndexOfOtherVersion, IndexRefused, IndexUnreachable
from indexer.ports import (
    Encoder,
    Index,
    StoredIndex,
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
"""Number of documents that are compared at once."""
DESCRIBED_FOR_S = 1.0
"""How long, in seconds, `require_read` reuses its last finding that no source is unread."""

Item = TypeVar("Item")


def differing(source: StoredIndex, target: StoredIndex) -> Iterator[tuple[int, list[str]]]:
    """Yield, for each page, the documents seen and the ids that differ between two indexes.

    An id differs if only one index holds it, or if their entries differ.
    """
    for name in sorted(source.sources() | target.sources()):
        for entries in batches(source.scan(name), COMPARED):
            there = target.kept([entry.document_id for entry in entries])
            yield (
                len(entries),
                [entry.document_id for entry in entries if there.get(entry.document_id) != entry],
            )
        for entries in batches(target.scan(name), COMPARED):
            here = source.kept([entry.document_id for entry in entries])
            yield 0, [entry.document_id for entry in entries if entry.document_id not in here]


def withdraw_stale(live: Index, beside: Index) -> None:
    """Remove from `beside` each document that `live` does not have, or has with another text."""
    for name in sorted(beside.sources()):
        stale: list[str] = []
        for entries in batches(beside.scan(name), COMPARED):
            now = live.kept([entry.document_id for entry in entries])
            stale += [
                entry.document_id
                for entry in entries
                if entry.document_id not in now or not entry.same_text(now[entry.document_id])
            ]
        for batch in batches(stale, COMPARED):
            beside.write([Remove(document_id) for document_id in batch])


log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """An encoder as stored with an index: `kind` and `model` are the settings that open it."""

    name: str
    dimension: int
    kind: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """How an index is built. If settings or code require another spec, a reindex is needed.

    `analysis` identifies the French analysis and the mapping. This version cannot read an index of
    another `format`. `shards` is the number of parts that its documents are divided into.
    """

    encoder: EncoderRecord
    analysis: str
    format: str
    shards: int = 1
    quantisation: Quantisation = WHOLE_VECTORS

    def serves(self, wanted: "IndexSpec") -> bool:
        """Return whether the two specs are equal, except for the location of the model."""
        encoder = wanted.encoder
        own = replace(self.encoder, kind=encoder.kind, model=encoder.model)
        return replace(self, encoder=own) == wanted


@dataclass(frozen=True, slots=True)
class NamedIndex:
    """A whole index and the name that its storage gave it. A name is never used twice."""

    name: str
    spec: IndexSpec


@dataclass(frozen=True, slots=True)
class Pointers:
    """The live index, and the one that a reindex is filling, if any."""

    live: NamedIndex
    next: NamedIndex | None = None


class IndexStorage(Protocol):
    """The indexes of an engine, and the pointer to the live one.

    Each change is durable and atomic; its caller holds the gate exclusively. All methods raise
    `IndexUnreachable` or `IndexRefused`.
    """

    def spec(self, encoder: EncoderRecord) -> IndexSpec:
        """Return the spec of the indexes that this code builds."""

    def pointers(self) -> Pointers | None:
        """Return the current pointers, also if another process wrote them.

        The result is None if there is no index yet.
        """

    def index(self, named: NamedIndex) -> Index:
        """Open an index. Raises `IndexUnreachable` if it was deleted meanwhile."""

    def identity(self, named: NamedIndex) -> str:
        """Return an id that no other index of any engine ever had, not even a restored copy."""

    def create(self, spec: IndexSpec) -> NamedIndex:
        """Create an empty index: the live index if there is none, else the next index."""

    def promote(self) -> None:
        """Make the next index the live one. The previous live index is deleted."""

    def drop_next(self) -> None:
        """Delete the next index."""

    def clear(self) -> None:
        """Delete every index that is neither live nor next; killed processes leave such indexes."""

    def delete_all(self) -> None:
        """Delete every index and the pointers."""

    def size_bytes(self, named: NamedIndex) -> int:
        """Return the size of the index on disk, in bytes."""

    def salvage(self, named: NamedIndex) -> Iterator[IndexedDocument | None]:
        """Yield each readable document of a damaged index, and None instead of unreadable ones."""


Encoders = Callable[[EncoderRecord], Encoder]
"""Returns the encoder of an index, opened only once. Raises `IndexRefused` without its model."""


class Gate(Protocol):
    """A lock that writers share, each for one batch, and that pointer changes hold exclusively."""

    def writing(self) -> AbstractContextManager[None]:
        """Hold the lock together with other writers; waits for an exclusive holder."""

    def alone(self) -> AbstractContextManager[None]:
        """Hold the lock exclusively; waits for current writers, while new ones wait."""


class LiveIndex:
    """An `Index` that delegates to the live index, for a process that encodes with `own`.

    If the live index has another encoder, written documents are encoded again, and queries are
    answered by words alone until the process restarts. `limited` returns the index for readers.
    """

    def __init__(
        self,
        storage: IndexStorage,
        encoders: Encoders,
        gate: Gate,
        own: EncoderRecord,
        described: DescribedIndexes | None = None,
    ) -> None:
        """Without `described`, the cursors are assumed to describe whichever index is live."""
        self._storage, self._encoders, self._gate = storage, encoders, gate
        self._spec, self._described = storage.spec(own), described
        self._warned: set[str] = set()
        self._all_named = False
        self._read_until = 0.0
        self._named: Callable[[], frozenset[str]] | None = None
        self._known: Callable[[], PrincipalLookup] | None = None

    def limited(
        self, named: Callable[[], frozenset[str]], known: Callable[[], PrincipalLookup]
    ) -> "LiveIndex":
        """Return the index for readers: it only shows the sources that `named` returns.

        Documents of a source that the settings no longer name stay indexed, but their rights are no
        longer updated. Nobody reads a document whose denial names nobody `known`. Both functions
        are called for each request. Every reading method raises `IndexNotRead` if a source's rights
        may be out of date (`require_read`). Writes are not limited.
        """
        limited = copy(self)
        limited._named, limited._known = named, known
        return limited

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Write to the live index. Raises `IndexUnreachable` or `IndexRefused`."""
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
        """Make the source's cursor describe the live index.

        Call it before a crawl loads the cursor. Returns whether the source has to be read in full
        before readers may search the index.
        """
        self._live()
        with self._gate.writing():  # no other index replaces it meanwhile
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
        """Return the sources to be read in full before readers may search the index."""
        if not self._described:
            return frozenset()
        live = self._live()
        index = self._storage.index(live)
        identity = self._identity(live)
        return self._described.unread(sources, identity, lambda source: not index.count(source))

    def require_read(self, sources: Collection[str]) -> None:
        """Raise `IndexNotRead` if one of these sources has to be read in full first (`unread`).

        This is called before each answer to a reader. If no source is unread, the finding is reused
        for `DESCRIBED_FOR_S`.
        """
        if time.monotonic() < self._read_until:
            return
        if unread := self.unread(sources):
            raise IndexNotRead(unread)
        self._read_until = time.monotonic() + DESCRIBED_FOR_S

    def _held(self, access: AccessFilter) -> AccessFilter:
        """Return the filter limited to named sources, and to denials that name somebody known."""
        if self._named is None:
            return access
        self._require_named_read()
        within = access.within(self._named())
        return within.knowing(self._known()) if self._known else within

    def _require_named_read(self) -> None:
        if self._named is not None:
            self.require_read(self._named())

    def _shows(self, source: str) -> bool:
        return self._named is None or source in self._named()

    def _shown(self, ids: Collection[str]) -> Collection[str]:
        """Return the ids of documents or accounts that belong to named sources."""
        if self._named is None:
            return ids
        names = self._named()
        return [document_id for document_id in ids if document_id.partition(":")[0] in names]

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

        Such rows come from a backup or an earlier version. They describe the live index unless it
        is empty. If it is empty, they describe another index, which is only decided when the live
        index is `written` to.
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
        """Flush the live index while no other process writes."""
        self._live()
        with self._gate.alone():
            self._storage.index(self._live(create=False)).flush()

    def expunge(self) -> None:
        """Erase words of deleted or replaced texts from the live index and from the next index."""
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
            index.expunge()

    def fill(self) -> IndexFill | None:
        """Return how full the live index is; None if its engine has no limit."""
        return self._ask(lambda index: index.fill())

    def probe(self) -> None:
        """Probe the live index. Raises `IndexDamaged`, `IndexNotRead`."""
        self._require_named_read()
        self._ask(lambda index: index.probe())

    def verify(self) -> None:
        """Read all files of the live index. Raises `IndexDamaged`."""
        self._ask(lambda index: index.verify())

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """Return entries of the live index."""
        return self._ask(lambda index: index.kept(self._shown(document_ids)))

    def count(self, source: str) -> int:
        """Return the number of the source's documents in the live index."""
        return self._ask(lambda index: index.count(source)) if self._shows(source) else 0

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield the live index's entries, each once even if another index replaces it meanwhile."""
        self._require_named_read()
        if not self._shows(source):
            return iter(())
        return self._each(lambda index: index.scan(source), lambda entry: entry.document_id)

    def sources(self) -> frozenset[str]:
        """Return the sources of the live index."""
        sources = self._ask(lambda index: index.sources())
        return sources if self._named is None else sources & self._named()

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """Yield documents of the live index, each once even if another index replaces it."""
        self._require_named_read()
        wanted = self._shown(document_ids)
        return self._each(lambda index: index.documents(wanted), lambda stored: stored.document.id)

    def denials(self, source: str) -> Mapping[str, int]:
        """Return the source's denied principals in the live index."""
        return self._ask(lambda index: index.denials(source)) if self._shows(source) else {}

    def without_readers(self, source: str) -> int:
        """Return how many documents of the source in the live index name no reader."""
        return self._ask(lambda index: index.without_readers(source)) if self._shows(source) else 0

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Return the accounts that contributed to documents of the live index."""
        return self._ask(lambda index: index.signing(self._shown(accounts)))

    def search(self, request: SearchRequest) -> SearchAnswer:
        """Search the live index; by words alone if it has another encoder."""
        request = replace(request, access=self._held(request.access))
        by_words = replace(request, vector=None, lexical=True)
        return self._ask_with_vector(
            lambda index, same: index.search(request if same else by_words)
        )

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """Show documents of the live index; choose passages by words if it has another encoder."""
        request = replace(request, access=self._held(request.access))
        by_words = replace(request, vector=None)
        return self._ask_with_vector(lambda index, same: index.show(request if same else by_words))

    def read(self, access: AccessFilter, document_id: str) -> DocumentText | None:
        """Read a document of the live index."""
        held = self._held(access)
        return self._ask(lambda index: index.read(held, document_id))

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Suggest titles of the live index."""
        held = self._held(access)
        return self._ask(lambda index: index.suggest(held, prefix, limit))

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """Return similar words of the live index."""
        held = self._held(access)
        return self._ask(lambda index: index.near_words(held, words))

    def _each(
        self, ask: Callable[[Index], Iterator[Item]], id_of: Callable[[Item], str]
    ) -> Iterator[Item]:
        """Yield each item once; if the index is replaced, continue in its successor."""
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
        """Call `ask` with the live index; repeat it if another index replaced that one."""
        live = self._live()
        try:
            return ask(live)
        except (IndexUnreachable, IndexRefused):
            instead = self._live()
            if instead == live:
                raise
            return ask(instead)

    def _live(self, *, create: bool = True) -> NamedIndex:
        """Return the live index. Raises `IndexOfOtherVersion` if its format is another one."""
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
                extra={"encoder": live.spec.encoder.name, "own_encoder": self._spec.encoder.name},
            )
        return same

    def _encoded_for(self, live: NamedIndex, batch: Sequence[Write]) -> Sequence[Write]:
        """Return the writes with vectors of the live index's encoder."""
        documents = [write.indexed for write in batch if isinstance(write, Put)]
        if live.spec.encoder.name == self._spec.encoder.name or not documents:
            return batch
        encoded = iter(re_encoded(self._encoders(live.spec.encoder), documents))
        return [Put(next(encoded)) if isinstance(write, Put) else write for write in batch]


def source_of(write: Write) -> str:
    """Return the source of the written document: the part of its id before the colon."""
    return write.document_id.partition(":")[0]
