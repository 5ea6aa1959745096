"""Cursors, failures and runs: what a crawl remembers between two of its runs."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.state import State

pytestmark = pytest.mark.sources


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"))


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


def test_clearing_forgets_one_source(state: State) -> None:
    """A source that is read whole begins without failures; the others keep theirs."""
    state.record("wiki", "wiki:1", "empty", "no text")
    state.record("notes", "notes:1", "empty", "no text")
    state.clear("wiki")
    assert state.failures_of("wiki") == ()
    assert state.keys("notes") == {"notes:1"}


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


def test_what_is_remembered_outlives_its_process(tmp_path: Path) -> None:
    """Another opening of the same database goes on from there."""
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    before = State(sa.create_engine(url))
    before.save("wiki", "7")
    before.record("wiki", "wiki:1", "empty", "no text")
    before.start_run("wiki")
    after = State(sa.create_engine(url))
    assert after.load("wiki") == "7"
    assert after.keys("wiki") == {"wiki:1"}
    assert after.start_run("wiki")[1]
