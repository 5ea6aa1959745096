"""PostgreSQL that stops beneath a server and a worker, and comes back."""

import re
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from quisait.application.assembly import Application
from quisait.application.sources import DIRECTORY
from quisait.clock import now_s
from quisait.server.app import app_of, tokens_of
from quisait.work import worker as worker_module
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.worker import Worker
from search_api.query_log.recording import NoQueryLog
from tests.pages.access_routes import routes_of
from tests.postgres_server import Postgres, database, own_postgres
from tests.service.place import make_place
from tests.service.running import wait_until

pytestmark = [pytest.mark.sources, pytest.mark.trust]

WITHOUT_DATABASE = {"/health/live", "/health/ready", "/openapi.json"}
"""Routes that answer without the database, or tell its state in their own way."""
PARAMETER = re.compile(r"\{\w+(?::\w+)?\}")
BODY = {"title": "Où est la borne ?", "to": "ag-1", "text": "Ici.", "value": "useful"}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with own_postgres() as started:
        yield started


@pytest.fixture(scope="module")
def application(
    server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    with database(server.url) as url:
        place = make_place(
            tmp_path_factory.mktemp("away") / "place",
            QUISAIT_DATABASE=url,
            QUISAIT_QUESTIONS__ENABLED="true",
            QUISAIT_JOURNAL__ENABLED="true",
            QUISAIT_ROLES='[{"role": "administrator", "agents": ["ag-1"]}]',
        )
        with place.opened() as opened:
            read_directory(opened)
            crawl_sources(opened, opened.settings.sources, quiet=True)
            yield opened


def client_of(application: Application, app: FastAPI) -> TestClient:
    token = tokens_of(application.settings).make("ag-1", now_s())
    headers = {"Authorization": f"Bearer {token}"}
    return TestClient(app, "http://localhost", raise_server_exceptions=False, headers=headers)


def test_every_route_answers_503_with_a_sentence_while_the_database_is_away(
    server: Postgres, application: Application
) -> None:
    """Pages and API; health names the part; all answer again once it is back."""
    app = app_of(application, NoQueryLog())
    client = client_of(application, app)
    assert client.get("/api/v1/search?q=bornage").status_code == 200
    asked = [(method, PARAMETER.sub("notes:regie.md", path)) for method, path in routes_of(app)]
    assert len(asked) > 50
    server.stop("immediate")
    wrong, unavailable = [], 0
    try:
        for method, path in asked:
            if path in WITHOUT_DATABASE:
                continue
            body = None if method == "GET" else BODY
            answer = client.request(method, path, json=body, params={"q": "bornage"})
            if answer.status_code < 500:  # refused before anything is read, or needs no database
                continue
            told = answer.status_code == 503 and "base de données" in answer.text
            if path.startswith(("/api/", "/scim/")):
                told = told and answer.json()["code"] == "database_unreachable"
            wrong += [] if told else [(method, path, answer.status_code, answer.text[:200])]
            unavailable += told
        health = client.get("/health/ready")
    finally:
        server.start()
    assert wrong == []
    assert unavailable > 50
    assert (health.status_code, health.json()["database"]) == (503, "unreachable")
    assert client.get("/api/v1/search?q=bornage").status_code == 200
    assert client.get("/health/ready").json() == {"status": "ok"}


def test_a_worker_outlives_an_absence_of_the_database(
    server: Postgres, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No loop ends, and the next reading of the directory takes place."""
    monkeypatch.setattr(worker_module, "POLL_EVERY_S", 0.2)
    stop, state = Event(), application.state
    loops = Worker(application, stop).loops()
    threads = [Thread(target=loop, name=name, daemon=True) for name, loop in loops.items()]
    for thread in threads:
        thread.start()
    server.stop("immediate")
    server.start()
    wait_until(lambda: application.book.agent("ag-1"))
    last = next(state.runs_of(DIRECTORY)).id
    state.request_run(DIRECTORY)
    wait_until(lambda: next(state.runs_of(DIRECTORY)).id > last)
    ended = [thread.name for thread in threads if not thread.is_alive()]
    stop.set()
    for thread in threads:
        thread.join(30)
    assert ended == []
