"""What stands beside the libraries that could replace it: time, memory, what each lets through.

`uv pip install limits prometheus-fastapi-instrumentator tika`, then
`python -m benchmarks.libraries`: the product needs none of them. Decisions 0032 and 0033 quote the
figures.
"""

import asyncio
import time
import tracemalloc
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.markdown import read_markdown
from indexer.extraction.tika_server import TikaServerExtractor
from search_api.limits import RateLimiter, RequesterKind
from search_api.middleware.metrics import add_request_metrics, request_metrics
from search_api.middleware.security import is_own_host
from tests.engines import ensure_tika
from tests.samples.files import sample_bytes

TIMES = 20_000
ADDRESSES = 200_000
ROUTES = 80
METHODS = 100
FILES = 200

HOSTS = ("127.0.0.1:8077", "[::1]:8077", "10.1.2.3", "localhost:1", "quisait.exemple.fr:443",
         "quisait.exemple.fr.")  # fmt: skip
"""What readers of a site named quisait.exemple.fr, or of one at its address, send as `Host`."""


def main() -> None:
    """Print every figure."""
    _rate_limits()
    _metrics()
    _hosts()
    _markdown()
    _tika()


def _rate_limits() -> None:
    limits, strategies = import_module("limits"), import_module("limits.strategies")
    storage, most = import_module("limits.storage").MemoryStorage, 600
    item = limits.RateLimitItemPerMinute(most)

    def ours() -> Callable[[str], object]:
        limiter = RateLimiter({RequesterKind.ADDRESS: most})
        return lambda key: limiter.take(RequesterKind.ADDRESS, key)

    def theirs(name: str) -> Callable[[], Callable[[str], object]]:
        def make() -> Callable[[str], object]:
            strategy = getattr(strategies, name)(storage())
            return lambda key: strategy.hit(item, key)

        return make

    makers = {"RateLimiter": ours} | {
        f"limits.{name}": theirs(name)
        for name in ("FixedWindowRateLimiter", "MovingWindowRateLimiter")
    }
    for name, make in makers.items():
        take, began = make(), time.perf_counter()
        for number in range(TIMES):
            take(str(number % 1000))
        us = (time.perf_counter() - began) / TIMES * 1e6
        tracemalloc.start()
        take = make()
        for number in range(ADDRESSES):
            take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        megabytes = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()
        print(f"{name}: {us:.1f} µs a request, {megabytes:.0f} MB after {ADDRESSES} addresses")


def _metrics() -> None:
    instrumentator = import_module("prometheus_fastapi_instrumentator").Instrumentator

    def plain() -> tuple[FastAPI, CollectorRegistry]:
        return _app(), CollectorRegistry()

    def ours() -> tuple[FastAPI, CollectorRegistry]:
        app, registry = plain()
        add_request_metrics(app, request_metrics(registry))
        return app, registry

    def theirs() -> tuple[FastAPI, CollectorRegistry]:
        app, registry = plain()
        instrumentator(registry=registry).instrument(app)
        return app, registry

    made: Mapping[str, Callable[[], tuple[FastAPI, CollectorRegistry]]] = {
        "no metrics": plain,
        "middleware.metrics": ours,
        "prometheus-fastapi-instrumentator": theirs,
    }
    for name, make in made.items():
        app, registry = make()
        us = min(asyncio.run(_timed(app, 1000)) for _ in range(5)) * 1e6
        before = _series(registry)
        for number in range(METHODS):
            asyncio.run(_status(app, _scope("/last/a", method=f"STRANGE{number}")))
        more = _series(registry) - before
        print(f"{name}: {us:.0f} µs a request, {more} series more after {METHODS} invented methods")


def _hosts() -> None:
    checks: Mapping[str, Callable[[str], bool]] = {
        "is_own_host": lambda host: is_own_host(host, frozenset({"quisait.exemple.fr"})),
        "TrustedHostMiddleware": _trusted,
    }
    for name, let_in in checks.items():
        refused = [host for host in HOSTS if not let_in(host)]
        print(f"{name}: refuses {len(refused)} of {len(HOSTS)} own hosts ({', '.join(refused)})")


def _trusted(host: str) -> bool:
    own = ["quisait.exemple.fr", "localhost"]
    return asyncio.run(_status(TrustedHostMiddleware(_ok, own), _scope("/", host=host))) == 200


async def _ok(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


def _app() -> FastAPI:
    app = FastAPI(openapi_url=None)

    async def found(name: str) -> str:
        return name

    for number in range(ROUTES):
        app.add_api_route(f"/routes/{number}/{{name}}", found)
    app.add_api_route("/last/{name}", found)
    return app


def _markdown() -> None:
    """One megabyte of short list items, which a source may well hold; 5 MB are kept of a file."""
    text = "- a\n" * 250_000
    parse = import_module("markdown_it").MarkdownIt().parse
    for name, read in (
        ("read_markdown", lambda: read_markdown(text)),
        ("markdown-it-py", lambda: parse(text)),
    ):
        began = time.perf_counter()
        read()
        print(f"markdown {name}: {time.perf_counter() - began:.1f} s")


def _tika() -> None:
    """Small files, one after the other, by one server: what a call costs beside the extraction."""
    url, content = ensure_tika(), sample_bytes("effectifs.docx")
    parser = import_module("tika.parser")
    ours = TikaServerExtractor(url)
    for name, read in (
        ("TikaServerExtractor", lambda: ours.extract(content, "effectifs.docx", None)),
        ("tika", lambda: parser.from_buffer(content, url)),
    ):
        read()
        began = time.perf_counter()
        for _ in range(FILES):
            read()
        print(f"extraction {name}: {(time.perf_counter() - began) / FILES * 1000:.1f} ms a file")


async def _timed(app: ASGIApp, times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        await _status(app, _scope("/last/a"))
    return (time.perf_counter() - began) / times


async def _status(app: ASGIApp, scope: Scope) -> int:
    found: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            found.append(message["status"])

    await app(scope, receive, send)
    return found[0]


def _scope(path: str, method: str = "GET", host: str = "localhost") -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


def _series(registry: CollectorRegistry) -> int:
    return sum(len(family.samples) for family in registry.collect())


if __name__ == "__main__":
    main()
