"""Who is the only holder of a topic around, and how far the next one is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from connectors.areas import region_of
from connectors.centroids import CENTROIDS, distance_km
from connectors.values import Agent
from expertise.corpus import Numbers
from expertise.holders import Holdings

if TYPE_CHECKING:
    import scipy.sparse as sp


class Scope(StrEnum):
    """The widest area in which a holder is the only one."""

    NONE = ""
    DEPARTEMENT = "departement"
    REGION = "region"
    COUNTRY = "country"


SCOPES = tuple(Scope)
NEAREST = 3
"""How many of the next holders are kept: one may have left when the answer is given."""


@dataclass(frozen=True, slots=True, eq=False)
class Isolation:
    """One row for each of the holdings: how widely alone, and who is next.

    `scope` (rows,) points into `SCOPES`; `nearest` (rows, NEAREST) names the next
    holders by number, -1 where there is none.
    """

    scope: Numbers
    nearest: Numbers


def isolate(holdings: Holdings, agents: Sequence[Agent], topics: int) -> Isolation:
    """Topic × agent times agent × area: a cell of 1 is a holder alone there.

    An agent without a known département is in the country only.
    """
    # Imported here: half a second, and most commands of the command line build nothing.
    import scipy.sparse as sp

    rows = np.flatnonzero(holdings.holds)
    topic, agent = holdings.topic[rows], holdings.agent[rows]
    ones = np.ones(len(rows), dtype=np.int64)
    held = sp.csr_array(sp.coo_array((ones, (topic, agent)), shape=(topics, len(agents))))
    scope = np.zeros(len(holdings.topic), dtype=np.int64)
    departements = [agent.departement for agent in agents]
    regions = [region_of(code) or "" for code in departements]
    for level, codes in (
        (Scope.DEPARTEMENT, departements),
        (Scope.REGION, regions),
        (Scope.COUNTRY, ["country"] * len(agents)),
    ):
        alone = _alone(held, codes, topic, agent)
        scope[rows[alone]] = SCOPES.index(level)
    nearest = np.full((len(holdings.topic), NEAREST), -1, dtype=np.int64)
    place = np.array([_PLACES.get(code, -1) for code in departements], dtype=np.int64)
    for row in np.flatnonzero(scope).tolist():
        bounds = np.searchsorted(topic, (holdings.topic[row], holdings.topic[row] + 1))
        others = agent[bounds[0] : bounds[1]]
        found = _nearest(int(holdings.agent[row]), others, place)
        nearest[row, : len(found)] = found
    return Isolation(scope, nearest)


def _alone(
    held: "sp.csr_array", codes: Sequence[str], topic: Numbers, agent: Numbers
) -> NDArray[np.bool_]:
    """Whether each (topic, agent) is the only one of the topic in the agent's area."""
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


def _nearest(one: int, others: Numbers, place: Numbers) -> Numbers:
    """The next holders by distance, ties by number; where it is unknown they come last."""
    far = _KM[place[one], place[others]]
    order = np.lexsort((others, far))
    found: Numbers = others[order[others[order] != one]][:NEAREST]
    return found


_PLACES = {code: number for number, code in enumerate(CENTROIDS)}


def _distances() -> NDArray[np.float64]:
    """Kilometres between known places; the last row and column, for the unknown, are infinite."""
    far = np.full((len(CENTROIDS) + 1, len(CENTROIDS) + 1), np.inf)
    for one, here in _PLACES.items():
        for other, there in _PLACES.items():
            km = distance_km(one, other)
            far[here, there] = np.inf if km is None else km
    return far


_KM = _distances()
