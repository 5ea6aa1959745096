"""Cursors, failures and runs: what a crawl remembers between two of its runs."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from indexer.state import Progress, State
from quisait.application.database import connect, migrate

pytestmark = pytest.mark.sources


@pytest.fixture
def state(engine: sa.Engine) -> State:
    return State(engine)


def test_a_cursor_is_kept_for_each_source(state: State) -> None:
    """The last one saved; none where nothing was."""
    assert state.load("wiki") is None
    state.save("wiki", "1")
    state.save("notes", "9")
    state.save("wiki", "2")
    assert (state.load("wiki"), state.load("notes")) == ("2", "9")


def test_a_cursor_may_be_long_or_empty(state: State) -> None:
    """A cursor is its source's business."""
    for cursor in ("", "é" * 100_000, '{"a": "\'; --"}'):
        state.save("wiki", cursor)
        assert state.load("wiki") == cursor


def test_failures_are_kept_until_they_are_resolved(state: State) -> None:
    """Oldest first, each with its kind and reason, of its own source only."""
    state.record("wiki", "wiki:1", "encrypted", "a password")
    state.record("wiki", "export.jsonl:3", "malformed", "not JSON")
    state.record("notes", "notes:1", "empty", "no text")
    kept = state.failures_of("wiki")
    assert [(row.key, row.kind, row.reason) for row in kept] == [
        ("wiki:1", "encrypted", "a password"),
        ("export.jsonl:3", "malformed", "not JSON"),
    ]
    assert state.keys("wiki") == {"wiki:1", "export.jsonl:3"}
    state.resolve("wiki", "wiki:1")
    state.resolve("wiki", "notes:1")
    state.resolve("wiki", "wiki:404")
    assert state.keys("wiki") == {"export.jsonl:3"}
    assert state.keys("notes") == {"notes:1"}


def test_a_failure_that_comes_again_keeps_its_first_moment(state: State) -> None:
    """With the latest kind and reason: what is shown is what holds now."""
    state.record("wiki", "wiki:1", "timed_out", "60 s")
    (first,) = state.failures_of("wiki")
    state.record("wiki", "wiki:1", "encrypted", "a password")
    (again,) = state.failures_of("wiki")
    assert again.since == first.since
    assert (again.kind, again.reason) == ("encrypted", "a password")


def test_a_run_that_did_not_end_was_interrupted(state: State) -> None:
    """The next one is told so, and the one after it no longer is."""
    first, resumed = state.start_run("wiki")
    assert not resumed
    assert next(state.runs_of("wiki")).ended is None
    second, resumed = state.start_run("wiki")
    assert resumed
    state.end_run(second, "done", 12)
    third, resumed = state.start_run("wiki")
    assert not resumed
    assert len({first, second, third}) == 3
    _, resumed = state.start_run("notes")
    assert not resumed


def test_runs_come_newest_first_with_what_they_did(state: State) -> None:
    """As many as are asked for, with their outcome and how much they changed."""
    for changed, outcome in enumerate(("done", "held", "failed")):
        run_id, _ = state.start_run("wiki")
        state.end_run(run_id, outcome, changed)
    runs = list(state.runs_of("wiki"))
    assert [(run.outcome, run.changed) for run in runs] == [("failed", 2), ("held", 1), ("done", 0)]
    assert all(run.ended is not None and run.ended >= run.started for run in runs)
    assert [run.outcome for run in state.runs_of("wiki", limit=1)] == ["failed"]
    assert list(state.runs_of("notes")) == []


def test_a_key_may_be_long_and_odd(state: State) -> None:
    """A path of any length, and what neither database takes, are still a failure that is listed."""
    long = "wiki:" + "".join(chr(0x4E00 + n % 5000) for n in range(9000))
    for key in (long, long + "x", "wiki:nul\0", "wiki:half\ud800"):
        state.record("wiki", key, "unreadable", "reason\0")
        state.record("wiki", key, "empty", "again")
    assert {long, long + "x"} < state.keys("wiki")
    assert state.failure_counts("wiki") == {"empty": 4}
    state.resolve("wiki", long)
    state.resolve("wiki", "wiki:nul\0")
    assert len(state.keys("wiki")) == 2


def test_moments_are_told_in_utc(state: State) -> None:
    """Whatever the database's own time zone."""
    before = datetime.now(UTC)
    run_id, _ = state.start_run("wiki")
    state.note(run_id, Progress(1))
    state.end_run(run_id, "done", 0)
    state.record("wiki", "wiki:1", "empty", "")
    (run,), (failure,) = state.runs_of("wiki"), state.failures_of("wiki")
    for moment in (run.started, run.ended, run.noted, failure.since):
        assert moment is not None
        assert moment.utcoffset() == timedelta(0)
        assert before <= moment <= datetime.now(UTC)


def test_a_run_tells_how_far_it_is(state: State) -> None:
    """The last word counts; a sentence says why it ended."""
    run_id, _ = state.start_run("wiki")
    state.note(run_id, Progress(10, 100, 2.5, 40, 10.0))
    state.note(run_id, Progress(20, 100, 5.0, 80, 20.0))
    (run,) = state.runs_of("wiki")
    assert run.progress == Progress(20, 100, 5.0, 80, 20.0)
    state.end_run(run_id, "refused", 3, "le compte est refusé")
    (run,) = state.runs_of("wiki")
    assert (run.outcome, run.changed, run.reason) == ("refused", 3, "le compte est refusé")


def test_old_runs_are_forgotten_but_the_last_good_one(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that has failed for a month still says when it was last read."""
    monkeypatch.setattr("indexer.state.KEPT_RUNS", 10)
    good, _ = state.start_run("wiki")
    state.end_run(good, "done", 1)
    other, _ = state.start_run("notes")
    for _ in range(15):
        run_id, _ = state.start_run("wiki")
        state.end_run(run_id, "failed", 0)
    kept = list(state.runs_of("wiki", 100))
    assert len(kept) == 10 + 1
    assert (kept[0].id, kept[-1].id) == (run_id, good)
    last = state.last_done("wiki")
    assert last is not None
    assert last.id == good
    assert [run.id for run in state.runs_of("notes")] == [other]
    assert state.last_done("notes") is None


def test_what_is_remembered_outlives_its_process(database_url: str) -> None:
    """Another opening of the same database goes on from there."""
    first, second = migrate(connect(database_url)), migrate(connect(database_url))
    before = State(first)
    before.save("wiki", "7")
    before.record("wiki", "wiki:1", "empty", "no text")
    before.start_run("wiki")
    first.dispose()
    after = State(second)
    assert after.load("wiki") == "7"
    assert after.keys("wiki") == {"wiki:1"}
    assert after.start_run("wiki")[1]
    second.dispose()
