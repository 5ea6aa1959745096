"""The administrator's page of an application: what is wrong, what to do, and no document's name."""

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Event
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser
from typer.testing import CliRunner, Result

from connectors.ports import SourceError
from indexer.opensearch.client import connect
from indexer.opensearch.index import OpenSearchIndex
from indexer.state import reference_of
from indexer.values import Failure
from quisait import cli
from quisait.application.assembly import Application
from quisait.application.locks import hold_source_lock
from quisait.application.sources import DIRECTORY
from quisait.checks import run_checks
from quisait.server.app import app_of
from quisait.server.metrics import registry_of
from quisait.settings import (
    SearchSettings,
    Settings,
    TopicsSettings,
    beside_file,
)
from quisait.work.administration import ApplicationAdministration
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.edited_tables import EditedFiles
from quisait.work.source_status import FAILURE_LABELS
from quisait.work.worker import BUILD, Worker
from search_api.addresses import document_address
from search_api.administration.tables import TableChange
from search_api.engine import Search
from search_api.identity.tokens import DEMO_COOKIE
from search_api.query_log.recording import NoQueryLog
from search_api.wording import day
from tests.journals import search
from tests.made_site import application_in
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
[[roles]]
role = "officer"
agents = ["ag-1"]
[[sources]]
name = "notes"
kind = "folder"
path = "notes"
"""
SECRET = "bordereau-zanzibar"
CLOSED = "tambour.md"


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """Two notes, a file that is none, a rule that says nothing, a bad line of the glossary."""
    folder: Path = tmp_path_factory.mktemp("bureau")
    (folder / "quisait.toml").write_text(SETTINGS, "utf-8")
    people = "".join(f"ag-{n},Jo,Agent{n}\n" for n in range(1, 8))
    (folder / "agents.csv").write_text(f"id,given_name,family_name\n{people}", "utf-8")
    (folder / "glossaire.csv").write_text(
        "# Impôts locaux\nCFE;cotisation foncière\nseule\n", "utf-8"
    )
    notes = folder / "notes"
    notes.mkdir()
    (notes / "note.md").write_text("La taxe foncière.", "utf-8")
    (notes / f"{SECRET}.docx").write_bytes(b"PK\x03\x04" + b"\x00" * 400)
    (notes / CLOSED).write_text("Le tambour de la paie.", "utf-8")
    rules = f"pattern,allowed\n*,everyone\n{CLOSED},annuaire:group:autres\n"
    (notes / "_quisait.csv").write_text(rules, "utf-8")
    (notes / "x").mkdir()
    (notes / "x" / "_quisait.csv").write_text("pattern,allowed\n../y,everyone\n", "utf-8")
    with application_in(folder) as application:
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
    assert "<strong>2\u00a0documents</strong>" in page
    assert FAILURE_LABELS["unreadable"] in page
    assert '<p class="validity">1\u00a0règle' in page
    assert "glossaire.csv : ligne 3" in page
    assert "prime de xylophone" in page
    assert "intégré, répond" in page


def test_a_missing_document_is_named_to_its_readers(application: Application) -> None:
    """By its reference in the logs, and by its title to those alone who may read it."""
    keys = ("notes:note.md", f"notes:{SECRET}.docx", f"notes:{CLOSED}")
    state = application.state
    with ExitStack() as stack:
        for key in (keys[0], keys[2]):
            state.record("notes", key, Failure.TOO_LARGE, "trop grand")
            stack.callback(state.resolve, "notes", key)
        page = asking(application).get("/administration").text
    for key in keys:
        assert reference_of(key) in page
    assert page.count(document_address(keys[0])) == 1
    assert application.index.kept(list(keys)).keys() == {keys[0], keys[2]}
    assert not any(name in page for name in (SECRET, CLOSED, "tambour"))


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
        file = Path(os.environ["QUISAIT_FILE"]).with_name("glossaire.csv")
        before = file.read_text("utf-8")
        page.goto("/administration/files/glossary")
        assert faults_of(page) == []
        page.get_by_label("Expressions équivalentes").fill("SPF;publicité foncière")
        for button in ("Voir ce qui change", "Enregistrer"):
            with page.expect_navigation():
                page.get_by_role("button", name=button).click()
            assert faults_of(page) == []
        file.write_text(before, "utf-8")
        page.goto("/administration")
        assert faults_of(page) == []
        page.set_viewport_size({"width": 320, "height": 700})
        page.emulate_media(color_scheme="dark")
        assert faults_of(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_denial_of_nobody_known_is_told(tmp_path: Path) -> None:
    """How many documents it closes, and the rule that names it, with its line; no document."""
    (tmp_path / "quisait.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "agents.csv").write_text("id,given_name,family_name\nag-1,Jo,Agent\n", "utf-8")
    (tmp_path / "glossaire.csv").write_text("CFE;cotisation foncière\n", "utf-8")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / f"{SECRET}.md").write_text("La taxe foncière.", "utf-8")
    rules = "pattern,allowed,denied\n*,everyone,agents:group:zanzibare\n"
    (notes / "_quisait.csv").write_text(rules, "utf-8")
    with application_in(tmp_path) as application:
        read_directory(application)
        crawl_sources(application, application.settings.sources, quiet=True)
        page = asking(application).get("/administration").text
    assert '<span class="state ill">À voir</span> notes' in page, "quisait check fails on it too"
    assert "« quisait sources notes » dit lequel" in page.replace("\u00a0", " ")
    assert "_quisait.csv:2" in page
    assert SECRET not in page.lower()


def editing(application: Application, table: str) -> Callable[..., tuple[int, str]]:
    """Send the form of an entry of a table, with the table's version unless another is given."""
    client, path = asking(application), f"/administration/files/{table}"
    client.headers["Origin"] = "http://localhost"

    def send(act: str, version: str = "", **fields: object) -> tuple[int, str]:
        seen = re.findall(r'name="version" value="(\w+)"', client.get(path).text)
        form = {"act": act, "version": version or seen[0], **fields}
        answer = client.post(path, data=form)
        return answer.status_code, answer.text

    return send


def test_an_entry_of_the_glossary_is_changed_after_a_preview(application: Application) -> None:
    """Nothing is written by the preview; a write keeps comments, other lines and the former file,
    is in the audit log by the entry's name, and is refused with a wrong line or an old version."""
    send = editing(application, "glossary")
    file = Path(os.environ["QUISAIT_FILE"]).with_name("glossaire.csv")
    before = file.read_text("utf-8")
    old = sha256(before.encode()).hexdigest()
    new = {"expressions": "SPF;publicité foncière"}
    status, page = send("preview", **new)
    assert (status, file.read_text("utf-8")) == (200, before)
    assert "Qui cherche « SPF » cherche aussi « publicité foncière »." in page
    assert send("write", expressions="seule")[0] == 422
    assert file.read_text("utf-8") == before
    assert send("write", **new)[0] == 200
    assert file.read_text("utf-8") == f"{before}SPF;publicité foncière\n"
    assert file.with_name("glossaire.csv.bak").read_text("utf-8") == before
    newest = application.privacy.audit.newest(3)
    assert ("entry add", "entry:glossary SPF") in {(one.reading, one.subject) for one in newest}
    assert send("write", old, expressions="CFE;autre chose")[0] == 409
    assert send("write", line=2, expressions="CFE", added="cotisation")[0] == 200
    assert send("write", line=4, removal="true")[0] == 200
    defined = {"expressions": "SPF;publicité foncière", "definition": "Tient le fichier."}
    assert "lit « Tient le fichier. »" in send("preview", **defined)[1]
    assert send("write", **defined)[0] == 200
    assert file.read_text("utf-8").endswith("SPF;publicité foncière | Tient le fichier.\n")
    shown = asking(application).get("/administration/files/glossary?line=4").text
    assert 'value="Tient le fichier."' in shown or ">Tient le fichier.<" in shown
    assert send("write", line=4, removal="true")[0] == 200
    assert file.read_text("utf-8") == before.replace("CFE;cotisation foncière", "CFE => cotisation")
    assert send("write", line=1, expressions="x;y")[0] == 422, "a comment"
    assert asking(application).get("/administration/files/topics").status_code == 404
    file.write_text(before, "utf-8")


def test_topics_are_edited_one_at_a_time(tmp_path: Path) -> None:
    """An id is made of the label; what another topic needs is not removed; other bytes stay."""
    file = tmp_path / "sujets.csv"
    file.write_bytes(b"\xef\xbb\xbfid,label,broader\r\nfoncier,foncier,\r\nth,TH,foncier\r\n")
    tables = EditedFiles(Settings(topics=TopicsSettings(file=str(file))))
    table = tables.read("topics")
    assert [one.cells for one in table.entries] == [
        ("foncier", "foncier", ""),
        ("th", "TH", "foncier"),
    ]
    with pytest.raises(ValueError, match="terme générique inconnu"):
        tables.write("topics", TableChange(table.version, 2, None))
    with pytest.raises(ValueError, match="identifiant"):
        tables.write("topics", TableChange(table.version, 3, ("autre", "TH", "foncier")))
    said = tables.write("topics", TableChange(table.version, None, ("", "Taxe sur l’eau", "th")))
    assert said.entry == "taxe-sur-l-eau"
    assert file.read_bytes().endswith(
        "th,TH,foncier\r\ntaxe-sur-l-eau,Taxe sur l’eau,th\r\n".encode()
    )
    assert file.read_bytes().startswith(b"\xef\xbb\xbfid,label")
    file.write_text("id;label;alt_labels;broader;kind;theme;definition\n", "utf-8")
    assert all(one.label != one.name for one in tables.read("topics").columns)


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """Its folder is a file, which stops root too."""
    (tmp_path / "volume").write_text("")
    glossary = str(tmp_path / "volume" / "glossaire.csv")
    files = EditedFiles(Settings(search=SearchSettings(glossary=glossary)))
    with pytest.raises(ValueError, match="ne peut pas être écrit"):
        files.read("glossary")


def test_questions_are_counted_with_and_without_a_result(application: Application) -> None:
    """Five people or more for each text; the fourth is not enough."""
    for number in range(1, 6):
        application.journal.write(search(f"ag-{number}", "taxe fonciere", 3), datetime.now(UTC))
    for number in range(1, 5):
        application.journal.write(search(f"ag-{number}", "bordereau caduc", 3), datetime.now(UTC))
    page = asking(application).get("/administration").text
    assert "taxe fonciere" in page.partition('id="questions-1"')[2]
    assert "caduc" not in page


def test_light_sources_are_read_first(tmp_path: Path) -> None:
    """By a command and by a worker, whatever the order of the settings and of the outcomes."""
    light = '\n[[sources]]\nname = "peu"\nkind = "folder"\npath = "peu"\nallowed = ["everyone"]\n'
    (tmp_path / "quisait.toml").write_text(SETTINGS + light, "utf-8")
    (tmp_path / "agents.csv").write_text("id,given_name,family_name\nag-1,Jo,Agent\n", "utf-8")
    for folder, many in (("notes", 4), ("peu", 1)):
        (tmp_path / folder).mkdir()
        for number in range(many):
            (tmp_path / folder / f"{number}.md").write_text(f"Le bordereau {number}.", "utf-8")
    with application_in(tmp_path) as application:
        state, sources = application.state, application.settings.sources
        Worker(application, Event()).round()
        assert next(state.runs_of("peu")).id < next(state.runs_of("notes")).id
        state.forget("peu")
        state.forget("notes")
        outcomes = crawl_sources(application, sources, quiet=True)
        assert [one.source for one in outcomes] == ["notes", "peu"]
        assert next(state.runs_of("peu")).id < next(state.runs_of("notes")).id


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


def test_a_reading_whose_process_was_killed_is_shown_as_interrupted(
    application: Application,
) -> None:
    """On the page, by the command and in the metrics; while its lock is held, it goes on."""
    run_id, _ = application.state.start_run("notes")

    def shown() -> tuple[str, str, float | None]:
        page = asking(application).get("/administration").text
        history = page.partition("Dernières lectures")[2].partition("</li>")[0]
        (told,) = json.loads(CliRunner().invoke(cli.app, ["sources", "notes", "--json"]).stdout)
        labels = {"source": "notes", "outcome": told["last_run"]["outcome"]}
        registry = registry_of(application)
        measured = registry.get_sample_value("quisait_source_last_outcome", labels)
        return history, told["last_run"]["outcome"], measured

    try:
        with hold_source_lock(application.locks, "notes"):
            history, outcome, measured = shown()
            assert "en cours" in history
            assert (outcome, measured) == ("running", 1)
        history, outcome, measured = shown()
        assert "interrompue" in history
        assert (outcome, measured) == ("interrupted", 1)
    finally:
        application.state.end_run(run_id, "done", 0)


def test_the_last_reading_of_the_directory_is_named_with_its_outcome(
    application: Application,
) -> None:
    """On the page with the former ones, in the audit log, by the commands and in the metrics."""
    client = asking(application)
    labels = {"task": DIRECTORY.removeprefix("@"), "outcome": "done"}

    def measured() -> float | None:
        return registry_of(application).get_sample_value("quisait_task_last_outcome", labels)

    assert measured() == 1
    assert "7 agents" in client.get("/administration").text
    assert "7 agents" in client.get("/audit").text
    assert "7 agents" in CliRunner().invoke(cli.app, ["sources"]).stdout
    assert (
        "7 agents"
        in json.loads(CliRunner().invoke(cli.app, ["audit", "--json"]).stdout)["directory"]
    )
    agents = beside_file("agents.csv")
    agents.rename(agents.with_name("ailleurs.csv"))
    try:
        with pytest.raises(SourceError):
            read_directory(application)
    finally:
        agents.with_name("ailleurs.csv").rename(agents)
    labels["outcome"] = next(application.state.runs_of(DIRECTORY)).outcome
    assert labels["outcome"] != "done"
    assert measured() == 1
    assert "agents.csv" in client.get("/administration").text
    assert "agents.csv" in client.get("/audit").text
    assert "agents.csv" in CliRunner().invoke(cli.app, ["audit"]).stdout
    read_directory(application)


def test_a_folder_is_read_again_when_asked(application: Application) -> None:
    """By the worker or a command; refused for a folder without documents or during a run."""
    client = asking(application)
    client.headers["Origin"] = "http://localhost"

    def again(folder: str, source: str = "notes", **more: str) -> int:
        path, data = f"/administration/sources/{source}/again", {"folder": folder, **more}
        return client.post(path, data=data, follow_redirects=False).status_code

    def read() -> int:
        Worker(application, Event()).round()
        return next(application.state.runs_of("notes")).progress.done

    def with_command(*arguments: str) -> Result:
        return CliRunner().invoke(cli.app, ["crawl", *arguments])

    (beside_file("notes") / "sous").mkdir()
    (beside_file("notes") / "sous" / "note.md").write_text("Le chevalement.", "utf-8")
    crawl_sources(application, application.settings.sources, quiet=True)
    assert again("sous") == 303
    assert read() == 1
    assert again("/documents/notes:note.md") == 303
    assert read() == 1
    assert again("", whole="true") == 303
    assert read() > 2
    assert (again("nulle-part"), again(""), again("x", "ailleurs")) == (422, 422, 404)
    refused = client.post("/administration/sources/notes/again", data={"folder": "nulle-part"})
    assert "<title>Erreur : " in refused.text
    form = refused.text.partition('action="/administration/sources/notes/again"')[2]
    typed, alert = form.partition("</form>")[0].split('role="alert">')
    assert 'value="nulle-part" aria-invalid="true"' in typed
    assert "nulle-part" in alert
    with hold_source_lock(application.locks, "notes"):
        assert again("sous") == 422
    assert not application.state.run_is_requested("notes")
    page = client.get("/administration").text
    assert 'action="/administration/sources/notes/again"' in page
    entries = application.privacy.audit.newest(10)
    assert "source:notes, sous" in {one.subject for one in entries}
    assert with_command("notes", "--folder", "sous/").exit_code == 0
    assert next(application.state.runs_of("notes")).progress.done == 1
    assert with_command("notes", "--folder", "nulle-part").exit_code == 1


def test_a_build_and_the_directory_are_made_again_when_asked(application: Application) -> None:
    """From the line of each part, which says when it was last done, and how large the index is."""
    (beside_file("sujets.csv")).write_text("id,label,kind\nbordereau,bordereau,sujet\n", "utf-8")
    topics = TopicsSettings(file="sujets.csv")
    settings = application.settings.model_copy(update={"topics": topics})
    application = replace(application, settings=settings)
    client = asking(application)
    client.headers["Origin"] = "http://localhost"
    page = client.get("/administration").text
    for run in (BUILD, DIRECTORY):
        assert f'action="/administration/sources/{quote(run)}"' in page
        done = next(application.state.runs_of(run), None)
        asked = {"part": "true"}
        answer = client.post(f"/administration/sources/{run}", data=asked, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["Location"].endswith("#parties")
        Worker(application, Event()).round()
        assert next(application.state.runs_of(run)) != done
    parts = {one.name: one for one in ApplicationAdministration(application)().parts}
    stamp = application.builds.current()
    assert stamp
    assert parts["Cartographie"].said == f"du {day(stamp.day)}"
    assert "vecteurs" in parts["Index"].said
    assert not parts["Sauvegarde"].well, "none was made"
    (notes,) = [one for one in ApplicationAdministration(application)().sources if one.history]
    assert len(notes.history) == len(list(application.state.runs_of("notes")))
