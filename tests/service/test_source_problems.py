"""A source that is not in order is told so by check, sources, the page and the metrics alike."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client import generate_latest
from typer.testing import CliRunner

from quisait import cli
from quisait.server.app import app_of
from quisait.server.metrics import registry_of
from search_api.query_log.recording import NoQueryLog
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

MISSPELT = "annuaire:group:fruade"
ADMINISTRATOR = {
    "QUISAIT_SERVER__READER": "demo",
    "QUISAIT_SERVER__DEMO_AGENT": "ag-1",
    "QUISAIT_ROLES": '[{"role": "administrator", "agents": ["ag-1"]}]',
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = make_place(tmp_path / "place", **ADMINISTRATOR)
    (made.folder / "export.jsonl").write_text('{"type": "header", "version": 1}\n', "utf-8")
    made.enter(monkeypatch)
    return made


def run(*command: str, status: int = 0) -> str:
    """Run a command in this process, with the settings of the place; return what it printed."""
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == status, (done.output, done.exception)
    return done.stdout


def lines_of_check(status: int) -> dict[str, str]:
    """Return the state (`ok`, `à voir`, `ÉCHEC`) of each line by its name."""
    lines = run("check", status=status).splitlines()
    return {line[7:].partition(" : ")[0]: line[:7].strip() for line in lines}


def shown_by_page(place: Place) -> tuple[str, str]:
    """Return the page's state of the notes and its text about them, and their metric."""
    with place.opened() as application:
        client = TestClient(
            app_of(application, NoQueryLog()),
            base_url="http://localhost",
            client=("127.0.0.1", 50000),
        )
        page = client.get("/administration").text
        metrics = generate_latest(registry_of(application)).decode()
    (article,) = (one for one in page.split("<article")[1:] if "</span> notes <" in one)
    article = article.partition("</article>")[0]
    well = "En ordre" in article
    assert f'quisait_source_well{{source="notes"}} {float(well)}' in metrics
    return ("En ordre" if well else "À voir"), article


def rule(place: Place, text: str) -> None:
    (place.folder / "notes" / "_quisait.csv").write_text(text, "utf-8")


def test_group_in_a_rule_that_no_directory_knows_is_named_with_its_line(place: Place) -> None:
    """In a table and in the file of one document, until it is corrected."""
    rule(place, f"pattern,allowed\n*,everyone\nsecret.txt,{MISSPELT}|annuaire:group:fraude\n")
    sidecar = place.folder / "notes" / "regie.md.quisait.json"
    sidecar.write_text(f'{{\n  "allowed": ["{MISSPELT}"]\n}}\n', "utf-8")
    run("crawl")
    for command in (("check",), ("sources",), ("sources", "notes")):
        told = run(*command, status=1 if command == ("check",) else 0)
        assert f"_quisait.csv:3 : « {MISSPELT} »" in told
        assert f"regie.md.quisait.json:2 : « {MISSPELT} »" in told
    state, article = shown_by_page(place)
    assert state == "À voir"
    assert "_quisait.csv:3" in article
    assert MISSPELT in article
    assert "regie" not in article, "its file names a document that the administrator may not read"
    assert lines_of_check(1)["règles de notes"] == "ÉCHEC"

    rule(place, "pattern,allowed\n*,everyone\nsecret.txt,annuaire:group:fraude\n")
    sidecar.unlink()
    run("crawl")
    assert MISSPELT not in run("sources", "notes")
    assert "règles de notes" not in lines_of_check(0)
    assert shown_by_page(place)[0] == "En ordre"


def test_folder_without_readers_is_not_in_order(place: Place) -> None:
    (place.folder / "notes" / "_quisait.csv").unlink()
    assert lines_of_check(0)["source notes"] == "à voir"
    run("crawl")
    assert lines_of_check(1)["lecteurs de notes"] == "ÉCHEC"
    assert "3 documents que personne ne lit" in run("sources")
    state, article = shown_by_page(place)
    assert (state, "que personne ne lit" in article) == ("À voir", True)


def test_table_with_unknown_column_is_not_in_order(place: Place) -> None:
    rule(place, "pattern,allowed,denid\n*,everyone,\n")
    assert lines_of_check(0)["source notes"] == "à voir"
    run("crawl")
    assert lines_of_check(1)["documents de notes"] == "à voir"
    assert "denid" in run("sources", "notes")
    assert shown_by_page(place)[0] == "À voir"


def test_held_deletions_are_not_in_order(place: Place) -> None:
    for number in range(30):
        (place.folder / "notes" / f"avis{number}.txt").write_text(f"Avis {number}.", "utf-8")
    run("crawl")
    for note in (place.folder / "notes").glob("avis*"):
        note.unlink()
    run("crawl", status=1)
    assert lines_of_check(1)["lecture de notes"] == "ÉCHEC"
    assert "suppressions en attente" in run("sources")
    assert shown_by_page(place)[0] == "À voir"


def test_unread_file_and_missing_backup_are_to_review(place: Place, tmp_path: Path) -> None:
    (place.folder / "notes" / "abime.docx").write_bytes(b"PK\x03\x04" + b"\x00" * 400)
    assert lines_of_check(0)["lecture de notes"] == "à voir", "it was never read"
    run("crawl")
    seen = lines_of_check(0)
    assert (seen["documents de notes"], seen["sauvegarde"]) == ("à voir", "à voir")
    assert shown_by_page(place)[0] == "À voir"

    (place.folder / "notes" / "abime.docx").unlink()
    run("crawl")
    run("backup", str(tmp_path / "copie"))
    seen = lines_of_check(0)
    assert "documents de notes" not in seen
    assert seen["sauvegarde"] == "ok"
    assert shown_by_page(place)[0] == "En ordre"
