"""Health checks detect partial failures; metrics contain no text of a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, generate_latest

from expertise.directory import SqlDirectory
from indexer.access import NOBODY
from indexer.errors import IndexUnreachable
from quisait.application.database import migrate
from quisait.server.metrics import metrics_router
from search_api.app import Services, create_app
from search_api.engine import Search
from search_api.middleware.metrics import MetricsMiddleware, request_metrics
from tests.pages.administration import TODAY
from tests.pages.conftest import Parts

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SOUGHT = "xylophone-inavouable"


class AwaySearch(Search):
    """Its engine does not answer."""

    def probe(self) -> None:
        raise IndexUnreachable(f"no answer to {SOUGHT}")


@contextmanager
def app_over(search: Search, people: SqlDirectory) -> Iterator[TestClient]:
    app = create_app(
        Services(search, people, reader_of=lambda request: NOBODY, today=lambda: TODAY)
    )
    with TestClient(app, raise_server_exceptions=False) as asking:
        yield asking


def test_ready_is_not_fooled_by_half_a_service(parts: Parts) -> None:
    """Index and database are asked each; whoever is away is named, and the process still lives."""
    with app_over(parts.search, parts.book) as well:
        assert well.get("/health/ready").json() == {"status": "ok"}
    with app_over(AwaySearch.__new__(AwaySearch), parts.book) as no_index:
        answer = no_index.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json() == {
            "status": "unavailable",
            "index": "unreachable",
            "database": "ok",
        }
        assert no_index.get("/health/live").status_code == 200
    gone = SqlDirectory(migrate(sa.create_engine("sqlite://")))
    gone._engine = sa.create_engine("sqlite:////nowhere/at/all/state.sqlite")
    with app_over(parts.search, gone) as no_database:
        answer = no_database.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["database"] == "unreachable"


class Panic(BaseException):
    """An error like a panic of tantivy, which is no `Exception`."""


class PanickingSearch(Search):
    """Its index panics as long as it is not `well`."""

    well = False

    def probe(self) -> None:
        if not self.well:
            raise Panic


def test_ready_recovers_from_a_panic(parts: Parts) -> None:
    """A part that panicked once is asked again the next time."""
    search = PanickingSearch.__new__(PanickingSearch)
    with app_over(search, parts.book) as asking:
        assert asking.get("/health/ready").json()["index"] == "unreachable"
        search.well = True
        assert asking.get("/health/ready").json() == {"status": "ok"}


def test_ready_recovers_from_a_thread_that_cannot_start(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine out of threads is not ready; once it has some, it is."""

    class NoThread(Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with app_over(parts.search, parts.book) as asking:
        with monkeypatch.context() as short:
            short.setattr("search_api.administration.health.Thread", NoThread)
            answer = asking.get("/health/ready")
            assert answer.status_code == 503
            assert answer.json()["index"] == answer.json()["database"] == "unreachable"
        assert asking.get("/health/ready").json() == {"status": "ok"}


@pytest.fixture
def measured(parts: Parts) -> tuple[FastAPI, CollectorRegistry]:
    """An application whose requests are measured, and where."""
    app = create_app(parts.services(reader_of=lambda request: NOBODY))
    registry = CollectorRegistry()
    app.add_middleware(MetricsMiddleware, metrics=request_metrics(registry))
    app.include_router(metrics_router(registry, "t" * 32))
    return app, registry


def test_requests_are_counted_by_route(measured: tuple[FastAPI, CollectorRegistry]) -> None:
    """By their status too; what was asked for, or typed, is in no label."""
    app, registry = measured
    with TestClient(app) as asking:
        asking.get("/", params={"q": SOUGHT})
        asking.get("/api/v1/search", params={"q": SOUGHT})
        asking.get(f"/{SOUGHT}")
        asking.get(f"/{SOUGHT}/../static/quisait.css")
        asking.request(SOUGHT.upper(), "/api/v1/search")
        asking.get("/health/live", headers={"User-Agent": SOUGHT})
    text = generate_latest(registry).decode()
    assert SOUGHT not in text.lower()
    counted = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "quisait_requests_total"
    }
    assert counted[("/", "401")] == 1
    assert counted[("/api/v1/search", "401")] == 1
    assert counted[("other", "404")] == 1
    assert counted[("/health/live", "200")] == 1
    assert sum(counted.values()) == 6
    assert 'quisait_request_duration_seconds_count{route="/health/live"} 1.0' in text


def test_measures_are_shown_for_a_token(measured: tuple[FastAPI, CollectorRegistry]) -> None:
    """Not to who has none, another one, or half of it."""
    app, _ = measured
    with TestClient(app) as asking:
        for shown in ("", "Bearer ", "Bearer ttt", f"Bearer {'t' * 33}", "Bearer é"):
            headers = {b"Authorization": shown.encode("latin-1")} if shown else {}
            refused = asking.get("/metrics", headers=headers)
            assert refused.status_code == 401
            assert "quisait_requests" not in refused.text
        good = asking.get("/metrics", headers={"Authorization": f"Bearer {'t' * 32}"})
        assert good.status_code == 200
        assert "quisait_requests_total" in good.text
