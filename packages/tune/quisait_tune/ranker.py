"""A ranker learned from a site's own judged questions: its file, features, trees and order.

`quisait tune` writes its file (decision 45). A ranker reorders the first hits of a reader's own
window: it adds and removes nothing, and each place keeps its score.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from indexer.values import SearchAnswer
from search_api.query.glossary import file_stamp
from search_api.ranking.fusion import FusedHit
from search_api.ranking.titles import asked_terms, title_shares
from search_api.ranking.window import Floats, FusedWindow, WindowOrder, centroid_cosines
from search_api.wording import day

log = logging.getLogger(__name__)

FORMAT = 2
"""Increase it when a feature changes its meaning: older rankers are then ignored."""

FEATURES = (
    "score",
    "lexical",
    "vector",
    "lexical_place",
    "vector_place",
    "passage",
    "centroid",
    "near_hits",
    "title_asked",
    "question_titled",
)
"""The features of a hit; each grows with what it names.

In order: the fused score; its parts by words and by vector (0 to 1); one divided by its rank in
each ranking (0 without a rank); the cosines of its best passage and of its centroid, minus the
window's best; what near hits added or subtracted; the share of its title's words that the question
has, and the share of the question's words that its title has (0 to 1).
"""

MOST_REORDERED = 100
"""Number of first hits that are reordered: a question's first ten pages."""
STEP = 1e-9
"""Difference between the scores of two places whose scores were equal."""
MOST_TREES, MOST_NODES = 300, 63
"""A file with more trees, or with a larger tree, was not written by `quisait tune`."""
MOST_BYTES = 4_000_000

Numbers = NDArray[np.int64]


class RankerIgnored(ValueError):
    """A ranker's file that cannot be used; the text is a French sentence with the remedy."""


class Tree(BaseModel):
    """A regression tree, node by node, the root first.

    A node with `left` 0 is a leaf with the output `value`. Otherwise a hit goes to node `left` if
    its feature is at most `threshold`, else to node `right`; both have larger numbers than the
    node.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: tuple[Annotated[int, Field(ge=0, lt=len(FEATURES))], ...]
    threshold: tuple[Annotated[float, Field(allow_inf_nan=False)], ...]
    left: tuple[Annotated[int, Field(ge=0, lt=MOST_NODES)], ...]
    right: tuple[Annotated[int, Field(ge=0, lt=MOST_NODES)], ...]
    value: tuple[Annotated[float, Field(allow_inf_nan=False)], ...]

    @model_validator(mode="after")
    def _is_a_tree(self) -> "Tree":
        count = len(self.value)
        if not 0 < count <= MOST_NODES:
            raise ValueError("no tree")
        if {len(self.feature), len(self.threshold), len(self.left), len(self.right)} != {count}:
            raise ValueError("columns of several lengths")
        for at, (left, right) in enumerate(zip(self.left, self.right, strict=True)):
            if (left or right) and not at < min(left, right) <= max(left, right) < count:
                raise ValueError("a node that does not stand behind its parent")
        return self


class Ranker(BaseModel):
    """The trees, their encoder and features, and their gain on questions not used for training.

    `before` and `after` are nDCG@10 out of fold, without and with the trees; `p_value` is the
    result of the paired randomisation test by groups. `questions` is the number of judged
    questions, `groups` the number of their groups.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    encoder: str
    features: tuple[str, ...]
    made: date
    questions: int
    groups: int
    before: float
    after: float
    p_value: float
    trees: Annotated[tuple[Tree, ...], Field(min_length=1, max_length=MOST_TREES)]

    @cached_property
    def forest(self) -> "Forest":
        """The trees, prepared for scoring."""
        return Forest.of(self.trees)


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees in columns of shape (trees, nodes); a leaf leads to itself."""

    feature: Numbers
    threshold: Floats
    left: Numbers
    right: Numbers
    value: Floats

    @classmethod
    def of(cls, trees: Sequence[Tree]) -> "Forest":
        """Return a forest of at least one tree."""
        shape = len(trees), max(len(tree.value) for tree in trees)
        feature, threshold, value = np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape)
        left = np.tile(np.arange(shape[1]), (shape[0], 1))
        right = left.copy()
        for row, tree in enumerate(trees):
            for at, (low, high) in enumerate(zip(tree.left, tree.right, strict=True)):
                if low:
                    left[row, at], right[row, at] = low, high
            width = len(tree.value)
            feature[row, :width], threshold[row, :width] = tree.feature, tree.threshold
            value[row, :width] = tree.value
        return cls(feature, threshold, left, right, value)

    def scores(self, features: Floats) -> Floats:
        """Return the sums of all trees, of shape (n,), for features of shape (n, features).

        They are rounded, so that equal sums tie whatever the order of the additions.
        """
        trees = np.arange(len(self.value))[None, :]
        at = np.zeros((len(features), len(self.value)), dtype=np.int64)
        while True:
            seen = np.take_along_axis(features, self.feature[trees, at], axis=1)
            low = seen <= self.threshold[trees, at]
            below = np.where(low, self.left[trees, at], self.right[trees, at])
            if np.array_equal(below, at):
                break
            at = below
        summed: Floats = np.round(self.value[trees, at].sum(axis=1), 6)
        return summed


def read_ranker(path: Path, encoder: str) -> Ranker | None:
    """Return the ranker of a file for the encoder of that name, or None without a file.

    Raises `RankerIgnored` if the file has another format or encoder, or is not readable.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RankerIgnored(_ignored("il ne peut être lu")) from error
    try:
        if len(content) > MOST_BYTES:
            raise RankerIgnored(_ignored("il est trop grand pour être de quisait"))
        ranker = Ranker.model_validate_json(content)
    except ValidationError as error:
        raise RankerIgnored(_ignored("il est abîmé, ou d'une autre version de quisait")) from error
    if (ranker.format, ranker.features) != (FORMAT, FEATURES):
        raise RankerIgnored(_ignored("il est d'une autre version de quisait"))
    if ranker.encoder != encoder:
        raise RankerIgnored(_ignored(f"il est fait pour le modèle {ranker.encoder}"))
    return ranker


class RankerFile:
    """The ranker in a file, read again when it changes; an unusable file is logged once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[str, tuple[int, int] | None] | None = None
        self._ranker: Ranker | None = None
        self._reading = threading.Lock()

    def ranker(self, encoder: str) -> Ranker | None:
        """Return the ranker for the encoder of that name, or None.

        The file is read again if its time or size has changed.
        """
        with self._reading:
            seen = encoder, file_stamp(self._path)
            if seen != self._seen:
                self._seen = seen
                self._ranker = self._read(encoder)
            return self._ranker

    def _read(self, encoder: str) -> Ranker | None:
        try:
            return read_ranker(self._path, encoder)
        except RankerIgnored as error:
            log.warning("ranker ignored", extra={"error": type(error).__name__})
            return None


def _ignored(why: str) -> str:
    return (
        f"le classement réglé est ignoré : {why}. « quisait tune » en fait un autre, "
        "« quisait tune --off » l'enlève"
    )


def features_of(
    hits: Sequence[FusedHit],
    found: SearchAnswer,
    centroid_cosines: Mapping[str, float],
    question: str,
) -> Floats:
    """Return the features of hits of one window, of shape (n, features), ordered as `FEATURES`.

    `question` contains the wanted words. A hit without a vector in the window gets the lowest
    cosine of the window.
    """
    passages = {hit.document_id: hit.score for hit in found.vector}
    ids = [hit.document_id for hit in hits]
    asked = asked_terms(question)
    rows = [
        (
            hit.score,
            hit.lexical,
            hit.vector,
            1 / hit.lexical_rank if hit.lexical_rank else 0.0,
            1 / hit.vector_rank if hit.vector_rank else 0.0,
            passage,
            centroid,
            hit.near_hits,
            *title_shares(asked, found.attributes.get(hit.document_id)),
        )
        for hit, passage, centroid in zip(
            hits, _below_best(ids, passages), _below_best(ids, centroid_cosines), strict=True
        )
    ]
    return np.round(np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES)), 6)


def _below_best(ids: Sequence[str], cosines: Mapping[str, float]) -> list[float]:
    """Return each document's cosine minus the best one (0 or less)."""
    if not cosines:
        return [0.0] * len(ids)
    best, least = max(cosines.values()), min(cosines.values())
    return [cosines.get(id_, least) - best for id_ in ids]


def reordered(hits: Sequence[FusedHit], features: Floats, ranker: Ranker) -> tuple[FusedHit, ...]:
    """Return the hits with the first `MOST_REORDERED` in the ranker's order; ties stay in place.

    `features` are those of these first hits. The places keep their scores (except for `STEP`);
    `learned` is what a hit gained or lost by its new place.
    """
    first, rest = hits[:MOST_REORDERED], hits[MOST_REORDERED:]
    scores = ranker.forest.scores(features).tolist()
    order = sorted(range(len(first)), key=lambda at: -scores[at])
    # Equal scores are made different, or a later sort would order these hits by id.
    places = [hit.score + (len(first) - at) * STEP for at, hit in enumerate(first)]
    again = [
        first[at]._replace(score=score, learned=0.0 if at == place else score - first[at].score)
        for place, (score, at) in enumerate(zip(places, order, strict=True))
    ]
    return (*again, *rest)


def learned_order(ranker_of: Callable[[str], Ranker | None]) -> WindowOrder:
    """Return the order of the ranker that `ranker_of` returns for an encoder; fused without one."""

    def order(window: FusedWindow) -> tuple[FusedHit, ...]:
        ranker = ranker_of(window.encoder)
        return reordered(window.hits, window_features(window), ranker) if ranker else window.hits

    return order


def window_features(window: FusedWindow) -> Floats:
    """Return features (n, features) of the first hits, for a ranker's use and training."""
    first = window.hits[:MOST_REORDERED]
    cosines = centroid_cosines(first, window.found.attributes, window.vector)
    return features_of(first, window.found, cosines, window.question)


def ranking_said(ranker: Ranker) -> str:
    """Return a French sentence on a ranker: its training and its gain."""
    return (
        f"réglé le {day(ranker.made)} sur {ranker.questions} questions jugées ; nDCG@10 sur des "
        "questions qu'il n'avait pas vues : "
        f"{ranker.before:.3f} sans lui, {ranker.after:.3f} avec (p = {ranker.p_value:.3f})"
    )
