"""Isolated holders for the page: each agent once, with the topics that they are alone on."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.values import Agent
from expertise.isolating import Scope
from expertise.overview_values import Alone
from expertise.topics import Topic, by_letters


@dataclass(frozen=True, slots=True)
class AloneOn:
    """Topics of one agent that are alike in all else: how far alone, and who comes next."""

    topics: tuple[Topic, ...]
    scope: Scope
    next: Agent | None
    distance_km: float | None


@dataclass(frozen=True, slots=True)
class AloneAgent:
    """One agent in their département."""

    agent: Agent
    alone_on: tuple[AloneOn, ...]


def by_agent(rows: Iterable[Alone]) -> tuple[AloneAgent, ...]:
    """By département, then name; topics in the order of the rows."""
    of_agent: dict[str, list[Alone]] = defaultdict(list)
    for row in rows:
        of_agent[row.agent.id].append(row)
    found = [AloneAgent(own[0].agent, _alike(own)) for own in of_agent.values()]
    return tuple(sorted(found, key=lambda one: _by_area_and_name(one.agent)))


def _alike(rows: Iterable[Alone]) -> tuple[AloneOn, ...]:
    topics: dict[tuple[Scope, Agent | None, float | None], list[Topic]] = defaultdict(list)
    for row in rows:
        topics[row.scope, row.next, row.distance_km].append(row.topic)
    return tuple(AloneOn(tuple(own), *alike) for alike, own in topics.items())


def _by_area_and_name(agent: Agent) -> tuple[str, str, str, str]:
    family, given = by_letters(agent.family_name), by_letters(agent.given_name)
    return (agent.departement, family, given, agent.id)
