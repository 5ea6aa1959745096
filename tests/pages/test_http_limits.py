"""Limits of requests: host, rate and size, tested by real attacks."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from search_api.app import create_app
from search_api.identity.tokens import DemoReaders
from search_api.limits import RateLimiter, RequesterKind, RequestTimeouts
from search_api.middleware.request_limits import MAX_FORM_BYTES
from search_api.middleware.security import is_own_host
from search_api.server import HEAD_BYTES, HeadTimeoutProtocol
from tests.pages.administration import TODAY
from tests.pages.conftest import NOW_S, TOKENS, Parts, chromium_mapping, served

pytestmark = [pytest.mark.pages, pytest.mark.trust]

OWN = frozenset({"quisait.exemple.fr"})


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8077", "127.0.0.1", "[::1]:8077", "localhost:1", "LOCALHOST", "10.1.2.3",
     "quisait.exemple.fr", "Quisait.Exemple.fr:443", "quisait.exemple.fr."],
)  # fmt: skip
def test_own_names(host: str) -> None:
    """Names of the settings, whatever the port and the case; any address, localhost."""
    assert is_own_host(host, OWN)


@pytest.mark.parametrize(
    "host",
    ["", "ailleurs.example", "127.0.0.1.ailleurs.example", "localhost.ailleurs.example",
     "quisait.exemple.fr.ailleurs.example", "ailleurs.example#quisait.exemple.fr",
     "quisait.exemple.fr@ailleurs.example", "xquisait.exemple.fr", "127.0.0.1:80@ailleurs.example",
     "localhost:x", "quisait.exemple.fr\n", "0x7f.1", "2130706433", "exemple.fr", "é.fr"],
)  # fmt: skip
def test_other_names(host: str) -> None:
    """Whatever begins or ends like one of ours, or hides it, is none."""
    assert not is_own_host(host, OWN)


@pytest.fixture(scope="module")
def demo_behind_door(parts: Parts) -> Iterator[str]:
    """The demo as `quisait demo` makes it."""
    readers = DemoReaders(parts.book, "ag-4", lambda: TODAY)
    services = parts.services(reader_of=readers, demo=True, hosts=())
    with served(create_app(services)) as address:
        yield address


def test_a_rebound_name_reads_nothing_of_the_demo(chromium: Browser, demo_behind_door: str) -> None:
    """A stranger's page whose name leads to 127.0.0.1 reads neither documents nor agents."""
    port = urlsplit(demo_behind_door).port
    rebound = f"http://piege.example:{port}"
    with chromium_mapping(chromium, "piege.example") as browser, browser.new_context() as context:
        page = context.new_page()
        for path in ("/", "/api/v1/search?q=zanz", "/opensearch.xml", "/experts?q=cadastre"):
            answer = page.goto(f"{rebound}{path}")
            assert answer is not None
            assert answer.status == 421, path
            said = page.content()
            assert not [word for word in ("Zanzibar", "Le Bihan", "Iris") if word in said], path
        page.goto(f"{demo_behind_door}/")
        expect(page.locator(".demo strong")).to_have_text("Iris Secrète")


def test_another_sites_page_reads_nothing_of_the_demo(
    chromium: Browser, demo_behind_door: str
) -> None:
    """By 127.0.0.1 itself: neither by fetch, as a script, as an image nor in a frame."""
    stranger = FastAPI(openapi_url=None)

    @stranger.get("/")
    def page_of_stranger() -> str:
        return "x"

    asked = f"{demo_behind_door}/api/v1/search?q=zanz"
    with served(stranger) as elsewhere, chromium.new_context() as context:
        page = context.new_page()
        page.goto(elsewhere)
        for mode in ("cors", "no-cors"):
            got = page.evaluate(
                "async ([url, mode]) => { try { const r = await fetch(url, {mode, "
                "credentials: 'include'}); return r.type + await r.text() } catch { return '' } }",
                [asked, mode],
            )
            assert got == "", mode
        framed = page.evaluate(
            "url => new Promise(done => { const f = document.createElement('iframe'); f.src = url;"
            "f.onload = () => { try { done(f.contentDocument.body.innerText) } catch { done('') }};"
            "document.body.append(f) })",
            f"{demo_behind_door}/?q=zanz",
        )
        assert framed == ""


HEADERS = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


def test_headers_of_every_kind_of_answer(parts: Parts) -> None:
    """Pages, problems, refusals and static files; the embedded scripts alone are for others."""
    readers = DemoReaders(parts.book, "ag-1", lambda: TODAY)
    rates = RateLimiter({RequesterKind.READER: 6, RequesterKind.ADDRESS: 6})
    services = parts.services(reader_of=readers, hosts=("testserver",), rate_limiter=rates)
    client = TestClient(create_app(services), client=("127.0.0.1", 5))
    statuses = set()
    for path in ("/", "/nulle-part", "/api/v1/search?page=0", "/static/quisait.css", *["/"] * 9):
        answer = client.get(path)
        statuses.add(answer.status_code)
        assert answer.headers.items() >= HEADERS.items(), path
        assert "geolocation=()" in answer.headers["permissions-policy"]
        assert "strict-transport-security" not in answer.headers
    other = client.get("/", headers={"host": "ailleurs.example"})
    assert other.headers.items() >= HEADERS.items()
    assert statuses | {other.status_code} == {200, 404, 422, 429, 421}
    script = client.get("/embed/quisait.js")
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    secure = TestClient(client.app, base_url="https://testserver", client=("127.0.0.1", 5))
    assert secure.get("/static/quisait.css").headers["strict-transport-security"]


def limited(parts: Parts, **per_minute: int) -> FastAPI:
    rates = RateLimiter({RequesterKind(name): most for name, most in per_minute.items()})
    return create_app(parts.services(rate_limiter=rates))


def asking(app: FastAPI, agent: str = "", address: str = "192.0.2.1", **more: str) -> TestClient:
    own = {"Authorization": f"Bearer {TOKENS.make(agent, NOW_S)}"} if agent else {}
    return TestClient(app, headers=own | more, client=(address, 5))


def test_a_reader_in_haste_waits_and_no_other_reader(parts: Parts) -> None:
    """429 with a sentence and `Retry-After`, for the API and for a page; a colleague goes on."""
    app = limited(parts, reader=3, address=2)
    claire = asking(app, "ag-1")
    assert [claire.get("/api/v1/suggest?q=a").status_code for _ in range(4)] == [200] * 3 + [429]
    told = claire.get("/api/v1/search?q=a")
    assert (told.status_code, told.json()["code"]) == (429, "too_often")
    assert 1 <= int(told.headers["retry-after"]) <= 20
    page = claire.get("/")
    assert page.status_code == 429
    # The same address, and more often than an address may: it is not theirs to account for.
    assert asking(app, "ag-2").get("/").status_code == 200


@pytest.mark.parametrize(
    "shown", [{}, {"Authorization": "Bearer forge"}, {"Cookie": "quisait_token=forge"}], ids=str
)
def test_a_stranger_in_haste_waits(parts: Parts, shown: dict[str, str]) -> None:
    """Whatever credential they invent; from another address one still asks."""
    app = limited(parts, reader=100, address=3)
    stranger = asking(app, **shown)
    statuses = [stranger.get("/api/v1/search?q=a").status_code for _ in range(5)]
    assert statuses == [401] * 3 + [429] * 2
    assert asking(app, "ag-1").get("/").status_code == 200
    assert asking(app, address="192.0.2.2").get("/").status_code == 401
    assert stranger.get("/static/quisait.css").status_code == 200


@pytest.fixture(scope="module")
def bounded(parts: Parts) -> Iterator[str]:
    """A real server that waits a short time only, with one route that never answers."""
    services = parts.services()
    app = create_app(replace(services, timeouts=RequestTimeouts(body_s=0.6, answer_s=0.4)))

    @app.get("/api/v1/lent")
    def slow() -> str:
        time.sleep(3)
        return "trop tard"

    with pytest.MonkeyPatch.context() as patch, served(app) as address:
        patch.setattr(HeadTimeoutProtocol, "head_s", 0.8)
        yield address


def dripped(address: str, head: bytes, drop: bytes, most_s: float = 60) -> tuple[bytes, bool]:
    """Send a head, then drops for as long as the server listens: its answer, and if it hung up."""
    host = urlsplit(address)
    began, said = time.monotonic(), b""
    with closing(socket.create_connection((str(host.hostname), host.port or 0))) as line:
        line.settimeout(0.1)
        line.sendall(head)
        while time.monotonic() - began < most_s:
            try:
                if drop:
                    line.sendall(drop)
                got = line.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return said, True
            said += got
            if not got:
                return said, True
    return said, False


HEAD = b"POST /demo/agent HTTP/1.1\r\nHost: 127.0.0.1\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.mark.parametrize("drop", [b"X-A: b\r\n", b"a", b""], ids=["header", "letter", "nothing"])
def test_a_head_that_never_ends(bounded: str, drop: bytes) -> None:
    """Slowloris: the connection is closed, drop by drop or silent."""
    said, closed = dripped(bounded, HEAD if drop else b"", drop)
    assert closed
    assert b" 200 " not in said


def test_a_head_that_never_ends_after_an_answer(bounded: str) -> None:
    """The clock starts anew on a connection that is kept."""
    whole = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    said, closed = dripped(bounded, whole + HEAD, b"a")
    assert b"200 OK" in said
    assert closed


def test_a_body_that_never_ends(bounded: str) -> None:
    """408, and the connection is closed; also on a route that reads no body."""
    said, closed = dripped(bounded, HEAD + FORM + b"Content-Length: 1000\r\n\r\n", b"a")
    assert b" 408 " in said
    assert closed
    reading = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"
    said, closed = dripped(bounded, reading, b"a")
    assert b" 200 " in said
    assert closed


def test_a_body_that_is_too_large(bounded: str) -> None:
    """413 with a said length or without one, as a form and where no body is awaited."""
    big = b"agent=" + b"a" * 400_000
    form = {"content-type": "application/x-www-form-urlencoded"}
    for content in (big, iter([big, big])):
        answer = httpx.post(f"{bounded}/demo/agent", content=content, headers=form, trust_env=False)
        assert answer.status_code == 413


def test_no_route_fails_on_a_body_that_is_too_large(parts: Parts) -> None:
    """Each route that takes a body refuses it: 413, or what it refuses before it reads."""
    app = create_app(parts.services())
    client, answered = asking(app, "ag-1"), {}
    for path, methods in app.openapi()["paths"].items():
        address = re.sub(r"{[^}]*}", "x", path)
        for method in {"post", "put", "patch", "delete"} & methods.keys():
            answer = client.request(method, address, content=b"[" * (MAX_FORM_BYTES + 1))
            answered[f"{method} {path}"] = answer.status_code
    assert 413 in answered.values()
    features = app.state.services.features
    large = tuple(path for feature in features for path in feature.large_bodies)
    limited = {
        one: code for one, code in answered.items() if not one.partition(" ")[2].startswith(large)
    }
    assert {code for code in answered.values() if code >= 500} == set(), answered
    assert set(limited.values()) <= {401, 403, 404, 413, 422}, limited


def test_a_head_that_is_too_large(bounded: str) -> None:
    """4xx: neither a long address nor long headers reach the application."""
    path = f"{bounded}/api/v1/search?q={'a' * HEAD_BYTES}"
    assert httpx.get(path, trust_env=False).status_code in (400, 431)
    many = {f"x-{n}": "a" * 1000 for n in range(60)}
    assert httpx.get(f"{bounded}/", headers=many, trust_env=False).status_code in (400, 431)


def test_an_answer_that_never_comes(bounded: str) -> None:
    """503 with a sentence, and when to try again; the server goes on."""
    answer = httpx.get(f"{bounded}/api/v1/lent", trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (503, "late")
    assert answer.headers["retry-after"] == "30"
    assert httpx.get(f"{bounded}/health/live", trust_env=False).status_code == 200
