"""The quick encoder: an exported model, with onnxruntime and tokenizers only."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from indexer.encoding.model_card import ONNX_FILE, read_card
from indexer.encoding.model_text import encodable
from indexer.values import Vectors

_BATCH_TOKENS = 2048


class OnnxEncoder:
    """A directory written by `export_model`, in 8 bits.

    `threads` bounds the processor cores of one call; 0 takes them all. Calls from
    several threads are safe. Raises `FileNotFoundError` where the directory is none.
    """

    def __init__(self, directory: Path, threads: int = 0) -> None:
        self._card = read_card(directory)
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self._card.max_tokens)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(directory / ONNX_FILE), options, providers=["CPUExecutionProvider"]
        )

    @property
    def name(self) -> str:
        """Model, precision and the weights' hash, so that cached vectors never mix."""
        return f"{self._card.model}/onnx-int8/{self._card.weights_sha256[:8]}"

    @property
    def dimension(self) -> int:
        """d, as the directory says."""
        return self._card.dimension

    def passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d), rows of length 1, in the order of `texts`."""
        return self._encode(texts, self._card.prompts["passage"])

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions."""
        return self._encode(texts, self._card.prompts["query"])

    def _encode(self, texts: Sequence[str], prompt: str) -> Vectors:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        encodings = self._tokenizer.encode_batch([prompt + encodable(text) for text in texts])
        for rows in _batches([len(encoding.ids) for encoding in encodings]):
            vectors[rows] = self._run([encodings[row] for row in rows])
        return vectors

    def _run(self, encodings: Sequence[Encoding]) -> Vectors:
        longest = max(len(encoding.ids) for encoding in encodings)
        ids = np.zeros((len(encodings), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        found: list[NDArray[np.float32]] = self._session.run(
            None, {"input_ids": ids, "attention_mask": mask}
        )
        return found[0]


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Rows of like length together, longest first: little padding, a bounded size."""
    batches: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if not batches or (len(batches[-1]) + 1) * longest > _BATCH_TOKENS:
            batches.append([])
            longest = lengths[row]
        batches[-1].append(row)
    return batches
