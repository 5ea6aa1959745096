"""Every route refuses changes that a page of another site makes a browser request."""

import shutil
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect
from starlette.datastructures import Headers
from starlette.routing import BaseRoute

from search_api.middleware.security import is_same_site
from tests.pages.conftest import CHROMIUM_ARGS, served

pytestmark = [pytest.mark.pages, pytest.mark.trust]

OWN = "https://qui.exemple.fr"
OTHERS = ["https://exemple.fr", "http://qui.exemple.fr", "https://qui.exemple.fr:8443", "null",
          "https://qui.exemple.fr.ailleurs.example", "", "*"]  # fmt: skip


@pytest.mark.parametrize(
    "sent",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://nom-interne:8077"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": OWN},
        {"Referer": f"{OWN}/access?q=a"},
        {"Referer": f"{OWN}:443/"},
        {},
        {"Authorization": "Bearer x"},
    ],
    ids=str,
)
def test_our_own_pages_and_programs(sent: dict[str, str]) -> None:
    """Our forms, behind a proxy that renames us too; a program that has no cookie."""
    assert is_same_site(Headers(sent), {OWN})


@pytest.mark.parametrize(
    "sent",
    [
        {"Sec-Fetch-Site": "same-site", "Origin": OWN},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "neither"},
        *({"Origin": other, "Referer": OWN, "Cookie": "a=b"} for other in OTHERS if other),
        *({"Referer": f"{other}/{OWN}", "Cookie": "a=b"} for other in OTHERS),
        {"Referer": "https://[", "Cookie": "a=b"},
        {"Cookie": "a=b"},
        {"Cookie": "a=b", "Authorization": "Basic x"},
    ],
    ids=str,
)
def test_anything_else_is_another_site(sent: dict[str, str]) -> None:
    """A neighbour of our domain too; and a cookie from a browser that does not say from where."""
    assert not is_same_site(Headers(sent), {OWN})


def writing_routes(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Return the routes that write, including those of included routers."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield from (
                (method, route.path) for method in (route.methods or set()) - {"GET", "HEAD"}
            )
        elif (router := getattr(route, "original_router", None)) is not None:
            yield from writing_routes(router.routes)


def test_every_route_that_changes_something(demo_app: FastAPI, demo: TestClient) -> None:
    """Whatever is added to the application is kept from other sites, before it is even asked."""
    routes = list(writing_routes(demo_app.routes))
    assert ("POST", "/demo/agent") in routes
    assert len(routes) >= 4
    for method, path in routes:
        for sent in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://ailleurs.example"}):
            answer = demo.request(method, path, headers=sent)
            assert answer.status_code == 403, (method, path)
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    told = demo.post("/api/v1/documents/a", headers={"Origin": "null"})
    assert told.headers["content-type"] == "application/problem+json"
    assert told.json()["code"] == "other_site"


def test_reading_is_not_concerned(demo: TestClient) -> None:
    """A link from the intranet opens a page."""
    assert demo.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.fixture(scope="module")
def named_site(chromium: Browser, demo_address: str) -> Iterator[tuple[Browser, str]]:
    """A browser for which a plain http name leads here: there `Sec-Fetch-Site` is not sent."""
    rule = "--host-resolver-rules=MAP *.exemple.test 127.0.0.1"
    path = shutil.which("chromium")
    browser = chromium.browser_type.launch(executable_path=path, args=[*CHROMIUM_ARGS, rule])
    yield browser, f"http://qui.exemple.test:{urlsplit(demo_address).port}"
    browser.close()


def forging_app(target: str) -> FastAPI:
    """Another site whose page posts a form of its own to quisait."""
    app = FastAPI(openapi_url=None)
    form = (
        f"<form method=post action={target}/demo/agent><input name=agent value=ag-4>"
        "<button>Gagnez</button></form>"
    )

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return form

    return app


def test_over_plain_http(named_site: tuple[Browser, str]) -> None:
    """On an intranet without TLS our own form is still told from another site's."""
    browser, address = named_site
    with served(forging_app(address)) as elsewhere, browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        page.locator(".demo summary").click()
        page.locator("#demo-nom").fill("Amrani")
        page.get_by_role("button", name="Devenir cette personne").click()
        chosen = page.locator(".demo strong").first
        expect(chosen).to_have_text("Youssef Amrani")
        page.goto(elsewhere)
        page.get_by_role("button").click()
        expect(page.locator("main")).to_contain_text("rien n’a été changé")
        page.goto(address)
        expect(chosen).to_have_text("Youssef Amrani")


def test_from_another_port_of_this_machine(chromium: Browser, demo_address: str) -> None:
    """The same host is the same site and not the same origin: cookies follow, the form fails."""
    with served(forging_app(demo_address)) as elsewhere, chromium.new_context() as context:
        page = context.new_page()
        page.goto(elsewhere)
        page.get_by_role("button").click()
        expect(page.locator("main")).to_contain_text("rien n’a été changé")
