"""Style sheets and scripts: packed, kept while unchanged, asked again once they change."""

import gzip
from pathlib import Path

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.routing import Mount

from indexer.access import Reader
from search_api.app import create_app
from search_api.static_files import ASK, FOREVER, STATIC, static_address, static_files
from tests.pages.conftest import Parts
from tests.pages.test_browser import opened

pytestmark = pytest.mark.pages

SHEET = (STATIC / "quisait.css").read_bytes()


def raw(client: TestClient, path: str, **headers: str) -> tuple[bytes, dict[str, str]]:
    """The bytes of the line, not unpacked, and what goes before them."""
    with client.stream("GET", path, headers={"accept-encoding": "identity", **headers}) as answer:
        assert answer.status_code in (200, 206), answer.status_code
        return b"".join(answer.iter_raw()), dict(answer.headers)


def test_packed_for_who_takes_it(demo: TestClient) -> None:
    """Smaller by half and more, whole again once unpacked; plain for the others, and in parts."""
    packed, headers = raw(demo, "/static/quisait.css", **{"accept-encoding": "gzip"})
    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed) == SHEET
    assert len(packed) < len(SHEET) / 2
    plain, headers = raw(demo, "/static/quisait.css")
    assert plain == SHEET
    assert "content-encoding" not in headers
    assert headers["vary"] == "Accept-Encoding"
    part, headers = raw(
        demo, "/static/quisait.css", **{"accept-encoding": "gzip", "range": "bytes=0-9"}
    )
    assert part == SHEET[:10]


def test_pages_are_not_packed(demo: TestClient) -> None:
    """A question and what its reader may see are never packed together (BREACH)."""
    _, headers = raw(demo, "/?q=incendie", **{"accept-encoding": "gzip"})
    assert "content-encoding" not in headers
    assert headers["cache-control"] == "private, no-store"


def test_kept_by_its_version_only(demo: TestClient) -> None:
    """The address that pages name is kept for a year; without a version, or a wrong one, asked."""
    assert raw(demo, static_address("quisait.css"))[1]["cache-control"] == FOREVER
    for other in ("/static/quisait.css", "/static/quisait.css?v=0123456789ab", "/embed/quisait.js"):
        _, headers = raw(demo, other)
        assert headers["cache-control"] == ASK
        again = demo.get(other, headers={"if-none-match": headers["etag"]})
        assert again.status_code == 304
        assert again.headers["cache-control"] == ASK
    assert demo.get("/static/rien.css").status_code == 404


def test_a_changed_file_is_seen_at_once(tmp_path: Path) -> None:
    """A theme is edited while quisait runs: the packed copy follows."""
    client = TestClient(Starlette(routes=[Mount("/theme", static_files(tmp_path))]))
    sheet = tmp_path / "theme.css"
    for colour in ("rouge", "bleu pâle"):
        sheet.write_text(f"/* {colour} */" * 50, "utf-8")
        assert client.get("/theme/theme.css").text == f"/* {colour} */" * 50


SENT = """() => performance.getEntriesByType("resource")
  .filter((one) => one.transferSize > 0 && /\\.(css|js)\\?/.test(one.name)).length"""


def test_a_second_page_fetches_nothing_again(chromium: Browser, demo_address: str) -> None:
    """From one page to the next, style and scripts come from the browser's own cache."""
    with opened(chromium, demo_address) as page:
        page.goto("/?q=incendie")
        assert page.evaluate(SENT) > 0
        page.goto("/?q=bordereau")
        assert page.evaluate(SENT) == 0


@pytest.mark.parametrize(
    "path",
    ["/static/rien.css", "/static/", "/static/%2e%2e/app.py", "/embed/rien.js", "/theme/x.css"],
)
def test_a_missing_file_is_the_same_for_everybody(path: str, parts: Parts) -> None:
    """Nobody is asked who reads, nothing of a reader stands in it, and no cache keeps it."""

    def nobody_asks(request: Request) -> Reader:
        raise AssertionError("the reader was asked for")

    services = parts.services(reader_of=nobody_asks, demo=True)
    client = TestClient(create_app(services), client=("127.0.0.1", 50000))
    found = client.get(path, headers={"Cookie": "quisait_session=x"})
    assert found.status_code == 404
    assert found.headers["cache-control"] == "no-store"
    assert found.headers["content-type"].startswith("text/plain")
    assert found.text == "Cette page n’existe pas."
    assert client.post(path).status_code in (404, 405)
    assert client.post(path).headers["cache-control"] == "no-store"
