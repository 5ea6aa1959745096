"""No table keeps anything of an agent who was purged, those that are added later included."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from indexer.state import digest
from quisait.application.database import TABLES, migrate
from quisait.privacy.retention import purge_agent
from search_api.asking.storage import asking_sequence

pytestmark = pytest.mark.trust

WHO, OTHER = "ag-partie", "ag-reste"
UNDER_OTHER_KEYS = {"journal_named", "journal_named_counts"}
"""Pseudonyms of a key of their own (`tests/unit/test_mention_counts.py`)."""
OF_AGENTS = [
    table
    for metadata in TABLES
    for table in metadata.sorted_tables
    if {"agent_key", "agent_id"} & set(table.c.keys()) and table.name not in UNDER_OTHER_KEYS
]
_VALUES: tuple[tuple[type[Any], Any], ...] = (
    (sa.Boolean, False),
    (sa.DateTime, datetime(2026, 1, 1, tzinfo=UTC)),
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
    return row


def test_a_purge_leaves_nothing_of_an_agent_and_all_of_another(tmp_path: Path) -> None:
    """Rows of each go to every table that names agents; then neither id nor key is anywhere."""
    assert {"text_reports", "verifications", "mail_queue", "sessions", "expertise_cells"} <= {
        table.name for table in OF_AGENTS
    }
    engine = migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"))
    with engine.begin() as connection:
        # A question has a number of it.
        connection.execute(sa.insert(asking_sequence).values(place=1, last=1))
        for table in OF_AGENTS:
            rows = [row_of(table, agent_id) for agent_id in (WHO, OTHER)]
            connection.execute(sa.insert(table), rows)
    assert purge_agent(engine, WHO, b"key") >= len(OF_AGENTS)
    with engine.connect() as connection:
        kept = {table.name: str(connection.execute(sa.select(table)).all()) for table in OF_AGENTS}
    engine.dispose()
    assert [name for name, text in kept.items() if WHO in text or digest(WHO) in text] == []
    assert [name for name, text in kept.items() if digest(OTHER) not in text] == []
