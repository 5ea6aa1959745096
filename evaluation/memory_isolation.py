"""Finds the isolated holders of the reference build on arrays. Read `find_isolation` first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from connectors.geography import region_of
from connectors.values import Agent
from expertise.corpus import Corpus, IntArray
from expertise.holders import (
    BASES,
    COMMENT_ON_TOPIC,
    SCOPES,
    WROTE_ON_TOPIC,
    Basis,
    Holdings,
    IsolationScope,
    pair_matrix,
    pairs_shown,
    stands_at,
    stated_holdings,
    topics_on_mission,
)
from expertise.isolation import (
    NEAREST_HOLDERS,
    HeldRows,
    Isolation,
    SightCounts,
    SightShares,
    alone_probability,
    department_places,
    enough_in_sight,
    nearest_holders,
    topic_shares,
)
from expertise.topics import Topic, TopicKind

if TYPE_CHECKING:
    import scipy.sparse as sp


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

    The agents to whom the directory gives a topic (by métier or skill) are a sample of the topic's
    people that does not depend on documents. Therefore the share of them who show in documents is
    taken for all people of the topic, as in capture and recapture (Petersen, 1896). A topic with
    few such agents borrows the share over all topics, counted as one more person. If there are none
    on any topic, the share of agents who contributed to anything is used, which is an upper bound.

    In the other direction, the directory confirms the holders by documents, on topics that it gives
    to somebody (Laplace's rule of succession). Missions are a second list: the share of a topic's
    people with a mission in force is estimated from the holders known by documents, métier or
    skill; agents whose missions ended are not counted. `owner` is the argument of `weigh_cells`.
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
            told=told,
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

    - An agent who states a topic or wrote about it is seen, even if they are no holder. Comments,
      news and job offers make nobody seen.
    - It must be at least as likely as `least_known` that the holder holds the topic
      (`Sight.borne_out`, or certain if the directory says so) and that nobody in the area is out of
      sight (`sole_probability`; on a métier, only agents whose entry has no métier can be).
    - For an agent on a mission, the list of missions counts if it shows more of the topic's people
      than documents do.
    - Agents known by documents only are not called alone if they wrote nothing themselves, or if
      their mission on the topic has ended: the directory says that they held it before. Agents who
      have not arrived yet are never called alone.
    - An agent without a known département is considered for the country only.
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
