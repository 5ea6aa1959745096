"""Take pictures of every page in every state: `python -m benchmarks.gallery [PART-OF-A-NAME …]`.

At 360, 768 and 1440 pixels, light and dark: the states of the tests, and the demo's pages as
readers of each role see them. Writes one sheet per state to `.artefacts/galerie`, and prints the
height of each page.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from benchmarks.guide import ADMINISTRATOR, ALONE, ANIMATOR, boxed, nothing, typing
from benchmarks.served_demo import ServedDemo, served_demo
from indexer.embedded.index import EmbeddedIndex
from search_api.engine import Search
from search_api.identity.tokens import DEMO_COOKIE
from tests.made_site import agent_book
from tests.pages.administration import ENCODER, documents
from tests.pages.conftest import Parts
from tests.pages.states import STATES, every_site

SHEETS = Path(".artefacts/galerie")
WIDTHS = (360, 768, 1440)
HEIGHT = 800
TALLEST = 2_600
"""Most pixels of a page's height on its sheet; the rest is only counted."""
SCALE = 0.55
"""Scale of the pages on their sheet."""
OFFICER = "ag-0068"


@dataclass(frozen=True, slots=True)
class Sight:
    """A page to look at: its name, address, reader, and preparation."""

    name: str
    address: str
    sign_on: Callable[[BrowserContext], None]
    prepare: Callable[[Page], None] = nothing


def main(wanted: list[str]) -> None:
    """Write a sheet for each page whose name contains one of the words, or for all."""
    SHEETS.mkdir(parents=True, exist_ok=True)
    with served_demo() as demo, every_state() as states:
        for sight in (*states, *of_the_demo(demo)):
            if not wanted or any(word in sight.name for word in wanted):
                heights = shoot(demo.browser, sight)
                print(
                    f"{sight.name:28} {' '.join(f'{height:6}' for height in heights)}", flush=True
                )


@contextmanager
def every_state() -> Iterator[list[Sight]]:
    """Start the tests' servers, and yield every state's page."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        index = EmbeddedIndex(folder / "index", ENCODER.dimension)
        index.write(documents())
        book = stack.enter_context(agent_book(folder))
        parts = Parts(Search(index, ENCODER, book), book, index, book._engine)
        sites = stack.enter_context(every_site(parts))
        yield [
            Sight(s.name, s.address(sites) + s.path, partial(s.sign_on, sites=sites), s.prepare)
            for s in STATES
        ]


def of_the_demo(demo: ServedDemo) -> list[Sight]:
    """Return the demo's pages, whose texts have realistic lengths."""
    agent = "ag-0001"
    pages = [
        ("accueil", "/", agent, nothing),
        ("suggestions", "/", agent, typing),
        ("resultats", "/?q=taxe+foncière+des+personnes+âgées", agent, nothing),
        ("filtres", "/?q=taxe+foncière&kind=note&year=2024", agent, nothing),
        ("collegues", "/experts?q=taxe+foncière", agent, nothing),
        ("agent", "/agents/ag-0002", agent, nothing),
        ("sujets", "/coverage", agent, nothing),
        ("sujet", "/topics/cadastre", agent, nothing),
        ("isolement", "/isolation", ANIMATOR, nothing),
        ("isolement-sujet", "/isolation?topic=cadastre", ANIMATOR, nothing),
        ("pairs", "/peers", ALONE, nothing),
        ("preferences", "/preferences", "ag-0002", nothing),
        ("mes-donnees", "/mes-donnees", "ag-0002", nothing),
        ("animation", "/animation", ANIMATOR, nothing),
        ("administration", "/administration", ADMINISTRATOR, nothing),
        ("consultations", "/audit", OFFICER, nothing),
    ]
    sights = [
        Sight(f"demo-{name}", demo.quisait + path, being(who, demo.quisait), act)
        for name, path, who, act in pages
    ]
    return [*sights, Sight("demo-intranet", demo.intranet + "/", being(agent, demo.quisait), boxed)]


def being(agent: str, address: str) -> Callable[[BrowserContext], None]:
    """Return a function that signs on as one of the demo's agents."""
    return lambda context: context.add_cookies(
        [{"name": DEMO_COOKIE, "value": agent, "url": address}]
    )


def shoot(browser: Browser, sight: Sight) -> list[int]:
    """Write one sheet, light above dark; return the page's height at each width, in pixels."""
    shots, heights = [], []
    for scheme in ("light", "dark"):
        options: dict[str, Any] = {"locale": "fr-FR", "color_scheme": scheme}
        with browser.new_context(reduced_motion="reduce", **options) as context:
            sight.sign_on(context)
            page = context.new_page()
            for width in WIDTHS:
                page.set_viewport_size(ViewportSize(width=width, height=HEIGHT))
                page.goto(sight.address)
                sight.prepare(page)
                height = int(page.evaluate("document.documentElement.scrollHeight"))
                heights.append(height)
                file = SHEETS / f"{sight.name}-{width}-{scheme}.png"
                clip: Any = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST)}
                page.screenshot(path=file, full_page=True, clip=clip)
                shots.append(file)
    lay_out(browser, sight.name, shots)
    return heights[: len(WIDTHS)]


def lay_out(browser: Browser, name: str, shots: list[Path]) -> None:
    """Put the pictures on one sheet, three in a row."""
    rows = (shots[: len(WIDTHS)], shots[len(WIDTHS) :])
    images = "<br>".join("".join(f"<img src='{image.name}'>" for image in row) for row in rows)
    sheet = SHEETS / "sheet.html"
    style = f"img {{ zoom: {SCALE}; margin: 8px; vertical-align: top; border: 1px solid #888 }}"
    sheet.write_text(f"<style>body {{ background: #bbb }} {style}</style><nobr>{images}</nobr>")
    with browser.new_context(viewport={"width": 1_450, "height": 400}) as context:
        page = context.new_page()
        page.goto(sheet.resolve().as_uri())
        page.screenshot(path=SHEETS / f"{name}.png", full_page=True)
    for one in (sheet, *shots):
        one.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
