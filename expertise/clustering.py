"""Find communities of agents, and clusters of documents that no topic covers."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from expertise.corpus import SkippedItems, SkippedKind, UnlabelledDocument
from indexer.french.analysis import analyse

LOUVAIN_SEED = 20
"""Seed of Louvain's method, which is random: the same seed gives the same communities."""
LEAST_MEMBERS = 3
LEAST_TOPICS = 2
"""A member of a detected community holds at least this many of its topics."""
LEAST_SHARED_HOLDERS = 2
"""Two topics are linked if at least this many agents hold both."""


class CommunityKind(StrEnum):
    """Whether a community was detected from common topics or proposed to isolated holders."""

    DETECTED = "detected"
    PROPOSED = "proposed"


def linked_topics(
    pairs: Iterable[tuple[int, int, int]], counts: Mapping[int, int]
) -> list[tuple[int, ...]]:
    """Return groups of at least two topics, sorted.

    `pairs` are (topic, other topic, number of common holders), sorted; `counts` are the numbers of
    holders of each topic.
    """
    # Imported here: it takes a second, and answers do not need it.
    import networkx as nx

    root = {topic: math.sqrt(max(many, 1)) for topic, many in counts.items()}
    graph = nx.Graph()
    for topic, other, both in pairs:
        if both >= LEAST_SHARED_HOLDERS:
            graph.add_edge(topic, other, weight=both / (root[topic] * root[other]))
    groups = nx.community.louvain_communities(graph, weight="weight", seed=LOUVAIN_SEED)
    return sorted(tuple(sorted(group)) for group in groups if len(group) >= LEAST_TOPICS)


LEAST_DOCUMENTS = 5
"""Least number of documents in a cluster."""
CLUSTER_DISTANCE = 0.6
"""Average cosine distance between centred vectors up to which two clusters are merged. Unrelated
texts have distance 1 after centring, whatever the encoder.
"""
LARGEST_CLUSTER_SHARE = 0.25
"""A cluster with a larger share of all documents is not a topic: it shows what all texts share."""
TERMS_KEPT = 8
"""Number of terms kept of a cluster."""
BIGRAM_WEIGHT = 1.3
"""Factor for a pair of adjacent words, which is more specific than each word."""
LEAST_WITH_TERM = 3
"""Number of the cluster's documents that must contain a term."""

_SEPARATOR = re.compile('[.,;:!?()\\[\\]«»"\\d\\x00-\\x1f\\x7f\ufffd\ud800-\udfff]')
"""Matches what no term contains: punctuation, digits, and characters that databases do not store.
"""
_LONGEST_TERM = 60


@dataclass(frozen=True, slots=True)
class ClusterTerm:
    """A term as written, and the indices of the cluster's documents that contain it."""

    written: str
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Documents on one subject, and the terms that distinguish them from the others."""

    documents: tuple[UnlabelledDocument, ...]
    terms: tuple[ClusterTerm, ...]


def discover_clusters(
    leftovers: Sequence[UnlabelledDocument], omissions: SkippedItems | None = None
) -> tuple[Cluster, ...]:
    """Return clusters, largest first; the same documents give the same clusters.

    Average linkage (Sokal & Michener 1958) on the cosine distance of vectors minus their common
    mean. Terms are chosen by how much more often the cluster contains them (class-based tf-idf,
    Grootendorst, "BERTopic", 2022, on documents instead of occurrences). A document that fails is
    recorded in `omissions`.
    """
    omissions = omissions or SkippedItems()
    if len(leftovers) < 2 * LEAST_DOCUMENTS:
        return ()
    groups = [
        group
        for group in _cluster_members(leftovers)
        if len(group) <= LARGEST_CLUSTER_SHARE * len(leftovers)
    ]
    if not groups:
        return ()
    terms: dict[int, _DocumentTerms] = {}
    for number, document in enumerate(leftovers):
        with omissions.instead(SkippedKind.DOCUMENT, document.document_id):
            terms[number] = _document_terms(document)
    groups = [[n for n in group if n in terms] for group in groups]
    spread = Counter(term for document in terms.values() for term in document.terms)
    clusters = [
        Cluster(
            tuple(leftovers[n] for n in group),
            _cluster_terms([terms[n] for n in group], spread, len(leftovers)),
        )
        for group in groups
        if len(group) >= LEAST_DOCUMENTS
    ]
    named = [cluster for cluster in clusters if cluster.terms]
    return tuple(
        sorted(
            named, key=lambda cluster: (-len(cluster.documents), cluster.documents[0].document_id)
        )
    )


def _cluster_members(leftovers: Sequence[UnlabelledDocument]) -> list[list[int]]:
    """Return the indices of the documents of each cluster that is large enough, ascending."""
    vectors = np.stack([document.vector for document in leftovers]).astype(np.float64)
    centred = vectors - vectors.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    centred = np.round(centred, 6)
    # Documents equal to the mean have no direction, and are in no cluster.
    apart = np.flatnonzero(centred.any(axis=1))
    if len(apart) < 2 * LEAST_DOCUMENTS:
        return []
    centred = centred[apart]
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    groups = average_linkage(np.round(1 - centred @ centred.T, 6), CLUSTER_DISTANCE)
    return [apart[group].tolist() for group in groups if len(group) >= LEAST_DOCUMENTS]


def average_linkage(distances: NDArray[np.float64], most: float) -> list[list[int]]:
    """Return the groups, each sorted, that average linkage makes up to the distance `most`.

    `distances` (n, n) is symmetric, and is overwritten. Follows chains of nearest neighbours: two
    groups that are nearest to each other are merged (Müllner, arXiv:1109.2378, fig. 3). A group
    whose nearest is farther than `most` is complete, since a merge never brings groups closer.
    """
    np.fill_diagonal(distances, np.inf)
    groups = {number: [number] for number in range(len(distances))}
    left, chain = set(groups), list[int]()
    while left:
        last = chain[-1] if chain else min(left)
        nearest = int(distances[last].argmin())
        if len(chain) > 1 and distances[last, chain[-2]] == distances[last, nearest]:
            nearest = chain[-2]
        if not distances[last, nearest] <= most:
            for number in chain or [last]:
                distances[number] = distances[:, number] = np.inf
                left.remove(number)
            chain = []
        elif len(chain) > 1 and nearest == chain[-2]:
            size, merged = len(groups[nearest]), groups.pop(last)
            mean = distances[nearest] * size + distances[last] * len(merged)
            distances[last] = distances[:, last] = np.inf
            mean = mean / (size + len(merged))
            mean[last] = mean[nearest] = np.inf
            distances[nearest] = distances[:, nearest] = mean
            groups[nearest] += merged
            left.remove(last)
            chain = chain[:-2]
        else:
            chain = [*(chain or [last]), nearest]
    return [sorted(group) for group in groups.values()]


@dataclass(frozen=True, slots=True)
class _DocumentTerms:
    """The spelling of each of a document's terms, and the terms of its title."""

    terms: Mapping[str, str]
    titled: frozenset[str]


def _document_terms(document: UnlabelledDocument) -> _DocumentTerms:
    titled = _terms(document.title)
    return _DocumentTerms({**_terms(document.text), **titled}, frozenset(titled))


def _terms(text: str) -> dict[str, str]:
    """Return the spelling of each of a text's terms and pairs of adjacent terms."""
    forms: dict[str, str] = {}
    analysed = analyse(text)
    for term, following in zip_longest(analysed, analysed[1:]):
        word = text[term.start : term.end]
        if len(word) > 2 and not _SEPARATOR.search(word):
            forms.setdefault(term.term, word.lower())
        if following and 0 < following.position - term.position <= 2:
            pair = text[term.start : following.end]
            if len(pair) <= _LONGEST_TERM and not _SEPARATOR.search(pair):
                forms.setdefault(f"{term.term} {following.term}", pair.lower())
    return forms


def _cluster_terms(
    members: Sequence[_DocumentTerms], spread: Counter[str], documents: int
) -> tuple[ClusterTerm, ...]:
    """Return the terms that distinguish the cluster best; no two of them share a word."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, document in enumerate(members):
        for term in document.terms:
            places[term].append(place)
    titled = Counter(term for document in members for term in document.titled)

    def worth(term: str) -> float:
        inside = (len(places[term]) + titled[term]) / len(members)
        return inside * math.log(documents / spread[term]) * (BIGRAM_WEIGHT if " " in term else 1.0)

    enough = [term for term, numbers in places.items() if len(numbers) >= LEAST_WITH_TERM]
    chosen: list[str] = []
    for term in sorted(enough, key=lambda term: (-worth(term), term)):
        words = set(term.split())
        if worth(term) > 0 and not any(words & set(other.split()) for other in chosen):
            chosen.append(term)
        if len(chosen) == TERMS_KEPT:
            break
    return tuple(
        ClusterTerm(_most_common_form(term, members), tuple(places[term])) for term in chosen
    )


def _most_common_form(term: str, members: Sequence[_DocumentTerms]) -> str:
    """Return the spelling that most of the documents use."""
    ways = Counter(document.terms[term] for document in members if term in document.terms)
    return min(ways, key=lambda way: (-ways[way], way))
