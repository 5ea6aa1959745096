"""The application for real: an embedded index, a directory, and a browser."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect, sync_playwright
from quisait_lasuite.service import LaSuite
from quisait_lasuite.web import lasuite_web
from quisait_mail.web import mail_web
from quisait_moderation.web import moderation_web
from quisait_push.web import push_web

from expertise.directory import SqlDirectory
from indexer.embedded.index import EmbeddedIndex
from search_api.app import Services, create_app
from search_api.authorization import IdentifiedReaders, bearer, token_cookie
from search_api.engine import Search
from search_api.identity.tokens import DemoReaders, SignedTokens
from search_api.server import server
from tests.builders import Listed
from tests.made_site import state_in
from tests.needs import starting
from tests.pages.administration import DIRECTORY, ENCODER, TODAY, documents
from tests.pages.asking_site import AskingSite, asking_site
from tests.smtp_server import SmtpServer, smtp_server

NOW_S = 1_770_000_000
TOKENS = SignedTokens("une clé de test assez longue pour signer")
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


def token_readers(book: SqlDirectory) -> IdentifiedReaders:
    """Readers named by a signed token, in a header or a cookie."""
    ways = [bearer(TOKENS, None, lambda: NOW_S), token_cookie(TOKENS, lambda: NOW_S)]
    return IdentifiedReaders(ways, book, lambda: TODAY)


@dataclass(frozen=True, slots=True)
class Parts:
    """The dependencies that both applications share."""

    search: Search
    book: SqlDirectory
    index: EmbeddedIndex
    engine: sa.Engine

    def services(self, **fields: Any) -> Services:
        """Readers are named by signed tokens, unless the fields say otherwise."""
        readers = token_readers(self.book)
        given: dict[str, Any] = {
            "reader_of": readers,
            "today": lambda: TODAY,
            "features": (push_web(None), lasuite_web(LaSuite()), mail_web(None), moderation_web()),
            **fields,
        }
        return Services(self.search, self.book, **given)


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    folder: Path = tmp_path_factory.mktemp("administration")
    index = EmbeddedIndex(folder / "index", ENCODER.dimension)
    assert index.write(documents()).failed == ()
    with state_in(folder) as engine:
        book = SqlDirectory(engine)
        book.replace(Listed(*DIRECTORY))
        yield Parts(Search(index, ENCODER, book), book, index, engine)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sa.Engine]:
    """A database with the tables of this version and no rows."""
    with state_in(tmp_path) as engine:
        yield engine


@pytest.fixture(scope="session")
def token_app(parts: Parts) -> FastAPI:
    """Readers are named by signed tokens."""
    return create_app(parts.services())


@pytest.fixture(scope="session")
def demo_app(parts: Parts) -> FastAPI:
    """The demo: readers choose who they are, first Dora Lenoir, who wrote nothing."""

    def agent_of(token: str) -> str | None:
        return TOKENS.agent_id(token, NOW_S)

    readers = DemoReaders(parts.book, "ag-5", lambda: TODAY, agent_of)
    return create_app(parts.services(reader_of=readers, demo=True))


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpServer]:
    """A real SMTP server that takes mail."""
    with smtp_server(tmp_path_factory.mktemp("smtp")) as server:
        yield server


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AskingSite]:
    """A small administration where questions are asked."""
    with asking_site(tmp_path) as made:
        yield made


ClientOf = Callable[[str | None], TestClient]


@pytest.fixture
def client_of(token_app: FastAPI) -> ClientOf:
    """A client of the token application for an agent's id, or for nobody."""

    def make(agent_id: str | None) -> TestClient:
        token = TOKENS.make(agent_id, NOW_S) if agent_id else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return TestClient(token_app, headers=headers, follow_redirects=False)

    return make


@pytest.fixture
def claire(client_of: ClientOf) -> TestClient:
    """An agent who may not read the restricted document."""
    return client_of("ag-1")


@pytest.fixture
def dora(client_of: ClientOf) -> TestClient:
    """An agent with the same rights who wrote nothing."""
    return client_of("ag-5")


@pytest.fixture
def demo(demo_app: FastAPI) -> TestClient:
    """The demo, from this machine."""
    own = {"Origin": "http://testserver"}
    return TestClient(demo_app, client=("127.0.0.1", 50000), headers=own, follow_redirects=False)


@contextmanager
def served(app: FastAPI, port: int = 0) -> Iterator[str]:
    """The application behind a real server on loopback, on a free port unless one is given."""
    running = server(app, "127.0.0.1", port)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not running.started:
        assert thread.is_alive(), "the server ended before it answered"
        assert time.monotonic() < deadline, "the server did not answer in time"
        time.sleep(0.02)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(timeout=20)


@pytest.fixture(scope="session")
def demo_address(demo_app: FastAPI) -> Iterator[str]:
    with served(demo_app) as address:
        yield address


_browsers: list[Browser] = []
"""The browser of this process. A package that imports `chromium` has a fixture of its own, but
playwright can be started once in a process.
"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, which playwright drives; a loaded machine is waited for."""
    if _browsers:
        yield _browsers[0]
        return
    expect.set_options(timeout=30_000)
    answers = starting("browser")
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("The browser tests need Chromium: apt-get install chromium (`make servers`).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        answers()
        _browsers.append(browser)
        yield browser
        _browsers.clear()
        browser.close()


@contextmanager
def chromium_mapping(chromium: Browser, name: str) -> Iterator[Browser]:
    """Another Chromium, for which a name leads to this machine."""
    args = [*CHROMIUM_ARGS, f"--host-resolver-rules=MAP {name} 127.0.0.1"]
    path = shutil.which("chromium")
    browser = chromium.browser_type.launch(executable_path=path, args=args)
    yield browser
    browser.close()


def heard(page: Page, *known: str) -> list[str]:
    """What goes wrong on a page from now on; where sites are known, a request to any other too."""
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    if known:
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(known) else faults.append(asked.url),
        )
    return faults
