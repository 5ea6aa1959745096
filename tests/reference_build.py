"""The build on arrays in memory: the reference for the build in SQL (`expertise/build_sql.py`).

On the same day all records are equal. Nothing but tests and a benchmark runs it.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from connectors.geography import region_of
from connectors.values import Agent, EvidencePolicy
from evaluation.assignment import Assignment, ConfidenceMatrix, topics_in_row
from expertise.assignment import topic_vectors
from expertise.build import all_documents
from expertise.build_result import proposal_records, skipped_records
from expertise.build_rules import BuildRules
from expertise.build_sql import DOCUMENTS_KEPT_PER_TOPIC
from expertise.build_tables import (
    HASH_PREFIX_CHARS,
    NO_EVIDENCE,
    BuildRecord,
    CellRecord,
    CommunityRecord,
    EvidenceColumns,
    TopicRecord,
    TopicSight,
    assigned_records,
    assigned_text,
    document_key,
)
from expertise.clustering import (
    LEAST_MEMBERS,
    LEAST_TOPICS,
    Cluster,
    CommunityKind,
    discover_clusters,
    linked_topics,
)
from expertise.corpus import (
    DocumentEntry,
    IntArray,
    SkippedItem,
    SkippedItems,
    SkippedKind,
    UnlabelledDocument,
    UnlabelledSample,
    is_universal,
)
from expertise.holders import (
    AGREED,
    BASES,
    COMMENT_ON_TOPIC,
    DISCOUNT_SCALE,
    DISCOUNTS,
    MILLION,
    SCOPES,
    WROTE_ON_TOPIC,
    Basis,
    IsolationScope,
    TopicNames,
    known_agent,
    least_millionths,
    missions_in_force,
    stated_topics,
    topics_of_ended_missions,
    topics_of_metiers,
)
from expertise.isolation import (
    NEAREST_HOLDERS,
    HeldRows,
    SightCounts,
    SightShares,
    alone_probability,
    department_places,
    enough_in_sight,
    nearest_holders,
    topic_shares,
)
from expertise.topics import Topic, TopicKind, check_topics
from expertise.values import AgentDirectory, DocumentStore
from expertise.visibility import may_be_shown
from indexer.ports import Encoder
from indexer.values import IndexedDocument

if TYPE_CHECKING:
    import scipy.sparse as sp


def whole_millionths(weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Weights in millionths, rounded half up with operations exact in every engine."""
    whole: NDArray[np.int64] = np.floor(weight * 1e6 + 0.5).astype(np.int64)
    return whole


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Documents by ascending id, and one row for each contribution with a weight.

    `document`, `account` and `weight` have shape (rows,): indices into `document_ids` and
    `accounts`, and role times recency. `own` (rows,) is true if the agent wrote or answered, and
    did not only edit, review or comment. `marks` are record hashes, to detect later changes.
    `dated`, `open_question` and `asks` (whether the document asks for a skill) have shape
    (documents,).
    """

    document_ids: Sequence[str]
    marks: Sequence[str]
    topics: ConfidenceMatrix
    dated: IntArray
    open_question: NDArray[np.bool_]
    accounts: Sequence[str]
    document: IntArray
    account: IntArray
    weight: NDArray[np.float64]
    own: NDArray[np.bool_]
    asks: NDArray[np.bool_]
    contributions_seen: int


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


def _sort_order(names: Sequence[str]) -> tuple[IntArray, IntArray]:
    """Return (indices in the order of names, the position of each index in that order)."""
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return order, place


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Cells of the topic × agent matrix that have evidence, sorted by topic, then agent.

    `topic`, `agent` and `strength` have shape (cells,). The evidence of cell i is at
    `start[i]:start[i + 1]` of `document`, `account` and `weight`, strongest first.
    """

    topic: IntArray
    agent: IntArray
    strength: NDArray[np.float64]
    start: IntArray
    document: IntArray
    account: IntArray
    weight: NDArray[np.float64]


def weigh_cells(corpus: Corpus, owner: IntArray, agreed: "sp.csr_array") -> Cells:
    """Return the strength of each agent on each topic, with its evidence.

    `owner` has shape (accounts,): the agent of each account, -1 if there is none. A document's
    weight is its confidence in the topic times the best weight of the agent's contributions to it,
    and times `AGREED` if the directory agrees (`agreed`, a matrix (topics, agents) of 0 and 1). The
    i-th strongest weight (from 0) is multiplied by `VOLUME_DISCOUNT` to the i, the geometric
    discount of Moffat & Zobel, "Rank-biased precision" (TOIS 2008); `discounted_strength` is the
    reference. Documents that ask for a skill do not count.
    """
    shows = ~corpus.asks[corpus.document]
    document, agent, account, weight = _best_rows(corpus, owner, shows)
    row, topic, confidence = _rows_by_topic(corpus, document)
    factor = np.where(stands_at(agreed, topic, agent[row]), AGREED, 1.0)
    said = whole_millionths(confidence * weight[row] * factor)
    keep = np.flatnonzero(said > 0)
    row, topic, said = row[keep], topic[keep], said[keep]
    order = np.lexsort((document[row], -said, agent[row], topic))
    row, topic, said = row[order], topic[order], said[order]
    begins = _group_starts(topic, agent[row])
    start = np.append(begins, len(row))
    rank = np.arange(len(row)) - np.repeat(begins, np.diff(start))
    discounted = said * np.append(DISCOUNTS, 0)[np.minimum(rank, len(DISCOUNTS))]
    total = np.add.reduceat(discounted, begins) if len(begins) else np.empty(0, dtype=np.int64)
    return Cells(
        topic=topic[begins],
        agent=agent[row[begins]],
        strength=np.floor(total / DISCOUNT_SCALE + 0.5) / MILLION,
        start=start,
        document=document[row],
        account=account[row],
        weight=said / MILLION,
    )


def pairs_shown(
    corpus: Corpus, owner: IntArray, least: float, *, own: bool = False
) -> tuple[IntArray, IntArray]:
    """Return (topic, agent) pairs with a contribution of at least `least`, by topic, then agent.

    Agents need not be holders, and documents that ask for a skill count. With `own`, only
    contributions that an agent wrote or answered count, in documents that ask for no skill. `owner`
    is the argument of `weigh_cells`.
    """
    every = np.ones(len(corpus.document), dtype=np.bool_)
    rows = corpus.own & ~corpus.asks[corpus.document] if own else every
    document, agent, _, weight = _best_rows(corpus, owner, rows)
    row, topic, confidence = _rows_by_topic(corpus, document)
    enough = np.flatnonzero(whole_millionths(confidence * weight[row]) >= least_millionths(least))
    pairs = np.unique(np.stack((topic[enough], agent[row[enough]]), axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def pair_matrix(
    topic: IntArray | Sequence[int], agent: IntArray | Sequence[int], shape: tuple[int, int]
) -> "sp.csr_array":
    """Return a sparse matrix (topics, agents) with 1 for each given pair, else 0."""
    # Imported here: it takes half a second, and most commands do not need it.
    import scipy.sparse as sp

    pairs = (np.asarray(topic, dtype=np.int64), np.asarray(agent, dtype=np.int64))
    found = sp.csr_array(sp.coo_array((np.ones(len(pairs[0]), dtype=np.int64), pairs), shape=shape))
    found.data = np.minimum(found.data, 1)
    return found


def stands_at(matrix: "sp.csr_array", topic: IntArray, agent: IntArray) -> NDArray[np.bool_]:
    """Return whether each pair is 1 in a matrix (topics, agents)."""
    if not len(topic):
        return np.empty(0, dtype=np.bool_)
    found: NDArray[np.bool_] = np.asarray(matrix[topic, agent]).ravel() > 0
    return found


def _best_rows(
    corpus: Corpus, owner: IntArray, rows: NDArray[np.bool_]
) -> tuple[IntArray, IntArray, IntArray, NDArray[np.float64]]:
    """Return (document, agent, account, weight) of each agent's best row per document in `rows`."""
    agent = owner[corpus.account] if len(corpus.account) else corpus.account
    known = np.flatnonzero((agent >= 0) & rows)
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
    first = order[_group_starts(corpus.document[order], agent[order])]
    columns = (corpus.document, agent, corpus.account)
    document, whose, account = (one[first] for one in columns)
    return document, whose, account, corpus.weight[first]


def _rows_by_topic(
    corpus: Corpus, document: IntArray
) -> tuple[IntArray, IntArray, NDArray[np.float64]]:
    """Return (row, topic, confidence), with each row repeated for each topic of its document."""
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


def _group_starts(one: IntArray, other: IntArray) -> IntArray:
    """Return the indices where a new pair begins in two sorted columns."""
    if not len(one):
        return np.empty(0, dtype=np.int64)
    changes = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return np.concatenate((np.zeros(1, dtype=np.int64), np.flatnonzero(changes) + 1))


@dataclass(frozen=True, slots=True, eq=False)
class Holdings:
    """One row for each agent and topic, sorted by topic, then agent; columns of shape (rows,).

    `basis` is an index into `BASES`, `cell` into the cells (-1 without evidence).
    """

    topic: IntArray
    agent: IntArray
    basis: IntArray
    cell: IntArray

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Return whether the agent of each row is a holder, (rows,)."""
        held: NDArray[np.bool_] = self.basis != BASES.index(Basis.DECLARED)
        return held


def find_holdings(
    cells: Cells,
    topics: Sequence[Topic],
    agents: Sequence[Agent],
    least_strength: float,
    today: date,
) -> Holdings:
    """Return holders by evidence of at least `least_strength`, métier, mission or confirmed skill.

    Agents who only declare a skill have rows too, but are not holders. A métier is held by agents
    whose directory entry has it, never by evidence: writing about geometers makes no geometer. They
    also hold the topics directly above their métier in the list. A mission counts while it is in
    force. A topic with evidence gets no second row from the directory.
    """
    is_topic = np.array([topic.kind == TopicKind.TOPIC for topic in topics], dtype=np.bool_)
    shown = np.flatnonzero((cells.strength >= least_strength) & is_topic[cells.topic])
    rows = {
        (int(cells.topic[cell]), int(cells.agent[cell])): (0, int(cell)) for cell in shown.tolist()
    }
    for topic, agent, basis in stated_holdings(topics, agents, today):
        rows.setdefault((topic, agent), (BASES.index(basis), -1))
    ordered = sorted(rows)
    return Holdings(
        topic=np.array([topic for topic, _ in ordered], dtype=np.int64),
        agent=np.array([agent for _, agent in ordered], dtype=np.int64),
        basis=np.array([rows[pair][0] for pair in ordered], dtype=np.int64),
        cell=np.array([rows[pair][1] for pair in ordered], dtype=np.int64),
    )


def valid_agents(
    agents: Iterable[Agent], topics: Sequence[Topic], omissions: SkippedItems, today: date
) -> list[Agent]:
    """Return the agents by id, each once, without unknown départements.

    Agents that cannot be read, or whose id was seen before, are recorded as skipped.
    """
    names = TopicNames.of(topics)
    found: dict[str, Agent] = {}
    for agent in agents:
        if agent.id in found:
            omissions.add(SkippedKind.AGENT, agent.id, "un autre agent a le même identifiant")
            continue
        with omissions.instead(SkippedKind.AGENT, agent.id):
            stated_topics(agent, names, today)
            found[agent.id] = known_agent(agent)
    return sorted(found.values(), key=lambda agent: agent.id)


def stated_holdings(
    topics: Sequence[Topic], agents: Sequence[Agent], today: date
) -> list[tuple[int, int, Basis]]:
    """Return (topic, agent, basis) from directory entries."""
    names = TopicNames.of(topics)
    numbers = {topic.id: number for number, topic in enumerate(topics)}
    return [
        (numbers[topic_id], number, basis)
        for number, agent in enumerate(agents)
        for topic_id, basis in stated_topics(agent, names, today).items()
    ]


def agreed_pairs(topics: Sequence[Topic], agents: Sequence[Agent], today: date) -> "sp.csr_array":
    """Return the pairs on which the directory agrees, as a matrix (topics, agents) of 0 and 1.

    The directory gives the topic to the agent, or their métier shares a rare word with it.
    """
    numbers = {topic.id: number for number, topic in enumerate(topics)}
    of_metiers = topics_of_metiers(TopicNames.of(topics), (agent.metier for agent in agents))
    pairs = [(topic, agent) for topic, agent, _ in stated_holdings(topics, agents, today)]
    pairs += [
        (numbers[topic], number)
        for number, agent in enumerate(agents)
        for topic in of_metiers.get(agent.metier.strip(), ())
    ]
    shape = (len(topics), len(agents))
    return pair_matrix([topic for topic, _ in pairs], [agent for _, agent in pairs], shape)


def topics_on_mission(
    topics: Sequence[Topic], agents: Sequence[Agent], today: date
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return (topic, agent) pairs of missions in force, and of missions that only ended."""
    names = TopicNames.of(topics)
    numbers = {topic.id: number for number, topic in enumerate(topics)}
    on, ended = [], []
    for number, agent in enumerate(agents):
        in_force = missions_in_force(agent, names, today)
        on += [(numbers[topic], number) for topic in in_force]
        before = topics_of_ended_missions(agent, names, today)
        ended += [(numbers[topic], number) for topic in sorted(before)]
    return on, ended


@dataclass(frozen=True, slots=True, eq=False)
class Isolation:
    """The extent of each holder's isolation, and the nearest others; one row per holding.

    `scope` (rows,) contains indices into `SCOPES`; `nearest` (rows, NEAREST_HOLDERS) contains
    numbers of agents, -1 if there are fewer.
    """

    scope: IntArray
    nearest: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """The people of each topic that a build sees, whether holders or not.

    Sparse matrices of 0 and 1, of shape (topics, agents): `seen`: the agent states the topic or
    wrote about it. `own`: the agent wrote or answered about it themselves (`WROTE_ON_TOPIC`).
    `by_metier`: the directory gives the topic by the agent's métier. `stated`: the directory gives
    it for any reason. `on_mission`: a mission on the topic is in force. `ended`: missions on the
    topic have ended, and none is in force. `refused`: the agent refused the topic or was removed
    from it, and is not seen on it.

    By topic, (topics,): `share`, from 0 to 1, is the part of the topic's people who show in
    documents, `shown` the number of agents who do; `mission_share`, from 0 to 1, is the part of the
    topic's people who have a mission in force.

    `arrived` (agents,): the agent is in post according to the directory. `metiers` is the share of
    directory entries with a métier. `borne_out` is the probability that the directory also gives
    the topic to an agent whom documents make a holder.
    """

    seen: "sp.csr_array"
    own: "sp.csr_array"
    by_metier: "sp.csr_array"
    stated: "sp.csr_array"
    share: NDArray[np.float64]
    shown: IntArray
    metiers: float
    borne_out: float
    on_mission: "sp.csr_array"
    ended: "sp.csr_array"
    refused: "sp.csr_array"
    mission_share: NDArray[np.float64]
    arrived: NDArray[np.bool_]

    @property
    def largest_share(self) -> NDArray[np.float64]:
        """Part of each topic's people seen by documents or missions, the larger one, (topics,)."""
        found: NDArray[np.float64] = np.maximum(self.share, self.mission_share)
        return found


def sight_of(
    corpus: Corpus,
    owner: IntArray,
    holdings: Holdings,
    topics: Sequence[Topic],
    agents: Sequence[Agent],
    today: date,
) -> Sight:
    """Return the people whom documents and directory show on each topic, and their estimated share.

    `owner` is the argument of `weigh_cells`.
    """
    shape = (len(topics), len(agents))
    is_topic = np.array([topic.kind == TopicKind.TOPIC for topic in topics], dtype=np.bool_)
    # Writing about a métier does not give it to the writer.
    topic, agent = pairs_shown(corpus, owner, COMMENT_ON_TOPIC)
    shown = pair_matrix(topic[is_topic[topic]], agent[is_topic[topic]], shape)
    topic, agent = pairs_shown(corpus, owner, WROTE_ON_TOPIC, own=True)
    own = pair_matrix(topic[is_topic[topic]], agent[is_topic[topic]], shape)
    found = stated_holdings(topics, agents, today)
    stated = pair_matrix([t for t, _, _ in found], [a for _, a, _ in found], shape)
    numbers = {topic.id: number for number, topic in enumerate(topics)}
    withdrawn = [
        (numbers[one.id], number)
        for number, agent in enumerate(agents)
        for one in agent.refused
        if one.id in numbers
    ]
    refused = pair_matrix(*_columns(withdrawn), shape)
    metier = [(t, a) for t, a, basis in found if basis is Basis.METIER]
    count = np.where(is_topic, _row_sums(stated), 0.0)
    both = _row_sums(stated.multiply(shown).tocsr())
    owners = owner[corpus.account]
    wrote = len(np.unique(owners[owners >= 0]))
    metiers = sum(bool(agent.metier.strip()) for agent in agents)
    demonstrated = np.flatnonzero(
        (holdings.basis == BASES.index(Basis.DEMONSTRATED)) & (count[holdings.topic] > 0)
    )
    borne = stands_at(stated, holdings.topic[demonstrated], holdings.agent[demonstrated])
    missions = topics_on_mission(topics, agents, today)
    on, past = (pair_matrix(*_columns(pairs), shape) for pairs in missions)
    told = sum(any(one.in_force(today) for one in agent.missions) for agent in agents)
    known = _known_otherwise(holdings, topics, agents, today) if told else on
    known = _without(known, past)
    shares = topic_shares(
        SightCounts(
            is_topic,
            count,
            both,
            _row_sums(known),
            _row_sums(known.multiply(on).tocsr()),
            people=len(agents),
            wrote=wrote,
            metiers=metiers,
            with_mission=told,
            demonstrated=len(borne),
            borne_out=int(borne.sum()),
        )
    )
    return Sight(
        seen=_without(_ones(own + stated), refused),
        refused=refused,
        own=own,
        by_metier=pair_matrix([t for t, _ in metier], [a for _, a in metier], shape),
        stated=stated,
        share=shares.share,
        shown=_row_sums(shown).astype(np.int64),
        metiers=shares.metiers,
        borne_out=shares.borne_out,
        on_mission=on,
        ended=past,
        mission_share=shares.mission_share,
        arrived=np.array([agent.arrived(today) for agent in agents], dtype=np.bool_),
    )


def _without(some: "sp.csr_array", others: "sp.csr_array") -> "sp.csr_array":
    """Return the pairs of a matrix of 0 and 1 without those of another one."""
    found: sp.csr_array = (some - some.multiply(others)).tocsr()
    return found


def _known_otherwise(
    holdings: Holdings, topics: Sequence[Topic], agents: Sequence[Agent], today: date
) -> "sp.csr_array":
    """Return the agents known for a topic, métiers excepted, without regard to missions."""
    shape = (len(topics), len(agents))
    shown = np.flatnonzero(holdings.basis == BASES.index(Basis.DEMONSTRATED))
    without = [replace(agent, missions=()) for agent in agents]
    found = [
        (topic, agent)
        for topic, agent, _ in stated_holdings(topics, without, today)
        if topics[topic].kind == TopicKind.TOPIC
    ]
    by_documents = pair_matrix(holdings.topic[shown], holdings.agent[shown], shape)
    return _ones(by_documents + pair_matrix(*_columns(found), shape))


def topics_in_sight(sight: Sight, agents: Sequence[Agent], least_known: float) -> NDArray[np.bool_]:
    """Return `enough_in_sight`, computed from the matrices."""
    shares = SightShares(sight.share, sight.mission_share, sight.metiers, sight.borne_out)
    return enough_in_sight(
        shares,
        sight.shown,
        _row_sums(sight.on_mission).astype(np.int64),
        _row_sums(sight.stated.multiply(sight.own).tocsr()) > 0,
        len({agent.departement for agent in agents if agent.departement}),
        least_known,
    )


def _row_sums(matrix: "sp.csr_array") -> NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()


def _ones(matrix: "sp.csr_array") -> "sp.csr_array":
    matrix.data = np.minimum(matrix.data, 1)
    return matrix


def _columns(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [one for one, _ in pairs], [other for _, other in pairs]


def find_isolation(
    holdings: Holdings,
    sight: Sight,
    agents: Sequence[Agent],
    least_known: float,
) -> Isolation:
    """Return the widest area in which each holder is the only agent seen on the topic.

    An agent without a known département is considered for the country only.
    """
    withdrawn = stands_at(sight.refused, holdings.topic, holdings.agent)
    rows = np.flatnonzero(holdings.holds & ~withdrawn)
    topic, agent = holdings.topic[rows], holdings.agent[rows]
    seen = _ones(sight.seen + pair_matrix(topic, agent, sight.seen.shape))
    missions = _row_sums(sight.on_mission).astype(np.int64)
    shares = SightShares(sight.share, sight.mission_share, sight.metiers, sight.borne_out)
    held = HeldRows(
        topic,
        by_metier=stands_at(sight.by_metier, topic, agent),
        stated=stands_at(sight.stated, topic, agent),
        own=stands_at(sight.own, topic, agent),
        on_mission=stands_at(sight.on_mission, topic, agent),
        ended=stands_at(sight.ended, topic, agent),
        arrived=sight.arrived[agent],
    )
    scope = np.zeros(len(holdings.topic), dtype=np.int64)
    departements = [agent.departement for agent in agents]
    regions = [region_of(code) or "" for code in departements]
    for level, codes in (
        (IsolationScope.DEPARTEMENT, departements),
        (IsolationScope.REGION, regions),
        (IsolationScope.COUNTRY, ["country"] * len(agents)),
    ):
        sizes = Counter(codes)
        part = np.array([sizes[codes[one]] / len(codes) for one in agent.tolist()])
        sure = alone_probability(shares, sight.shown, missions, held, part)
        alone = (sure >= least_known) & _alone_in_area(seen, codes, topic, agent)
        scope[rows[alone]] = SCOPES.index(level)
    nearest = np.full((len(holdings.topic), NEAREST_HOLDERS), -1, dtype=np.int64)
    place = department_places(departements)
    for row in np.flatnonzero(scope).tolist():
        bounds = np.searchsorted(topic, (holdings.topic[row], holdings.topic[row] + 1))
        others = agent[bounds[0] : bounds[1]]
        one = int(holdings.agent[row])
        found = nearest_holders(one, int(place[one]), others, place[others])
        nearest[row, : len(found)] = found
    return Isolation(scope, nearest)


def _alone_in_area(
    held: "sp.csr_array", codes: Sequence[str], topic: IntArray, agent: IntArray
) -> NDArray[np.bool_]:
    """Return whether each (topic, agent) is the only agent seen on the topic in their area."""
    import scipy.sparse as sp  # imported here: it takes half a second

    names = sorted(set(codes))
    number = {code: n for n, code in enumerate(names)}
    area = np.array([number[code] for code in codes], dtype=np.int64)
    ones = np.ones(len(codes), dtype=np.int64)
    place = sp.coo_array((ones, (np.arange(len(codes)), area)), shape=(len(codes), len(names)))
    counts = (held @ sp.csr_array(place)).toarray()
    known = np.array([bool(codes[one]) for one in agent.tolist()], dtype=np.bool_)
    alone: NDArray[np.bool_] = known & (counts[topic, area[agent]] == 1)
    return alone


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


@dataclass(frozen=True, slots=True, eq=False)
class MemoryBuild:
    """The result of one day's build, as arrays; `records` yields it row by row."""

    day: date
    rules: BuildRules
    topics: Sequence[Topic]
    agents: Sequence[Agent]
    corpus: Corpus
    cells: Cells
    holdings: Holdings
    sight: Sight
    isolation: Isolation
    communities: Sequence[Community]
    clusters: Sequence[Cluster] = ()
    skipped: Sequence[SkippedItem] = ()

    @property
    def documents(self) -> int:
        """Number of documents that every agent may read."""
        return len(self.corpus.document_ids)

    @property
    def contributions(self) -> int:
        """Number of contributions to these documents that count."""
        return len(self.corpus.document)

    @property
    def contributions_seen(self) -> int:
        """Number of contributions to all documents."""
        return self.corpus.contributions_seen

    def records(self) -> Iterator[BuildRecord]:
        """Yield the records of the build; see the function `records`."""
        return records(self)


def build_in_memory(
    library: DocumentStore,
    book: AgentDirectory,
    encoder: Encoder,
    topics: Sequence[Topic],
    rules: BuildRules,
    today: date,
) -> MemoryBuild:
    """Read every indexed document once, and the directory, then compute the build.

    Raises `IndexUnreachable`, and `ValueError` if too many documents fail.
    """
    omissions, listed = SkippedItems(), check_topics((topic.id, topic) for topic in topics)
    for one in listed.malformed:
        omissions.add(SkippedKind.TOPIC, one.where, one.reason)
    topics = listed.topics
    assignment, leftovers = Assignment(topics, topic_vectors(topics, encoder)), UnlabelledSample()
    documents = all_documents(library, omissions)
    corpus = read_corpus(
        documents, assignment, rules.universal, today, leftovers, omissions, rules.asking
    )
    present = [one for one in book.everyone() if may_be_shown(one, today)]
    agents = valid_agents(present, topics, omissions, today)
    owners = book.by_account(corpus.accounts)
    clusters = discover_clusters(without_topics(leftovers.documents(), corpus), omissions)
    omissions.check_share(len(corpus.document_ids))
    build = build_from(corpus, topics, agents, owners, rules, today)
    return replace(build, clusters=clusters, skipped=tuple(omissions.items))


def build_from(
    corpus: Corpus,
    topics: Sequence[Topic],
    agents: Sequence[Agent],
    owners: Mapping[str, Agent],
    rules: BuildRules,
    today: date,
) -> MemoryBuild:
    """Compute the build on arrays; accounts of agents who are not in `agents` do not count."""
    shown = sorted(agents, key=lambda agent: agent.id)
    number = {agent.id: n for n, agent in enumerate(shown)}
    owner = [number.get(owners[one].id, -1) if one in owners else -1 for one in corpus.accounts]
    owned = np.array(owner, dtype=np.int64)
    cells = weigh_cells(corpus, owned, agreed_pairs(topics, shown, today))
    holdings = find_holdings(cells, topics, shown, rules.least_strength, today)
    sight = sight_of(corpus, owned, holdings, topics, shown, today)
    isolation = find_isolation(holdings, sight, shown, rules.least_known)
    communities = [
        *detected_communities(holdings, len(topics)),
        *proposed_communities(holdings, isolation, shown, len(topics)),
    ]
    return MemoryBuild(
        today, rules, topics, shown, corpus, cells, holdings, sight, isolation, communities
    )


def records(build: MemoryBuild) -> Iterator[BuildRecord]:
    """Yield topics, cells, communities, proposals, documents, then skipped items."""
    yield from _topic_records(build)
    for row in range(len(build.holdings.topic)):
        yield _cell_record(build, row)
    for number, one in enumerate(build.communities):
        yield CommunityRecord(
            number,
            one.kind,
            tuple(build.topics[topic].id for topic in one.topics),
            tuple(build.agents[agent].id for agent in one.members),
        )
    yield from proposal_records(build.clusters)
    yield from assigned_records(_assigned(build))
    yield from skipped_records(build.skipped)


def _topic_records(build: MemoryBuild) -> Iterator[TopicRecord]:
    by_topic = build.corpus.topics.tocsc()
    enough = topics_in_sight(build.sight, build.agents, build.rules.least_known).tolist()
    for number, topic in enumerate(build.topics):
        column = slice(int(by_topic.indptr[number]), int(by_topic.indptr[number + 1]))
        documents = by_topic.indices[column].astype(np.int64)
        dated = build.corpus.dated[documents]
        best = documents[np.lexsort((documents, -dated, -by_topic.data[column]))]
        newest = documents[np.lexsort((documents, -dated))]
        asked = newest[build.corpus.open_question[newest]]
        yield TopicRecord(
            topic=topic,
            documents=tuple(
                build.corpus.document_ids[n] for n in best[:DOCUMENTS_KEPT_PER_TOPIC].tolist()
            ),
            questions=tuple(
                build.corpus.document_ids[n] for n in asked[:DOCUMENTS_KEPT_PER_TOPIC].tolist()
            ),
            sight=TopicSight(float(build.sight.largest_share[number]), enough[number]),
        )


def _assigned(build: MemoryBuild) -> Iterator[tuple[str, str]]:
    """Yield (document key, its topics as JSON) for documents with contributors.

    Other documents never vote. Sorted by key, the fastest order to write a table in.
    """
    ids, names = build.corpus.document_ids, [topic.id for topic in build.topics]
    voting = np.unique(build.corpus.document).tolist()
    for key, number in sorted((document_key(ids[number]), number) for number in voting):
        if about := topics_in_row(build.corpus.topics, number, names):
            yield key, assigned_text(about)


def _cell_record(build: MemoryBuild, row: int) -> CellRecord:
    held, cells, corpus = build.holdings, build.cells, build.corpus
    agent, cell = build.agents[int(held.agent[row])], int(held.cell[row])
    nearest = build.isolation.nearest[row].tolist()
    evidence = NO_EVIDENCE
    if cell >= 0:
        places = slice(int(cells.start[cell]), int(cells.start[cell + 1]))
        documents = cells.document[places].tolist()
        evidence = EvidenceColumns(
            tuple(corpus.document_ids[n] for n in documents),
            tuple(corpus.accounts[n] for n in cells.account[places].tolist()),
            tuple(map(float, cells.weight[places])),
            tuple(corpus.marks[n][:HASH_PREFIX_CHARS] for n in documents),
        )
    return CellRecord(
        topic_id=build.topics[int(held.topic[row])].id,
        agent_id=agent.id,
        departement=agent.departement,
        basis=BASES[int(held.basis[row])],
        strength=float(cells.strength[cell]) if cell >= 0 else 0.0,
        scope=SCOPES[int(build.isolation.scope[row])],
        nearest=tuple(build.agents[n].id for n in nearest if n >= 0),
        evidence=evidence,
    )
