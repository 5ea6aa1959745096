"""Find the agents who hold a topic, and how strongly; `isolation` finds those alone in an area."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import numpy as np

from connectors.geography import DEPARTEMENTS
from connectors.values import Agent, ContributorRole, Mission
from expertise.corpus import IntArray
from expertise.knowing import subject_terms
from expertise.topics import Topic, TopicKind, label_key
from expertise.votes import ROLE_WEIGHTS

VOLUME_DISCOUNT = 0.8
"""Factor from each document to the next: the most documents do not prove the most knowledge."""


MILLION = 1_000_000
"""Weights are stored as whole millionths. Whole numbers have the same sum in any order, while the
sum of floats, and thus a threshold, would depend on the number of threads.
"""
DISCOUNT_SCALE = 1_000_000_000
DISCOUNTS: IntArray = np.array(
    [round(DISCOUNT_SCALE * VOLUME_DISCOUNT**rank) for rank in range(97)], dtype=np.int64
)
"""Factor of each document of a cell, in billionths; for further documents it rounds to 0."""


def least_millionths(strength: float) -> int:
    """Return the smallest whole number of millionths that reaches a strength."""
    near = round(strength * MILLION)
    return near if near / MILLION >= strength else near + 1


AGREED = 2.5
"""Factor of a document for an author to whom the directory gives its topic, or whose métier shares
a rare word with it (`topics_of_metiers`). Two administrations give 2.7 and 1.6; with 2.5 no agent
with whom the directory agrees is missed (decision 71).
"""


COMMENT_ON_TOPIC = ROLE_WEIGHTS[ContributorRole.COMMENTER]
"""Weight of a recent comment on a document that is certainly about a topic: the least weight that
makes an agent visible on it. An old word in a glossary weighs less.
"""
WROTE_ON_TOPIC = 0.5
"""Least weight of an agent's own contribution that keeps others from being called alone: a recent
document that is as likely as not about the topic. Of agents whom the build did not make holders in
two administrations, none of five below this weight really held the topic, but two of 16 above it
did (decision 71).
"""


def discounted_strength(strengths: Sequence[float]) -> float:
    """Return the strength of one cell from its documents' weights, strongest first."""
    return math.fsum(strength * VOLUME_DISCOUNT**rank for rank, strength in enumerate(strengths))


class Basis(StrEnum):
    """Reason why an agent has a topic. Agents who only declare a topic are not holders."""

    DEMONSTRATED = "demonstrated"
    METIER = "metier"
    MISSION = "mission"
    CONFIRMED = "confirmed"
    DECLARED = "declared"


BASES = tuple(Basis)


def known_agent(agent: Agent) -> Agent:
    """Return the agent, with an empty département if it is unknown."""
    return agent if agent.departement in DEPARTEMENTS else replace(agent, departement="")


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The names of a list's topics.

    `ids` maps (kind, analysed label) to the topic's id, for a métier followed by the ids of the
    topics above it; no two topics of one kind share a label. It also maps (None, id) to the id of
    each topic that is no métier. `terms` contains the words of such a topic's labels, by its id.
    """

    ids: Mapping[tuple[TopicKind | None, str], tuple[str, ...]]
    terms: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, topics: Sequence[Topic]) -> "TopicNames":
        """Return the names of these topics."""
        subjects = [topic for topic in topics if topic.kind == TopicKind.TOPIC]
        ids: dict[tuple[TopicKind | None, str], tuple[str, ...]] = {
            (None, topic.id): (topic.id,) for topic in subjects
        }
        known = {topic.id for topic in subjects}
        ids |= {
            (topic.kind, label_key(name)): (
                topic.id,
                *(up for up in topic.broader if topic.kind == TopicKind.METIER and up in known),
            )
            for topic in topics
            for name in topic.labels
        }
        return cls(
            ids,
            {
                subject.id: frozenset().union(*map(subject_terms, subject.labels))
                for subject in subjects
            },
        )


RARE = 10
"""A word of a métier is rare if at most one métier in `RARE` and one topic in `RARE` contain it:
the words of «chargé de mission» do not link it to «frais de mission».
"""


def topics_of_metiers(names: TopicNames, metiers: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return, by métier, the topics by id with which it shares a rare word."""
    words = {
        metier: subject_terms(metier)
        for metier in sorted({metier.strip() for metier in metiers} - {""})
    }
    of_topics = Counter(term for terms in names.terms.values() for term in terms)
    of_metiers = Counter(term for terms in words.values() for term in terms)
    rare = {
        term
        for term, count in of_topics.items()
        if count <= max(1, len(names.terms) // RARE)
        and of_metiers[term] <= max(1, len(words) // RARE)
    }
    having: dict[str, list[str]] = defaultdict(list)
    for topic, terms in names.terms.items():
        for term in terms & rare:
            having[term].append(topic)
    return {
        metier: tuple(sorted({topic for term in terms for topic in having.get(term, ())}))
        for metier, terms in words.items()
    }


def missions_in_force(agent: Agent, names: TopicNames, today: date) -> dict[str, date]:
    """Return the topics of an agent's missions in force, each with the mission's first day.

    Topics that the agent refused are left out. Of several missions on one topic the earliest first
    day counts.
    """
    refused = {topic.id for topic in agent.refused}
    since: dict[str, date] = {}
    for mission in agent.missions:
        if mission.in_force(today):
            for topic in _named_by(mission, names):
                since[topic] = min(mission.first, since.get(topic, mission.first))
    return {topic: first for topic, first in since.items() if topic not in refused}


def topics_of_ended_missions(agent: Agent, names: TopicNames, today: date) -> frozenset[str]:
    """Return the topics on which an agent's missions have ended and none is in force."""
    ended = {
        topic
        for mission in agent.missions
        if mission.ended(today)
        for topic in _named_by(mission, names)
    }
    return frozenset(ended - missions_in_force(agent, names, today).keys())


def _named_by(mission: Mission, names: TopicNames) -> tuple[str, ...]:
    """Return the topic with this id, else with this label; empty if it is not on the list."""
    by_id = names.ids.get((None, mission.topic))
    return by_id or names.ids.get((TopicKind.TOPIC, label_key(mission.topic)), ())


def stated_topics(agent: Agent, names: TopicNames, today: date) -> dict[str, Basis]:
    """Return the topics of a directory entry: by métier, mission, confirmed or declared skill.

    A declared skill that shares a word with the métier counts as the métier's («contrôleur de
    publicité foncière»). Topics that the agent refused are left out; an agent who refused the
    métier has no topic by it.
    """
    refused = {topic.id for topic in agent.refused}
    metier, *subjects = names.ids.get((TopicKind.METIER, label_key(agent.metier)), ("",))
    by_metier = (metier, *subjects) if metier and metier not in refused else ()
    bases = dict.fromkeys(missions_in_force(agent, names, today), Basis.MISSION)
    bases |= dict.fromkeys(by_metier, Basis.METIER)
    words = subject_terms(agent.metier)
    for skill in agent.skills:
        for topic in names.ids.get((TopicKind.TOPIC, label_key(skill)), ()):
            declared = Basis.DECLARED if words.isdisjoint(names.terms[topic]) else Basis.METIER
            basis = Basis.CONFIRMED if skill in agent.skills_confirmed else declared
            if bases.get(topic, Basis.DECLARED) is Basis.DECLARED:
                bases[topic] = basis
    return {topic: basis for topic, basis in bases.items() if topic not in refused}


class IsolationScope(StrEnum):
    """The widest area in which an agent is the only holder."""

    NONE = ""
    DEPARTEMENT = "departement"
    REGION = "region"
    COUNTRY = "country"


SCOPES = tuple(IsolationScope)
