"""Cost of one page of results: `python -m benchmarks.results_page [DOCUMENTS] [ENGINE…]`.

By default 10 000 documents on both engines, made like in `benchmarks.experts_latency`. Pages and
API are called in this process, by varying readers. For each path: the calls of the index by method,
the requests to OpenSearch, and the milliseconds of the whole answer. Encoding a question costs
nothing here, so that everything else is measured.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

import numpy as np
import opensearchpy
from fastapi import Request
from starlette.testclient import TestClient

from benchmarks.access_change import DIMENSION
from benchmarks.experts_latency import DOCUMENTS, FilledEngine, filled_engine
from benchmarks.suggest import reader as random_access
from indexer.access import Reader
from indexer.ports import Index
from search_api.app import Services, create_app
from search_api.engine import Search
from tests.encoders import FakeEncoder
from tests.pages.administration import TODAY

ASKED, WARMING = 100, 20
PATHS = {
    "page": "/?q={}",
    "page, one source": "/?q={}&source=bench",
    "page, by date": "/?q={}&sort=date",
    "page of experts": "/experts?q={}",
    "API search": "/api/v1/search?q={}",
    "API experts": "/api/v1/experts?q={}",
}


@dataclass(slots=True)
class CountingIndex:
    """Passes every call on to an index, and counts calls by name."""

    index: Index
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        called = getattr(self.index, name)

        def counted(*arguments: Any) -> Any:
            self.calls[name] += 1
            return called(*arguments)

        return counted


class RequestCounter:
    """Counts all requests to OpenSearch, by any client."""

    def __init__(self) -> None:
        self.requests = 0
        sent = opensearchpy.Transport.perform_request

        def perform(transport: Any, *arguments: Any, **named: Any) -> Any:
            self.requests += 1
            return sent(transport, *arguments, **named)

        setattr(opensearchpy.Transport, "perform_request", perform)  # noqa: B010 - a method


def client(filled: FilledEngine, counting: CountingIndex) -> TestClient:
    """Return a client of the web application, with counted index calls and varying readers."""
    draw = random.Random(1)

    def reader(request: Request) -> Reader:
        return Reader("a", random_access(draw).principals)

    index = cast("Index", counting)
    search = Search(index, FakeEncoder(DIMENSION), filled.book)
    services = Services(
        search, filled.book, reader_of=reader, today=lambda: TODAY, overview=filled.overview
    )
    return TestClient(create_app(services))


def measure(name: str, count: int, sent: RequestCounter) -> None:
    """Print a line for each path."""
    with filled_engine(name, count) as filled:
        counting = CountingIndex(filled.index)
        pages = client(filled, counting)
        questions = [filled.words.some(3) for _ in range(ASKED + WARMING)]
        for what, path in PATHS.items():
            counting.calls.clear()
            sent.requests, taken_ms = 0, []
            for question in questions:
                begun = time.perf_counter()
                answer = pages.get(path.format(quote(question)))
                taken_ms.append(1000 * (time.perf_counter() - begun))
                assert answer.status_code == 200, answer.text  # noqa: S101
            tell(f"{name}: {what}", taken_ms[WARMING:], counting.calls, sent.requests)


def tell(what: str, taken_ms: Sequence[float], calls: Counter[str], requests: int) -> None:
    """Print times, and the average calls and requests per question."""
    asked = len(taken_ms) + WARMING
    p50, p95 = np.percentile(taken_ms, [50, 95])
    each = ", ".join(f"{name} {number / asked:.2f}" for name, number in sorted(calls.items()))
    request_count = f"   requests {requests / asked:.2f}" if requests else ""
    print(f"{what:30} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms   {each}{request_count}", flush=True)


def main(arguments: list[str]) -> None:
    """Measure each engine."""
    count = next((int(argument) for argument in arguments if argument.isdigit()), DOCUMENTS)
    engines = [argument for argument in arguments if not argument.isdigit()] or [
        "embedded",
        "opensearch",
    ]
    sent = RequestCounter()
    for name in engines:
        measure(name, count, sent)


if __name__ == "__main__":
    main(sys.argv[1:])
