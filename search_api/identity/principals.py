"""Roles of readers, as the settings grant them."""

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
"""Means every topic, or every community."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role for some agents, and for the members of some groups (principals).

    An animator's role is limited to topics (ids), to communities (spaces as in documents), or `*`
    for all, and to entities (paths), whose questions without a topic they manage. Other roles have
    no such limits.
    """

    role: Role
    agents: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    communities: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", normalize_principals(self.groups))

    def animates_topic(self, topic_id: str) -> bool:
        """Return whether this is an animator's role for this topic or for all topics."""
        return self.role is Role.ANIMATOR and not self.topics.isdisjoint((topic_id, ALL))

    def is_for(self, reader: Reader) -> bool:
        """Return whether the reader has the role, by their id or by one of their groups."""
        return reader.agent_id in self.agents or not self.groups.isdisjoint(reader.principals)


@dataclass(frozen=True, slots=True)
class HeldRoles:
    """The roles of one reader, with the topics, communities and entities that they manage."""

    roles: frozenset[Role] = frozenset()
    topics: frozenset[str] = frozenset()
    communities: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()

    def animates_topic(self, topic_id: str) -> bool:
        """Return whether the reader manages a topic."""
        return not self.topics.isdisjoint((topic_id, ALL))

    def decides_on(self, communities: frozenset[str]) -> bool:
        """Return whether the reader decides on a proposed topic of these communities.

        The communities are those of the topic's documents. Without a community, only readers who
        decide everywhere may decide: animators of every topic or every community, and animators who
        are administrators.
        """
        everywhere = ALL in self.topics | self.communities or Role.ADMINISTRATOR in self.roles
        return everywhere or (bool(communities) and communities <= self.communities)


NO_ROLES = HeldRoles()


@dataclass(frozen=True, slots=True)
class Grants:
    """All grants of the settings."""

    every: Sequence[Grant] = ()

    def held_by(self, reader: Reader) -> HeldRoles:
        """Return the roles of a reader; an unidentified reader has no role."""
        if reader.agent_id is None:
            return NO_ROLES
        mine = [one for one in self.every if one.is_for(reader)]
        return HeldRoles(
            frozenset({Role.AGENT, *(one.role for one in mine)}),
            frozenset(id_ for one in mine for id_ in one.topics),
            frozenset(id_ for one in mine for id_ in one.communities),
            frozenset(path for one in mine for path in one.entities),
        )

    def holders(self, role: Role) -> tuple[frozenset[str], frozenset[str]]:
        """Return the agents and groups that a role is granted to."""
        given = [one for one in self.every if one.role is role]
        return (
            frozenset(id_ for one in given for id_ in one.agents),
            frozenset(name for one in given for name in one.groups),
        )
