"""A connector that `quisait connector new` wrote, installed beside quisait and used."""

import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest

from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

ROWS = (
    ("1", "Bornage", "Le bornage amiable se signe devant le géomètre.", "ag-1", "everyone"),
    (
        "2",
        "Fraude",
        "Le carrousel Zanzibar passe par trois sociétés.",
        "ben",
        "annuaire:group:fraude",
    ),
    ("3", "Sans lecteurs", "Un projet de note sur le xylophone.", "ag-1", ""),
    ("4", "Lecteurs mal dits", "Une note sur le tambour.", "ag-1", "tous"),
)
SOURCES = (
    '[{"name": "application", "kind": "annales", "options": {"database": "application.db"},'
    ' "join": ["uid"]}]'
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A site that wrote a connector, installed it, and named it in its settings."""
    root = tmp_path_factory.mktemp("own")
    packages = root / "packages"
    made = make_place(root / "place", QUISAIT_SOURCES=SOURCES, PYTHONPATH=str(packages))
    told = made.run("connector", "new", "annales").stdout
    (printed,) = re.findall(r"^Installez-le : +(.*)$", told, re.MULTILINE)
    # As printed, but into a folder of the test's own, which has what the connector needs.
    own = f"--quiet --no-deps --target {packages} ./annales"
    install = printed.replace("--editable ./annales pytest", own)
    assert install.endswith(own)
    subprocess.run(shlex.split(install), cwd=made.folder, check=True)
    with closing(sqlite3.connect(made.folder / "application.db")) as database, database:
        database.execute(
            "CREATE TABLE documents(id TEXT PRIMARY KEY, title TEXT, text TEXT, author TEXT, "
            "readers TEXT, written TEXT DEFAULT '2026-01-15')"
        )
        insert = "INSERT INTO documents(id, title, text, author, readers) VALUES (?, ?, ?, ?, ?)"
        database.executemany(insert, ROWS)
    return made


def ids(place: Place, query: str, agent: str) -> set[str]:
    """The documents that an agent finds."""
    return {one["id"] for one in place.json("search", query, "--agent", agent)["documents"]}


def test_its_own_test_passes(place: Place) -> None:
    """What was written holds to the contract, liars included, as it stands."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "annales"]
    done = subprocess.run(
        command, cwd=place.folder, env=dict(place.environment), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    lines = (place.folder / "annales/quisait_annales.py").read_text("utf-8").splitlines()
    assert len(lines) < 100


def test_its_name_and_options_are_listed(place: Place) -> None:
    """So that an administrator knows what to write into the settings."""
    listed = place.run("connector", "list").stdout
    assert "annales (quisait-annales 0.1) : table d'une application" in listed
    assert "database (à donner) : fichier SQLite" in listed


def test_a_trial_shows_readers_and_keeps_nothing(place: Place) -> None:
    """Who would read each document stands there before anything is indexed."""
    found = place.json("try", "application")
    readers = {one["id"]: one["allowed"] for one in found["documents"]}
    assert readers == {
        "application:1": ["everyone"],
        "application:2": ["annuaire:group:fraude"],
        "application:3": [],
    }
    assert [where for where, _ in found["unread"]] == ["4"]
    shown = place.run("try", "application", "--count", "3").stdout
    assert "lecteurs : personne" in shown
    assert not (place.folder / ".quisait" / "index").exists()


def test_its_documents_are_found_under_their_rights(place: Place) -> None:
    """From the settings to a found document with its author, and to nobody else's eyes."""
    assert "source application : annales\n" in place.run("check").stdout
    place.run("crawl", "application")
    everything = "bornage amiable Zanzibar xylophone tambour"
    assert ids(place, everything, "ag-1") == {"application:1"}
    assert ids(place, everything, "ag-2") == {"application:1", "application:2"}
    known = place.json("experts", "bornage amiable", "--agent", "ag-2")["candidates"]
    assert [one["agent"]["id"] for one in known] == ["ag-1"]


def test_wrong_options_are_a_sentence(place: Place) -> None:
    """Of the source alone; the others go on."""
    wrong = SOURCES.replace('"database"', '"base"')
    elsewhere = replace(place, environment={**place.environment, "QUISAIT_SOURCES": wrong})
    said = elsewhere.run("try", "application", status=1).stderr
    assert "options de application, database" in said
    assert "options de application, base" in said
    found = {one["name"]: one for one in elsewhere.json("check", status=1)}
    assert "database" in found["source application"]["detail"]
    assert found["index"]["passed"]


def test_an_unforeseen_error_is_that_source_s_alone(place: Place) -> None:
    """A fault of the package is a refusal with its kind of error, and no trace of a document."""
    (place.folder / "broken").mkdir()
    text = (place.folder / "annales/quisait_annales.py").read_text("utf-8")
    broken = text.replace(
        'for row in self._rows(""',
        'raise KeyError("un texte secret")\n        for row in self._rows(""',
    )
    (place.folder / "broken/quisait_annales.py").write_text(broken, encoding="utf-8")
    path = f"{place.folder / 'broken'}:{place.environment['PYTHONPATH']}"
    sources = SOURCES[:-1] + ', {"name": "notes", "kind": "folder", "path": "notes"}]'
    elsewhere = replace(
        place,
        environment={**place.environment, "QUISAIT_SOURCES": sources, "PYTHONPATH": path},
    )
    done = elsewhere.run("crawl", status=1)
    said = done.stdout + done.stderr
    assert "(KeyError)" in said
    assert "secret" not in said.replace("secret.txt", "")
    assert "notes:regie.md" in ids(elsewhere, "régisseur", "ag-1")


def test_a_kind_that_is_not_installed_is_named(place: Place) -> None:
    """With those that are."""
    unknown = SOURCES.replace('"annales"', '"anales"')
    elsewhere = replace(place, environment={**place.environment, "QUISAIT_SOURCES": unknown})
    said = elsewhere.run("check", status=2).stderr
    assert "« annales »" in said
