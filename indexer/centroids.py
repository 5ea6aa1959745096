"""A document's centroid: the mean of its passages' vectors, one byte a number. Pure functions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.values import Vectors

_LARGEST = 127


def centroid(vectors: Vectors) -> bytes:
    """The direction of the mean of (n, d) vectors, as d signed bytes; empty without a direction.

    Only the direction counts, so that the largest number may take the whole range: a cosine with
    it is within .002 of the exact one (`tests/unit/test_centroids.py`).
    """
    if not len(vectors):
        return b""
    mean = np.asarray(vectors, dtype=np.float64).mean(axis=0)
    largest = float(np.abs(mean).max(initial=0.0))
    if not largest > 0:
        return b""
    numbers: NDArray[np.int8] = np.round(mean * (_LARGEST / largest)).astype(np.int8)
    return numbers.tobytes()


def decoded(centroids: Sequence[bytes]) -> Vectors:
    """float32 (n, d), rows of length 1; of equal lengths, none of them empty."""
    if not centroids:
        return np.empty((0, 0), dtype=np.float32)
    rows = np.frombuffer(b"".join(centroids), dtype=np.int8).reshape(len(centroids), -1)
    numbers = rows.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", numbers, numbers))
    unit: Vectors = numbers / lengths[:, None]
    return unit
