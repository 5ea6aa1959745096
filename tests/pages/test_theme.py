"""An administration's own theme: a folder of its own, after the pages' style, from nowhere else."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from quisait.server.app import theme_of
from quisait.settings import Settings
from quisait.settings.web import PagesSettings
from search_api.app import create_app
from search_api.identity.tokens import DemoReaders
from tests.pages.administration import TODAY
from tests.pages.conftest import Parts, served
from tests.pages.test_browser import opened

pytestmark = pytest.mark.pages

THEME = """
@import "couleurs.css";
body { letter-spacing: 1px; }
"""


def test_a_theme_changes_the_pages(chromium: Browser, parts: Parts, tmp_path: Path) -> None:
    """Its variables and what it imports from its folder apply; without it they do not."""
    (tmp_path / "theme.css").write_text(THEME, "utf-8")
    (tmp_path / "couleurs.css").write_text(":root { --accent: rgb(0, 0, 145); }", "utf-8")
    reader = DemoReaders(parts.book, "ag-5", lambda: TODAY)
    plain = parts.services(reader_of=reader, demo=True)
    for services, colour in (
        (replace(plain, theme=tmp_path), "rgb(0, 0, 145)"),
        (plain, "rgb(27, 94, 90)"),
    ):
        with (
            served(create_app(services)) as address,
            opened(chromium, address, color_scheme="light") as page,
        ):
            page.goto("/")
            button = page.get_by_role("button", name="Chercher")
            expect(button).to_have_css("background-color", colour)


def test_a_folder_without_a_theme_is_told(tmp_path: Path) -> None:
    """The start stops with a sentence; no setting means no theme."""
    assert theme_of(Settings()) is None
    with pytest.raises(ValueError, match=r"ne contient pas de « theme\.css »"):
        theme_of(Settings(pages=PagesSettings(theme=str(tmp_path))))
