"""Accounts and groups of agents as rows of the book's tables."""

from connectors.values import Agent, Group, principal_form
from indexer.state import digest


def account_rows(people: list[Agent]) -> list[dict[str, str]]:
    """Which account is whose."""
    return [
        {"key": digest(name), "account": name, "agent_key": digest(agent.id)}
        for agent in people
        for name in agent.accounts
    ]


def membership_rows(people: list[Agent], groups: list[Group]) -> list[dict[str, str]]:
    """Who is in which group, once each.

    A group may write a member's id in another Unicode form than the agents' table does.
    """
    ids = {principal_form(agent.id): agent.id for agent in people}
    pairs = {
        (ids.get(principal_form(member), member), group.principal)
        for group in groups
        for member in group.members
    }
    return [
        {"agent_key": digest(member), "principal_key": digest(one), "principal": one}
        for member, one in sorted(pairs)
    ]
