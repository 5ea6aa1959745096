"""Request metrics: number, status and duration by route, without any query text."""

import time
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OTHER_ROUTE = "other"
"""The label of paths without a route, because text typed by a stranger must not become a label."""
_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class RequestMetrics:
    """The number of requests by route and status, and their duration in seconds by route."""

    requests: Counter
    durations: Histogram

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self.requests.labels(route, str(status)).inc()
        self.durations.labels(route).observe(seconds)


def request_metrics(registry: CollectorRegistry) -> RequestMetrics:
    """Create the metrics of one application in a registry."""
    return RequestMetrics(
        Counter(
            "quisait_requests",
            "Requests, by route and status.",
            ["route", "status"],
            registry=registry,
        ),
        Histogram(
            "quisait_request_duration_seconds",
            "How long a request took, to the end of its answer.",
            ["route"],
            buckets=_BUCKETS_S,
            registry=registry,
        ),
    )


@dataclass(frozen=True, slots=True)
class MetricsMiddleware:
    """Measures every request of an application."""

    app: ASGIApp
    metrics: RequestMetrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, then count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - started
            self.metrics.note(_route(scope), status, seconds)


def _route(scope: Scope) -> str:
    """Return the path of the route, such as `/documents/{id}`, without the id."""
    return str(getattr(scope.get("route"), "path", "") or OTHER_ROUTE)
