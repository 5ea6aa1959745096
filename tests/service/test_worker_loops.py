"""A worker whose source does not answer: its other sources and its tasks keep their pace."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from quisait.application.assembly import Application
from quisait.work import worker as worker_module
from quisait.work.crawl import read_directory
from quisait.work.worker import BUILD, JOURNAL, PRIVACY, QUESTIONS, Worker
from tests.http_server import Handler, serving
from tests.service.place import AGENTS, make_place
from tests.service.running import wait_until
from tests.service.test_questions import client_of
from tests.smtp_server import smtp_server

pytestmark = [pytest.mark.sources, pytest.mark.trust]

SLOW = "lent"
TOPICS = "id,label,alt_labels,broader,kind\nm-tresorier,trésorier hospitalier,,,métier\n"
STOP_TIMEOUT_S = 30


@contextmanager
def held_server() -> Iterator[tuple[str, Event, Event]]:
    """Yield a server's origin, an event set by its first request, and one that ends its answer."""
    requested, release = Event(), Event()

    class Held(Handler):
        def answer(self) -> None:
            requested.set()
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            with suppress(OSError):
                while not release.wait(1):  # often enough for the patience of who asked
                    self.wfile.write(b" ")

    with serving(Held) as origin:
        try:
            yield origin, requested, release
        finally:
            release.set()


@contextmanager
def working(application: Application, release: Event) -> Iterator[None]:
    """Run a worker's loops in threads during the block; all end soon after it."""
    stop = Event()
    loops = Worker(application, stop).loops()
    threads = [Thread(target=loop, name=name, daemon=True) for name, loop in loops.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        release.set()
        for thread in threads:
            thread.join(STOP_TIMEOUT_S)
    assert [thread.name for thread in threads if thread.is_alive()] == []


def test_tasks_and_other_sources_keep_their_pace_during_a_long_crawl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Directory, mail, questions, build and purge run while a source does not answer."""
    monkeypatch.setattr(worker_module, "POLL_EVERY_S", 0.2)
    monkeypatch.setattr(worker_module, "LONG_CRAWL_S", 0.0)
    with smtp_server(tmp_path) as post, held_server() as (origin, requested, release):
        slow = {"name": SLOW, "kind": "mediawiki", "url": f"{origin}/", "allowed": ["everyone"]}
        notes = {"name": "notes", "kind": "folder", "path": "notes", "every": "1 s"}
        mail = {f"QUISAIT_MAIL__{key.upper()}": str(value) for key, value in post.settings.items()}
        place = make_place(
            tmp_path / "place",
            QUISAIT_SOURCES=json.dumps([slow, notes]),
            QUISAIT_DIRECTORY__EVERY="1 s",
            QUISAIT_RUN__JITTER="0",
            QUISAIT_GUARD_SHARE="1",
            QUISAIT_TOPICS__FILE="sujets.csv",
            QUISAIT_QUESTIONS__ENABLED="true",
            QUISAIT_JOURNAL__ENABLED="true",
            QUISAIT_SIGN_ON__ADDRESS="https://qui-sait.test",
            **mail,
        )
        (place.folder / "sujets.csv").write_text(TOPICS, "utf-8")
        head, *rows = AGENTS.splitlines()
        rows = [f"{row},{row[:4]}@agents.test" for row in rows]
        agents = place.folder / "agents.csv"
        agents.write_text("\n".join([f"{head},email", *rows]) + "\n", "utf-8")
        with place.opened() as application:
            state, book = application.state, application.book
            read_directory(application)
            wanted = client_of(application, "ag-1").post(
                "/api/v1/mail/preferences", json={"asked": True}
            )
            assert wanted.status_code == 204
            with working(application, release):
                assert requested.wait(STOP_TIMEOUT_S)
                question = {"title": "Où est la borne ?", "to": "ag-1"}
                asked = client_of(application, "ag-2").post("/api/v1/questions", json=question)
                assert asked.status_code == 200
                state.request_run("@courriel")  # its ordinary pace is a minute
                agents.write_text("\n".join([f"{head},email", rows[0], rows[2]]) + "\n", "utf-8")

                wait_until(lambda: book.agent("ag-2") is None)
                wait_until(lambda: len(post.handler.accepted) == 1)
                for task in (BUILD, PRIVACY, QUESTIONS, JOURNAL):
                    wait_until(lambda task=task: state.last_done(task))
                read = state.last_done("notes")
                wait_until(lambda: state.last_done("notes") not in (None, read))
                assert next(state.runs_of(SLOW)).outcome == "running"
                assert application.locks.source_is_held(SLOW)
