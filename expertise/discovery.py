"""Clusters of documents that no topic of the list covers, each named by its own terms.

What is found is only proposed: see `expertise.proposals`. Read `discovered` first.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from expertise.left_out import Omissions, Part
from expertise.leftovers import Leftover
from indexer.french import analyse

LEAST_DOCUMENTS = 5
"""Fewer are no topic yet."""
CUT = 0.6
"""Cosine distance between centred vectors, on average over two clusters, up to which they
are one: centred, unrelated texts stand at 1, whatever the encoder."""
MOST_SHARE = 0.25
"""A cluster of more of all that was left over is what texts have in common, no topic."""
NAMES = 8
"""Terms kept of a cluster."""
PAIR = 1.3
"""Two words side by side name more than each of them."""
LEAST_WITH_TERM = 3
"""Documents of the cluster that a term must stand in."""

_APART = re.compile('[.,;:!?()\\[\\]«»"\\d\\x00-\\x1f\\x7f\ufffd\ud800-\udfff]')
"""What never stands in a term: signs between two phrases, figures, and what no database keeps."""
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class NamedTerm:
    """A term as it is written, and the documents of the cluster (places) that have it."""

    written: str
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Documents that speak of the same, and the terms that tell them from the others."""

    documents: tuple[Leftover, ...]
    terms: tuple[NamedTerm, ...]


def discovered(
    leftovers: Sequence[Leftover], omissions: Omissions | None = None
) -> tuple[Cluster, ...]:
    """Clusters, the largest first; the same for the same documents.

    Average linkage (Sokal & Michener 1958) on the cosine distance of vectors less their
    common mean; terms by how much more often the cluster has them (class-based tf-idf,
    Grootendorst, "BERTopic", 2022, on documents instead of occurrences). A document whose
    text fails is noted in `omissions`.
    """
    omissions = omissions or Omissions()
    if len(leftovers) < 2 * LEAST_DOCUMENTS:
        return ()
    groups = [one for one in _groups(leftovers) if len(one) <= MOST_SHARE * len(leftovers)]
    if not groups:
        return ()
    said: dict[int, _Said] = {}
    for number, one in enumerate(leftovers):
        with omissions.instead(Part.DOCUMENT, one.document_id):
            said[number] = _said(one)
    groups = [[n for n in group if n in said] for group in groups]
    spread = Counter(term for one in said.values() for term in one.terms)
    found = [
        Cluster(
            tuple(leftovers[n] for n in group),
            _names([said[n] for n in group], spread, len(leftovers)),
        )
        for group in groups
        if len(group) >= LEAST_DOCUMENTS
    ]
    named = [one for one in found if one.terms]
    return tuple(sorted(named, key=lambda one: (-len(one.documents), one.documents[0].document_id)))


def _groups(leftovers: Sequence[Leftover]) -> list[list[int]]:
    """Places of each cluster of enough documents, ascending."""
    # Imported here: it takes a while, and only a build has a use for it.
    from scipy.cluster.hierarchy import fcluster, linkage

    vectors = np.stack([one.vector for one in leftovers]).astype(np.float64)
    centred = vectors - vectors.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    centred = np.round(centred, 6)
    # What all have in common has no direction of its own, and stands in no cluster.
    apart = np.flatnonzero(centred.any(axis=1))
    if len(apart) < 2 * LEAST_DOCUMENTS:
        return []
    centred = centred[apart]
    labels = fcluster(linkage(centred, "average", metric="cosine"), CUT, "distance")
    members: dict[int, list[int]] = defaultdict(list)
    for place, label in zip(apart.tolist(), labels.tolist(), strict=True):
        members[label].append(place)
    return [places for places in members.values() if len(places) >= LEAST_DOCUMENTS]


@dataclass(frozen=True, slots=True)
class _Said:
    """How a document writes each of its terms; those of its title."""

    terms: Mapping[str, str]
    titled: frozenset[str]


def _said(one: Leftover) -> _Said:
    titled = _terms(one.title)
    return _Said({**_terms(one.text), **titled}, frozenset(titled))


def _terms(text: str) -> dict[str, str]:
    """How a text writes each of its terms, and each pair of neighbours."""
    found: dict[str, str] = {}
    analysed = analyse(text)
    for term, following in zip_longest(analysed, analysed[1:]):
        word = text[term.start : term.end]
        if len(word) > 2 and not _APART.search(word):
            found.setdefault(term.term, word.lower())
        if following and 0 < following.position - term.position <= 2:
            pair = text[term.start : following.end]
            if len(pair) <= _LONGEST and not _APART.search(pair):
                found.setdefault(f"{term.term} {following.term}", pair.lower())
    return found


def _names(said: Sequence[_Said], spread: Counter[str], documents: int) -> tuple[NamedTerm, ...]:
    """The terms that tell the cluster best; a word that a chosen pair holds says no more."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(said):
        for term in one.terms:
            places[term].append(place)
    titled = Counter(term for one in said for term in one.titled)

    def worth(term: str) -> float:
        inside = (len(places[term]) + titled[term]) / len(said)
        return inside * math.log(documents / spread[term]) * (PAIR if " " in term else 1.0)

    enough = [term for term, some in places.items() if len(some) >= LEAST_WITH_TERM]
    chosen: list[str] = []
    for term in sorted(enough, key=lambda term: (-worth(term), term)):
        words = set(term.split())
        if worth(term) > 0 and not any(words & set(other.split()) for other in chosen):
            chosen.append(term)
        if len(chosen) == NAMES:
            break
    return tuple(NamedTerm(_written(term, said), tuple(places[term])) for term in chosen)


def _written(term: str, said: Sequence[_Said]) -> str:
    """As most of the documents write it."""
    ways = Counter(one.terms[term] for one in said if term in one.terms)
    return min(ways, key=lambda way: (-ways[way], way))
