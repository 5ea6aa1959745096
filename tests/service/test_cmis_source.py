"""A CMIS repository as a source: its settings tried, and crawls that are killed."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cmis_server import PASSWORD, USER, CmisFolder, ensure_cmis
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

MANY, KILLS = 40, 2


@pytest.fixture
def served() -> Iterator[CmisFolder]:
    """Documents for everybody, for a group, for nobody."""
    with ensure_cmis().folder() as folder:
        folder.write("procédure.txt", "Le bornage amiable se signe devant le géomètre.")
        folder.let_read("procédure.txt", "anyone")
        folder.write("fraude/c.txt", "Le carrousel Zanzibar et ses sociétés.")
        folder.let_read("fraude/c.txt", "GROUP_fraude")
        folder.write("rh/c.txt", "Les congés du xylophone se posent en mars.")
        folder.let_read("rh/c.txt")
        yield folder


@pytest.fixture
def place(served: CmisFolder, tmp_path: Path) -> Place:
    """An administration that reads it, with the password in a file."""
    source = {
        "name": "ged",
        "kind": "cmis",
        "password_file": "ged.mot",
        "options": {
            "url": served.server.url,
            "user": USER,
            "folder": served.path,
            "anyone": "everyone",
            "group_authority": "annuaire",
            "rate_per_s": 200,
        },
    }
    made = make_place(tmp_path / "place", QUISAIT_SOURCES=json.dumps([source]))
    (made.folder / "ged.mot").write_text(f"{PASSWORD}\n", "utf-8")
    (made.folder / "ged.mot").chmod(0o600)
    return made


def found(place: Place, words: str, agent: str) -> set[str]:
    answer = place.json("search", words, "--agent", agent)
    return {one["id"].removeprefix("ged:") for one in answer["documents"]}


def test_the_settings_are_tried(place: Place) -> None:
    """Who would read each document; what is found is in test_sources_to_answers."""
    assert "en clair" in place.run("check").stdout
    tried = {one["id"]: one["allowed"] for one in place.json("try", "ged")["documents"]}
    assert tried == {
        "ged:procédure.txt": ["everyone"],
        "ged:fraude/c.txt": ["annuaire:group:fraude"],
        "ged:rh/c.txt": [],
    }


def test_killed_at_any_moment_it_loses_nothing(place: Place, served: CmisFolder) -> None:
    """Reading after reading is killed, while documents come, change and go."""
    draw = random.Random(47)
    for number in range(MANY):
        served.write(f"{number}.txt", f"Le dossier numéro {number} est instruit.")
    begun = time.monotonic()
    place.run("try", "ged")
    start_s = time.monotonic() - begun
    killed = 0
    for kill in range(KILLS):
        killed += place.kill_crawl(draw.uniform(0.5, 1.2) * start_s, "ged")
        served.delete(f"{kill}.txt")
        served.write(f"{kill + 10}.txt", f"Le perroquet {kill} remplace le dossier.")
    assert killed, "all had ended before"
    place.run("crawl", "ged")
    told = place.json("sources", "ged")[0]
    assert told["documents"] == 3 + MANY - KILLS
    assert found(place, "perroquet", "ag-1") == {f"{kill + 10}.txt" for kill in range(KILLS)}
