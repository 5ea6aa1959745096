"""What is kept of who has left goes after so many days, by rule."""

from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from expertise import agent_tables, build_tables, consent_tables
from expertise.account_memory import directory_changed
from expertise.principals import forget_others
from indexer.ports import Expunging, Index
from indexer.state import digest
from quisait.journaling import journal_key
from quisait.privacy.kept import Privacy
from quisait.privacy.register import FileRegister
from quisait.settings import Settings
from search_api.journal.brought_up import forget_brought
from search_api.sign_on import tables as sign_on_tables


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What a purge let go: agents, entries of the audit, lines of the register."""

    agents: tuple[str, ...]
    entries: int
    lines: int

    @property
    def rows(self) -> int:
        """All of it, counted."""
        return len(self.agents) + self.entries + self.lines


def forgotten(
    privacy: Privacy, database: sa.Engine, index: Index, settings: Settings, today: date
) -> Forgotten:
    """Everything that is due by the settings' rules. Raises what the index raises.

    Also of whom documents denied, whoever they are: `index` says whom any still denies,
    of all sources, named in the settings or not.
    """
    days = settings.privacy.departed_days
    key = journal_key(settings)
    agents = purge_departed(database, privacy.register, today, days, key)
    done = Forgotten(agents, privacy.audit.forget(), privacy.register.forget())
    forget_others(
        database, lambda: {one for name in index.sources() for one in index.denials(name)}
    )
    return done


def expunged(index: Index) -> None:
    """No file of the index holds a word of what was deleted. Raises what the index raises."""
    if isinstance(index, Expunging):
        index.expunge()


_THEIRS = (
    agent_tables.accounts,
    agent_tables.memberships,
    agent_tables.agent_words,
    agent_tables.said,
    agent_tables.authors,
    consent_tables.wish_words,
    consent_tables.wishes,
    consent_tables.missing,
    build_tables.cells,
    build_tables.members,
    sign_on_tables.sessions,
    sign_on_tables.personal_tokens,
)
"""Every table that has rows of one agent, by `agent_key`; the directory's own row goes last.

So does what the journal counted of them, which is under other keys.
"""

_NAMING = (consent_tables.wishes, sign_on_tables.sessions, sign_on_tables.personal_tokens)
"""Those of them that keep an agent's id, whom the directory may not know any more."""


def purge_departed(
    database: sa.Engine,
    register: FileRegister,
    today: date,
    departed_days: int,
    journal: bytes,
) -> tuple[str, ...]:
    """Purge who left, or was last known, more than so many days ago: their ids.

    A directory that still names them brings their row back at its next reading, as of
    somebody who has left: nobody is shown it, and it goes again at the next purge.
    """
    long_ago = today - timedelta(days=departed_days)
    agents = agent_tables.agents
    left = sa.select(agents.c.id).where(agents.c.departure <= long_ago)
    with database.begin() as connection:
        ids = set(connection.execute(left).scalars()) | _long_missing(connection, today, long_ago)
    told = {line["agent"] for line in register.lines() if line["kind"] == "purged"} if ids else ()
    for agent_id in sorted(ids):
        if agent_id not in told:
            register.purged(agent_id)
        purge_agent(database, agent_id, journal)
    return tuple(sorted(ids))


def _long_missing(connection: sa.Connection, today: date, long_ago: date) -> set[str]:
    """Who has wishes, sessions or tokens here, and has been unknown to the directory for long.

    One reading that lacks somebody takes nothing from them: they may be back tomorrow.
    """
    missing = consent_tables.missing
    known = sa.select(agent_tables.agents.c.key)
    connection.execute(sa.delete(missing).where(missing.c.agent_key.in_(known)))
    unknown: dict[str, str] = {}
    for table in _NAMING:
        key, id_ = table.c.agent_key, table.c.agent_id
        asked = sa.select(key, id_).where(key.not_in(known)).distinct()
        unknown |= {row[0]: row[1] for row in connection.execute(asked)}
    since = {row[0]: row[1] for row in connection.execute(sa.select(missing))}
    new = [{"agent_key": key, "since": today} for key in sorted(unknown.keys() - since.keys())]
    if new:
        connection.execute(sa.insert(missing), new)
    return {id_ for key, id_ in unknown.items() if since.get(key, today) <= long_ago}


def purge_agent(database: sa.Engine, agent_id: str, journal: bytes) -> int:
    """Delete every row of one agent: how many."""
    key = digest(agent_id)
    with database.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("pragma secure_delete = on")
        rows = sum(
            connection.execute(sa.delete(table).where(table.c.agent_key == key)).rowcount
            for table in _THEIRS
        )
        rows += forget_brought(connection, journal, agent_id)
        directory_changed(connection)
        own = sa.delete(agent_tables.agents).where(agent_tables.agents.c.key == key)
        return rows + connection.execute(own).rowcount
