"""Every text of a page comes from the catalogue: one that marks each shows what does not."""

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import httpx
import pytest
from babel.messages.pofile import read_po, write_po
from playwright.sync_api import Browser, Page

from connectors.geography import DEPARTEMENTS, REGIONS
from search_api.catalogue.loading import IN_FOLDER, TEMPLATE, load_catalogue
from tests.pages.administration import AGENTS, FRAUD, documents
from tests.pages.conftest import Parts
from tests.pages.states import STATES, TOPICS, Sites, State, every_site

pytestmark = pytest.mark.pages

SPOKEN = ("aria-label", "title", "placeholder", "alt", "label")
SHOWN = """spoken => {
  const found = [document.title];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let depth = 0;
  while (texts.nextNode()) {
    const typed = texts.currentNode.parentElement.closest("kbd, code, script");
    let outside = "";
    for (const letter of texts.currentNode.data) {
      if (letter === "⟦") depth += 1;
      else if (letter === "⟧") depth -= 1;
      else if (!depth) outside += letter;
    }
    if (!typed) found.push(outside);
  }
  for (const name of spoken)
    for (const one of document.querySelectorAll(`[${name}]`)) found.push(one.getAttribute(name));
  return depth ? ["a mark is left open"] : found;
}"""
OURS = (
    *(one.name for one in AGENTS),
    "tableur du service",
)
"""Names as they are shown, what a state types."""


@pytest.fixture(scope="module")
def marking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of texts: each is its source between marks."""
    folder = tmp_path_factory.mktemp("marking")
    with TEMPLATE.open("rb") as file:
        catalogue = read_po(file)
    for message in catalogue:
        if message.id:
            forms = message.id if isinstance(message.id, tuple) else (message.id,)
            said = tuple(f"⟦{form}⟧" for form in forms)
            message.string = said if message.pluralizable else said[0]
    (folder / IN_FOLDER).parent.mkdir(parents=True)
    with (folder / IN_FOLDER).open("wb") as file:
        write_po(file, catalogue)
    return folder


@pytest.fixture(scope="module")
def sites(parts: Parts, marking: Path) -> Iterator[Sites]:
    with every_site(parts, load_catalogue(marking)) as served_sites:
        yield served_sites


def texts_in(value: object) -> Iterator[str]:
    """Every text of a value, whatever it is made of."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        for one in dataclasses.fields(value):
            yield from texts_in(getattr(value, one.name))
    elif isinstance(value, (tuple, list, frozenset)):
        for one in value:
            yield from texts_in(one)
    elif isinstance(value, (date, datetime)):
        yield value.isoformat()


DATA = "\n".join(
    text
    for value in (documents(), AGENTS, FRAUD, TOPICS, list(DEPARTEMENTS.values()), OURS)
    for text in (*texts_in(value), *(texts_in(list(REGIONS.values()))))
)


def unmarked(shown: list[str], data: str) -> list[str]:
    """Pieces of what is shown that are neither marked nor data."""
    bare = [re.sub(r"⟦[^⟦⟧]*(?:⟦[^⟦⟧]*⟧[^⟦⟧]*)*⟧", "\n", text) for text in shown]
    split = (piece for text in bare for piece in re.split(r"[\n·,;:()—|]", text))
    pieces = (piece.strip(" .…\u00a0\u202f") for piece in split)
    return sorted({p for p in pieces if re.search(r"[^\W\d_]{2}", p) and p not in data})


def read(page: Page, data: str = "") -> list[str]:
    return unmarked(page.evaluate(SHOWN, SPOKEN), f"{DATA}\n{data}")


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_every_text_is_the_catalogues(chromium: Browser, sites: Sites, state: State) -> None:
    """In every state: text nodes, titles, what screen readers say."""
    with chromium.new_context(base_url=state.address(sites), locale="fr-FR") as context:
        state.sign_on(context, sites)
        page = context.new_page()
        page.goto(state.path)
        state.prepare(page)
        asked = page.evaluate("new URLSearchParams(location.search).get('q') ?? ''")
        assert read(page, asked) == []
        assert "⟦" in page.title()


def test_what_is_not_marked_is_seen(chromium: Browser) -> None:
    """The check above bites, and lets names and marked sentences with names be."""
    page = chromium.new_page()
    page.set_content(
        "<title>⟦Essai⟧</title><p>⟦Écrire à <a href='/'>Claire Le Bihan</a> demain⟧, Guingamp"
        "<p>Bonjour<p aria-label='Fermer'>⟦Deux ⟦mots⟧⟧"
    )
    assert read(page) == ["Bonjour", "Fermer"]
    page.close()


def test_answers_and_modules_speak_the_catalogues_words(sites: Sites) -> None:
    """Problems of the API, the browser's search, the box's module."""
    with httpx.Client(base_url=sites.whole, trust_env=False, timeout=30) as client:
        problem = client.get("/api/v1/search?page=x").json()
        assert re.fullmatch("⟦.*⟧", problem["title"])
        assert re.fullmatch("⟦.*⟧", problem["detail"])
        described = client.get("/opensearch.xml").text
        assert re.search("<ShortName>⟦[^<]*⟧</ShortName>", described)
        module = client.get("/embed/words.js").text
    words = json.loads(module.partition("export const words = ")[2].partition(";\n")[0])
    flat = [one for said in words.values() for one in (said if isinstance(said, list) else [said])]
    assert len(flat) > 15
    assert [one for one in flat if not re.fullmatch("⟦.*⟧", one)] == []


def test_scripts_speak_the_catalogues_words(chromium: Browser, sites: Sites) -> None:
    """Suggestions, as they are counted and named."""
    with chromium.new_context(base_url=sites.whole, locale="fr-FR") as context:
        page = context.new_page()
        page.goto("/")
        page.locator("#q").press_sequentially("bord")
        page.locator("#suggestions [role=option]").first.wait_for()
        assert re.match("⟦.*suggestion", page.locator("#suggested").inner_text())
        assert page.locator("#suggestions .kind").first.inner_text().startswith("⟦")
