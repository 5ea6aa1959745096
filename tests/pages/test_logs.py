"""Nothing of what somebody looks for reaches a log."""

import logging
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from search_api.app import Services, create_app
from search_api.query import Query
from search_api.readers import reader_of
from search_api.search import Search
from search_api.serving import serve
from tests.pages.administration import TODAY
from tests.pages.conftest import Parts, served

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SOUGHT = "xylophone-inavouable"


class BrokenSearch(Search):
    """Fails with the question in its error's text, as an engine's client might."""

    def answer(self, query: Query, *_: object) -> object:  # type: ignore[override]
        raise RuntimeError(f"cannot parse {query.text}")


def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    formatter = logging.Formatter()
    # httpx is the one who asks here: what it logs of itself is not the server's.
    served_by = [one for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))]
    records = [f"{formatter.format(one)} {vars(one)}" for one in served_by]
    captured = capfd.readouterr()
    return "\n".join([*records, captured.out, captured.err])


def test_a_query_reaches_no_log(
    demo_app: FastAPI, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Answers, problems and malformed requests leave no trace of the query string."""
    caplog.set_level(logging.INFO)
    with served(demo_app) as address:
        for path in ("/", "/experts", "/api/v1/search", "/api/v1/suggest", "/nulle-part"):
            httpx.get(f"{address}{path}", params={"q": SOUGHT}, trust_env=False)
        httpx.get(f"{address}/", params={"q": SOUGHT, "page": "abc"}, trust_env=False)
        target = urlsplit(address)
        with socket.create_connection((str(target.hostname), target.port or 0), timeout=5) as raw:
            raw.sendall(f"GET /?q={SOUGHT} HTTP/9.9\r\nbroken\r\n\r\n".encode())
            raw.recv(1000)
    text = logged(caplog, capfd)
    assert SOUGHT not in text
    assert "Invalid HTTP request" in text


def test_a_failure_is_logged_without_its_text(
    parts: Parts, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """What nobody foresaw answers 500, and logs its kind and place only."""
    search = BrokenSearch.__new__(BrokenSearch)
    claire = reader_of("ag-1", parts.book, TODAY)
    anyone = Services(search, parts.book, lambda request: claire, today=lambda: TODAY)
    with served(create_app(anyone)) as address:
        asked = {"q": SOUGHT}
        api = httpx.get(f"{address}/api/v1/search", params=asked, trust_env=False)
        page = httpx.get(f"{address}/", params=asked, trust_env=False)
    assert (api.status_code, api.json()["code"]) == (500, "internal")
    assert page.status_code == 500
    assert "Une erreur est survenue" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    text = logged(caplog, capfd)
    assert SOUGHT not in text
    assert "RuntimeError" in text


def test_a_port_that_is_taken_is_a_sentence() -> None:
    """It says what to do, and nothing else's port is touched."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ValueError, match="--port"),
    ):
        serve(FastAPI(), "127.0.0.1", taken.getsockname()[1])
