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

    `seen`, a matrix (topics, agents) of 0 and 1: who states a topic, or wrote on it. `own` and
    `by_metier`, the same shape: who wrote or answered on it themselves (`WROTE_ON_TOPIC`); whom
    the directory's métier names. `stated`, too: whom the directory names at all. `share` (topics,),
    from 0 to 1: how many of the topic's people show in documents, `shown` (topics,) how many do.
    `metiers`: the share of directory entries with a métier. `borne_out`: how likely the directory
    names whom documents make a holder.

    `refused`, a matrix too: who refused the topic, or was removed from it; they are not seen on it.
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
    refused: "sp.csr_array"
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


@dataclass(frozen=True, slots=True, eq=False)
class SightCounts:
    """What shares are made of.

    By topic: `stated`, whom the directory names; `both`, who of them show; `known`, who is known
    otherwise than by mission; `on_mission`, who of them have one.
    Of the whole directory: `people`, who `wrote` anything, with a métier, with a mission in force
    (`told`). `demonstrated`: holders by documents of topics of which the directory names somebody;
    `borne_out`: of them, those that it names.
    """

    is_topic: NDArray[np.bool_]
    stated: NDArray[np.float64]
    both: NDArray[np.float64]
    known: NDArray[np.float64]
    on_mission: NDArray[np.float64]
    people: int
    wrote: int
    metiers: int
    told: int
    demonstrated: int
    borne_out: int


@dataclass(frozen=True, slots=True, eq=False)
class SightShares:
    """How many of each topic's people show, from 0 to 1; see `Sight`."""

    share: NDArray[np.float64]
    mission_share: NDArray[np.float64]
    metiers: float
    borne_out: float


def topic_shares(counts: SightCounts) -> SightShares:
    """The shares, as `sight_of` explains them.

    A topic of which few are named or known borrows the share over all topics, as one person more;
    where nobody is known on any, the share of agents who wrote, or whose missions the directory
    tells, stands in.
    """
    people = max(counts.people, 1)
    metiers = counts.metiers / people
    named = np.where(counts.is_topic, counts.stated, 0.0)
    overall = (counts.both.sum() + counts.wrote / people) / (named.sum() + 1)
    share = np.where(counts.is_topic, (counts.both + overall) / (named + 1), metiers)
    missions = (counts.on_mission.sum() + counts.told / people) / (counts.known.sum() + 1)
    return SightShares(
        np.round(share, 6).astype(np.float64, copy=False),
        np.round((counts.on_mission + missions) / (counts.known + 1), 6),
        round(metiers, 6),
        round((counts.borne_out + 1) / (counts.demonstrated + 2), 6),
    )


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
    """Who shows on a topic, no métier, by documents or by what the directory says but missions."""
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
    """As `enough_in_sight`, of the matrices."""
    shares = SightShares(sight.share, sight.mission_share, sight.metiers, sight.borne_out)
    return enough_in_sight(
        shares,
        sight.shown,
        _row_sums(sight.on_mission).astype(np.int64),
        _row_sums(sight.stated.multiply(sight.own).tocsr()) > 0,
        len({agent.departement for agent in agents if agent.departement}),
        least_known,
    )


def enough_in_sight(
    shares: SightShares,
    shown: IntArray,
    missions: IntArray,
    both_ways: NDArray[np.bool_],
    departements: int,
    least_known: float,
) -> NDArray[np.bool_]:
    """Whether a topic's holder could be called alone in a département of the mean size, (topics,).

    One whom the directory names too, where it names anybody of those who show (`both_ways`); else
    one whom only documents show; or one on a mission, where missions tell enough of the topic's
    people.
    """
    part = np.full(len(shown), 1 / max(departements, 1))
    sure = np.where(both_ways, 1.0, shares.borne_out)
    listed = sole_probability(shares.mission_share, missions, part)
    sole = sure * sole_probability(shares.share, shown, part)
    found: NDArray[np.bool_] = np.maximum(sole, np.where(missions > 0, listed, 0.0)) >= least_known
    return found


def _row_sums(matrix: "sp.csr_array") -> NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()


def _ones(matrix: "sp.csr_array") -> "sp.csr_array":
    matrix.data = np.minimum(matrix.data, 1)
    return matrix


def _columns(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [one for one, _ in pairs], [other for _, other in pairs]


@dataclass(frozen=True, slots=True, eq=False)
class HeldRows:
    """Holders, one row each, with what is known of them on the topic; columns of shape (rows,)."""

    topic: IntArray
    by_metier: NDArray[np.bool_]
    stated: NDArray[np.bool_]
    own: NDArray[np.bool_]
    on_mission: NDArray[np.bool_]
    ended: NDArray[np.bool_]
    arrived: NDArray[np.bool_]


def alone_probability(
    shares: SightShares,
    shown: IntArray,
    missions: IntArray,
    held: HeldRows,
    part: NDArray[np.float64],
) -> NDArray[np.float64]:
    """How likely each holder, alone in sight in an area, is one and is alone there, (rows,).

    -1 for whom `find_isolation` calls alone in no case. `shown` and `missions` (topics,): how many
    show in documents, and have a mission in force. `part` (rows,): the area's share of all agents.
    """
    topic = held.topic
    sure = np.where(held.stated, 1.0, shares.borne_out * held.own)
    share = np.where(held.by_metier, shares.metiers, shares.share[topic])
    sole = sole_probability(share, np.where(held.by_metier, 0, shown[topic]), part)
    listed = sole_probability(shares.mission_share[topic], missions[topic], part)
    sole = np.where(held.on_mission, np.maximum(sole, listed), sole)
    in_force = held.arrived & (held.stated | ~held.ended)
    found: NDArray[np.float64] = np.where(in_force, sure * sole, -1.0)
    return found


def find_isolation(
    holdings: Holdings,
    sight: Sight,
    agents: Sequence[Agent],
    least_known: float,
) -> Isolation:
    """The widest area in which each holder is the only one who is seen on the topic.

    Who states a topic, or wrote on it, is seen, though no holder; a comment, news or a job offer
    hides nobody's being alone. It has to
    be as likely as `least_known` that the holder does hold it (`Sight.borne_out`, unless the
    directory says so) and that nobody in the area is out of sight (`sole_probability`; of a métier,
    whose people the directory names, nobody whose entry has none). Where missions tell more of a
    topic's people than documents do, the directory's list counts for who is on one. Who wrote
    nothing of it themselves is not claimed by documents alone, nor is whose mission ended: the
    directory says that they held it before. Nor is who has yet to arrive. An agent without a known
    département counts for the country only.
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


def nearest_holders(one: int, here: int, others: IntArray, places: IntArray) -> IntArray:
    """The nearest other holders by distance, ties by number; unknown distances come last.

    `here`, and `places` of the others, are as `department_places` gives them.
    """
    far = _DISTANCES_KM[here, places]
    order = np.lexsort((others, far))
    found: IntArray = others[order[others[order] != one]][:NEAREST_HOLDERS]
    return found


def department_places(codes: Sequence[str]) -> IntArray:
    """The place of each département in the table of distances; the last row where it has none."""
    return np.array([_PLACES.get(code, -1) for code in codes], dtype=np.int64)


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
