"""Nothing of what somebody looks for reaches a log."""

import json
import logging
import socket
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from quisait.logs import ROOMS, set_up_logs
from search_api.app import Services, create_app
from search_api.identity.readers import reader_of
from search_api.questions.query import Query
from search_api.search import Search
from search_api.serving import serving
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
            httpx.get(f"{address}{path}", params={"q": SOUGHT}, trust_env=False, timeout=60)
        httpx.get(f"{address}/", params={"q": SOUGHT, "page": "abc"}, trust_env=False, timeout=60)
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
        api = httpx.get(f"{address}/api/v1/search", params=asked, trust_env=False, timeout=60)
        page = httpx.get(f"{address}/", params=asked, trust_env=False, timeout=60)
    assert (api.status_code, api.json()["code"]) == (500, "internal")
    assert page.status_code == 500
    assert "Une erreur est survenue" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    text = logged(caplog, capfd)
    assert SOUGHT not in text
    assert "RuntimeError" in text


@pytest.fixture
def root_logger() -> Iterator[None]:
    """The journals are a process's: what a test sets up is undone after it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    levels = {room: logging.getLogger(room).level for room in ROOMS}
    yield
    root.handlers[:] = before
    root.setLevel(level)
    for room, kept in levels.items():
        logging.getLogger(room).setLevel(kept)


@pytest.mark.usefixtures("root_logger")
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_journal_has_fields_and_no_texts(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line an event; an error loses its text, its trace too, whoever logs it."""
    set_up_logs(form, "info")
    own = logging.getLogger("indexer.pipeline")
    own.info("record failed", extra={"document_id": "wiki:1", "failure": "empty", "n": 3})
    own.debug("nothing of this")
    logging.getLogger("opensearch").debug("> %s", SOUGHT)
    logging.getLogger("httpx").info("GET /?q=%s", SOUGHT)
    for name in ("search_api.problems", "asyncio"):
        try:
            raise RuntimeError(f"cannot parse\n{SOUGHT}")
        except RuntimeError:
            logging.getLogger(name).exception("request failed", stack_info=True)
    try:
        raise RuntimeError(SOUGHT)
    except RuntimeError as error:
        logging.getLogger("uvicorn.error").error(f"oh: {error}", exc_info=sys.exc_info())
    lines = capsys.readouterr().err.splitlines()
    assert SOUGHT not in "".join(lines)
    assert len(lines) == 4
    if form == "json":
        first, *errors = map(json.loads, lines)
        assert first.pop("time").endswith("Z")
        assert first == {
            "level": "info",
            "logger": "indexer.pipeline",
            "message": "record failed",
            "document_id": "wiki:1",
            "failure": "empty",
            "n": 3,
        }
        assert all("RuntimeError" in (one.get("error") or one["message"]) for one in errors)
    else:
        assert lines[0].endswith(
            "INFO indexer.pipeline: record failed document_id=wiki:1 failure=empty n=3"
        )
        assert all("RuntimeError" in line for line in lines[1:])


def test_a_port_that_is_taken_is_a_sentence() -> None:
    """It says what to do, and nothing else's port is touched."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ValueError, match="--port"),
        serving(FastAPI(), "127.0.0.1", taken.getsockname()[1]),
    ):
        pass
