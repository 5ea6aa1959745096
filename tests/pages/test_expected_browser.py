"""A lay question fails, an animator adds it on the document's page, the next agent finds it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Browser, Page, expect

from quisait.application.assembly import Application, open_application
from quisait.clock import now_s
from quisait.server.app import app_of, tokens_of
from quisait.settings import load_settings
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.expected import apply_expected_questions
from search_api.query_log.recording import NoQueryLog
from tests.pages.conftest import heard, served
from tests.pages.test_accessibility import faults_of
from tests.service.place import AGENTS, make_place

pytestmark = [pytest.mark.pages, pytest.mark.search]

NOTE, TITLE = "notes:regie.md", "Régies"
LAY = "À qui je rends les sous de la tirelire ?"
ANIMATOR, ASKER = "ag-2", "ag-4"

PageOf = Callable[[str], Page]


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    role = {"role": "animator", "agents": [ANIMATOR], "topics": ["*"]}
    place = make_place(tmp_path / "place", QUISAIT_ROLES=json.dumps([role]))
    (place.folder / "agents.csv").write_text(f"{AGENTS}ag-4,Dan,Roy,,29,,,true\n", "utf-8")
    place.enter(monkeypatch)
    with open_application(load_settings()) as opened:
        read_directory(opened)
        crawl_sources(opened, opened.settings.sources, quiet=True)
        yield opened


@pytest.fixture
def page_of(application: Application, chromium: Browser) -> Iterator[PageOf]:
    """An agent's own browser."""
    faults: list[list[str]] = []
    with ExitStack() as open_, served(app_of(application, NoQueryLog())) as address:

        def page_of(agent_id: str) -> Page:
            token = tokens_of(application.settings).make(agent_id, now_s())
            context = chromium.new_context(
                base_url=address,
                extra_http_headers={"Authorization": f"Bearer {token}"},
                locale="fr-FR",
            )
            open_.callback(context.close)
            context.set_default_timeout(60_000)
            page = context.new_page()
            faults.append(heard(page))
            return page

        yield page_of
    assert not any(faults)


def ask(page: Page) -> str:
    """Ask the question on the first page; return the title of the first document."""
    page.goto("/")
    field = page.locator("[name=q]").first
    field.fill(LAY)
    field.press("Enter")
    return page.locator(".results h3").first.inner_text()


def test_what_an_animator_adds_the_next_agent_finds(
    application: Application, page_of: PageOf
) -> None:
    asker, animator = page_of(ASKER), page_of(ANIMATOR)
    assert TITLE not in ask(asker)
    animator.goto(f"/documents/{NOTE}")
    section = animator.get_by_role("region", name="Aussi demandé comme…")
    section.get_by_label("Une question à laquelle ce texte répond").fill(LAY)
    section.get_by_role("button", name="Ajouter").click()
    expect(animator.get_by_text("La recherche en tient compte", exact=False)).to_be_visible()
    expect(section.get_by_text(LAY)).to_be_visible()
    expect(section.get_by_role("button", name="Retirer")).to_be_visible()
    assert faults_of(animator) == []
    assert apply_expected_questions(application, Event()) == 1
    assert TITLE in ask(asker)
    asker.get_by_role("link", name=TITLE).first.click()
    section = asker.get_by_role("region", name="Aussi demandé comme…")
    expect(section.get_by_text(LAY)).to_be_visible()
    expect(section.get_by_role("button")).to_have_count(0)
