"""Whose accounts are whose, remembered between questions while the directory stands as read.

Only what the directory says is remembered, never what an agent asks for: see `consenting`.
"""

from collections.abc import Callable, Collection
from uuid import uuid4

import sqlalchemy as sa

from connectors.values import Agent
from expertise.agent_tables import accounts, agents, readings
from expertise.many_keys import one_of
from indexer.state import digest

MOST = 20_000
"""Accounts, of some kilobyte each; beyond, all are forgotten and what is asked is read again."""

_Kept = dict[str, Agent | None]
"""None for an account that nobody claims."""


def directory_changed(connection: sa.Connection) -> None:
    """To be said in each transaction that changes agents or their accounts."""
    connection.execute(sa.delete(readings))
    connection.execute(sa.insert(readings).values(token=uuid4().hex))


class AccountMemory:
    """The agents of accounts, as the directory has them; safe for several threads.

    `agent_of` makes an agent of a row of `agents`.
    """

    def __init__(self, agent_of: Callable[[sa.RowMapping], Agent]) -> None:
        self._agent_of = agent_of
        self._kept: tuple[str, _Kept] = ("", {})

    def read(self, connection: sa.Connection, names: Collection[str]) -> dict[str, Agent]:
        """By account; what other processes changed is seen at once."""
        # The token is read before the rows: these may be newer than it says, never older.
        # Two changes at once may leave two tokens: the one alone is not what both are.
        token = " ".join(sorted(connection.execute(sa.select(readings.c.token)).scalars()))
        as_of, kept = self._kept
        unread = [name for name in names if name not in kept]
        if not token or token != as_of or len(kept) + len(unread) > MOST:
            # Another thread may still fill what it took before: nobody will ask that again.
            self._kept, unread = (token, kept := {}), list(names)
        kept.update(self._claimed(connection, unread))
        found = ((name, kept[name]) for name in names)
        return {name: agent for name, agent in found if agent is not None}

    def _claimed(self, connection: sa.Connection, names: Collection[str]) -> _Kept:
        if not names:
            return {}
        found: _Kept = dict.fromkeys(names)
        query = (
            sa.select(accounts.c.account, agents)
            .join(agents, agents.c.key == accounts.c.agent_key)
            .where(one_of(connection, accounts.c.key, [digest(name) for name in names]))
        )
        rows = connection.execute(query).mappings().all()
        return found | {row["account"]: self._agent_of(row) for row in rows}
