"""Origins that may send requests in a reader's name: CORS requests and the answers to them."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import ValidationError

from quisait.settings.web import EmbedSettings
from search_api.app import create_app
from tests.pages.conftest import NOW_S, TOKENS, Parts

pytestmark = [pytest.mark.pages, pytest.mark.trust]

INTRANET = "https://intranet.exemple.fr"
ANSWERS = ["/api/v1/search?q=incendie", "/api/v1/suggest?q=bord"]
SCRIPT, MODULE = "/embed/quisait.js", "/embed/asking.js"
OTHERS = [
    "https://ailleurs.example",
    "null",
    "",
    "*",
    "http://intranet.exemple.fr",
    "https://intranet.exemple.fr:8443",
    "https://intranet.exemple.fr.ailleurs.example",
    "https://INTRANET.exemple.fr",
    f"{INTRANET}/",
    f"{INTRANET},https://ailleurs.example",
]
MODULES = Path(__file__).resolve().parents[2] / "search_api" / "static" / "embed"


@pytest.fixture(scope="module")
def embedding_app(parts: Parts) -> FastAPI:
    """Readers are named by tokens, and one intranet may embed the box."""
    origins = frozenset({INTRANET})
    return create_app(parts.services(origins=origins))


@pytest.fixture
def reading(embedding_app: FastAPI) -> TestClient:
    """A browser that holds Claire's session."""
    return TestClient(embedding_app, cookies={"quisait_token": TOKENS.make("ag-1", NOW_S)})


def cors(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if "access-control" in name}


@pytest.mark.parametrize("path", ANSWERS)
def test_a_named_origin_reads_under_the_session(reading: TestClient, path: str) -> None:
    """The answer names that very origin, allows the session, and no cache mixes origins up."""
    response = reading.get(path, headers={"Origin": INTRANET})
    assert response.status_code == 200
    assert cors(dict(response.headers)) == {
        "access-control-allow-origin": INTRANET,
        "access-control-allow-credentials": "true",
    }
    assert "Origin" in response.headers["vary"]
    assert response.headers["cache-control"] == "private, no-store"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("origin", OTHERS)
@pytest.mark.parametrize("path", [*ANSWERS, MODULE])
def test_no_other_origin_is_named(reading: TestClient, path: str, origin: str) -> None:
    """Not by a likeness, not by `null`: the browser keeps the answer from the page."""
    response = reading.get(path, headers={"Origin": origin})
    assert cors(dict(response.headers)) == {}
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize("path", [*ANSWERS, SCRIPT])
def test_answers_vary_with_the_origin_even_without_one(reading: TestClient, path: str) -> None:
    """A cache filled by a page of quisait's own is not given to the intranet."""
    response = reading.get(path)
    assert cors(dict(response.headers)) == {}
    assert "Origin" in response.headers["vary"]


def test_the_modules_need_no_session(embedding_app: FastAPI) -> None:
    """Browsers fetch modules without it: they are named for the origin, and carry no session."""
    response = TestClient(embedding_app).get(SCRIPT, headers={"Origin": INTRANET})
    assert response.status_code == 200
    assert "javascript" in response.headers["content-type"]
    assert cors(dict(response.headers)) == {"access-control-allow-origin": INTRANET}
    assert "no-store" not in response.headers.get("cache-control", "")


@pytest.mark.parametrize("origin", [one for one in OTHERS if one])
def test_a_refused_page_gets_the_cure_alone(reading: TestClient, origin: str) -> None:
    """A script that asks nothing and names the setting, without leave to send a session."""
    response = reading.get(SCRIPT, headers={"Origin": origin})
    assert cors(dict(response.headers)) == {"access-control-allow-origin": "*"}
    assert "Origin" in response.headers["vary"]
    assert "origins" in response.text
    assert not re.search(r"\b(import|fetch)\b", response.text)


def test_without_a_session_the_page_may_know_why(embedding_app: FastAPI) -> None:
    """A refusal is readable by the named origin too, so that the box can say what to do."""
    response = TestClient(embedding_app).get(ANSWERS[0], headers={"Origin": INTRANET})
    assert response.status_code == 401
    assert response.json()["code"] == "unknown_reader"
    assert response.headers["access-control-allow-origin"] == INTRANET


@pytest.mark.parametrize(
    "path",
    ["/", "/experts?q=incendie", "/api/v1/experts?q=incendie", "/api/v1/openapi.json",
     "/static/quisait.css", "/static/embed/quisait.js", "/api/v1/search/", "/health"],
)  # fmt: skip
def test_nothing_else_is_opened(reading: TestClient, path: str) -> None:
    """Only what the box asks: pages, colleagues and the rest stay with quisait's own origin."""
    response = reading.get(path, headers={"Origin": INTRANET}, follow_redirects=False)
    assert cors(dict(response.headers)) == {}


def preflight(client: TestClient, path: str, origin: str, method: str) -> dict[str, str]:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return cors(dict(client.options(path, headers=asked).headers))


def test_preflight(reading: TestClient) -> None:
    """A named origin may read; it may not write, nor send headers of its own; others nothing."""
    path = ANSWERS[0]
    assert preflight(reading, path, INTRANET, "GET") == {
        "access-control-allow-origin": INTRANET,
        "access-control-allow-credentials": "true",
    }
    for method in ("POST", "PUT", "DELETE", "PATCH", "get"):
        assert preflight(reading, path, INTRANET, method) == {}
    for origin in OTHERS:
        assert preflight(reading, path, origin, "GET") == {}
    assert preflight(reading, "/demo/agent", INTRANET, "POST") == {}
    assert preflight(reading, "/api/v1/experts", INTRANET, "GET") == {}


def test_a_named_origin_may_not_write(reading: TestClient) -> None:
    """It is refused, and the answer names nobody."""
    response = reading.post("/api/v1/search", headers={"Origin": INTRANET})
    assert response.status_code == 403
    assert cors(dict(response.headers)) == {}


def test_no_origin_in_the_settings_none_in_answers(claire: TestClient) -> None:
    """Closed at first: an administrator opens it, origin by origin."""
    assert EmbedSettings().origins == []
    assert cors(dict(claire.get(ANSWERS[0], headers={"Origin": INTRANET}).headers)) == {}


@pytest.mark.parametrize(
    "origin", [INTRANET, "http://127.0.0.1:8078", "http://[::1]:8078", "https://a.fr:8443"]
)
def test_origins_as_browsers_write_them(origin: str) -> None:
    """They are compared whole, so they are taken as they are."""
    assert EmbedSettings(origins=[origin]).origins == [origin]


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "", "intranet.exemple.fr", "https://*.exemple.fr", "https://a.fr/",
     "https://a.fr/page", "https://A.fr", "https://a.fr:443", "http://a.fr:80", "ftp://a.fr",
     "https://nom:mot@a.fr", "https://a.fr https://b.fr", "https://a.fr\n"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """With a sentence that shows how to write one: it would never match, or match too much."""
    with pytest.raises(ValidationError, match=re.escape("https://intranet.exemple.fr")):
        EmbedSettings(origins=[origin])


def test_the_box_is_small(embedding_app: FastAPI) -> None:
    """A page loads under 20 kB in all: modules that can be read, and none makes HTML of a text."""
    texts = {path.name: path.read_text("utf-8") for path in MODULES.glob("*.js")}
    words = TestClient(embedding_app).get("/embed/words.js").content
    loaded = sum(len(text.encode()) for name, text in texts.items() if name != "refused.js")
    assert len(words) + loaded < 20_000
    for text in texts.values():
        assert len(text.splitlines()) <= 120
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval", text)
        assert not re.search(r"https?://\w", text)


def test_the_browsers_own_search(embedding_app: FastAPI, demo: TestClient) -> None:
    """A description as OpenSearch 1.1 has it, without a session, that the pages link to."""
    response = TestClient(embedding_app, base_url="https://qui.exemple.fr").get("/opensearch.xml")
    assert response.headers["content-type"].startswith("application/opensearchdescription+xml")
    described = ElementTree.fromstring(response.content)  # noqa: S314 - our own answer
    names = {"os": "http://a9.com/-/spec/opensearch/1.1/"}
    assert described.findtext("os:ShortName", namespaces=names) == "Qui sait\u202f?"
    urls = [url.attrib for url in described.findall("os:Url", names)]
    template = "https://qui.exemple.fr/?q={searchTerms}"
    assert urls == [{"type": "text/html", "method": "get", "template": template}]
    assert 'type="application/opensearchdescription+xml"' in demo.get("/").text
