"""Questions go before passages: somebody waits for a question, nobody for a passage."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from indexer.ports import Encoder
from indexer.values import Vectors

SLICE = max(4, os.cpu_count() or 1)
"""Passages encoded in one go, between two looks at whether somebody asks: as many as an encoder
takes side by side."""
AT_ONCE = max(4, os.cpu_count() or 1)
"""Questions encoded side by side; the next one waits. A long one does not hold up a short one."""
PATIENCE_S = 1.0
"""How long a slice of passages waits for questions to end, so that a crawl goes on at last."""


class Precedence:
    """Who goes first, for all encoders of one process: they share its processors."""

    def __init__(self, at_once: int = AT_ONCE, patience_s: float = PATIENCE_S) -> None:
        self._places = threading.Semaphore(at_once)
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._asked = 0

    @contextmanager
    def question(self) -> Iterator[None]:
        """While a question is encoded; waits where enough others are."""
        with self._changed:
            self._asked += 1
        try:
            with self._places:
                yield
        finally:
            with self._changed:
                self._asked -= 1
                if not self._asked:
                    self._changed.notify_all()

    def give_way(self) -> None:
        """Before a slice of passages: wait until nobody asks, or for `patience_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._asked, self._patience_s)


class QuestionsFirst:
    """Wraps an encoder: no more than a slice of passages is encoded while a question waits."""

    def __init__(
        self, encoder: Encoder, precedence: Precedence | None = None, slice_texts: int = SLICE
    ) -> None:
        self._encoder = encoder
        self._precedence = precedence or Precedence()
        self._slice = slice_texts

    @property
    def name(self) -> str:
        """The wrapped encoder's."""
        return self._encoder.name

    @property
    def dimension(self) -> int:
        """The wrapped encoder's."""
        return self._encoder.dimension

    def passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d), rows of length 1, in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), self._slice):
            self._precedence.give_way()
            some = texts[start : start + self._slice]
            vectors[start : start + len(some)] = self._encoder.passages(some)
        return vectors

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions; of several, each waits for its own place."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            with self._precedence.question():
                vectors[row] = self._encoder.queries([text])[0]
        return vectors

    def beginning(self, text: str) -> str:
        """The wrapped encoder's."""
        return self._encoder.beginning(text)
