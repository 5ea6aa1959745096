"""When a source is read next: the same moment for every worker that asks."""

from datetime import UTC, datetime, timedelta

import pytest

from indexer.state import RunRow
from quisait.settings import Settings
from quisait.settings.sources import SourceSettings
from quisait.settings.types import seconds_of
from quisait.work.runs import IMMEDIATELY, Pace, next_run, pace_of, source_pace

pytestmark = pytest.mark.sources

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PACE = Pace(every_s=900, retry_s=60, retry_most_s=3600, jitter=0)


def ran(*outcomes: str, ended: datetime | None = NOW) -> list[RunRow]:
    """Runs, newest first, that all ended at one moment."""
    started = (ended or NOW) - timedelta(minutes=5)
    return [
        RunRow(100 - n, started, None if outcome == "running" else ended, outcome, 0)
        for n, outcome in enumerate(outcomes)
    ]


def wait_s(runs: list[RunRow], pace: Pace = PACE, now: datetime = NOW) -> float:
    due = next_run("wiki", runs, pace, now)
    assert due is not None
    return (due - NOW).total_seconds()


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30 s", 30), ("15 min", 900), ("2h", 7200), (" 1 j ", 86400)],
)
def test_durations_are_read_as_they_are_written(written: str, seconds: float) -> None:
    """With their unit, with or without a space."""
    assert seconds_of(written) == seconds


@pytest.mark.parametrize("written", ["", "15", "0 min", "-1 h", "1 an", "1.5 h", "min"])
def test_what_is_no_duration_is_refused_in_a_sentence(written: str) -> None:
    """It says how to write one."""
    with pytest.raises(ValueError, match="15 min"):
        seconds_of(written)


def test_what_was_never_read_is_due_at_once() -> None:
    """And so is what was stopped before its end."""
    assert next_run("wiki", [], PACE, NOW) == IMMEDIATELY
    assert next_run("wiki", ran("interrupted", "done"), PACE, NOW) == IMMEDIATELY


@pytest.mark.parametrize("outcome", ["done", "held", "refused"])
def test_the_ordinary_time_follows_what_waits_for_nobody_or_for_a_person(outcome: str) -> None:
    """To ask more often would change nothing."""
    assert wait_s(ran(outcome, "failed", "failed")) == 900


def test_failures_in_a_row_double_the_wait_up_to_a_ceiling() -> None:
    """One good run, and the count begins again."""
    waits = [wait_s(ran(*["failed"] * n, "done", "failed")) for n in range(1, 9)]
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert wait_s(ran(*["failed"] * 2000)) == 3600


def test_a_worker_that_dies_of_a_source_does_not_die_of_it_without_end() -> None:
    """A run that never ended counts as a failure, from its last word."""
    assert wait_s(ran("running", "running", "done")) == 120 - 300


def test_waits_vary_but_not_with_who_asks() -> None:
    """Sources of one pace do not all begin at the same second."""
    pace = Pace(900, jitter=0.1)
    dues = {next_run(f"source-{n}", ran("done"), pace, NOW) for n in range(50)}
    waits = [(due - NOW).total_seconds() for due in dues if due]
    assert len(waits) > 40
    assert 810 <= min(waits) < 850
    assert 950 < max(waits) <= 990
    assert wait_s(ran("done"), pace) == wait_s(ran("done"), pace, NOW + timedelta(minutes=3))


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    """A run that ended in the future says nothing of when the next is due."""
    assert next_run("wiki", ran("done", ended=NOW + timedelta(days=1)), PACE, NOW) == IMMEDIATELY


def test_a_source_may_be_read_by_hand_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """« jamais »; and where nothing is said, the kind of the source decides."""
    monkeypatch.delenv("QUISAIT_FILE", raising=False)
    settings = Settings()
    folder = SourceSettings(name="a", kind="folder", path="a")
    assert source_pace(settings, folder).every_s == 3600
    assert source_pace(settings, SourceSettings(name="a", kind="push")).every_s == 60
    by_hand = folder.model_copy(update={"every": "jamais"})
    assert next_run("a", [], source_pace(settings, by_hand), NOW) is None
    assert pace_of(settings, "2 h") == Pace(7200, 60, 3600, 0.1)
