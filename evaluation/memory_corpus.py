"""Reads the corpus and the communities of the reference build into arrays."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from connectors.values import Agent, EvidencePolicy
from expertise.assignment import Assignment, ConfidenceMatrix
from expertise.clustering import LEAST_MEMBERS, LEAST_TOPICS, CommunityKind, linked_topics
from expertise.corpus import (
    Corpus,
    DocumentEntry,
    IntArray,
    SkippedItems,
    SkippedKind,
    UnlabelledDocument,
    UnlabelledSample,
    is_universal,
)
from expertise.holders import SCOPES, Holdings, IsolationScope
from expertise.isolation import Isolation
from indexer.values import IndexedDocument

if TYPE_CHECKING:
    import scipy.sparse as sp


def read_corpus(
    documents: Iterable[IndexedDocument],
    assignment: Assignment,
    universal: frozenset[str],
    today: date,
    leftovers: UnlabelledSample | None = None,
    omissions: SkippedItems | None = None,
    asking: frozenset[str] = frozenset(),
) -> Corpus:
    """Read every document once into a corpus.

    Only contributions to documents that every agent may read become rows; the others are counted.
    `asking` are the kinds that ask for a skill, from `asking_kinds`. Documents with contributors
    but without a topic's label are sampled in `leftovers`. A document that fails is only recorded
    in `omissions`.
    """
    read, omissions = _CorpusBuilder(), omissions or SkippedItems()
    for one in documents:
        kept = one.document
        read.seen += len(kept.contributions)
        if is_universal(kept.access, universal) and kept.evidence == EvidencePolicy.YES:
            with omissions.instead(SkippedKind.DOCUMENT, kept.id):
                # Steps that may fail come first, so that a failing document adds nothing.
                counted = DocumentEntry.of(kept, one.record_hash, today, asking)
                labelled = assignment.add(one)
                read.take(counted)
                if leftovers is not None and not labelled and counted.rows:
                    leftovers.take(one)
    return read.corpus(assignment.confidences())


def without_topics(
    leftovers: Sequence[UnlabelledDocument], corpus: Corpus
) -> tuple[UnlabelledDocument, ...]:
    """Return the documents of the sample that got no topic by vector either."""
    topics = np.diff(corpus.topics.indptr)
    bare = {id_ for id_, count in zip(corpus.document_ids, topics, strict=True) if not count}
    return tuple(one for one in leftovers if one.document_id in bare)


@dataclass(slots=True)
class _CorpusBuilder:
    seen: int = 0
    ids: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    dated: list[int] = field(default_factory=list)
    open_question: list[bool] = field(default_factory=list)
    asks: list[bool] = field(default_factory=list)
    accounts: dict[str, int] = field(default_factory=dict)
    # Arrays, since three million contributions as tuples would not fit in memory.
    document: "array[int]" = field(default_factory=lambda: array("q"))
    account: "array[int]" = field(default_factory=lambda: array("q"))
    weight: "array[float]" = field(default_factory=lambda: array("d"))
    own: "array[int]" = field(default_factory=lambda: array("b"))

    def take(self, one: DocumentEntry) -> None:
        number = len(self.ids)
        self.ids.append(one.id)
        self.marks.append(one.mark)
        self.dated.append(one.dated)
        self.open_question.append(one.open_question)
        self.asks.append(one.asks)
        for account, weight, own in one.rows:
            self.document.append(number)
            self.account.append(self.accounts.setdefault(account, len(self.accounts)))
            self.weight.append(weight)
            self.own.append(own)

    def corpus(self, topics: ConfidenceMatrix) -> Corpus:
        """Return the corpus sorted by ids and accounts, since a scan has no order."""
        order, document_place = _sort_order(self.ids)
        account_order, account_place = _sort_order(list(self.accounts))
        names = list(self.accounts)
        return Corpus(
            document_ids=[self.ids[n] for n in order],
            marks=[self.marks[n] for n in order],
            topics=topics[order],
            dated=np.array(self.dated, dtype=np.int64)[order],
            open_question=np.array(self.open_question, dtype=np.bool_)[order],
            accounts=[names[n] for n in account_order],
            document=document_place[np.array(self.document, dtype=np.int64)],
            account=account_place[np.array(self.account, dtype=np.int64)],
            weight=np.array(self.weight, dtype=np.float64),
            own=np.array(self.own, dtype=np.bool_),
            asks=np.array(self.asks, dtype=np.bool_)[order],
            contributions_seen=self.seen,
        )


def topics_in_row(
    topics: ConfidenceMatrix, row: int, names: Sequence[str]
) -> tuple[tuple[str, float], ...]:
    """Return the topics of a document: (name, confidence rounded to hundredths)."""
    here = slice(int(topics.indptr[row]), int(topics.indptr[row + 1]))
    found = zip(topics.indices[here].tolist(), topics.data[here].tolist(), strict=True)
    return tuple((names[topic], round(sure, 2)) for topic, sure in found)


def _sort_order(names: Sequence[str]) -> tuple[IntArray, IntArray]:
    """Return (indices in the order of names, the position of each index in that order)."""
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return order, place


@dataclass(frozen=True, slots=True)
class Community:
    """A community, with the numbers of its topics and agents."""

    kind: CommunityKind
    topics: tuple[int, ...]
    members: tuple[int, ...]


def detected_communities(holdings: Holdings, topics: int) -> list[Community]:
    """Return groups of topics that the same agents hold, with these agents.

    Louvain's method (Blondel et al., "Fast unfolding of communities in large networks", 2008) as
    implemented in NetworkX, seeded, on the graph of topics linked by common holders. Members hold
    at least two of the topics.
    """
    counts = dict(enumerate(_holder_counts(holdings, topics).tolist()))
    pairs = [one for one in sorted(_triples(_shared_holders(holdings, topics))) if one[0] < one[1]]
    found = []
    for together in linked_topics(pairs, counts):
        members = _holding_several(holdings, together)
        if len(members) >= LEAST_MEMBERS:
            found.append(Community(CommunityKind.DETECTED, together, members))
    return found


def proposed_communities(
    holdings: Holdings, isolation: Isolation, agents: Sequence[Agent], topics: int
) -> list[Community]:
    """Return, for each topic, the holders alone in their region, if there are at least three."""
    alone = np.flatnonzero(isolation.scope >= SCOPES.index(IsolationScope.REGION))
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


def _shared_holders(holdings: Holdings, topics: int) -> "sp.coo_array":
    """Return the number of holders that each two topics share, of shape (topics, topics)."""
    # Imported here: it takes half a second, and most commands build nothing.
    import scipy.sparse as sp

    rows = np.flatnonzero(holdings.holds)
    agents = int(holdings.agent.max(initial=0)) + 1
    ones = np.ones(len(rows), dtype=np.int64)
    pairs = (holdings.topic[rows], holdings.agent[rows])
    held = sp.csr_array(sp.coo_array((ones, pairs), shape=(topics, agents)))
    return sp.coo_array(held @ held.T)


def _triples(shared: "sp.coo_array") -> list[tuple[int, int, int]]:
    """Return (topic, other topic, number of common holders) for every pair that has any."""
    columns = (shared.row.tolist(), shared.col.tolist(), shared.data.tolist())
    return list(zip(*columns, strict=True))


def _holder_counts(holdings: Holdings, topics: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.bincount(holdings.topic[holdings.holds], minlength=topics)
