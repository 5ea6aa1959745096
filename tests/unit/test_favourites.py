"""Favourites in the state's database: deletions, departures, restored backups."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from connectors.values import Agent
from expertise.consent import SqlConsent
from expertise.directory import SqlDirectory
from quisait.privacy.register import FileRegister
from quisait.privacy.replay import replay
from quisait.privacy.retention import purge_departed
from search_api.favourites.storage import (
    SqlFavourites,
    SubjectKind,
    favourite_subjects,
    forget_subjects,
)
from tests.builders import Clock, Listed

pytestmark = pytest.mark.trust

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DOCUMENT, AGENT = SubjectKind.DOCUMENT, SubjectKind.AGENT


def subjects(store: SqlFavourites, agent_id: str) -> list[str]:
    return [favourite.subject for favourite in store.of(agent_id)]


def test_one_favourite_or_all_are_removed(engine: sa.Engine) -> None:
    """Another agent's favourites stay; marking again makes a favourite the newest."""
    store = SqlFavourites(engine, Clock(NOW, SECOND))
    for agent_id in ("a", "b"):
        for subject in ("wiki:1", "wiki:2", "wiki:1"):
            store.add(agent_id, DOCUMENT, subject)
    assert subjects(store, "a") == ["wiki:1", "wiki:2"]
    store.remove("a", AGENT, "wiki:1")
    store.remove("a", DOCUMENT, "wiki:1")
    assert subjects(store, "a") == ["wiki:2"]
    store.remove("a")
    assert (subjects(store, "a"), len(subjects(store, "b"))) == ([], 2)
    assert forget_subjects(engine, DOCUMENT, ["wiki:1", "wiki:3"]) == 1
    assert favourite_subjects(engine, DOCUMENT) == {"wiki:2"}


def test_a_restored_database_loses_deleted_favourites(engine: sa.Engine, tmp_path: Path) -> None:
    """By lines of this version and of older ones; favourites marked since then stay."""
    clock = Clock(NOW, SECOND)
    register = FileRegister(tmp_path / "register.jsonl", (), clock, 30)
    store = SqlFavourites(engine, clock, register)

    def mark() -> None:
        for agent_id, subject in (("a", "wiki:1"), ("b", "wiki:2"), ("c", "wiki:3")):
            store.add(agent_id, DOCUMENT, subject)

    mark()
    store.remove("a", DOCUMENT, "wiki:1")
    store.remove("b")
    old = {"agent": "c", "aspect": "favourite", "subject": ["document", "wiki:3", ""]}
    register.note("feedback", clock(), **old)
    register.note("feedback", clock(), agent="a", aspect="opinion", subject=None)
    lines = list(register.lines())
    later, clock.now = clock.now, NOW
    mark()
    clock.now = later
    store.add("a", DOCUMENT, "wiki:4")
    replay(lines, engine, SqlConsent(engine, clock), cast(Any, NoIndex()), b"key")
    assert [subjects(store, agent_id) for agent_id in "abc"] == [["wiki:4"], [], []]


class NoIndex:
    """The lines name no document."""


def test_a_purged_agent_leaves_no_favourite(engine: sa.Engine, tmp_path: Path) -> None:
    """Neither their own, nor others' on them."""
    store = SqlFavourites(engine, Clock(NOW, SECOND))
    gone = Agent("ag-3", "Cyd", "Roux", departure=date(2026, 1, 1))
    SqlDirectory(engine).replace(Listed(Agent("ag-1", "Ana", "Le Goff"), gone))
    for agent_id in ("ag-1", "ag-3"):
        store.add(agent_id, DOCUMENT, "wiki:1")
    store.add("ag-1", AGENT, "ag-3")
    register = FileRegister(tmp_path / "register.jsonl", (), lambda: NOW, 30)
    assert purge_departed(engine, register, NOW.date(), 30, b"key") == ("ag-3",)
    assert (subjects(store, "ag-1"), subjects(store, "ag-3")) == (["wiki:1"], [])
