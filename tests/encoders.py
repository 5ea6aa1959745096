"""A tiny deterministic encoder for tests."""

import hashlib
from collections.abc import Sequence

import numpy as np

from indexer.values import Vectors


class FakeEncoder:
    """Unit vectors seeded by the text's hash: the same text, and only it, is near."""

    def __init__(self, dimension: int = 16, name: str = "") -> None:
        self._dimension = dimension
        self._name = name or f"fake-{dimension}"

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        return self._dimension

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._encoded(texts)

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._encoded(texts)

    def beginning(self, text: str) -> str:
        return text

    def _encoded(self, texts: Sequence[str]) -> Vectors:
        rows = np.empty((len(texts), self._dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            seed = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]
            drawn = np.random.default_rng(int.from_bytes(seed)).standard_normal(self._dimension)
            row[:] = drawn / np.linalg.norm(drawn)
        return rows
