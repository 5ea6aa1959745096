"""`quisait run`: a worker and servers in one process, which stop cleanly."""

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

from quisait.application.assembly import Application
from quisait.application.startup import opened_application
from quisait.settings.files import serving_here
from quisait.work.crawl import divided_source
from quisait.work.parts import leave
from quisait.work.worker import Worker, tasks_of

log = logging.getLogger(__name__)

T = TypeVar("T")

INTERRUPTED_MESSAGE = (
    "Interrompu. Ce qui est écrit est gardé ; relancez la commande pour reprendre."
)
INTERRUPTED_STATUS = 130
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
    with opened_application() as application:
        if no_serve and no_crawl:
            raise ValueError("--no-serve et --no-crawl ensemble ne laissent rien à faire.")
        run_application(application, serves=not no_serve, crawls=not no_crawl, host=host, port=port)


def run_application(
    application: Application,
    *,
    serves: bool = True,
    crawls: bool = True,
    host: str = "",
    port: int = 0,
) -> None:
    """Until SIGTERM or SIGINT; then a batch in progress ends, and the requests that began.

    Raises `ValueError` where an address cannot be listened at or may not be, and where a
    part of it ended by itself.
    """
    # Imported here: FastAPI and its like take a second that most commands have no use for.
    from quisait.server.app import servers, warm_up

    stop = threading.Event()
    with _set_by_signals(stop), ExitStack() as parts:
        if serves:
            application.encoder.queries([" "])  # loads its model: the first reader need not wait
            warm_up(application.index if application.settings.index.engine == "embedded" else None)
        settings = application.settings
        ports = {port or settings.server.port} if serves else set()
        for used in filter(None, ports | {settings.metrics.port}):
            with suppress(OSError):  # else `quisait check` takes this server for another's
                parts.enter_context(serving_here(settings, used))
        threads = [
            parts.enter_context(server) for server in servers(application, serves, host, port)
        ]
        if crawls:
            threads.append(parts.enter_context(_worker_thread(application, stop)))
        if serves and application.settings.bot.source:
            threads.append(parts.enter_context(_bot_thread(application, stop)))
        log.info("running", extra={"parts": [thread.name for thread in threads]})
        while not stop.wait(1.0):
            if ended := [thread.name for thread in threads if not thread.is_alive()]:
                raise ValueError(f"Arrêt imprévu ({', '.join(ended)}) : voyez le journal.")


def run_interruptibly(application: Application, work: Callable[[threading.Event], T]) -> T:
    """Do a command's work, that ends early once its event is set: what it gives or raises.

    SIGINT and SIGTERM set it, and the work has `STOP_S` to end. Then, or at a second signal,
    the process ends as it is; its locks are released.
    """
    stop = threading.Event()
    done: Future[T] = Future()

    def worked() -> None:
        try:
            done.set_result(work(stop))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            done.set_exception(error)

    with _set_by_signals(stop):
        # Signals reach the main thread alone, which therefore waits in short steps.
        thread = threading.Thread(target=worked, name="command", daemon=True)
        thread.start()
        try:
            while thread.is_alive() and not stop.is_set():
                thread.join(0.2)
            thread.join(STOP_S if stop.is_set() else None)
        except KeyboardInterrupt:
            _exit_now(application, INTERRUPTED_STATUS)
        if thread.is_alive():
            _exit_now(application, INTERRUPTED_STATUS)
    return done.result()


@contextmanager
def _set_by_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; a second one acts as it does by default."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def set_stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stop.set()

    for number in before:
        signal.signal(number, set_stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _worker_thread(application: Application, stop: threading.Event) -> Iterator[threading.Thread]:
    """A worker in a thread, that has `STOP_S` to end after the block."""
    thread = threading.Thread(target=Worker(application, stop).work, name="worker", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(STOP_S)
        if thread.is_alive():
            _exit_now(application, 0)


@contextmanager
def _bot_thread(application: Application, stop: threading.Event) -> Iterator[threading.Thread]:
    """Who answers in rooms, in a thread that need not end: what it did not answer waits."""
    from quisait.work.bot import run_bot  # here: who has no rooms has no use for it

    thread = threading.Thread(target=run_bot, args=(application, stop), name="bot", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(STOP_S)


def _exit_now(application: Application, status: int) -> NoReturn:
    """End the process in the middle of a batch, as a power cut might, and say so to others."""
    log.warning("batch cut short", extra={"waited_s": STOP_S})
    names = [
        *(s.name for s in application.settings.sources),
        *(t.name for t in tasks_of(application)),
    ]
    with suppress(sa.exc.SQLAlchemyError):
        for name in names:
            last = next(application.state.runs_of(name, 1), None)
            if last and last.outcome == "running" and application.locks.source_is_held_here(name):
                application.state.end_run(last.id, "interrupted", 0)
        for source in application.settings.sources:
            if divided := divided_source(application, source):
                leave(divided, here=True)
    logging.shutdown()
    if status:
        print(INTERRUPTED_MESSAGE, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def serve(
    host: Annotated[str, typer.Option(help="Adresse d'écoute ; sinon, celle des réglages")] = "",
    port: Annotated[
        int, typer.Option(help="Port ; sinon, celui des réglages", show_default=False)
    ] = 0,
) -> None:
    """Sert les pages et l'API."""
    with opened_application() as application:
        run_application(application, crawls=False, host=host, port=port)
