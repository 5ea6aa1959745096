"""Open documents that no label of the list names: where topics may hide that nobody listed."""

import hashlib
import heapq
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.values import IndexedDocument

MOST_KEPT = 4_000
"""Clustering takes the square of their number: of more, those whose hash is smallest, which
is a draw that another build repeats."""
TEXT_CHARS = 1_500
"""Of each document, to name its cluster by."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A document with the mean of its passages' vectors, of length 1, and its first words."""

    document_id: str
    mark: str
    title: str
    text: str
    vector: NDArray[np.float32]


@dataclass(slots=True)
class Leftovers:
    """Takes documents one by one, in any order; `kept` then gives them by id."""

    most: int = MOST_KEPT
    _heap: list[tuple[int, str, Leftover]] = field(default_factory=list)

    def take(self, document: IndexedDocument) -> None:
        """Keep it, unless it has no vector or enough others come before it."""
        id_ = document.document.id
        place = -int.from_bytes(hashlib.sha256(id_.encode()).digest()[:8])
        full = len(self._heap) == self.most
        if not len(document.vectors) or (full and place < self._heap[0][0]):
            return
        mean = document.vectors.mean(axis=0)
        length = float(np.linalg.norm(mean))
        if not length:
            return
        one = Leftover(
            id_,
            document.record_hash,
            document.document.title,
            "\n".join(passage.text for passage in document.passages)[:TEXT_CHARS],
            (mean / length).astype(np.float32),
        )
        push = heapq.heappushpop if full else heapq.heappush
        push(self._heap, (place, id_, one))

    def kept(self) -> tuple[Leftover, ...]:
        """By id."""
        return tuple(one for _, _, one in sorted(self._heap, key=lambda entry: entry[1]))
