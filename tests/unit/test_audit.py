"""The audit: rows are added and nothing else, on both databases, and a change shows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from search_api.audit.port import AuditUnwritable, PrivilegedAccess
from search_api.audit.sql import FORGOTTEN, SqlAudit
from tests.builders import Clock

pytestmark = pytest.mark.trust

NOW = datetime.now(UTC).replace(microsecond=0)
UNGUARDED = {
    "sqlite": (
        "drop trigger audit_entries_kept",
        "drop trigger audit_entries_not_deleted",
    ),
    "postgresql": (
        "drop trigger audit_entries_kept on audit_entries",
        "drop trigger audit_entries_not_emptied on audit_entries",
    ),
}
"""What an owner of the table can do to it."""


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def audit(engine: sa.Engine, clock: Clock) -> SqlAudit:
    return SqlAudit(engine, clock)


def reading(number: int) -> PrivilegedAccess:
    return PrivilegedAccess(f"ag-{number}", "officer", "GET /audit", f"agent:ag-{number}")


def change(engine: sa.Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_what_was_read_is_kept_in_order(audit: SqlAudit) -> None:
    """Newest first, each covering the one before; the whole is sound."""
    for number in range(5):
        audit.write(reading(number))
    first, second = audit.newest(2)
    assert (first.number, first.actor, first.moment) == (5, "ag-4", NOW)
    assert first.previous == second.digest
    assert [one.number for one in audit.newest(10, before=3)] == [2, 1]
    sound = audit.verify()
    assert (sound.entries, sound.last, sound.head, sound.broken) == (5, 5, first.digest, None)
    assert audit.holds(second.number, second.digest)
    assert not audit.holds(second.number, first.digest)


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_entries set actor = 'ag-9' where number = 2",
        "delete from audit_entries where number = 2",
        "delete from audit_entries",
    ],
)
def test_the_database_refuses_a_change(engine: sa.Engine, audit: SqlAudit, statement: str) -> None:
    """By trigger, whoever asks."""
    for number in range(3):
        audit.write(reading(number))
    with pytest.raises(sa.exc.DatabaseError, match="append-only"):
        change(engine, statement)
    assert audit.verify().entries == 3


def test_postgresql_refuses_to_empty_the_table(engine: sa.Engine, audit: SqlAudit) -> None:
    """`truncate` fires no trigger of rows; SQLite has no such statement."""
    audit.write(reading(1))
    if engine.dialect.name == "postgresql":
        with pytest.raises(sa.exc.DatabaseError, match="append-only"):
            change(engine, "truncate audit_entries")
    assert audit.verify().entries == 1


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("update audit_entries set subject = '' where number = 3", 3),
        ("update audit_entries set moment = '2020-01-01T00:00:00' where number = 3", 3),
        ("delete from audit_entries where number = 3", 4),
        ("delete from audit_entries where number < 3", 3),
    ],
)
def test_a_change_by_the_tables_owner_shows(
    engine: sa.Engine, audit: SqlAudit, statement: str, broken: int
) -> None:
    """Triggers can be dropped; the chain then breaks where the change is."""
    for number in range(5):
        audit.write(reading(number))
    for one in (*UNGUARDED[engine.dialect.name], statement):
        change(engine, one)
    assert audit.verify().broken == broken


def test_a_cut_at_the_end_shows_by_a_head_kept_elsewhere(
    engine: sa.Engine, audit: SqlAudit
) -> None:
    """The chain alone cannot tell."""
    for number in range(5):
        audit.write(reading(number))
    sound = audit.verify()
    for one in (*UNGUARDED[engine.dialect.name], "delete from audit_entries where number > 3"):
        change(engine, one)
    assert audit.verify().broken is None
    assert not audit.holds(sound.last, sound.head)


def test_old_entries_go_and_that_is_no_break(audit: SqlAudit, clock: Clock) -> None:
    """After a year at least, by rule; what went is written down, and the chain holds."""
    clock.now = NOW - timedelta(days=400)
    for number in range(3):
        audit.write(reading(number))
    clock.now = NOW
    audit.write(reading(3))
    assert audit.forget() == 3
    assert audit.forget() == 0
    assert [one.reading for one in audit.newest(10)] == [FORGOTTEN, "GET /audit"]
    assert audit.verify().broken is None


def test_nothing_younger_than_a_year_goes(engine: sa.Engine, clock: Clock) -> None:
    """Whatever the settings say: the database holds it."""
    audit = SqlAudit(engine, clock, keep_days=1)
    clock.now = NOW - timedelta(days=300)
    audit.write(reading(1))
    clock.now = NOW
    assert audit.forget() == 0
    assert audit.verify().entries == 1


def test_who_read_at_the_same_time_are_both_kept(audit: SqlAudit) -> None:
    """Servers write side by side; the chain stays one."""

    def read_five() -> None:
        for number in range(5):
            audit.write(reading(number))

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(read_five)
    sound = audit.verify()
    assert (sound.entries, sound.broken) == (20, None)


def test_what_cannot_be_written_is_said(engine: sa.Engine, audit: SqlAudit) -> None:
    """So that it is not shown."""
    change(engine, "drop table audit_entries")
    with pytest.raises(AuditUnwritable):
        audit.write(reading(1))
