"""Apply agents' preferences and refusals, and decide who may be named and who may be shown.

Every read of the directory's tables goes through `apply_preferences`, so that no answer can forget
it. The SQL conditions express the same rules for the tables' rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from connectors.values import Agent, ContactVia, RefusedTopic
from expertise.build_tables import cell_record, cells, current
from expertise.consent import NARROWER_CONTACTS, WHOLE_SERVICE, PreferenceKind, preferences
from expertise.sql import one_of
from expertise.topics import label_key
from expertise.values import TopicsOf, Window
from indexer.french.analysis import analyse
from indexer.moment import each_once, once
from indexer.state import digest

_READ_ALL_BEYOND = 5_000
"""For more agents than this, all preferences are read in one query."""


_JOINED = "wish_"
_Row = Mapping[str, Any]
_PreferencesByAgent = Mapping[str, Sequence[_Row]]
"""Rows of preferences, by agent id."""


def has_withdrawn(agent_key: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return the condition that an agent has withdrawn from the whole service."""
    return _withdrawn(agent_key, preferences.c.subject == WHOLE_SERVICE)


def has_withdrawn_from(
    agent_key: sa.ColumnElement[str], account: sa.ColumnElement[str]
) -> sa.ColumnElement[bool]:
    """Return the condition that an agent has withdrawn from the source of `source:name`."""
    source = preferences.c.subject
    begins = sa.func.substr(account, 1, sa.func.length(source) + 1) == source.concat(":")
    return _withdrawn(agent_key, sa.and_(source != WHOLE_SERVICE, begins))


def _withdrawn(
    agent_key: sa.ColumnElement[str], where: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    theirs = sa.select(preferences.c.agent_key).where(
        preferences.c.agent_key == agent_key,
        preferences.c.kind == PreferenceKind.WITHDRAW.value,
        where,
    )
    return sa.exists(theirs.correlate_except(preferences))


def apply_preferences(connection: sa.Connection, agents: Iterable[Agent]) -> dict[str, Agent]:
    """Return these agents by id, in their order, each with their preferences applied."""
    known = {agent.id: agent for agent in agents}
    return _apply_to_all(connection, known, _preferences_by_agent(connection, known))


def with_preferences(agent_key: sa.ColumnElement[str], query: sa.Select[Any]) -> sa.Select[Any]:
    """Return a query of agents that also reads their preferences, for `apply_joined`."""
    joined = query.outerjoin(preferences, preferences.c.agent_key == agent_key)
    return joined.add_columns(*(column.label(_JOINED + column.name) for column in preferences.c))


def apply_joined(
    connection: sa.Connection, rows: Iterable[tuple[Agent, sa.RowMapping]]
) -> dict[str, Agent]:
    """Return agents by id like `apply_preferences`, from the rows of `with_preferences`."""
    known: dict[str, Agent] = {}
    by_agent: dict[str, list[_Row]] = defaultdict(list)
    for agent, row in rows:
        known[agent.id] = agent
        if row[f"{_JOINED}kind"] is not None:
            names = preferences.c.keys()
            by_agent[agent.id].append({name: row[_JOINED + name] for name in names})
    every = {agent_id: by_agent.get(agent_id, ()) for agent_id in known}
    once(connection.engine, "preferences", dict[str, Sequence[_Row]]).update(every)
    return _apply_to_all(connection, known, every)


def apply_preferences_by_account(
    connection: sa.Connection, agents: Mapping[str, Agent]
) -> dict[str, Agent]:
    """Return these agents by account, with their preferences applied.

    Accounts of sources from which their agent has withdrawn are left out.
    """
    known = {agent.id: agent for agent in agents.values()}
    by_agent = _preferences_by_agent(connection, known)
    wished = _apply_to_all(connection, known, by_agent)
    return {
        account: wished[agent.id]
        for account, agent in agents.items()
        if not _withdrew_from(account, by_agent.get(agent.id, ()))
    }


def _withdrew_from(account: str, rows: Sequence[_Row]) -> bool:
    return any(
        row["kind"] == PreferenceKind.WITHDRAW
        and row["subject"] != WHOLE_SERVICE
        and account.startswith(f"{row['subject']}:")
        for row in rows
    )


def _preferences_by_agent(
    connection: sa.Connection, agent_ids: Collection[str]
) -> _PreferencesByAgent:
    def read(unread: Collection[str]) -> _PreferencesByAgent:
        rows: dict[str, list[_Row]] = defaultdict(list)
        for row in _read_preferences(connection, unread):
            rows[row["agent_id"]].append(dict(row))
        return rows

    return each_once(connection.engine, "preferences", agent_ids, read)


def _read_preferences(
    connection: sa.Connection, agent_ids: Collection[str]
) -> Sequence[sa.RowMapping]:
    if not agent_ids:
        return []
    query = sa.select(preferences)
    if len(agent_ids) <= _READ_ALL_BEYOND:  # else read all rows: there are few
        keys = [digest(agent_id) for agent_id in agent_ids]
        query = query.where(one_of(connection, preferences.c.agent_key, keys))
    return connection.execute(query).mappings().all()


def _apply_to_all(
    connection: sa.Connection, known: Mapping[str, Agent], by_agent: _PreferencesByAgent
) -> dict[str, Agent]:
    documents = _refused_documents(connection, by_agent.values())
    wished = dict(known)
    for agent_id, rows in by_agent.items():
        if agent_id in known:
            wished[agent_id] = _apply(known[agent_id], rows, documents)
    return wished


_AGAINST_TOPICS = (PreferenceKind.REFUSE, PreferenceKind.REMOVED)
"""The agent's own refusal of a topic, and an animator's removal from it: both act alike."""

_RefusedDocuments = Mapping[tuple[str, str], frozenset[str]]
"""Ids of documents by (agent id, topic id)."""


def _refused_documents(
    connection: sa.Connection, rows_by_agent: Iterable[Sequence[_Row]]
) -> _RefusedDocuments:
    """Return the documents that the current build counts under topics that agents refuse."""
    refused = [
        (row["agent_key"], row["subject"])
        for rows in rows_by_agent
        for row in rows
        if row["kind"] in _AGAINST_TOPICS
    ]
    if not refused:
        return {}

    def read() -> _RefusedDocuments:
        query = sa.select(cells).where(
            cells.c.build_id == sa.select(current.c.build_id).scalar_subquery(),
            one_of(connection, cells.c.agent_key, {key for key, _ in refused}),
            one_of(connection, cells.c.topic_id, {topic for _, topic in refused}),
        )
        records = map(cell_record, connection.execute(query).mappings())
        return {
            (cell.agent_id, cell.topic_id): frozenset(proof.document_id for proof in cell.evidence)
            for cell in records
        }

    return once(connection.engine, ("refused documents", frozenset(refused)), read)


def _apply(agent: Agent, rows: Sequence[_Row], documents: _RefusedDocuments) -> Agent:
    by_kind: dict[str, list[_Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: str(row["subject"])):
        by_kind[row["kind"]].append(row)
    if any(row["subject"] == WHOLE_SERVICE for row in by_kind[PreferenceKind.WITHDRAW]):
        agent = replace(agent, listed=False)
    agent = _with_declared_skills(agent, by_kind[PreferenceKind.DECLARE])
    against = {row["subject"]: row for kind in _AGAINST_TOPICS for row in by_kind[kind]}
    agent = _with_refused_topics(agent, tuple(against.values()), documents)
    agent = replace(
        agent,
        disowned=frozenset(row["said"][0] for row in by_kind[PreferenceKind.DISOWN]),
        communities_joined=frozenset(row["subject"] for row in by_kind[PreferenceKind.JOIN]),
        communities_left=frozenset(row["subject"] for row in by_kind[PreferenceKind.LEAVE]),
        communities_invited=frozenset(
            (row["subject"], _day(row["since"])) for row in by_kind[PreferenceKind.INVITED]
        ),
    )
    for row in by_kind[PreferenceKind.CONTACT]:
        agent = _with_contact(agent, ContactVia(row["said"][0]))
    return agent


def _with_declared_skills(agent: Agent, rows: Sequence[_Row]) -> Agent:
    known = {label_key(skill) for skill in agent.skills}
    more = [row for row in rows if label_key(row["said"][0]) not in known]
    if not more:
        return agent
    newest = max(_day(row["since"]) for row in more)
    declared = agent.skills_declared
    return replace(
        agent,
        skills=(*agent.skills, *(row["said"][0] for row in more)),
        skills_declared=max(declared, newest) if declared else newest,
    )


def _with_refused_topics(agent: Agent, rows: Sequence[_Row], documents: _RefusedDocuments) -> Agent:
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
    ids = {topic.id for topic in refused}
    gone = {label_key(label) for topic in refused for label in topic.labels}
    return replace(
        agent,
        refused=refused,
        skills=tuple(skill for skill in agent.skills if label_key(skill) not in gone),
        skills_confirmed=tuple(
            skill for skill in agent.skills_confirmed if label_key(skill) not in gone
        ),
        missions=tuple(
            mission
            for mission in agent.missions
            if mission.topic not in ids and label_key(mission.topic) not in gone
        ),
    )


def _with_contact(agent: Agent, way: ContactVia) -> Agent:
    """Apply a way of contact, unless it is wider than the present one of the entity."""
    if way is agent.contact_via or way not in NARROWER_CONTACTS[agent.contact_via]:
        return agent
    # The contact address belongs to the entity's way; the agent's address is hidden too.
    return replace(agent, contact_via=way, contact="", email="")


def _day(moment: datetime) -> date:
    return moment.date()


def may_be_named(agent: Agent) -> bool:
    """Return whether an agent's directory name may be shown with what they wrote.

    This holds in post or departed. Of other agents, readers see the name that the source shows, and
    find them by that name only.
    """
    return agent.listed


def may_be_shown(agent: Agent, today: date, reader_id: str | None = None) -> bool:
    """Return whether an agent may be proposed, counted and have a page.

    Such agents may be named and are in post. Agents in post may always be shown to themselves
    (`reader_id`).
    """
    return not agent.departed(today) and (may_be_named(agent) or agent.id == reader_id)


def named_rows(agents: sa.Table) -> sa.ColumnElement[bool]:
    """Return the SQL condition for `may_be_named`."""
    return sa.and_(agents.c.listed, ~has_withdrawn(agents.c.key))


def shown_rows(agents: sa.Table, today: date) -> sa.ColumnElement[bool]:
    """Return the SQL condition for `may_be_shown` to others."""
    stays = sa.or_(agents.c.departure.is_(None), agents.c.departure > today)
    return sa.and_(named_rows(agents), stays)


def refuses(agent: Agent, question: str, topics: Iterable[str] = ()) -> bool:
    """Return whether the agent refused one of `topics`, or a topic with a label in the question."""
    topic_ids = frozenset(topics)
    return any(topic.id in topic_ids or _mentions(question, topic) for topic in agent.refused)


ABOUT = 0.5
"""Least confidence of a document's topic for which the document counts as being about it."""


def refuses_document(
    agent: Agent, document_id: str, title: str, topics: Iterable[tuple[str, float]] = ()
) -> bool:
    """Return whether a document no longer counts for the agent.

    The agent said that it is not theirs, or refused a topic that its title names, under which it
    was counted for them, or that it is about: `topics` are the document's, with their confidences.
    """
    about = {id_ for id_, sure in topics if sure >= ABOUT}
    return document_id in agent.disowned or any(
        document_id in topic.documents or topic.id in about or _mentions(title, topic)
        for topic in agent.refused
    )


def corrects(agent: Agent) -> bool:
    """Return whether some contributions of the agent may no longer count for them."""
    return bool(agent.refused or agent.disowned)


def refused_documents(
    window: Window, agents: Mapping[str, Agent], topics: TopicsOf = MappingProxyType({})
) -> Mapping[str, frozenset[str]]:
    """Return the documents of the window that do not count for agents, by agent id.

    See `refuses_document`. `agents` are by account, `topics` those of the window's documents.
    """
    correcting = {agent.id: agent for agent in agents.values() if corrects(agent)}
    return {
        id_: frozenset(
            card.document_id
            for card in (ranked.card for ranked in window.documents)
            if refuses_document(
                agent, card.document_id, card.title, topics.get(card.document_id, ())
            )
        )
        for id_, agent in correcting.items()
    }


def _mentions(text: str, topic: RefusedTopic) -> bool:
    places = {(term.position, term.term) for term in analyse(text)}
    return any(_contains_label(places, label) for label in topic.labels)


def _contains_label(places: set[tuple[int, str]], label: str) -> bool:
    """Return whether the text has the label's terms at the same distances as the label."""
    terms = [(term.position, term.term) for term in analyse(label)]
    if not terms:
        return False
    first, word = terms[0]
    starts = [at for at, term in places if term == word]
    return any(all((at + p - first, term) in places for p, term in terms) for at in starts)
