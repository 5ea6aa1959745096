"""A walk on the window's own graph: documents, those who contributed to them, communities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from expertise.values import Window
from expertise.votes import Vote
from expertise.voting import SHARPNESS

DAMPING = 0.85
"""The usual share of steps that follow an edge; the others restart at the question's documents."""

SPACE_WEIGHT = 0.05
"""A document's edge to its space, beside an author's of 1: a community is a hint, no evidence."""

SMALL_GRAPH_EDGES = 200
"""Up to so many edges the reference walks; beyond, sums over a sparse matrix."""

_FAINTEST = 1e-12
"""A fainter share is what rounding left; its inverse overflows."""

_TOLERANCE, _MOST_STEPS = 1e-10, 200

Node = tuple[str, str]
"""(kind, id): a document, an owner or a space."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Undirected weighted edges, and the documents where the walk restarts, with what weight.

    Each edge goes from a document to one of its owners, or to its space.
    """

    edges: Mapping[tuple[Node, Node], float]
    restart: Mapping[Node, float]


def walk(
    window: Window, votes: Mapping[str, tuple[Vote, ...]], sharpness: float = SHARPNESS
) -> dict[str, float]:
    """The share of visits to each owner, from 0 to 1 (the most visited has 1).

    A random walk with restart (Page et al. 1999; Serdyukov, Rode & Hiemstra, "Modeling
    multi-step relevance propagation for expert finding", CIKM 2008) between documents
    and owners, weighted by the votes' shares, and over the spaces that documents share;
    it restarts at documents by their sharpened score.
    """
    graph = graph_of(window, votes, sharpness)
    if not graph.restart:
        return {}
    visits = _chosen(graph)(graph)
    owners = {name: share for (kind, name), share in visits.items() if kind == "owner"}
    most = max(owners.values())
    return {name: share / most for name, share in owners.items()}


def graph_of(
    window: Window, votes: Mapping[str, tuple[Vote, ...]], sharpness: float = SHARPNESS
) -> Graph:
    """The documents that vote, their owners, and the spaces of these documents."""
    nodes: dict[str, Node] = {}
    edges: dict[tuple[Node, Node], float] = {}
    for owner, cast in votes.items():
        whom: Node = ("owner", owner)
        for vote in cast:
            if vote.weight > _FAINTEST:
                node = nodes.setdefault(vote.document_id, ("document", vote.document_id))
                edges[node, whom] = vote.share
    restart: dict[Node, float] = {}
    for ranked in window.documents:
        voting = nodes.get(ranked.card.document_id)
        if voting:
            restart[voting] = ranked.score**sharpness
            if ranked.card.space:
                edges[voting, ("space", ranked.card.space)] = SPACE_WEIGHT
    return Graph(edges, restart if sum(restart.values()) > 0 else {})


def _chosen(graph: Graph) -> Callable[[Graph], dict[Node, float]]:
    return reference_walk if len(graph.edges) <= SMALL_GRAPH_EDGES else sparse_walk


def reference_walk(graph: Graph) -> dict[Node, float]:
    """The share of visits to each node, by NetworkX."""
    # Imported here: it takes a second, and most commands of the command line walk nowhere.
    import networkx as nx

    drawn = nx.Graph()
    drawn.add_weighted_edges_from((a, b, weight) for (a, b), weight in graph.edges.items())
    visits: dict[Node, float] = nx.pagerank(
        drawn,
        alpha=DAMPING,
        personalization=graph.restart,
        weight="weight",
        tol=_TOLERANCE,
        max_iter=_MOST_STEPS,
    )
    return visits


def sparse_walk(graph: Graph) -> dict[Node, float]:
    """The same, by sums over sparse matrices: there from documents and back, in one step of two."""
    # Imported here, as NetworkX is, and for the same reason.
    from scipy import sparse

    documents: dict[Node, int] = {}
    others: dict[Node, int] = {}
    rows = np.array([documents.setdefault(document, len(documents)) for document, _ in graph.edges])
    columns = np.array([others.setdefault(other, len(others)) for _, other in graph.edges])
    weights = np.fromiter(graph.edges.values(), dtype=np.float64)
    size = (len(documents), len(others))
    leaving = weights / np.bincount(rows, weights)[rows]
    returning = weights / np.bincount(columns, weights)[columns]
    there = sparse.csr_matrix((DAMPING * leaving, (columns, rows)), shape=size[::-1])
    back = sparse.csr_matrix((DAMPING * returning, (rows, columns)), shape=size)
    restart = np.zeros(len(documents))
    for node, score in graph.restart.items():
        restart[documents[node]] = score
    restart *= (1 - DAMPING) / restart.sum()
    share = restart
    for _ in range(_MOST_STEPS):
        before, share = share, back @ (there @ share) + restart
        if np.abs(share - before).sum() < _TOLERANCE:
            break
    visits = {node: float(share[n]) for node, n in documents.items()}
    elsewhere = there @ share
    return visits | {node: float(elsewhere[n]) for node, n in others.items()}
