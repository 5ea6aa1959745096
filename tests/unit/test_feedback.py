"""Opinions and favourites in the state's database: sums, departures, restored backups."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from connectors.values import Agent
from expertise.consent import Preference, PreferenceKind, SqlConsent
from expertise.directory import SqlDirectory
from quisait.privacy.register import FileRegister
from quisait.privacy.replay import replay
from quisait.privacy.retention import purge_departed
from search_api.feedback.storage import (
    Aspect,
    SqlFeedback,
    Subject,
    SubjectKind,
    subjects_kept,
)
from tests.builders import Clock, Listed

pytestmark = pytest.mark.trust

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOTE, OTHER = Subject(SubjectKind.DOCUMENT, "wiki:1"), Subject(SubjectKind.DOCUMENT, "wiki:2")


def proposed(agent_id: str, topic_id: str = "t") -> Subject:
    return Subject(SubjectKind.AGENT, agent_id, topic_id)


def opinions(store: SqlFeedback, agent_id: str) -> Sequence[Subject]:
    return [one.subject for one in store.of(agent_id) if one.aspect is Aspect.OPINION]


def test_sums_are_of_five_people_and_of_three_proposed(engine: sa.Engine) -> None:
    """One person who says it of many things is one person; a favourite is no opinion."""
    store = SqlFeedback(engine, Clock(NOW, SECOND))
    for voter in range(4):
        store.keep(f"v{voter}", Aspect.OPINION, NOTE, True)
        for agent_id in ("a", "b"):
            store.keep(f"v{voter}", Aspect.OPINION, proposed(agent_id), False)
    store.keep("v9", Aspect.FAVOURITE, NOTE, None)
    store.keep("v0", Aspect.OPINION, NOTE, False)
    assert store.sums() == ()
    store.keep("v4", Aspect.OPINION, NOTE, True)
    store.keep("v4", Aspect.OPINION, proposed("b"), False)
    assert [(one.subject, one.useful, one.not_useful) for one in store.sums()] == [("wiki:1", 4, 1)]
    store.keep("v4", Aspect.OPINION, proposed("c"), True)
    (_, topic) = store.sums()
    assert (topic.kind, topic.subject, topic.useful, topic.not_useful) == ("topic", "t", 1, 9)


def test_one_is_removed_or_all_of_an_aspect(engine: sa.Engine) -> None:
    """Whoever else said something keeps it; what was said last stands."""
    store = SqlFeedback(engine, Clock(NOW, SECOND))
    for agent_id in ("a", "b"):
        for subject in (NOTE, OTHER):
            store.keep(agent_id, Aspect.OPINION, subject, True)
            store.keep(agent_id, Aspect.FAVOURITE, subject, None)
    store.keep("a", Aspect.OPINION, NOTE, False)
    assert next((one.subject, one.useful) for one in store.of("a")) == (NOTE, False)
    store.remove("a", Aspect.OPINION, NOTE)
    assert opinions(store, "a") == [OTHER]
    store.remove("a", Aspect.OPINION)
    assert [one.aspect for one in store.of("a")] == [Aspect.FAVOURITE] * 2
    assert len(store.of("b")) == 4


def test_a_restored_database_is_told_what_was_deleted(engine: sa.Engine, tmp_path: Path) -> None:
    """What one deleted, and opinions on who withdrew; what was said since then stays."""
    clock = Clock(NOW, SECOND)
    register = FileRegister(tmp_path / "register.jsonl", (), clock, 30)
    store = SqlFeedback(engine, clock, register)
    consent = SqlConsent(engine, clock, register)

    def said_before() -> None:
        store.keep("a", Aspect.OPINION, NOTE, True)
        store.keep("a", Aspect.OPINION, proposed("w"), True)
        store.keep("b", Aspect.FAVOURITE, OTHER, None)

    said_before()
    store.remove("a", Aspect.OPINION, NOTE)
    store.remove("b", Aspect.FAVOURITE)
    consent.ask(Preference("w", PreferenceKind.WITHDRAW))
    store.forget_opinions_on("w")
    assert (store.of("a"), store.of("b")) == ((), ())
    lines = list(register.lines())
    later, clock.now = clock.now, NOW
    said_before()
    clock.now = later
    store.keep("a", Aspect.OPINION, OTHER, False)
    replay(lines, engine, consent, cast(Any, NoIndex()), b"key")
    assert opinions(store, "a") == [OTHER]
    assert store.of("b") == ()


class NoIndex:
    """The lines name no document."""


def test_who_left_takes_theirs_along(engine: sa.Engine, tmp_path: Path) -> None:
    """What they said and kept, and what others said and kept of them."""
    store = SqlFeedback(engine, Clock(NOW, SECOND))
    gone = Agent("ag-3", "Cyd", "Roux", departure=date(2026, 1, 1))
    SqlDirectory(engine).replace(Listed(Agent("ag-1", "Ana", "Le Goff"), gone))
    for agent_id in ("ag-1", "ag-3"):
        store.keep(agent_id, Aspect.OPINION, NOTE, True)
    store.keep("ag-1", Aspect.OPINION, proposed("ag-3"), False)
    store.keep("ag-1", Aspect.FAVOURITE, proposed("ag-3", ""), None)
    register = FileRegister(tmp_path / "register.jsonl", (), lambda: NOW, 30)
    assert purge_departed(engine, register, NOW.date(), 30, b"key") == ("ag-3",)
    assert [one.subject for one in store.of("ag-1")] == [NOTE]
    assert store.of("ag-3") == ()
    assert subjects_kept(engine, SubjectKind.AGENT) == frozenset()
