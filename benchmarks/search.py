"""Time of a search beside its bare requests: `python -m benchmarks.search`.

`python -m benchmarks.search [DOCUMENTS] [opensearch|embedded …] [--keep]`: both engines by default.
Documents (10 000 by default) are made of real texts, and their vectors of real vectors with some
noise, so that nothing has to be encoded. `--keep` keeps them for the next run: the embedded
engine's folder under `.cache/search`, the index on OpenSearch until it is stopped. Each question
goes through `Search.answer`; its requests to OpenSearch are recorded and sent again bare, in turns,
by a client that only reads the bytes: unchanged, and with highlights by the engine, which
`Search.answer` computes itself. Prints milliseconds, and ratios with their targets. This process's
processor time stays comparable on a busy machine.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import sqlalchemy as sa
import urllib3
from opensearchpy import OpenSearch

from benchmarks import not_measured
from benchmarks.access_change import DIMENSION
from benchmarks.search_documents import CACHE, Places, filled, stuff
from connectors.values import EVERYONE
from expertise.directory import SqlDirectory
from indexer.access import Reader
from indexer.encoding.onnx_encoder import OnnxEncoder
from indexer.encoding.wrapped_encoders import CachedEncoder
from indexer.opensearch.client import connect
from indexer.values import Vectors
from quisait.application.database import migrate
from quisait.server.app import warm_up
from search_api.engine import Search
from search_api.query.query import Query
from tests.engines import OPENSEARCH_URL
from tests.model_export import prepared_model
from tests.shared_files import SHARED

DOCUMENTS = 10_000
ENGINES = ["opensearch", "embedded"]
QUESTIONS, WARMING = 150, 20
OWN_GROUPS = 5
AIMS = {"p50": 1.2, "p95": 1.2}
TODAY = date(2026, 1, 15)


class Known:
    """An encoder with the precomputed vectors of questions, so that only the search is measured."""

    name, dimension = "known", DIMENSION

    def __init__(self, vectors: dict[str, Vectors]) -> None:
        self._vectors = vectors

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Fail: no passage is encoded here."""
        raise AssertionError(texts)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (n, d)."""
        missing = np.zeros(DIMENSION, np.float32)
        return np.stack([self._vectors.get(text, missing) for text in texts])

    def beginning(self, text: str) -> str:
        """Return the whole text."""
        return text


@dataclass(slots=True)
class Recording:
    """Records the requests of a client: (method, path, body) with the body as bytes."""

    opensearch: OpenSearch
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        passed = self.opensearch.transport.perform_request

        def perform(method: str, url: str, *rest: Any, **named: Any) -> Any:
            body = named.get("body")
            payload = body if isinstance(body, str | bytes) else json.dumps(body)
            # The client has encoded its parameters by now; two are not sent.
            query = "&".join(
                f"{name}={value.decode() if isinstance(value, bytes) else value}"
                for name, value in (named.get("params") or {}).items()
                if name not in ("request_timeout", "ignore")
            )
            encoded = payload if isinstance(payload, bytes) else payload.encode()
            self.sent.append((method, f"{url}?{query}", encoded if body else b""))
            return passed(method, url, *rest, **named)

        setattr(self.opensearch.transport, "perform_request", perform)  # noqa: B010 - a method

    def taken(self) -> list[tuple[str, str, bytes]]:
        """Return the requests since the last call."""
        taken, self.sent = self.sent, []
        return taken


def with_marks(sent: Sequence[tuple[str, str, bytes]]) -> list[tuple[str, str, bytes]]:
    """Return the requests, with highlighting of the displayed passages by the engine.

    It highlights the searched field, each passage as a whole, like the pages need it.
    """
    return [
        (method, path, b"\n".join(map(_marking, body.split(b"\n")))) for method, path, body in sent
    ]


def _marking(line: bytes) -> bytes:
    if b'"inner_hits"' not in line:
        return line
    body = json.loads(line)
    (best,) = body["query"]["bool"]["should"]
    fields = {"passages.terms": {"number_of_fragments": 0}}
    best["nested"]["inner_hits"]["highlight"] = {"fields": fields}
    return json.dumps(body).encode()


def send_bare(pool: urllib3.HTTPConnectionPool, sent: Sequence[tuple[str, str, bytes]]) -> None:
    """Send these requests one after the other, and only read the answers."""
    for method, path, body in sent:
        kind = "application/x-ndjson" if "_msearch" in path else "application/json"
        answer = pool.request(method, path, body=body, headers={"Content-Type": kind})
        assert answer.status == 200, answer.data[:300]  # noqa: S101 a refused search is not measured


QUERIES = "eval/search_cdtn_fiches/queries.jsonl"


def questions() -> list[str]:
    """Return a sample of real questions."""
    lines = (SHARED / QUERIES).read_text("utf-8").splitlines()
    texts = [str(json.loads(line)["text"]) for line in lines]
    return random.Random(0).sample(texts, QUESTIONS + WARMING)


def quantiles(times_ms: Sequence[float]) -> dict[str, float]:
    """Return p50 and p95."""
    return {name: float(np.percentile(times_ms, int(name[1:]))) for name in AIMS}


def tell(name: str, times_ms: Sequence[float], beside: Sequence[float] = ()) -> None:
    """Print one line; with `beside`, also the ratios to the bare requests and their targets."""
    found = quantiles(times_ms)
    line = f"{name:34} p50 {found['p50']:7.1f} ms  p95 {found['p95']:7.1f} ms"
    if beside:
        bare = quantiles(beside)
        ratios = [f"{key} ×{found[key] / bare[key]:.2f} (≤ {aim})" for key, aim in AIMS.items()]
        line = "  ".join((line, *ratios))
    print(line, flush=True)


def timed_ms(asked: Callable[[], object]) -> float:
    """Return the milliseconds of one call."""
    begun = time.perf_counter()
    asked()
    return (time.perf_counter() - begun) * 1000


def measured(engines: Sequence[str], places: Places, known: Known) -> None:
    """Ask every question on every engine in turn, so that a busy moment affects all."""
    book = SqlDirectory(migrate(sa.create_engine("sqlite://", poolclass=sa.StaticPool)))
    mine = {f"ldap:group:{number}" for number in range(OWN_GROUPS)}
    reader = Reader("a", frozenset({EVERYONE, "agent:a", *mine}))
    recording = Recording(connect(OPENSEARCH_URL))
    indexes = {engine: places.opened(engine, recording.opensearch) for engine in engines}
    searches = {engine: Search(index, known, book) for engine, index in indexes.items()}
    warm_up(indexes.get("embedded"))  # like a server
    pool = urllib3.connection_from_url(OPENSEARCH_URL, maxsize=1)
    times: dict[str, list[float]] = {name: [] for name in ("bare", "marked", *engines)}
    worked: dict[str, list[float]] = {name: [] for name in times}
    for number, text in enumerate(questions()):
        turns: list[tuple[str, Callable[[], object]]] = [
            (engine, partial(search.answer, Query(text), reader, TODAY))
            for engine, search in searches.items()
        ]
        if "opensearch" in searches:
            recording.taken()
            searches["opensearch"].answer(Query(text), reader, TODAY)
            sent = recording.taken()
            turns.append(("bare", partial(send_bare, pool, sent)))
            turns.append(("marked", partial(send_bare, pool, with_marks(sent))))
        # The engine's caches are warm for all; the order changes with each question.
        first = number % len(turns)
        for name, asked in turns[first:] + turns[:first]:
            begun = time.process_time()
            taken_ms = timed_ms(asked)
            if number >= WARMING:
                times[name].append(taken_ms)
                worked[name].append((time.process_time() - begun) * 1000)
    if times["bare"]:
        tell("OpenSearch, sub-queries bare", times["bare"])
        tell("OpenSearch, with its marks", times["marked"])
    for engine in engines:
        tell(f"Search.answer, {engine}", times[engine], times["marked"])
        if times["bare"]:
            tell("  beside what lacks marks", times[engine], times["bare"])
            tell("  processor, requests bare", worked["bare"])
        tell("  processor", worked[engine])


def main(arguments: Sequence[str]) -> None:
    """Measure searches on each engine."""
    if not_measured("search", QUERIES):
        return
    count = next((int(argument) for argument in arguments if argument.isdigit()), DOCUMENTS)
    engines = [argument for argument in arguments if argument in ENGINES] or ENGINES
    CACHE.mkdir(parents=True, exist_ok=True)
    # Caching is allowed: the questions of a judged set are public.
    onnx = OnnxEncoder(prepared_model())
    encoder = CachedEncoder(onnx, CACHE / "vectors.sqlite", keep_queries=True)
    made, texts = stuff(count, encoder), questions()
    known = dict(zip(texts, encoder.queries(texts), strict=True))
    encoder.close()
    print(f"{count} documents, {QUESTIONS} questions, vectors given", flush=True)
    with filled(made, engines, keep="--keep" in arguments) as places:
        measured(engines, places, Known(known))


if __name__ == "__main__":
    main(sys.argv[1:])
