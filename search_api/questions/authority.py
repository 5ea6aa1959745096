"""Principals that give access to questions limited to an entity or a community."""

from dataclasses import dataclass

from connectors.values import Agent
from search_api.identity.readers import ReaderDirectory
from search_api.questions.values import AUTHORITY, ReaderScope, left_principal, scope_principal


@dataclass(frozen=True, slots=True)
class ScopeAuthority:
    """Adapter of `Authority`: principals of an agent's entities and of communities they left."""

    people: ReaderDirectory
    name: str = AUTHORITY

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """Return the principals of an agent, by their current entry in the directory."""
        agent = self.people.agent(agent_id)
        if agent is None:
            return frozenset()
        entities = {scope_principal(ReaderScope.ENTITY, one) for one in entities_of(agent)}
        return frozenset(entities | set(map(left_principal, agent.communities_left)))


def entities_of(agent: Agent) -> tuple[str, ...]:
    """Return the paths of the agent's entity and its parents, from the root down."""
    return entities_down_to(agent.entity)


def entities_down_to(path: str) -> tuple[str, ...]:
    """Return the path of an entity and the paths of its parents, from the root down."""
    parts = [one for one in path.split("/") if one]
    return tuple("/".join(parts[: end + 1]) for end in range(len(parts)))
