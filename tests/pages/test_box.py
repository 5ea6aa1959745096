"""The box in the fictional intranet, another site's page, in a real Chromium."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from quisait_demo.intranet import intranet_app

from search_api.app import create_app
from tests.pages.administration import SECRET
from tests.pages.conftest import NOW_S, TOKENS, Parts, served
from tests.pages.test_accessibility import faults_of

pytestmark = pytest.mark.pages

INTRANET = Path(__file__).resolve().parents[2] / "demo" / "intranet"
SESSION = "quisait_token"
WHITE = "rgb(255, 255, 255)"


@dataclass(frozen=True, slots=True)
class Sites:
    """Origins: quisait, an intranet that it names, another that it does not."""

    quisait: str
    intranet: str
    other: str


@pytest.fixture(scope="module")
def sites(parts: Parts) -> Iterator[Sites]:
    """Three servers on ports of their own; the demo's very page, for this quisait."""
    with ExitStack() as servers:
        named, other = intranet_app(INTRANET), intranet_app(INTRANET)
        origins = [servers.enter_context(served(app)) for app in (named, other)]
        services = parts.services(origins={origins[0]})
        quisait = servers.enter_context(served(create_app(services)))
        named.state.quisait = other.state.quisait = quisait
        yield Sites(quisait, *origins)


@contextmanager
def visited(
    chromium: Browser,
    sites: Sites,
    at: str = "",
    agent: str = "ag-1",
    refused: bool = False,
    **options: Any,
) -> Iterator[Page]:
    """The intranet's page. At its end there was no failure of its own, no request to a third
    site, and an error in the console only where the browser says that something was refused."""
    with chromium.new_context(locale="fr-FR", **options) as context:
        if agent:
            context.add_cookies(
                [
                    {
                        "name": SESSION,
                        "value": TOKENS.make(agent, NOW_S),
                        "url": sites.quisait,
                        "httpOnly": True,
                        "sameSite": "Lax",
                    }
                ]
            )
        page = context.new_page()
        page.set_default_timeout(60_000)
        logged: list[str] = []
        faults: list[str] = []
        page.on("console", lambda said: logged.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        known = (sites.quisait, sites.intranet, sites.other, "data:")
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(known) else faults.append(asked.url),
        )
        page.goto(at or sites.intranet)
        yield page
        assert faults == []
        assert bool(logged) == refused, logged


def box(page: Page) -> Locator:
    return page.locator("qui-sait")


def field(page: Page) -> Locator:
    return box(page).get_by_role("combobox", name="Posez votre question")


def test_what_a_person_wrote_is_not_counted(chromium: Browser, sites: Sites) -> None:
    """The box shows it, and says why there is no figure."""
    with visited(chromium, sites) as page:
        field(page).fill("auteur:youssef")
        field(page).press("Enter")
        expect(box(page).get_by_text("ils ne se comptent pas")).to_be_visible()
        expect(box(page).get_by_role("listitem").first).to_be_visible()
        expect(box(page).get_by_text("null")).to_have_count(0)


def test_type_choose_by_keyboard_read_follow(chromium: Browser, sites: Sites) -> None:
    """Typing proposes titles; arrows and Enter choose one; its document opens in Qui sait."""
    with visited(chromium, sites) as page:
        asked = field(page)
        expect(asked).to_have_attribute("aria-expanded", "false")
        asked.fill("bord")
        options = box(page).get_by_role("option")
        expect(options.first).to_be_visible()
        expect(asked).to_have_attribute("aria-expanded", "true")
        expect(box(page).get_by_text("flèche vers le bas pour choisir")).to_be_attached()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        second = options.nth(1)
        expect(second).to_have_attribute("aria-selected", "true")
        active = second.get_attribute("id")
        expect(asked).to_have_attribute("aria-activedescendant", str(active))
        expect(asked).to_be_focused()
        title = second.inner_text()
        page.keyboard.press("Enter")
        expect(asked).to_have_value(title)
        expect(asked).to_have_attribute("aria-expanded", "false")
        found = box(page).get_by_role("region", name="Résultats")
        expect(found.get_by_role("listitem").first).to_contain_text(title)
        expect(box(page).get_by_role("status").last).to_contain_text("document")
        link = found.get_by_role("link", name=title, exact=True)
        page_of = f"{sites.quisait}/documents/wiki:bordereau-{int(title[10:]):02}"
        expect(link).to_have_attribute("href", f"{page_of}?{urlencode({'q': title})}#reponse")
        found.get_by_role("link", name="Tout voir").click()
        expect(page.get_by_label("Votre question")).to_have_value(title)
        assert page.url.startswith(sites.quisait)


def test_the_list_opens_and_closes_by_keyboard(chromium: Browser, sites: Sites) -> None:
    """Escape closes and keeps what was typed; an arrow opens again; the ring leads back."""
    with visited(chromium, sites) as page:
        asked, options = field(page), box(page).get_by_role("option")
        asked.fill("régies")
        expect(options).to_have_count(1)
        page.keyboard.press("Escape")
        expect(asked).to_have_attribute("aria-expanded", "false")
        expect(asked).to_have_value("régies")
        page.keyboard.press("ArrowUp")
        expect(options.first).to_have_attribute("aria-selected", "true")
        page.keyboard.press("ArrowUp")
        expect(options.first).to_have_attribute("aria-selected", "false")
        assert asked.get_attribute("aria-activedescendant") is None
        page.keyboard.press("Tab")
        expect(asked).to_have_attribute("aria-expanded", "false")
        asked.focus()
        asked.fill("r")
        expect(asked).to_have_attribute("aria-expanded", "false")


def test_results_as_the_pages_have_them(chromium: Browser, sites: Sites) -> None:
    """The passage with its words marked, who wrote it and where they are; by the button too."""
    with visited(chromium, sites) as page:
        field(page).fill("dégrèvement incendie")
        box(page).get_by_role("button", name="Chercher").click()
        first = box(page).get_by_role("listitem").first
        expect(first).to_contain_text("Dégrèvement de taxe foncière après un incendie")
        expect(first).to_contain_text("Claire Le Bihan (géomètre du cadastre, Côtes-d'Armor)")
        expect(first).to_contain_text("4 mars 2025")
        expect(first.locator("mark").first).to_be_visible()
        old = box(page).get_by_role("listitem").filter(has_text="Ancienne note")
        expect(old).to_contain_text("N’est pas en vigueur aujourd’hui.")
        expect(old).to_contain_text("Paul Ancien, parti(e)")
        field(page).fill("-dégrèvement -bordereau -régie -piégé zzzz")
        page.keyboard.press("Enter")
        expect(box(page).get_by_role("status").last).not_to_contain_text("en cours")


def test_three_documents_without_preambles(chromium: Browser, sites: Sites) -> None:
    """The excerpt is the results page's; `test_whole_demo` has the direct answer and who knows."""
    with visited(chromium, sites) as page:
        field(page).fill("dégrèvement incendie")
        page.keyboard.press("Enter")
        found = box(page).get_by_role("region", name="Résultats")
        expect(found.get_by_role("listitem")).to_have_count(3)
        expect(found.get_by_role("listitem").first).to_contain_text("L'immeuble inhabitable")
        expect(found.get_by_role("link", name="Tout voir")).to_be_visible()
        assert "Cette note remplace" not in found.inner_text()


@pytest.mark.trust
def test_the_readers_own_rights(chromium: Browser, sites: Sites) -> None:
    """The same page shows to each session what it may read."""
    for agent, seen in (("ag-1", False), ("ag-4", True)):
        with visited(chromium, sites, agent=agent) as page:
            field(page).fill("enquête zanzibar")
            page.keyboard.press("Enter")
            expect(box(page).get_by_role("listitem").first).to_be_visible()
            found = box(page).get_by_role("region", name="Résultats").inner_text()
            assert (SECRET in found) == seen


@pytest.mark.trust
def test_texts_stay_texts(chromium: Browser, sites: Sites) -> None:
    """A title that would be a script and an address that would run one are words, no more."""
    with visited(chromium, sites) as page:
        field(page).fill("texte piégé")
        page.keyboard.press("Enter")
        trap = box(page).get_by_role("listitem").filter(has_text="alert('piège')")
        expect(trap).to_contain_text("<script>alert('piège')</script>")
        expect(trap).to_contain_text("<img src=x onerror=alert(1)>")
        assert trap.locator("script, img").count() == 0
        (address,) = (one.get_attribute("href") for one in trap.locator("a").all())
        assert str(address).startswith(f"{sites.quisait}/documents/wiki:piege?q=")


@pytest.mark.trust
def test_without_a_session(chromium: Browser, sites: Sites) -> None:
    """The box says to sign in, with a link that keeps the question."""
    with visited(chromium, sites, agent="", refused=True) as page:
        field(page).fill("bordereau")
        said = box(page).get_by_role("status").last
        expect(said).to_have_text("Connectez-vous à Qui sait\u202f?, puis revenez à cette page.")
        link = said.get_by_role("link", name="Connectez-vous")
        expect(link).to_have_attribute("href", f"{sites.quisait}/?q=bordereau")


@pytest.mark.trust
def test_an_origin_that_is_not_named_gets_nothing(chromium: Browser, sites: Sites) -> None:
    """Despite the session the browser keeps answers from its page; the form stays, and the
    webmaster reads which origin to add to which setting."""
    with visited(chromium, sites, at=sites.other, refused=True) as page:
        expect(page.get_by_role("searchbox", name="Posez votre question")).to_be_visible()
        told = box(page).get_by_role("note")
        expect(told).to_contain_text(sites.other)
        expect(told).to_contain_text("[embed]")
        assert box(page).get_by_role("combobox").count() == 0
        for path in ("/api/v1/search?q=bordereau", "/api/v1/suggest?q=bord"):
            asked = "address => fetch(address, {credentials: 'include'}).catch(e => e.name)"
            assert page.evaluate(asked, sites.quisait + path) == "TypeError"
        page.get_by_role("searchbox").fill("bordereau 7")
        page.keyboard.press("Enter")
        expect(page.get_by_role("article").first).to_contain_text("Bordereau 7")


def test_when_the_browser_forbids(chromium: Browser, sites: Sites) -> None:
    """An answer that the browser keeps is told, with a way to ask without the box."""
    with visited(chromium, sites, refused=True) as page:
        page.route("**/api/v1/search*", lambda route: route.abort("connectionrefused"))
        field(page).fill("bordereau")
        page.keyboard.press("Enter")
        said = box(page).get_by_role("status").last
        expect(said).to_contain_text("votre navigateur ne permet pas à cette page")
        expect(said.get_by_role("link")).to_have_attribute("href", f"{sites.quisait}/?q=bordereau")


def test_a_lost_engine_is_told_in_its_own_words(chromium: Browser, sites: Sites) -> None:
    """A problem's sentence reaches the reader."""
    problem = '{"title": "Le moteur de recherche ne répond pas.", "status": 503}'
    with visited(chromium, sites, refused=True) as page:
        headers = {
            "Access-Control-Allow-Origin": sites.intranet,
            "Access-Control-Allow-Credentials": "true",
        }
        page.route(
            "**/api/v1/search*",
            lambda route: route.fulfill(status=503, body=problem, headers=headers),
        )
        field(page).fill("bordereau")
        page.keyboard.press("Enter")
        expect(box(page).get_by_role("status").last).to_contain_text("Le moteur de recherche")


def test_without_javascript(chromium: Browser, sites: Sites) -> None:
    """The form inside the element asks quisait's own page, under the same session."""
    with visited(chromium, sites, java_script_enabled=False) as page:
        page.get_by_label("Posez votre question").fill("bordereau 7")
        page.get_by_role("button", name="Chercher").click()
        expect(page.get_by_role("article").first).to_contain_text("Bordereau 7")
        assert page.url.startswith(f"{sites.quisait}/?q=bordereau")


def test_what_was_typed_before_the_box_came_is_kept(chromium: Browser, sites: Sites) -> None:
    """A slow module takes nobody's words away, nor the focus."""
    with visited(chromium, sites) as page:
        held: list[Any] = []
        page.route("**/embed/quisait.js", lambda route: held.append(route))
        page.goto(sites.intranet, wait_until="commit")
        page.get_by_role("searchbox").fill("régies")
        held[0].continue_()
        expect(field(page)).to_have_value("régies")
        expect(field(page)).to_be_focused()


def test_narrow_forced_colours_and_language(chromium: Browser, sites: Sites) -> None:
    """At 320 px nothing overflows; the chosen title is seen in forced colours; texts are French."""
    narrow = {"width": 320, "height": 700}
    with visited(chromium, sites, viewport=narrow, forced_colors="active") as page:
        field(page).fill("bord")
        page.keyboard.press("ArrowDown")
        expect(box(page).get_by_role("option").first).to_be_visible()
        page.keyboard.press("ArrowDown")
        chosen = box(page).locator("[aria-selected=true]")
        expect(chosen).to_have_count(1)
        colour = "one => getComputedStyle(one).backgroundColor"
        assert chosen.evaluate(colour) != field(page).evaluate(colour)
        page.keyboard.press("Enter")
        expect(box(page).get_by_role("listitem").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        expect(box(page).get_by_role("search")).to_have_attribute("lang", "fr")


def test_colours_come_from_the_page(chromium: Browser, sites: Sites) -> None:
    """The page's variables reach the box; its other rules do not."""
    with visited(chromium, sites, color_scheme="light") as page:
        button = box(page).get_by_role("button", name="Chercher")
        expect(button).to_have_css("background-color", "rgb(36, 59, 107)")
        expect(button).to_have_css("border-radius", "0px")
        field(page).fill("bord")
        expect(box(page).get_by_role("listbox")).to_have_css("background-color", WHITE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_box(
    chromium: Browser, sites: Sites, scheme: Literal["light", "dark"]
) -> None:
    """Closed, with its list open, with results, and where nobody is signed on."""
    with visited(chromium, sites, color_scheme=scheme) as page:
        assert faults_of(page) == []
        field(page).fill("bord")
        expect(box(page).get_by_role("option").first).to_be_visible()
        page.keyboard.press("ArrowDown")
        assert faults_of(page) == []
        page.keyboard.press("Enter")
        expect(box(page).get_by_role("listitem").first).to_be_visible()
        assert faults_of(page) == []
    with visited(chromium, sites, agent="", refused=True, color_scheme=scheme) as page:
        field(page).fill("bordereau")
        expect(box(page).get_by_role("status").last).to_contain_text("Connectez-vous")
        assert faults_of(page) == []
