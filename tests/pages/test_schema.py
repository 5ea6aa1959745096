"""The whole API as its schema says it, and beyond: no request makes it fall, answers match."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import schemathesis
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from quisait_export.schema import RecordLine
from quisait_lasuite.documents import SuiteDocuments, SuiteRules
from quisait_lasuite.groups import PushedGroups
from quisait_lasuite.scim_values import SuiteGroups
from quisait_lasuite.service import LaSuite
from quisait_lasuite.web import lasuite_web
from quisait_mail.web import mail_web
from quisait_moderation.web import moderation_web
from quisait_push.inbox import Inbox, PushService
from quisait_push.items import PushLimits
from quisait_push.tokens import PushTokens
from quisait_push.web import push_web
from quisait_written_answer.model import ModelServer
from quisait_written_answer.routes import web_feature
from quisait_written_answer.values import Writing, WritingRules
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from expertise.build import BuildRules, build_expertise
from expertise.builds import SqlBuilds
from expertise.current_build import BuildReader
from expertise.topics import TopicList
from indexer.state import State
from quisait.application.database import migrate
from quisait.clock import now
from search_api.app import create_app
from search_api.audit.sql import SqlAudit
from search_api.identity.principals import Grant, Grants, Role
from search_api.identity.readers import reader_of
from tests.pages.access_routes import each_route
from tests.pages.administration import ENCODER, TODAY
from tests.pages.conftest import NOW_S, TOKENS, Parts
from tests.pages.signing_on import signing_on_app
from tests.pages.states import TOPICS

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
PATIENCE_S = 120
"""Time that an answer may take on a busy machine; Schemathesis' own is 10 s."""
BEARERS = {"reader": f"Bearer {TOKENS.make('ag-1', NOW_S)}", "nobody": ""}


@pytest.fixture(scope="module")
def pushed(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The application with a source that pushes; its token is in `app.state.push`."""
    folder: Path = tmp_path_factory.mktemp("schema")
    engine = migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}"))
    tokens = PushTokens(engine)
    inbox = Inbox(engine, State(engine).load, 100_000)
    limits = PushLimits(1_000_000, 100_000, 100)
    suite = LaSuite(
        SuiteDocuments(inbox, {"docs": SuiteRules()}, limits.document_bytes),
        SuiteGroups(PushedGroups(engine), frozenset({"docs"})),
    )
    services = parts.services(
        features=(
            push_web(PushService(inbox, tokens, {"docs": frozenset()}, limits)),
            lasuite_web(suite),
            mail_web(None),
            moderation_web(),
            web_feature(
                Writing(
                    ModelServer("http://127.0.0.1:9/v1", "absent"),
                    WritingRules(sources=frozenset({"wiki"})),
                    lambda agent_id: reader_of(agent_id, parts.book, TODAY),
                )
            ),
        ),
    )
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
                headers = {"Authorization": bearer} if bearer else {}
                answer = case.call(headers=headers, timeout=PATIENCE_S)
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


def numbers_of(app: FastAPI) -> set[tuple[str, str, str, Any]]:
    """(method, path, name, field) of every number that a route takes outside a JSON body."""
    found = set()
    for route in each_route(app.routes):
        dependants = [route.dependant] if hasattr(route, "dependant") else []
        for one in dependants:  # grows on the way: what it depends on has its own
            dependants.extend(one.dependencies)
            for place in ("path", "query", "header", "cookie", "body"):
                for field in getattr(one, f"{place}_params"):
                    kinds = {field.field_info.annotation, *get_args(field.field_info.annotation)}
                    if kinds & {int, float}:
                        method = min(route.methods - {"HEAD"})
                        found.add((method, route.path, field.alias, field))
    return found


@pytest.fixture(scope="module")
def everything(
    pushed: FastAPI, parts: Parts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FastAPI]:
    """The application with every page: sign-on, topics, the audit and its officer."""
    folder = tmp_path_factory.mktemp("numbers")
    database = migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}"))
    builds = SqlBuilds(database)
    build = build_expertise(parts.index, parts.book, ENCODER, TOPICS, BuildRules(), TODAY)
    builds.publish(build, TopicList(TOPICS))
    services = replace(
        pushed.state.services,
        overview=BuildReader(builds, parts.index, parts.book, BuildRules()),
        grants=Grants((Grant(Role.OFFICER, agents=frozenset({"ag-1"})),)),
        audit=SqlAudit(database, now),
        sign_on=signing_on_app(parts, database, "http://testserver", "http://127.0.0.1:1").sign_on,
    )
    yield create_app(services)
    database.dispose()


def test_every_number_has_bounds(everything: FastAPI) -> None:
    """Each parameter of each route, and each number of a body that the schemas know."""
    numbers = numbers_of(everything)
    named = {(method, path, name) for method, path, name, _ in numbers}
    assert named >= {
        ("GET", "/api/v1/isolation", "offset"),
        ("GET", "/coverage", "offset"),
        ("GET", "/audit", "before"),
        ("POST", "/access/tokens", "days"),
    }
    unbounded = [
        (method, path, name)
        for method, path, name, field in numbers
        if not {"Ge", "Le"} <= {type(one).__name__ for one in field.field_info.metadata}
    ]
    assert not unbounded
    operations = everything.openapi()["paths"].values()
    bodies = [
        operation["requestBody"] for path in operations for operation in path.values()
        if "requestBody" in operation
    ]  # fmt: skip
    schemas = everything.openapi()["components"]["schemas"]
    names = {name for name in schemas if f'"#/components/schemas/{name}"' in json.dumps(bodies)}
    pushed_lines = TypeAdapter(RecordLine).json_schema()
    for schema in ({name: schemas[name] for name in names}, pushed_lines):
        assert not list(unbounded_numbers(schema))


def unbounded_numbers(schema: Any) -> Iterator[Any]:
    """Every number of a JSON schema without a lowest and a highest value."""
    if isinstance(schema, dict):
        if schema.get("type") in ("integer", "number") and not {"minimum", "maximum"} <= set(
            schema
        ):
            yield schema
        for one in schema.values():
            yield from unbounded_numbers(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from unbounded_numbers(one)


NUMBERS = (
    "0", "-1", "1000000", "1000000000", str(2**31 - 1), str(2**31), str(2**63 - 1), str(2**63),
    str(2**64), "-9223372036854775809", "9" * 400, "1e308", "1e309", "NaN", "Infinity", "-0", "1.5",
    "٣", "३", "1_000", "0x10", " 1", "+1", "", "\x00",
)  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_no_number_makes_a_route_fall(everything: FastAPI, number: str) -> None:
    """Sent to each number of each route, and to the year of a search: an answer, or a 422."""
    bearer = {"Authorization": BEARERS["reader"], "Origin": "http://testserver"}
    client = TestClient(everything, raise_server_exceptions=False, headers=bearer)
    asked = {(method, path, name) for method, path, name, _ in numbers_of(everything)}
    asked |= {("GET", "/", "year"), ("GET", "/api/v1/search", "year")}
    for method, path, name in sorted(asked):
        more = {"params" if method == "GET" else "data": {name: number}}
        answer = client.request(method, path, follow_redirects=False, **more)  # type: ignore[arg-type]
        assert answer.status_code < 500, (method, path, name, number)
