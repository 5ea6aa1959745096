"""A worker: runs each source and each task when it is due, until it is stopped.

Tasks are the directory, the expertise build, the query log, questions, mail, scans, purges and
those of installed features. Each has a thread of its own, and none waits for a crawl (decision
109).

Several workers may run, on one or several machines: the first that takes a source's lock reads the
source, and the others go on to the next one.
"""

import logging
import math
import resource
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from threading import Event, Lock

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
from quisait.features import Task, installed_features
from quisait.privacy.retention import PurgeReport, purge_expired
from quisait.settings import beside_file
from quisait.settings.sources import SourceSettings
from quisait.settings.types import reason_of
from quisait.work.crawl import crawl_with_lock, replace_directory, work_ahead
from quisait.work.expected import apply_expected_questions
from quisait.work.questions import move_on
from quisait.work.runs import (
    CrawlOptions,
    Pace,
    next_due,
    observed_run,
    outcome_of,
    pace_of,
    recorded_run,
    source_pace,
)
from quisait.work.scans import read_scans
from quisait.work.source_status import moment

BUILD = "@expertise"
"""Name of the build's runs and lock, so that only one build runs at a time. No source can have this
name.
"""


@dataclass(frozen=True, slots=True)
class BuildCost:
    """The cost of a build: its engine, rows read, time and memory.

    `peak_bytes` is the peak memory of this process, without processes that the engine starts.
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
        for feature in installed_features():
            feature.before_build(application)
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
EXPECTED = "@questions-attendues"
"""Name of the task that puts changed expected questions into the index."""
SCANS = "@numerisations"
"""Name of the task that recognises scans, a minute at a time, with the lowest priority."""
PRIVACY = "@vie-privee"
"""Name of the task that purges departed agents, and old entries of the audit log and the register.
"""


def tasks_of(application: Application) -> tuple[Task, ...]:
    """Return every task of the settings."""
    settings, journal = application.settings, application.journal
    every = partial(pace_of, settings)
    watched = settings.server.reader == "demo"  # somebody tries the product out

    def read_directory(*_: object) -> int:
        report = replace_directory(application, unless_same=True)
        return report.agents if report else 0

    def build(held: SourceLock, _stop: Event) -> int:
        return publish_build(application, held).stamp.documents

    def close_journal(*_: object) -> int:
        return journal.close_ended(now())

    def move_questions(*_: object) -> int:
        return move_on(application)

    def apply_expected(_: SourceLock, stop: Event) -> int:
        return apply_expected_questions(application, stop)

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
        (True, Task(EXPECTED, every("10 s"), apply_expected)),
        (settings.scans.enabled, Task(SCANS, every(settings.scans.every), recognise)),
        (True, Task(PRIVACY, every("1 j"), erase)),
    )
    added = (task for feature in installed_features() for task in feature.tasks(application))
    return (*(task for wanted, task in tasks if wanted), *added)


def task_trouble(application: Application, task: Task, now: datetime) -> str:
    """Return in French what is wrong with a task's last run; empty if it keeps its pace.

    A task that never ran is not reported: perhaps no worker has been started yet.
    """
    name = task.name.removeprefix("@")
    last = observed_run(application.state, application.locks, task.name)
    if last is None:
        return ""
    if last.outcome in ("failed", "refused", "held"):
        return f"{name} : en échec depuis le {moment(last.started)}"
    silence_s = (now - (last.ended or last.noted or last.started)).total_seconds()
    late_s = LATE_PACES * (task.pace.every_s or math.inf) + LATE_S
    if last.outcome == "running" or silence_s < late_s:
        return ""
    return (
        f"{name} : plus rien depuis le {moment(last.started)} ; vérifiez que « quisait run » tourne"
    )


LATE_PACES, LATE_S = 3, 600
"""A task is late if it has not run for `LATE_PACES` times its pace plus `LATE_S` seconds."""


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
CRAWLERS = 3
"""Number of threads that read sources. The last thread never begins the first reading of a source,
which may take days.
"""
LONG_CRAWL_S = 60.0
"""Duration of a crawl, in seconds, after which another source may be read beside it. Light sources
are faster one after another.
"""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that the holder of its lock does when it is due.

    `unread`: the source must be read in full before anybody can search the index.
    """

    name: str
    pace: Pace
    do: Callable[[SourceLock], int]
    unread: bool = False


@dataclass(slots=True)
class Worker:
    """Does due jobs until `stop` is set: one thread for each task, `CRAWLERS` threads for sources.

    `loops` returns the functions of these threads; `round` does each due job once.
    """

    application: Application
    stop: Event
    ahead: dict[str, float] = field(default_factory=dict)
    """The approximate duration of each source's reading in seconds, computed once, so that light
    sources are read first.
    """
    crawls: dict[str, float] = field(default_factory=dict)
    """Start of each crawl in progress by source, on the monotonic clock."""
    _choosing: Lock = field(default_factory=Lock)
    """Held while a crawler orders the sources or takes one."""
    _may_crawl: Event = field(default_factory=Event)
    """Set when the directory has been read, or could not be read; crawls wait for it."""

    def loops(self) -> dict[str, Callable[[], None]]:
        """Return a function for each thread, by name, which returns after `stop` is set."""
        application = self.application
        delete_build_leftovers(application)
        tasks = tasks_of(application)
        if not any(task.first for task in tasks):
            self._may_crawl.set()
        works: dict[str, Callable[[], object]] = {
            # Lines that wait for the register of deletions are written as soon as possible.
            "register": application.privacy.register.complete,
            **{task.name: partial(self._do_task, task) for task in tasks},
            **{f"crawler {n + 1}": partial(self._read_sources, n) for n in range(CRAWLERS)},
        }
        return {name: partial(self._repeat, name, work) for name, work in works.items()}

    def round(self) -> int:
        """Do each due job once, one after another; return how many were done."""
        self.application.privacy.register.complete()
        tasks = tasks_of(self.application)
        done = sum(self._do_task(task) for task in tasks if task.first)
        self._may_crawl.set()
        done += self._read_sources(0)
        return done + sum(self._do_task(task) for task in tasks if not task.first)

    def _repeat(self, name: str, work: Callable[[], object]) -> None:
        """Call `work` every `POLL_EVERY_S` until asked to stop, also after an error."""
        while not self.stop.is_set():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a full disk passes, a dead loop does not
                log.error("worker waits", extra={"loop": name, "error": type(error).__name__})
            self.stop.wait(POLL_EVERY_S)

    def _do_task(self, task: Task) -> bool:
        """Do a task if it is due; return whether it was done."""

        def do(held: SourceLock) -> int:
            with recorded_run(self.application.state, task.name) as run:
                run.changed = task.work(held, self.stop)
            return run.changed

        job = Job(task.name, task.pace, do)
        try:
            return self._is_due(job) and self._try(job)
        finally:
            if task.first:
                self._may_crawl.set()

    def _read_sources(self, crawler: int) -> int:
        """Read each due source that this crawler may take; return how many were read."""
        beside = crawler > 0
        if not self._may_crawl.wait(POLL_EVERY_S) or (beside and not self.crawls):
            return 0
        with ExitStack() as parts:
            opened: list[CrawlDependencies] = []

            def dependencies() -> CrawlDependencies:
                """Open them for the first due source, because they may start a process."""
                if not opened:
                    opened.append(parts.enter_context(open_crawl_dependencies(self.application)))
                return opened[0]

            count = 0
            for job in self._sources(dependencies):
                if not self._take(job, only_read_before=crawler == CRAWLERS - 1):
                    continue
                try:
                    count += self._try(job)
                finally:
                    del self.crawls[job.name]
            return count

    def _take(self, job: Job, *, only_read_before: bool) -> bool:
        """Return whether this crawler may read a source now; if so, note the crawl in `crawls`.

        With `only_read_before`, a source that was never read to its end may not be read.
        """
        with self._choosing:
            now = time.monotonic()
            others_end_soon = any(now - begun < LONG_CRAWL_S for begun in self.crawls.values())
            if others_end_soon or job.name in self.crawls:
                return False
            if not self._is_due(job):
                return False
            if only_read_before and not self.application.state.last_done(job.name):
                return False
            self.crawls[job.name] = now
            return True

    def _sources(self, dependencies: Callable[[], CrawlDependencies]) -> list[Job]:
        """Return the sources in the order in which they are read: by due time, then by size."""
        application, settings = self.application, self.application.settings
        unread: frozenset[str] = frozenset()
        with suppress(IndexerError):  # a run will report why the index does not answer
            unread = application.whole_index.unread({source.name for source in settings.sources})
        with self._choosing:
            for source in settings.sources:
                if source.name not in self.ahead:
                    self.ahead[source.name] = work_ahead(application, source)
        jobs = [
            Job(
                source.name,
                source_pace(settings, source),
                partial(self._crawl, source, dependencies),
                source.name in unread,
            )
            for source in tuple(settings.sources)
            if source.name in self.ahead
        ]
        return sorted(jobs, key=lambda job: (self._next(job) or _NEVER, self.ahead[job.name]))

    def _crawl(
        self,
        source: SourceSettings,
        dependencies: Callable[[], CrawlDependencies],
        held: SourceLock,
    ) -> int:
        asked = CrawlOptions(quiet=True, stop=self.stop)
        with self._build_after_first(source.name):
            return crawl_with_lock(self.application, dependencies(), source, held, asked).changed

    @contextmanager
    def _build_after_first(self, source: str) -> Iterator[None]:
        """Request a build if the block completes the first reading of a source.

        Builds do not wait for crawls: the last one may have been made without its documents.
        """
        state = self.application.state
        was_read = state.last_done(source) is not None
        yield
        if self.application.settings.topics.file and not was_read and state.last_done(source):
            state.request_run(BUILD)

    def _next(self, job: Job) -> datetime | None:
        state, now = self.application.state, datetime.now(UTC)
        return next_due(state, job.name, job.pace, now, unread=job.unread)

    def _is_due(self, job: Job) -> bool:
        due = self._next(job)
        return not self.stop.is_set() and due is not None and due <= datetime.now(UTC)

    def _try(self, job: Job) -> bool:
        """Do a due job; return whether it was done.

        Errors are stored with its run, and stop no other job.
        """
        try:
            with suppress(SourceBusy), hold_source_lock(self.application.locks, job.name) as held:
                if not self._is_due(job):  # another worker did it meanwhile
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
