"""`quisait run` and `quisait serve`: a worker and servers in one process, stopped cleanly."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Annotated, NoReturn, TypeVar

import sqlalchemy as sa
import typer

from quisait.application.assembly import Application
from quisait.application.opening import Opening
from quisait.application.startup import opened_application
from quisait.features import installed_features
from quisait.settings.files import serving_here
from quisait.work.worker import Worker, tasks_of

log = logging.getLogger(__name__)

T = TypeVar("T")

INTERRUPTED_MESSAGE = (
    "Interrompu. Ce qui est écrit est gardé ; relancez la commande pour reprendre."
)
INTERRUPTED_STATUS = 130
"""Exit status of a command ended by SIGINT, like in a shell: 128 and the signal's number."""

STOP_S = 8.0
"""Time for a batch in progress to end, in seconds. A batch that was cut short is read again: it is
acknowledged completely or not at all, and the cursor is saved after it.
"""


Host = Annotated[str, typer.Option(help="Adresse d'écoute ; sinon, celle des réglages")]
Port = Annotated[int, typer.Option(help="Port ; sinon, celui des réglages", show_default=False)]


def run(
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Sans les pages ni l'API : un ouvrier de plus")
    ] = False,
    no_crawl: Annotated[
        bool, typer.Option("--no-crawl", help="Sans lire les sources : les pages et l'API")
    ] = False,
    host: Host = "",
    port: Port = 0,
) -> None:
    """Lit les sources à leur rythme et sert les pages, jusqu'à SIGTERM ou Ctrl+C."""
    with opened_application(Opening.SERVE) as application:
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
    """Run until SIGTERM or SIGINT; then finish the batch and the requests in progress.

    Raises `ValueError` if the server cannot or may not listen at an address, and if a part of the
    application ends unexpectedly.
    """
    # Imported here: loading FastAPI takes a second, and most commands do not need it.
    from quisait.server.app import servers, warm_up

    stop = threading.Event()
    with _set_by_signals(stop), ExitStack() as parts:
        if serves:
            # Load the model, so that the first reader does not wait.
            application.encoder.queries([" "])
            warm_up(application.index if application.settings.index.engine == "embedded" else None)
        settings = application.settings
        ports = {port or settings.server.port} if serves else set()
        for used in filter(None, ports | {settings.metrics.port}):
            with suppress(OSError):  # without it, `quisait check` takes this server for another's
                parts.enter_context(serving_here(settings, used))
        threads = [
            parts.enter_context(server) for server in servers(application, serves, host, port)
        ]
        if serves:
            name, listening = host or settings.server.host, port or settings.server.port
            shown = f"[{name}]" if ":" in name else name
            print(
                f"Qui sait ? est ouvert à http://{shown}:{listening}/ (Ctrl+C pour fermer).",
                flush=True,
            )
        if crawls:
            late = partial(_exit_now, application, 0)
            threads += [
                parts.enter_context(_thread(name, loop, stop, late))
                for name, loop in Worker(application, stop).loops().items()
            ]
        for feature in installed_features() if serves else ():
            threads += [
                parts.enter_context(_thread(name, partial(work, stop), stop))
                for name, work in feature.threads(application).items()
            ]
        log.info("running", extra={"parts": [thread.name for thread in threads]})
        calls = [feature.each_second(application) for feature in installed_features()]
        while not stop.wait(1.0):
            for call in calls:
                call()
            ended = [thread.name for thread in threads if not thread.is_alive()]
            if ended and not stop.is_set():  # after a stop, some end sooner than others
                raise ValueError(f"Arrêt imprévu ({', '.join(ended)}) : voyez le journal.")


def run_interruptibly(application: Application, work: Callable[[threading.Event], T]) -> T:
    """Run a command's work, which ends early once its event is set; return its result.

    SIGINT and SIGTERM set the event, and the work has `STOP_S` seconds to end. After that, or at a
    second signal, the process exits at once, which releases its locks.
    """
    stop = threading.Event()
    done: Future[T] = Future()

    def worked() -> None:
        try:
            done.set_result(work(stop))
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            done.set_exception(error)

    with _set_by_signals(stop):
        # Only the main thread receives signals, so it waits in short steps.
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
    """Let SIGTERM and SIGINT set `stop`; a second signal has its default effect."""
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
def _thread(
    name: str,
    target: Callable[[], object],
    stop: threading.Event,
    late: Callable[[], object] = lambda: None,
) -> Iterator[threading.Thread]:
    """Run a function in a thread during the block, then set `stop`.

    If the thread does not end within `STOP_S`, call `late`.
    """
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(STOP_S)
        if thread.is_alive():
            late()


def _exit_now(application: Application, status: int) -> NoReturn:
    """Exit in the middle of a batch, after marking this process's runs as interrupted."""
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
    logging.shutdown()
    if status:
        print(INTERRUPTED_MESSAGE, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def serve(host: Host = "", port: Port = 0) -> None:
    """Sert les pages et l'API."""
    with opened_application(Opening.SERVE) as application:
        run_application(application, crawls=False, host=host, port=port)
