"""Roles of readers, and the check whether principals are known."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from connectors.values import EVERYONE, authority_of, normalize_principals
from expertise.directory import SqlDirectory
from expertise.directory_tables import account_of
from indexer.access import Reader
from indexer.values import WITHHELD


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

    An animator's role is limited to topics (ids) and communities (spaces as documents name them),
    or `*` for all, and to entities (paths), whose questions without a topic they manage; the other
    roles have no such limits.
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
        """Return whether the reader has the role: by their id, or by one of their groups."""
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

        The communities are those of the topic's documents. Without any, only readers who decide
        everywhere do: animators of every topic or every community, and animators who are
        administrators.
        """
        everywhere = ALL in self.topics | self.communities or Role.ADMINISTRATOR in self.roles
        return everywhere or (bool(communities) and communities <= self.communities)

    def animates_community(self, community: str) -> bool:
        """Return whether the reader manages a community."""
        return not self.communities.isdisjoint((community, ALL))


NO_ROLES = HeldRoles()


@dataclass(frozen=True, slots=True)
class Grants:
    """All grants of the settings."""

    every: Sequence[Grant] = ()

    def held_by(self, reader: Reader) -> HeldRoles:
        """Return the roles of a reader; an unidentified reader has none."""
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


class ContributorIndex(Protocol):
    """Port: the accounts that contributed to documents of the index."""

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Return those of these accounts that contributed to a document."""
        ...


@dataclass(frozen=True, slots=True)
class KnownPrincipalRules:
    """Principals that count as known without a lookup.

    `asked` are authorities that answer for one reader at a time and cannot list their groups: none
    of their groups can be called unknown. `accepted` are denials that the settings accept although
    they name nobody.
    """

    asked: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()

    def exempt(self, principal: str) -> bool:
        """Return whether a principal needs no lookup."""
        if principal == EVERYONE or principal in self.accepted or principal in WITHHELD.denied:
            return True
        return authority_of(principal) in self.asked and account_of(principal) is None


class KnownPrincipals:
    """Adapter of `indexer.access.PrincipalLookup`, for one reading of the directory.

    The directory's answers are cached; accounts that it does not know are looked up in the index
    each time, since a crawl may add them.
    """

    def __init__(
        self, directory: SqlDirectory, signed: ContributorIndex, rules: KnownPrincipalRules
    ) -> None:
        self._directory, self._signed, self._rules = directory, signed, rules
        self._known: set[str] = set()
        self._unknown: set[str] = set()

    def strangers(self, principals: Collection[str]) -> frozenset[str]:
        """Return the principals that name no known group, agent or account."""
        unsure = {
            one for one in principals if one not in self._known and not self._rules.exempt(one)
        }
        new = unsure - self._unknown
        if new:
            known = self._directory.known(new)
            self._known |= known
            self._unknown |= new - known
        strangers = unsure - self._known
        accounts = {account: one for one in strangers if (account := account_of(one))}
        signing = self._signed.signing(accounts) if accounts else frozenset()
        return frozenset(strangers - {accounts[account] for account in signing})


class CurrentKnownPrincipals:
    """`KnownPrincipals` of the present directory, whichever process read it last."""

    def __init__(
        self, directory: SqlDirectory, signed: ContributorIndex, rules: KnownPrincipalRules
    ) -> None:
        self._directory, self._signed, self._rules = directory, signed, rules
        self._current: tuple[str, KnownPrincipals] = ("", self._new())

    def __call__(self) -> KnownPrincipals:
        """Return the same object until the directory is read again."""
        # The token is read before the data, so that cached data is never older than the token.
        reading = self._directory.reading()
        as_of, known = self._current
        if not reading or reading != as_of:
            known = self._new()
            self._current = reading, known
        return known

    def _new(self) -> KnownPrincipals:
        return KnownPrincipals(self._directory, self._signed, self._rules)
