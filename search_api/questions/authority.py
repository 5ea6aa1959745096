"""Principals that give access to questions limited to an entity or a community."""

from dataclasses import dataclass

from connectors.values import APPLICATION_AUTHORITY
from search_api.identity.readers import ReaderDirectory
from search_api.questions.values import entity_principal, left_principal


@dataclass(frozen=True, slots=True)
class ScopeAuthority:
    """Adapter of `Authority`: principals of an agent's entities and of communities they left."""

    people: ReaderDirectory
    name: str = APPLICATION_AUTHORITY

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """Return the principals of an agent, by their current entry in the directory."""
        agent = self.people.agent(agent_id)
        if agent is None:
            return frozenset()
        entities = set(map(entity_principal, entities_down_to(agent.entity)))
        return frozenset(entities | set(map(left_principal, agent.communities_left)))


def entities_down_to(path: str) -> tuple[str, ...]:
    """Return the path of an entity and the paths of its parents, from the root down."""
    parts = [one for one in path.split("/") if one]
    return tuple("/".join(parts[: end + 1]) for end in range(len(parts)))
