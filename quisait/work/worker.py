"""A worker: runs each source and each task when it is due, one at a time, until it is stopped.

Several workers may run, on one or several machines: the first that takes a source's lock reads the
source, and the others go on to the next one; the parts of a divided source are shared. Tasks are
the directory, the expertise build, the query log, questions, mail, webhooks, scans and purges.
"""

import logging
import resource
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from threading import Event

import sqlalchemy as sa

from connectors.ports import SourceError
from expertise.build import build_expertise
from expertise.build_files import delete_leftovers
from expertise.build_tables import BuildStamp
from expertise.corpus import SkippedItem, SkippedKind
from expertise.decisions import apply_decisions
from expertise.topics import TopicList, read_topics
from indexer.crawl.pipeline import CrawlDependencies
from indexer.errors import IndexerError
from quisait.application.assembly import (
    Application,
    build_means,
    build_rules,
    open_crawl_dependencies,
)
from quisait.application.locks import SourceBusy, SourceLock, hold_source_lock
from quisait.application.sources import DIRECTORY, has_directory
from quisait.clock import now, today
from quisait.privacy.retention import PurgeReport, purge_expired
from quisait.settings import beside_file
from quisait.settings.sources import SourceSettings
from quisait.settings.types import reason_of
from quisait.work.crawl import crawl_with_lock, divided_source, replace_directory, work_ahead
from quisait.work.mail import send_mail
from quisait.work.mailbox import read_mailbox
from quisait.work.parts import DividedSource, has_part_left, read_parts
from quisait.work.questions import move_on
from quisait.work.runs import (
    CrawlOptions,
    Pace,
    next_due,
    outcome_of,
    pace_of,
    recorded_run,
    source_pace,
)
from quisait.work.scans import read_scans
from quisait.work.webhooks import queue_topic_changes, send_webhooks

BUILD = "@expertise"
"""Name of the build's runs and lock, so that only one build runs at a time. No source can have this
name.
"""


@dataclass(frozen=True, slots=True)
class BuildCost:
    """The cost of a build: its engine, rows read, time and memory.

    `peak_bytes` is the peak memory of this process, without Spark's JVM.
    """

    engine: str
    rows: int
    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """A published build: its stamp, its list of topics, its cost and the skipped items."""

    stamp: BuildStamp
    listed: TopicList
    cost: BuildCost
    skipped: tuple[SkippedItem, ...] = ()


def delete_build_leftovers(application: Application) -> None:
    """Delete files of a killed build from the folder, unless a build is running."""
    with (
        suppress(SourceBusy, sa.exc.SQLAlchemyError, OSError),
        hold_source_lock(application.locks, BUILD),
    ):
        delete_leftovers(beside_file(application.settings.folder))


def build_and_publish(application: Application) -> BuildOutcome:
    """Build today's expertise and publish it; if it fails, the last build stays.

    Raises `ValueError` if the settings name no list of topics, and the errors of the list, of the
    index, and of another running build.
    """
    if not application.settings.topics.file:
        raise ValueError("Aucune liste de sujets : réglez [topics] file.")
    with hold_source_lock(application.locks, BUILD) as held:
        return publish_build(application, held)


def publish_build(application: Application, held: SourceLock) -> BuildOutcome:
    """Build and publish, for a caller that holds the build's lock."""
    started = time.monotonic()
    listed = read_topics(beside_file(application.settings.topics.file))
    listed = apply_decisions(listed, application.builds.decisions.all())
    rules = build_rules(application.settings)
    with build_expertise(
        application.index,
        application.book,
        application.encoder,
        listed.topics,
        rules,
        today(),
        build_means(application.settings),
    ) as found:
        held.check()
        # Stored with the build: `quisait check` shows them, nobody reads a worker's terminal.
        malformed = (
            SkippedItem(SkippedKind.TOPIC, item.where, item.reason) for item in listed.malformed
        )
        skipped = (*malformed, *found.skipped)
        queue_topic_changes(application)
        stamp = application.builds.publish(replace(found, skipped=skipped), listed)
        cost = BuildCost(
            found.engine,
            found.files.rows_written,
            time.monotonic() - started,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
    return BuildOutcome(stamp, listed, cost, skipped)


JOURNAL = "@journal"
"""Name of the task that closes and deletes periods of the query log, even if the log is unused or
off.
"""
QUESTIONS = "@questions"
"""Name of the task that moves questions whose time has passed to the next agent."""
MAIL = "@courriel"
"""Name of the task that sends mail to agents. A server that does not answer delays no other task.
"""
MAILBOX = "@boite"
"""Name of the task that reads answers by mail and bounces. It is separate from sending, because
either server may be down.
"""
WEBHOOKS = "@webhooks"
"""Name of the task that sends events to applications."""
SCANS = "@numerisations"
"""Name of the task that recognises scans after the sources, a minute at a time, with the lowest
priority.
"""
PRIVACY = "@vie-privee"
"""Name of the task that purges departed agents, and old entries of the audit log and the register.
"""


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a worker. `name` begins with `@`, unlike a source's.

    `work` returns the number of changes, soon after its event is set, while its lock is held; it
    may raise the errors of a crawl. `first`: the task runs before the sources, which depend on it.
    """

    name: str
    pace: Pace
    work: Callable[[SourceLock, Event], int]
    first: bool = False


def tasks_of(application: Application) -> tuple[Task, ...]:
    """Return every task of the settings."""
    settings, journal = application.settings, application.journal
    every = partial(pace_of, settings)
    watched = settings.shows_mails  # somebody tries the product out
    sends_mail = settings.questions.enabled and (bool(settings.mail.host) or watched)

    def read_directory(*_: object) -> int:
        report = replace_directory(application, unless_same=True)
        return report.agents if report else 0

    def build(held: SourceLock, _stop: Event) -> int:
        return publish_build(application, held).stamp.documents

    def close_journal(*_: object) -> int:
        return journal.close_ended(now())

    def move_questions(*_: object) -> int:
        return move_on(application)

    def send_mails(_: SourceLock, stop: Event) -> int:
        return send_mail(application, stop).sent

    def read_answers(_: SourceLock, stop: Event) -> int:
        return sum(read_mailbox(application, stop).values())

    def tell_applications(_: SourceLock, stop: Event) -> int:
        return send_webhooks(application, stop)

    def recognise(_: SourceLock, stop: Event) -> int:
        return read_scans(application, stop).pages

    def erase(*_: object) -> int:
        return purge(application).rows

    directory, topics = settings.directory.every or "1 h", settings.topics.every
    keeps_journal = settings.journal.enabled or journal.is_kept()
    tasks = (
        (has_directory(settings), Task(DIRECTORY, every(directory), read_directory, first=True)),
        (settings.topics.file, Task(BUILD, every(topics), build)),
        (keeps_journal, Task(JOURNAL, every("1 h"), close_journal)),
        (
            settings.questions.enabled,
            Task(QUESTIONS, every("10 s" if watched else "5 min"), move_questions),
        ),
        (sends_mail, Task(MAIL, every("5 s" if watched else "1 min"), send_mails)),
        (settings.mailbox.host, Task(MAILBOX, every("1 min"), read_answers)),
        (settings.webhooks, Task(WEBHOOKS, every("1 min"), tell_applications)),
        (settings.scans.enabled, Task(SCANS, every(settings.scans.every), recognise)),
        (True, Task(PRIVACY, every("1 j"), erase)),
    )
    return tuple(task for wanted, task in tasks if wanted)


def purge(application: Application) -> PurgeReport:
    """Erase expired data, the words of deleted texts, and files of a killed build."""
    gone = purge_expired(
        application.privacy,
        application.database,
        application.whole_index,
        application.settings,
        today(),
    )
    application.whole_index.expunge()
    delete_build_leftovers(application)
    return gone


log = logging.getLogger(__name__)

_NEVER = datetime.max.replace(tzinfo=UTC)
POLL_EVERY_S = 5.0
"""Interval between two checks for due jobs, in seconds; a check takes a short query per source."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that the holder of its lock does when it is due.

    `divided`: a source that is read in parts. Its run is also due for other workers as long as it
    lasts.
    """

    name: str
    pace: Pace
    do: Callable[[SourceLock], int]
    divided: DividedSource | None = None


@dataclass(slots=True)
class Worker:
    """Runs due jobs until `stop` is set. `round` does one check."""

    application: Application
    stop: Event
    unread: frozenset[str] = frozenset()
    """Sources that must be read in full before anybody can search the index."""
    ahead: dict[str, float] = field(default_factory=dict)
    """The approximate duration of each source's reading in seconds, computed once, so that light
    sources are read first.
    """

    def work(self) -> None:
        """Run rounds until asked to stop.

        A failed round (if the database is down) is tried again.
        """
        delete_build_leftovers(self.application)
        while not self.stop.is_set():
            try:
                self.round()
            except Exception as error:  # noqa: BLE001 - a full disk passes, a dead worker does not
                log.error("worker waits", extra={"error": type(error).__name__})
            self.stop.wait(POLL_EVERY_S)

    def round(self) -> int:
        """Do every due job once; return how many were done.

        Lines that wait for the register of deletions are written first, if possible.
        """
        self.application.privacy.register.complete()
        with suppress(IndexerError):  # a run will report why the index does not answer
            names = {source.name for source in self.application.settings.sources}
            self.unread = self.application.whole_index.unread(names)
        with ExitStack() as parts:
            opened: list[CrawlDependencies] = []

            def dependencies() -> CrawlDependencies:
                """Open them for the first due source, because they may start a process."""
                if not opened:
                    opened.append(parts.enter_context(open_crawl_dependencies(self.application)))
                return opened[0]

            return sum(
                self._read_parts(job, job.divided, dependencies) if job.divided else self._try(job)
                for job in self._jobs(dependencies)
                if self._due(job) or self._has_part_left(job)
            )

    def _has_part_left(self, job: Job) -> bool:
        return job.divided is not None and not self.stop.is_set() and has_part_left(job.divided)

    def _read_parts(
        self, job: Job, divided: DividedSource, dependencies: Callable[[], CrawlDependencies]
    ) -> bool:
        """Return whether a part was read here. Errors of a part are stored with it."""
        asked = CrawlOptions(quiet=True, stop=self.stop)
        try:
            with suppress(SourceBusy):
                due = partial(self._due, job)
                read = read_parts(divided, dependencies(), asked, may_begin=due)
                if read is not None and read.read:
                    fields = {"source": job.name, "parts": read.read, "outcome": read.outcome}
                    log.info("parts done", extra=fields)
                    return True
        except Exception as error:  # noqa: BLE001 - a fault of one source must not end the others
            _log_failure(job.name, error)
            return True
        return False

    def _jobs(self, dependencies: Callable[[], CrawlDependencies]) -> list[Job]:
        """Return jobs in order: the directory, sources by due time and size, the other tasks."""
        tasks = tasks_of(self.application)
        for source in self.application.settings.sources:
            if source.name not in self.ahead:
                self.ahead[source.name] = work_ahead(self.application, source)
        sources = [
            Job(
                source.name,
                source_pace(self.application.settings, source),
                partial(self._crawl, source, dependencies),
                divided_source(self.application, source),
            )
            for source in self.application.settings.sources
        ]
        return [
            *(self._task(task) for task in tasks if task.first),
            *sorted(sources, key=lambda job: (self._next(job) or _NEVER, self.ahead[job.name])),
            *(self._task(task) for task in tasks if not task.first),
        ]

    def _task(self, task: Task) -> Job:
        def do(held: SourceLock) -> int:
            with recorded_run(self.application.state, task.name) as run:
                run.changed = task.work(held, self.stop)
            return run.changed

        return Job(task.name, task.pace, do)

    def _crawl(
        self,
        source: SourceSettings,
        dependencies: Callable[[], CrawlDependencies],
        held: SourceLock,
    ) -> int:
        asked = CrawlOptions(quiet=True, stop=self.stop)
        return crawl_with_lock(self.application, dependencies(), source, held, asked).changed

    def _next(self, job: Job) -> datetime | None:
        state, unread = self.application.state, job.name in self.unread
        return next_due(state, job.name, job.pace, datetime.now(UTC), unread=unread)

    def _due(self, job: Job) -> bool:
        due = self._next(job)
        return not self.stop.is_set() and due is not None and due <= datetime.now(UTC)

    def _try(self, job: Job) -> bool:
        """Do a job; return whether it was done.

        Errors are stored with its run, and stop no other job.
        """
        try:
            with suppress(SourceBusy), hold_source_lock(self.application.locks, job.name) as held:
                if not self._due(job):  # another worker did it meanwhile
                    return False
                try:
                    changed = job.do(held)
                except Exception as error:  # noqa: BLE001 - a fault of one source must not end the others
                    _log_failure(job.name, error)
                else:
                    log.info("run done", extra={"source": job.name, "changed": changed})
                return True
        except OSError as error:
            self._note_lock_failure(job.name, error)
        return False

    def _note_lock_failure(self, name: str, error: OSError) -> None:
        """Store a failed run, so that `quisait sources` shows it and the next try waits."""
        _log_failure(name, error)
        run_id, _ = self.application.state.start_run(name)
        folder = beside_file(self.application.settings.folder)
        told = (
            f"le verrou ne peut être pris ({reason_of(error)}) : vérifiez les droits et la place "
            f"de {folder}"
        )
        self.application.state.end_run(run_id, "failed", 0, told)


def _log_failure(source: str, error: Exception) -> None:
    """Log the error's class and place; its text is shown by `quisait sources`, not logged."""
    outcome = outcome_of(error)
    fields = {"source": source, "outcome": outcome, "error": type(error).__name__}
    if not isinstance(error, SourceError | IndexerError):
        last = traceback.extract_tb(error.__traceback__)[-1:]
        fields["place"] = "".join(f"{frame.filename}:{frame.lineno}" for frame in last)
    level = logging.INFO if outcome == "interrupted" else logging.WARNING
    log.log(level, "run ended early", extra=fields)
