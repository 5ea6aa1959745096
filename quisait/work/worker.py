"""A worker: reads each source when it is due, one at a time, until it is told to stop.

Several workers may run, on one machine or on several: whoever takes a source's lease first
reads it, the others go on to the next.
"""

import logging
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Event

import sqlalchemy as sa

from connectors.errors import SourceError
from indexer.errors import IndexerError
from indexer.pipeline import Workshop
from quisait.assembly import House, open_workshop
from quisait.settings import SourceSettings
from quisait.work.crawling import Asked, crawl_held
from quisait.work.runs import kept_run, outcome_of
from quisait.work.schedule import LOOKED_BACK, Pace, next_run, source_pace
from quisait.work.source_lock import Held, SourceBusy, only_crawl
from quisait.work.tasks import Task, tasks_of

log = logging.getLogger(__name__)

LOOKS_EVERY_S = 5.0
"""How often a worker looks for what is due: it costs one short query a source."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done when it is due, by who holds its lease."""

    name: str
    pace: Pace
    do: Callable[[Held], int]


@dataclass(slots=True)
class Worker:
    """Reads until `stop` is set. `round` is what one look does."""

    house: House
    stop: Event

    def work(self) -> None:
        """Until told to stop; a round that fails (the database is away) is tried again."""
        while not self.stop.is_set():
            try:
                self.round()
            except (sa.exc.SQLAlchemyError, SourceError, IndexerError) as error:
                log.error("worker waits", extra={"error": type(error).__name__})
            self.stop.wait(LOOKS_EVERY_S)

    def round(self) -> int:
        """Do once what is due; returns how many jobs were done.

        What the register of deletions lacks is written first, where it can be by now.
        """
        self.house.privacy.register.complete()
        with ExitStack() as parts:
            opened: list[Workshop] = []

            def workshop() -> Workshop:
                """Opened for the first source that is due: it may hold a process."""
                if not opened:
                    opened.append(parts.enter_context(open_workshop(self.house)))
                return opened[0]

            return sum(self._try(job) for job in self._jobs(workshop) if self._due(job))

    def _jobs(self, workshop: Callable[[], Workshop]) -> list[Job]:
        """In the order of their turn: the directory, sources by how long they wait, tasks."""
        tasks = tasks_of(self.house)
        sources = [
            Job(
                one.name, source_pace(self.house.settings, one), partial(self._crawl, one, workshop)
            )
            for one in self.house.settings.sources
        ]
        return [
            *(self._task(one) for one in tasks if one.first),
            *sorted(sources, key=lambda job: self._next(job) or datetime.max.replace(tzinfo=UTC)),
            *(self._task(one) for one in tasks if not one.first),
        ]

    def _task(self, task: Task) -> Job:
        def do(held: Held) -> int:
            with kept_run(self.house.state, task.name) as run:
                run.changed = task.work(self.house, held, self.stop)
            return run.changed

        return Job(task.name, task.pace, do)

    def _crawl(self, source: SourceSettings, workshop: Callable[[], Workshop], held: Held) -> int:
        asked = Asked(quiet=True, stop=self.stop)
        return crawl_held(self.house, workshop(), source, held, asked).changed

    def _next(self, job: Job) -> datetime | None:
        runs = list(self.house.state.runs_of(job.name, LOOKED_BACK))
        return next_run(job.name, runs, job.pace, datetime.now(UTC))

    def _due(self, job: Job) -> bool:
        due = self._next(job)
        return not self.stop.is_set() and due is not None and due <= datetime.now(UTC)

    def _try(self, job: Job) -> bool:
        """Whether it was done. What it raises is kept with its run, and holds up nothing else."""
        with suppress(SourceBusy), only_crawl(self.house.leases, job.name) as held:
            if not self._due(job):  # another worker did it meanwhile
                return False
            try:
                changed = job.do(held)
            except Exception as error:  # noqa: BLE001 - a fault of one source must not end the others
                _log_failure(job.name, error)
            else:
                log.info("run done", extra={"source": job.name, "changed": changed})
            return True
        return False


def _log_failure(source: str, error: Exception) -> None:
    """Its kind and place; its text stands in `quisait sources`, not in a log."""
    outcome = outcome_of(error)
    fields = {"source": source, "outcome": outcome, "error": type(error).__name__}
    if not isinstance(error, SourceError | IndexerError):
        last = traceback.extract_tb(error.__traceback__)[-1:]
        fields["place"] = "".join(f"{frame.filename}:{frame.lineno}" for frame in last)
    level = logging.INFO if outcome == "interrupted" else logging.WARNING
    log.log(level, "run ended early", extra=fields)
