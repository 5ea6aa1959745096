"""Whatever a source, a directory or a list says: in a real Chromium nothing of it executes."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page
from quisait_mcp.service import AssistantReader, call_tool, read_resource

from connectors.values import EVERYONE, Agent, Contribution, ContributorRole
from expertise.consent import SqlConsent
from expertise.topics import Topic, TopicKind
from indexer.access import Reader
from indexer.embedded.index import EmbeddedIndex
from indexer.values import Passage, Put
from quisait.clock import now
from quisait.settings import load_settings
from quisait.work.edited_tables import EditedFiles
from search_api.addresses import document_address
from search_api.administration.system_status import (
    Administration,
    CountedQuestion,
    MissingDocuments,
    PartState,
    QuestionFigures,
    SourceState,
    SystemStatus,
)
from search_api.app import Services, create_app
from search_api.audit.sql import SqlAudit
from search_api.bodies import KEYS
from search_api.engine import Search
from search_api.query.glossary import GlossaryFile
from search_api.ranking.search_configuration import SearchConfiguration
from search_api.wording import safe_text
from tests.builders import indexed, make_document
from tests.made_site import made_site
from tests.pages.conftest import heard, served
from tests.pages.states import GRANTS
from tests.planted import ENCODER, TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

PAYLOADS = (
    "<script>window.fallen=1</script>",
    "\"'><img src=x onerror=window.fallen=1>",
    "</title></textarea></select></script><svg/onload=window.fallen=1>",
    "{{7*191}}${7*191}<style>*{display:none}</style>",
    "<a href=javascript:window.fallen=1 id=pris>cadastre</a>",
)
STEERING = "\u202e\x1b]0;pris\x07\u200f\x9b2J"
ADDRESSES = (
    "javascript:window.fallen=1",
    "JaVaScRiPt:window.fallen=1//https://a.example",
    "java\tscript:window.fallen=1",
    " javascript:window.fallen=1",
    "data:text/html,<script>window.fallen=1</script>",
    "vbscript:window.fallen",
    "file:///etc/passwd",
    "//ailleurs.example/",
    'https://a.example/" onmouseover="window.fallen=1',
    "https:\\\\a.example",
    "blob:https://a.example/1",
)


def _text(number: int) -> str:
    return f"cadastre {PAYLOADS[number % len(PAYLOADS)]} {STEERING}"


def _agents() -> list[Agent]:
    return [
        Agent(
            f"ag-{number}",
            _text(number),
            _text(number + 1),
            "géomètre" if number == 1 else _text(number),
            departement="22" if number % 2 else "974",
            entity=_text(number),
            office=_text(number),
            email=f'a{number}@b.fr"><script>window.fallen=1</script>',
            accounts=(f"wiki:a{number}",),
        )
        for number in range(1, 6)
    ]


def _documents() -> list[Put]:
    puts = []
    for number, url in enumerate(ADDRESSES):
        hostile = _text(number)
        document = make_document(
            f"wiki:{number}{PAYLOADS[0]}",
            title=f"Le cadastre {hostile}",
            url=url,
            kind=hostile,
            space=hostile,
            entity=hostile,
            area="22",
            contributions=(
                Contribution(
                    f"wiki:a{number % 4 + 1}", ContributorRole.AUTHOR, hostile, last=TODAY
                ),
                Contribution(f"wiki:{hostile}", ContributorRole.AUTHOR, hostile, last=TODAY),
            ),
        )
        passage = Passage(f"On parle de cadastre ; {hostile}", heading=hostile, path=hostile)
        puts.append(Put(indexed(document, passages=(passage,))))
    return puts


TOPICS = (
    Topic(f"urn:x/{PAYLOADS[1]}", "cadastre", (_text(1),)),
    Topic("javascript:window.fallen=1", _text(2), definition=_text(0), theme=_text(1)),
    Topic("m", "géomètre", kind=TopicKind.METIER),
)


def _seen() -> SystemStatus:
    """Return a system status that shows hostile names from a source."""
    hostile = _text(1)
    source = SourceState(
        hostile, hostile, 1, hostile, False, None, hostile, None, None, 0,
        (MissingDocuments(hostile, 1, hostile),),
    )  # fmt: skip
    asked = CountedQuestion(hostile, "search", 5)
    questions = QuestionFigures(7, 1, 1, (asked,), (asked,), 0)
    return SystemStatus((PartState(hostile, False, hostile),), (source,), questions)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder: Path = tmp_path_factory.mktemp("planted")
    index = EmbeddedIndex(folder / "index", ENCODER.dimension)
    index.write(_documents())
    (folder / "glossaire.csv").write_text(f"cadastre;{PAYLOADS[1]};{PAYLOADS[0]}\n", "utf-8")
    with made_site(folder, index, tuple(_agents()), TOPICS) as made:
        guidance = SearchConfiguration(
            made.book.accounts_named,
            GlossaryFile(folder / "glossaire.csv"),
        )
        yield made.services(
            "ag-5",
            search=Search(index, ENCODER, made.book, guidance),
            grants=GRANTS,
            audit=SqlAudit(made.engine, now),
            consent=SqlConsent(made.engine, now),
            parts=(Administration(_seen, EditedFiles(load_settings()), print, print, str),),
        )


PATHS = (
    "/?q=cadastre",
    "/?q=cadastre&kind=%3Cscript%3Ewindow.fallen%3D1%3C/script%3E&page=1",
    "/?q=%3Cimg%20src%3Dx%20onerror%3Dwindow.fallen%3D1%3E",
    "/experts?q=cadastre",
    *(document_address(f"wiki:{n}{PAYLOADS[0]}", "cadastre") for n in range(len(ADDRESSES))),
    "/coverage",
    "/coverage?area=22",
    "/isolation",
    "/isolation?topic=%22%3E%3Cscript%3Ewindow.fallen%3D1%3C/script%3E",
    "/peers",
    "/agents/ag-1",
    "/mes-donnees",
    "/preferences",
    "/animation",
    "/administration",
    "/audit",
    "/topics/urn:x/%22%27%3E%3Cimg%20src%3Dx%20onerror%3Dwindow.fallen%3D1%3E",
    "/nulle/%3Cscript%3Ewindow.fallen%3D1%3C/script%3E",
)


def test_no_page_executes_what_was_planted(chromium: Browser, services: Services) -> None:
    """Nothing runs, the policy meets no violation, and links lead to pages or to a mailbox."""
    with served(create_app(services)) as address, chromium.new_context() as context:
        page, faults = context.new_page(), _watched(context.new_page())
        page = context.pages[-1]
        for path in PATHS:
            answer = page.goto(f"{address}{path}")
            refused = "nulle" in path or "isolation?" in path
            assert refused or getattr(answer, "status", 0) == 200, path
            _harmless(page, path)
        page.goto(address)
        page.locator("textarea[name=q]").first.fill("cadastre")
        page.wait_for_selector("[role=option]")
        _harmless(page, "suggestions")
        page.keyboard.press("ArrowDown")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        _harmless(page, "chosen")
        assert [one for one in faults if "404" not in one] == []


def _watched(page: Page) -> list[str]:
    faults = heard(page)
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    return faults


def _harmless(page: Page, where: str) -> None:
    found = page.evaluate(
        """() => ({
          fallen: 'fallen' in window,
          inline: document.querySelectorAll(
            'script:not([src]), style, [style], main img, #pris').length,
          handlers: [...document.querySelectorAll('*')].filter((one) =>
            [...one.attributes].some((said) => said.name.startsWith('on'))).length,
          links: [...document.querySelectorAll('[href], [src], [action]')].map((one) =>
            one.href?.baseVal ?? one.href ?? one.src ?? one.action),
          text: document.documentElement.outerHTML,
        })"""
    )
    assert not found["fallen"], where
    assert (found["inline"], found["handlers"]) == (0, 0), where
    foreign = [one for one in found["links"] if not _leads_well(str(one))]
    assert foreign == [], where
    assert safe_text(found["text"]) == found["text"], where
    assert "1337" not in found["text"], where


def _leads_well(link: str) -> bool:
    local = link.startswith("/") and not link.startswith(("//", "/\\"))
    return local or link.startswith(("http://", "https://", "mailto:", "#"))


def test_the_box_in_another_page_executes_nothing(chromium: Browser, services: Services) -> None:
    """In a page without any policy of its own, which is the worst."""
    outside = FastAPI(openapi_url=None)
    outside.state.quisait = ""

    @outside.get("/", response_class=HTMLResponse)
    def page_of_intranet() -> str:
        return (
            f"<!doctype html><script type=module src={outside.state.quisait}/embed/quisait.js>"
            "</script><qui-sait></qui-sait>"
        )

    with served(outside) as intranet:  # noqa: SIM117 - the second needs the first's address
        with served(create_app(replace(services, origins={intranet}))) as address:
            outside.state.quisait = address
            with chromium.new_context() as context:
                page = context.new_page()
                faults = _watched(page)
                page.goto(intranet)
                page.locator("qui-sait input").fill("cadastre")
                page.wait_for_function(
                    "() => document.querySelector('qui-sait').shadowRoot"
                    ".querySelector('[role=option]')"
                )
                page.locator("qui-sait input").press("Enter")
                page.wait_for_function(
                    "() => document.querySelector('qui-sait').shadowRoot.querySelector('ol li')"
                )
                shown = page.evaluate(
                    "() => { const root = document.querySelector('qui-sait').shadowRoot;"
                    "return { fallen: 'fallen' in window, html: root.innerHTML, hostile: root"
                    ".querySelectorAll('script, img, #pris, svg').length,"
                    "links: [...root.querySelectorAll('[href]')].map((one) => one.href) } }"
                )
                assert (shown["fallen"], shown["hostile"]) == (False, 0)
                assert safe_text(shown["html"]) == shown["html"]
                assert all(map(_leads_well, shown["links"]))
                assert [one for one in faults if "404" not in one] == []


def test_a_spreadsheet_takes_no_cell_for_a_formula(services: Services) -> None:
    """Nor does a cell hold what steers; every line has as many cells as the first."""
    table = TestClient(create_app(services)).get("/isolation.csv").text
    rows = list(csv.reader(io.StringIO(table.removeprefix("\ufeff")), delimiter=";"))
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not [c for row in rows for c in row if c.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert safe_text(table.removeprefix("\ufeff")).replace("\n", "") == table.removeprefix(
        "\ufeff"
    ).replace("\r", "").replace("\n", "")


def test_answers_are_never_taken_for_pages(services: Services) -> None:
    """JSON says that it is, and `nosniff` holds a browser to it."""
    client = TestClient(create_app(services))
    for path in ("/api/v1/search?q=cadastre", "/api/v1/suggest?q=cadastre", "/api/v1/x"):
        answer = client.get(path)
        assert answer.headers["content-type"].startswith("application/")
        assert "json" in answer.headers["content-type"]
        assert json.loads(answer.text) is not None


_FILLED = {
    "agent_id": "ag-1",
    "topic_id": TOPICS[0].id,
    "document_id": f"wiki:0{PAYLOADS[0]}",
    "q": "cadastre",
    "explain": "true",
}


def test_no_text_of_the_api_steers(services: Services) -> None:
    """No answer to a program has a control or a mark of direction, but in keys and addresses."""
    app = create_app(services)
    client, planted = TestClient(app), 0
    for path, methods in app.openapi()["paths"].items():
        asked = {one["name"] for one in methods.get("get", {}).get("parameters", ())}
        address = path.replace(":path}", "}")
        for name in asked & _FILLED.keys():
            address = address.replace(f"{{{name}}}", quote(_FILLED[name], safe=""))
        if "{" in address or "get" not in methods:
            continue
        query = {one: _FILLED[one] for one in asked & {"q", "explain"}}
        answer = client.get(address, params=query)
        if answer.headers.get("content-type", "").startswith("application/json"):
            planted += _assert_safe(answer.json(), address)
    assert planted > 50, "else nothing that was planted is in these answers"


def test_no_text_of_a_tool_of_assistants_steers(services: Services) -> None:
    reader = Reader("ag-5", frozenset({EVERYONE}))
    calls = Mock(note=lambda *_: None)
    asking = AssistantReader(reader, "t", "t", "http://x")
    for tool, arguments in (
        ("search", {"query": "cadastre"}),
        ("read_document", {"document": f"wiki:0{PAYLOADS[0]}"}),
        ("who_knows", {"query": "cadastre"}),
    ):
        assert _assert_safe(call_tool(services, calls, asking, tool, arguments), tool), tool
    text = read_resource(services, calls, asking, f"wiki:0{PAYLOADS[0]}")
    assert "pris" in text
    assert safe_text(text) == text


def _assert_safe(value: Any, where: str, key: str = "") -> int:
    """Return how many texts of an answer hold what was planted."""
    if isinstance(value, dict):
        return sum(_assert_safe(one, f"{where} {name}", name) for name, one in value.items())
    if isinstance(value, list):
        return sum(_assert_safe(one, where, key) for one in value)
    if not isinstance(value, str):
        return 0
    assert key in KEYS or key.endswith("_id") or safe_text(value) == value, (where, value)
    return "]0;pris" in value


def test_marks_enclose_the_same_words_without_what_steers(services: Services) -> None:
    """Offsets count in the text that is sent."""
    answer = TestClient(create_app(services)).get("/api/v1/search", params={"q": "cadastre"})
    passages = [one["passage"] for one in answer.json()["documents"] if one["passage"]]
    marked = [p["text"][start:end] for p in passages for start, end in p["highlights"]]
    assert {one.lower() for one in marked} == {"cadastre"}
