"""The written answer on the page, in a real browser: sentence by sentence, and gone if it fails."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from test_written_answers import ASKED, TRUE, app_with, writing
from test_written_answers import model as model
from test_written_answers import parts as parts

from tests.model_server import ModelServer, event
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


def test_an_answer_and_a_question_on_it(page: Page, model: ModelServer) -> None:
    """Each sentence leads to its source; the thread goes with the next question, by keyboard."""
    model.says(f"{TRUE} [1].")
    page.locator("#redigee button").press("Enter")
    expect(page.locator("#redigee-fil p").first).to_contain_text(TRUE)
    source = page.locator("#redigee-fil p a").first.get_attribute("href") or ""
    assert source.startswith("/documents/wiki:degrevement")
    expect(page.locator("#redigee-dit")).not_to_be_empty()
    assert faults_of(page) == []
    model.says("dégrèvement après un incendie", f"{TRUE} [1].")
    page.locator("#redigee-q").fill("et ensuite ?")
    page.locator("#redigee-q").press("Enter")
    expect(page.locator("#redigee-fil h3")).to_have_text("et ensuite ?")
    expect(page.locator("#redigee-fil div").nth(1)).to_contain_text(TRUE)
    assert ASKED in model.texts[1]
    assert TRUE not in model.texts[1]


def test_what_fails_leaves_the_page_as_it_was(page: Page, model: ModelServer) -> None:
    """Sentences that had come are taken back; one says so, and documents and colleagues stay."""
    model.answer = lambda asked: iter([event(f"{TRUE} [1]. Et puis "), event("encore")])
    page.locator("#redigee button").click()
    expect(page.locator("#redigee-dit")).not_to_have_text("Rédaction en cours…")
    expect(page.locator("#redigee-fil p")).to_have_count(0)
    assert page.locator("#qui-sait").is_visible()
    assert page.locator(".document").count()


def test_hostile_text_stays_text(page: Page, model: ModelServer) -> None:
    """Nothing that a model writes becomes an element or an address."""
    model.says(f"{TRUE} [1]. <img src=x onerror=alert(1)> incendie [1]. [x](javascript:1) [1].")
    page.locator("#redigee button").click()
    expect(page.locator("#redigee-dit")).not_to_have_text("Rédaction en cours…")
    assert page.locator("#redigee img").count() == 0
    assert page.locator("#redigee a[href^=javascript]").count() == 0
