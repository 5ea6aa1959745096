"""Exact vectors in memory: a matrix that grows at its end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.values import Vectors

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VectorView:
    """The passages of the first n documents; what is appended later is not seen.

    `matrix` has shape (passages, d); those of document i begin at `starts[i]`, and
    are `counts[i]` in number.
    """

    matrix: Vectors
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    def similarities(self, query: Vectors) -> Floats:
        """float64 (documents,): cosine of each document's best passage, -inf without passages.

        Rounded, so that equal passages tie wherever they stand in the matrix.
        """
        best = np.full(len(self.starts), -np.inf)
        filled = self.counts > 0
        if filled.any():
            each = self.matrix @ query
            best[filled] = np.maximum.reduceat(each, self.starts[filled])
        return np.round(best, 6)


class VectorBuffer:
    """Appends in place beyond what any view shows, and doubles when it is full."""

    def __init__(self, dimension: int) -> None:
        self._room: Vectors = np.empty((1024, dimension), dtype=np.float32)
        self._starts = np.empty(0, dtype=np.int64)
        self._counts = np.empty(0, dtype=np.int64)
        self._used = 0

    def append(self, documents: list[Vectors]) -> VectorView:
        """Append the passages of new documents; returns the view of everything so far."""
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
