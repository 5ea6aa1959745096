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


def nearest_question(questions: bytes, vector: Vectors) -> tuple[float, int]:
    """Return (cosine, number from 0) of the quantised question nearest to a vector of shape (d,).

    (-1, 0) without questions.
    """
    size = len(vector)
    each = [questions[start : start + size] for start in range(0, len(questions), size)]
    if not each:
        return -1.0, 0
    cosines = np.round((decoded(each) @ vector).astype(np.float64), 6)
    best = int(cosines.argmax())
    return float(cosines[best]), best


def decoded(centroids: Sequence[bytes]) -> Vectors:
    """Return centroids, all of the same length above 0, as float32 (n, d) with rows of length 1."""
    if not centroids:
        return np.empty((0, 0), dtype=np.float32)
    rows = np.frombuffer(b"".join(centroids), dtype=np.int8).reshape(len(centroids), -1)
    numbers = rows.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", numbers, numbers))
    unit: Vectors = numbers / lengths[:, None]
    return unit
