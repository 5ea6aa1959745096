"""An agent as the others may see them: topics with evidence, skills, communities, peers."""

from dataclasses import dataclass
from datetime import date

from connectors.values import Agent
from expertise.holders import Basis
from expertise.names import SKILL_DAYS
from expertise.overview import Reading
from expertise.overview_values import CommunityView, Dated, OwnTopic, Peer
from expertise.peers import peers_of
from expertise.topics import label_key
from indexer.access import AccessFilter


@dataclass(frozen=True, slots=True)
class Skill:
    """What the directory says that an agent can do. `renew`: said long ago, shown by nothing."""

    label: str
    confirmed: bool
    renew: bool = False


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """Three things apart: what documents show, what others confirmed, what is only declared.

    `shown` holds topics by label, each with its evidence newest first; `metier` is the
    métier as a topic of the list. Without a build (`dated`) the directory alone speaks.
    """

    agent: Agent
    dated: Dated
    shown: tuple[OwnTopic, ...]
    metier: OwnTopic | None
    confirmed: tuple[Skill, ...]
    declared: tuple[Skill, ...]
    peers: tuple[Peer, ...]
    communities: tuple[CommunityView, ...]


def profile_of(
    reading: Reading | Dated, agent: Agent, access: AccessFilter, today: date, *, to_self: bool
) -> AgentProfile:
    """What a reader may see of an agent who may be shown to them.

    Evidence is what `access` may read of what every agent may read; the strength of a
    topic is told `to_self` alone. Raises `IndexUnreachable`.
    """
    if isinstance(reading, Dated):
        skills = _skills(agent, frozenset(), today)
        return AgentProfile(agent, reading, (), None, *skills, (), ())
    found = peers_of(reading, agent, access, to_self=to_self)
    shown = tuple(one for one in found.topics if one.basis == Basis.DEMONSTRATED)
    proven = frozenset(label_key(name) for one in shown for name in one.topic.labels)
    return AgentProfile(
        agent,
        reading.dated,
        shown,
        next((one for one in found.topics if one.basis == Basis.METIER), None),
        *_skills(agent, proven, today),
        found.peers,
        found.communities,
    )


def _skills(
    agent: Agent, proven: frozenset[str], today: date
) -> tuple[tuple[Skill, ...], tuple[Skill, ...]]:
    """(confirmed, declared), each by label. `proven` are analysed labels that documents show."""
    said = agent.skills_declared
    old = said is not None and (today - said).days > SKILL_DAYS
    confirmed = sorted(set(agent.skills_confirmed), key=str.lower)
    declared = sorted(set(agent.skills) - set(confirmed), key=str.lower)
    return (
        tuple(Skill(label, confirmed=True) for label in confirmed),
        tuple(Skill(label, False, old and label_key(label) not in proven) for label in declared),
    )
