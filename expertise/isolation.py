"""Estimate how sure it is that a holder is alone on a topic in an area.

Read `alone_probability` first. «Alone» is a claim about everybody else: nobody else may be visible
on the topic in the area, and the build must see a large enough part of the topic's people.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.geography import CENTROIDS, distance_km
from expertise.corpus import IntArray

NEAREST_HOLDERS = 3
"""Number of nearest other holders that are kept: the first may have left when the answer is given.
"""


def sole_probability(
    share: NDArray[np.float64], shown: IntArray, part: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability that nobody of a topic is out of sight in an area.

    `part` is the area's share of all agents. With N people, every N equally likely beforehand, each
    of them visible with probability s, and n of them visible, the number u of the others has a
    negative binomial distribution: (u + n over n) s^(n + 1) (1 - s)^u. Each of them is in the area
    with probability q, so that none is with probability (s / (s + q (1 - s)))^(n + 1): s² for one
    visible person and the whole country. All arrays have the same shape.
    """
    probability: NDArray[np.float64] = np.power(share / (share + part * (1 - share)), shown + 1.0)
    return probability


@dataclass(frozen=True, slots=True, eq=False)
class SightCounts:
    """The counts that the shares are computed from.

    By topic: `stated`, agents to whom the directory gives the topic; `both`, those of them who show
    in documents; `known`, agents known for the topic without regard to missions; `on_mission`,
    those of them with a mission in force.

    Of the whole directory: `people`, all agents; `wrote`, agents who contributed to anything;
    `metiers`, agents with a métier; `with_mission`, agents with a mission in force. `demonstrated`
    counts holders by documents, on topics that the directory gives to somebody; `borne_out` counts
    those of them to whom it gives the topic.
    """

    is_topic: NDArray[np.bool_]
    stated: NDArray[np.float64]
    both: NDArray[np.float64]
    known: NDArray[np.float64]
    on_mission: NDArray[np.float64]
    people: int
    wrote: int
    metiers: int
    with_mission: int
    demonstrated: int
    borne_out: int


@dataclass(frozen=True, slots=True, eq=False)
class SightShares:
    """Parts of each topic's people who are seen, from 0 to 1.

    By topic, (topics,): `share`, those who show in documents; `mission_share`, those with a mission
    in force. `metiers` is the share of directory entries with a métier. `borne_out` is the
    probability that the directory also gives the topic to an agent whom documents make a holder.
    """

    share: NDArray[np.float64]
    mission_share: NDArray[np.float64]
    metiers: float
    borne_out: float


def topic_shares(counts: SightCounts) -> SightShares:
    """Return the estimated share of each topic's people who show in documents or have a mission.

    The agents to whom the directory gives a topic (by métier or skill) are a sample of the topic's
    people that does not depend on documents. Therefore the share of them who show in documents is
    taken for all people of the topic, as in capture and recapture (Petersen, 1896). It is smoothed
    with the share over all topics, which counts as one more person, and which is in turn smoothed
    with the share of all agents who wrote: an upper bound where the directory gives no topic.

    In the other direction, the directory confirms the holders by documents, on topics that it gives
    to somebody (Laplace's rule of succession). Missions are a second list: the share of a topic's
    people with a mission in force is estimated from the holders known by documents, métier or
    skill, without agents whose missions ended.
    """
    people = max(counts.people, 1)
    metiers = counts.metiers / people
    named = np.where(counts.is_topic, counts.stated, 0.0)
    overall = (counts.both.sum() + counts.wrote / people) / (named.sum() + 1)
    share = np.where(counts.is_topic, (counts.both + overall) / (named + 1), metiers)
    missions = (counts.on_mission.sum() + counts.with_mission / people) / (counts.known.sum() + 1)
    return SightShares(
        np.round(share, 6).astype(np.float64, copy=False),
        np.round((counts.on_mission + missions) / (counts.known + 1), 6),
        round(metiers, 6),
        round((counts.borne_out + 1) / (counts.demonstrated + 2), 6),
    )


def enough_in_sight(
    shares: SightShares,
    shown: IntArray,
    missions: IntArray,
    both_ways: NDArray[np.bool_],
    departements: int,
    least_known: float,
) -> NDArray[np.bool_]:
    """Return whether a holder could be called alone in a département of mean size, (topics,).

    The holder is assumed to be given by the directory too if it gives the topic to anybody who
    wrote about it (`both_ways`), else to be known by documents only. Or the holder is on a mission,
    if missions show enough of the topic's people.
    """
    part = np.full(len(shown), 1 / max(departements, 1))
    sure = np.where(both_ways, 1.0, shares.borne_out)
    listed = sole_probability(shares.mission_share, missions, part)
    sole = sure * sole_probability(shares.share, shown, part)
    enough: NDArray[np.bool_] = np.maximum(sole, np.where(missions > 0, listed, 0.0)) >= least_known
    return enough


@dataclass(frozen=True, slots=True, eq=False)
class HeldRows:
    """What is known about each holder on the topic; columns of shape (rows,)."""

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
    """Return the probability that each holder holds the topic and is alone in an area, (rows,).

    The holders are the only ones seen there: an agent who states a topic or wrote about it is seen,
    even if they are no holder; comments, news and job offers make nobody seen. `shown` and
    `missions` (topics,) are the numbers of agents who show in documents, and who have a mission in
    force. `part` (rows,) is the area's share of all agents.

    - That the holder holds the topic is certain if the directory says so, else `borne_out`.
    - That nobody is out of sight is `sole_probability`; on a métier, only agents whose entry has no
      métier can be. For an agent on a mission, the list of missions counts if it shows more of the
      topic's people than documents do.
    - The value is -1 for agents who are never called alone: those who have not arrived yet, and
      those known by documents only whose mission on the topic has ended. It is 0 for agents known
      by documents only who wrote nothing themselves.
    """
    topic = held.topic
    sure = np.where(held.stated, 1.0, shares.borne_out * held.own)
    share = np.where(held.by_metier, shares.metiers, shares.share[topic])
    sole = sole_probability(share, np.where(held.by_metier, 0, shown[topic]), part)
    listed = sole_probability(shares.mission_share[topic], missions[topic], part)
    sole = np.where(held.on_mission, np.maximum(sole, listed), sole)
    in_force = held.arrived & (held.stated | ~held.ended)
    alone: NDArray[np.float64] = np.where(in_force, sure * sole, -1.0)
    return alone


def nearest_holders(agent: int, here: int, others: IntArray, places: IntArray) -> IntArray:
    """Return the nearest other holders, ties by number; unknown distances come last.

    `here` is the place of the agent `agent`, and `places` those of `others`, from
    `department_places`.
    """
    far = _DISTANCES_KM[here, places]
    order = np.lexsort((others, far))
    nearest: IntArray = others[order[others[order] != agent]][:NEAREST_HOLDERS]
    return nearest


def department_places(codes: Sequence[str]) -> IntArray:
    """Return the index of each département in the table of distances, -1 if it is unknown."""
    return np.array([_PLACES.get(code, -1) for code in codes], dtype=np.int64)


_PLACES = {code: number for number, code in enumerate(CENTROIDS)}


def _distances() -> NDArray[np.float64]:
    """Return kilometres between départements.

    The last row and column, for unknown départements, are infinite.
    """
    far = np.full((len(CENTROIDS) + 1, len(CENTROIDS) + 1), np.inf)
    for code, here in _PLACES.items():
        for other, there in _PLACES.items():
            km = distance_km(code, other)
            far[here, there] = np.inf if km is None else km
    return far


_DISTANCES_KM = _distances()
