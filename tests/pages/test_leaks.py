"""Documents closed to a reader appear neither in the API nor on a page, not even in a count."""

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from search_api.app import create_app
from search_api.identity.readers import reader_of
from tests.pages.administration import SECRET, TODAY
from tests.pages.conftest import ClientOf, Parts

pytestmark = [pytest.mark.pages, pytest.mark.trust]

PATHS = [
    "/api/v1/search?q={}&explain=true&page_size=50",
    "/api/v1/experts?q={}&limit=50",
    "/api/v1/suggest?q={}",
    "/?q={}",
    "/experts?q={}",
    "/documents/wiki:degrevement?q={}",
    "/api/v1/documents/wiki:degrevement?q={}",
]
CLOSED = ("/documents/wiki:restreinte", "/api/v1/documents/wiki:restreinte")
TRACES = ("restreinte", "wiki.example/Zanzibar", "espace-Zanzibar", "enquête", "Iris", "iris")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("question", ["zanz", SECRET, "dégrèvement foncier", ""])
def test_no_trace_of_a_restricted_document(claire: TestClient, path: str, question: str) -> None:
    """Neither its words, id, address, space, kind nor its author show, whatever is asked."""
    text = claire.get(path.format(question)).text
    if question != SECRET:  # what the reader typed stands in the field
        assert SECRET not in text
    assert not [trace for trace in TRACES if trace in text]


@pytest.mark.parametrize("path", CLOSED)
def test_a_restricted_document_is_as_one_that_never_was(claire: TestClient, path: str) -> None:
    """To the letter, whatever is asked with it."""
    for asked in ("", f"?q={SECRET}"):
        refused = claire.get(f"{path}{asked}")
        unknown = claire.get(f"{path.replace('restreinte', 'jamais')}{asked}")
        assert (refused.status_code, refused.text) == (404, unknown.text)


def test_its_reader_finds_it(client_of: ClientOf) -> None:
    """The same paths do show it to whom it is open: the checks above can fail."""
    noe = client_of("ag-6")
    for path in (*PATHS[:5], *CLOSED):
        question = "zanz" if "suggest" in path else "enquête zanzibar"
        assert f"Enquête {SECRET}" in noe.get(path.format(question)).text
    experts = noe.get(f"/api/v1/experts?q={SECRET}").json()
    assert experts["candidates"][0]["agent"]["id"] == "ag-4"


def test_filters_do_not_reveal_it(claire: TestClient) -> None:
    """To narrow by the restricted document's own values finds nothing."""
    for filters in (f"space=espace-{SECRET}", "area=93", "kind=enquête"):
        body = claire.get(f"/api/v1/search?{filters}").json()
        assert body["total"] == 0
        assert not any(body["facets"].values())
    refused, never = (claire.get(f"/api/v1/search?year={year}") for year in (2026, 1926))
    assert (refused.status_code, never.status_code) == (422, 422)
    assert refused.json()["detail"].replace("2026", "1926") == never.json()["detail"]


def test_what_a_document_replaces_shows_only_if_readable(
    claire: TestClient, client_of: ClientOf
) -> None:
    """The note replaces two documents: each reader sees those that they may read."""

    def replaced(client: TestClient) -> list[str]:
        body = client.get("/api/v1/search?q=dégrèvement incendie").json()
        return [one["id"] for one in body["documents"][0]["replaces"]]

    assert replaced(claire) == ["wiki:ancienne"]
    assert replaced(client_of("ag-4")) == ["wiki:ancienne", "wiki:restreinte"]


def test_a_silent_authority_is_said(parts: Parts) -> None:
    """Where an authority did not answer, API and pages say that documents may be missing."""
    whole = reader_of("ag-1", parts.book, TODAY)
    partial = replace(whole, unanswered=frozenset({"ldap"}))
    app = create_app(parts.services(reader_of=lambda request: partial))
    client = TestClient(app)
    for path in ("search", "experts"):
        assert client.get(f"/api/v1/{path}?q=incendie").json()["incomplete"] == ["ldap"]
    for path in ("/", "/experts"):
        assert 'class="note warn"' in client.get(f"{path}?q=incendie").text
