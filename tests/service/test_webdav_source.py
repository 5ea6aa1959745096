"""A WebDAV folder as a source: from the settings to a found file, its author among who knows."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dav_server import PASSWORD, USER, DavFolder, ensure_dav
from tests.samples.office import text_document
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

RULES = "pattern,allowed,author\n**,everyone,ana\nfraude/**,annuaire:group:fraude,ben\n"
CLOSED = "pattern,allowed\n**,nobody\n"
MANY, KILLS = 40, 2


@pytest.fixture
def served() -> Iterator[DavFolder]:
    """Files for everybody, for a group, for nobody; one of them of an office program."""
    with ensure_dav().folder() as folder:
        for name in ("fraude", "rh"):
            (folder.path / name).mkdir()
        (folder.path / "_quisait.csv").write_text(RULES, "utf-8")
        (folder.path / "rh" / "_quisait.csv").write_text(CLOSED, "utf-8")
        written = text_document([("", "Le bornage amiable se signe devant le géomètre.")])
        (folder.path / "procédure de bornage.docx").write_bytes(written)
        (folder.path / "fraude" / "c.txt").write_text("Le carrousel Zanzibar et ses sociétés.")
        (folder.path / "rh" / "c.txt").write_text("Les congés du xylophone se posent en mars.")
        yield folder


@pytest.fixture
def place(served: DavFolder, tmp_path: Path) -> Place:
    """An administration that reads it, with the password in a file."""
    source = {
        "name": "nuage",
        "kind": "webdav",
        "password_file": "nuage.mot",
        "options": {"url": served.url, "user": USER, "rate_per_s": 100},
    }
    made = make_place(tmp_path / "place", QUISAIT_SOURCES=json.dumps([source]))
    (made.folder / "nuage.mot").write_text(f"{PASSWORD}\n", "utf-8")
    (made.folder / "nuage.mot").chmod(0o600)
    accounts = "account,agent\nnuage:ana,ag-1\nnuage:ben,ag-2\n"
    (made.folder / "comptes.csv").write_text(accounts, "utf-8")
    return Place(made.folder, {**made.environment, "QUISAIT_DIRECTORY__ACCOUNTS": "comptes.csv"})


def found(place: Place, words: str, agent: str) -> set[str]:
    answer = place.json("search", words, "--agent", agent)
    return {one["id"].removeprefix("nuage:") for one in answer["documents"]}


def test_from_the_settings_to_a_found_file(place: Place, served: DavFolder) -> None:
    """Tried, read, found by whom its rules admit, its author named; a deletion in one run."""
    assert "en clair" in place.run("check").stdout
    tried = {one["id"]: one["allowed"] for one in place.json("try", "nuage")["documents"]}
    assert tried["nuage:rh/c.txt"] == []
    place.run("crawl", "nuage")
    everything = "bornage amiable Zanzibar xylophone"
    assert found(place, everything, "ag-1") == {"procédure de bornage.docx"}
    assert found(place, everything, "ag-2") == {"procédure de bornage.docx", "fraude/c.txt"}
    known = place.json("experts", "bornage amiable", "--agent", "ag-2")["candidates"]
    assert [one["agent"]["id"] for one in known] == ["ag-1"]
    (served.path / "procédure de bornage.docx").unlink()
    (served.path / "fraude" / "_quisait.csv").write_text(CLOSED, "utf-8")
    place.run("crawl", "nuage")
    assert found(place, everything, "ag-2") == set()


def test_killed_at_any_moment_it_loses_nothing(place: Place, served: DavFolder) -> None:
    """Reading after reading is killed, while files come, change and go."""
    draw = random.Random(47)
    for number in range(MANY):
        (served.path / f"{number}.txt").write_text(f"Le dossier numéro {number} est instruit.")
    begun = time.monotonic()
    place.run("try", "nuage")
    start_s = time.monotonic() - begun
    killed = 0
    for kill in range(KILLS):
        killed += place.kill_crawl(draw.uniform(0.5, 1.2) * start_s, "nuage")
        (served.path / f"{kill}.txt").unlink()
        (served.path / f"{kill + 10}.txt").write_text(f"Le perroquet {kill} remplace le dossier.")
    assert killed, "all had ended before"
    place.run("crawl", "nuage")
    told = place.json("sources", "nuage")[0]
    assert told["documents"] == 3 + MANY - KILLS
    assert found(place, "perroquet", "ag-1") == {f"{kill + 10}.txt" for kill in range(KILLS)}
