"""`quisait expertise build` and `quisait isolation`, run for real in a small administration."""

import csv
import io
import sqlite3
from collections.abc import Collection
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from expertise.build_files import FOLDER
from expertise.current_build import BuildReader
from expertise.values import TopicsOf
from quisait.application.assembly import open_application
from quisait.commands import answers
from quisait.commands.answers import command_line_reader
from quisait.settings import load_settings
from search_api.query.query import Query
from search_api.search.service import who_knows
from tests.service.place import Place, make_place
from tests.service.running import running, wait_until

pytestmark = pytest.mark.experts

LIST = """id,label,alt_labels,broader,kind
bornage,bornage,remaniement,,
m-geometre,géomètre du cadastre,,bornage,métier
m-tresorier,trésorier hospitalier,,,métier
bancal,,,,
m-cuisinier,cuisinier,,,métier
"""
COOKS = "".join(
    f"ag-1{place},Dan,{name},cuisinier,{place},,,true\n"
    for name, place in (("Rôti", 31), ("Sauce", 44), ("Tarte", 80))
)
"""Each alone in their region."""
ROLE = """
[[roles]]
role = "animator"
agents = ["ag-2"]
topics = ["m-cuisinier"]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place with a list of topics, read and built."""
    made = make_place(
        tmp_path_factory.mktemp("topics") / "place",
        QUISAIT_TOPICS__FILE="sujets.csv",
        QUISAIT_TOPICS__LEAST_STRENGTH="0.5",
    )
    (made.folder / "sujets.csv").write_text(LIST, "utf-8")
    for file, more in (("agents.csv", COOKS), ("quisait.toml", ROLE)):
        text = (made.folder / file).read_text("utf-8")
        (made.folder / file).write_text(text + more, "utf-8")
    made.run("crawl")
    done = made.run("expertise", "build")
    (made.folder / "build.txt").write_text(done.stdout + done.stderr, "utf-8")
    return made


def test_a_build_tells_what_it_counted(place: Place) -> None:
    """Faults of the list, the share of contributions used, and twice the same fingerprint."""
    told = (place.folder / "build.txt").read_text("utf-8")
    assert "DuckDB" in told
    assert "sujets.csv:5" in told
    assert "4 sujets et métiers" in told
    again = place.json("expertise", "build")
    assert f"Empreinte {again['digest'][:12]}" in told
    assert 0 < again["contributions"] < again["contributions_seen"]


def test_what_a_build_left_out_is_told(place: Place) -> None:
    """A row that cannot be decoded: named on the terminal and by `check`, all else is built."""
    whole = place.json("expertise", "build")
    assert [one["id"] for one in whole["left_out"]] == ["sujets.csv:5"]
    file = next(file for file in place.folder.rglob("*.sqlite") if has_documents(file))
    with closing(sqlite3.connect(file)) as store, store:
        ((id_, card),) = store.execute("SELECT id, card FROM documents WHERE id LIKE 'wiki%1'")
        store.execute("UPDATE documents SET card = '{' WHERE id = ?", (id_,))
    try:
        done = place.run("expertise", "build")
        assert f"{id_} : " in done.stderr
        assert f"{whole['documents'] - 1} documents" in done.stdout
        found = {one["name"]: one for one in place.json("check", status=1)}
        assert [name for name, one in found.items() if not one["passed"]] == ["index"]  # damaged
        line = found["cartographie"]
        assert f"1 document(s), 1 sujet(s) : {id_} : ne peut" in line["detail"]
        assert "sujets.csv:5" in line["detail"]
    finally:
        with closing(sqlite3.connect(file)) as store, store:
            store.execute("UPDATE documents SET card = ? WHERE id = ?", (card, id_))
    assert place.json("expertise", "build")["digest"] == whole["digest"]


def has_documents(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as store:
        return bool(store.execute("SELECT 1 FROM sqlite_master WHERE name = 'contents'").fetchall())


def test_who_is_alone(place: Place) -> None:
    """As text, JSON and CSV; who left years ago breaks no solitude."""
    text = place.run("isolation").stdout
    alone = "22 · géomètre du cadastre · Ana Le Goff · seule personne de ce métier en France"
    assert f"{alone}, d’après l’annuaire" in text
    assert "Rossi" not in text
    rows = place.json("isolation", "--area", "r53")["rows"]
    assert {row["agent"]["id"] for row in rows} == {"ag-1"}
    table = place.run("isolation", "--topic", "m-tresorier", "--csv").stdout.removeprefix("\ufeff")
    (row,) = csv.DictReader(io.StringIO(table), delimiter=";")
    assert (row["agent"], row["departement"]) == ("Ben Amrani", "974")


def test_how_many_hold_what(place: Place) -> None:
    """Every topic, or one area by area; as text, JSON and CSV."""
    told = place.run("coverage").stdout
    assert "géomètre du cadastre (m-geometre) : 1" in told
    assert "une seule personne" not in told
    topics = {row["topic"]["id"]: row for row in place.json("coverage", "--area", "r53")["topics"]}
    assert topics["m-geometre"]["holders"]["agents"] == 1
    assert topics["m-tresorier"]["holders"]["agents"] == 0
    areas = place.json("coverage", "--topic", "m-tresorier")["areas"]
    assert {row["area"]["code"] for row in areas} == {"", "r04", "974"}
    assert "(974) : 1" in place.run("coverage", "--topic", "m-tresorier").stdout
    for asked, columns in (((), "libelle"), (("--topic", "m-tresorier"), "nom_territoire")):
        text = place.run("coverage", *asked, "--csv").stdout.removeprefix("\ufeff")
        rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
        assert "1" in {row["personnes"] for row in rows}
        assert all(row[columns] for row in rows)


def test_who_shares_topics(place: Place) -> None:
    """One's own without an argument; the strength to oneself alone; who has left is unknown."""
    mine = place.json("peers", "--agent", "ag-1")
    assert mine["agent"]["id"] == "ag-1"
    assert any(one["strength"] for one in mine["topics"])
    assert "Sujet : bornage (contributions)" in place.run("peers", "--agent", "ag-1").stdout
    others = place.json("peers", "ag-1", "--agent", "ag-2")
    assert {one["strength"] for one in others["topics"]} == {None}
    gone, unknown = (
        place.run("peers", who, "--agent", "ag-2", status=1).stderr for who in ("ag-3", "ag-99")
    )
    assert gone == unknown


def test_a_profile(place: Place) -> None:
    """As text and JSON; who has left is as unknown as who never was."""
    text = place.run("profile", "ag-1", "--agent", "ag-2").stdout
    assert "bornage" in text
    body = place.json("profile", "ag-1", "--agent", "ag-2")
    assert body["demonstrated"][0]["strength"] is None
    gone, unknown = (
        place.run("profile", who, "--agent", "ag-2", status=1).stderr for who in ("ag-3", "ag-99")
    )
    assert gone == unknown


@pytest.mark.parametrize("asked", [("--area", "r"), ("--topic", "rien")])
def test_what_does_not_exist_is_said(place: Place, asked: tuple[str, str]) -> None:
    """A sentence and exit status 1."""
    for command in ("isolation", "coverage"):
        assert "inconnu" in place.run(command, *asked, status=1).stderr


def test_without_a_list_or_a_build(tmp_path: Path) -> None:
    """What to set, what to run."""
    bare = make_place(tmp_path / "place")
    assert "[topics] file" in bare.run("expertise", "build", status=1).stderr
    listed = Place(bare.folder, {**bare.environment, "QUISAIT_TOPICS__FILE": "sujets.csv"})
    assert "illisible" in listed.run("expertise", "build", status=1).stderr
    assert "expertise build" in listed.run("isolation", status=1).stderr


def test_a_worker_builds_by_itself(tmp_path: Path) -> None:
    """`quisait run` makes the build after it has read the sources, and says so.

    What a build that was killed left is gone before that, and so is what this one wrote after it.
    """
    made = make_place(
        tmp_path / "place",
        QUISAIT_TOPICS__FILE="sujets.csv",
        QUISAIT_TOPICS__LEAST_STRENGTH="0.5",
    )
    (made.folder / "sujets.csv").write_text(LIST, "utf-8")
    leftover = made.folder / ".quisait" / FOLDER
    (leftover / "agents").mkdir(parents=True)
    with running(made, "--no-serve") as worker:
        wait_until(lambda: any(line.get("source") == "@expertise" for line in worker.logged()))
        worker.stop()
    assert "Ana Le Goff" in made.run("isolation").stdout
    assert not leftover.exists()


def test_the_command_line_walks_over_topics_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the pages do: what the documents that vote are about is asked of the last build."""
    place.enter(monkeypatch)
    asked: list[TopicsOf] = []
    kept = BuildReader.topics_of

    def noted(overview: BuildReader, document_ids: Collection[str], today: date) -> TopicsOf:
        asked.append(kept(overview, document_ids, today))
        return asked[-1]

    monkeypatch.setattr(BuildReader, "topics_of", noted)
    with (
        open_application(load_settings()) as application,
        answers.answer_context(application) as context,
    ):
        who_knows(context, command_line_reader(application, "ag-2"), Query("bornage"), limit=10)
    assert "bornage" in {topic for some in asked[0].values() for topic, _ in some}
