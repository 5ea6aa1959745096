"""Agents as they wish to be shown: what the directory says, held against their own word.

Every reading of the directory's table passes here, so that no answer can forget it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import sqlalchemy as sa

from connectors.values import Agent, ContactVia, RefusedTopic
from expertise.build_tables import cell_record, cells, current
from expertise.consent import FINDER, NARROWER, Kind
from expertise.consent_tables import wishes
from expertise.many_keys import one_of
from expertise.topics import label_key
from indexer.state import digest

_MANY = 5_000
"""Agents beyond which all that anybody asked for is read in one go."""


def has_withdrawn(agent_key: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether an agent has withdrawn from the finder as a whole."""
    return _withdrawn(agent_key, wishes.c.subject == FINDER)


def has_withdrawn_from(
    agent_key: sa.ColumnElement[str], account: sa.ColumnElement[str]
) -> sa.ColumnElement[bool]:
    """Whether an agent has withdrawn from the source of an account `source:name`."""
    source = wishes.c.subject
    begins = sa.func.substr(account, 1, sa.func.length(source) + 1) == source.concat(":")
    return _withdrawn(agent_key, sa.and_(source != FINDER, begins))


def _withdrawn(
    agent_key: sa.ColumnElement[str], where: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    theirs = sa.select(wishes.c.agent_key).where(
        wishes.c.agent_key == agent_key, wishes.c.kind == Kind.WITHDRAW.value, where
    )
    return sa.exists(theirs.correlate_except(wishes))


def as_they_wish(connection: sa.Connection, agents: Iterable[Agent]) -> dict[str, Agent]:
    """These agents by id, in their order, each as they may be shown."""
    known = {agent.id: agent for agent in agents}
    return _wished_all(connection, known, _asked(connection, known))


def accounts_as_they_wish(
    connection: sa.Connection, agents: Mapping[str, Agent]
) -> dict[str, Agent]:
    """By account, but for the accounts of a source from which their agent has withdrawn."""
    known = {agent.id: agent for agent in agents.values()}
    asked = _asked(connection, known)
    wished = _wished_all(connection, known, asked)
    return {
        account: wished[agent.id]
        for account, agent in agents.items()
        if not _withdrew_from(account, asked.get(agent.id, ()))
    }


def _withdrew_from(account: str, rows: Sequence[sa.RowMapping]) -> bool:
    return any(
        row["kind"] == Kind.WITHDRAW
        and row["subject"] != FINDER
        and account.startswith(f"{row['subject']}:")
        for row in rows
    )


_Asked = Mapping[str, Sequence[sa.RowMapping]]
"""What each agent has asked for, by id."""


def _asked(connection: sa.Connection, agent_ids: Collection[str]) -> _Asked:
    asked: dict[str, list[sa.RowMapping]] = defaultdict(list)
    for row in _wishes(connection, agent_ids):
        asked[row["agent_id"]].append(row)
    return asked


def _wishes(connection: sa.Connection, agent_ids: Collection[str]) -> Sequence[sa.RowMapping]:
    if not agent_ids:
        return []
    query = sa.select(wishes)
    if len(agent_ids) <= _MANY:  # else most of a directory: few have asked for anything
        keys = [digest(agent_id) for agent_id in agent_ids]
        query = query.where(one_of(connection, wishes.c.agent_key, keys))
    return connection.execute(query).mappings().all()


def _wished_all(
    connection: sa.Connection, known: Mapping[str, Agent], asked: _Asked
) -> dict[str, Agent]:
    documents = _refused_documents(connection, asked.values())
    wished = dict(known)
    for agent_id, rows in asked.items():
        if agent_id in known:
            wished[agent_id] = _wished(known[agent_id], rows, documents)
    return wished


_Documents = Mapping[tuple[str, str], frozenset[str]]
"""By (agent id, topic id)."""


def _refused_documents(
    connection: sa.Connection, asked: Iterable[Sequence[sa.RowMapping]]
) -> _Documents:
    """What the current build counted for agents under the topics that they refuse."""
    refused = [
        (row["agent_key"], row["subject"])
        for rows in asked
        for row in rows
        if row["kind"] == Kind.REFUSE
    ]
    if not refused:
        return {}
    query = sa.select(cells).where(
        cells.c.build_id == sa.select(current.c.build_id).scalar_subquery(),
        one_of(connection, cells.c.agent_key, {key for key, _ in refused}),
        one_of(connection, cells.c.topic_id, {topic for _, topic in refused}),
    )
    found = map(cell_record, connection.execute(query).mappings())
    return {
        (cell.agent_id, cell.topic_id): frozenset(proof.document_id for proof in cell.proofs)
        for cell in found
    }


def _wished(agent: Agent, rows: Sequence[sa.RowMapping], documents: _Documents) -> Agent:
    by_kind: dict[str, list[sa.RowMapping]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: str(row["subject"])):
        by_kind[row["kind"]].append(row)
    if any(row["subject"] == FINDER for row in by_kind[Kind.WITHDRAW]):
        agent = replace(agent, listed=False)
    agent = _declaring(agent, by_kind[Kind.DECLARE])
    agent = _refusing(agent, by_kind[Kind.REFUSE], documents)
    for row in by_kind[Kind.CONTACT]:
        agent = _reached(agent, ContactVia(row["said"][0]))
    return agent


def _declaring(agent: Agent, rows: Sequence[sa.RowMapping]) -> Agent:
    known = {label_key(skill) for skill in agent.skills}
    more = [row for row in rows if label_key(row["said"][0]) not in known]
    if not more:
        return agent
    newest = max(_day(row["since"]) for row in more)
    said = agent.skills_declared
    return replace(
        agent,
        skills=(*agent.skills, *(row["said"][0] for row in more)),
        skills_declared=max(said, newest) if said else newest,
    )


def _refusing(agent: Agent, rows: Sequence[sa.RowMapping], documents: _Documents) -> Agent:
    if not rows:
        return agent
    refused = tuple(
        RefusedTopic(
            row["subject"],
            tuple(row["said"]),
            documents.get((agent.id, row["subject"]), frozenset()),
        )
        for row in rows
    )
    gone = {label_key(label) for topic in refused for label in topic.labels}
    return replace(
        agent,
        refused=refused,
        skills=tuple(one for one in agent.skills if label_key(one) not in gone),
        skills_confirmed=tuple(one for one in agent.skills_confirmed if label_key(one) not in gone),
    )


def _reached(agent: Agent, way: ContactVia) -> Agent:
    """Never wider than their entity wishes: what it narrowed since holds."""
    if way is agent.contact_via or way not in NARROWER[agent.contact_via]:
        return agent
    # The entity's address is for the entity's way; the agent's own is no longer shown.
    return replace(agent, contact_via=way, contact="", email="")


def _day(moment: datetime) -> date:
    return moment.date()
