"""`quisait run` and `quisait demo`: a worker and servers in one process, which stop cleanly."""

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn, TypeVar

import sqlalchemy as sa
import typer

from quisait.application.assembly import Application
from quisait.application.progress import duration
from quisait.application.startup import opened_application
from quisait.clock import today
from quisait.commands import answers
from quisait.commands.expertise import build_text
from quisait.privacy.retention import audit_command
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.worker import Worker, build_and_publish, tasks_of
from search_api.answers.question import answer_question
from search_api.audit.descriptions import ANY_AGENT
from search_api.identity.readers import reader_of
from search_api.questions.query import Query

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
            warm_up(application.index if application.settings.index.engine == "embedded" else None)
        threads = [
            parts.enter_context(server) for server in servers(application, serves, host, port)
        ]
        if crawls:
            threads.append(parts.enter_context(_worker_thread(application, stop)))
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
    logging.shutdown()
    if status:
        print(INTERRUPTED_MESSAGE, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


FIRST_DOCUMENTS = 3
"""The expected document stands among so many."""
FIRST_EXPERTS = 3
"""The expected expert stands among so many."""


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question of an agent, what must be found, and what must not be seen."""

    agent: str
    question: str
    document: str
    expert: str
    hidden: str = ""


def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Poser les questions, puis sortir")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Dossier de la démonstration")] = Path("demo"),
    port: Annotated[
        int, typer.Option(help="Port ; sinon, celui des réglages", show_default=False)
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Avec --check : résultat en JSON, pour un programme")
    ] = False,
) -> None:
    """Indexe l'administration fictive, puis la sert sur cette machine."""
    file = folder / "quisait.toml"
    if not file.is_file():
        print(
            f"{file} manque : lancez la démonstration depuis le dossier du projet.", file=sys.stderr
        )
        raise typer.Exit(2)
    os.environ["QUISAIT_FILE"] = str(file)
    questions = _demo_questions(folder / "questions.json")
    with opened_application() as application:
        _prepare(application, quiet=check and as_json)
        if check:
            audit_command(application.privacy, "quisait demo", ANY_AGENT)
            raise typer.Exit(0 if _check_all(application, questions, as_json=as_json) else 1)
        address = (
            f"http://{application.settings.server.host}:{port or application.settings.server.port}/"
        )
        print(f"\nQui sait ? est ouvert à {address} (Ctrl+C pour fermer). Essayez :")
        for question in questions[:3]:
            print(f"  – {question.question}")
        sys.stdout.flush()
        # Imported here: FastAPI and its like take a second that a check does not need.
        from quisait.server.app import serving_intranet

        with serving_intranet(application.settings, folder / "intranet", address.rstrip("/")):
            run_application(application, crawls=False, port=port)


def _demo_questions(path: Path) -> list[DemoQuestion]:
    return [DemoQuestion(**line) for line in json.loads(path.read_text("utf-8"))]


def _prepare(application: Application, *, quiet: bool) -> None:
    started = time.monotonic()
    directory = read_directory(application)
    sources = application.settings.sources
    outcomes = run_interruptibly(
        application, lambda stop: crawl_sources(application, sources, quiet=quiet, stop=stop)
    )
    taken = duration(round(time.monotonic() - started))
    stream = sys.stderr if quiet else sys.stdout
    for outcome in outcomes:
        print(answers.crawl_line(outcome), file=stream)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)
    print(build_text(build_and_publish(application)), file=stream, flush=True)
    people = directory.agents if directory else 0
    print(f"{people} agents et {len(outcomes)} sources prêts en {taken}.", file=stream, flush=True)


def _check_all(application: Application, questions: list[DemoQuestion], *, as_json: bool) -> bool:
    found = []
    for question in questions:
        missing = _demo_failures(application, question)
        found.append({"question": question.question, "passed": not missing, "detail": missing})
        if not as_json:
            message = f"{question.question} : {missing}" if missing else question.question
            print(f"{'ÉCHEC ' if missing else 'ok    '} {message}", flush=True)
    good = sum(not outcome["detail"] for outcome in found)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        print(f"{good} questions sur {len(questions)} trouvent leur document et leur expert.")
    return good == len(questions)


def _demo_failures(application: Application, question: DemoQuestion) -> str:
    """What the question did not find, or showed and should not have; empty when all is well."""
    reader = reader_of(question.agent, application.book, today())
    with answers.answer_context(application) as context:
        query = Query(question.question, page_size=50)
        found = answer_question(context, reader, query, candidates=FIRST_EXPERTS, as_typed=True)
    ids = [result.card.document_id for result in found.results.results]
    experts = [candidate.agent.id for candidate in found.experts.candidates]
    faults = []
    if question.document not in ids[:FIRST_DOCUMENTS]:
        faults.append(f"document {question.document} absent des {FIRST_DOCUMENTS} premiers")
    if question.expert not in experts:
        faults.append(f"expert {question.expert} absent des {FIRST_EXPERTS} premiers")
    if question.hidden and question.hidden in ids:
        faults.append(f"document {question.hidden} montré à qui ne peut le lire")
    return " ; ".join(faults)
