"""Read the directory and crawl the sources, with runs recorded and progress shown."""

import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event

from connectors.ports import (
    Connector,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    SupportsCount,
    SupportsFingerprint,
)
from connectors.timeouts import call_with_timeout
from expertise.directory import DirectoryReport
from indexer.crawl.pipeline import CrawlDependencies, CrawlReport, crawl
from indexer.errors import IndexerError
from quisait.application.assembly import Application, open_crawl_dependencies
from quisait.application.locks import SourceLock, hold_source_lock
from quisait.application.progress import shown_progress
from quisait.application.sources import DIRECTORY as DIRECTORY
from quisait.application.sources import (
    has_directory,
    on_noted_root,
    open_directory,
    open_source,
    strangers_in_rules,
)
from quisait.settings.sources import SourceSettings
from quisait.work.index_limit import log_limit
from quisait.work.runs import CrawlOptions, recorded_run, told_waits, with_lock
from search_api.addresses import document_of_address

log = logging.getLogger(__name__)

COUNT_S = 2.0
"""Longest time to count the documents of a source that was never read, in seconds."""
DOCUMENT_S = 0.1
"""Approximate time to read a document, in seconds, which is only used to order the sources."""
DIRECTORY_WAIT_S = 10.0
"""Time to wait for another reading of the directory, in seconds."""


@dataclass(frozen=True, slots=True)
class CrawlOutcome:
    """How one source's crawl ended: a report, or a sentence with the remedy."""

    source: str
    report: CrawlReport | None
    error: str = ""


def read_directory(
    application: Application, *, accept_departures: bool = False
) -> DirectoryReport | None:
    """Replace agents and groups by those of the directory; None if the settings name none.

    Raises `SourceUnreachable` or `SourceRefused`; also if too many agents are missing, unless
    `accept_departures`.
    """
    if not has_directory(application.settings):
        return None
    with (
        hold_source_lock(application.locks, DIRECTORY, wait_s=DIRECTORY_WAIT_S),
        recorded_run(application.state, DIRECTORY) as run,
    ):
        report = replace_directory(application, accept_departures=accept_departures)
        run.changed = report.agents if report else 0
    return report


def replace_directory(
    application: Application, *, accept_departures: bool = False, unless_same: bool = False
) -> DirectoryReport | None:
    """Replace the directory like `read_directory`, for a caller that holds the directory's lock.

    Also returns None if the directory has not changed and `unless_same` is set.
    """
    directory = open_directory(application.settings)
    if directory is None:
        return None
    # Before the reading, so that changes during it are seen by the next reading.
    stamp = directory.fingerprint() if isinstance(directory, SupportsFingerprint) else None
    if unless_same and stamp is not None and stamp == application.state.load(DIRECTORY):
        return None
    share = 1.0 if accept_departures else application.settings.guard_share
    report = application.book.replace(directory, share)
    application.state.save(DIRECTORY, stamp or "")
    log.info("directory read", extra={"agents": report.agents, "left": report.left})
    return report


def crawl_sources(
    application: Application,
    sources: Sequence[SourceSettings],
    *,
    full: bool = False,
    accept_deletions: bool = False,
    quiet: bool = False,
    stop: Event | None = None,
) -> list[CrawlOutcome]:
    """Crawl the sources one after another, light ones first.

    A source that fails does not stop others. Once `stop` is set, the current crawl ends early and
    no other begins.
    """
    asked = CrawlOptions(full, accept_deletions, quiet, stop or Event())
    with open_crawl_dependencies(application) as dependencies:
        outcomes = {
            source.name: _crawl_one(application, dependencies, source, asked)
            for source in sorted(sources, key=partial(work_ahead, application))
            if not asked.stop.is_set()
        }
    return [outcomes[source.name] for source in sources if source.name in outcomes]


def accept_roots(application: Application, sources: Sequence[SourceSettings]) -> None:
    """Note the local folders of the sources as they are now. Raises `SourceError`."""
    for source in sources:
        with suppress(SourceRefused):  # the crawl will say why
            connector = open_source(source, application.database, application.questions)
            on_noted_root(connector, source, application.state, accept=True)


def work_ahead(application: Application, source: SourceSettings) -> float:
    """Return about how many seconds a source takes to read; infinity if that is unknown.

    The estimate is the duration of its last complete run, or is computed from its number of
    documents.
    """
    last = application.state.last_done(source.name)
    if last and last.ended:
        return (last.ended - last.started).total_seconds()
    with suppress(SourceError, OSError):
        connector = open_source(source, application.database, application.questions)
        if isinstance(connector, SupportsCount):
            late = SourceUnreachable(source.name)
            count = call_with_timeout(COUNT_S, partial(connector.count_pending, None), late)
            return math.inf if count is None else count * DOCUMENT_S
    return math.inf


def forget_reading(application: Application, source: str, folder: str) -> None:
    """Make the next run read a folder again, or the whole source if `folder` is empty.

    `folder` may be the id or the address of a document. Raises `SourceBusy` while the source is
    being read, `ValueError` if the folder has no document that was read.
    """
    folder = document_of_address(folder).removeprefix(f"{source}:").strip("/")
    with hold_source_lock(application.locks, source):
        if not folder:
            application.state.forget_cursors([source])
        elif not application.state.read_again(source, f"{source}:{folder}"):
            raise ValueError(
                f"{source} : aucun document lu n'est dans « {folder} ». Donnez le dossier depuis "
                "la racine de la source, ou l'adresse d'un document ; ou relisez toute la source "
                f"(« quisait crawl {source} --full », ou « Relire toute la source » sur la page "
                "Administration). Ce qui est nouveau se lit de lui-même."
            )


def _crawl_one(
    application: Application,
    dependencies: CrawlDependencies,
    source: SourceSettings,
    asked: CrawlOptions,
) -> CrawlOutcome:
    try:
        with hold_source_lock(application.locks, source.name) as held:
            return CrawlOutcome(
                source.name, crawl_with_lock(application, dependencies, source, held, asked)
            )
    except (SourceError, IndexerError) as failed:
        return CrawlOutcome(source.name, None, str(failed))


def _open_connector(application: Application, source: SourceSettings) -> Connector:
    """Return the connector of a source on its noted folders. Raises `SourceError`."""
    return on_noted_root(
        open_source(source, application.database, application.questions),
        source,
        application.state,
        strangers_in_rules(application.settings, application.book, application.known()),
    )


def crawl_with_lock(
    application: Application,
    dependencies: CrawlDependencies,
    source: SourceSettings,
    held: SourceLock,
    asked: CrawlOptions,
) -> CrawlReport:
    """Crawl for a caller that holds the source's lock; record beginning, progress and end.

    Raises the errors of `crawl`, `RunStopped` and `LockLost`.
    """
    with recorded_run(application.state, source.name) as run:
        application.whole_index.begin(source.name)
        connector = _open_connector(application, source)
        since = None if asked.full else application.state.load(source.name)
        run.expected = (
            connector.count_pending(since) if isinstance(connector, SupportsCount) else None
        )
        with (
            shown_progress(source.name, "documents", asked.quiet) as advance,
            told_waits(advance, run) as waits,
        ):

            def progress(so_far: CrawlReport) -> None:
                advance(so_far.seen, run.expected)
                run.note(so_far)

            # The database is the source of questions: a missing question was deleted.
            accepts = asked.accept_deletions or source.kind == "questions"
            report = crawl(
                connector,
                with_lock(dependencies, held, asked.stop),
                full=asked.full,
                guard_share=1.0 if accepts else application.settings.guard_share,
                progress=progress,
                waits=waits,
            )
        held.check()
        application.whole_index.finish(source.name)
        report.resumed = run.resumed
        run.conclude(report)
    if report.put:
        log_limit(application.whole_index)
    return report
