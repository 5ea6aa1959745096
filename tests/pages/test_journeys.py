"""The three uses as journeys, in a real Chromium, on both engines; each leaves its pictures."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from expertise.build import BuildRules, build_expertise
from expertise.builds import SqlBuilds
from expertise.current_build import BuildReader
from expertise.directory import SqlDirectory
from expertise.topics import TopicList
from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from quisait.application.database import migrate
from quisait.server.app import intranet_app
from search_api.app import Services, create_app
from search_api.identity.tokens import DEMO_COOKIE, DemoReaders
from search_api.search import Search
from tests.opensearch_index import fresh_index
from tests.pages.conftest import served
from tests.pages.test_box import INTRANET
from tests.pages.test_browser import ask, opened
from tests.pages.test_topic_pages import TOPICS, Listed, notes
from tests.planted import ENCODER, TODAY

pytestmark = [pytest.mark.pages, pytest.mark.search]

ARTEFACTS = Path(__file__).resolve().parents[2] / ".artefacts"
ALONE = "ag-1"


@dataclass(frozen=True, slots=True)
class Place:
    """A quisait on one engine, and the intranet that embeds it."""

    engine: str
    quisait: str
    intranet: str

    def keep(self, page: Page, name: str) -> None:
        """A picture for who looks at the run."""
        ARTEFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTEFACTS / f"{self.engine}-{name}.png", full_page=True)


@contextmanager
def index_of(engine: str, folder: Path) -> Iterator[Index]:
    if engine == "embedded":
        yield EmbeddedIndex(folder / "index", ENCODER.dimension)
        return
    with fresh_index(ENCODER.dimension) as index:
        yield index


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("parcours")
    with ExitStack() as stack:
        index = stack.enter_context(index_of(request.param, folder))
        assert not index.write(notes()).failed
        database = migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}"))
        stack.callback(database.dispose)
        book, builds = SqlDirectory(database), SqlBuilds(database)
        book.replace(Listed())
        builds.publish(
            build_expertise(index, book, ENCODER, TOPICS, BuildRules(), TODAY), TopicList(TOPICS)
        )
        intranet = intranet_app(INTRANET)
        beside = stack.enter_context(served(intranet))
        services = Services(
            Search(index, ENCODER, book),
            book,
            reader_of=DemoReaders(book, "ag-5", lambda: TODAY),
            today=lambda: TODAY,
            demo=True,
            overview=BuildReader(builds, index, book, BuildRules()),
            origins={beside},
        )
        quisait = stack.enter_context(served(create_app(services)))
        intranet.state.quisait = quisait
        yield Place(request.param, quisait, beside)


def test_an_agent_searches(chromium: Browser, place: Place) -> None:
    """A question, its documents, who knows beside them, narrowed, and to the colleague."""
    with opened(chromium, place.quisait) as page:
        ask(page, "cadastre")
        expect(page.get_by_role("article").filter(has_text="Le cadastre, partie 0")).to_be_visible()
        beside = page.get_by_role("region", name="Qui sait")
        expect(beside).to_contain_text("Jo Seule")
        place.keep(page, "recherche")
        page.locator("#affiner li", has=page.locator(".count")).get_by_role("link").first.click()
        expect(page.get_by_role("link", name="retirer ce filtre").first).to_be_visible()
        page.go_back()
        page.get_by_role("region", name="Qui sait").get_by_role(
            "link", name="Jo Seule", exact=True
        ).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Jo Seule")
        expect(page.locator("main")).to_contain_text("Le cadastre, partie 0")
        expect(page.get_by_role("link", name="ag-1@finances.example")).to_be_visible()
        place.keep(page, "agent")


def test_an_isolated_expert_finds_peers(chromium: Browser, place: Place) -> None:
    """Alone in the département: a page says so to them, and «vos pairs» who is there."""
    with opened(chromium, place.quisait) as page:
        page.context.add_cookies([{"name": DEMO_COOKIE, "value": ALONE, "url": place.quisait}])
        page.goto("/isolation")
        row = page.get_by_role("row").filter(has_text="Jo Seule").first
        expect(row).to_contain_text("Jo Loin")
        place.keep(page, "isolement")
        page.get_by_role("link", name="Vos pairs").click()
        peer = page.get_by_role("article").filter(has_text="Jo Loin")
        expect(peer).to_contain_text("cadastre")
        expect(peer.get_by_role("link", name="srv@fin.example")).to_be_visible()
        place.keep(page, "pairs")


def test_the_intranet_answers(chromium: Browser, place: Place) -> None:
    """The box in another site's page, under the reader's own session."""
    with chromium.new_context(locale="fr-FR") as context:
        context.add_cookies([{"name": DEMO_COOKIE, "value": "ag-5", "url": place.quisait}])
        page = context.new_page()
        page.goto(place.intranet)
        box = page.locator("qui-sait")
        box.get_by_role("combobox").fill("arpentage")
        page.keyboard.press("Enter")
        expect(box.get_by_role("listitem").first).to_contain_text("arpentage")
        place.keep(page, "intranet")
        box.get_by_role("link", name="Tout voir").click()
        expect(page.get_by_label("Votre question")).to_have_value("arpentage")
