"""The passages of one document that answer best, and what to highlight in them; pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.french import BESIDE
from indexer.highlights import highlights
from indexer.values import Passage, ShownPassage, Vectors


def best_passages(
    passages: Sequence[Passage],
    analysed: Sequence[str],
    wanted: frozenset[str],
    similarities: NDArray[np.float64] | None,
    count: int,
) -> tuple[ShownPassage, ...]:
    """Choose the `count` best, best first, ties in reading order; scores lie in [0, 1].

    Equal parts of the share of the wanted terms that stand in the passage, and of its
    similarity, min-max scaled over the document's passages; either alone where the
    question has no terms or no vector. `analysed[i]` is the encoded line of `passages[i]`.
    """
    parts = []
    if wanted:
        said = [set(line.replace(BESIDE, " ").split(" ")) for line in analysed]
        parts.append(np.array([len(wanted & terms) / len(wanted) for terms in said]))
    if similarities is not None and len(similarities):
        parts.append(_min_max(similarities))
    scores = np.mean(parts, axis=0) if parts else np.zeros(len(passages))
    order = np.argsort(-scores, kind="stable")[:count]
    return tuple(
        ShownPassage(passages[i], float(scores[i]), highlights(passages[i].text, wanted))
        for i in order
    )


def passage_similarities(vectors: Vectors, query: Vectors | None) -> NDArray[np.float64] | None:
    """Cosines (n,), rounded so that equal passages tie; None without a query."""
    if query is None:
        return None
    similarities: NDArray[np.float64] = (vectors @ query).astype(np.float64)
    return similarities.round(6)


def _min_max(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.ones(len(values))
