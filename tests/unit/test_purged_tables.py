"""No table keeps anything of an agent who was purged, those that are added later included."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from quisait_lasuite.group_values import GroupMember
from quisait_lasuite.groups import PushedGroups

from connectors.values import Agent
from expertise.directory import SqlDirectory
from indexer.sql import Moment
from indexer.state import digest
from quisait.application.database import TABLES, migrate
from quisait.privacy.retention import purge_agent
from search_api.questions.tables import asking_sequence
from tests.builders import Listed

pytestmark = pytest.mark.trust

WHO, OTHER = "ag-partie", "ag-reste"
UNDER_OTHER_KEYS = {"journal_named", "journal_named_counts"}
"""Pseudonyms of a key of their own (`tests/unit/test_mention_counts.py`)."""
EVERY = [table for metadata in TABLES for table in metadata.sorted_tables]
OF_AGENTS = [
    table
    for table in EVERY
    if {"agent_key", "agent_id"} & set(table.c.keys()) and table.name not in UNDER_OTHER_KEYS
]
BESIDE: dict[str, dict[str, Any]] = {
    "expertise_cells": {"nearest": json.dumps([WHO, OTHER])},
    "agent_wishes": {"decided_by": WHO},
    "expertise_left_out": {"part": "agent", "id": WHO},
}
"""Columns that name an agent in a row that is not theirs."""
_VALUES: tuple[tuple[type[Any], Any], ...] = (
    (sa.Boolean, False),
    (sa.DateTime, datetime(2026, 1, 1, tzinfo=UTC)),
    (Moment, datetime(2026, 1, 1, tzinfo=UTC)),
    (sa.Date, date(2026, 1, 1)),
    (sa.JSON, []),
    (sa.LargeBinary, b"x"),
    (sa.Float, 1.0),
    (sa.Integer, 1),
    (sa.String, "x"),
)


def row_of(table: sa.Table, agent_id: str) -> dict[str, Any]:
    """A row of an agent: what else stands there does not matter."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name == "agent_id":
            row[column.name] = agent_id
        elif column.name == "agent_key":
            row[column.name] = digest(agent_id)
        elif not column.nullable or column.primary_key:
            value = next(value for kind, value in _VALUES if isinstance(column.type, kind))
            # Two agents' rows share no primary key.
            other = column.primary_key and agent_id == OTHER and isinstance(value, str)
            row[column.name] = "y" if other else value
    return row | (BESIDE.get(table.name, {}) if agent_id == OTHER else {})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"))
    yield engine
    engine.dispose()


def kept_of(engine: sa.Engine, agent_id: str) -> list[str]:
    """The tables that name an agent in any way."""
    with engine.connect() as connection:
        kept = {table.name: str(connection.execute(sa.select(table)).all()) for table in EVERY}
    return [name for name, text in kept.items() if agent_id in text or digest(agent_id) in text]


def test_a_purge_leaves_nothing_of_an_agent_and_all_of_another(engine: sa.Engine) -> None:
    """Rows of each go to every table that names agents; then neither id nor key is anywhere."""
    assert {"text_reports", "verifications", "mail_queue", "sessions", "expertise_cells"} <= {
        table.name for table in OF_AGENTS
    }
    with engine.begin() as connection:
        # A question has a number of it.
        connection.execute(sa.insert(asking_sequence).values(place=1, last=1))
        for table in OF_AGENTS:
            rows = [row_of(table, agent_id) for agent_id in (WHO, OTHER)]
            connection.execute(sa.insert(table), rows)
        for table in EVERY:
            if table.name in BESIDE and table not in OF_AGENTS:
                connection.execute(sa.insert(table), row_of(table, OTHER))
    PushedGroups(engine).create("forum", "groupe", "", [GroupMember(WHO), GroupMember(OTHER)])
    assert set(BESIDE) | {"pushed_members"} <= set(kept_of(engine, WHO))
    assert purge_agent(engine, WHO, b"key") >= len(OF_AGENTS)
    assert kept_of(engine, WHO) == []
    assert {table.name for table in OF_AGENTS} | {"pushed_members"} <= set(kept_of(engine, OTHER))


def test_a_purge_finds_a_member_by_account_and_address(engine: sa.Engine) -> None:
    """And by id, but where the directory knows somebody else by that name."""
    named_alike = Agent(OTHER, "R", "R", accounts=(f"wiki:{WHO}",))
    gone = Agent(WHO, "P", "P", email="p@agents.test", accounts=("forum:partie",))
    SqlDirectory(engine).replace(Listed(gone, named_alike))
    groups = PushedGroups(engine)
    mine = (GroupMember(WHO), GroupMember("partie"), GroupMember("x", "P@agents.test"))
    forum = groups.create("forum", "groupe", "", [*mine, GroupMember("reste")])
    wiki = groups.create("wiki", "groupe", "", [GroupMember(WHO), GroupMember("partie")])
    purge_agent(engine, WHO, b"key")
    assert [one.value for one in groups.group("forum", forum.id).members] == ["reste"]
    assert {one.value for one in groups.group("wiki", wiki.id).members} == {WHO, "partie"}
