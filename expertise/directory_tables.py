"""The directory's tables and rows, and the look-up of principals in them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress

import sqlalchemy as sa

from connectors.values import Agent, Group, normalize_principal
from expertise.name_words import author_words_table, name_words_table
from expertise.sql import one_of
from indexer import sql
from indexer.state import digest

metadata = sa.MetaData()

# Keys are digests: PostgreSQL refuses to index values of more than about 2 700 bytes.
agents = sa.Table(
    "agents",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("given_name", sa.Text, nullable=False),
    sa.Column("family_name", sa.Text, nullable=False),
    sa.Column("metier", sa.Text, nullable=False),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("office", sa.Text, nullable=False),
    sa.Column("departement", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("arrival", sa.Date),
    sa.Column("departure", sa.Date),
    sa.Column("skills", sa.JSON, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False),
    sa.Column("skills_declared", sa.Date),
    sa.Column("skills_confirmed", sa.JSON, nullable=False),
    # A list of missions, each (topic, first day, last day or null).
    sa.Column("missions", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("contact_via", sa.String(20), nullable=False),
    sa.Column("contact", sa.Text, nullable=False),
    info={"gives_access": "directory"},
)
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    info={"gives_access": "directory"},
)
directory_versions = sa.Table(
    "directory_readings", metadata, sa.Column("token", sa.String(32), primary_key=True)
)
"""A token that is replaced whenever agents or their accounts change: see `AccountCache`."""
memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("principal_key", sa.String(64), primary_key=True),
    sa.Column("principal", sa.Text, nullable=False),
    info={"gives_access": "directory"},
)
groups = sa.Table(
    "groups",
    metadata,
    sa.Column("principal_key", sa.String(64), primary_key=True),
    sa.Column("principal", sa.Text, nullable=False),
    info={"gives_access": "directory"},
)
"""Every group, even without members: a denial to it is a denial to a known principal."""
once_known = sa.Table(
    "once_known", metadata, sa.Column("principal_key", sa.String(64), primary_key=True)
)
"""Agents and accounts that documents deny and that the directory once had: see `remember_known`."""
cut_agents = sa.Table(
    "cut_agents",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("day", sa.Date, nullable=False),
)
"""Agents cut by hand, by digest: departed since that day although the directory still lists them.
"""
agent_words = sa.Table(
    "agent_words",
    metadata,
    sa.Column("word", sa.String(200), primary_key=True),
    sa.Column("agent_key", sa.String(64), primary_key=True),
    info={"gives_access": "directory"},
)
name_words = name_words_table(metadata)
author_words = author_words_table(metadata)


def account_rows(people: list[Agent]) -> list[dict[str, str]]:
    """Return the rows of accounts with their agents."""
    return [
        {"key": digest(name), "account": name, "agent_key": digest(agent.id)}
        for agent in people
        for name in agent.accounts
    ]


def membership_rows(people: list[Agent], groups: list[Group]) -> list[dict[str, str]]:
    """Return the rows of group members, each once.

    A group may write a member's id in another Unicode form than the agents' table.
    """
    ids = {normalize_principal(agent.id): agent.id for agent in people}
    pairs = {
        (ids.get(normalize_principal(member), member), group.principal)
        for group in groups
        for member in group.members
    }
    return [
        {"agent_key": digest(member), "principal_key": digest(principal), "principal": principal}
        for member, principal in sorted(pairs)
    ]


def group_rows(groups: Iterable[Group]) -> list[dict[str, str]]:
    """Return the rows of groups, each once, including groups without members."""
    names = {group.principal for group in groups}
    return [{"principal_key": digest(name), "principal": name} for name in sorted(names)]


def account_of(principal: str) -> str | None:
    """Return the account (`source:name`) of a principal, or None if it is no account."""
    source, _, rest = principal.partition(":")
    kind, _, name = rest.partition(":")
    return f"{source}:{name}" if kind == "account" and name else None


def known_principals(connection: sa.Connection, principals: Collection[str]) -> frozenset[str]:
    """Return those of these principals that the directory has, spelt as given.

    An agent with a departure date is known before and after that date.
    """
    ids = {
        principal: principal.removeprefix("agent:")
        for principal in principals
        if principal.startswith("agent:")
    }
    held = {principal: account for principal in principals if (account := account_of(principal))}
    return frozenset().union(
        _existing_groups(connection, principals),
        _existing(connection, agents, agents.c.id, ids),
        _existing(connection, accounts, accounts.c.account, held),
    )


def remember_known(
    engine: sa.Engine, principals: Collection[str], known: Collection[str]
) -> frozenset[str]:
    """Return the persons among these principals that were known before; store the known ones.

    Call it only with principals that documents deny: only their digests are stored.
    """
    keys = {digest(principal): principal for principal in principals if _of_a_person(principal)}
    with engine.connect() as connection:
        column = once_known.c.principal_key
        remembered = set(
            connection.execute(sa.select(column).where(one_of(connection, column, keys))).scalars()
        )
    new = [
        {"principal_key": key}
        for key, principal in keys.items()
        if principal in known and key not in remembered
    ]
    # Another process may insert the same row at the same time.
    with suppress(sa.exc.IntegrityError):
        if new:
            with engine.begin() as connection:
                connection.execute(sa.insert(once_known), new)
    return frozenset(keys[key] for key in remembered)


def forget_others(engine: sa.Engine, denied: Callable[[], Iterable[str]]) -> int:
    """Delete stored principals that no document denies any more, and return their number.

    `denied` yields the principals that some document denies; its errors are raised. An agent who is
    still in the directory is stored again when a document denies them.
    """
    column = once_known.c.principal_key
    # Read first, so that rows that another process stores meanwhile are not deleted.
    stored = set(sql.scalars(engine, sa.select(column)))
    if not stored:
        return 0
    gone = sorted(stored.difference(map(digest, denied())))
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("pragma secure_delete = on")
        connection.execute(sa.delete(once_known).where(one_of(connection, column, gone)))
    return len(gone)


def _of_a_person(principal: str) -> bool:
    return principal.startswith("agent:") or account_of(principal) is not None


def _existing_groups(connection: sa.Connection, principals: Collection[str]) -> set[str]:
    keys = {digest(principal): principal for principal in principals}
    existing: set[str] = set()
    # A directory read by an older version has rows of members but no rows of groups.
    for column in (groups.c.principal_key, memberships.c.principal_key):
        query = sa.select(column).where(one_of(connection, column, keys)).distinct()
        existing |= {keys[key] for key in connection.execute(query).scalars()}
    return existing


def _existing(
    connection: sa.Connection, table: sa.Table, column: sa.Column[str], names: Mapping[str, str]
) -> set[str]:
    """Return the principals whose id or account the table has, in any Unicode form."""
    if not names:
        return set()
    keys = {digest(name): principal for principal, name in names.items()}
    query = sa.select(table.c.key).where(one_of(connection, table.c.key, keys))
    existing = {keys[key] for key in connection.execute(query).scalars()}
    missing = {
        name: principal
        for principal, name in names.items()
        if principal not in existing and not name.isascii()
    }
    if missing:
        written = connection.execute(sa.select(column)).scalars()
        forms = {normalize_principal(name) for name in written if not name.isascii()}
        existing |= {principal for name, principal in missing.items() if name in forms}
    return existing
