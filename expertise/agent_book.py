"""The directory as it was last read, in the database: agents, accounts and groups."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date

import sqlalchemy as sa

from connectors.changes import Malformed
from connectors.errors import SourceRefused
from connectors.ports import Directory
from connectors.values import Agent, ContactVia, Group
from expertise import build_tables, consent_tables
from expertise.account_memory import AccountMemory, directory_changed
from expertise.agent_rows import account_rows, membership_rows
from expertise.agent_tables import (
    accounts,
    agent_words,
    agents,
    authors,
    groups,
    memberships,
    metadata,
    readings,
    said,
)
from expertise.author_names import accounts_named, author_rows
from expertise.consent_words import named_keys
from expertise.consenting import accounts_as_they_wish, as_they_wish, has_withdrawn
from expertise.directory_words import begun_names, near_names, near_words_said, said_rows
from expertise.leavers import check_leavers
from expertise.many_keys import one_of
from expertise.names import Named, asked_words, in_order, named_by, words_of
from expertise.principals import group_rows, known_principals, remembered
from indexer.spelling import NearWord
from indexer.state import digest, storable

_LONGEST_WORD = 200

MOST_WORDS = 8
"""A longer question names nobody: it is about something."""

MOST_READ = 200
"""Beyond any number of agents that a question may name."""

MOST_BEGUN = 30
"""Of so many agents whose name begins so, the first by name are suggested."""


@dataclass(frozen=True, slots=True)
class DirectoryReport:
    """What a reading of the directory brought; `left` agents are not in it any more."""

    agents: int
    groups: int
    malformed: tuple[Malformed, ...]
    left: int = 0


class SqlAgentBook:
    """The `AgentBook` of the application, and where the directory's groups are kept."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._accounts = AccountMemory(_agent)
        for tables in (metadata, consent_tables.metadata, build_tables.metadata):
            tables.create_all(engine)

    def replace(self, directory: Directory, guard_share: float = 1.0) -> DirectoryReport:
        """Read the directory whole, then replace what is kept in one transaction.

        Raises `SourceUnreachable`, or `SourceRefused` where it holds nobody (an empty
        directory is a broken one), or lacks more than `guard_share` of the agents or groups.
        """
        entries = list(directory.entries())
        people = [entry for entry in entries if isinstance(entry, Agent)]
        circles = [entry for entry in entries if isinstance(entry, Group)]
        if not people:
            raise SourceRefused("L'annuaire ne contient aucun agent : rien n'a été remplacé.")
        with self._engine.begin() as connection:
            left = _left(connection, people, circles, guard_share)
            directory_changed(connection)
            for table in (agents, accounts, groups, memberships, agent_words, said, authors):
                connection.execute(sa.delete(table))
            connection.execute(sa.insert(agents), [agent_row(agent) for agent in people])
            _insert(connection, agent_words, _word_rows(people))
            _insert(connection, said, said_rows(people))
            _insert(connection, authors, author_rows(people))
            _insert(connection, accounts, account_rows(people))
            _insert(connection, memberships, membership_rows(people, circles))
            _insert(connection, groups, group_rows(circles))
        malformed = tuple(entry for entry in entries if isinstance(entry, Malformed))
        return DirectoryReport(len(people), len(circles), malformed, left)

    def by_account(self, accounts_asked: Iterable[str]) -> Mapping[str, Agent]:
        """The agent of each account that the directory joins to one."""
        names = set(accounts_asked)
        if not names:
            return {}
        with self._engine.connect() as connection:
            return accounts_as_they_wish(connection, self._accounts.read(connection, names))

    def agent(self, agent_id: str) -> Agent | None:
        """One agent, or None where the directory knows no such id."""
        with self._engine.connect() as connection:
            query = sa.select(agents).where(agents.c.key == digest(agent_id))
            rows = connection.execute(query).mappings().all()
            return as_they_wish(connection, map(_agent, rows)).get(agent_id)

    def as_read(self, agent_id: str) -> Agent | None:
        """One agent as the directory has them, whatever they ask: for their own eyes."""
        query = sa.select(agents).where(agents.c.key == digest(agent_id))
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _agent(row)

    def agents(self, agent_ids: Iterable[str]) -> Mapping[str, Agent]:
        """These agents, as far as the directory knows them."""
        keys = {digest(name) for name in agent_ids}
        if not keys:
            return {}
        with self._engine.connect() as connection:
            query = sa.select(agents).where(one_of(connection, agents.c.key, keys))
            rows = connection.execute(query.order_by(agents.c.key)).mappings().all()
            return as_they_wish(connection, map(_agent, rows))

    def by_email(self, email: str) -> tuple[Agent, ...]:
        """Every agent with this address, departed or not, letter case aside."""
        if not (wanted := email.strip().lower()):
            return ()
        same = sa.func.lower(agents.c.email) == wanted
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(agents).where(same)).mappings().all()
        return tuple(_agent(row) for row in rows)

    def named(self, question: str) -> tuple[Named, ...]:
        """Those of whom the directory says every word of the question; see `named_among`."""
        words = asked_words(question)
        if not words or len(words) > MOST_WORDS:
            return ()
        matching = named_keys(agent_words, sorted(word[:_LONGEST_WORD] for word in words))
        query = sa.select(agents).where(agents.c.key.in_(matching), agents.c.listed)
        query = query.where(~has_withdrawn(agents.c.key))
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(MOST_READ)).mappings().all()
            asked = as_they_wish(connection, map(_agent, rows))
        if len(rows) == MOST_READ:
            return ()
        return in_order(one for agent in asked.values() if (one := named_by(words, agent)))

    def begun(self, typed: str, today: date, limit: int) -> tuple[Agent, ...]:
        """See `NamesBook`."""
        query = begun_names(agents, said, typed, today)
        if query is None:
            return ()
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(MOST_BEGUN)).mappings().all()
            found = as_they_wish(connection, map(_agent, rows)).values()
        return tuple(
            sorted(found, key=lambda one: (one.family_name, one.given_name, one.id))[:limit]
        )

    def near(self, word: str, today: date) -> tuple[NearWord, ...]:
        """See `NamesBook`."""
        with self._engine.connect() as connection:
            spoken = near_words_said(connection, agents, said, word, today)
            keys = [key for _, key, _ in spoken]
            query = sa.select(agents).where(agents.c.key.in_(keys))
            rows = connection.execute(query).mappings().all() if keys else []
        of_whom = {row["key"]: _agent(row) for row in rows}
        return near_names(word, ((w, of_whom[key], many) for w, key, many in spoken))

    def accounts_named(self, words: Sequence[str]) -> tuple[str, ...]:
        """Accounts of those whose name has all these words, gone or unlisted too."""
        with self._engine.connect() as connection:
            return accounts_named(connection, authors, accounts, words)

    def everyone(self) -> tuple[Agent, ...]:
        """Every agent, by name. For choosing a reader on a loopback demo, never for a ranking."""
        order = (agents.c.family_name, agents.c.given_name, agents.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(agents).order_by(*order)).mappings().all()
            return tuple(as_they_wish(connection, map(_agent, rows)).values())

    def names(self) -> frozenset[tuple[str, str]]:
        """Given and family name of every agent, listed or not, departed or not."""
        query = sa.select(agents.c.given_name, agents.c.family_name).distinct()
        with self._engine.connect() as connection:
            return frozenset((row[0], row[1]) for row in connection.execute(query))

    def groups_of(self, agent_id: str) -> frozenset[str]:
        """The principals of the groups that an agent belongs to."""
        mine = memberships.c.agent_key == digest(agent_id)
        query = sa.select(memberships.c.principal).where(mine)
        with self._engine.connect() as connection:
            return frozenset(connection.execute(query).scalars())

    def accounts_of(self, agent_id: str) -> frozenset[str]:
        """The accounts that the directory gives to an agent."""
        query = sa.select(accounts.c.account).where(accounts.c.agent_key == digest(agent_id))
        with self._engine.connect() as connection:
            return frozenset(connection.execute(query).scalars())

    def reading(self) -> str:
        """Another text whenever the directory was read again; empty where it never was."""
        query = sa.select(readings.c.token).order_by(readings.c.token)
        with self._engine.connect() as connection:
            return " ".join(connection.execute(query).scalars())

    def known(self, principals: Collection[str]) -> frozenset[str]:
        """Those of these denied principals that name a group it has, or a person it has had."""
        with self._engine.connect() as connection:
            found = known_principals(connection, principals)
        return found | remembered(self._engine, principals, found)


def _left(
    connection: sa.Connection, people: list[Agent], circles: list[Group], guard_share: float
) -> int:
    """How many agents are gone, of those who had not said when they would leave."""
    staying = sa.select(agents.c.id).where(agents.c.departure.is_(None))
    kept = connection.execute(staying).scalars().all()
    held = connection.execute(sa.select(memberships.c.principal).distinct()).scalars().all()
    # A group whose members are hidden is as good as gone: what it closes would open to them.
    coming = [one.principal for one in circles if one.members]
    check_leavers("groupes", held, coming, guard_share)
    return len(check_leavers("agents", kept, [one.id for one in people], guard_share))


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, str]]) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)


def agent_row(agent: Agent) -> dict[str, object]:
    """The agent as a row of the table."""
    row = asdict(agent)
    del row["accounts"], row["refused"]
    row = {name: storable(v) if isinstance(v, str) else v for name, v in row.items()}
    return row | {"key": digest(agent.id)} | {name: list(row[name]) for name in _TUPLES}


def _word_rows(people: list[Agent]) -> list[dict[str, str]]:
    """The words of those who may be found by them: who is not listed has none."""
    return [
        {"word": word, "agent_key": digest(agent.id)}
        for agent in people
        if agent.listed
        for word in sorted(
            {one[:_LONGEST_WORD] for words in words_of(agent).values() for one in words}
        )
    ]


_TUPLES = ("skills", "skills_confirmed")
_FIELDS = tuple(f.name for f in fields(Agent) if f.name not in ("accounts", "refused", *_TUPLES))


def _agent(row: sa.RowMapping) -> Agent:
    values = {name: row[name] for name in _FIELDS}
    values["contact_via"] = _WAYS[row["contact_via"]]
    values |= {name: tuple(row[name]) for name in _TUPLES}
    return Agent(**values)


_WAYS = {way.value: way for way in ContactVia}
