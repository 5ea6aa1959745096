"""The pages in a real Chromium: journeys, keyboard, narrow screens, and nothing from elsewhere."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from search_api.identity.tokens import DEMO_COOKIE
from tests.pages.administration import SECRET
from tests.pages.conftest import heard

pytestmark = pytest.mark.pages


@contextmanager
def opened(chromium: Browser, address: str, **options: Any) -> Iterator[Page]:
    """A page that, at its end, has logged no error and asked no other site for anything."""
    with chromium.new_context(base_url=address, locale="fr-FR", **options) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        faults = heard(page, address)
        yield page
        assert faults == []


def ask(page: Page, question: str) -> None:
    page.goto("/")
    page.get_by_label("Votre question").fill(question)
    page.get_by_role("button", name="Chercher").click()


def test_search_then_facet_then_back(chromium: Browser, demo_address: str) -> None:
    """A question finds document and colleague; a facet narrows, its chip widens, back works."""
    with opened(chromium, demo_address) as page:
        ask(page, "dégrèvement incendie")
        first = page.get_by_role("article").first
        link = first.get_by_role("link", name="Dégrèvement de taxe foncière après un incendie")
        expect(link).to_have_attribute("href", re.compile("^/documents/wiki:degrevement"))
        expect(page.locator("article mark").first).to_be_visible()
        expect(first).to_contain_text("parti(e)")
        expect(page.get_by_role("region", name="Qui sait")).to_contain_text("Claire Le Bihan")
        before = page.locator("#documents").inner_text()
        page.get_by_role("region", name="Affiner").get_by_role("link", name="fiche").click()
        expect(page.locator("#documents")).to_have_text("2 documents")
        chip = page.get_by_role("link", name="retirer ce filtre").first
        expect(chip).to_contain_text("fiche")
        chip.click()
        expect(page.locator("#documents")).to_have_text(before)
        page.go_back()
        expect(page.locator("#documents")).to_have_text("2 documents")


def test_paging(chromium: Browser, demo_address: str) -> None:
    """The next page shows other documents and keeps the question."""
    with opened(chromium, demo_address) as page:
        ask(page, "bordereau")
        first = page.get_by_role("article").first.inner_text()
        page.get_by_role("link", name="Suivante").click()
        expect(page.get_by_label("Votre question")).to_have_value("bordereau")
        expect(page.locator("[aria-current=page]", has_text="Page 2")).to_be_visible()
        assert page.get_by_role("article").first.inner_text() != first


def test_experts(chromium: Browser, demo_address: str) -> None:
    """From a search to those who know, why, and how to reach them; an area narrows."""
    with opened(chromium, demo_address) as page:
        ask(page, "dégrèvement incendie")
        page.get_by_role("link", name="Voir pourquoi").click()
        first = page.get_by_role("article").first
        expect(first.get_by_role("heading")).to_have_text("Claire Le Bihan")
        expect(first).to_contain_text("géomètre du cadastre")
        expect(first).to_contain_text("rédaction, mars 2025")
        mail = first.get_by_role("link", name="claire.le-bihan@finances.example")
        expect(mail).to_have_attribute("href", "mailto:claire.le-bihan@finances.example")
        page.get_by_label("En poste").select_option("22")
        page.get_by_role("button", name="Filtrer").click()
        page.wait_for_url("**area=22*")
        expect(first.get_by_role("heading")).to_have_text("Claire Le Bihan")
        page.get_by_label("En poste").select_option("974")
        page.get_by_role("button", name="Filtrer").click()
        expect(page.locator("main")).not_to_contain_text("Claire Le Bihan")
        page.get_by_label("En poste").select_option("48")
        page.get_by_role("button", name="Filtrer").click()
        expect(page.get_by_role("link", name="chercher partout en France")).to_be_visible()


@pytest.mark.trust
def test_becoming_another_agent(chromium: Browser, demo_address: str) -> None:
    """The demo's bar changes who reads, and comes back to the same question."""
    with opened(chromium, demo_address) as page:
        ask(page, "enquête zanzibar")
        expect(page.locator("main")).not_to_contain_text(f"mène à {SECRET}")
        page.get_by_text("Changer d’agent").click()
        page.get_by_label("Quelqu’un d’autre").fill("iris")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Votre question")).to_have_value("enquête zanzibar")
        expect(page.locator("main")).to_contain_text(f"mène à {SECRET}")


def test_without_javascript(chromium: Browser, demo_address: str) -> None:
    """Search, filter, page, colleagues and the demo's choice all work without a script."""
    with opened(chromium, demo_address, java_script_enabled=False) as page:
        ask(page, "bordereau")
        page.get_by_role("link", name="Suivante").click()
        page.get_by_role("region", name="Affiner").get_by_role("link", name="billet").click()
        expect(page.get_by_role("link", name="retirer ce filtre").first).to_be_visible()
        page.get_by_role("link", name="Collègues").click()
        expect(page.get_by_role("article").first).to_contain_text("Youssef Amrani")
        page.get_by_text("Changer d’agent").click()
        page.get_by_label("Quelqu’un d’autre").fill("enquêt")
        page.get_by_role("button", name="Devenir cette personne").click()
        page.get_by_role("main").get_by_role("button", name="Noé Discret").click()
        expect(page.get_by_role("region", name="Démonstration")).to_contain_text("Noé Discret")


def test_a_problem_is_a_page(chromium: Browser, demo_address: str) -> None:
    """An address that leads nowhere says so in French, with a way back."""
    with chromium.new_context(base_url=demo_address) as context:
        page = context.new_page()
        page.goto("/nulle-part")
        expect(page.get_by_role("heading", level=1)).to_have_text("Cette page n’existe pas.")
        page.get_by_role("link", name="Revenir à la recherche").click()
        expect(page.get_by_label("Votre question")).to_be_visible()


def test_one_box_on_every_page(chromium: Browser, demo_address: str) -> None:
    """It stands in each header, once; «/» goes there; a name typed there finds its bearer."""
    with opened(chromium, demo_address, viewport={"width": 360, "height": 740}) as page:
        for path in ("/", "/?q=incendie", "/experts", "/experts?q=incendie", "/accessibilite"):
            page.goto(path)
            expect(page.get_by_role("search")).to_have_count(1)
            page.evaluate("document.activeElement.blur()")
            page.keyboard.press("/")
            expect(page.get_by_label("Votre question")).to_be_focused()
        page.goto("/accessibilite")
        page.keyboard.press("/")
        page.keyboard.type("bihan claire")
        page.keyboard.press("Enter")
        card = page.get_by_role("region", name="Dans l’annuaire").get_by_role("listitem").first
        expect(card.get_by_role("heading")).to_have_text("Claire Le Bihan")
        expect(card).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("article").first).to_be_in_viewport()
        mail = card.get_by_role("link", name="Écrire à Claire Le Bihan")
        expect(mail).to_have_attribute("href", re.compile("^mailto:claire.le-bihan@finances.ex"))
        page.goto("/?q=dégrèvement+incendie")
        card = page.get_by_role("region", name="Qui sait").get_by_role("listitem").first
        expect(card).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.set_viewport_size({"width": 1440, "height": 900})
        asking = card.get_by_role("link", name="Poser la question")
        expect(asking).to_have_attribute("href", re.compile("d%C3%A9gr%C3%A8vement%20incendie"))
        expect(asking).to_have_attribute("href", re.compile(quote(f"{demo_address}/?q=", safe="")))


@pytest.mark.parametrize(
    ("width", "height", "most"), [(1440, 900, 420), (360, 740, 560)], ids=["screen", "telephone"]
)
def test_the_first_result_is_near_the_top(
    chromium: Browser, demo_address: str, width: int, height: int, most: int
) -> None:
    """People stand beside the list, or in one line above it; nothing is said three times."""
    with opened(chromium, demo_address, viewport={"width": width, "height": height}) as page:
        page.goto("/?q=dégrèvement+incendie")
        first = page.get_by_role("article").first.bounding_box()
        people = page.get_by_role("region", name="Qui sait").bounding_box()
        assert first is not None
        assert people is not None
        assert first["y"] < most
        beside = people["x"] > first["x"] + first["width"]
        assert beside if width > 960 else people["height"] < 60
        assert page.get_by_role("button", name="Utile").count() == 0


@pytest.mark.parametrize("scripted", [True, False], ids=["script", "no-script"])
def test_the_menu_of_a_telephone(chromium: Browser, demo_address: str, *, scripted: bool) -> None:
    """Its button names the present entry; it opens on all of them, by keyboard too."""
    size = {"width": 360, "height": 740}
    with opened(chromium, demo_address, viewport=size, java_script_enabled=scripted) as page:
        for path, entry in (("/", "Chercher"), ("/peers", "Collègues")):
            page.goto(path)
            button = page.get_by_role("button", name="Menu")
            expect(button).to_contain_text(entry)
            expect(page.get_by_role("navigation", name="Principale")).to_have_count(0)
            button.press("Enter")
            menu = page.get_by_role("navigation", name="Principale")
            expect(menu.get_by_role("link")).to_have_text(["Chercher", "Collègues", "Moi"])
            expect(menu.locator("[aria-current=page]")).to_have_text(entry)
            for link in menu.get_by_role("link").all():
                expect(link).to_be_in_viewport(ratio=1)
        page.keyboard.press("Escape")
        expect(menu).to_have_count(0)
        button.press("Enter")
        menu.get_by_role("link", name="Collègues").click()
        page.get_by_role("link", name="Isolement").click()
        page.wait_for_url("**/isolation")


def test_recent_searches_stay_in_the_browser(chromium: Browser, demo_address: str) -> None:
    """Newest first, each once, for one reader alone; a button forgets them; nobody is told."""
    with opened(chromium, demo_address) as page:
        page.goto("/")
        recent = page.locator("#recentes")
        expect(recent).to_be_hidden()
        for words in ("incendie", "bordereau", "incendie"):
            page.goto(f"/?q={words}")
        page.goto("/")
        expect(recent.get_by_role("link")).to_have_text(["incendie", "bordereau"])
        recent.get_by_role("link", name="bordereau").click()
        page.wait_for_url("**/?q=bordereau")
        page.context.add_cookies([{"name": DEMO_COOKIE, "value": "ag-2", "url": demo_address}])
        page.goto("/")
        expect(recent).to_be_hidden()
        page.context.clear_cookies()
        page.goto("/")
        recent.get_by_role("button").click()
        expect(recent.get_by_role("link")).to_have_count(0)
        expect(recent.get_by_role("heading")).to_be_focused()
        page.reload()
        expect(recent).to_be_hidden()


def _wait_for(page: Page, asked: list[Route]) -> None:
    """Wait until the browser has asked."""
    while not asked:
        page.wait_for_timeout(20)


def test_a_preview_says_that_it_loads_or_fails(chromium: Browser, demo_address: str) -> None:
    """It is asked for once while it loads, and again when it is opened after a failure."""
    with chromium.new_context(base_url=demo_address) as context:
        page, asked = context.new_page(), list[Route]()
        page.route("**/documents/**", lambda route: asked.append(route))
        page.goto("/?q=incendie")
        preview = page.locator(".preview").first
        preview.locator("summary").click()
        said = preview.get_by_role("status")
        expect(said).not_to_be_empty()
        loading = said.inner_text()
        preview.locator("summary").click(click_count=2, delay=50)
        _wait_for(page, asked)
        assert len(asked) == 1
        asked.pop().abort()
        expect(said).not_to_have_text(loading)
        preview.locator("summary").click()
        preview.locator("summary").click()
        expect(said).to_have_text(loading)
        _wait_for(page, asked)
        asked.pop().continue_()
        expect(said).to_have_count(0)
        expect(preview.get_by_role("region")).not_to_be_empty()


def test_the_field_grows_and_enter_asks(chromium: Browser, demo_address: str) -> None:
    """A long question is read whole while it is typed; Enter sends it, without a line end."""
    with opened(chromium, demo_address, viewport={"width": 360, "height": 740}) as page:
        page.goto("/")
        field = page.get_by_label("Votre question")
        low = field.bounding_box()
        field.fill("un dégrèvement de taxe foncière après un incendie, à qui le demander ?")
        high = field.bounding_box()
        assert low is not None
        assert high is not None
        assert high["height"] > low["height"]
        field.press("Enter")
        page.wait_for_url("**/?q=un+d%C3%A9gr*demander+%3F")


@pytest.mark.trust
def test_nobody_hidden_has_a_card(chromium: Browser, demo_address: str) -> None:
    """Who has left is nobody's card, by whole or misspelt name, post or service."""
    with opened(chromium, demo_address) as page:
        for question in ("Paul Ancien", "Paul Anciem", "chef de service Brest", "DDFiP 29"):
            page.goto(f"/?q={question}")
            expect(page.get_by_role("main")).to_be_visible()
            for region in ("Dans l’annuaire", "Qui sait", "Service"):
                expect(page.get_by_role("region", name=region).get_by_text("Ancien")).to_have_count(
                    0
                )
