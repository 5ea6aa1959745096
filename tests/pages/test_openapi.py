"""The API's description: where it is served, and that it says what the API does."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from search_api.deprecations import DEPRECATED
from tests.pages.conftest import heard, served

pytestmark = pytest.mark.pages

Schema = dict[str, Any]


@pytest.fixture(scope="module")
def api(token_app: FastAPI) -> Schema:
    found: Schema = TestClient(token_app).get("/openapi.json").json()
    return found


def operations(api: Schema) -> Iterator[tuple[str, Schema]]:
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def reached(api: Schema, name: str) -> set[str]:
    """The schemas that one is made of."""
    found, waiting = set(), [name]
    while waiting:
        here = waiting.pop()
        if here not in found:
            found.add(here)
            body = str(api["components"]["schemas"][here])
            waiting += re.findall(r"#/components/schemas/(\w+)", body)
    return found


def test_it_is_where_users_of_fastapi_look(client_of: Any, api: Schema) -> None:
    """For nobody too: it says nothing of a document. The former address says where it went."""
    nobody = client_of(None)
    former = nobody.get("/api/v1/openapi.json")
    assert former.json() == api
    assert former.headers["link"] == '</openapi.json>; rel="successor-version"'
    assert former.headers["deprecation"].startswith("@")
    assert "sunset" in former.headers
    now = nobody.get("/openapi.json")
    assert not {"deprecation", "sunset", "link"} & set(now.headers)
    page = nobody.get("/docs")
    assert page.status_code == 200
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith("/"), "it needs no other site"
        assert nobody.get(address).status_code == 200


def test_every_operation_is_named_and_secured(api: Schema) -> None:
    tags = {one["name"] for one in api["tags"]}
    schemes = api["components"]["securitySchemes"]
    names = [operation["operationId"] for _, operation in operations(api)]
    assert len(names) == len(set(names))
    for where, operation in operations(api):
        assert set(operation["tags"]) <= tags, where
        assert operation["summary"], where
        assert operation["security"], where
        assert {name for one in operation["security"] for name in one} <= set(schemes), where


def test_every_refusal_is_a_problem(api: Schema) -> None:
    for where, operation in operations(api):
        answers = operation["responses"]
        assert {"401", "403", "422", "429", "503"} <= set(answers), where
        assert "requestBody" not in operation or "400" in answers, where
        for status, answer in answers.items():
            if int(status) >= 400:
                assert "application/problem+json" in answer["content"], (where, status)


@pytest.mark.parametrize(("name", "body"), [("search", "SearchBody"), ("experts", "ExpertsBody")])
def test_every_field_is_described(api: Schema, name: str, body: str) -> None:
    for one in api["paths"][f"/api/v1/{name}"]["get"]["parameters"]:
        assert one["description"], one["name"]
    for schema in reached(api, body):
        fields = api["components"]["schemas"][schema].get("properties", {})
        assert [field for field, said in fields.items() if not said.get("description")] == [], (
            schema
        )


def test_the_examples_are_of_the_schema(api: Schema) -> None:
    checked = 0
    for where, operation in operations(api):
        said = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
        if "example" in said:
            whole = said["schema"] | {"components": api["components"]}
            jsonschema.Draft202012Validator(whole).validate(said["example"])
            checked += 1
        assert where
    assert checked >= 4


def test_deprecated_addresses_answer(client_of: Any) -> None:
    """Until the day that they name; then they are removed, and their line with them."""
    for path, said in DEPRECATED.items():
        assert said.since < said.sunset
        assert client_of("ag-1").get(path).status_code == 200
        assert client_of("ag-1").get(said.successor).status_code == 200


def test_a_browser_shows_it(token_app: FastAPI, chromium: Browser) -> None:
    """Swagger UI draws the operations under the page's policy, without a refusal."""
    with served(token_app) as address:
        page = chromium.new_page()
        said = heard(page)
        page.goto(f"{address}/docs")
        page.wait_for_selector("#operations-search-search")
        page.click("#operations-search-search button")
        page.wait_for_selector("text=Dégrèvement de taxe foncière")
        page.close()
    assert said == []
