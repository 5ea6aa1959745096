"""Roles: what the organisation grants, and what a reader holds of it.

A role adds pages; it opens no document. What a reader may read follows their principals alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from connectors.values import normalize_principals
from indexer.access import Reader


class Role(StrEnum):
    """A role in the application. Every identified reader is an agent."""

    AGENT = "agent"
    ANIMATOR = "animator"
    ADMINISTRATOR = "administrator"
    OFFICER = "officer"


ALL = "*"
"""Stands for every topic, or every community."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role for some agents, and for the members of some groups (principals).

    An animator's role is limited to topics (ids) and communities (spaces as documents name
    them), or `*` for all; the other roles have no such limits.
    """

    role: Role
    agents: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    communities: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", normalize_principals(self.groups))

    def is_for(self, reader: Reader) -> bool:
        """Whether the reader has the role: by their id, or by one of their groups."""
        return reader.agent_id in self.agents or not self.groups.isdisjoint(reader.principals)


@dataclass(frozen=True, slots=True)
class HeldRoles:
    """The roles of one reader, with the topics and communities that they manage."""

    roles: frozenset[Role] = frozenset()
    topics: frozenset[str] = frozenset()
    communities: frozenset[str] = frozenset()

    def animates_topic(self, topic_id: str) -> bool:
        """Whether they manage a topic."""
        return not self.topics.isdisjoint((topic_id, ALL))

    def decides_on(self, communities: frozenset[str]) -> bool:
        """Whether a proposed topic whose documents stand in these communities is theirs.

        No community at all is that of who decides everywhere: animators of every topic or
        every community, and an animator who is an administrator.
        """
        everywhere = ALL in self.topics | self.communities or Role.ADMINISTRATOR in self.roles
        return everywhere or (bool(communities) and communities <= self.communities)

    def animates_community(self, community: str) -> bool:
        """Whether they manage a community."""
        return not self.communities.isdisjoint((community, ALL))


NO_ROLES = HeldRoles()


@dataclass(frozen=True, slots=True)
class Grants:
    """Every grant of the settings."""

    every: Sequence[Grant] = ()

    def held_by(self, reader: Reader) -> HeldRoles:
        """What a reader holds; nobody holds nothing."""
        if reader.agent_id is None:
            return NO_ROLES
        mine = [one for one in self.every if one.is_for(reader)]
        return HeldRoles(
            frozenset({Role.AGENT, *(one.role for one in mine)}),
            frozenset(id_ for one in mine for id_ in one.topics),
            frozenset(id_ for one in mine for id_ in one.communities),
        )

    def holders(self, role: Role) -> tuple[frozenset[str], frozenset[str]]:
        """Agents and groups that a role is granted to."""
        given = [one for one in self.every if one.role is role]
        return (
            frozenset(id_ for one in given for id_ in one.agents),
            frozenset(name for one in given for name in one.groups),
        )
