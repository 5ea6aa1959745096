"""Who holds a topic and how strongly; `isolation` says who does so alone in an area."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from connectors.geography import DEPARTEMENTS
from connectors.values import Agent, ContributorRole, Mission
from expertise.corpus import Corpus, IntArray, SkippedItems, SkippedKind
from expertise.topics import Topic, TopicKind, label_key
from expertise.votes import ROLE_WEIGHTS

VOLUME_DISCOUNT = 0.8
"""The factor from each document to the next: who wrote most is not who knows most."""


MILLION = 1_000_000
"""A weight is kept as whole millionths: whole numbers have one sum, in whatever order an engine
adds them, where floats have many, and a threshold would then depend on the number of threads."""
DISCOUNT_SCALE = 1_000_000_000
DISCOUNTS: IntArray = np.array(
    [round(DISCOUNT_SCALE * VOLUME_DISCOUNT**rank) for rank in range(97)], dtype=np.int64
)
"""The factor of each document of a cell, in billionths; further ones round to nothing."""


def whole_millionths(weight: NDArray[np.float64]) -> IntArray:
    """Rounded half up: multiplication, addition and floor give the same bits in every engine."""
    whole: IntArray = np.floor(weight * 1e6 + 0.5).astype(np.int64)
    return whole


def least_millionths(strength: float) -> int:
    """The smallest whole number of millionths that reaches a strength."""
    near = round(strength * MILLION)
    return near if near / MILLION >= strength else near + 1


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
    alone makes a holder, where confidence and recency reach `LEAST_ACCEPTED`. What asks for a skill
    says nothing of who wrote it.
    """
    shows = ~corpus.asks[corpus.document]
    document, agent, account, weight, accepted = _best_rows(corpus, owner, shows)
    row, topic, confidence = _rows_by_topic(corpus, document)
    said = whole_millionths(confidence * weight[row])
    surely = (confidence >= LEAST_ACCEPTED) & (weight[row] >= LEAST_ACCEPTED)
    enough = accepted[row] & surely
    said = np.where(enough, np.maximum(said, least_millionths(least_strength)), said)
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


COMMENT_ON_TOPIC = ROLE_WEIGHTS[ContributorRole.COMMENTER]
"""What a recent comment on a document surely about a topic weighs: the least that makes somebody
visible on it. An old word in a glossary weighs less."""


def pairs_shown(
    corpus: Corpus, owner: IntArray, least: float, *, own: bool = False
) -> tuple[IntArray, IntArray]:
    """(topic, agent) pairs with one contribution of at least `least`, by topic, then agent.

    Holders or not, and in any document, also one that asks for a skill. With `own` only what an
    agent wrote or answered, in documents that ask for none. `owner` as in `weigh_cells`.
    """
    every = np.ones(len(corpus.document), dtype=np.bool_)
    rows = corpus.own & ~corpus.asks[corpus.document] if own else every
    document, agent, _, weight, _ = _best_rows(corpus, owner, rows)
    row, topic, confidence = _rows_by_topic(corpus, document)
    enough = np.flatnonzero(whole_millionths(confidence * weight[row]) >= least_millionths(least))
    pairs = np.unique(np.stack((topic[enough], agent[row[enough]]), axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def discounted_strength(said: Sequence[float]) -> float:
    """The strength of one cell from its documents' weights, strongest first."""
    return math.fsum(one * VOLUME_DISCOUNT**rank for rank, one in enumerate(said))


def _best_rows(
    corpus: Corpus, owner: IntArray, rows: NDArray[np.bool_]
) -> tuple[IntArray, IntArray, IntArray, NDArray[np.float64], NDArray[np.bool_]]:
    """(document, agent, account, weight, accepted): the best row of each agent of a document.

    Among `rows`. Of equals, an accepted answer.
    """
    agent = owner[corpus.account] if len(corpus.account) else corpus.account
    known = np.flatnonzero((agent >= 0) & rows)
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
    MISSION = "mission"
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
    cells: Cells,
    topics: Sequence[Topic],
    agents: Sequence[Agent],
    least_strength: float,
    today: date,
) -> Holdings:
    """Holders by evidence of at least `least_strength`, by métier, mission or confirmed skill.

    Agents who only declare a skill have rows too, and are not holders.

    A métier is held by those whose directory entry has it, never by evidence: writing about
    geometers makes no geometer. They hold the topics that the list puts directly above their
    métier, too. A mission counts while it is in force. A topic with evidence gets no second row
    for what the directory says.
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
    """The agents by id, each once, without unknown départements. Others are recorded as skipped."""
    named = topic_ids_by_label(topics)
    found: dict[str, Agent] = {}
    for agent in agents:
        if agent.id in found:
            omissions.add(SkippedKind.AGENT, agent.id, "un autre agent a le même identifiant")
            continue
        with omissions.instead(SkippedKind.AGENT, agent.id):
            stated_topics(agent, named, today)
            found[agent.id] = known_agent(agent)
    return sorted(found.values(), key=lambda agent: agent.id)


def known_agent(agent: Agent) -> Agent:
    """The agent; without the département where nobody knows it."""
    return agent if agent.departement in DEPARTEMENTS else replace(agent, departement="")


def stated_holdings(
    topics: Sequence[Topic], agents: Sequence[Agent], today: date
) -> list[tuple[int, int, Basis]]:
    """(topic, agent, basis) from directory entries."""
    named = topic_ids_by_label(topics)
    numbers = {topic.id: number for number, topic in enumerate(topics)}
    return [
        (numbers[topic_id], number, basis)
        for number, agent in enumerate(agents)
        for topic_id, basis in stated_topics(agent, named, today).items()
    ]


def topics_on_mission(
    topics: Sequence[Topic], agents: Sequence[Agent], today: date
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """((topic, agent) on a mission in force, the same of missions that ended and none goes on)."""
    named = topic_ids_by_label(topics)
    numbers = {topic.id: number for number, topic in enumerate(topics)}
    on, ended = [], []
    for number, agent in enumerate(agents):
        in_force = missions_in_force(agent, named, today)
        on += [(numbers[topic], number) for topic in in_force]
        before = topics_of_ended_missions(agent, named, today)
        ended += [(numbers[topic], number) for topic in sorted(before)]
    return on, ended


TopicIdsByLabel = Mapping[tuple[TopicKind | None, str], tuple[str, ...]]
"""(kind, analysed label) → the topic's id; a métier's, then those of the topics above it.
(None, id) → the id of a topic that is no métier."""


def topic_ids_by_label(topics: Sequence[Topic]) -> TopicIdsByLabel:
    """The topic ids of each label; no two topics of one kind share a label."""
    subjects = {topic.id for topic in topics if topic.kind == TopicKind.TOPIC}
    found: dict[tuple[TopicKind | None, str], tuple[str, ...]] = {
        (None, id_): (id_,) for id_ in subjects
    }
    found |= {
        (topic.kind, label_key(name)): (
            topic.id,
            *(up for up in topic.broader if topic.kind == TopicKind.METIER and up in subjects),
        )
        for topic in topics
        for name in topic.labels
    }
    return found


def missions_in_force(agent: Agent, named: TopicIdsByLabel, today: date) -> dict[str, date]:
    """The topics that an agent is on a mission for, each since when; without those they refused.

    Of several missions on one topic, since the first of those that are in force.
    """
    refused = {one.id for one in agent.refused}
    since: dict[str, date] = {}
    for mission in agent.missions:
        if mission.in_force(today):
            for topic in _named_by(mission, named):
                since[topic] = min(mission.first, since.get(topic, mission.first))
    return {topic: first for topic, first in since.items() if topic not in refused}


def topics_of_ended_missions(agent: Agent, named: TopicIdsByLabel, today: date) -> frozenset[str]:
    """The topics that an agent was on a mission for, and is no more."""
    ended = {
        topic
        for mission in agent.missions
        if mission.ended(today)
        for topic in _named_by(mission, named)
    }
    return frozenset(ended - missions_in_force(agent, named, today).keys())


def _named_by(mission: Mission, named: TopicIdsByLabel) -> tuple[str, ...]:
    """The topic with this id, else with this label; none for what is not on the list."""
    by_id = named.get((None, mission.topic))
    return by_id or named.get((TopicKind.TOPIC, label_key(mission.topic)), ())


def stated_topics(agent: Agent, named: TopicIdsByLabel, today: date) -> dict[str, Basis]:
    """The topics of an agent's directory entry: by métier, mission, confirmed or declared skill.

    Without those that the agent refused; who refused the métier holds no topic by it.
    """
    refused = {one.id for one in agent.refused}
    metier, *subjects = named.get((TopicKind.METIER, label_key(agent.metier)), ("",))
    by_metier = (metier, *subjects) if metier and metier not in refused else ()
    found = dict.fromkeys(missions_in_force(agent, named, today), Basis.MISSION)
    found |= dict.fromkeys(by_metier, Basis.METIER)
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
