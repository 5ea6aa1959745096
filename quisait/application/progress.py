"""Progress with rate and remaining time: a bar on a terminal, lines elsewhere; counts in words."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress


def plural_count(value: int, one: str) -> str:
    """`1 document`, `2 documents`, `12 345 documents`: below 2 French is singular."""
    return f"{value:,}".replace(",", " ") + f" {one if value < 2 else one + 's'}"


LINE_EVERY_S = 5.0


class Advance(Protocol):
    """Called with how much is done so far, of how much (None: not known)."""

    def __call__(self, done: int, total: int | None) -> None:
        """Show it."""
        ...


@contextmanager
def shown_progress(label: str, unit: str, quiet: bool = False) -> Iterator[Advance]:
    """Show progress on the standard error while the block runs."""
    if quiet:
        yield lambda done, total: None
    elif sys.stderr.isatty():
        with _terminal_bar() as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        yield _ProgressLines(label, unit)


def _terminal_bar() -> "Progress":
    """Label, bar, count, rate, time taken and time left, on the standard error."""
    # Imported here: it takes a moment that no other output has use for.
    from rich import console, progress
    from rich.text import Text

    class Rate(progress.ProgressColumn):
        """The current rate, or the mean of a finished task; nothing before the first."""

        def render(self, task: progress.Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.1f}/s" if speed else "")

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("· reste"),
        progress.TimeRemainingColumn(),
        console=console.Console(stderr=True),
    )


class _ProgressLines:
    """A line now and then, for logs and pipes."""

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._started = self._spoken = time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._spoken < LINE_EVERY_S or not done:
            return
        self._spoken = now
        rate = done / (now - self._started)
        line = f"{self._label} : {done}{f'/{total}' if total else ''} {self._unit}"
        line += f", {rate:.1f}/s"
        if total and total > done:
            line += f", reste environ {duration(round((total - done) / rate))}"
        print(line, file=sys.stderr, flush=True)


def duration(seconds: int) -> str:
    """In words: `40 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
