"""The directory in the state database: replace it as a whole, and look agents up in it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Protocol
from uuid import uuid4

import sqlalchemy as sa

from connectors.ports import Directory, Malformed, SourceRefused
from connectors.values import Agent, ContactVia, Group, Mission, authority_of
from expertise.consent import agents_with_words
from expertise.directory_tables import (
    account_rows,
    accounts,
    agent_words,
    agents,
    author_words,
    cut_agents,
    directory_versions,
    group_rows,
    groups,
    known_principals,
    membership_rows,
    memberships,
    name_words,
    remember_known,
)
from expertise.name_words import (
    LONGEST_WORD,
    AuthorTables,
    accounts_named,
    author_rows,
    name_word_rows,
    names_with_prefix,
    near_known_words,
    near_names,
)
from expertise.names import NamedAgent, asked_words, match_agent, order_matches, words_of
from expertise.sql import one_of
from expertise.visibility import (
    apply_joined,
    apply_preferences,
    apply_preferences_by_account,
    may_be_named,
    named_rows,
    shown_rows,
    with_preferences,
)
from indexer import sql
from indexer.crawl.batches import DeletionGuard
from indexer.moment import each_once, once
from indexer.state import digest, storable
from indexer.suggestions import NearWord


class TooManyDepartures(SourceRefused):
    """More agents or groups are missing than the guard allows; nothing was replaced."""


def check_departures(
    what: str, present: Collection[str], coming: Collection[str], share: float
) -> frozenset[str]:
    """Return the stored ids that are missing from the new directory.

    Raises `TooManyDepartures` if they are too many for the guard; a `share` of 1 allows all.
    """
    leaving = frozenset(present).difference(coming)
    if not DeletionGuard(what, len(present), share).lets_go(len(leaving)):
        raise TooManyDepartures(
            f"annuaire : {len(leaving)} {what} sur {len(present)} n'y sont plus. Rien n'a été "
            "remplacé : vérifiez l'annuaire, la base et le filtre ; si c'est bien cela, "
            "confirmez par « quisait directory --accept-departures »."
        )
    return leaving


MOST_ACCOUNTS_CACHED = 20_000
"""Accounts in the cache, about a kilobyte each; the cache is emptied when it is full."""

_AgentsByAccount = dict[str, Agent | None]
"""Agents by account; None for an account that the directory links to no agent."""


def mark_directory_changed(connection: sa.Connection) -> None:
    """Note a change; call it in each transaction that changes agents or their accounts."""
    connection.execute(sa.delete(directory_versions))
    connection.execute(sa.insert(directory_versions).values(token=uuid4().hex))


def set_cut(engine: sa.Engine, agent_id: str, day: date | None) -> None:
    """Mark an agent as departed since `day`, even if the directory still lists them later.

    None undoes it: the next reading takes the agent's departure from the directory again.
    """
    key, departure = digest(agent_id), agents.c.departure
    with engine.begin() as connection:
        connection.execute(sa.delete(cut_agents).where(cut_agents.c.key == key))
        if day is not None:
            connection.execute(sa.insert(cut_agents).values(key=key, day=day))
            new = sa.case((departure <= day, departure), else_=day)
            connection.execute(sa.update(agents).where(agents.c.key == key).values(departure=new))
            mark_directory_changed(connection)


KEPT_OF_DEPARTED = frozenset({"accounts", "author_words"})
"""Names of the directory's tables of which a purge keeps the rows of an agent who left."""

_KEPT_IN_ROW = frozenset({"key", "id", "departure", "listed"})
_NAMES = ("given_name", "family_name")


def has_more_than_name() -> sa.ColumnElement[bool]:
    """Return the condition that `reduce_departed` would delete a part of an agent's row."""
    columns = (name for name, value in _emptied().items() if value == "" and name not in _NAMES)
    names = sa.or_(*(agents.c[name] != "" for name in _NAMES))
    return sa.or_(
        agents.c.arrival.is_not(None),
        sa.and_(names, sa.not_(named_rows(agents))),
        *(agents.c[name] != "" for name in columns),
    )


def reduce_departed(connection: sa.Connection, agent_id: str) -> bool:
    """Keep only the departure and the name of an agent who left; return whether they left.

    Both are shown with what the agent wrote, as long as the directory lists the agent. The name of
    an agent who may not be named is deleted too.
    """
    this = (agents.c.key == digest(agent_id)) & agents.c.departure.is_not(None)
    if connection.execute(sa.select(agents.c.key).where(this)).first() is None:
        return False
    values = _emptied()
    if connection.execute(sa.select(agents.c.key).where(this, named_rows(agents))).first():
        values = {name: value for name, value in values.items() if name not in _NAMES}
    connection.execute(sa.update(agents).where(this).values(values))
    return True


def _emptied() -> dict[str, object]:
    row = agent_row(Agent("", "", ""))
    return {name: value for name, value in row.items() if name not in _KEPT_IN_ROW}


class AccountCache:
    """Caches the agents of accounts, without their preferences. Thread-safe.

    An entry is valid while the directory is unchanged. `agent_of` makes an agent from a row of
    `agents`.
    """

    def __init__(self, agent_of: Callable[[sa.RowMapping], Agent]) -> None:
        self._agent_of = agent_of
        self._kept: tuple[str, _AgentsByAccount] = ("", {})

    def read(self, connection: sa.Connection, names: Collection[str]) -> dict[str, Agent]:
        """Return agents by account; changes by other processes are seen at once."""
        # The token is read before the rows, so that rows are never older than the token.
        token = _token(connection)
        as_of, cached = self._kept
        unread = [name for name in names if name not in cached]
        if not token or token != as_of or len(cached) + len(unread) > MOST_ACCOUNTS_CACHED:
            # A new dictionary: another thread may still fill the former, which is not read again.
            self._kept, unread = (token, cached := {}), list(names)
        cached.update(self._claimed(connection, unread))
        pairs = ((name, cached[name]) for name in names)
        return {name: agent for name, agent in pairs if agent is not None}

    def _claimed(self, connection: sa.Connection, names: Collection[str]) -> _AgentsByAccount:
        if not names:
            return {}
        agents_by_account: _AgentsByAccount = dict.fromkeys(names)
        query = (
            sa.select(accounts.c.account, agents)
            .join(agents, agents.c.key == accounts.c.agent_key)
            .where(one_of(connection, accounts.c.key, [digest(name) for name in names]))
        )
        rows = connection.execute(query).mappings().all()
        return agents_by_account | {row["account"]: self._agent_of(row) for row in rows}


AGENTS_AT_ONCE = 2_000
"""Number of agents whose rows `SqlDirectory.each` has in memory."""

MOST_WORDS = 8
"""A question with more words is about a subject, and matches no agent."""

MOST_READ = 200
"""A question must match fewer agents than this."""

MOST_COMPLETIONS = 30
"""Agents with the prefix that are read; the first of them by name are suggested."""


@dataclass(frozen=True, slots=True)
class DirectoryReport:
    """The result of reading a directory; `left` counts the agents who are no longer in it."""

    agents: int
    groups: int
    malformed: tuple[Malformed, ...]
    left: int = 0


class GroupMemberships(Protocol):
    """Port: groups that applications push, besides the directory's own; read on each call."""

    def of(self, accounts: Collection[str]) -> frozenset[str]:
        """Return the principals of the groups that the holder of these accounts is in now."""

    def among(self, principals: Collection[str]) -> frozenset[str]:
        """Return those of the given principals that are such a group."""


class SqlDirectory:
    """The application's directory of agents and groups; agents' preferences are applied."""

    def __init__(self, engine: sa.Engine, pushed: Sequence[GroupMemberships] = ()) -> None:
        self._engine, self._pushed = engine, pushed
        self._accounts = AccountCache(_agent)

    def replace(self, directory: Directory, guard_share: float = 1.0) -> DirectoryReport:
        """Read the directory whole, then replace the stored directory in one transaction.

        Raises `SourceUnreachable`, or `SourceRefused` if it has no agent (an empty directory is a
        broken one), or lacks more than `guard_share` of the agents or groups.
        """
        entries = list(directory.entries())
        people = [entry for entry in entries if isinstance(entry, Agent)]
        circles = [entry for entry in entries if isinstance(entry, Group)]
        if not people:
            raise SourceRefused("L'annuaire ne contient aucun agent : rien n'a été remplacé.")
        # Made before the transaction, during which SQLite lets nobody else write.
        agent_rows = [agent_row(agent) for agent in people]
        rows = {
            agent_words: _word_rows(people),
            name_words: name_word_rows(people),
            author_words: author_rows(people),
            accounts: account_rows(people),
            memberships: membership_rows(people, circles),
            groups: group_rows(circles),
        }
        with self._engine.begin() as connection:
            left = _count_departed(connection, people, circles, guard_share)
            _apply_cuts(connection, agent_rows)
            mark_directory_changed(connection)
            for table in (agents, *rows):
                connection.execute(sa.delete(table))
            connection.execute(sa.insert(agents), agent_rows)
            for table, made in rows.items():
                _insert(connection, table, made)
        malformed = tuple(entry for entry in entries if isinstance(entry, Malformed))
        return DirectoryReport(len(people), len(circles), malformed, left)

    def group_authorities(self) -> frozenset[str]:
        """Return the authorities of the directory's groups."""
        authorities: set[str] = set()
        with self._engine.connect() as connection:
            # A directory read by an older version has rows of members but no rows of groups.
            for column in (groups.c.principal, memberships.c.principal):
                authorities.update(
                    map(authority_of, connection.execute(sa.select(column).distinct()).scalars())
                )
        return frozenset(authorities)

    def by_account(self, accounts_asked: Iterable[str]) -> Mapping[str, Agent]:
        """Return the agent of each account that the directory links to one."""
        names = set(accounts_asked)
        if not names:
            return {}
        with self._engine.connect() as connection:
            return apply_preferences_by_account(connection, self._accounts.read(connection, names))

    def agent(self, agent_id: str) -> Agent | None:
        """Return an agent, or None if the directory has no such id."""
        return self.agents([agent_id]).get(agent_id)

    def as_read(self, agent_id: str) -> Agent | None:
        """Return an agent without their preferences, for their own page, or None."""
        row = sql.first(self._engine, sa.select(agents).where(agents.c.key == digest(agent_id)))
        return None if row is None else _agent(row)

    def owner_of(self, account: str) -> Agent | None:
        """Return the agent of an account, without their preferences, to identify a reader."""
        query = (
            sa.select(agents)
            .join(accounts, accounts.c.agent_key == agents.c.key)
            .where(accounts.c.key == digest(account))
        )
        row = sql.first(self._engine, query)
        return None if row is None else _agent(row)

    def agents(self, agent_ids: Iterable[str]) -> Mapping[str, Agent]:
        """Return agents by id; ids that the directory does not have are left out."""

        def read(ids: Collection[str]) -> Mapping[str, Agent]:
            keys = {digest(name) for name in ids}
            with self._engine.connect() as connection:
                query = sa.select(agents).where(one_of(connection, agents.c.key, keys))
                return _read_at_once(connection, query)

        return each_once(self._engine, "agents", sorted(set(agent_ids), key=digest), read)

    def by_email(self, email: str) -> tuple[Agent, ...]:
        """Return every agent with this address, departed or not, ignoring case."""
        if not (wanted := email.strip().lower()):
            return ()
        same = sa.func.lower(agents.c.email) == wanted
        rows = sql.mappings(self._engine, sa.select(agents).where(same))
        return tuple(_agent(row) for row in rows)

    def named(self, question: str) -> tuple[NamedAgent, ...]:
        """Return listed agents whose entry has every word of the question; see `match_agent`."""
        words = asked_words(question)
        if not words or len(words) > MOST_WORDS:
            return ()
        matching = agents_with_words(agent_words, sorted(word[:LONGEST_WORD] for word in words))
        query = sa.select(agents).where(agents.c.key.in_(matching), named_rows(agents))
        candidates = self._at_most(query) or ()
        return order_matches(match for agent in candidates if (match := match_agent(words, agent)))

    def entries_with(
        self, words: Collection[str], today: date, departements: Collection[str] = ()
    ) -> tuple[Agent, ...] | None:
        """Return the listed agents in post whose entry has all these words (see `asked_words`).

        If `departements` is given, only agents there. Returns None if too many entries have the
        words.
        """
        matching = agents_with_words(agent_words, sorted({word[:LONGEST_WORD] for word in words}))
        query = sa.select(agents).where(agents.c.key.in_(matching), shown_rows(agents, today))
        if departements:
            query = query.where(agents.c.departement.in_(sorted(departements)))
        return self._at_most(query) if words else ()

    def with_names_in(self, words: Collection[str], today: date) -> tuple[Agent, ...]:
        """Return the listed agents in post with two of these folded words in their name.

        Returns nobody if too many match.
        """
        wanted = sorted({word[:LONGEST_WORD] for word in words})
        column = author_words.c.agent_key
        twice = sa.select(column).where(author_words.c.word.in_(wanted)).group_by(column)
        matching = twice.having(sa.func.count() > 1)
        query = sa.select(agents).where(agents.c.key.in_(matching), shown_rows(agents, today))
        return self._at_most(query) or ()

    def _at_most(self, query: sa.Select[Any]) -> tuple[Agent, ...] | None:
        """Return the agents with their preferences, or None if `MOST_READ` or more match."""
        with self._engine.connect() as connection:
            agents_by_id = _read(connection, query.limit(MOST_READ))
        return tuple(agents_by_id.values()) if len(agents_by_id) < MOST_READ else None

    def begun(self, typed: str, today: date, limit: int) -> tuple[Agent, ...]:
        """Return agents whose name has the typed words; the last word may be a prefix.

        They are sorted by name, ignoring accents and case. Returns nobody if nothing is typed.
        """
        query = names_with_prefix(agents, name_words, typed, today)
        if query is None:
            return ()
        with self._engine.connect() as connection:
            matches = _read(connection, query.limit(MOST_COMPLETIONS)).values()
        return tuple(
            sorted(matches, key=lambda agent: (agent.family_name, agent.given_name, agent.id))[
                :limit
            ]
        )

    def near(self, word: str, today: date) -> tuple[NearWord, ...]:
        """Return the best words of names and places within a small edit distance of a folded word.

        The word itself, at distance 0, is included if it is a known word.
        """
        with self._engine.connect() as connection:
            spoken = near_known_words(connection, agents, name_words, word, today)
            keys = [key for _, key, _ in spoken]
            query = sa.select(agents).where(agents.c.key.in_(keys))
            rows = connection.execute(query).mappings().all() if keys else []
        of_whom = {row["key"]: _agent(row) for row in rows}
        return near_names(word, ((w, of_whom[key], many) for w, key, many in spoken))

    def accounts_named(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return accounts of agents whose name has all these words, departed or not.

        Only agents who may be named are considered.
        """
        with self._engine.connect() as connection:
            return accounts_named(connection, AuthorTables(author_words, accounts, agents), words)

    def everyone(self) -> tuple[Agent, ...]:
        """Return every agent, sorted by name."""
        order = (agents.c.family_name, agents.c.given_name, agents.c.id)
        with self._engine.connect() as connection:
            return tuple(_read_at_once(connection, sa.select(agents).order_by(*order)).values())

    def each(self) -> Iterator[Agent]:
        """Yield every agent by key; `AGENTS_AT_ONCE` are in memory at once."""
        last = ""
        with self._engine.connect() as connection:
            while True:
                query = sa.select(agents).where(agents.c.key > last).order_by(agents.c.key)
                rows = connection.execute(query.limit(AGENTS_AT_ONCE)).mappings().all()
                if not rows:
                    return
                yield from apply_preferences(connection, map(_agent, rows)).values()
                last = rows[-1]["key"]

    def names(self) -> frozenset[tuple[str, str]]:
        """Return the given and family name of every agent, listed or not, departed or not."""
        query = sa.select(agents.c.given_name, agents.c.family_name).distinct()
        return frozenset((row[0], row[1]) for row in sql.rows(self._engine, query))

    def groups_of(self, agent_id: str) -> frozenset[str]:
        """Return the principals of an agent's groups, pushed ones included."""
        own_accounts, own = self._accounts_and_groups(agent_id)
        return own.union(*(lookup.of(own_accounts) for lookup in self._pushed))

    def group_sizes(self, principals: Collection[str]) -> Mapping[str, int]:
        """Return the number of agents in each of these groups that the directory has."""
        keys = [digest(principal) for principal in principals]
        with self._engine.connect() as connection:
            return dict(
                self._group_rows(connection, one_of(connection, groups.c.principal_key, keys))
            )

    def with_groups_of(self, authorities: Collection[str]) -> frozenset[str]:
        """Return those of these authorities for which the directory itself has a group."""

        def query(name: str) -> sa.Select[Any]:
            begins = groups.c.principal.startswith(f"{name}:", autoescape=True)
            return sa.select(groups.c.principal).where(begins).limit(1)

        return frozenset(
            authority for authority in authorities if sql.first(self._engine, query(authority))
        )

    def largest_groups(self, limit: int) -> tuple[str, ...]:
        """Return the principals of the groups with the most agents, ties sorted by name."""
        with self._engine.connect() as connection:
            rows = self._group_rows(connection, sa.true())
        return tuple(name for name, _ in sorted(rows, key=lambda row: (-row[1], row[0]))[:limit])

    def _group_rows(
        self, connection: sa.Connection, wanted: sa.ColumnElement[bool]
    ) -> list[tuple[str, int]]:
        query = (
            sa.select(groups.c.principal, sa.func.count(memberships.c.agent_key))
            .outerjoin(memberships, memberships.c.principal_key == groups.c.principal_key)
            .where(wanted)
            .group_by(groups.c.principal)
        )
        return [(row[0], row[1]) for row in connection.execute(query)]

    def accounts_of(self, agent_id: str) -> frozenset[str]:
        """Return the accounts that the directory links to an agent."""
        return self._accounts_and_groups(agent_id)[0]

    def _accounts_and_groups(self, agent_id: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return the accounts and the directory's own groups of an agent."""
        key = digest(agent_id)
        query = sa.union_all(
            sa.select(sa.true(), accounts.c.account).where(accounts.c.agent_key == key),
            sa.select(sa.false(), memberships.c.principal).where(memberships.c.agent_key == key),
        )

        def read() -> tuple[frozenset[str], frozenset[str]]:
            with self._engine.connect() as connection:
                rows = [(bool(of_account), name) for of_account, name in connection.execute(query)]
            return (
                frozenset(name for of_account, name in rows if of_account),
                frozenset(name for of_account, name in rows if not of_account),
            )

        return once(self._engine, ("accounts and groups", agent_id), read)

    def reading(self) -> str:
        """Return a token that changes with the directory; empty before the first reading."""
        with self._engine.connect() as connection:
            return _token(connection)

    def known(self, principals: Collection[str]) -> frozenset[str]:
        """Return those of the denied principals that the directory or a pushed group knows.

        These are existing groups, and persons whom the directory has or once had.
        """
        with self._engine.connect() as connection:
            known = known_principals(connection, principals)
        for lookup in self._pushed:
            known |= lookup.among(principals)
        return known | remember_known(self._engine, principals, known)


def _count_departed(
    connection: sa.Connection, people: list[Agent], circles: list[Group], guard_share: float
) -> int:
    """Return the number of missing agents without a departure date.

    Raises `TooManyDepartures`.
    """
    staying = sa.select(agents.c.id).where(agents.c.departure.is_(None))
    present = connection.execute(staying).scalars().all()
    held = connection.execute(sa.select(memberships.c.principal).distinct()).scalars().all()
    # A group without members counts as missing: its former members could read what is denied to it.
    coming = [circle.principal for circle in circles if circle.members]
    check_departures("groupes", held, coming, guard_share)
    return len(check_departures("agents", present, [agent.id for agent in people], guard_share))


def _apply_cuts(connection: sa.Connection, agent_rows: list[dict[str, Any]]) -> None:
    """Set the departure date of the agents cut by hand in their rows.

    A cut is deleted when the directory no longer lists its agent.
    """
    cuts = {row.key: row.day for row in connection.execute(sa.select(cut_agents))}
    if not cuts:
        return
    ended = cuts.keys() - {row["key"] for row in agent_rows}
    connection.execute(sa.delete(cut_agents).where(one_of(connection, cut_agents.c.key, ended)))
    for row in agent_rows:
        if row["key"] in cuts:
            row["departure"] = min(filter(None, (row["departure"], cuts[row["key"]])))


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, str]]) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)


_KEPT_ELSEWHERE = (
    "accounts",
    "refused",
    "disowned",
    "communities_joined",
    "communities_left",
    "communities_invited",
)
"""Fields that are not in the row: accounts have their own table, and the others are preferences."""


def agent_row(agent: Agent) -> dict[str, Any]:
    """Return an agent's row of the table."""
    row = {
        name: storable(value) if isinstance(value, str) else value
        for name, value in asdict(agent).items()
        if name not in _KEPT_ELSEWHERE
    }
    days = [(mission.topic, mission.first, mission.last) for mission in agent.missions]
    missions = [[storable(topic), str(first), last and str(last)] for topic, first, last in days]
    lists = {name: list(row[name]) for name in _LIST_FIELDS}
    return row | {"key": digest(agent.id), "missions": missions} | lists


def _word_rows(people: list[Agent]) -> list[dict[str, str]]:
    """Return rows of the words that agents are found by; unlisted agents have no rows."""
    return [
        {"word": word, "agent_key": digest(agent.id)}
        for agent in people
        if may_be_named(agent)
        for word in sorted(
            {word[:LONGEST_WORD] for words in words_of(agent).values() for word in words}
        )
    ]


_LIST_FIELDS = ("skills", "skills_confirmed")
_FIELDS = tuple(
    field.name
    for field in fields(Agent)
    if field.name not in (*_KEPT_ELSEWHERE, *_LIST_FIELDS, "missions")
)


def _agent(row: sa.RowMapping) -> Agent:
    values = {name: row[name] for name in _FIELDS}
    values["contact_via"] = _CONTACT_BY_VALUE[row["contact_via"]]
    values |= {name: tuple(row[name]) for name in _LIST_FIELDS}
    return Agent(**values, missions=tuple(_mission(*mission) for mission in row["missions"]))


def _read(connection: sa.Connection, query: sa.Select[Any]) -> dict[str, Agent]:
    """Return the agents of a query by id, in its order, with their preferences applied."""
    rows = connection.execute(query).mappings().all()
    return apply_preferences(connection, map(_agent, rows))


def _read_at_once(connection: sa.Connection, query: sa.Select[Any]) -> dict[str, Agent]:
    """Return agents like `_read`, from one statement, for a query of `agents` without a limit."""
    rows = connection.execute(with_preferences(agents.c.key, query)).mappings()
    return apply_joined(connection, ((_agent(row), row) for row in rows))


def _token(connection: sa.Connection) -> str:
    """Return a token that changes with the directory; empty before the first reading.

    Two concurrent changes may leave two tokens; joined they differ from either.
    """
    query = sa.select(directory_versions.c.token).order_by(directory_versions.c.token)
    return once(
        connection.engine,
        "directory token",
        lambda: " ".join(connection.execute(query).scalars()),
    )


def _mission(topic: str, first: str, last: str | None) -> Mission:
    return Mission(topic, date.fromisoformat(first), date.fromisoformat(last) if last else None)


_CONTACT_BY_VALUE = {way.value: way for way in ContactVia}
