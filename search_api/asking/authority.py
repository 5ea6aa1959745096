"""The principals of whom a question may be limited to: entities and communities."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from connectors.values import Agent
from expertise.answer_values import BuildStatus
from expertise.current_build import BuildReader
from expertise.peers import communities_of
from search_api.asking.values import AUTHORITY, ReaderScope, scope_principal
from search_api.identity.readers import ReaderDirectory


@dataclass(frozen=True, slots=True)
class ScopeAuthority:
    """Adapter of `Authority`: the agent's entity, those above it, and accepted communities.

    `overview` is None where there is no list of topics, and so no community.
    """

    people: ReaderDirectory
    overview: BuildReader | None
    today: Callable[[], date]
    name: str = AUTHORITY

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """Of an agent as they are in the directory and the build now. Raises `IndexUnreachable`."""
        agent = self.people.agent(agent_id)
        if agent is None:
            return frozenset()
        entities = {scope_principal(ReaderScope.ENTITY, one) for one in entities_of(agent)}
        build = self.overview.reading(self.today()) if self.overview else None
        if build is None or isinstance(build, BuildStatus):
            return frozenset(entities)
        communities = {
            scope_principal(ReaderScope.COMMUNITY, topic.id)
            for one in communities_of(build, agent)
            if one.proposed
            for topic in one.topics
        }
        return frozenset(entities | communities)


def entities_of(agent: Agent) -> tuple[str, ...]:
    """Paths of the agent's entity and of those above it, the whole one first."""
    return entities_down_to(agent.entity)


def entities_down_to(path: str) -> tuple[str, ...]:
    """An entity's path and those above it, the whole one first."""
    parts = [one for one in path.split("/") if one]
    return tuple("/".join(parts[: end + 1]) for end in range(len(parts)))
