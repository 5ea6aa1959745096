"""Random walk over the documents of a window and their people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from expertise.values import TopicsOf, Window
from expertise.votes import SHARPNESS, Vote

DAMPING = 0.85
"""The usual probability of following an edge; otherwise the walk restarts at a document."""

SPACE_WEIGHT = 0.05
"""Weight of the edge from a document to its space, a weak hint; the edge to an author has weight 1.
"""

TOPIC_WEIGHT = 0.2
"""Weight of the edge from a document to a topic, times the confidence of the assignment. A larger
weight gains on expert_dblp's seven topic names and loses on its other questions (decision 28, tried
by hand).
"""

NO_TOPICS: TopicsOf = MappingProxyType({})

_LEAST_EDGE = 1e-12
"""Smaller weights are rounding errors, and their inverse overflows."""

_TOLERANCE, _MOST_STEPS = 1e-10, 200

Node = tuple[str, str]
"""(kind, id) of a document, an owner, a space or a topic."""


@dataclass(frozen=True, slots=True)
class WalkGraph:
    """Undirected weighted edges from documents to their owners, spaces and topics.

    An edge is (index of a document, index in `others`, weight); no edge is repeated, and every
    node has one. The walk restarts at documents, with the weights in `restart`.
    """

    documents: Sequence[str]
    others: Sequence[Node]
    edges: Sequence[tuple[int, int, float]]
    restart: Sequence[float]


def walk(
    window: Window,
    votes: Mapping[str, tuple[Vote, ...]],
    topics: TopicsOf = NO_TOPICS,
    sharpness: float = SHARPNESS,
) -> dict[str, float]:
    """Return the share of visits to each owner, from 0 to 1; the most visited owner has 1.

    A random walk with restart (Page et al. 1999; Serdyukov, Rode & Hiemstra, "Modeling multi-step
    relevance propagation for expert finding", CIKM 2008) between documents and owners, weighted by
    the votes' shares, and over the spaces and topics that documents share. It restarts at documents
    by their sharpened, smoothed score.
    """
    graph = graph_of(window, votes, topics, sharpness)
    if sum(graph.restart) <= 0:
        return {}
    visits = visits_of(graph)
    owners = {name: share for (kind, name), share in visits.items() if kind == "owner"}
    most = max(owners.values())
    return {name: share / most for name, share in owners.items()}


def graph_of(
    window: Window,
    votes: Mapping[str, tuple[Vote, ...]],
    topics: TopicsOf = NO_TOPICS,
    sharpness: float = SHARPNESS,
) -> WalkGraph:
    """Return the graph of the documents that vote, their owners, spaces and topics."""
    documents: dict[str, int] = {}
    others: dict[Node, int] = {}
    edges: list[tuple[int, int, float]] = []
    for owner, cast in votes.items():
        for vote in cast:
            if vote.weight > _LEAST_EDGE:
                whom = others.setdefault(("owner", owner), len(others))
                number = documents.setdefault(vote.document_id, len(documents))
                edges.append((number, whom, vote.share))
    restart = [0.0] * len(documents)
    for ranked in window.documents:
        voting = documents.get(ranked.card.document_id)
        if voting is not None:
            restart[voting] = ranked.smoothed**sharpness
            if ranked.card.space:
                space = others.setdefault(("space", ranked.card.space), len(others))
                edges.append((voting, space, SPACE_WEIGHT))
            for topic, confidence in topics.get(ranked.card.document_id, ()):
                subject = others.setdefault(("topic", topic), len(others))
                edges.append((voting, subject, TOPIC_WEIGHT * confidence))
    return WalkGraph(tuple(documents), tuple(others), edges, restart)


def visits_of(graph: WalkGraph) -> dict[Node, float]:
    """Return the share of visits to each node; they sum to 1.

    An iteration goes from documents to the other nodes and back.
    """
    rows, columns, weights = map(np.array, zip(*graph.edges, strict=True))
    documents, others = len(graph.documents), len(graph.others)
    leaving = DAMPING * weights / np.bincount(rows, weights)[rows]
    returning = DAMPING * weights / np.bincount(columns, weights)[columns]
    restart = np.array(graph.restart)
    restart *= (1 - DAMPING) / restart.sum()
    share = restart
    for _ in range(_MOST_STEPS):
        there = np.bincount(columns, leaving * share[rows], others)
        before, share = share, np.bincount(rows, returning * there[columns], documents) + restart
        if np.abs(share - before).sum() < _TOLERANCE:
            break
    there = np.bincount(columns, leaving * share[rows], others)
    named = zip((("document", name) for name in graph.documents), share.tolist(), strict=True)
    return dict(named) | dict(zip(graph.others, there.tolist(), strict=True))
