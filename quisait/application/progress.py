"""Show progress with rate and remaining time: a bar on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


def plural_count(value: int, one: str) -> str:
    """Return `1 droit changé`, `2 droits changés` or `12 345 droits changés`, each word with an s.

    Below 2 French is singular.
    """
    words = one if value < 2 else " ".join(f"{word}s" for word in one.split())
    return f"{value:,}".replace(",", " ") + f" {words}"


LINE_EVERY_S = 5.0


class Advance:
    """Shows progress; this class shows nothing."""

    def __call__(self, done: int, total: int | None) -> None:
        """Show the number of finished items and the total (None if unknown)."""

    def waits(self, what: str) -> None:
        """Show what the work waits for, in words; an empty text means that it continues."""


class _Bar(Advance):
    """Show a bar on a terminal."""

    def __init__(self, label: str, bar: "Progress") -> None:
        self._label, self._bar = label, bar
        self._task = bar.add_task(label, total=None)

    def __call__(self, done: int, total: int | None) -> None:
        self._bar.update(self._task, description=self._label, completed=done, total=total)

    def waits(self, what: str) -> None:
        shown = f"{self._label} · {what}" if what else self._label
        self._bar.update(self._task, description=shown)


@contextmanager
def shown_progress(label: str, unit: str, quiet: bool = False) -> Iterator[Advance]:
    """Show progress on the standard error while the block runs."""
    if quiet:
        yield Advance()
    elif sys.stderr.isatty():
        with _terminal_bar() as bar:
            yield _Bar(label, bar)
    else:
        yield _ProgressLines(label, unit)


def _terminal_bar() -> "Progress":
    """Return a bar with label, count, rate, elapsed and remaining time, on standard error."""
    # Imported here: loading takes a moment, and no other output needs it.
    from rich import console, progress
    from rich.text import Text

    class Left(progress.ProgressColumn):
        """The remaining time in words; empty while it is unknown."""

        def render(self, task: progress.Task) -> Text:
            left = left_of(task.completed, task.total, task.elapsed or 0.0, task.speed or 0.0)
            return Text(f"· {left}" if left else "")

    class Rate(progress.ProgressColumn):
        """The current rate, or the mean rate of a finished task; empty before the first item."""

        def render(self, task: progress.Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.1f}/s" if speed else "")

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeElapsedColumn(),
        Left(),
        console=console.Console(stderr=True),
    )


class _ProgressLines(Advance):
    """Prints a line at most every `LINE_EVERY_S` seconds, for logs and pipes."""

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._started = self._spoken = time.monotonic()
        self._done = 0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._spoken < LINE_EVERY_S or not done:
            return
        recent = (done - self._done) / (now - self._spoken)
        self._spoken, self._done = now, done
        elapsed = now - self._started
        line = f"{self._label} : {done}{f'/{total}' if total else ''} {self._unit}"
        line += f", {done / elapsed:.1f}/s"
        left = left_of(done, total, elapsed, recent)
        line += f", {left}" if left else ""
        print(line, file=sys.stderr, flush=True)

    def waits(self, what: str) -> None:
        """Print what the work waits for, unless a line was printed within `LINE_EVERY_S`."""
        if what and time.monotonic() - self._spoken >= LINE_EVERY_S:
            print(f"{self._label} : {what}", file=sys.stderr, flush=True)


KNOWN_AFTER_S = 20.0
"""Number of seconds after which the remaining time is shown."""
_EARLY_SHARE = 0.1
_STEADY = 1.3


def left_of(done: float, total: float | None, elapsed_s: float, recent_per_s: float) -> str:
    """Return the remaining time in French: a range, or one figure for a steady rate.

    The result is empty if the time is unknown. The range is computed from the mean rate and the
    recent rate. During the first tenth it is twice as wide on both sides, since the first documents
    do not represent the other documents.
    """
    if not total or done <= 0 or done >= total or elapsed_s < KNOWN_AFTER_S:
        return ""
    rates = [done / elapsed_s, recent_per_s or done / elapsed_s]
    low_s, high_s = (total - done) / max(rates), (total - done) / min(rates)
    if done < _EARLY_SHARE * total:
        low_s, high_s = low_s / 2, high_s * 2
    low, high = rough(low_s), rough(high_s)
    if high_s <= _STEADY * low_s or low == high:
        return f"reste environ {rough((low_s + high_s) / 2)}"
    return f"reste entre {low} et {high}"


def rough(seconds: float) -> str:
    """Return a rounded duration: `40 s`, `12 min`, `3 h`."""
    if seconds < 55:
        return f"{max(1, round(seconds / 10)) * 10} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"


def duration(seconds: int) -> str:
    """Return an exact duration: `40 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
