"""Who holds a topic and how strongly, and who holds it alone in an area."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from connectors.geography import CENTROIDS, DEPARTEMENTS, distance_km, region_of
from connectors.values import Agent
from expertise.corpus import Corpus, IntArray, SkippedItems, SkippedKind
from expertise.topics import Topic, TopicKind, label_key

if TYPE_CHECKING:
    import scipy.sparse as sp

VOLUME_DISCOUNT = 0.8
"""The factor from each document to the next: who wrote most is not who knows most."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Cells of the topic × agent matrix that have evidence, by topic, then agent.

    `topic`, `agent` and `strength` have shape (cells,). The evidence of cell i is
    `start[i]:start[i + 1]` of `document`, `account` and `weight`, strongest first.
    """

    topic: IntArray
    agent: IntArray
    strength: NDArray[np.float64]
    start: IntArray
    document: IntArray
    account: IntArray
    weight: NDArray[np.float64]


LEAST_ACCEPTED = 0.5
"""An accepted answer is enough to hold a topic: somebody asked, and said that it answers. Its
document is at least as likely as not about the topic, and its recency at least so much (within six
years). Chosen, not measured (decision 38)."""


def weigh_cells(corpus: Corpus, owner: IntArray, least_strength: float) -> Cells:
    """The strength of each agent on each topic, with its evidence.

    `owner` has shape (accounts,): the agent of each account, -1 where it has none. A document
    weighs its confidence in the topic times the best weight of the agent's contributions to it;
    the i-th strongest (from 0) is multiplied by `VOLUME_DISCOUNT` to the i,
    the geometric discount of Moffat & Zobel, "Rank-biased precision" (TOIS 2008);
    `discounted_strength` is the reference. An accepted answer weighs `least_strength`, so that it
    alone makes a holder, where confidence and recency reach `LEAST_ACCEPTED`.
    """
    document, agent, account, weight, accepted = _best_rows(corpus, owner)
    row, topic, confidence = _rows_by_topic(corpus, document)
    said = np.round(confidence * weight[row], 6)
    surely = (confidence >= LEAST_ACCEPTED) & (weight[row] >= LEAST_ACCEPTED)
    enough = accepted[row] & surely
    said = np.where(enough, np.maximum(said, least_strength), said)
    keep = np.flatnonzero(said > 0)
    row, topic, said = row[keep], topic[keep], said[keep]
    order = np.lexsort((document[row], -said, agent[row], topic))
    row, topic, said = row[order], topic[order], said[order]
    begins = _group_starts(topic, agent[row])
    start = np.append(begins, len(row))
    rank = np.arange(len(row)) - np.repeat(begins, np.diff(start))
    discounted = said * np.power(VOLUME_DISCOUNT, rank)
    strength = np.add.reduceat(discounted, begins) if len(begins) else np.empty(0)
    return Cells(
        topic=topic[begins],
        agent=agent[row[begins]],
        strength=np.round(strength, 6),
        start=start,
        document=document[row],
        account=account[row],
        weight=said,
    )


def discounted_strength(said: Sequence[float]) -> float:
    """The strength of one cell from its documents' weights, strongest first."""
    return math.fsum(one * VOLUME_DISCOUNT**rank for rank, one in enumerate(said))


def _best_rows(
    corpus: Corpus, owner: IntArray
) -> tuple[IntArray, IntArray, IntArray, NDArray[np.float64], NDArray[np.bool_]]:
    """(document, agent, account, weight, accepted): the best row of each agent of a document.

    Of equals, an accepted answer.
    """
    agent = owner[corpus.account] if len(corpus.account) else corpus.account
    known = np.flatnonzero(agent >= 0)
    order = known[
        np.lexsort(
            (
                corpus.account[known],
                ~corpus.accepted[known],
                -corpus.weight[known],
                agent[known],
                corpus.document[known],
            )
        )
    ]
    first = order[_group_starts(corpus.document[order], agent[order])]
    columns = (corpus.document, agent, corpus.account)
    document, whose, account = (one[first] for one in columns)
    return document, whose, account, corpus.weight[first], corpus.accepted[first]


def _rows_by_topic(
    corpus: Corpus, document: IntArray
) -> tuple[IntArray, IntArray, NDArray[np.float64]]:
    """(row, topic, confidence): each row repeated for each topic of its document."""
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
    """Indices where a new pair begins in two sorted columns."""
    if not len(one):
        return np.empty(0, dtype=np.int64)
    changes = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return np.concatenate((np.zeros(1, dtype=np.int64), np.flatnonzero(changes) + 1))


class Basis(StrEnum):
    """What a holding is based on. Agents who only declare a topic are not holders."""

    DEMONSTRATED = "demonstrated"
    METIER = "metier"
    CONFIRMED = "confirmed"
    DECLARED = "declared"


BASES = tuple(Basis)


@dataclass(frozen=True, slots=True, eq=False)
class Holdings:
    """One row for each agent and topic, by topic, then agent; columns of shape (rows,).

    `basis` is an index into `BASES`, `cell` into the cells (-1 without evidence).
    """

    topic: IntArray
    agent: IntArray
    basis: IntArray
    cell: IntArray

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Whether each row is a holder's."""
        held: NDArray[np.bool_] = self.basis != BASES.index(Basis.DECLARED)
        return held


def find_holdings(
    cells: Cells, topics: Sequence[Topic], agents: Sequence[Agent], least_strength: float
) -> Holdings:
    """Holders by evidence of at least `least_strength`, by métier or by a confirmed skill.

    Agents who only declare a skill have rows too, and are not holders.

    A métier is held by those whose directory entry has it, never by evidence: writing about
    geometers makes no geometer. They hold the topics that the list puts directly above their
    métier, too. A topic with evidence gets no second row for a métier or a skill.
    """
    is_topic = np.array([topic.kind == TopicKind.TOPIC for topic in topics], dtype=np.bool_)
    shown = np.flatnonzero((cells.strength >= least_strength) & is_topic[cells.topic])
    rows = {
        (int(cells.topic[cell]), int(cells.agent[cell])): (0, int(cell)) for cell in shown.tolist()
    }
    for topic, agent, basis in _stated_holdings(topics, agents):
        rows.setdefault((topic, agent), (BASES.index(basis), -1))
    ordered = sorted(rows)
    return Holdings(
        topic=np.array([topic for topic, _ in ordered], dtype=np.int64),
        agent=np.array([agent for _, agent in ordered], dtype=np.int64),
        basis=np.array([rows[pair][0] for pair in ordered], dtype=np.int64),
        cell=np.array([rows[pair][1] for pair in ordered], dtype=np.int64),
    )


def valid_agents(
    agents: Iterable[Agent], topics: Sequence[Topic], omissions: SkippedItems
) -> list[Agent]:
    """The agents by id, each once, without unknown départements. Others are recorded as skipped."""
    named = topic_ids_by_label(topics)
    found: dict[str, Agent] = {}
    for agent in agents:
        if agent.id in found:
            omissions.add(SkippedKind.AGENT, agent.id, "un autre agent a le même identifiant")
            continue
        with omissions.instead(SkippedKind.AGENT, agent.id):
            stated_topics(agent, named)
            known = agent.departement in DEPARTEMENTS
            found[agent.id] = agent if known else replace(agent, departement="")
    return sorted(found.values(), key=lambda agent: agent.id)


def _stated_holdings(
    topics: Sequence[Topic], agents: Sequence[Agent]
) -> list[tuple[int, int, Basis]]:
    """(topic, agent, basis) from directory entries."""
    named = topic_ids_by_label(topics)
    numbers = {topic.id: number for number, topic in enumerate(topics)}
    return [
        (numbers[topic_id], number, basis)
        for number, agent in enumerate(agents)
        for topic_id, basis in stated_topics(agent, named).items()
    ]


TopicIdsByLabel = Mapping[tuple[TopicKind, str], tuple[str, ...]]
"""(kind, analysed label) → the topic's id; a métier's, then those of the topics above it."""


def topic_ids_by_label(topics: Sequence[Topic]) -> TopicIdsByLabel:
    """The topic ids of each label; no two topics of one kind share a label."""
    subjects = {topic.id for topic in topics if topic.kind == TopicKind.TOPIC}
    return {
        (topic.kind, label_key(name)): (
            topic.id,
            *(up for up in topic.broader if topic.kind == TopicKind.METIER and up in subjects),
        )
        for topic in topics
        for name in topic.labels
    }


def stated_topics(agent: Agent, named: TopicIdsByLabel) -> dict[str, Basis]:
    """The topics of an agent's directory entry: by métier, confirmed skills, declared skills.

    Without those that the agent refused; who refused the métier holds no topic by it.
    """
    refused = {one.id for one in agent.refused}
    metier, *subjects = named.get((TopicKind.METIER, label_key(agent.metier)), ("",))
    by_metier = (metier, *subjects) if metier and metier not in refused else ()
    found = dict.fromkeys(by_metier, Basis.METIER)
    for skill in agent.skills:
        for topic in named.get((TopicKind.TOPIC, label_key(skill)), ()):
            confirmed = skill in agent.skills_confirmed
            if topic not in found or (confirmed and found[topic] is Basis.DECLARED):
                found[topic] = Basis.CONFIRMED if confirmed else Basis.DECLARED
    return {topic: basis for topic, basis in found.items() if topic not in refused}


class IsolationScope(StrEnum):
    """The widest area in which a holder is the only one."""

    NONE = ""
    DEPARTEMENT = "departement"
    REGION = "region"
    COUNTRY = "country"


SCOPES = tuple(IsolationScope)
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


def find_isolation(holdings: Holdings, agents: Sequence[Agent], topics: int) -> Isolation:
    """Topic × agent times agent × area: a cell of 1 is a holder alone there.

    An agent without a known département counts for the country only.
    """
    # Imported here: it takes half a second, and most commands do not need it.
    import scipy.sparse as sp

    rows = np.flatnonzero(holdings.holds)
    topic, agent = holdings.topic[rows], holdings.agent[rows]
    ones = np.ones(len(rows), dtype=np.int64)
    held = sp.csr_array(sp.coo_array((ones, (topic, agent)), shape=(topics, len(agents))))
    scope = np.zeros(len(holdings.topic), dtype=np.int64)
    departements = [agent.departement for agent in agents]
    regions = [region_of(code) or "" for code in departements]
    for level, codes in (
        (IsolationScope.DEPARTEMENT, departements),
        (IsolationScope.REGION, regions),
        (IsolationScope.COUNTRY, ["country"] * len(agents)),
    ):
        alone = _alone_in_area(held, codes, topic, agent)
        scope[rows[alone]] = SCOPES.index(level)
    nearest = np.full((len(holdings.topic), NEAREST_HOLDERS), -1, dtype=np.int64)
    place = np.array([_PLACES.get(code, -1) for code in departements], dtype=np.int64)
    for row in np.flatnonzero(scope).tolist():
        bounds = np.searchsorted(topic, (holdings.topic[row], holdings.topic[row] + 1))
        others = agent[bounds[0] : bounds[1]]
        found = _nearest_holders(int(holdings.agent[row]), others, place)
        nearest[row, : len(found)] = found
    return Isolation(scope, nearest)


def _alone_in_area(
    held: "sp.csr_array", codes: Sequence[str], topic: IntArray, agent: IntArray
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
