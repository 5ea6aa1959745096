"""Chosen sentences on the page, in a real browser: exact, with their source, gone if it fails."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from test_written_answers import ASKED, app_with, writing
from test_written_answers import model as model
from test_written_answers import parts as parts

from tests.model_server import ModelServer
from tests.pages.conftest import NOW_S, TOKENS, Parts, served
from tests.pages.conftest import chromium as chromium
from tests.pages.test_accessibility import faults_of

pytestmark = pytest.mark.pages


@pytest.fixture
def page(parts: Parts, model: ModelServer, chromium: Browser) -> Iterator[Page]:
    headers = {"Authorization": f"Bearer {TOKENS.make('ag-1', NOW_S)}"}
    with served(app_with(parts, writing(model, parts))) as address:
        context = chromium.new_context(extra_http_headers=headers, base_url=address)
        page = context.new_page()
        page.goto(f"/?q={ASKED}")
        yield page
        context.close()


def test_chosen_sentences_lead_to_their_documents(page: Page, model: ModelServer) -> None:
    """By keyboard; asking again replaces them."""
    model.says("Réponse : 1", "0")
    page.locator("#choisies button").press("Enter")
    expect(page.locator("#choisies h3")).to_have_text("Réponse")
    expect(page.locator("#choisies blockquote")).to_have_count(1)
    source = page.locator("#choisies-extraits a").first.get_attribute("href") or ""
    assert source.startswith("/documents/wiki:degrevement")
    expect(page.locator("#choisies-dit")).not_to_be_empty()
    assert faults_of(page) == []
    page.locator("#choisies button").press("Enter")
    expect(page.locator("#choisies blockquote")).to_have_count(0)


def test_what_fails_leaves_the_page_as_it_was(page: Page, model: ModelServer) -> None:
    """One sentence says so; documents and colleagues stay; nothing that it wrote is shown."""
    model.says("<img src=x onerror=alert(1)> La taxe est nulle.")
    page.locator("#choisies button").click()
    expect(page.locator("#choisies-dit")).not_to_have_text("Choix en cours…")
    expect(page.locator("#choisies-extraits")).to_be_empty()
    assert "nulle" not in page.locator("#choisies").inner_text()
    assert page.locator("#qui-sait").is_visible()
    assert page.locator(".document").count()
