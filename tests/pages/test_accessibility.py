"""Accessibility of every page: axe-core, keyboard, zoom, motion and colours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.pages.conftest import Parts, heard
from tests.pages.states import STATES, Sites, State, every_site
from tests.pages.test_browser import ask, opened

pytestmark = pytest.mark.pages

Scheme = Literal["light", "dark"]
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
HUNDRED_KB = 100_000
SIDEWAYS = """[...document.querySelectorAll("main .scroll")]
  .filter(one => one.scrollWidth > one.clientWidth).length"""


def faults_of(page: Page) -> list[str]:
    """Return the faults that axe-core finds: rule, gravity, and the first wrong element."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['target']}" for one in found]


@pytest.fixture(scope="module")
def sites(parts: Parts) -> Iterator[Sites]:
    with every_site(parts) as served_sites:
        yield served_sites


@contextmanager
def seen(chromium: Browser, sites: Sites, state: State, **options: Any) -> Iterator[Page]:
    """A page in one state; only a page that says a problem may log its own status."""
    address = state.address(sites)
    with chromium.new_context(base_url=address, locale="fr-FR", **options) as context:
        state.sign_on(context, sites)
        page = context.new_page()
        faults = heard(page, address)
        answer = page.goto(state.path)
        assert answer is not None
        assert answer.status == state.status
        state.prepare(page)
        yield page
        told = f"status of {state.status}"
        assert [one for one in faults if told not in one] == []


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_axe_and_reflow_on_every_page(chromium: Browser, sites: Sites, state: State) -> None:
    """Light and dark without a fault of axe-core; one h1, in order; no sideways scroll."""
    with seen(chromium, sites, state, viewport={"width": 1280, "height": 900}) as page:
        assert faults_of(page) == [], "light"
        expect(page.locator("html")).to_have_attribute("lang", "fr")
        expect(page.locator("h1")).to_have_count(1)
        assert "Qui sait" in page.title()
        scripts = page.locator("script[src]").evaluate_all("all => all.map((one) => one.src)")
        assert len(scripts) == len(set(scripts)), "a script that runs twice answers twice"
        # 200 and 400 % of a window of 1280 pixels are windows of 640 and of 320.
        for width in (640, 320):
            page.set_viewport_size({"width": width, "height": 512})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(SIDEWAYS) == 0, "a table has columns beyond the edge"
        page.emulate_media(color_scheme="dark")
        assert faults_of(page) == [], "dark, at 320 pixels"


def test_forced_colours(chromium: Browser, sites: Sites) -> None:
    """Readable, the current page told apart, and the chosen suggestion too."""
    with opened(chromium, sites.whole, forced_colors="active") as page:
        page.goto("/?q=dégrèvement+incendie&kind=fiche")
        assert faults_of(page) == []
        expect(page.locator("nav [aria-current]")).to_have_css("border-bottom-width", "3px")
        page.get_by_label("Votre question").fill("bord")
        expect(page.locator("#suggestions [role=option]").first).to_be_visible()
        page.keyboard.press("ArrowDown")
        options = page.locator("#suggestions [role=option]")
        expect(options.nth(0)).to_have_attribute("aria-selected", "true")
        other = options.nth(1).evaluate("one => getComputedStyle(one).backgroundColor")
        expect(options.nth(0)).not_to_have_css("background-color", other)


def test_the_check_bites(chromium: Browser, sites: Sites) -> None:
    """A field without its label, and grey on grey, are found."""
    with seen(chromium, sites, STATES[0]) as page:
        page.evaluate("document.querySelector('label[for=q]').remove()")
        page.evaluate("document.querySelector('#q').removeAttribute('placeholder')")
        page.evaluate("document.querySelector('h1').style.color = '#ccc'")
        found = " ".join(faults_of(page))
        assert "label (critical)" in found
        assert "color-contrast (serious)" in found


def focused(page: Page) -> dict[str, Any]:
    """The element with the focus: what it is, its outline, and whether it is in sight."""
    answer: dict[str, Any] = page.evaluate(
        """() => {
          const one = document.activeElement, box = one.getBoundingClientRect();
          const style = getComputedStyle(one);
          return { what: one.id || one.textContent.trim().slice(0, 40), tag: one.tagName,
            outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
            inSight: box.bottom > 0 && box.top < innerHeight && box.right > 0 };
        }"""
    )
    return answer


def test_every_focus_is_seen_and_in_order(chromium: Browser, sites: Sites) -> None:
    """Tab goes from the skip link through the page to its foot, and the focus shows all along."""
    with opened(chromium, sites.whole, viewport={"width": 1280, "height": 800}) as page:
        page.goto("/?q=dégrèvement+incendie&kind=fiche")
        stops: list[str] = []
        while True:
            page.keyboard.press("Tab")
            one = focused(page)
            if one["tag"] == "BODY" or len(stops) > 150:
                break
            assert one["outline"] >= 2, one
            assert one["inSight"], one
            stops.append(one["what"])
        assert stops[0] == "Aller au contenu"
        assert "Accessibilité" in stops[-1]
        order = ["Démonstration", "Qui sait", "Chercher", "q", "Nature", "Dégrèvement de taxe"]
        places = [next(n for n, what in enumerate(stops) if what.startswith(o)) for o in order]
        assert places == sorted(places)


def test_a_journey_by_keyboard(chromium: Browser, sites: Sites) -> None:
    """«/», arrows, Escape, Enter; a chip removed; the skip link; a colleague's address."""
    with opened(chromium, sites.whole) as page:
        page.goto("/")
        field = page.get_by_role("textbox", name="Votre question")
        expect(field).to_be_focused()
        page.keyboard.insert_text("bord")
        options = page.locator("#suggestions [role=option]")
        expect(options.first).to_be_visible()
        expect(page.get_by_role("status").first).not_to_be_empty()
        assert faults_of(page) == []
        page.keyboard.press("ArrowDown")
        expect(options.first).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Escape")
        expect(page.locator("#suggestions")).to_be_hidden()
        expect(page.get_by_role("status").first).to_be_empty()
        expect(field).to_have_value("bord")
        page.keyboard.type("ereau 7")
        page.keyboard.press("Enter")
        expect(page.get_by_role("article").first).to_contain_text("Bordereau 7")
        page.goto("/?q=incendie&kind=fiche")
        page.get_by_role("link", name="retirer ce filtre").first.focus()
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{sites.whole}/?q=incendie")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.get_by_role("link", name="Voir pourquoi").focus()
        page.keyboard.press("Enter")
        expect(page).to_have_title("Qui connaît\u00a0: incendie, 1\u00a0personne — Qui sait\u202f?")
        page.keyboard.press("/")
        expect(page.get_by_label("Votre question")).to_be_focused()
        address = page.get_by_role("link", name="claire.le-bihan@")
        for _ in range(12):
            page.keyboard.press("Tab")
            if address.evaluate("one => one === document.activeElement"):
                break
        expect(address).to_be_focused()


SMALL = """() => [...document.querySelectorAll(
  "a, button, input:not([type=hidden]), select, summary")]
  .filter(one => {
    const box = one.getBoundingClientRect();
    const sentence = "svg, .unseen, .skip, p:not([class]), p.hint, p.note, .relation, .where";
    return box.width && box.height && box.height < 43.5 && !one.closest(sentence);
  })
  .map(one => `${one.tagName} ${one.textContent.trim().slice(0, 30)}`)"""
"""Controls that a finger misses; a link within a sentence, or a shape on the map, is not asked."""


def test_a_finger_finds_every_control(chromium: Browser, sites: Sites) -> None:
    """On a telephone each is 44 pixels high, and no page is wider than the screen."""
    paths = ("/", "/coverage", "/isolation", "/topics/foncier", "/agents/ag-1", "/preferences")
    with opened(chromium, sites.whole, viewport={"width": 360, "height": 740}) as page:
        for path in paths:
            page.goto(path)
            assert page.evaluate(SMALL) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_nothing_moves_for_who_asked(chromium: Browser, sites: Sites) -> None:
    """With reduced motion the sign of waiting stands still; it turns for the others."""
    for motion, name in (("reduce", "none"), ("no-preference", "turning")):
        with opened(chromium, sites.whole, reduced_motion=motion) as page:
            page.goto("/")
            page.evaluate("document.querySelector('h1').className = 'waiting'")
            script = (
                "getComputedStyle(document.querySelector('.waiting'), '::before').animationName"
            )
            assert page.evaluate(script) == name


def test_a_slow_engine_is_waited_for_aloud(chromium: Browser, sites: Sites) -> None:
    """A line says that the search goes on; once the engine is given up, the question is kept."""
    with chromium.new_context(base_url=sites.slow) as context:
        page = context.new_page()
        page.goto(f"{sites.whole}/")
        page.evaluate("to => { document.querySelector('form[role=search]').action = to }", "/")
        page.route("**/?q=*", lambda route: route.fulfill(status=204))
        page.get_by_label("Votre question").fill("incendie")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").last).to_have_text("Recherche en cours…")
        page.unroute_all()
        answer = page.goto(f"{sites.slow}/?q=incendie")
        assert answer is not None
        assert answer.status == 503
        again = page.get_by_role("link", name="Réessayer")
        expect(again).to_have_attribute("href", "/?q=incendie")


def test_without_an_answer_there_is_a_way_on(chromium: Browser, sites: Sites) -> None:
    """The nearest topic is named where no document answers, and where nobody is known."""
    with opened(chromium, sites.whole) as page:
        page.goto("/?q=%22caisses+et+xylophones%22&as_typed=1")
        expect(page.locator("#documents")).to_have_text("Aucun document")
        topic = page.get_by_role("link", name="régies")
        expect(topic).to_have_attribute("href", "/topics/regies")
        page.goto("/experts?q=dégrèvement&area=48")
        expect(page.locator(".empty a[href='/topics/foncier']")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/?q=d%C3%A9gr%C3%A8vement+incendie"])
def test_a_first_page_is_light(chromium: Browser, sites: Sites, path: str) -> None:
    """All that a first visit fetches, together, is under 100 kB."""
    with opened(chromium, sites.whole) as page:
        sizes: list[int] = []
        page.on("response", lambda answer: sizes.append(len(answer.body())))
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert len(sizes) >= 4
        assert sum(sizes) < HUNDRED_KB


def test_on_paper(chromium: Browser, sites: Sites) -> None:
    """Print keeps results and their addresses, and leaves the controls out."""
    with opened(chromium, sites.whole) as page:
        ask(page, "dégrèvement incendie")
        page.emulate_media(media="print")
        for hidden in (".demo", ".top", ".field button", "#affiner", "footer"):
            expect(page.locator(hidden).first).to_be_hidden()
        expect(page.get_by_role("article").first).to_be_visible()
        script = "getComputedStyle(document.querySelector('.document h3'), '::after').content"
        assert "wiki.example" in page.evaluate(script)
