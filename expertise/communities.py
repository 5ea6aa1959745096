"""Which topics go together, which agents share several, and who could form a community."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from connectors.values import Agent
from expertise.holders import Holdings
from expertise.isolating import SCOPES, Isolation, Scope

if TYPE_CHECKING:
    import scipy.sparse as sp

SEED = 20
"""Louvain draws; the same seed gives the same communities."""
LEAST_MEMBERS = 3
LEAST_TOPICS = 2
"""A member of a detected community holds at least so many of its topics."""
LEAST_SHARED = 2
"""Topics are tied by at least so many holders: one person ties nothing."""


class CommunityKind(StrEnum):
    """Seen in what agents hold together, or proposed to those who are alone."""

    DETECTED = "detected"
    PROPOSED = "proposed"


@dataclass(frozen=True, slots=True)
class Community:
    """Topics and agents, by number."""

    kind: CommunityKind
    topics: tuple[int, ...]
    members: tuple[int, ...]


def detected_communities(holdings: Holdings, topics: int) -> list[Community]:
    """Topics that the same agents hold, found on the projection of holders onto topics.

    Louvain's method (Blondel et al., "Fast unfolding of communities in large
    networks", 2008) as NetworkX has it, seeded. Members hold at least two of the topics.
    """
    # Imported here: it takes a second, and answers have no use for it.
    import networkx as nx

    shared = _shared(holdings, topics)
    counts = np.sqrt(np.maximum(_held_by(holdings, topics), 1))
    graph = nx.Graph()
    for one, other, both in sorted(_triples(shared)):
        if one < other and both >= LEAST_SHARED:
            graph.add_edge(one, other, weight=both / float(counts[one] * counts[other]))
    found = []
    for group in nx.community.louvain_communities(graph, weight="weight", seed=SEED):
        together = tuple(sorted(group))
        members = _holding_several(holdings, together)
        if len(together) >= LEAST_TOPICS and len(members) >= LEAST_MEMBERS:
            found.append(Community(CommunityKind.DETECTED, together, members))
    return sorted(found, key=lambda one: one.topics)


def proposed_communities(
    holdings: Holdings, isolation: Isolation, agents: Sequence[Agent], topics: int
) -> list[Community]:
    """For each topic, those who are alone in their region, from at least three regions."""
    alone = np.flatnonzero(isolation.scope >= SCOPES.index(Scope.REGION))
    members: list[list[int]] = [[] for _ in range(topics)]
    for row in alone.tolist():
        if agents[int(holdings.agent[row])].departement:
            members[int(holdings.topic[row])].append(int(holdings.agent[row]))
    return [
        Community(CommunityKind.PROPOSED, (topic,), tuple(sorted(some)))
        for topic, some in enumerate(members)
        if len(some) >= LEAST_MEMBERS
    ]


def _holding_several(holdings: Holdings, topics: tuple[int, ...]) -> tuple[int, ...]:
    held = holdings.holds & np.isin(holdings.topic, topics)
    agents, counts = np.unique(holdings.agent[held], return_counts=True)
    return tuple(int(one) for one in agents[counts >= LEAST_TOPICS])


def _shared(holdings: Holdings, topics: int) -> "sp.coo_array":
    """How many holders each two topics share, (topics, topics)."""
    # Imported here: half a second, and most commands of the command line build nothing.
    import scipy.sparse as sp

    rows = np.flatnonzero(holdings.holds)
    agents = int(holdings.agent.max(initial=0)) + 1
    ones = np.ones(len(rows), dtype=np.int64)
    pairs = (holdings.topic[rows], holdings.agent[rows])
    held = sp.csr_array(sp.coo_array((ones, pairs), shape=(topics, agents)))
    return sp.coo_array(held @ held.T)


def _triples(shared: "sp.coo_array") -> list[tuple[int, int, int]]:
    """(topic, topic, holders in common) of every pair that has some."""
    columns = (shared.row.tolist(), shared.col.tolist(), shared.data.tolist())
    return list(zip(*columns, strict=True))


def _held_by(holdings: Holdings, topics: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.bincount(holdings.topic[holdings.holds], minlength=topics)
