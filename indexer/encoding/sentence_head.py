"""Turns the vectors of tokens into the vector of a text, as sentence-transformers does."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def _last_weighted(states: Floats) -> Floats:
    weights = np.arange(1, len(states) + 1, dtype=np.float32)
    weighted: Floats = weights @ states / weights.sum()
    return weighted


POOLINGS: Mapping[str, Callable[[Floats], Floats]] = {
    "cls": lambda states: states[0],
    "lasttoken": lambda states: states[-1],
    "max": lambda states: states.max(axis=0),
    "mean": lambda states: states.mean(axis=0),
    "mean_sqrt_len_tokens": lambda states: states.sum(axis=0) / np.sqrt(np.float32(len(states))),
    "weightedmean": _last_weighted,
}
"""Supported poolings, by their names in sentence-transformers."""


_erf = np.vectorize(math.erf, otypes=[np.float64])


def _gelu(x: Floats) -> Floats:
    bent: Floats = 0.5 * x * (1 + _erf(x / 2**0.5)).astype(x.dtype)
    return bent


ACTIVATIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, 0),
    "Sigmoid": lambda x: np.reciprocal(1 + np.exp(-x)),
    "SiLU": lambda x: x * np.reciprocal(1 + np.exp(-x)),
    "GELU": _gelu,
}
"""Supported activations of a dense layer, by their names in torch."""


@dataclass(frozen=True, slots=True)
class DenseWeights:
    """A dense layer: `weight` (out, in), `bias` (out,) and the name of the activation."""

    weight: Floats
    bias: Floats
    activation: str

    def __call__(self, x: Floats) -> Floats:
        """Map a vector (in,) to (out,)."""
        return ACTIVATIONS[self.activation](self.weight @ x + self.bias)


@dataclass(frozen=True, slots=True)
class SentenceHead:
    """Turns token vectors into a text's vector: pooling, dense layers, then length 1.

    Several poolings are concatenated. Texts are processed one at a time, without padding.
    """

    pooling: Sequence[str]
    dense: Sequence[DenseWeights] = ()

    def __call__(self, states: Floats) -> Floats:
        """Map token vectors (tokens, d) to a vector (d',) of length 1."""
        vector = np.concatenate([POOLINGS[mode](states) for mode in self.pooling])
        for layer in self.dense:
            vector = layer(vector)
        return unit(vector)


def unit(vector: Floats) -> Floats:
    """Return the vector scaled to length 1; a zero vector stays zero."""
    length = float(np.linalg.norm(vector))
    scaled: Floats = np.asarray(vector / length if length > 0 else vector, np.float32)
    return scaled
