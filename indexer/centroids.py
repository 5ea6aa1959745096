"""Vectors with a byte per component: centroids of documents, and expected questions.

Pure functions.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.values import Vectors

_LARGEST = 127


def centroid(vectors: Vectors) -> bytes:
    """Return the direction of the mean of (n, d) vectors as d signed bytes; empty if the mean is 0.

    The largest component is scaled to the whole range, since only the direction counts: a cosine is
    within .002 of the exact value (`tests/unit/test_centroids.py`).
    """
    if not len(vectors):
        return b""
    mean = np.asarray(vectors, dtype=np.float64).mean(axis=0)
    largest = float(np.abs(mean).max(initial=0.0))
    if not largest > 0:
        return b""
    numbers: NDArray[np.int8] = np.round(mean * (_LARGEST / largest)).astype(np.int8)
    return numbers.tobytes()


def quantised(vectors: Vectors) -> bytes:
    """Return (n, d) vectors as n x d signed bytes, each scaled like a centroid."""
    return b"".join(centroid(vector[None]) for vector in vectors)


def nearest_questions(questions: Sequence[bytes], vector: Vectors) -> list[tuple[float, int]]:
    """Return, for each document, (cosine, number from 0) of the question nearest to a vector (d,).

    `questions[i]` are the quantised questions of a document, at least one.
    """
    size = len(vector)
    counts = np.array([len(each) // size for each in questions])
    starts = np.cumsum(counts) - counts
    cosines = np.round((_unit(b"".join(questions), counts.sum()) @ vector).astype(np.float64), 6)
    best = np.maximum.reduceat(cosines, starts)
    reached = np.flatnonzero(cosines == np.repeat(best, counts))
    numbers = reached[np.searchsorted(reached, starts)] - starts
    return list(zip(best.tolist(), numbers.tolist(), strict=True))


def decoded(centroids: Sequence[bytes]) -> Vectors:
    """Return centroids, all of the same length above 0, as float32 (n, d) with rows of length 1."""
    if not centroids:
        return np.empty((0, 0), dtype=np.float32)
    return _unit(b"".join(centroids), len(centroids))


def _unit(encoded: bytes, count: int) -> Vectors:
    """Return `count` vectors of signed bytes as float32 (count, d) with rows of length 1."""
    rows = np.frombuffer(encoded, dtype=np.int8).reshape(count, -1)
    numbers = rows.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", numbers, numbers))
    unit: Vectors = numbers / lengths[:, None]
    return unit
