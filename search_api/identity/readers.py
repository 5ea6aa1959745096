"""Who is asking: an identity becomes a reader with the principals that are theirs."""

from datetime import date
from typing import Protocol

from connectors.values import EVERYONE, Agent, account_principal
from indexer.access import NOBODY, Reader


class Agents(Protocol):
    """What is asked of the directory about one agent."""

    def agent(self, agent_id: str) -> Agent | None:
        """The agent, or None where there is no such id."""
        ...

    def groups_of(self, agent_id: str) -> frozenset[str]:
        """The principals of the agent's groups."""
        ...

    def accounts_of(self, agent_id: str) -> frozenset[str]:
        """The agent's accounts, each `source:name`, as the directory gives them."""
        ...


def reader_of(agent_id: str | None, agents: Agents, today: date) -> Reader:
    """The reader that an agent is today; an unknown or departed one reads nothing.

    An account that the directory gives to the agent is a principal of theirs too.
    """
    agent = agents.agent(agent_id) if agent_id else None
    if agent is None or agent.departed(today):
        return NOBODY
    own = {EVERYONE, f"agent:{agent.id}"}
    own |= {account_principal(account) for account in agents.accounts_of(agent.id)}
    return Reader(agent.id, frozenset(own | agents.groups_of(agent.id)))
