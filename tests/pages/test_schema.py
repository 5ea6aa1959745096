"""The whole API as its schema says it, and beyond: no request makes it fall, answers match."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from connectors.push.inbox import Inbox
from connectors.push.reception import Reception
from connectors.push.tokens import PushTokens
from connectors.push.values import PushLimits, SuiteRules
from indexer.state import State
from search_api.app import Services, create_app
from search_api.identity.identify import TokenReaders
from tests.pages.administration import TODAY
from tests.pages.conftest import NOW_S, TOKENS, Parts

pytestmark = [pytest.mark.pages, pytest.mark.trust]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BOUNDED = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
BEARERS = {"reader": f"Bearer {TOKENS.make('ag-1', NOW_S)}", "nobody": ""}


@pytest.fixture(scope="module")
def pushed(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The application with a source that pushes; its token is in `app.state.push`."""
    folder: Path = tmp_path_factory.mktemp("schema")
    engine = sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}")
    tokens = PushTokens(engine)
    inbox = Inbox(engine, State(engine).load, 100_000)
    rules, limits = {"docs": SuiteRules()}, PushLimits(1_000_000, 100_000, 100)
    readers = TokenReaders(TOKENS, parts.book, lambda: NOW_S, lambda: TODAY)
    reception = Reception(inbox, tokens, rules, limits)
    services = Services(parts.search, parts.book, readers, lambda: TODAY, reception=reception)
    app = create_app(services)
    app.state.push = f"Bearer {tokens.add('docs', '')}"
    yield app
    engine.dispose()


@pytest.fixture(scope="module")
def api(pushed: FastAPI) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", pushed)


def test_every_route(api: schemathesis.BaseSchema, pushed: FastAPI) -> None:
    """For a reader, for nobody and for who pushes: an answer that the schema knows."""
    asked: set[str] = set()
    for found in api.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]  # else it raises, which is meant

        @BOUNDED
        @given(case=operation.as_strategy())
        def answers(case: Any) -> None:
            for bearer in (*BEARERS.values(), pushed.state.push):
                answer = case.call(headers={"Authorization": bearer} if bearer else {})
                case.validate_response(answer, checks=CHECKS)

        answers()
        asked.add(operation.path)
    assert asked >= {"/api/v1/search", "/api/v1/push/{source}", "/api/v1.0/documents/index/"}


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["\x00", "\ud800", "'", '"', "«", "(" * 200, "OU " * 50, "auteur:", "après:9999-99-99",
         "-1",
         "9" * 400, "NaN", "%", "../../etc/passwd", "{{7*7}}", "a:" * 50, "-" * 300, "\u202e"]
    ),
)  # fmt: skip
NAMES = st.sampled_from(
    ["q", "page", "page_size", "kind", "area", "year", "sort", "topic", "offset", "agent", "limit",
     "as_typed", "explain", "back", "source", "entity", "space"]
)  # fmt: skip


@pytest.fixture(scope="module")
def paths(pushed: FastAPI) -> list[str]:
    """Every page and every file that is read, by its declared address."""
    found = set()

    def walk(routes: object) -> None:
        for route in routes:  # type: ignore[attr-defined]
            if hasattr(route, "original_router"):
                walk(route.original_router.routes)
            elif "GET" in (getattr(route, "methods", None) or ()):
                found.add(route.path)

    walk(pushed.routes)
    assert {"/", "/experts", "/isolation.csv"} <= found
    return sorted(found)


@settings(
    max_examples=150, derandomize=True, database=None, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(data=st.data(), asked=st.lists(st.tuples(NAMES, HOSTILE), max_size=4), inside=HOSTILE)
def test_no_page_falls(
    pushed: FastAPI,
    paths: list[str],
    data: st.DataObject,
    asked: list[tuple[str, str]],
    inside: str,
) -> None:
    """Whatever stands in an address, and whoever asks: never a 500."""
    import re
    from urllib.parse import quote, urlencode

    declared = data.draw(st.sampled_from(paths))
    path = re.sub(r"\{[^}]*\}", quote(inside, safe="/", errors="surrogatepass"), declared)
    bearer = data.draw(st.sampled_from(sorted(BEARERS.values())))
    client = TestClient(
        pushed, raise_server_exceptions=False, headers={"Authorization": bearer} if bearer else {}
    )
    query = urlencode(asked, errors="surrogatepass")
    answer = client.get(f"{path}?{query}", follow_redirects=False)
    assert answer.status_code < 500 or answer.status_code == 503, (path, query)
