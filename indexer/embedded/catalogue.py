"""The catalogue: the data of the store in a process's memory, and what a reader may read of it."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.values import Access
from indexer.access import AccessFilter
from indexer.embedded.rows import access_of, facets_of, hit_attributes_of, vectors_of
from indexer.embedded.store import Store
from indexer.errors import IndexDamaged
from indexer.values import FACETS, UNDATED, DateRange, FacetValue, HitAttributes, SearchHit, Vectors


def readable_lists(lists: Mapping[int, Access], access: AccessFilter) -> NDArray[np.bool_]:
    """Return, for each access list, whether it admits the reader: bool (highest id + 1,).

    Documents refer to lists by id, so that `readable_lists(...)[list ids]` is the mask of readable
    documents; many documents share few lists.
    """
    # Look up strangers once for all lists: `admits` would do so for each list.
    strangers = access.strangers(
        {principal for listed in lists.values() for principal in listed.denied}
    )
    otherwise = replace(access, known=None)
    readable = np.zeros(max(lists, default=0) + 1, dtype=np.bool_)
    for list_id, listed in lists.items():
        readable[list_id] = otherwise.admits(listed) and strangers.isdisjoint(listed.denied)
    return readable


def readable_rows(
    store: Store, columns: str, access: AccessFilter, document_ids: Iterable[str]
) -> list[tuple[Any, ...]]:
    """Return (id, columns…) of the documents that the reader may read."""
    wanted = json.dumps(list(document_ids))
    chosen = (
        "FROM documents LEFT JOIN contents USING (seq) WHERE id IN (SELECT value FROM json_each(?))"
    )
    with store.reading() as connection:
        cursor = connection.execute(
            f"SELECT access, source, facets, id, {columns} {chosen}", (wanted,)
        )
        rows = cursor.fetchall()
        named = json.dumps(sorted({row[0] for row in rows}))
        lists = connection.execute(
            "SELECT id, key FROM access WHERE id IN (SELECT value FROM json_each(?))", (named,)
        ).fetchall()
    # Outside the transaction: the look-up of denied principals may read this store.
    readable = readable_lists({number: access_of(key) for number, key in lists}, access)
    return [
        row[3:]
        for row in rows
        if readable[row[0]]
        and access.reaches(row[1], "" if access.spaces is None else _space(row[2]))
    ]


def _space(facets: str) -> str:
    """Return the space in a row's encoded facets."""
    return facets_of(facets)[0]["space"]


Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VectorView:
    """The passages of the first n documents; later passages are not visible.

    `matrix` has shape (passages, d); the passages of document i begin at `starts[i]`, and their
    number is `counts[i]`.
    """

    matrix: Vectors
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    def similarities(self, query: Vectors) -> Floats:
        """Return float64 (documents,): cosine of each best passage, -inf without passages.

        The cosines are rounded, so that equal passages tie wherever they are in the matrix.
        """
        best = np.full(len(self.starts), -np.inf)
        filled = self.counts > 0
        if filled.any():
            each = self.matrix @ query
            best[filled] = np.maximum.reduceat(each, self.starts[filled])
        return np.round(best, 6)


class VectorBuffer:
    """Appends vectors in place, where no view sees them, and doubles its size when full."""

    def __init__(self, dimension: int) -> None:
        self._room: Vectors = np.empty((1024, dimension), dtype=np.float32)
        self._starts = np.empty(0, dtype=np.int64)
        self._counts = np.empty(0, dtype=np.int64)
        self._used = 0

    def append(self, documents: list[Vectors]) -> VectorView:
        """Append the passages of new documents; return a view of everything so far."""
        counts = np.array([len(vectors) for vectors in documents], dtype=np.int64)
        self._grow(self._used + int(counts.sum()))
        starts = self._used + np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
        for start, vectors in zip(starts, documents, strict=False):
            self._room[start : start + len(vectors)] = vectors
        self._used += int(counts.sum())
        self._starts = np.concatenate((self._starts, starts[: len(counts)]))
        self._counts = np.concatenate((self._counts, counts))
        return VectorView(self._room[: self._used], self._starts, self._counts)

    def _grow(self, needed: int) -> None:
        if needed > len(self._room):
            larger = np.empty((max(needed, 2 * len(self._room)), self._room.shape[1]), np.float32)
            larger[: self._used] = self._room[: self._used]
            self._room = larger


Mask = NDArray[np.bool_]
Slots = NDArray[np.int64]

_COLUMNS = (
    "SELECT d.seq, d.id, d.access, d.newest, d.facets, c.vectors"
    " FROM documents d JOIN contents c USING (seq) WHERE d.seq > ? ORDER BY d.seq"
)


@dataclass(frozen=True, slots=True)
class StoreSnapshot:
    """The store as it was at `seq`: one slot per row, ascending by the row's number.

    Arrays have shape (slots,). `codes[facet]` points into `values[facet]`. Later catalogues share
    `ids`, `titles`, `values`, `attributes` and `formers`, and only append to them. `places` (a
    document's last slot) and `replaced_by` (slots of documents that replace it) may hold later
    slots: call `place` for this catalogue's slot. `formers[slot]` is the previous slot of the same
    document, or -1.
    """

    seq: int
    last_list: int
    lists: Mapping[int, Access]
    rows: NDArray[np.int64]
    alive: Mask
    access: NDArray[np.int64]
    newest: NDArray[np.float64]
    lengths: NDArray[np.int64]
    codes: Mapping[str, NDArray[np.int64]]
    ids: list[str]
    titles: list[str]
    attributes: list[HitAttributes]
    places: dict[str, int]
    formers: list[int]
    replaced_by: dict[str, list[int]]
    values: Mapping[str, dict[str, int]]
    lacking: frozenset[str]
    vectors: VectorView
    _readable: dict[AccessFilter, Mask] = field(default_factory=dict)

    def readable(self, access: AccessFilter) -> Mask:
        """Return the mask of slots that the reader may read; every use of slots applies it."""
        mask = self._readable.get(access)
        if mask is None:
            mask = self.alive & readable_lists(self.lists, access)[self.access]
            limits = {"source": access.sources, "space": access.spaces}
            mask &= self.narrowed({name: tuple(s) for name, s in limits.items() if s is not None})
            if len(self._readable) < 64:  # a catalogue lives from one batch to the next
                self._readable[access] = mask
        return mask

    def narrowed(self, filters: Mapping[str, tuple[str, ...]]) -> Mask:
        """Return the mask of slots with an accepted value of every named facet.

        None has one of a facet that the index lacks.
        """
        mask = np.ones(len(self.rows), dtype=np.bool_)
        for facet, accepted in filters.items():
            if facet not in FACETS:
                raise ValueError(f"Not a facet: {facet}")
            if facet in self.lacking:
                return np.zeros(len(self.rows), dtype=np.bool_)
            known = self.values[facet]
            wanted = [known[value] for value in accepted if value in known]
            mask &= np.isin(self.codes[facet], wanted)
        return mask

    def within(self, period: DateRange) -> Mask:
        """Return the mask of slots with a date in the period."""
        mask = self.newest > UNDATED
        if period.since:
            mask &= self.newest >= _midnight(period.since)
        if period.before:
            mask &= self.newest < _midnight(period.before)
        return mask

    def holding(self, document_ids: Sequence[str]) -> Mask:
        """Return the mask of the slots of these documents."""
        mask = np.zeros(len(self.rows), dtype=np.bool_)
        mask[[slot for id_ in document_ids if (slot := self.place(id_)) >= 0]] = True
        return mask

    def place(self, document_id: str) -> int:
        """Return the document's latest slot among the rows of this catalogue, or -1."""
        slot = self.places.get(document_id, -1)
        while slot >= len(self.rows):
            slot = self.formers[slot]
        return slot

    def slots(self, rows: NDArray[np.int64]) -> tuple[Slots, Mask]:
        """Return (slot of each row, whether the row has a slot); newer rows have no slot."""
        if not len(self.rows):
            return np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.bool_)
        slots = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return slots, self.rows[slots] == rows

    def has_any(self, rows: NDArray[np.int64]) -> bool:
        """Return whether one of these rows still belongs to a document."""
        slots, has_slot = self.slots(rows)
        return bool(self.alive[slots[has_slot]].any())

    def mask(self, slots: Slots) -> Mask:
        """Return the mask of these slots."""
        mask = np.zeros(len(self.rows), dtype=np.bool_)
        mask[slots] = True
        return mask

    def best(self, slots: Slots, scores: NDArray[np.float64], window: int) -> tuple[SearchHit, ...]:
        """Return the `window` highest scores, ties by id."""
        if window <= 0:
            return ()
        if len(slots) > window:
            least = np.partition(scores, len(scores) - window)[len(scores) - window]
            best = scores >= least
            slots, scores = slots[best], scores[best]
        pairs = ((-float(score), self.ids[slot]) for slot, score in zip(slots, scores, strict=True))
        return tuple(
            SearchHit(document_id, -score) for score, document_id in sorted(pairs)[:window]
        )

    def attributes_of(self, hits: Iterable[SearchHit]) -> dict[str, HitAttributes]:
        """Return the attributes of this catalogue's hits, by document id."""
        return {hit.document_id: self.attributes[self.place(hit.document_id)] for hit in hits}

    def among(self, members: Slots, hits: Iterable[SearchHit]) -> frozenset[str]:
        """Return the ids of this catalogue's hits that are members."""
        mask = self.mask(members)
        return frozenset(hit.document_id for hit in hits if mask[self.place(hit.document_id)])

    def values_of(self, values: NDArray[np.float64], hits: Iterable[SearchHit]) -> dict[str, float]:
        """Return, by document id, the positive values of this catalogue's hits.

        `values` has shape (slots,).
        """
        values_by_id = {hit.document_id: float(values[self.place(hit.document_id)]) for hit in hits}
        return {document_id: value for document_id, value in values_by_id.items() if value > 0}

    def successors(self, document_id: str) -> list[str]:
        """Return the ids of documents that replace a document, whoever may read them."""
        slots = [slot for slot in self.replaced_by.get(document_id, ()) if slot < len(self.rows)]
        return sorted({self.ids[slot] for slot in slots if self.alive[slot]})

    def shortest(self, slots: Slots, most: int) -> list[int]:
        """Return the slots with the shortest titles, ties by id."""
        lengths = self.lengths[slots]
        if len(slots) > most:
            short = lengths <= np.partition(lengths, most - 1)[most - 1]
            slots, lengths = slots[short], lengths[short]
        pairs = zip(lengths.tolist(), slots.tolist(), strict=True)
        return [
            slot for _, _, slot in sorted((n, self.ids[slot], slot) for n, slot in pairs)[:most]
        ]

    def facet(self, name: str, members: Slots, size: int) -> tuple[FacetValue, ...]:
        """Count the most frequent values among the members, ties by value, without empty ones.

        A facet that the index lacks has no values, even if newer documents have some.
        """
        if name not in FACETS:
            raise ValueError(f"Not a facet: {name}")
        if name in self.lacking:
            return ()
        values = list(self.values[name])[: len(self.values[name])]
        counts = np.bincount(self.codes[name][members], minlength=len(values))
        counted = [(-int(counts[code]), values[code]) for code in np.flatnonzero(counts)]
        return tuple(FacetValue(value, -count) for count, value in sorted(counted) if value)[:size]


BEHIND_S = 1.0
"""How long a catalogue waits for the text of newer writes, in seconds. The text takes longer only
if the writer died, or if it writes much.
"""


class SnapshotCache:
    """Keeps the catalogue of this process up to date with the store."""

    def __init__(self, store: Store, dimension: int) -> None:
        self._store, self._dimension = store, dimension
        self._refreshing = threading.Lock()
        self._behind_since: float | None = None
        self._begin()

    def current(self) -> StoreSnapshot:
        """Return the store's current catalogue, extended, or rebuilt when most rows are gone.

        A write that is not acknowledged yet is left out for up to `BEHIND_S`, until its text is
        indexed: until then, a search would find neither the former document by its words nor the
        new one. Raises `IndexDamaged` if a row cannot be decoded.
        """
        with self._refreshing:
            seq, applied = self._store.progress()
            if seq != self._catalogue.seq and not self._waits(applied):
                self._behind_since = None
                try:
                    self._catch_up()
                except BaseException as error:
                    self._begin()  # a failed refresh is discarded: the next one starts from nothing
                    if isinstance(error, TypeError | ValueError | LookupError):
                        raise IndexDamaged("index.sqlite") from error
                    raise
            return self._catalogue

    def _waits(self, applied: int) -> bool:
        """Return whether to wait for newer writes, all recent and unacknowledged."""
        if self._catalogue.seq == 0 or applied > self._catalogue.seq:
            return False
        now = time.monotonic()
        self._behind_since = self._behind_since or now
        return now - self._behind_since < BEHIND_S

    def _catch_up(self) -> None:
        with self._store.reading() as connection:
            self._refresh(connection)
            if self._mostly_gone():
                self._begin()
                self._refresh(connection)

    def _begin(self) -> None:
        self._buffer = VectorBuffer(self._dimension)
        none = np.empty(0, dtype=np.int64)
        self._catalogue = StoreSnapshot(
            seq=0,
            last_list=0,
            lists={},
            rows=none,
            alive=np.empty(0, dtype=np.bool_),
            access=none,
            newest=np.empty(0),
            lengths=none,
            codes=dict.fromkeys(FACETS, none),
            ids=[],
            titles=[],
            attributes=[],
            places={},
            formers=[],
            replaced_by={},
            values={name: {} for name in FACETS},
            lacking=frozenset(),
            vectors=self._buffer.append([]),
        )

    def _mostly_gone(self) -> bool:
        counts, alive = self._catalogue.vectors.counts, self._catalogue.alive
        gone = int(counts[~alive].sum()) + int((~alive).sum())
        return gone > 10_000 and 2 * gone > int(counts.sum()) + len(alive)

    def _refresh(self, connection: sqlite3.Connection) -> None:
        old = self._catalogue
        grown = self._with_new_rows(old, connection.execute(_COLUMNS, (old.seq,)))
        lists = connection.execute("SELECT id, key FROM access WHERE id > ?", (old.last_list,))
        known = {**old.lists, **{list_id: access_of(key) for list_id, key in lists}}
        alive, access = grown.alive.copy(), grown.access.copy()
        gone = connection.execute("SELECT document FROM removed WHERE seq > ?", (old.seq,))
        slots, has_slot = grown.slots(_column(gone.fetchall(), 0))
        alive[slots[has_slot]] = False
        moved = connection.execute(
            "SELECT seq, access FROM documents WHERE changed > ? AND seq <= ?", (old.seq, old.seq)
        ).fetchall()
        access[grown.slots(_column(moved, 0))[0]] = _column(moved, 1)
        self._catalogue = replace(
            grown,
            seq=self._store.seq(connection),
            lists=known,
            last_list=max(known, default=0),
            alive=alive,
            access=access,
            _readable={},
        )

    def _with_new_rows(
        self, old: StoreSnapshot, cursor: Iterable[tuple[object, ...]]
    ) -> StoreSnapshot:
        rows, vectors, lacking = [], [], set(old.lacking)
        codes: dict[str, list[int]] = {name: [] for name in FACETS}
        for seq, document_id, access, newest, facets, encoded in cursor:
            values, title, attributes = facets_of(str(facets))
            rows.append((seq, access, newest, len(title)))
            # `formers` before `places`: a reader of an older catalogue follows the new slot back.
            old.formers.append(old.places.get(str(document_id), -1))
            old.places[str(document_id)] = len(old.ids)
            old.ids.append(str(document_id))
            old.titles.append(title)
            vectors.append(vectors_of(encoded, self._dimension))  # type: ignore[arg-type]
            new = hit_attributes_of(attributes, values, title, float(str(newest)), vectors[-1])
            _note_attributes(old.attributes, old.replaced_by, new)
            lacking |= set(FACETS) - values.keys()
            for name in FACETS:
                known = old.values[name]
                codes[name].append(known.setdefault(values.get(name, ""), len(known)))
        if not rows:
            return old
        return replace(
            old,
            rows=np.concatenate((old.rows, _column(rows, 0))),
            access=np.concatenate((old.access, _column(rows, 1))),
            lengths=np.concatenate((old.lengths, _column(rows, 3))),
            newest=np.concatenate((old.newest, np.array([newest for _, _, newest, _ in rows]))),
            alive=np.concatenate((old.alive, np.ones(len(rows), dtype=np.bool_))),
            codes={
                name: np.concatenate((old.codes[name], np.array(codes[name], dtype=np.int64)))
                for name in FACETS
            },
            lacking=frozenset(lacking),
            vectors=self._buffer.append(vectors),
        )


def _note_attributes(
    attributes: list[HitAttributes], replaced_by: dict[str, list[int]], new: HitAttributes
) -> None:
    """Append the next slot's attributes, and note which documents it replaces."""
    for former in new.replaces:
        replaced_by.setdefault(former, []).append(len(attributes))
    attributes.append(new)


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _column(rows: Sequence[tuple[object, ...]], number: int) -> NDArray[np.int64]:
    return np.array([row[number] for row in rows], dtype=np.int64)
