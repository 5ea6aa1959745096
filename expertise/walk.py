"""A walk on the window's own graph: documents and those who contributed to them."""

from collections.abc import Mapping

from expertise.values import Window
from expertise.votes import Vote

DAMPING = 0.85
"""The usual share of steps that follow an edge; the others restart at the question's documents."""

_FAINTEST = 1e-12
"""A fainter vote is what rounding left; its inverse overflows."""


def walk(window: Window, votes: Mapping[str, tuple[Vote, ...]]) -> dict[str, float]:
    """The share of visits to each owner, from 0 to 1 (the most visited has 1).

    A random walk with restart (Page et al. 1999; Serdyukov, Rode & Hiemstra, "Modeling
    multi-step relevance propagation for expert finding", CIKM 2008) between documents
    and owners, weighted by the votes; it restarts at documents by their score.
    """
    # Imported here: it takes a second, and most commands of the command line walk nowhere.
    import networkx as nx

    graph = nx.Graph()
    for owner, cast in votes.items():
        for vote in cast:
            if vote.weight > _FAINTEST:
                graph.add_edge(("document", vote.document_id), ("owner", owner), weight=vote.weight)
    restart = {
        ("document", ranked.card.document_id): ranked.score
        for ranked in window.documents
        if ranked.score > 0 and ("document", ranked.card.document_id) in graph
    }
    if not restart:
        return {}
    visits = nx.pagerank(graph, alpha=DAMPING, personalization=restart, weight="weight")
    owners = {name: share for (kind, name), share in visits.items() if kind == "owner"}
    most = max(owners.values())
    return {name: share / most for name, share in owners.items()}
