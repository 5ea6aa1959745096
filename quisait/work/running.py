"""`quisait run`: a worker and servers in one process, that stop cleanly."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Annotated, NoReturn, TypeVar

import sqlalchemy as sa
import typer

from quisait.assembly import House
from quisait.faults import opened_house
from quisait.steady import ready
from quisait.work.owners import is_mine
from quisait.work.tasks import tasks_of
from quisait.work.worker import Worker

log = logging.getLogger(__name__)

T = TypeVar("T")

STOPPED = "Interrompu. Ce qui est écrit est gardé ; relancez la commande pour reprendre."
INTERRUPTED = 130
"""What a shell makes of a command that SIGINT ended: 128 and the signal's number."""

STOP_S = 8.0
"""How long a batch in progress may take to end. What is cut short is read again: a batch is
acknowledged whole or not at all, and the cursor follows it."""


def run(
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Sans les pages ni l'API : un ouvrier de plus")
    ] = False,
    no_crawl: Annotated[
        bool, typer.Option("--no-crawl", help="Sans lire les sources : les pages et l'API")
    ] = False,
    host: Annotated[str, typer.Option(help="Adresse d'écoute ; sinon, celle des réglages")] = "",
    port: Annotated[
        int, typer.Option(help="Port ; sinon, celui des réglages", show_default=False)
    ] = 0,
) -> None:
    """Lit les sources à leur rythme et sert les pages, jusqu'à SIGTERM ou Ctrl+C."""
    with opened_house() as house:
        if no_serve and no_crawl:
            raise ValueError("--no-serve et --no-crawl ensemble ne laissent rien à faire.")
        run_house(house, serves=not no_serve, crawls=not no_crawl, host=host, port=port)


def run_house(
    house: House, *, serves: bool = True, crawls: bool = True, host: str = "", port: int = 0
) -> None:
    """Until SIGTERM or SIGINT; then a batch in progress ends, and the requests that began.

    Raises `ValueError` where an address cannot be listened at or may not be, and where a
    part of it ended by itself.
    """
    # Imported here: FastAPI and its like take a second that most commands have no use for.
    from quisait.serving import servers

    stop = threading.Event()
    with _told_by_signals(stop), ExitStack() as parts:
        if serves:
            ready(house.index if house.settings.index.engine == "embedded" else None)
        threads = [parts.enter_context(one) for one in servers(house, serves, host, port)]
        if crawls:
            threads.append(parts.enter_context(_working(house, stop)))
        log.info("running", extra={"parts": [thread.name for thread in threads]})
        while not stop.wait(1.0):
            if ended := [thread.name for thread in threads if not thread.is_alive()]:
                raise ValueError(f"Arrêt imprévu ({', '.join(ended)}) : voyez le journal.")


def until_told(house: House, work: Callable[[threading.Event], T]) -> T:
    """Do a command's work, that ends early once its event is set: what it gives or raises.

    SIGINT and SIGTERM set it, and the work has `STOP_S` to end. Then, or at a second signal,
    the process ends as it is; the house's leases are given back.
    """
    stop = threading.Event()
    done: Future[T] = Future()

    def worked() -> None:
        try:
            done.set_result(work(stop))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            done.set_exception(error)

    with _told_by_signals(stop):
        # Signals reach the main thread alone, which therefore waits in short steps.
        thread = threading.Thread(target=worked, name="command", daemon=True)
        thread.start()
        try:
            while thread.is_alive() and not stop.is_set():
                thread.join(0.2)
            thread.join(STOP_S if stop.is_set() else None)
        except KeyboardInterrupt:
            _leave(house, INTERRUPTED)
        if thread.is_alive():
            _leave(house, INTERRUPTED)
    return done.result()


@contextmanager
def _told_by_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; a second one acts as it does by default."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def told(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stop.set()

    for number in before:
        signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _working(house: House, stop: threading.Event) -> Iterator[threading.Thread]:
    """A worker in a thread, that has `STOP_S` to end after the block."""
    thread = threading.Thread(target=Worker(house, stop).work, name="worker", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(STOP_S)
        if thread.is_alive():
            _leave(house, 0)


def _leave(house: House, status: int) -> NoReturn:
    """End the process in the middle of a batch, as a power cut might, and say so to others."""
    log.warning("batch cut short", extra={"waited_s": STOP_S})
    names = [*(s.name for s in house.settings.sources), *(t.name for t in tasks_of(house))]
    with suppress(sa.exc.SQLAlchemyError):
        for name in names:
            owner = house.leases.holder(name)
            last = next(house.state.runs_of(name, 1), None)
            if owner is None or not is_mine(owner):
                continue
            if last is not None and last.outcome == "running":
                house.state.end_run(last.id, "interrupted", 0)
            house.leases.release(name, owner)
    logging.shutdown()
    if status:
        print(STOPPED, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
