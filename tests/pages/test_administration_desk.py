"""The administrator's page of an application: what is wrong, what to do, and no document's name."""

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from unittest.mock import patch

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser
from typer.testing import CliRunner

from indexer.opensearch.client import connect
from indexer.opensearch.index import OpenSearchIndex
from quisait import cli
from quisait.application.assembly import Application, open_application
from quisait.checks import run_checks
from quisait.server.app import app_of
from quisait.settings import SearchSettings, beside_file, load_settings
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.search_files import SettingsSearchFiles
from quisait.work.worker import Worker
from search_api.identity.tokens import DEMO_COOKIE
from search_api.query_log.recording import NoQueryLog
from search_api.search import Search
from tests.journals import search
from tests.pages.conftest import served
from tests.pages.test_accessibility import faults_of
from tests.pages.test_browser import opened

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SETTINGS = """
folder = "etat"
[server]
reader = "demo"
demo_agent = "ag-1"
[directory]
agents = "agents.csv"
[search]
glossary = "glossaire.csv"
[journal]
enabled = true
[[roles]]
role = "administrator"
agents = ["ag-1"]
[[sources]]
name = "notes"
kind = "folder"
path = "notes"
"""
SECRET = "bordereau-zanzibar"


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """One note, a file that is none, a rule of access that says nothing, a bad line of glossary."""
    folder: Path = tmp_path_factory.mktemp("bureau")
    (folder / "quisait.toml").write_text(SETTINGS, "utf-8")
    people = "".join(f"ag-{n},Jo,Agent{n}\n" for n in range(1, 8))
    (folder / "agents.csv").write_text(f"id,given_name,family_name\n{people}", "utf-8")
    (folder / "glossaire.csv").write_text("CFE;cotisation foncière\nseule\n", "utf-8")
    notes = folder / "notes"
    notes.mkdir()
    (notes / "note.md").write_text("La taxe foncière.", "utf-8")
    (notes / f"{SECRET}.docx").write_bytes(b"PK\x03\x04" + b"\x00" * 400)
    (notes / "_quisait.csv").write_text("pattern,allowed\n*,everyone\n", "utf-8")
    (notes / "x").mkdir()
    (notes / "x" / "_quisait.csv").write_text("pattern,allowed\n../y,everyone\n", "utf-8")
    with (
        patch.dict(os.environ, {"QUISAIT_FILE": str(folder / "quisait.toml")}),
        open_application(load_settings()) as application,
    ):
        read_directory(application)
        crawl_sources(application, application.settings.sources, quiet=True)
        for number in range(1, 6):
            application.journal.write(
                search(f"ag-{number}", "prime de xylophone", 0), datetime.now(UTC)
            )
        yield application


def asking(application: Application) -> TestClient:
    """Somebody at this very machine."""
    app = app_of(application, NoQueryLog())
    return TestClient(app, base_url="http://localhost", client=("127.0.0.1", 50000))


def test_what_is_wrong_and_what_to_do(application: Application) -> None:
    """Failures by kind with the remedy, closed rules, the file's bad line, the question."""
    client = asking(application)
    page = client.get("/administration").text
    assert "<strong>1\u00a0document</strong>" in page
    assert "illisibles" in page
    assert "Ouvrez le fichier" in page
    assert "règle de droits n’est pas comprise" in page
    assert "glossaire.csv : ligne 2, une seule expression" in page
    assert "prime de xylophone" in page
    assert "intégré, répond" in page


def test_an_index_near_its_limit_is_told(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the desk, by the check and at the end of a crawl, with what to do."""
    file = beside_file(application.settings.folder).parent / "quisait.toml"
    monkeypatch.setenv("QUISAIT_FILE", str(file))
    remedy = "passez à OpenSearch"
    (found,) = (one for one in run_checks(application.settings) if one.name == "index")
    assert found.passed
    assert remedy not in found.detail
    assert remedy not in CliRunner().invoke(cli.app, ["crawl"]).stderr
    monkeypatch.setattr("indexer.embedded.index.MOST_PASSAGES", 1)
    assert remedy in asking(application).get("/administration").text
    (found,) = (one for one in run_checks(application.settings) if one.name == "index")
    assert not found.passed
    assert remedy in found.detail
    assert remedy in CliRunner().invoke(cli.app, ["crawl"]).stderr


def test_neither_names_nor_other_readers(application: Application) -> None:
    """No failed file is named; who does not administer is refused; each look is written down."""
    client = asking(application)
    page = client.get("/administration").text
    assert SECRET not in page
    assert 'href="/administration"' in page
    newest = application.privacy.audit.newest(1)[0]
    assert (newest.actor, newest.reading) == ("ag-1", "GET /administration")
    client.cookies.set(DEMO_COOKIE, "ag-2")
    refused = client.get("/administration")
    assert refused.status_code == 403
    assert "réservée au rôle « administration »" in refused.text
    assert "/administration" not in client.get("/").text


def test_a_part_that_is_away_takes_no_other_with_it(application: Application) -> None:
    """Where nobody answers at the index's port, that is said, and the rest as well."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = connect(f"http://127.0.0.1:{port}", timeout_s=1)
    index = OpenSearchIndex(client, "away", application.encoder.dimension, back_off_s=0.1)
    away = replace(
        application, index=index, search=Search(index, application.encoder, application.book)
    )
    page = asking(away)
    text = page.get("/administration").text
    assert "ne répond pas : « quisait check » dit pourquoi" in text
    assert "l’index ne répond pas : l’état n’est pas connu" in text
    assert "prime de xylophone" in text


def test_axe_finds_nothing_on_the_desk(chromium: Browser, application: Application) -> None:
    """Light at full width, dark at 320 pixels."""
    with served(app_of(application, NoQueryLog())) as address, opened(chromium, address) as page:
        page.goto("/administration")
        assert faults_of(page) == []
        page.set_viewport_size({"width": 320, "height": 700})
        page.emulate_media(color_scheme="dark")
        assert faults_of(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_denial_of_nobody_known_is_told(tmp_path: Path) -> None:
    """How many documents it closes, and where it is named: the page names neither it nor them."""
    (tmp_path / "quisait.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "agents.csv").write_text("id,given_name,family_name\nag-1,Jo,Agent\n", "utf-8")
    (tmp_path / "glossaire.csv").write_text("CFE;cotisation foncière\n", "utf-8")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / f"{SECRET}.md").write_text("La taxe foncière.", "utf-8")
    rules = "pattern,allowed,denied\n*,everyone,agents:group:zanzibare\n"
    (notes / "_quisait.csv").write_text(rules, "utf-8")
    with (
        patch.dict(os.environ, {"QUISAIT_FILE": str(tmp_path / "quisait.toml")}),
        open_application(load_settings()) as application,
    ):
        read_directory(application)
        crawl_sources(application, application.settings.sources, quiet=True)
        page = asking(application).get("/administration").text
    assert "fermés à tous : leur refus ne nomme personne de connu" in page
    assert '<span class="state ill">À voir</span> notes' in page, "quisait check fails on it too"
    assert "« quisait sources notes » dit lequel" in page.replace("\u00a0", " ")
    assert "zanzibar" not in page.lower()


def test_the_glossary_is_edited_on_its_page(application: Application) -> None:
    """Checked by the reader that questions use, whole or not at all, and written down."""
    client = asking(application)
    path = "/administration/files/glossary"
    file = Path(os.environ["QUISAIT_FILE"]).with_name("glossaire.csv")
    before = file.read_text("utf-8")
    client.headers["Origin"] = "http://localhost"

    def version() -> str:
        return str(re.findall(r'name="version" value="(\w+)"', client.get(path).text)[0])

    def write(text: str, seen: str) -> tuple[int, str]:
        answer = client.post(path, data={"text": text, "version": seen})
        return answer.status_code, answer.text

    status, page = write("CFE;cotisation\r\nseule\r\n", version())
    assert (status, file.read_text("utf-8")) == (422, before)
    assert "ligne 2, une seule expression" in page
    assert "\nCFE;cotisation\nseule" in page
    old = version()
    status, page = write("CFE;cotisation foncière\r\nSPF;publicité foncière", old)
    assert (status, "Enregistré." in page) == (200, True)
    assert file.read_text("utf-8") == "CFE;cotisation foncière\nSPF;publicité foncière\n"
    status, page = write("CFE;autre chose", old)
    assert (status, "a changé depuis" in page) == (409, True)
    newest = [(one.reading, one.subject) for one in application.privacy.audit.newest(9)]
    assert (f"POST {path.replace('glossary', '{name}')}", "name:glossary") in newest
    assert client.get("/administration/files/best-bets").status_code == 404
    client.cookies.set(DEMO_COOKIE, "ag-2")
    assert write("x;y", old)[0] == 403
    assert {one.name for one in file.parent.iterdir() if "glossaire" in one.name} == {file.name}
    file.write_text(before, "utf-8")


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """Its folder is a file, which stops root too."""
    (tmp_path / "volume").write_text("")
    files = SettingsSearchFiles(SearchSettings(glossary=str(tmp_path / "volume" / "glossaire.csv")))
    with pytest.raises(ValueError, match="ne peut pas être écrit"):
        files.read("glossary")


def test_questions_are_counted_with_and_without_a_result(application: Application) -> None:
    """Five people or more for each text; the fourth is not enough."""
    for number in range(1, 6):
        application.journal.write(search(f"ag-{number}", "taxe fonciere", 3), datetime.now(UTC))
    for number in range(1, 5):
        application.journal.write(search(f"ag-{number}", "bordereau caduc", 3), datetime.now(UTC))
    page = asking(application).get("/administration").text
    assert "Les plus posées avec résultat" in page
    assert "taxe fonciere" in page.partition("avec résultat")[2]
    assert "caduc" not in page


def test_a_source_is_read_again_when_asked(application: Application) -> None:
    """Due at once, until a run begins; one that the settings do not name is unknown."""
    client = asking(application)
    client.headers["Origin"] = "http://localhost"
    worker = Worker(application, Event())
    assert not application.state.run_is_requested("notes")
    answer = client.post("/administration/sources/notes", follow_redirects=False)
    assert answer.status_code == 303
    assert client.post("/administration/sources/ailleurs").status_code == 404
    assert "dès que « quisait run » le peut" in client.get("/administration").text
    before = next(application.state.runs_of("notes")).id
    worker.round()
    assert next(application.state.runs_of("notes")).id > before
    assert not application.state.run_is_requested("notes")
    after = next(application.state.runs_of("notes")).id
    worker.round()
    assert next(application.state.runs_of("notes")).id == after
