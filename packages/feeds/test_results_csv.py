"""The results of a search as a CSV file that a French spreadsheet opens."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from quisait_feeds import service
from quisait_feeds.routes import COLUMNS, web_feature

from connectors.values import Access
from indexer.values import Put
from search_api.app import create_app
from tests.builders import indexed, make_document
from tests.pages.asking_site import ASKER, STRANGER, AskingSite, asking_site

pytestmark = [pytest.mark.pages, pytest.mark.trust]

HOST = "http://127.0.0.1"
SOUGHT = "xylophone"
OWN = f"q={SOUGHT}&space=essai"
"""Finds the documents that a test writes, and none of the site's that come near."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AskingSite]:
    with asking_site(tmp_path) as made:
        yield made


def client(site: AskingSite, agent_id: str = ASKER) -> TestClient:
    from dataclasses import replace

    app = create_app(replace(site.services, features=(web_feature(None),)))
    return TestClient(app, HOST, headers={"x-agent": agent_id} if agent_id else {})


def write(site: AskingSite, *documents: dict[str, Any]) -> None:
    puts = []
    for number, fields in enumerate(documents):
        own = {"document_id": f"wiki:x{number}", "title": f"note {number}", "space": "essai"}
        document = make_document(**{**own, **fields})
        puts.append(Put(indexed(document, f"Le {SOUGHT} numéro {number}.")))
    assert not site.index.write(puts).failed


def rows(site: AskingSite, query: str, agent_id: str = ASKER) -> list[dict[str, str]]:
    answer = client(site, agent_id).get(f"/recherche.csv?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="recherche.csv"'
    assert answer.headers["cache-control"] == "private, no-store"
    text = answer.content.decode("utf-8")
    assert text[0] == "\ufeff"
    found = list(csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=";"))
    assert text[1:].split("\r\n")[0] == ";".join(COLUMNS)
    return found


def test_a_row_says_what_a_document_is(site: AskingSite) -> None:
    write(
        site,
        {
            "title": 'Un « titre » ; et "plus"',
            "kind": "wiki_page",
            "modified": datetime(2026, 3, 1, 12, tzinfo=UTC),
        },
    )
    (row,) = rows(site, OWN)
    body = client(site).get(f"/api/v1/search?{OWN}").json()["documents"][0]
    assert row == {
        "titre": 'Un « titre » ; et "plus"',
        "adresse": f"{HOST}/documents/wiki:x0",
        "date": "2026-03-01",
        "nature": body["kind_label"],
        "source": "wiki",
    }


def test_all_pages_are_exported_in_their_order(
    site: AskingSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several searches make one file, each document once, up to the maximum."""
    write(site, *({} for _ in range(25)))
    monkeypatch.setattr(service, "ROWS_AT_ONCE", 10)
    api = client(site).get(f"/api/v1/search?{OWN}&page_size=50").json()["documents"]
    pages = [f"{HOST}/documents/{one['id']}" for one in api]
    assert len(pages) == 25
    for query in (OWN, f"{OWN}&page=2"):
        assert [row["adresse"] for row in rows(site, query)] == pages
    monkeypatch.setattr(service, "MOST_ROWS", 20)
    assert len(rows(site, OWN)) == 20


def test_further_pages_are_those_of_the_corrected_wording(
    site: AskingSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(site, *({} for _ in range(25)))
    monkeypatch.setattr(service, "ROWS_AT_ONCE", 10)
    assert len(rows(site, "q=xilophone")) == len(rows(site, f"q={SOUGHT}")) >= 25
    typed = client(site).get("/api/v1/search?q=xilophone&as_typed=1&page_size=50").json()
    exported = rows(site, "q=xilophone&as_typed=1")
    assert len(exported) == len(typed["documents"])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r=", "\x00=", "\u200b@"])
def test_no_cell_is_a_formula(site: AskingSite, start: str) -> None:
    """In any column that a source fills."""
    title = f'{start}HYPERLINK("http://ailleurs.example";"x")'
    write(site, {"title": title, "kind": f"{start}1+1"})
    (row,) = rows(site, OWN)
    assert row["titre"].startswith("'")
    for cell in row.values():
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_each_reader_exports_what_they_may_read(site: AskingSite) -> None:
    mine, theirs = (Access(frozenset({f"agent:{one}"})) for one in (ASKER, STRANGER))
    write(site, {"access": mine, "title": "à moi"}, {"access": theirs, "title": "à elle"})
    assert [row["titre"] for row in rows(site, OWN)] == ["à moi"]
    assert [row["titre"] for row in rows(site, OWN, STRANGER)] == ["à elle"]
    assert client(site, "").get("/recherche.csv?q=x").status_code == 401
    assert client(site, "inconnue").get("/recherche.csv?q=x").status_code == 401


def test_an_export_is_no_question_of_the_query_log(site: AskingSite) -> None:
    noted: list[object] = []

    class Noting:
        def note(self, query: object) -> None:
            noted.append(query)

    asked = client(site)
    services = asked.app.state.services  # type: ignore[attr-defined]
    object.__setattr__(services, "query_log", Noting())
    asked.get("/recherche.csv?q=cadastre")
    assert noted == []
    asked.get("/api/v1/search?q=cadastre")
    assert len(noted) == 1


@pytest.mark.parametrize("query", ["page=0", "page=x", "sort=jamais", "source=jamais", "area=99x"])
def test_bad_parameters_are_refused(site: AskingSite, query: str) -> None:
    assert client(site).get(f"/recherche.csv?q=x&{query}").status_code == 422


def test_the_page_of_results_leads_to_the_same_search(site: AskingSite) -> None:
    """Its first page too; a search that finds nothing has nothing to export."""
    write(site, {})
    page = client(site).get(f"/?q={SOUGHT}&source=wiki&page=1").text
    assert f'href="/recherche.csv?q={SOUGHT}&amp;source=wiki"' in page
    assert "/recherche.csv" not in client(site).get(f"/?{OWN}&kind=jamais").text
    assert "/recherche.csv" not in client(site).get("/").text
