"""Logs contain no queries, no written texts and no names of people."""

import contextlib
import io
import json
import logging
import socket
import sys
import threading
import time
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from quisait.application.logs import PACKAGES, set_up_logs
from search_api.app import Services, create_app
from search_api.engine import Search
from search_api.identity.readers import reader_of
from search_api.identity.tokens import SignedTokens
from search_api.query.query import Query
from search_api.server import serving
from tests.pages.administration import TODAY
from tests.pages.conftest import Parts, served
from tests.service.place import Place, export, make_place, post
from tests.service.running import Running, running, wait_until

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SOUGHT = "xylophone-inavouable"


class BrokenSearch(Search):
    """Fails with the question in its error's text, as an engine's client might."""

    def hits(self, query: Query, *_: object, **__: object) -> NoReturn:
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
    anyone = Services(search, parts.book, reader_of=lambda request: claire, today=lambda: TODAY)
    with served(create_app(anyone)) as address:
        asked = {"q": SOUGHT}
        api = httpx.get(f"{address}/api/v1/search", params=asked, trust_env=False, timeout=60)
        page = httpx.get(f"{address}/", params=asked, trust_env=False, timeout=60)
    assert (api.status_code, api.json()["code"]) == (500, "internal")
    assert page.status_code == 500
    assert "default-src 'none'" in page.headers["content-security-policy"]
    text = logged(caplog, capfd)
    assert SOUGHT not in text
    assert "RuntimeError" in text


@pytest.fixture
def root_logger() -> Iterator[None]:
    """The journals are a process's: what a test sets up is undone after it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    levels = {room: logging.getLogger(room).level for room in PACKAGES}
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    threading.excepthook = threading.__excepthook__
    for room, kept in levels.items():
        logging.getLogger(room).setLevel(kept)


@pytest.mark.usefixtures("root_logger")
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_journal_has_fields_and_no_texts(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line an event; an error loses its text, its trace too, whoever logs it."""
    set_up_logs(form, "info")
    own = logging.getLogger("indexer.crawl.pipeline")
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
    thread = threading.Thread(target=int, args=(f"no number: {SOUGHT}",))
    thread.start()
    thread.join()
    lines = capsys.readouterr().err.splitlines()
    assert SOUGHT not in "".join(lines)
    assert len(lines) == 5
    assert "ValueError" in lines.pop()
    if form == "json":
        first, *errors = map(json.loads, lines)
        assert first.pop("time").endswith("Z")
        assert first == {
            "level": "info",
            "logger": "indexer.crawl.pipeline",
            "message": "record failed",
            "document_id": "wiki:1",
            "failure": "empty",
            "n": 3,
        }
        assert all("RuntimeError" in (one.get("error") or one["message"]) for one in errors)
    else:
        assert lines[0].endswith(
            "INFO indexer.crawl.pipeline: record failed document_id=wiki:1 failure=empty n=3"
        )
        assert all("RuntimeError" in line for line in lines[1:])


@pytest.mark.usefixtures("root_logger")
def test_a_library_repeats_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A wiki's client logs what the wiki answers, an archive's the names in it: place alone."""
    set_up_logs("text", "debug")
    logging.getLogger("mwclient.client").warning("Unrecognized title: %s", SOUGHT)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        for _ in range(2):
            archive.writestr(f"{SOUGHT}.txt", "x")
    told = capsys.readouterr().err
    assert SOUGHT not in told
    assert "mwclient.client: said by a library place=" in told
    assert "py.warnings: said by a library place=" in told
    assert "Invalid HTTP request received." in told


@pytest.mark.usefixtures("root_logger")
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_record_that_cannot_be_written_shows_no_text(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a closed standard error nor a record that has no form prints the error's text."""
    at_start = io.StringIO()
    with contextlib.redirect_stderr(at_start):
        set_up_logs(form, "info")
    at_start.close()
    closed = io.StringIO()
    closed.close()
    own = logging.getLogger("indexer.crawl.pipeline")
    try:
        raise RuntimeError(SOUGHT)
    except RuntimeError:
        own.error("written later")
        own.error("%d documents", SOUGHT)
        with contextlib.redirect_stderr(closed):
            own.error("lost")
    told = capsys.readouterr().err
    assert SOUGHT not in told
    assert "written later" in told
    assert "log record not written: TypeError place=" in told


PERSON, TITLE, TYPED = "Inavouablet", "Zirconique", "Xylophonais"
"""Words of names of persons and their files, of titles and texts, and of what is asked."""
FILES = {
    f"Evaluation de {PERSON} Jeanne.pdf": b"%PDF-1.7 broken",
    f"{PERSON}.docx": b"PK\x03\x04 broken",
    f"CV {PERSON}/{PERSON}.odt": b"",
    f"{PERSON}.zip": b"PK\x05\x06",
    f"{PERSON}.html": f"<title>{TITLE} {PERSON}</title><p>{TITLE} par {PERSON}".encode(),
    f"note de {PERSON}.txt": f"{TITLE} {PERSON} et le cadastre.".encode(),
}


def named_after_persons(folder: Path, timeout_s: str) -> Place:
    """Files and lines that bear names, most of which cannot be read; everything is logged."""
    place = make_place(
        folder,
        QUISAIT_LOG__LEVEL="debug",
        QUISAIT_METRICS__TOKEN="",
        QUISAIT_RUN__JITTER="0",
        QUISAIT_EXTRACTOR__TIMEOUT_S=timeout_s,
        QUISAIT_SEARCH__GLOSSARY=f"{PERSON}.csv",
        QUISAIT_JOURNAL__ENABLED="true",
    )
    notes = place.folder / "notes"
    for name, content in FILES.items():
        (notes / name).parent.mkdir(exist_ok=True)
        (notes / name).write_bytes(content)
    (notes / "_quisait.csv").write_text(f"pattern,allowed,author\n*,everyone,{PERSON}\n", "utf-8")
    (place.folder / f"{PERSON}.csv").write_text(f"{PERSON}\n", "utf-8")
    good = post(1, f"{TITLE} de {PERSON}", PERSON) | {"title": f"{TITLE} {PERSON}"}
    lost = good | {
        "id": PERSON,
        "attachments": [{"name": f"{PERSON}.pdf", "path": f"{PERSON}.pdf"}],
    }
    odd = json.dumps(good | {"id": "2", "readers": {"allowed": [PERSON]}, "created": TITLE})
    lines = export([good, lost]) + f"{odd}\n{{{PERSON} {TITLE}\n"
    (place.folder / "export.jsonl").write_text(lines, "utf-8")
    agents = place.folder / "agents.csv"
    agents.write_text(agents.read_text("utf-8") + f"{PERSON},{PERSON}\n", "utf-8")
    return place


def asked_of(one: Running) -> None:
    """Questions, well and badly asked; addresses that name a person; each of the ports."""
    headers = {"Authorization": f"Bearer {SignedTokens('k' * 32).make('ag-1', int(time.time()))}"}
    for path in ("/", "/experts", "/api/v1/search", "/api/v1/experts", "/api/v1/suggest"):
        for q in (TYPED, f"{TYPED} {PERSON}", f'auteur:"{PERSON}"', f'"{TYPED}'):
            assert one.get(f"{path}?q={q}", one.pages, **headers).status_code == 200
        one.get(f"{path}?q={TYPED}&page={PERSON}", one.pages, **headers)
        one.get(f"{path}?q={TYPED}", one.pages)
    for path in (f"/agents/{PERSON}", f"/topics/{PERSON}", f"/{PERSON}", f"/static/{PERSON}.js"):
        assert one.get(path, one.pages, **headers).status_code in (200, 404)
    one.get("/", one.pages, Authorization=f"Bearer {TYPED}")
    one.get("/", one.pages, Host=f"{PERSON}.example")
    target = urlsplit(one.pages)
    with socket.create_connection((str(target.hostname), target.port or 0), timeout=5) as raw:
        raw.sendall(f"GET /?q={TYPED} HTTP/9.9\r\nbroken\r\n\r\n".encode())
        raw.recv(1000)


@pytest.mark.parametrize(
    ("timeout_s", "failures"), [("60", {"unreadable"}), ("0.01", {"timed_out"})]
)
def test_the_whole_run_names_nothing(tmp_path: Path, timeout_s: str, failures: set[str]) -> None:
    """Directory, sources, failures and questions at the most talkative level: fields alone.

    What failed is found all the same: `quisait sources` shows the reference beside the name.
    """
    place = named_after_persons(tmp_path / "place", timeout_s)
    with running(place) as one:
        for source in ("notes", "wiki"):
            wait_until(
                lambda source=source: any(
                    one.measured("quisait_source_last_outcome", outcome=how, source=source)
                    for how in ("done", "failed", "refused", "held")
                )
            )
        asked_of(one)
        one.stop()
    told = one.journal.read_text("utf-8")
    lines = one.logged()
    for word in (PERSON, TITLE, TYPED):
        assert [line for line in lines if word.lower() in json.dumps(line).lower()] == []
    assert not any(word.lower() in told.lower() for word in (PERSON, TITLE, TYPED))
    failed = [line for line in lines if line["message"] == "records failed"]
    assert failures | {"malformed"} <= {line["failure"] for line in failed}
    for source in ("notes", "wiki"):
        shown = place.run("sources", source).stdout
        assert PERSON in shown or source == "wiki"
        for line in failed:
            assert (f"reference={line['reference']}" in shown) == (line["source"] == source)


def test_a_port_that_is_taken_is_a_sentence() -> None:
    """It says what to do, and nothing else's port is touched."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ValueError, match="--port"),
        serving(FastAPI(), "127.0.0.1", taken.getsockname()[1]),
    ):
        pass
