"""Finds the holders of the reference build on arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from connectors.values import Agent
from expertise.corpus import Corpus, IntArray, SkippedItems, SkippedKind
from expertise.holders import (
    AGREED,
    BASES,
    DISCOUNT_SCALE,
    DISCOUNTS,
    MILLION,
    Holdings,
    TopicNames,
    best_rows,
    group_starts,
    known_agent,
    pair_matrix,
    rows_by_topic,
    stands_at,
    stated_holdings,
    stated_topics,
    topics_of_metiers,
    whole_millionths,
)
from expertise.topics import Topic, TopicKind

if TYPE_CHECKING:
    import scipy.sparse as sp


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
    document, agent, account, weight = best_rows(corpus, owner, shows)
    row, topic, confidence = rows_by_topic(corpus, document)
    factor = np.where(stands_at(agreed, topic, agent[row]), AGREED, 1.0)
    said = whole_millionths(confidence * weight[row] * factor)
    keep = np.flatnonzero(said > 0)
    row, topic, said = row[keep], topic[keep], said[keep]
    order = np.lexsort((document[row], -said, agent[row], topic))
    row, topic, said = row[order], topic[order], said[order]
    begins = group_starts(topic, agent[row])
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
