"""Opinions and favourites: one click, private, can be undone, hidden if a right is lost."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from connectors.values import EVERYONE, Access
from expertise.consent import SqlConsent
from indexer.embedded.index import EmbeddedIndex
from indexer.values import PutAccess
from search_api.administration.system_status import SystemStatus
from search_api.app import Services, create_app
from search_api.audit.sql import SqlAudit
from search_api.feedback.storage import MIN_PROPOSED, MIN_VOTERS, SqlFeedback, Subject, SubjectKind
from search_api.feedback.storage import Aspect as Kept
from search_api.identity.principals import Grant, Grants, Role
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
    folder: Path = tmp_path_factory.mktemp("avis")
    index = EmbeddedIndex(folder / "index", ENCODER.dimension)
    assert not index.write(notes()).failed
    roles = Grants((Grant(Role.ADMINISTRATOR, agents=frozenset({READER})),))

    def now() -> datetime:
        return datetime.now(UTC)

    with made_site(folder, index, AGENTS, TOPICS) as made:
        engine = made.engine
        yield (
            index,
            made.services(
                READER,
                consent=SqlConsent(engine, now),
                feedback=SqlFeedback(engine, now),
                grants=roles,
                audit=SqlAudit(engine, now),
            ),
        )


def client_of(services: Services, agent: str = READER) -> TestClient:
    return TestClient(create_app(services), headers={"x-agent": agent}, follow_redirects=False)


def say(client: TestClient, act: str, subject: str = DOCUMENT, **more: str) -> int:
    status: int = client.post("/avis", data={"act": act, "subject": subject, **more}).status_code
    return status


def said(client: TestClient) -> dict[str, list[tuple[Any, ...]]]:
    body = client.get("/api/v1/me/export").json()
    return {
        name: [(one["kind"], one["subject"], one["useful"]) for one in body[name]]
        for name in ("opinions", "favourites")
    }


def test_an_opinion_is_given_changed_and_taken_back(
    parts: tuple[EmbeddedIndex, Services],
) -> None:
    """One for each subject; nobody else's answer tells of it."""
    client, other = client_of(parts[1]), client_of(parts[1], OTHER)
    asked = {"back": "/?q=cadastre#avis"}
    answer = client.post("/avis", data={"act": "useful", "subject": DOCUMENT, **asked})
    assert (answer.status_code, answer.headers["location"]) == (303, asked["back"])
    assert say(client, "not_useful") == 303
    assert said(client)["opinions"] == [("document", DOCUMENT, False)]
    page = f"/documents/{DOCUMENT}?q=cadastre"
    assert client.get(page).text.count('aria-pressed="true"') == 1
    assert other.get(page).text.count('aria-pressed="true"') == 0
    assert "aria-pressed" not in client.get("/?q=cadastre").text
    assert said(other)["opinions"] == []
    assert say(client, "no_opinion") == 303
    assert said(client) == {"opinions": [], "favourites": []}
    elsewhere = client.post(
        "/avis", data={"act": "no_opinion", "subject": DOCUMENT, "back": "//ailleurs.example"}
    )
    assert elsewhere.headers["location"] == "/"


def test_a_proposed_person_takes_an_opinion_on_their_page(
    parts: tuple[EmbeddedIndex, Services],
) -> None:
    """From the results, a document or the colleagues to their page; undone by a click there."""
    client, other = client_of(parts[1]), client_of(parts[1], OTHER)
    for path in ("/?q=cadastre", f"/documents/{DOCUMENT}", "/experts?q=cadastre"):
        shown = client.get(path).text
        assert 'name="kind" value="agent"' not in shown
        (page, *_) = map(unescape, re.findall(r'<h3><a class="person" href="([^"]*)', shown))
        (form,) = re.findall(r'<form id="avis-agent.*?</form>', client.get(page).text, re.DOTALL)
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
        assert fields["kind"] == "agent"
        assert fields["question"]
        answer = client.post("/avis", data={**fields, "act": "useful"})
        assert (answer.status_code, answer.headers["location"]) == (303, unescape(fields["back"]))
        assert client.get(page).text.count('aria-pressed="true"') == 1
        assert other.get(page).text.count('aria-pressed="true"') == 0
        assert client.post("/avis", data={**fields, "act": "no_opinion"}).status_code == 303
        assert said(client)["opinions"] == []
    named = client.get("/?q=Jo+Seule").text
    assert f'href="/agents/{WRITER}"' in named, "named, not proposed"
    assert 'value="useful"' not in client.get(f"/agents/{WRITER}").text


def test_what_one_may_not_see_is_as_unknown(parts: tuple[EmbeddedIndex, Services]) -> None:
    """A document of others, one that never was, who is not shown, a topic of no list."""
    client = client_of(parts[1])
    for act in ("useful", "favourite"):
        answers = {
            client.post("/avis", data={"act": act, "subject": subject}).text.replace(subject, "")
            for subject in (SECRET, "wiki:never")
        }
        assert len(answers) == 1
        assert say(client, act, SECRET) == 404
        assert say(client, act, "ag-never", kind="agent") == 404
    assert say(client, "favourite", "urn:never", kind="topic") == 404
    assert say(client, "useful", "regies", kind="topic") == 422
    assert say(client, "useful", READER, kind="agent") == 422
    assert said(client) == {"opinions": [], "favourites": []}


def test_a_lost_right_shows_nothing_of_a_favourite(parts: tuple[EmbeddedIndex, Services]) -> None:
    """Neither title nor id, on the page or in the export; back again with the right."""
    index, services = parts
    client = client_of(services)
    kept = (("document", CLOSED), ("agent", WRITER), ("topic", "regies"))
    for kind, subject in kept:
        assert say(client, "favourite", subject, kind=kind) == 303
    assert say(client, "useful", CLOSED) == 303
    page = client.get("/preferences").text
    for shown in ("arpentage, partie 2", "Jo Seule", "/topics/regies"):
        assert shown in page
    index.write([PutAccess(CLOSED, Access(frozenset(), frozenset()))])
    try:
        page, export = client.get("/preferences").text, client.get("/api/v1/me/export").text
        for answer in (page, export):
            assert "partie 2" not in answer
            assert CLOSED not in answer
        assert said(client)["favourites"][-1] == ("document", None, None)
    finally:
        index.write([PutAccess(CLOSED, allowed(EVERYONE))])
    assert "arpentage, partie 2" in client.get("/preferences").text
    assert say(client, "forget_favourites", "") == 303
    assert say(client, "forget_opinions", "") == 303
    assert said(client) == {"opinions": [], "favourites": []}


def test_an_administrator_sees_sums_from_five_people_on(
    parts: tuple[EmbeddedIndex, Services],
) -> None:
    """Sums concern readable documents and topics with several proposed people; nobody is named."""
    services = parts[1]
    store = services.feedback
    assert store is not None
    client = client_of(services)

    def page() -> str:
        answer = client.get("/administration")
        assert answer.status_code == 200
        return answer.text.partition('id="avis"')[2]

    services = replace(services, administration=lambda: SystemStatus((), [], None))
    client = client_of(services)
    for voter in range(MIN_VOTERS):
        assert "partie 0" not in page()
        for document in (DOCUMENT, SECRET):
            subject = Subject(SubjectKind.DOCUMENT, document)
            store.keep(f"v-{voter}", Kept.OPINION, subject, voter > 0)
    assert "partie 0" in page()
    assert "Zanzibar" not in page()
    for proposed in range(MIN_PROPOSED):
        assert "Collègues proposés" not in page()
        for voter in range(MIN_VOTERS):
            subject = Subject(SubjectKind.AGENT, f"p-{proposed}", "regies")
            store.keep(f"v-{voter}", Kept.OPINION, subject, True)
    assert "Collègues proposés" in page()
    assert "v-0" not in page()
    assert "p-0" not in page()
    for voter in range(MIN_VOTERS):
        store.remove(f"v-{voter}", Kept.OPINION)
    assert "partie 0" not in page()


def test_who_withdraws_leaves_no_opinion_on_themselves(
    parts: tuple[EmbeddedIndex, Services],
) -> None:
    """Opinions on the withdrawn person are deleted; of a question, only its topic was stored."""
    services = parts[1]
    client, writer = client_of(services), client_of(services, WRITER)
    question = "Qui connaît le cadastre de Dupont ?"
    assert say(client, "useful", WRITER, kind="agent", question=question) == 303
    store = services.feedback
    assert store is not None
    (kept,) = store.of(READER)
    assert kept.subject == Subject(SubjectKind.AGENT, WRITER, "urn:sujet/cadastre")
    shown = client.get(f"/agents/{WRITER}", params={"q": question}).text
    assert shown.count('aria-pressed="true"') == 1
    assert client.get(f"/agents/{WRITER}?q=régies").text.count('aria-pressed="true"') == 0
    writer.post("/mes-donnees", data={"act": "ask", "kind": "withdraw"})
    writer.post("/mes-donnees", data={"act": "take_back", "kind": "withdraw"})
    assert said(client)["opinions"] == []


@pytest.mark.parametrize("scripted", [True, False], ids=["script", "no-script"])
def test_one_click_in_a_browser(
    parts: tuple[EmbeddedIndex, Services], chromium: Browser, *, scripted: bool
) -> None:
    """Pressed, changed, undone; with a script the page stays as it is."""
    with served(create_app(parts[1])) as address:
        context = chromium.new_context(
            java_script_enabled=scripted, extra_http_headers={"x-agent": READER}
        )
        page = context.new_page()
        page.goto(f"{address}/documents/{DOCUMENT}")
        loads = []
        page.on("load", lambda _: loads.append(1))
        form = page.locator("article.reading form.feedback").first
        useful = form.get_by_role("button", name="Utile", exact=False).first
        not_useful = form.get_by_role("button", name="Pas utile", exact=False)
        for button, other in ((useful, not_useful), (not_useful, useful)):
            button.click()
            expect(button).to_have_attribute("aria-pressed", "true")
            expect(other).to_have_attribute("aria-pressed", "false")
        not_useful.click()
        expect(not_useful).to_have_attribute("aria-pressed", "false")
        assert bool(loads) is not scripted
        page.reload()
        expect(not_useful).to_have_attribute("aria-pressed", "false")
        expect(useful).to_have_attribute("aria-pressed", "false")
        context.close()
    assert said(client_of(parts[1]))["opinions"] == []
