"""Run the contract of every quisait connector on this connector."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.ports import Connector
from connectors.snapshot import Snapshot
from connectors.values import Access, Contribution, ContributorRole, Document, Section
from quisait_connector_kit.connector_contract import ConnectorHarness
from quisait_connector_kit.example.connector import TableSource
from quisait_connector_kit.memory_seen import MemorySeen

COLUMNS = ("id", "title", "text", "author", "readers", "written")


@dataclass
class TableHarness:
    """A database that the contract fills and changes like its application."""

    path: Path
    resumable_count: int = 250
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self) -> Connector:
        return Snapshot(TableSource("t", self.path, Access()), self.seen)

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        self._write((name, name, text, "jdupont", " ".join(allowed), "2026-01-15T09:00:00+00:00"))

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self._run("UPDATE documents SET readers = ? WHERE id = ?", " ".join(allowed), name)

    def remove(self, name: str) -> None:
        self._run("DELETE FROM documents WHERE id = ?", name)

    def add_invalid_records(self) -> int:
        self._write(("sans-texte", "Titre", None, "a", "everyone", "2026-01-15"))
        self._write(("lecteurs", "Titre", "texte", "a", "tous", "2026-01-15"))
        self._write(("date", "Titre", "texte", "a", "everyone", "hier"))
        return 3

    def add_complete_document(self) -> Document:
        self._write(("42", "L’été", "corps", "jdupont", "everyone", "2019-06-01T10:00:00+00:00"))
        return Document(
            id="t:42",
            source="t",
            title="L’été",
            sections=(Section("corps", author="t:jdupont"),),
            access=Access(frozenset({"everyone"})),
            modified=datetime(2019, 6, 1, 10, tzinfo=UTC),
            contributions=(
                Contribution("t:jdupont", ContributorRole.AUTHOR, "jdupont", last=date(2019, 6, 1)),
            ),
        )

    def _write(self, row: tuple[str | None, ...]) -> None:
        columns = ", ".join(COLUMNS)
        self._run(f"INSERT OR REPLACE INTO documents({columns}) VALUES (?, ?, ?, ?, ?, ?)", *row)

    def _run(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute(statement, values)


@pytest.fixture
def harness(tmp_path: Path) -> ConnectorHarness:
    made = TableHarness(tmp_path / "application.db")
    made._run(
        "CREATE TABLE documents(id TEXT PRIMARY KEY, title TEXT, text TEXT, author TEXT, "
        "readers TEXT, written TEXT)"
    )
    return made


def test_contract(
    connector_check: Callable[[ConnectorHarness], None], harness: ConnectorHarness
) -> None:
    """Run every check of the contract on the real connector."""
    connector_check(harness)


def test_contract_notices_a_lie(
    connector_lie: Callable[[ConnectorHarness], None], harness: ConnectorHarness
) -> None:
    """Check that the contract finds each fault put into the connector on purpose."""
    connector_lie(harness)
