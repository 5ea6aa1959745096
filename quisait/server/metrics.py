"""`/metrics`: figures for Prometheus about the sources and this process.

The figures of the sources come from the database, so that every process gives the same answer.
Labels contain no query, document or person: only names of sources, kinds and outcomes.
"""

import hmac
import logging
import math
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from threading import Thread

import sqlalchemy as sa
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from connectors.ports import SourceError
from indexer.access import NOBODY
from indexer.errors import IndexerError
from indexer.state import RunRow
from quisait.application.assembly import Application
from quisait.application.certificates import Server, expiries, tls_servers
from quisait.application.engines import open_index_storage
from quisait.application.sources import directory_age
from quisait.clock import today
from quisait.features import installed_features
from quisait.settings import Settings, beside_file
from quisait.settings.sources import SourceSettings
from quisait.work.runs import BACKUP, RUNS_CONSIDERED, next_run, observed_run, source_pace
from quisait.work.source_status import source_health
from quisait.work.worker import tasks_of
from search_api.administration import health
from search_api.app import OWN_PAGES
from search_api.middleware.security import HostMiddleware, add_security_headers
from search_api.services import Services

log = logging.getLogger(__name__)

CERTIFICATES_EVERY_S = 3600.0


def registry_of(application: Application) -> CollectorRegistry:
    """Return a registry with the metrics of the sources, the disk and this process."""
    registry = CollectorRegistry()
    registry.register(SourceMetrics(application))
    registry.register(PlaceMetrics(application.settings))
    registry.register(CertificateMetrics(application.settings))
    registry.register(application.search.reranker)
    ProcessCollector(registry=registry)
    return registry


class SourceMetrics(Collector):
    """The sources' gauges, read from the database when they are collected."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def describe(self) -> Iterator[Metric]:
        """Describe nothing, so that the registry can be made without the database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield every gauge, or only `quisait_database_up` if the database does not answer."""
        answers = GaugeMetricFamily("quisait_database_up", "Whether the state's database answers.")
        try:
            gauges = list(self._gauges(datetime.now(UTC)))
        except (sa.exc.SQLAlchemyError, SourceError) as error:
            log.warning("database away", extra={"error": type(error).__name__})
            answers.add_metric([], 0)
            yield answers
            return
        answers.add_metric([], 1)
        yield answers
        yield from gauges

    def _gauges(self, now: datetime) -> Iterator[Metric]:
        lag = _gauge("lag_seconds", "Seconds since the last reading to the end; +Inf: never.")
        running = _gauge("running", "Whether a reading goes on.")
        rate = _gauge("passages_per_second", "Passages encoded a second by the one that goes on.")
        left = _gauge("documents_left", "Documents it has still to see, where that is known.")
        well = _gauge("well", "Whether the source is in order, as « quisait check » says.")
        outcome = _gauge("last_outcome", "1 for how the last reading ended.", "outcome")
        failures = _gauge("failures", "Documents that are missing, by why.", "kind")
        due = GaugeMetricFamily("quisait_sources_due", "Sources whose turn has come.")
        due_count = 0
        application = self._application
        state, locks = application.state, application.locks
        for source in application.settings.sources:
            name = source.name
            runs = list(state.runs_of(name, RUNS_CONSIDERED))
            going = locks.source_is_held(name)
            due_count += not going and self._is_due(source, runs, now)
            lag.add_metric([name], self._lag_s(name, now))
            running.add_metric([name], going)
            progress = runs[0].progress if runs and going else None
            rate.add_metric([name], progress.passage_rate if progress else 0)
            if progress and progress.expected is not None:
                left.add_metric([name], max(0, progress.expected - progress.done))
            if last := observed_run(state, locks, name):
                outcome.add_metric([name, last.outcome], 1)
            counts: Mapping[str, int] = state.failure_counts(name)
            with suppress(IndexerError):  # /health/ready tells whether the index answers
                found = source_health(state, locks, application.index, application.known(), name)
                well.add_metric([name], not found.problems)
                counts = found.failure_counts
            for kind, count in counts.items():
                failures.add_metric([name, kind], count)
        due.add_metric([], due_count)
        yield from (lag, running, rate, left, well, outcome, failures, due)
        for feature in installed_features():
            yield from feature.metrics(application)
        yield from self._tasks(now)
        yield from self._directory()
        yield GaugeMetricFamily(
            "quisait_backup_age_seconds",
            "Seconds since the last « quisait backup » that ended well; +Inf: never.",
            value=self._lag_s(BACKUP, now),
        )

    def _tasks(self, now: datetime) -> Iterator[Metric]:
        lag = _task_gauge("lag_seconds", "Seconds since the task last ended well; +Inf: never.")
        pace = _task_gauge("pace_seconds", "Seconds between two runs of the task.")
        outcome = _task_gauge("last_outcome", "1 for how the last run ended.", "outcome")
        for task in tasks_of(self._application):
            label = task.name.removeprefix("@")
            lag.add_metric([label], self._lag_s(task.name, now))
            pace.add_metric([label], task.pace.every_s or math.inf)
            if last := observed_run(self._application.state, self._application.locks, task.name):
                outcome.add_metric([label, last.outcome], 1)
        yield from (lag, pace, outcome)

    def _directory(self) -> Iterator[Metric]:
        found = directory_age(self._application.settings, self._application.state)
        if found is None:
            return
        yield GaugeMetricFamily(
            "quisait_directory_age_seconds",
            "Seconds since the directory's last complete reading; +Inf: never.",
            value=math.inf if found.age is None else found.age.total_seconds(),
        )
        yield GaugeMetricFamily(
            "quisait_directory_oldest_seconds",
            "Age beyond which the directory's groups are no longer trusted.",
            value=found.oldest.total_seconds(),
        )

    def _is_due(self, source: SourceSettings, runs: list[RunRow], now: datetime) -> bool:
        pace = source_pace(self._application.settings, source)
        due = next_run(source.name, runs, pace, now)
        return due is not None and due <= now

    def _lag_s(self, source: str, now: datetime) -> float:
        last = self._application.state.last_done(source)
        return max(0.0, (now - last.started).total_seconds()) if last else math.inf


class PlaceMetrics(Collector):
    """Measures the free space on the folder's disk, and the index's size."""

    def __init__(self, settings: Settings) -> None:
        self._folder = beside_file(settings.folder)
        self._storage = open_index_storage(settings.index, self._folder)

    def describe(self) -> Iterator[Metric]:
        """Describe nothing, so that the registry can be made without the engine."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield both gauges, without a gauge that cannot be measured now."""
        try:
            free = shutil.disk_usage(self._folder).free
            yield GaugeMetricFamily(
                "quisait_disk_free_bytes", "Bytes free on the disk of the folder.", value=free
            )
            pointers = self._storage.pointers()
            size = self._storage.size_bytes(pointers.live) if pointers else 0
        except (IndexerError, OSError, ValueError) as error:
            log.warning("place not measured", extra={"error": type(error).__name__})
            return
        yield GaugeMetricFamily(
            "quisait_index_bytes", "Bytes that the live index takes on disk.", value=size
        )


class CertificateMetrics(Collector):
    """Reads when the certificates of the settings' servers expire, in the background."""

    def __init__(self, settings: Settings) -> None:
        self._servers = tls_servers(settings)
        self._asked_s, self._found = -math.inf, dict[Server, datetime]()

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge, refreshed every hour in the background; empty at the first call."""
        if time.monotonic() - self._asked_s > CERTIFICATES_EVERY_S:
            self._asked_s = time.monotonic()
            Thread(target=self._ask, name="certificates", daemon=True).start()
        expiry = GaugeMetricFamily(
            "quisait_certificate_expiry_timestamp_seconds",
            "When the certificate that a server shows expires (Unix time).",
            labels=["server"],
        )
        for (host, port), moment in self._found.items():
            expiry.add_metric([f"{host}:{port}"], moment.timestamp())
        yield expiry

    def _ask(self) -> None:
        self._found = expiries(self._servers)


def _gauge(name: str, documentation: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"quisait_source_{name}", documentation, labels=["source", *more])


def _task_gauge(name: str, documentation: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"quisait_task_{name}", documentation, labels=["task", *more])


def metrics_router(registry: CollectorRegistry, token: str) -> APIRouter:
    """Return the route `/metrics`; `token`, if any, is required as `Authorization: Bearer …`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and not hmac.compare_digest(shown.encode(), token.encode()):
            return PlainTextResponse(
                "Un jeton est demandé : [metrics] token.\n",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def metrics_app(
    application: Application, registry: CollectorRegistry, hosts: Collection[str]
) -> FastAPI:
    """Return the application of the metrics' own port: metrics and health."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.services = Services(
        application.search,
        application.book,
        reader_of=lambda request: NOBODY,
        today=today,
        features=(OWN_PAGES,),
    )
    app.add_middleware(HostMiddleware, hosts=hosts)
    add_security_headers(app)
    app.include_router(health.router)
    app.include_router(metrics_router(registry, application.settings.metrics.token))
    return app
