"""The directory as it was last read, in the database: agents, accounts and groups."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields

import sqlalchemy as sa

from connectors.changes import Malformed
from connectors.errors import SourceRefused
from connectors.ports import Directory
from connectors.values import Agent, Group

metadata = sa.MetaData()

agents = sa.Table(
    "agents",
    metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("given_name", sa.String(200), nullable=False),
    sa.Column("family_name", sa.String(200), nullable=False),
    sa.Column("metier", sa.String(500), nullable=False),
    sa.Column("entity", sa.String(1000), nullable=False),
    sa.Column("office", sa.String(500), nullable=False),
    sa.Column("departement", sa.String(3), nullable=False),
    sa.Column("email", sa.String(320), nullable=False),
    sa.Column("arrival", sa.Date),
    sa.Column("departure", sa.Date),
    sa.Column("skills", sa.JSON, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False),
)
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("account", sa.String(500), primary_key=True),
    sa.Column("agent_id", sa.String(200), nullable=False, index=True),
)
memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("agent_id", sa.String(200), primary_key=True),
    sa.Column("principal", sa.String(500), primary_key=True),
)

_ASKED_AT_ONCE = 500
"""Below every database's limit of parameters in one statement."""


@dataclass(frozen=True, slots=True)
class DirectoryReport:
    """What a reading of the directory brought."""

    agents: int
    groups: int
    malformed: tuple[Malformed, ...]


class SqlAgentBook:
    """The `AgentBook` of the application, and where the directory's groups are kept."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        metadata.create_all(engine)

    def replace(self, directory: Directory) -> DirectoryReport:
        """Read the directory whole, then replace what is kept in one transaction.

        Raises `SourceUnreachable`, or `SourceRefused` where it holds nobody: an empty
        directory is a broken one.
        """
        entries = list(directory.entries())
        people = [entry for entry in entries if isinstance(entry, Agent)]
        groups = [entry for entry in entries if isinstance(entry, Group)]
        if not people:
            raise SourceRefused("L'annuaire ne contient aucun agent : rien n'a été remplacé.")
        with self._engine.begin() as connection:
            for table in (agents, accounts, memberships):
                connection.execute(sa.delete(table))
            connection.execute(sa.insert(agents), [_agent_row(agent) for agent in people])
            _insert(connection, accounts, _account_rows(people))
            _insert(connection, memberships, _membership_rows(groups))
        malformed = tuple(entry for entry in entries if isinstance(entry, Malformed))
        return DirectoryReport(len(people), len(groups), malformed)

    def by_account(self, accounts_asked: Iterable[str]) -> Mapping[str, Agent]:
        """The agent of each account that the directory joins to one."""
        names = sorted(set(accounts_asked))
        found: dict[str, Agent] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(names), _ASKED_AT_ONCE):
                query = (
                    sa.select(accounts.c.account, agents)
                    .join(agents, agents.c.id == accounts.c.agent_id)
                    .where(accounts.c.account.in_(names[start : start + _ASKED_AT_ONCE]))
                )
                for row in connection.execute(query).mappings():
                    found[row["account"]] = _agent(row)
        return found

    def agent(self, agent_id: str) -> Agent | None:
        """One agent, or None where the directory knows no such id."""
        with self._engine.connect() as connection:
            query = sa.select(agents).where(agents.c.id == agent_id)
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _agent(row)

    def everyone(self) -> tuple[Agent, ...]:
        """Every agent, by name. For choosing a reader on a loopback demo, never for a ranking."""
        order = (agents.c.family_name, agents.c.given_name, agents.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(agents).order_by(*order)).mappings().all()
        return tuple(_agent(row) for row in rows)

    def groups_of(self, agent_id: str) -> frozenset[str]:
        """The principals of the groups that an agent belongs to."""
        query = sa.select(memberships.c.principal).where(memberships.c.agent_id == agent_id)
        with self._engine.connect() as connection:
            return frozenset(connection.execute(query).scalars())


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, str]]) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)


def _agent_row(agent: Agent) -> dict[str, object]:
    row = asdict(agent)
    del row["accounts"]
    return row | {"skills": list(agent.skills)}


def _account_rows(people: list[Agent]) -> list[dict[str, str]]:
    return [{"account": name, "agent_id": agent.id} for agent in people for name in agent.accounts]


def _membership_rows(groups: list[Group]) -> list[dict[str, str]]:
    pairs = {(member, group.principal) for group in groups for member in group.members}
    return [{"agent_id": member, "principal": principal} for member, principal in sorted(pairs)]


_FIELDS = tuple(f.name for f in fields(Agent) if f.name not in ("accounts", "skills"))


def _agent(row: sa.RowMapping) -> Agent:
    values = {name: row[name] for name in _FIELDS}
    return Agent(**values, skills=tuple(row["skills"]))
