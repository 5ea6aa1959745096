"""Find who may see a ticket, as RT 5 does (`RT::Principal::HasRight`).

An account sees a ticket if the right « ShowTicket » or « SuperUser » is granted, for all of RT or
for the ticket's queue, to a group that it is in, or to a role that it has for the ticket, for its
queue or for all of RT. Custom roles grant nothing here, because RT checks further conditions for
them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from connectors.values import account_principal

TABLES = (
    *("ACL", "Attachments", "CachedGroupMembers", "Groups", "Principals", "Queues", "Tickets"),
    *("Transactions", "Users"),
)
ROLES = ("Requestor", "Cc", "AdminCc", "Owner")
NOT_PEOPLE = ("rt_system", "nobody")


def rows_of(connection: sa.Connection, query: str, **values: object) -> Iterator[Any]:
    """Yield the rows of a query, in which names of tables are written in braces."""
    # MySQL tells upper from lower case in names of tables; the others do where they are quoted.
    quote = "`" if connection.dialect.name in ("mysql", "mariadb") else ""
    named = {one: f"{quote}{one}{quote}" for one in TABLES}
    text = sa.text(query.format(**named))
    lists = [name for name, value in values.items() if isinstance(value, list)]
    text = text.bindparams(*(sa.bindparam(name, expanding=True) for name in lists))
    found = connection.execute(text, values)
    # Each engine gives the names of columns in another case.
    names = [name.lower() for name in found.keys()]  # noqa: SIM118 - it is no dict
    yield from (SimpleNamespace(**dict(zip(names, row, strict=True))) for row in found)


@dataclass(slots=True)
class TicketRights:
    """The accounts and rights of one reading.

    `mapped` gives the principal of some groups; other groups are replaced by their members. If
    `tickets` is given, only the readers of these tickets are known.
    """

    connection: sa.Connection
    source: str
    mapped: Mapping[str, str]
    tickets: Sequence[int] | None = None
    names: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Login and displayed name of every user, by number."""
    _enabled: set[int] = field(default_factory=set)
    _members: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The members of each group, including members through other groups."""
    _principals: dict[int, str] = field(default_factory=dict)
    _roles: dict[tuple[str, int, str], int] = field(default_factory=dict)
    """The group that holds each role, by the domain and number of the role's object and the role's
    name.
    """
    _grants: dict[int, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    """By queue, the kind and number of each holder of the right; queue 0 means all of RT."""

    def __post_init__(self) -> None:
        users = "SELECT u.id, u.name, u.realname, p.disabled FROM {Users} u"
        for one in rows_of(self.connection, f"{users} JOIN {{Principals}} p ON p.id = u.id"):
            self.names[one.id] = one.name.strip().lower(), one.realname or ""
            if not one.disabled and self.names[one.id][0] not in NOT_PEOPLE:
                self._enabled.add(one.id)
        members = rows_of(
            self.connection,
            "SELECT g.id, g.domain, g.instance, g.name, m.memberid FROM {Groups} g"
            " JOIN {Principals} p ON p.id = g.id JOIN {CachedGroupMembers} m ON m.groupid = g.id"
            " WHERE p.disabled = 0 AND m.disabled = 0"
            " AND (m.memberid <> g.id OR g.domain IN ('UserDefined', 'SystemInternal'))"
            " AND (:every = 1 OR g.domain <> 'RT::Ticket-Role' OR g.instance IN :tickets)",
            every=int(self.tickets is None),
            tickets=list(self.tickets or [0]),
        )
        for one in members:
            self._members[one.id].add(one.memberid)
            if one.domain.endswith("-Role"):
                self._roles[one.domain, one.instance, one.name] = one.id
            elif one.domain in ("UserDefined", "SystemInternal") and one.name in self.mapped:
                self._principals[one.id] = self.mapped[one.name]
        granted = rows_of(
            self.connection,
            "SELECT principaltype, principalid, objecttype, objectid FROM {ACL}"
            " WHERE rightname IN ('ShowTicket', 'SuperUser')"
            " AND objecttype IN ('RT::System', 'RT::Queue')",
        )
        for one in granted:
            about = one.objectid if one.objecttype == "RT::Queue" else 0
            self._grants[about].append((one.principaltype, one.principalid))

    def of_role(self, role: str, ticket: int) -> set[int]:
        """Return the numbers of the users with a role for a ticket."""
        return self._people(self._roles.get(("RT::Ticket-Role", ticket, role), 0))

    def readers(self, ticket: int, queue: int) -> frozenset[str]:
        """Return the principals that may see a ticket."""
        found: set[int] = set()
        principals: set[str] = set()
        for kind, number in [*self._grants[0], *self._grants[queue]]:
            if number in self._principals:
                principals.add(self._principals[number])
            elif kind == "Group":
                found |= self._people(number)
            elif kind in ROLES:
                places = (("RT::Ticket", ticket), ("RT::Queue", queue), ("RT::System", 1))
                for domain, instance in places:
                    found |= self._people(self._roles.get((f"{domain}-Role", instance, kind), 0))
        people = (self.names[one][0] for one in found & self._enabled)
        return frozenset({account_principal(f"{self.source}:{one}") for one in people} | principals)

    def _people(self, group: int) -> set[int]:
        """Return the users in a group, including the members of groups in it."""
        direct = self._members.get(group, set())
        return direct.union(*(self._members.get(one, ()) for one in direct)) & self.names.keys()
