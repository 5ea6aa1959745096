"""The principals that decide who reads a question of an entity or a community."""

from dataclasses import dataclass

from connectors.values import Agent
from search_api.asking.values import AUTHORITY, ReaderScope, left_principal, scope_principal
from search_api.identity.readers import ReaderDirectory


@dataclass(frozen=True, slots=True)
class ScopeAuthority:
    """Adapter of `Authority`: the agent's entity and those above it; communities that they left."""

    people: ReaderDirectory
    name: str = AUTHORITY

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """Of an agent as they are in the directory now."""
        agent = self.people.agent(agent_id)
        if agent is None:
            return frozenset()
        entities = {scope_principal(ReaderScope.ENTITY, one) for one in entities_of(agent)}
        return frozenset(entities | set(map(left_principal, agent.communities_left)))


def entities_of(agent: Agent) -> tuple[str, ...]:
    """Paths of the agent's entity and of those above it, the whole one first."""
    return entities_down_to(agent.entity)


def entities_down_to(path: str) -> tuple[str, ...]:
    """An entity's path and those above it, the whole one first."""
    parts = [one for one in path.split("/") if one]
    return tuple("/".join(parts[: end + 1]) for end in range(len(parts)))
