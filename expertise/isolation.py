"""Who holds a topic alone in an area, and whether a build sees enough of its people to say so.

Read `find_isolation` first. That somebody is alone is said of everybody: nobody else may be visible
on the topic there, and the people of the topic must show at all.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from connectors.geography import CENTROIDS, distance_km, region_of
from connectors.values import Agent
from expertise.corpus import Corpus, IntArray
from expertise.holders import (
    BASES,
    COMMENT_ON_TOPIC,
    SCOPES,
    Basis,
    Holdings,
    IsolationScope,
    pairs_shown,
    stated_holdings,
    topics_on_mission,
)
from expertise.topics import Topic, TopicKind

if TYPE_CHECKING:
    import scipy.sparse as sp

NEAREST_HOLDERS = 3
"""How many of the next holders are kept: one may have left when the answer is given."""


@dataclass(frozen=True, slots=True, eq=False)
class Isolation:
    """One row for each of the holdings: how widely alone, and who is next.

    `scope` (rows,) points into `SCOPES`; `nearest` (rows, NEAREST) names the next
    holders by number, -1 where there is none.
    """

    scope: IntArray
    nearest: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """Who of a topic's people a build sees, holders or not; arrays by topic and agent.

    `seen`, a matrix (topics, agents) of 0 and 1: who states a topic, or contributed to a document
    about it. `own` and `by_metier`, the same shape: who wrote or answered themselves; whom
    the directory's métier names. `stated`, too: whom the directory names at all. `share` (topics,),
    from 0 to 1: how many of the topic's people show in documents, `shown` (topics,) how many do.
    `metiers`: the share of directory entries with a métier. `borne_out`: how likely the directory
    names whom documents make a holder.

    `on_mission` and `ended`, matrices too: whose mission on the topic is in force, and whose only
    missions on it ended. `mission_share` (topics,), from 0 to 1: how many of the topic's people
    have one in force. `arrived` (agents,): who is in post by the directory.
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
    mission_share: NDArray[np.float64]
    arrived: NDArray[np.bool_]

    @property
    def largest_share(self) -> NDArray[np.float64]:
        """How many of each topic's people show, by documents or by missions, (topics,)."""
        found: NDArray[np.float64] = np.maximum(self.share, self.mission_share)
        return found


def sole_probability(
    share: NDArray[np.float64], shown: IntArray, part: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How likely nobody of a topic is out of sight in an area with `part` of all agents.

    With N people, every N equally likely beforehand, who each show with chance s, and n of them
    shown, the others are negative binomial: u of them with (u + n over n) s^(n + 1) (1 - s)^u. Each
    of them is in the area with chance q, so that none is with (s / (s + q (1 - s)))^(n + 1): of one
    who shows, s² for the whole country. All arrays of one shape.
    """
    found: NDArray[np.float64] = np.power(share / (share + part * (1 - share)), shown + 1.0)
    return found


def sight_of(
    corpus: Corpus,
    owner: IntArray,
    holdings: Holdings,
    topics: Sequence[Topic],
    agents: Sequence[Agent],
    today: date,
) -> Sight:
    """Whom the directory and the documents show on each topic, and how many show at all.

    Those whom the directory names (by métier or skill) are a sample of a topic's people that does
    not depend on documents: the share of them who show in documents is that of the others too, as
    in capture and recapture (Petersen, 1896). A topic of which it names few borrows the share over
    all topics, as one person more; where it names nobody on any, the share of agents who
    contributed to anything stands in, a bound from above. The other way round, it bears out whom
    documents make a holder, on topics of which it names somebody (Laplace's rule of succession).
    Missions are the other list: the share of a topic's holders known otherwise, by documents,
    métier or skill, who have one in force is that of all its people; whose missions ended are not
    counted. `owner` as in `weigh_cells`.
    """
    shape = (len(topics), len(agents))
    is_topic = np.array([topic.kind == TopicKind.TOPIC for topic in topics], dtype=np.bool_)
    # Who writes about a métier has it no more than before.
    topic, agent = pairs_shown(corpus, owner, COMMENT_ON_TOPIC)
    shown = _matrix(topic[is_topic[topic]], agent[is_topic[topic]], shape)
    found = stated_holdings(topics, agents, today)
    stated = _matrix([t for t, _, _ in found], [a for _, a, _ in found], shape)
    metier = [(t, a) for t, a, basis in found if basis is Basis.METIER]
    count = np.where(is_topic, _row_sums(stated), 0.0)
    both = _row_sums(stated.multiply(shown).tocsr())
    people = max(len(agents), 1)
    owners = owner[corpus.account]
    wrote = len(np.unique(owners[owners >= 0])) / people
    overall = (both.sum() + wrote) / (count.sum() + 1)
    metiers = sum(bool(agent.metier.strip()) for agent in agents) / people
    share = np.where(is_topic, (both + overall) / (count + 1), metiers)
    demonstrated = np.flatnonzero(
        (holdings.basis == BASES.index(Basis.DEMONSTRATED)) & (count[holdings.topic] > 0)
    )
    borne = _at(stated, holdings.topic[demonstrated], holdings.agent[demonstrated])
    missions = topics_on_mission(topics, agents, today)
    on, past = (_matrix(*_columns(pairs), shape) for pairs in missions)
    told = sum(any(one.in_force(today) for one in agent.missions) for agent in agents) / people
    known = _known_otherwise(holdings, topics, agents, today) if told else on
    return Sight(
        seen=_ones(shown + stated),
        own=_matrix(*pairs_shown(corpus, owner, COMMENT_ON_TOPIC, own=True), shape),
        by_metier=_matrix([t for t, _ in metier], [a for _, a in metier], shape),
        stated=stated,
        share=np.round(share, 6).astype(np.float64, copy=False),
        shown=_row_sums(shown).astype(np.int64),
        metiers=round(metiers, 6),
        borne_out=round((int(borne.sum()) + 1) / (len(borne) + 2), 6),
        on_mission=on,
        ended=past,
        mission_share=_mission_share((known - known.multiply(past)).tocsr(), on, told),
        arrived=np.array([agent.arrived(today) for agent in agents], dtype=np.bool_),
    )


def _known_otherwise(
    holdings: Holdings, topics: Sequence[Topic], agents: Sequence[Agent], today: date
) -> "sp.csr_array":
    """Who shows on a topic, no métier, by documents or by what the directory says but missions."""
    shape = (len(topics), len(agents))
    shown = np.flatnonzero(holdings.basis == BASES.index(Basis.DEMONSTRATED))
    without = [replace(agent, missions=()) for agent in agents]
    found = [
        (topic, agent)
        for topic, agent, _ in stated_holdings(topics, without, today)
        if topics[topic].kind == TopicKind.TOPIC
    ]
    by_documents = _matrix(holdings.topic[shown], holdings.agent[shown], shape)
    return _ones(by_documents + _matrix(*_columns(found), shape))


def _mission_share(known: "sp.csr_array", on: "sp.csr_array", told: float) -> NDArray[np.float64]:
    """The share of each topic's `known` people who are on a mission for it, (topics,).

    A topic with few of them borrows the share over all topics, as one person more; where nobody is
    known on any, `told`, the share of agents whose missions the directory tells, stands in.
    """
    count, both = _row_sums(known), _row_sums(known.multiply(on).tocsr())
    overall = (both.sum() + told) / (count.sum() + 1)
    share: NDArray[np.float64] = np.round((both + overall) / (count + 1), 6)
    return share


def topics_in_sight(sight: Sight, agents: Sequence[Agent], least_known: float) -> NDArray[np.bool_]:
    """Whether a topic's holder could be called alone in a département of the mean size, (topics,).

    One whom the directory names too, where it names anybody of those who show; else one whom
    only documents show; or one on a mission, where missions tell enough of the topic's people.
    """
    codes = {agent.departement for agent in agents if agent.departement}
    part = np.full(len(sight.share), 1 / max(len(codes), 1))
    sure = np.where(_row_sums(sight.stated.multiply(sight.own).tocsr()) > 0, 1.0, sight.borne_out)
    missions = _row_sums(sight.on_mission).astype(np.int64)
    listed = sole_probability(sight.mission_share, missions, part)
    sole = sure * sole_probability(sight.share, sight.shown, part)
    found: NDArray[np.bool_] = np.maximum(sole, np.where(missions > 0, listed, 0.0)) >= least_known
    return found


def _row_sums(matrix: "sp.csr_array") -> NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()


def _ones(matrix: "sp.csr_array") -> "sp.csr_array":
    matrix.data = np.minimum(matrix.data, 1)
    return matrix


def _columns(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [one for one, _ in pairs], [other for _, other in pairs]


def _matrix(
    topic: IntArray | Sequence[int], agent: IntArray | Sequence[int], shape: tuple[int, int]
) -> "sp.csr_array":
    """A matrix of 1 where a pair stands, once or more often."""
    # Imported here: it takes half a second, and most commands do not need it.
    import scipy.sparse as sp

    pairs = (np.asarray(topic, dtype=np.int64), np.asarray(agent, dtype=np.int64))
    found = sp.csr_array(sp.coo_array((np.ones(len(pairs[0]), dtype=np.int64), pairs), shape=shape))
    return _ones(found)


def find_isolation(
    holdings: Holdings,
    sight: Sight,
    agents: Sequence[Agent],
    least_known: float,
) -> Isolation:
    """The widest area in which each holder is the only one who is seen on the topic.

    Who states a topic, or contributed to a document about it, is seen, though no holder. It has to
    be as likely as `least_known` that the holder does hold it (`Sight.borne_out`, unless the
    directory says so) and that nobody in the area is out of sight (`sole_probability`; of a métier,
    whose people the directory names, nobody whose entry has none). Where missions tell more of a
    topic's people than documents do, the directory's list counts for who is on one. Who wrote
    nothing of it themselves is not claimed by documents alone, nor is whose mission ended: the
    directory says that they held it before. Nor is who has yet to arrive. An agent without a known
    département counts for the country only.
    """
    rows = np.flatnonzero(holdings.holds)
    topic, agent = holdings.topic[rows], holdings.agent[rows]
    seen = _ones(sight.seen + _matrix(topic, agent, sight.seen.shape))
    by_metier = _at(sight.by_metier, topic, agent)
    stated = _at(sight.stated, topic, agent)
    sure = np.where(stated, 1.0, sight.borne_out * _at(sight.own, topic, agent))
    in_force = sight.arrived[agent] & (stated | ~_at(sight.ended, topic, agent))
    on_mission = _at(sight.on_mission, topic, agent)
    missions = _row_sums(sight.on_mission).astype(np.int64)[topic]
    share = np.where(by_metier, sight.metiers, sight.share[topic])
    shown = np.where(by_metier, 0, sight.shown[topic])
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
        sole = sole_probability(share, shown, part)
        listed = sole_probability(sight.mission_share[topic], missions, part)
        sole = np.where(on_mission, np.maximum(sole, listed), sole)
        alone = in_force & (sure * sole >= least_known) & _alone_in_area(seen, codes, topic, agent)
        scope[rows[alone]] = SCOPES.index(level)
    nearest = np.full((len(holdings.topic), NEAREST_HOLDERS), -1, dtype=np.int64)
    place = np.array([_PLACES.get(code, -1) for code in departements], dtype=np.int64)
    for row in np.flatnonzero(scope).tolist():
        bounds = np.searchsorted(topic, (holdings.topic[row], holdings.topic[row] + 1))
        others = agent[bounds[0] : bounds[1]]
        found = _nearest_holders(int(holdings.agent[row]), others, place)
        nearest[row, : len(found)] = found
    return Isolation(scope, nearest)


def _at(matrix: "sp.csr_array", topic: IntArray, agent: IntArray) -> NDArray[np.bool_]:
    """Whether each pair stands in a matrix."""
    if not len(topic):
        return np.empty(0, dtype=np.bool_)
    found: NDArray[np.bool_] = np.asarray(matrix[topic, agent]).ravel() > 0
    return found


def _alone_in_area(
    held: "sp.csr_array", codes: Sequence[str], topic: IntArray, agent: IntArray
) -> NDArray[np.bool_]:
    """Whether each (topic, agent) is the only one seen on the topic in the agent's area."""
    import scipy.sparse as sp  # here for the same reason

    names = sorted(set(codes))
    number = {code: n for n, code in enumerate(names)}
    area = np.array([number[code] for code in codes], dtype=np.int64)
    ones = np.ones(len(codes), dtype=np.int64)
    place = sp.coo_array((ones, (np.arange(len(codes)), area)), shape=(len(codes), len(names)))
    counts = (held @ sp.csr_array(place)).toarray()
    known = np.array([bool(codes[one]) for one in agent.tolist()], dtype=np.bool_)
    alone: NDArray[np.bool_] = known & (counts[topic, area[agent]] == 1)
    return alone


def _nearest_holders(one: int, others: IntArray, place: IntArray) -> IntArray:
    """The nearest other holders by distance, ties by number; unknown distances come last."""
    far = _DISTANCES_KM[place[one], place[others]]
    order = np.lexsort((others, far))
    found: IntArray = others[order[others[order] != one]][:NEAREST_HOLDERS]
    return found


_PLACES = {code: number for number, code in enumerate(CENTROIDS)}


def _distances() -> NDArray[np.float64]:
    """Kilometres between départements; the last row and column, for unknown ones, are infinite."""
    far = np.full((len(CENTROIDS) + 1, len(CENTROIDS) + 1), np.inf)
    for one, here in _PLACES.items():
        for other, there in _PLACES.items():
            km = distance_km(one, other)
            far[here, there] = np.inf if km is None else km
    return far


_DISTANCES_KM = _distances()
