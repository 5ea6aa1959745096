"""The quick encoder: an exported model, with onnxruntime and tokenizers only."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from indexer.encoding.model_directory import (
    FORMER_GRAPH,
    ONNX_FILE,
    beginning,
    encodable,
    read_card,
)
from indexer.values import Vectors


class OnnxEncoder:
    """A directory written by `export_model`, in 8 bits.

    Each text runs alone: 8 bits are scaled by what runs together, so that a vector would
    change with its neighbours, and padding would be computed. `threads` passages are encoded
    side by side; 0 takes all cores. Questions run in the caller's thread, and wait for no
    passage. Calls from several threads are safe. Raises `FileNotFoundError` where the
    directory is none.
    """

    def __init__(self, directory: Path, threads: int = 0) -> None:
        self._card = read_card(directory)
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self._card.max_tokens)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(directory / ONNX_FILE), options, providers=["CPUExecutionProvider"]
        )
        self._side_by_side = ThreadPoolExecutor(threads or os.cpu_count() or 1, "onnx")

    @property
    def name(self) -> str:
        """Model, form of the graph and the weights' hash, so that cached vectors never mix."""
        return f"{self._card.model}/{self._card.graph}/{self._card.weights_sha256[:8]}"

    @property
    def dimension(self) -> int:
        """d, as the directory says."""
        return self._card.dimension

    def passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d), rows of length 1, in the order of `texts`."""
        encodings = self._encodings(texts, self._card.prompts["passage"])
        return self._rows(self._side_by_side.map(self._run, encodings), len(texts))

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions."""
        read = [self.beginning(text) for text in texts]
        encodings = self._encodings(read, self._card.prompts["query"])
        return self._rows(map(self._run, encodings), len(texts))

    def beginning(self, text: str) -> str:
        """What `queries` reads of a question."""
        prompt = self._card.prompts["query"]
        return beginning(text, lambda some: len(self._tokenizer.encode(prompt + some).ids))

    def _encodings(self, texts: Sequence[str], prompt: str) -> list[Encoding]:
        return self._tokenizer.encode_batch([prompt + encodable(text) for text in texts])

    def _rows(self, found: Iterable[Vectors], count: int) -> Vectors:
        vectors = np.empty((count, self.dimension), np.float32)
        for row, vector in enumerate(found):
            vectors[row] = vector
        return vectors

    def _run(self, encoding: Encoding) -> Vectors:
        ids = np.array([encoding.ids], np.int64)
        asked = {"input_ids": ids}
        if self._card.graph == FORMER_GRAPH:
            asked["attention_mask"] = np.ones_like(ids)
        found: list[Vectors] = self._session.run(None, asked)
        vector: Vectors = found[0][0]
        return vector
