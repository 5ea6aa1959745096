"""Contributions and the topics of their documents become strengths, one for each cell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expertise.corpus import Corpus, Numbers

VOLUME_DISCOUNT = 0.8
"""How much less each further document says: who wrote much is not who knows most."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Topic × agent, by topic, then agent; a cell without evidence is not there.

    `topic`, `agent` and `strength` have shape (cells,). The evidence of cell i stands at
    `start[i]` to `start[i + 1]` in `document`, `account` and `weight`, strongest first.
    """

    topic: Numbers
    agent: Numbers
    strength: NDArray[np.float64]
    start: Numbers
    document: Numbers
    account: Numbers
    weight: NDArray[np.float64]


def weigh(corpus: Corpus, owner: Numbers) -> Cells:
    """The strength of each agent on each topic, and all that it rests on.

    `owner` has shape (accounts,): the agent of each account, -1 where it has none. A
    document says its confidence in the topic times the best weight among the agent's
    contributions to it; the i-th strongest (from 0) counts `VOLUME_DISCOUNT` to the i,
    the geometric discount of Moffat & Zobel, "Rank-biased precision" (TOIS 2008);
    `discounted` is the reference.
    """
    document, agent, account, weight = _best_rows(corpus, owner)
    row, topic, confidence = _spread(corpus, document)
    said = np.round(confidence * weight[row], 6)
    keep = np.flatnonzero(said > 0)
    row, topic, said = row[keep], topic[keep], said[keep]
    order = np.lexsort((document[row], -said, agent[row], topic))
    row, topic, said = row[order], topic[order], said[order]
    begins = _begins(topic, agent[row])
    start = np.append(begins, len(row))
    rank = np.arange(len(row)) - np.repeat(begins, np.diff(start))
    discounted = said * np.power(VOLUME_DISCOUNT, rank)
    strength = np.add.reduceat(discounted, begins) if len(begins) else np.empty(0)
    return Cells(
        topic=topic[begins],
        agent=agent[row[begins]],
        strength=np.round(strength, 6),
        start=start,
        document=document[row],
        account=account[row],
        weight=said,
    )


def discounted(said: Sequence[float]) -> float:
    """The strength of what documents say, strongest first: the same sum for one cell."""
    return math.fsum(one * VOLUME_DISCOUNT**rank for rank, one in enumerate(said))


def _best_rows(
    corpus: Corpus, owner: Numbers
) -> tuple[Numbers, Numbers, Numbers, NDArray[np.float64]]:
    """(document, agent, account, weight): one row for each agent of a document, their best."""
    agent = owner[corpus.account] if len(corpus.account) else corpus.account
    known = np.flatnonzero(agent >= 0)
    order = known[
        np.lexsort(
            (
                corpus.account[known],
                -corpus.weight[known],
                agent[known],
                corpus.document[known],
            )
        )
    ]
    first = order[_begins(corpus.document[order], agent[order])]
    return corpus.document[first], agent[first], corpus.account[first], corpus.weight[first]


def _spread(corpus: Corpus, document: Numbers) -> tuple[Numbers, Numbers, NDArray[np.float64]]:
    """(row, topic, confidence): each row once for each topic of its document."""
    starts = corpus.topics.indptr.astype(np.int64)
    counts = np.diff(starts)[document]
    row = np.repeat(np.arange(len(document)), counts)
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = starts[document[row]] + within
    return (
        row,
        corpus.topics.indices[place].astype(np.int64),
        corpus.topics.data[place].astype(np.float64),
    )


def _begins(one: Numbers, other: Numbers) -> Numbers:
    """Where a new pair begins in two sorted columns."""
    if not len(one):
        return np.empty(0, dtype=np.int64)
    changes = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return np.concatenate((np.zeros(1, dtype=np.int64), np.flatnonzero(changes) + 1))
