"""Who holds a topic: by evidence, métier or confirmed skill; and who only declares it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from connectors.areas import DEPARTEMENTS
from connectors.values import Agent
from expertise.corpus import Numbers
from expertise.left_out import Omissions, Part
from expertise.strength import Cells
from expertise.topics import Topic, TopicKind, label_key


class Basis(StrEnum):
    """What a holding rests on. What is declared alone makes no holder."""

    DEMONSTRATED = "demonstrated"
    METIER = "metier"
    CONFIRMED = "confirmed"
    DECLARED = "declared"


BASES = tuple(Basis)


@dataclass(frozen=True, slots=True, eq=False)
class Holdings:
    """One row for each agent and topic, by topic, then agent; columns of shape (rows,).

    `basis` points into `BASES`, `cell` into the cells (-1 without evidence).
    """

    topic: Numbers
    agent: Numbers
    basis: Numbers
    cell: Numbers

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Whether the row is a holder's."""
        held: NDArray[np.bool_] = self.basis != BASES.index(Basis.DECLARED)
        return held


def hold(
    cells: Cells, topics: Sequence[Topic], agents: Sequence[Agent], least_strength: float
) -> Holdings:
    """Holders by evidence of at least `least_strength`, by métier or by a confirmed skill.

    Those who only declare a skill stand beside them and are none.

    A métier is held by whom the directory says so, never by what was written: to write
    about geometers makes none. A skill that evidence shows is not told twice.
    """
    is_topic = np.array([topic.kind == TopicKind.TOPIC for topic in topics], dtype=np.bool_)
    shown = np.flatnonzero((cells.strength >= least_strength) & is_topic[cells.topic])
    rows = {
        (int(cells.topic[cell]), int(cells.agent[cell])): (0, int(cell)) for cell in shown.tolist()
    }
    for topic, agent, basis in _stated(topics, agents):
        rows.setdefault((topic, agent), (BASES.index(basis), -1))
    ordered = sorted(rows)
    return Holdings(
        topic=np.array([topic for topic, _ in ordered], dtype=np.int64),
        agent=np.array([agent for _, agent in ordered], dtype=np.int64),
        basis=np.array([rows[pair][0] for pair in ordered], dtype=np.int64),
        cell=np.array([rows[pair][1] for pair in ordered], dtype=np.int64),
    )


def sound_agents(
    agents: Iterable[Agent], topics: Sequence[Topic], omissions: Omissions
) -> list[Agent]:
    """The agents by id, each once; an unknown département is none. The others are noted."""
    named = topics_by_name(topics)
    found: dict[str, Agent] = {}
    for agent in agents:
        if agent.id in found:
            omissions.add(Part.AGENT, agent.id, "un autre agent a le même identifiant")
            continue
        with omissions.instead(Part.AGENT, agent.id):
            stated_topics(agent, named)
            known = agent.departement in DEPARTEMENTS
            found[agent.id] = agent if known else replace(agent, departement="")
    return sorted(found.values(), key=lambda agent: agent.id)


def _stated(topics: Sequence[Topic], agents: Sequence[Agent]) -> list[tuple[int, int, Basis]]:
    """(topic, agent, basis) of what the directory says."""
    named = topics_by_name(topics)
    numbers = {topic.id: number for number, topic in enumerate(topics)}
    return [
        (numbers[topic_id], number, basis)
        for number, agent in enumerate(agents)
        for topic_id, basis in stated_topics(agent, named).items()
    ]


Named = Mapping[tuple[TopicKind, str], str]
"""(kind, analysed label) → topic id."""


def topics_by_name(topics: Sequence[Topic]) -> Named:
    """Each label's topic; a list gives no label to two of one kind."""
    return {(topic.kind, label_key(name)): topic.id for topic in topics for name in topic.labels}


def stated_topics(agent: Agent, named: Named) -> dict[str, Basis]:
    """The topics that the directory gives: the métier, skills confirmed by others, or declared.

    Less those that the agent refused.
    """
    found: dict[str, Basis] = {}
    if metier := named.get((TopicKind.METIER, label_key(agent.metier))):
        found[metier] = Basis.METIER
    for skill in agent.skills:
        if topic := named.get((TopicKind.TOPIC, label_key(skill))):
            confirmed = skill in agent.skills_confirmed
            if confirmed or topic not in found:
                found[topic] = Basis.CONFIRMED if confirmed else Basis.DECLARED
    for refused in agent.refused:
        found.pop(refused.id, None)
    return found
