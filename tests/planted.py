"""A planted administration: who holds which topic where is drawn first, then written down.

The test knows the truth from the draw alone; documents, decoys and directory come after.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np

from connectors.geography import CENTROIDS, region_of
from connectors.ports import Malformed
from connectors.values import (
    EVERYONE,
    Access,
    Agent,
    Contribution,
    ContributorRole,
    EvidencePolicy,
    Group,
    Mission,
)
from expertise.holders import IsolationScope
from expertise.topics import Topic, TopicKind
from indexer.values import IndexedDocument, Passage, Put, Vectors
from tests.builders import make_document
from tests.encoders import FakeEncoder

TODAY = date(2026, 10, 1)
DEPARTEMENTS = tuple(CENTROIDS)
DECOYS = (
    "restricted",
    "denied",
    "no_evidence",
    "unlisted",
    "departed",
    "asker",
    "bot",
    "comment",
    "declared",
    "stale",
    "unknown",
)


class FlatEncoder(FakeEncoder):
    """All texts alike: nothing stands out by vector, and labels alone assign."""

    def _encoded(self, texts: Sequence[str]) -> Vectors:
        return np.tile(np.eye(1, self.dimension, dtype=np.float32), (len(texts), 1))


ENCODER = FlatEncoder()


@dataclass
class Planted:
    """`holders` are all (topic id, agent id) that a build must find, and nobody else.

    `visible` are those who declare a topic: no holders, and nobody is alone beside them.
    `circles` are the ids of agents who hold several topics together.
    """

    topics: list[Topic] = field(default_factory=list)
    agents: dict[str, Agent] = field(default_factory=dict)
    documents: list[IndexedDocument] = field(default_factory=list)
    holders: set[tuple[str, str]] = field(default_factory=set)
    supporting: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    decoys: set[str] = field(default_factory=set)
    visible: set[tuple[str, str]] = field(default_factory=set)
    circles: dict[int, list[str]] = field(default_factory=dict)

    def alone(self) -> set[tuple[str, str, IsolationScope]]:
        """(topic, agent, widest area in which nobody else is visible), counted one by one."""
        found = set()
        for topic_id, agent_id in self.holders:
            others = [
                self.agents[other].departement
                for topic, other in self.holders | self.visible
                if topic == topic_id and other != agent_id
            ]
            here = self.agents[agent_id].departement
            if here in others:
                continue
            scope = IsolationScope.DEPARTEMENT
            if region_of(here) not in map(region_of, others):
                scope = IsolationScope.REGION if others else IsolationScope.COUNTRY
            found.add((topic_id, agent_id, scope))
        return found

    def counts(self, topic_id: str) -> Counter[str]:
        """Holders of a topic by département."""
        return Counter(self.agents[a].departement for t, a in self.holders if t == topic_id)

    def puts(self) -> list[Put]:
        return [Put(one) for one in self.documents]

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """The directory."""
        yield from self.agents.values()


def plant(
    seed: int, *, topics: int = 8, areas: int = 6, decoys: int = 12, circles: int = 0
) -> Planted:
    """Draw an administration: about so many areas and decoys for each topic.

    A circle is four agents of one place who hold the same three topics.
    """
    garden = _Garden(random.Random(seed))
    for number in range(topics):
        metier = number % 4 == 3
        garden.topic(number, TopicKind.METIER if metier else TopicKind.TOPIC, areas, decoys)
    for number in range(circles):
        garden.circle(number)
    garden.noise(topics * 3)
    garden.draw.shuffle(garden.planted.documents)
    return garden.planted


def _missions_of_decoy(kind: str, topic: Topic) -> tuple[Mission, ...]:
    """In force, of who left or is not listed; ended, or yet to begin, of others."""
    last = {"asker": TODAY - timedelta(days=1)}.get(kind)
    first = TODAY + timedelta(days=1 if kind == "stale" else -400)
    told = kind in ("unlisted", "departed", "asker", "stale")
    return (Mission(topic.label, first, last),) if told else ()


class _Garden:
    def __init__(self, draw: random.Random) -> None:
        self.draw, self.planted = draw, Planted()

    def topic(self, number: int, kind: TopicKind, areas: int, decoys: int) -> None:
        topic = Topic(f"t{number}", f"matière{number}x rare", (f"variante{number}x",), (), kind)
        self.planted.topics.append(topic)
        places = self.draw.sample(DEPARTEMENTS, self.draw.randint(0, areas))
        for place in places:
            for _ in range(self.draw.choice((1, 1, 1, 2, 3))):
                self.holder(topic, place)
        for _ in range(decoys):
            self.decoy(topic, self.draw.choice([*places, *self.draw.sample(DEPARTEMENTS, 3)]))

    def holder(self, topic: Topic, place: str) -> None:
        if topic.kind == TopicKind.METIER:
            name = self.draw.choice(topic.labels).upper()
            agent = self.agent(place, metier=name)
        elif self.draw.random() < 0.15:
            by_mission = len(self.planted.agents) % 2 == 0
            agent = (
                self.agent(place, missions=(Mission(topic.id, TODAY - timedelta(days=400)),))
                if by_mission
                else self.agent(place, skills=(topic.label,), skills_confirmed=(topic.label,))
            )
        else:
            known = [a.id for a in self.planted.agents.values() if self.reusable(a, topic, place)]
            reused = known and self.draw.random() < 0.3
            agent = self.planted.agents[self.draw.choice(known)] if reused else self.agent(place)
            self.planted.supporting[topic.id, agent.id] = self.evidence(topic, agent)
        self.planted.holders.add((topic.id, agent.id))

    def circle(self, number: int) -> None:
        known = [topic for topic in self.planted.topics if topic.kind == TopicKind.TOPIC]
        topics = known[3 * number : 3 * number + 3]
        place = self.draw.choice(DEPARTEMENTS)
        for agent in [self.agent(place) for _ in range(4)]:
            self.planted.circles.setdefault(number, []).append(agent.id)
            for topic in topics:
                self.planted.supporting[topic.id, agent.id] = self.evidence(topic, agent)
                self.planted.holders.add((topic.id, agent.id))

    def reusable(self, agent: Agent, topic: Topic, place: str) -> bool:
        """Return whether the agent works in this place, is no decoy, and lacks this topic."""
        return (
            agent.departement == place
            and agent.id not in self.planted.decoys
            and (topic.id, agent.id) not in self.planted.holders
        )

    def evidence(self, topic: Topic, agent: Agent) -> list[str]:
        """Two notes with the label as title, or four answers that have it in their text."""
        if self.draw.random() < 0.5:
            title = f"Note sur la {self.draw.choice(topic.labels)}"
            return [
                self.document(title, "Un texte.", agent, ContributorRole.AUTHOR) for _ in range(2)
            ]
        text = f"On demande la {self.draw.choice(topic.labels)} ici."
        return [
            self.document("Réponse", text, agent, ContributorRole.ACCEPTED_ANSWERER)
            for _ in range(4)
        ]

    def decoy(self, topic: Topic, place: str) -> None:
        kind = self.draw.choice(DECOYS)
        agent = self.agent(
            place,
            metier=topic.label if kind in ("unlisted", "departed") else "autre métier",
            listed=kind != "unlisted",
            departure=TODAY - timedelta(days=1) if kind == "departed" else None,
            skills=(topic.label,) if kind == "declared" else (),
            missions=_missions_of_decoy(kind, topic),
        )
        self.planted.decoys.add(agent.id)
        if kind == "declared" and topic.kind == TopicKind.TOPIC:
            self.planted.visible.add((topic.id, agent.id))
        roles = {
            "asker": ContributorRole.ASKER,
            "bot": ContributorRole.BOT,
            "comment": ContributorRole.COMMENTER,
        }
        access = {
            "restricted": Access(frozenset({"ldap:group:x"})),
            "denied": Access(frozenset({EVERYONE}), frozenset({"ldap:group:y"})),
        }
        if kind == "declared":
            return
        for _ in range(1 if kind == "comment" else 4):
            self.document(
                f"Note sur la {topic.label}",
                "Un texte.",
                agent if kind != "unknown" else replace(agent, accounts=("wiki:inconnu",)),
                roles.get(kind, ContributorRole.AUTHOR),
                access=access.get(kind, Access(frozenset({EVERYONE}))),
                evidence=EvidencePolicy.NONE if kind == "no_evidence" else EvidencePolicy.YES,
                last=TODAY - timedelta(days=365 * (40 if kind == "stale" else 0)),
            )

    def noise(self, documents: int) -> None:
        for _ in range(documents):
            agent = self.draw.choice(list(self.planted.agents.values()))
            self.document("Galette des rois", "Rendez-vous jeudi.", agent, ContributorRole.AUTHOR)

    def agent(self, place: str, **fields: object) -> Agent:
        number = len(self.planted.agents)
        agent = Agent(
            id=f"ag-{number}",
            given_name="Prénom",
            family_name=f"Nom{number:04}",
            departement=place,
            accounts=(f"wiki:a{number}",),
            **fields,  # type: ignore[arg-type]
        )
        self.planted.agents[agent.id] = agent
        return agent

    def document(
        self, title: str, text: str, agent: Agent, role: ContributorRole, **fields: object
    ) -> str:
        number = len(self.planted.documents)
        last = fields.pop("last", TODAY - timedelta(days=self.draw.randint(1, 300)))
        contribution = Contribution(agent.accounts[0], role, last=last)  # type: ignore[arg-type]
        kept = make_document(f"wiki:{number}", title=title, contributions=(contribution,), **fields)
        vectors = ENCODER.passages([text])
        one = IndexedDocument(kept, (Passage(text),), vectors, f"c{number}", f"r{number}")
        self.planted.documents.append(one)
        return kept.id
