"""Entries of routes in the query log; an answer never waits for the log."""

import re

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from quisait.application.database import migrate
from search_api.app import create_app
from search_api.identity.readers import reader_of
from search_api.query_log.recording import BackgroundQueryLog, QueryKind
from tests.journals import NINE, Notebook, journal_of
from tests.pages.administration import TODAY
from tests.pages.conftest import Parts, served
from tests.pages.test_logs import SOUGHT, logged

pytestmark = [pytest.mark.pages, pytest.mark.trust]


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def client(parts: Parts, notebook: Notebook) -> TestClient:
    claire = reader_of("ag-1", parts.book, TODAY)
    services = parts.services(reader_of=lambda _: claire, query_log=notebook)
    return TestClient(create_app(services))


@pytest.mark.parametrize(
    ("path", "asked_for", "further"),
    [
        ("/?q=r%C3%A9gie+h%C3%B4pital", QueryKind.SEARCH, False),
        ("/?q=r%C3%A9gie+h%C3%B4pital&page=2", QueryKind.SEARCH, True),
        ("/?q=r%C3%A9gie+h%C3%B4pital&kind=note", QueryKind.SEARCH, True),
        ("/api/v1/search?q=r%C3%A9gie+h%C3%B4pital", QueryKind.SEARCH, False),
        ("/experts?q=r%C3%A9gie+h%C3%B4pital", QueryKind.EXPERTS, False),
        ("/experts?q=r%C3%A9gie+h%C3%B4pital&area=22", QueryKind.EXPERTS, True),
        ("/api/v1/experts?q=r%C3%A9gie+h%C3%B4pital", QueryKind.EXPERTS, False),
    ],
)
def test_each_question_is_told_once(
    client: TestClient, notebook: Notebook, path: str, asked_for: QueryKind, further: bool
) -> None:
    """With what it looks for, and whether somebody looked further into its answers."""
    assert client.get(path).status_code == 200
    (one,) = notebook.noted
    assert (one.asked_for, one.agent_id, one.text) == (asked_for, "ag-1", "régie hôpital")
    assert one.further == further
    assert further or one.results > 0


@pytest.mark.parametrize(
    "path", ["/?q=r%C3%A9gie+h%C3%B4pital", "/?q=r%C3%A9gie+h%C3%B4pital&page=2"]
)
def test_the_names_beside_a_search_are_told_as_brought_up(
    client: TestClient, notebook: Notebook, path: str
) -> None:
    """Those that the page shows, and no others; those of the API too."""
    page = client.get(path).text
    (asking,) = notebook.noted
    assert asking.named
    shown = re.findall(
        r'href="/agents/([^"?]+)[^"]*"',
        page.partition('id="qui-sait"')[2].partition("</section>")[0],
    )
    assert list(dict.fromkeys(shown)) == list(asking.named)
    people = client.get("/api/v1/search?q=r%C3%A9gie+h%C3%B4pital").json()["people"]
    assert notebook.noted[-1].named == tuple(one["agent"]["id"] for one in people)


def test_what_is_being_typed_is_not_told(client: TestClient, notebook: Notebook) -> None:
    """Nor what was refused."""
    client.get("/api/v1/suggest?q=tax")
    client.get("/?q=r%C3%A9gie+h%C3%B4pital&page=0")
    client.get("/static/quisait.css")
    assert notebook.noted == []


def test_an_answer_never_hangs_on_the_journal(
    parts: Parts, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its tables are gone: people are answered, and no log says what they asked."""
    engine = migrate(sa.create_engine("sqlite://", hide_parameters=True))
    broken = journal_of(engine)
    engine.dispose()
    queue = BackgroundQueryLog(broken, lambda: NINE)
    claire = reader_of("ag-1", parts.book, TODAY)
    services = parts.services(reader_of=lambda _: claire, query_log=queue)
    with queue.writing(), served(create_app(services)) as address:
        for path in ("/", "/experts", "/api/v1/search", "/api/v1/experts"):
            asked = {"q": SOUGHT}
            answer = httpx.get(f"{address}{path}", params=asked, trust_env=False, timeout=60)
            assert answer.status_code == 200
    text = logged(caplog, capfd)
    assert "journal failed" in text
    assert SOUGHT not in text


def test_the_foot_of_a_page_tells_that_questions_are_counted(
    client: TestClient, parts: Parts
) -> None:
    """What is said to people follows the settings: with a journal, and without."""
    assert "Vos recherches sont comptées sans votre nom" in client.get("/").text
    claire = reader_of("ag-1", parts.book, TODAY)
    without = TestClient(create_app(parts.services(reader_of=lambda _: claire)))
    assert "Vos recherches ne sont pas consignées" in without.get("/").text
