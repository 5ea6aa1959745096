"""On a telephone, suggestions with long titles leave topics and colleagues in sight."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect
from quisait_demo.intranet import intranet_app

from expertise.topics import Topic
from indexer.embedded.index import EmbeddedIndex
from indexer.values import Put
from search_api.app import create_app
from search_api.identity.tokens import DemoReaders
from tests.builders import put
from tests.made_site import made_site
from tests.pages import test_box
from tests.pages.administration import DIRECTORY, ENCODER, TODAY
from tests.pages.conftest import served, token_readers
from tests.pages.test_accessibility import faults_of
from tests.pages.test_browser import opened

pytestmark = pytest.mark.pages

TELEPHONE = ViewportSize(width=360, height=640)
LONG = "Clôture des comptes de la régie n° {} : pièces à réunir, délais à tenir, contrôles à mener "
TITLES = [LONG.format(number) + "avant la remise du service au comptable" for number in range(8)]
TOPICS = tuple(
    Topic(f"t-{n}", label)
    for n, label in enumerate(("clôture des comptes", "classement", "clauses types"))
)


@dataclass(frozen=True, slots=True)
class Sites:
    """Quisait itself, and the box in an intranet."""

    page: str
    box: test_box.Sites


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    folder: Path = tmp_path_factory.mktemp("long")
    index = EmbeddedIndex(folder / "index", ENCODER.dimension)
    assert index.write(list(_documents())).failed == ()
    with ExitStack() as servers:
        made = servers.enter_context(
            made_site(folder, index, DIRECTORY, TOPICS, encoder=ENCODER, today=TODAY)
        )
        book = made.book
        demo = DemoReaders(book, "ag-5", lambda: TODAY)
        services = made.services(reader_of=demo, demo=True)
        intranet = intranet_app(test_box.INTRANET)
        origin = servers.enter_context(served(intranet))
        readers = token_readers(book)
        named = replace(services, demo=False, reader_of=readers, origins={origin})
        quisait = servers.enter_context(served(create_app(named)))
        intranet.state.quisait = quisait
        page = servers.enter_context(served(create_app(services)))
        yield Sites(page, test_box.Sites(quisait, origin, origin))


def _documents() -> Iterator[Put]:
    for number, title in enumerate(TITLES):
        one = put(f"wiki:long-{number}", "Réunir les pièces.", title=title)
        yield Put(replace(one.indexed, vectors=ENCODER.passages([title])))


def typed(page: Page) -> Locator:
    page.goto("/")
    page.get_by_label("Votre question").fill("cl")
    options = page.locator("#suggestions [role=option]")
    expect(options.first).to_be_visible()
    return options


def test_each_kind_is_in_sight_and_reached_by_keyboard(chromium: Browser, sites: Sites) -> None:
    """Three titles of two lines, then topics and people, none below the list's edge."""
    with opened(chromium, sites.page, viewport=TELEPHONE) as page:
        options = typed(page)
        kinds = options.locator(".kind").all_inner_texts()
        assert kinds == ["Document"] * 3 + ["Sujet"] * 3 + ["Collègue"]
        expect(page.get_by_role("status").first).to_contain_text("7 suggestions")
        hidden = "one => one.scrollHeight - one.clientHeight"
        assert page.locator("#suggestions").evaluate(hidden) == 0
        lines = "one => one.clientHeight / parseFloat(getComputedStyle(one).lineHeight)"
        assert options.first.locator(".said").evaluate(lines) == pytest.approx(2, abs=0.1)
        named = page.get_by_role("option", name=f"Document {TITLES[0]}", exact=True)
        expect(named).to_have_count(1)  # whole, for who hears it
        assert faults_of(page) == []
        for _ in kinds:
            page.keyboard.press("ArrowDown")
        expect(options.last).to_have_attribute("aria-selected", "true")
        expect(options.last).to_be_in_viewport(ratio=0.95)
        page.keyboard.press("Enter")
        page.wait_for_url("**/agents/*")


def test_titles_alone_and_wide_screens_show_all(chromium: Browser, sites: Sites) -> None:
    """Where nothing stands below titles, and where there is room, none is left out."""
    with opened(chromium, sites.page, viewport=TELEPHONE) as page:
        typed(page)
        page.get_by_label("Votre question").fill("pièces à réu")
        options = page.locator("#suggestions [role=option]")
        expect(options).to_have_count(8)
        page.keyboard.press("ArrowUp")
        expect(options.last).to_be_in_viewport(ratio=0.95)
    with opened(chromium, sites.page, viewport={"width": 1280, "height": 800}) as page:
        expect(typed(page)).to_have_count(12)


def test_titles_in_the_box_take_two_lines(chromium: Browser, sites: Sites) -> None:
    """And a click on one's words chooses it whole."""
    with test_box.visited(chromium, sites.box, viewport=TELEPHONE) as page:
        test_box.field(page).fill("clôture")
        options = test_box.box(page).get_by_role("option")
        expect(options).to_have_count(8)
        first = options.first
        lines = "one => one.clientHeight / parseFloat(getComputedStyle(one).lineHeight)"
        assert first.locator("span").evaluate(lines) == pytest.approx(2, abs=0.1)
        title = first.text_content() or ""
        assert title in TITLES
        first.locator("span").click()
        expect(test_box.field(page)).to_have_value(title)
