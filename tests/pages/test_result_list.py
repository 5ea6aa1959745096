"""Around the list of results: dates, values beyond twelve, kinds, a link to hand on."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from connectors.values import Agent
from indexer.embedded.index import EmbeddedIndex
from search_api.app import Services, create_app
from search_api.query.query import since
from tests.builders import allowed, put
from tests.made_site import made_site
from tests.pages.conftest import served
from tests.pages.test_browser import opened
from tests.planted import ENCODER, TODAY

pytestmark = pytest.mark.pages

SPACES = [f"espace {number:02}" for number in range(15)]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder: Path = tmp_path_factory.mktemp("list")
    index = EmbeddedIndex(folder / "index", ENCODER.dimension)
    recent = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)
    notes = [
        put(
            f"wiki:{number}",
            "Le bornage.",
            title=f"Bornage {number}",
            url=f"https://wiki.example/{number}.pdf",
            kind="note",
            space=space,
            modified=recent if number < 2 else datetime(2001, 1, 2, tzinfo=UTC),
        )
        for number, space in enumerate(SPACES)
    ]
    secret = put(
        "wiki:secret", "Le bornage.", space="espace Zanzibar", access=allowed("ldap:group:x")
    )
    assert not index.write([*notes, secret]).failed
    with made_site(folder, index, [Agent("ag-1", "Jo", "Lectrice")], ()) as made:
        yield made.services("ag-1", overview=None)


def spaces_in(page: str) -> list[str]:
    return re.findall(r">(espace [^<]+)</a>", page.partition('id="affiner"')[2])


def test_values_beyond_twelve_stand_behind_a_link(services: Services) -> None:
    """Every value that the reader may see, and no other; the link needs no script."""
    client = TestClient(create_app(services))
    page = client.get("/?q=bornage").text
    assert spaces_in(page) == SPACES[:12]
    (further,) = re.findall(r'href="([^"]*more=space[^"]*)">Afficher plus', page)
    whole = client.get(unescape(further)).text
    assert spaces_in(whole) == SPACES
    assert "Afficher moins" in whole
    assert "Zanzibar" not in whole


def test_a_span_of_dates_is_one_click(services: Services) -> None:
    """It narrows, is told as the filter in force, takes another's place, and is taken back."""
    client = TestClient(create_app(services))
    page = client.get("/?q=bornage depuis:1999").text
    (year,) = re.findall(r'href="([^"]*)">Depuis un an<', page)
    page = client.get(unescape(year)).text
    assert re.search(r"<h2 id=\"documents\">2\sdocuments", page)
    assert "depuis%3A1999" not in year
    (chosen,) = re.findall(r'href="([^"]*)" class="chosen" aria-current="true">([^<]*)', page)
    assert chosen == ("/?q=bornage", "Depuis un an")
    assert "Depuis un an" not in client.get("/", params={"q": "mot " * 31 + "bornage"}).text


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("bornage", "bornage depuis:2024-02-29"),
        ("", "depuis:2024-02-29"),
        ("après:2020 bornage « après:2020 »", "bornage « après:2020 » depuis:2024-02-29"),
        ("bornage depuis:1er mars 2021 avant:2025", "bornage avant:2025 depuis:2024-02-29"),
        ("mot " * 30, None),
    ],
)
def test_a_day_in_a_query(typed: str, expected: str | None) -> None:
    """Another day's place is taken; what stands in quotes stays; nothing else changes."""
    assert since(typed, date(2024, 2, 29)) == expected


def test_a_link_to_hand_on(chromium: Browser, services: Services) -> None:
    """By mail without a script, or copied; a kind has its icon, and says its format in words."""
    with served(create_app(services)) as address, opened(chromium, address) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        page.goto("/?q=bornage&space=espace+03")
        mail = page.get_by_role("link", name="Envoyer par courriel").get_attribute("href")
        assert mail is not None
        assert mail.endswith("espace%2B03")
        page.get_by_role("link", name="Copier le lien").click()
        expect(page.get_by_text("Lien copié")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == f"{address}/?q=bornage&space=espace+03"
        expect(page.locator(".kind").first).to_have_text("note (PDF)")
        expect(page.locator(".kind .icon").first).to_be_visible()
