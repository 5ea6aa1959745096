"""When a source is read next, from its last runs: every worker comes to the same moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zlib import crc32

from indexer.state import RunRow
from quisait.settings import NEVER, Settings, SourceSettings
from quisait.settings.durations import seconds_of

AT_ONCE = datetime.fromtimestamp(0, UTC)
"""A moment that has come for what was never read."""
ORDINARY = "1 h"
ORDINARY_PUSH = "1 min"
"""A pushed document waits for nobody's server: its reading costs next to nothing."""
LOOKED_BACK = 20
"""Runs that are looked at: by then a wait has long been the longest."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, in seconds; `every_s` None: never by itself. `jitter` is a share of a wait."""

    every_s: float | None
    retry_s: float = 60.0
    retry_most_s: float = 3600.0
    jitter: float = 0.1


def pace_of(settings: Settings, written: str) -> Pace:
    """The pace that a setting `every` asks for."""
    every_s = None if written == NEVER else seconds_of(written)
    run = settings.run
    return Pace(every_s, seconds_of(run.retry), seconds_of(run.retry_most), run.jitter)


def source_pace(settings: Settings, source: SourceSettings) -> Pace:
    """The pace of a source, by its kind where its settings say nothing."""
    ordinary = ORDINARY_PUSH if source.kind == "push" else ORDINARY
    return pace_of(settings, source.every or ordinary)


def next_run(source: str, runs: Sequence[RunRow], pace: Pace, now: datetime) -> datetime | None:
    """When a source is due; None for never. `runs`: its last ones, newest first, none going on.

    A run that ended well, or that waits for a person (`held`, `refused`), is followed after
    the ordinary time. One that failed or died is tried again after `retry_s`, doubled with
    each failure in a row up to `retry_most_s`; one that was stopped, at once.
    """
    if pace.every_s is None:
        return None
    if not runs or runs[0].outcome == "interrupted":
        return AT_ONCE
    last = runs[0]
    failures = sum(1 for _ in takewhile(_failed, runs))
    wait_s = pace.every_s
    if failures:
        # The power is bounded before it is taken: a float ends at 2 ** 1024.
        wait_s = min(pace.retry_s * 2 ** min(failures - 1, 40), pace.retry_most_s)
    ended = last.ended or last.noted or last.started
    if ended > now + timedelta(seconds=1):  # the clock was set back since: nobody waits for it
        return AT_ONCE
    return ended + timedelta(seconds=wait_s * _varied(source, last.id, pace.jitter))


def _failed(run: RunRow) -> bool:
    """`running`, where none goes on: it died, and may die of the same again."""
    return run.outcome in ("failed", "running")


def _varied(source: str, run_id: int, jitter: float) -> float:
    """Between 1 - jitter and 1 + jitter, the same for every worker that asks."""
    return 1 + jitter * (crc32(f"{source}:{run_id}".encode()) / 2**31 - 1)
