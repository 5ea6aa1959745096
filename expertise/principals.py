"""Which principals the directory knows: its agents, their accounts and its groups.

Of a person, also whom it has had: who left is denied as before, and a document is not closed
to everybody the day that their row goes. A group that is gone may have been renamed: the
members of its successor would read what was denied to them, so it is known no more.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress

import sqlalchemy as sa

from connectors.values import Group, principal_form
from expertise.agent_tables import accounts, agents, groups, memberships, once_known
from expertise.many_keys import one_of
from indexer.state import digest


def group_rows(found: Iterable[Group]) -> list[dict[str, str]]:
    """Every group once, also one without members: it is known all the same."""
    names = {group.principal for group in found}
    return [{"principal_key": digest(one), "principal": one} for one in sorted(names)]


def account_of(principal: str) -> str | None:
    """The account (`source:name`) that a principal is of; None for another kind of principal."""
    source, _, rest = principal.partition(":")
    kind, _, name = rest.partition(":")
    return f"{source}:{name}" if kind == "account" and name else None


def known_principals(connection: sa.Connection, principals: Collection[str]) -> frozenset[str]:
    """Those of these principals, in their form, that the directory as last read knows.

    An agent with a day of departure is known, whether it has come or not.
    """
    ids = {one: one.removeprefix("agent:") for one in principals if one.startswith("agent:")}
    held = {one: account for one in principals if (account := account_of(one))}
    return frozenset().union(
        _groups(connection, principals),
        _named(connection, agents, agents.c.id, ids),
        _named(connection, accounts, accounts.c.account, held),
    )


def remembered(
    engine: sa.Engine, principals: Collection[str], known: Collection[str]
) -> frozenset[str]:
    """Those that are persons whom it has had; those of them known now are remembered.

    To be asked only about what documents deny: of others nothing is kept, and of these a
    digest of what stands in the document's own list.
    """
    keys = {digest(one): one for one in principals if _of_a_person(one)}
    with engine.connect() as connection:
        column = once_known.c.principal_key
        kept = set(
            connection.execute(sa.select(column).where(one_of(connection, column, keys))).scalars()
        )
    new = [{"principal_key": key} for key, one in keys.items() if one in known and key not in kept]
    # Another process may remember the same just now.
    with suppress(sa.exc.IntegrityError):
        if new:
            with engine.begin() as connection:
                connection.execute(sa.insert(once_known), new)
    return frozenset(keys[key] for key in kept)


def forget_others(engine: sa.Engine, denied: Callable[[], Iterable[str]]) -> int:
    """Forget whom no document denies any more: how many. `denied` reads whom some deny.

    Raises what `denied` raises. Who is still in the directory is remembered again when a
    document denies them.
    """
    column = once_known.c.principal_key
    with engine.connect() as connection:
        # Read first: whom another process remembers meanwhile is not forgotten.
        kept = set(connection.execute(sa.select(column)).scalars())
    if not kept:
        return 0
    gone = sorted(kept.difference(map(digest, denied())))
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("pragma secure_delete = on")
        connection.execute(sa.delete(once_known).where(one_of(connection, column, gone)))
    return len(gone)


def _of_a_person(principal: str) -> bool:
    return principal.startswith("agent:") or account_of(principal) is not None


def _groups(connection: sa.Connection, principals: Collection[str]) -> set[str]:
    keys = {digest(one): one for one in principals}
    found: set[str] = set()
    # A directory that was read by an older version has its groups' members alone.
    for column in (groups.c.principal_key, memberships.c.principal_key):
        query = sa.select(column).where(one_of(connection, column, keys)).distinct()
        found |= {keys[key] for key in connection.execute(query).scalars()}
    return found


def _named(
    connection: sa.Connection,
    table: sa.Table,
    column: sa.Column[str],
    names: Mapping[str, str],
) -> set[str]:
    """The principals whose id or account the table has, in whatever Unicode form."""
    if not names:
        return set()
    keys = {digest(name): principal for principal, name in names.items()}
    query = sa.select(table.c.key).where(one_of(connection, table.c.key, keys))
    found = {keys[key] for key in connection.execute(query).scalars()}
    missing = {name: one for one, name in names.items() if one not in found and not name.isascii()}
    if missing:
        written = connection.execute(sa.select(column)).scalars()
        forms = {principal_form(name) for name in written if not name.isascii()}
        found |= {one for name, one in missing.items() if name in forms}
    return found
