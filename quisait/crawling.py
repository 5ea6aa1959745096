"""Crawls of the settings' sources, with their runs kept and their progress shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.errors import SourceError
from connectors.ports import Counted
from expertise.agent_book import DirectoryReport
from indexer.errors import DeletionsHeld, IndexerError
from indexer.pipeline import CrawlReport, Workshop, crawl
from quisait.assembly import House, open_directory, open_source, open_workshop
from quisait.progress import shown_progress
from quisait.settings import SourceSettings, beside_file
from quisait.source_lock import only_crawl


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one source's crawl ended: a report, or a sentence that says what to do."""

    source: str
    report: CrawlReport | None
    error: str = ""


def read_directory(house: House) -> DirectoryReport | None:
    """Replace agents and groups by what the directory says; None where none is set.

    Raises `SourceUnreachable` or `SourceRefused`.
    """
    directory = open_directory(house.settings)
    return None if directory is None else house.book.replace(directory)


def crawl_sources(
    house: House,
    sources: Sequence[SourceSettings],
    *,
    full: bool = False,
    accept_deletions: bool = False,
    quiet: bool = False,
) -> list[Outcome]:
    """One after another; a source that fails does not keep the next from its turn."""
    outcomes = []
    with open_workshop(house) as workshop:
        for source in sources:
            outcomes.append(
                _crawl_one(house, workshop, source, full, accept_deletions, quiet=quiet)
            )
    return outcomes


def _crawl_one(
    house: House,
    workshop: Workshop,
    source: SourceSettings,
    full: bool,
    accept_deletions: bool,
    *,
    quiet: bool,
) -> Outcome:
    try:
        with only_crawl(beside_file(house.settings.folder) / "locks", source.name):
            return _run(house, workshop, source, full, accept_deletions, quiet=quiet)
    except (SourceError, IndexerError) as failed:
        return Outcome(source.name, None, str(failed))


def _run(
    house: House,
    workshop: Workshop,
    source: SourceSettings,
    full: bool,
    accept_deletions: bool,
    *,
    quiet: bool,
) -> Outcome:
    """A crawl whose beginning and end are kept. Raises what `crawl` raises."""
    run_id, resumed = house.state.start_run(source.name)
    outcome, changed = "failed", 0
    try:
        connector = open_source(source)
        since = None if full else house.state.load(source.name)
        total = connector.expected(since) if isinstance(connector, Counted) else None
        with shown_progress(source.name, "documents", quiet) as advance:
            report = crawl(
                connector,
                workshop,
                full=full,
                accept_deletions=accept_deletions,
                guard_share=house.settings.guard_share,
                progress=lambda so_far: advance(so_far.seen, total),
            )
        report.resumed = resumed
        outcome, changed = "done", report.changed
    except DeletionsHeld:
        outcome = "held"
        raise
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise SystemExit(
            f"{source.name} : interrompu. Ce qui est écrit est gardé ; relancez pour reprendre."
        ) from None
    finally:
        house.state.end_run(run_id, outcome, changed)
    return Outcome(source.name, report)
