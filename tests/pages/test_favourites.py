"""Favourites: one click, private, can be undone, hidden if a right is lost."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from connectors.values import EVERYONE, Access
from expertise.consent import SqlConsent
from indexer.embedded.index import EmbeddedIndex
from indexer.values import PutAccess
from search_api.app import Services, create_app
from search_api.favourites.storage import SqlFavourites
from tests.builders import allowed
from tests.made_site import made_site
from tests.pages.conftest import served
from tests.pages.test_topic_pages import AGENTS, TOPICS, notes
from tests.planted import ENCODER

pytestmark = [pytest.mark.pages, pytest.mark.trust]

READER, OTHER, WRITER = "ag-5", "ag-2", "ag-1"
DOCUMENT, SECRET = "wiki:0", "wiki:6"
"""One that everybody reads, and one that nobody of the directory may."""
CLOSED = "wiki:2"
"""Open at first."""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedIndex, Services]]:
    folder: Path = tmp_path_factory.mktemp("favoris")
    index = EmbeddedIndex(folder / "index", ENCODER.dimension)
    assert not index.write(notes()).failed
    with made_site(folder, index, AGENTS, TOPICS) as made:
        consent = SqlConsent(made.engine, lambda: datetime.now(UTC))
        store = SqlFavourites(made.engine, lambda: datetime.now(UTC))
        yield index, made.services(READER, consent=consent, parts=(store,))


def client_of(services: Services, agent: str = READER) -> TestClient:
    return TestClient(create_app(services), headers={"x-agent": agent}, follow_redirects=False)


def click(client: TestClient, act: str, subject: str = DOCUMENT, **more: str) -> int:
    data = {"act": act, "subject": subject, **more}
    status: int = client.post("/favoris", data=data).status_code
    return status


def exported(client: TestClient) -> list[tuple[Any, ...]]:
    body = client.get("/api/v1/me/export").json()
    return [(item["kind"], item["subject"]) for item in body["favourites"]]


def test_a_favourite_is_shown_to_its_agent_only(parts: tuple[EmbeddedIndex, Services]) -> None:
    """Marked and unmarked, back at the page; nobody else's answer shows it."""
    client, other = client_of(parts[1]), client_of(parts[1], OTHER)
    page = f"/documents/{DOCUMENT}"
    data = {"act": "favourite", "subject": DOCUMENT, "back": f"{page}#favori"}
    answer = client.post("/favoris", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, data["back"])
    assert exported(client) == [("document", DOCUMENT)]
    assert client.get(page).text.count('aria-pressed="true"') == 1
    assert other.get(page).text.count('aria-pressed="true"') == 0
    assert exported(other) == []
    elsewhere = {"act": "no_favourite", "subject": DOCUMENT, "back": "//ailleurs.example"}
    assert client.post("/favoris", data=elsewhere).headers["location"] == "/"
    assert exported(client) == []


def test_an_unreadable_favourite_answers_like_an_unknown_one(
    parts: tuple[EmbeddedIndex, Services],
) -> None:
    """A document of others, one that never was, an unknown agent, a topic of no list, oneself."""
    client = client_of(parts[1])
    data = {"act": "favourite"}
    answers = {
        client.post("/favoris", data=data | {"subject": subject}).text.replace(subject, "")
        for subject in (SECRET, "wiki:never")
    }
    assert len(answers) == 1
    assert click(client, "favourite", SECRET) == 404
    assert click(client, "favourite", "ag-never", kind="agent") == 404
    assert click(client, "favourite", "urn:never", kind="topic") == 404
    assert click(client, "favourite", READER, kind="agent") == 422
    assert exported(client) == []


def test_a_lost_right_hides_a_favourite(parts: tuple[EmbeddedIndex, Services]) -> None:
    """Neither title nor id, on the page or in the export; back again with the right."""
    index, services = parts
    client = client_of(services)
    for kind, subject in (("document", CLOSED), ("agent", WRITER), ("topic", "regies")):
        assert click(client, "favourite", subject, kind=kind) == 303
    page = client.get("/preferences").text
    for shown in ("arpentage, partie 2", "Jo Seule", "/topics/regies"):
        assert shown in page
    index.write([PutAccess(CLOSED, Access(frozenset(), frozenset()))])
    try:
        page, export = client.get("/preferences").text, client.get("/api/v1/me/export").text
        for answer in (page, export):
            assert "partie 2" not in answer
            assert CLOSED not in answer
        assert exported(client)[-1] == ("document", None)
    finally:
        index.write([PutAccess(CLOSED, allowed(EVERYONE))])
    assert "arpentage, partie 2" in client.get("/preferences").text
    assert click(client, "forget_favourites", "") == 303
    assert exported(client) == []


@pytest.mark.parametrize("scripted", [True, False], ids=["script", "no-script"])
def test_one_click_in_a_browser(
    parts: tuple[EmbeddedIndex, Services], chromium: Browser, *, scripted: bool
) -> None:
    """Pressed and undone; with a script the page stays as it is."""
    with served(create_app(parts[1])) as address:
        context = chromium.new_context(
            java_script_enabled=scripted, extra_http_headers={"x-agent": READER}
        )
        page = context.new_page()
        page.goto(f"{address}/documents/{DOCUMENT}")
        loads = []
        page.on("load", lambda _: loads.append(1))
        button = page.locator("form.favourite button").first
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        assert exported(client_of(parts[1])) == [("document", DOCUMENT)]
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
        assert bool(loads) is not scripted
        context.close()
    assert exported(client_of(parts[1])) == []
