"""Store and look up groups that an application pushes (SCIM 2.0, RFC 7643 and 7644).

A group's principal is `source:group:name`. Its members are accounts of the source: agents to whom
the directory gives `source:value` or `source:address` for a member's `value` or `email`. A group
that was never pushed has no members.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa
from quisait_push.documents import reachable

from connectors.batches import batches
from connectors.values import assume_utc, normalize_principal
from expertise import directory_tables
from indexer.state import digest
from quisait_lasuite.group_values import (
    GroupChange,
    GroupDescribed,
    GroupMember,
    GroupNameTaken,
    GroupUnknown,
    MembersAdded,
    MembersRemoved,
    MembersReplaced,
    PushedGroup,
    TooManyMembers,
)

MOST_GROUPS = 20_000
"""Maximum number of groups of one source."""
MOST_MEMBERS = 100_000
"""Maximum number of members of one group."""
_AT_ONCE = 400
"""Keys in one statement: fewer than every database's maximum number of parameters."""

metadata = sa.MetaData()
pushed_groups = sa.Table(
    "pushed_groups",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name_key", sa.String(64), nullable=False),
    sa.Column("name", sa.Text, nullable=False, info={"gives_access": "pushed_groups"}),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    sa.Column("modified", sa.DateTime(timezone=True), nullable=False),
    sa.UniqueConstraint("source", "name_key", name="pushed_groups_name"),
    info={"gives_access": "pushed_groups"},
)
pushed_members = sa.Table(
    "pushed_members",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("group_id", sa.String(100), primary_key=True),
    # Digests, since a value may be too long for an index; empty if there is no address.
    sa.Column("value_key", sa.String(64), primary_key=True),
    sa.Column("email_key", sa.String(64), nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Index("pushed_members_value", "source", "value_key"),
    sa.Index("pushed_members_email", "source", "email_key"),
    info={"gives_access": "pushed_groups"},
)


class PushedGroups:
    """The groups of every source that pushes. Every method may raise `InboxUnreachable`."""

    def __init__(
        self, engine: sa.Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine, self._now = engine, now

    def found(
        self, source: str, *, name: str | None = None, external_id: str | None = None
    ) -> tuple[PushedGroup, ...]:
        """Return the source's groups by id, without members: all, or only matching ones."""
        query = sa.select(pushed_groups).where(pushed_groups.c.source == source)
        if name is not None:
            query = query.where(pushed_groups.c.name_key == _digest(name))
        if external_id is not None:
            query = query.where(pushed_groups.c.external_id == external_id)
        with reachable(), self._engine.begin() as connection:
            rows = connection.execute(query.order_by(pushed_groups.c.id)).mappings().all()
        return tuple(_group(row) for row in rows)

    def group(self, source: str, group_id: str) -> PushedGroup:
        """Return one group with its members. Raises `GroupUnknown`."""
        with reachable(), self._engine.begin() as connection:
            return self._whole(connection, source, group_id)

    def create(
        self, source: str, name: str, external_id: str, members: Sequence[GroupMember]
    ) -> PushedGroup:
        """Create a group and return it. Raises `GroupNameTaken`, `TooManyMembers`."""
        with reachable(), self._engine.begin() as connection:
            group_id = self._insert(connection, source, uuid4().hex, name, external_id)
            self._apply(connection, source, group_id, MembersAdded(tuple(members)))
            return self._whole(connection, source, group_id)

    def change(
        self, source: str, group_id: str, changes: Sequence[GroupChange], *, make: bool = False
    ) -> PushedGroup:
        """Apply all changes in order, or none if one fails; return the group.

        `make`: a missing group is created, with its id as its name. Raises `GroupUnknown`,
        `GroupNameTaken`, `TooManyMembers`.
        """
        try:
            return self._changed(source, group_id, changes, make=make)
        except GroupNameTaken:
            if not make:
                raise
        try:  # another request may have created the group meanwhile
            return self._changed(source, group_id, changes, make=False)
        except GroupUnknown:
            raise GroupNameTaken from None

    def _changed(
        self, source: str, group_id: str, changes: Sequence[GroupChange], *, make: bool
    ) -> PushedGroup:
        with reachable(), self._engine.begin() as connection:
            if not self._touched(connection, source, group_id):
                if not make:
                    raise GroupUnknown
                self._insert(connection, source, group_id, group_id, "")
            for one in changes:
                self._apply(connection, source, group_id, one)
            return self._whole(connection, source, group_id)

    def delete(self, source: str, group_id: str) -> None:
        """Delete a group with its members. Raises `GroupUnknown`."""
        with reachable(), self._engine.begin() as connection:
            connection.execute(sa.delete(pushed_members).where(*_of(source, group_id)))
            own = (pushed_groups.c.source == source) & (pushed_groups.c.id == group_id)
            if not connection.execute(sa.delete(pushed_groups).where(own)).rowcount:
                raise GroupUnknown

    def _whole(self, connection: sa.Connection, source: str, group_id: str) -> PushedGroup:
        own = (pushed_groups.c.source == source) & (pushed_groups.c.id == group_id)
        row = connection.execute(sa.select(pushed_groups).where(own)).mappings().one_or_none()
        if row is None:
            raise GroupUnknown
        query = sa.select(pushed_members.c.value, pushed_members.c.email)
        query = query.where(*_of(source, group_id)).order_by(pushed_members.c.value_key)
        members = tuple(GroupMember(*one) for one in connection.execute(query))
        return _group(row, members)

    def _insert(
        self, connection: sa.Connection, source: str, group_id: str, name: str, external_id: str
    ) -> str:
        count = sa.select(sa.func.count()).where(pushed_groups.c.source == source)
        if connection.execute(count).scalar_one() >= MOST_GROUPS:
            raise TooManyMembers
        now = self._now()
        row = {"source": source, "id": group_id, "external_id": external_id}
        row |= {"name": name, "name_key": _digest(name)}
        try:
            connection.execute(sa.insert(pushed_groups).values(**row, created=now, modified=now))
        except sa.exc.IntegrityError as error:
            raise GroupNameTaken from error
        return group_id

    def _touched(self, connection: sa.Connection, source: str, group_id: str) -> bool:
        """Set the group's date, which locks its row; return whether the group exists."""
        own = (pushed_groups.c.source == source) & (pushed_groups.c.id == group_id)
        update = sa.update(pushed_groups).where(own).values(modified=self._now())
        return bool(connection.execute(update).rowcount)

    def _apply(
        self, connection: sa.Connection, source: str, group_id: str, change: GroupChange
    ) -> None:
        match change:
            case MembersAdded(members):
                self._add(connection, source, group_id, members)
            case MembersRemoved(None):
                connection.execute(sa.delete(pushed_members).where(*_of(source, group_id)))
            case MembersRemoved(tuple() as members):
                self._remove(connection, source, group_id, members)
            case MembersReplaced(members):
                connection.execute(sa.delete(pushed_members).where(*_of(source, group_id)))
                self._add(connection, source, group_id, members)
            case GroupDescribed():
                self._describe(connection, source, group_id, change)

    def _add(
        self, connection: sa.Connection, source: str, group_id: str, members: Sequence[GroupMember]
    ) -> None:
        rows = {
            (key := _digest(one.value)): {
                "source": source,
                "group_id": group_id,
                "value_key": key,
                "email_key": _address_key(one.email),
                "value": one.value,
                "email": one.email,
            }
            for one in members
        }
        own = _of(source, group_id)
        for keys in batches(rows, _AT_ONCE):
            there = pushed_members.c.value_key.in_(keys)
            connection.execute(sa.delete(pushed_members).where(*own, there))
        if rows:
            connection.execute(sa.insert(pushed_members), list(rows.values()))
        count = sa.select(sa.func.count()).select_from(pushed_members).where(*own)
        if connection.execute(count).scalar_one() > MOST_MEMBERS:
            raise TooManyMembers

    def _remove(
        self, connection: sa.Connection, source: str, group_id: str, members: Sequence[GroupMember]
    ) -> None:
        """Remove members that match a given value or a given address."""
        own = _of(source, group_id)
        values = [_digest(one.value) for one in members if one.value]
        addresses = [key for one in members if (key := _address_key(one.email))]
        for column, keys in (
            (pushed_members.c.value_key, values),
            (pushed_members.c.email_key, addresses),
        ):
            for part in batches(keys, _AT_ONCE):
                connection.execute(sa.delete(pushed_members).where(*own, column.in_(part)))

    def _describe(
        self, connection: sa.Connection, source: str, group_id: str, described: GroupDescribed
    ) -> None:
        values: dict[str, str] = {}
        if described.name is not None:
            values |= {"name": described.name, "name_key": _digest(described.name)}
        if described.external_id is not None:
            values["external_id"] = described.external_id
        own = (pushed_groups.c.source == source) & (pushed_groups.c.id == group_id)
        try:
            if values:
                connection.execute(sa.update(pushed_groups).where(own).values(**values))
        except sa.exc.IntegrityError as error:
            raise GroupNameTaken from error


def forget_members(connection: sa.Connection, source: str, names: Collection[str]) -> int:
    """Delete members with these values or addresses from a source's groups; return their number."""
    keys, addresses = {_digest(one) for one in names}, {_address_key(one) for one in names} - {""}
    meant = pushed_members.c.value_key.in_(keys) | pushed_members.c.email_key.in_(addresses)
    gone = sa.delete(pushed_members).where(pushed_members.c.source == source, meant)
    return connection.execute(gone).rowcount


def forget_agent(connection: sa.Connection, agent_id: str) -> int:
    """Delete an agent from pushed groups, by id, accounts and address; return how many rows.

    An account stays if the directory gives it to another agent.
    """
    accounts, key = directory_tables.accounts, digest(agent_id)
    agents = directory_tables.agents
    mine = sa.select(accounts.c.account).where(accounts.c.agent_key == key)
    own = [account.partition(":") for account in connection.execute(mine).scalars()]
    address = connection.execute(sa.select(agents.c.email).where(agents.c.key == key)).scalar()
    rows = 0
    for source in connection.execute(sa.select(pushed_members.c.source).distinct()).scalars().all():
        names = {agent_id, address or agent_id, *(name for of, _, name in own if of == source)}
        keys = {digest(f"{source}:{name}"): name for name in names}
        others = sa.select(accounts.c.key).where(
            accounts.c.key.in_(keys), accounts.c.agent_key != key
        )
        taken = {keys[other] for other in connection.execute(others).scalars()}
        rows += forget_members(connection, source, names - taken)
    return rows


class GroupStore:
    """Adapter of `SourceStore`: the groups that applications pushed."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def holds(self, source: str) -> bool:
        """Return whether the source has a group."""
        query = sa.select(pushed_groups.c.id).where(pushed_groups.c.source == source).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def forget(self, source: str) -> None:
        """Delete the groups of a source with their members."""
        with self._engine.begin() as connection:
            for table in (pushed_members, pushed_groups):
                connection.execute(sa.delete(table).where(table.c.source == source))

    def withdraw(self, source: str, names: Collection[str]) -> int:
        """Return 0: groups are not in backups."""
        return 0


def group_principal(source: str, name: str) -> str:
    """Return the principal of a pushed group, as pushed documents name it."""
    return normalize_principal(f"{source}:group:{name}")


@dataclass(frozen=True, slots=True)
class PushedMemberships:
    """Looks up memberships in pushed groups, only of sources whose settings accept groups."""

    engine: sa.Engine
    sources: frozenset[str]

    def of(self, accounts: Collection[str]) -> frozenset[str]:
        """Return the principals of the groups that the accounts' holder is in now."""
        found: set[str] = set()
        with self.engine.connect() as connection:
            for source in self.sources:
                prefix = f"{source}:"
                names = [one.removeprefix(prefix) for one in accounts if one.startswith(prefix)]
                for name in _names_by(connection, source, names):
                    found.add(group_principal(source, name))
        return frozenset(found)

    def among(self, principals: Collection[str]) -> frozenset[str]:
        """Return the principals that are pushed groups."""
        found: set[str] = set()
        with self.engine.connect() as connection:
            for source in self.sources:
                prefix = f"{source}:group:"
                named = {
                    _digest(one.removeprefix(prefix)): one
                    for one in principals
                    if one.startswith(prefix)
                }
                for part in batches(named, _AT_ONCE):
                    query = sa.select(pushed_groups.c.name_key).where(
                        pushed_groups.c.source == source, pushed_groups.c.name_key.in_(part)
                    )
                    found |= {named[key] for key in connection.execute(query).scalars()}
        return frozenset(found)


def _names_by(connection: sa.Connection, source: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the names of groups with a member that has one of these values or addresses."""
    joined = pushed_groups.join(
        pushed_members,
        (pushed_groups.c.source == pushed_members.c.source)
        & (pushed_groups.c.id == pushed_members.c.group_id),
    )
    addresses = [key for one in names if (key := _address_key(one))]
    for column, keys in (
        (pushed_members.c.value_key, [_digest(one) for one in names]),
        (pushed_members.c.email_key, addresses),
    ):
        for part in batches(keys, _AT_ONCE):
            query = sa.select(pushed_groups.c.name).select_from(joined)
            query = query.where(pushed_members.c.source == source, column.in_(part))
            yield from connection.execute(query).scalars()


def _group(row: sa.RowMapping, members: tuple[GroupMember, ...] = ()) -> PushedGroup:
    return PushedGroup(
        row["id"],
        row["name"],
        row["external_id"],
        assume_utc(row["created"]),
        assume_utc(row["modified"]),
        members,
    )


def _of(source: str, group_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return pushed_members.c.source == source, pushed_members.c.group_id == group_id


def _address_key(address: str) -> str:
    """Return a digest of an e-mail address, ignoring case; empty if it is not an address."""
    return _digest(address.lower()) if "@" in address else ""


def _digest(text: str) -> str:
    return hashlib.sha256(normalize_principal(text).encode()).hexdigest()
