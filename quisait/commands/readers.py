"""Helper processes of `quisait crawl --workers N`, which read parts during the crawl."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from threading import Event

import sqlalchemy as sa

from connectors.ports import SourceError
from indexer.errors import IndexerError
from quisait.application.assembly import Application, open_crawl_dependencies
from quisait.settings.sources import SourceSettings
from quisait.work.crawl import can_share_parts, divided_source
from quisait.work.parts import LOOK_EVERY_S, has_part_left, read_parts
from quisait.work.runs import CrawlOptions

MOST_WORKERS = 64
END_S = 20.0
"""Time for a helper to finish its batch after it is asked to stop, in seconds."""


def check_workers(application: Application, chosen: Sequence[SourceSettings], workers: int) -> None:
    """Raise `ValueError`, with the remedy, if several workers cannot share any source."""
    if workers == 1:
        return
    if not can_share_parts(application):
        raise ValueError(
            "Plusieurs lecteurs d'une même source demandent une base PostgreSQL, qui leur dit qui "
            "lit quoi (réglage « database »). Avec la base SQLite, une source est lue par un seul "
            "processus : relancez sans --workers."
        )
    if all(source.parts == 1 for source in chosen):
        raise ValueError(
            "Aucune de ces sources n'est en parties : un seul lecteur suffit. Réglez « parts » "
            "dans sa table [[sources]], ou relancez sans --workers."
        )


@contextmanager
def helping_readers(chosen: Sequence[SourceSettings], workers: int) -> Iterator[None]:
    """Run `workers - 1` more processes during the block, which read parts of divided sources.

    The processes end with this process, however it ends.
    """
    names = [source.name for source in chosen if source.parts > 1]
    command = [sys.executable, "-m", "quisait.cli", "crawl", "--join", *names]
    with ExitStack() as started:
        for _ in range(workers - 1):
            process = subprocess.Popen(  # noqa: S603 - this program, with names from its settings
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            )
            started.callback(_end, process)
        yield


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Close the helper's input, so that it stops after its batch."""
    assert process.stdin is not None  # noqa: S101 - asked for
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def join_readings(application: Application, chosen: Sequence[SourceSettings], stop: Event) -> None:
    """Read parts in runs of other processes until `stop`, or until standard input ends."""
    threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()
    divided = [one for source in chosen if (one := divided_source(application, source))]
    asked = CrawlOptions(quiet=True, stop=stop)
    with open_crawl_dependencies(application) as dependencies:
        while not stop.wait(LOOK_EVERY_S):
            for source in divided:
                # Errors are stored with the part; the process that began the run reports them.
                with suppress(SourceError, IndexerError, sa.exc.SQLAlchemyError):
                    if has_part_left(source):
                        read_parts(source, dependencies, asked, may_begin=lambda: False)


def _stop_at_end_of_input(stop: Event) -> None:
    while os.read(0, 1024):
        pass
    stop.set()
