"""A git repository as a source: its settings tried, and crawls that are killed."""

import json
import random
import time
from pathlib import Path

import pytest

from tests.git_repository import Work
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

RULES = "pattern,allowed\n**,everyone\nfraude/**,annuaire:group:fraude\nrh/**,nobody\n"
MANY, KILLS = 40, 2


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Pages for everybody, for a group, for nobody."""
    made = Work(tmp_path)
    made.write("bornage.md", "# Bornage\n\nLe bornage amiable se signe devant le géomètre.\n")
    made.push("ana")
    made.write("fraude/c.md", "Le carrousel Zanzibar et ses sociétés.")
    made.write("rh/c.md", "Les congés du xylophone se posent en mars.")
    made.push("ben")
    return made


@pytest.fixture
def place(work: Work, tmp_path: Path) -> Place:
    """An administration that reads it."""
    options = {"url": str(work.bare), "rules": "regles.csv"}
    source = {"name": "doc", "kind": "git", "options": options}
    made = make_place(tmp_path / "place", QUISAIT_SOURCES=json.dumps([source]))
    (made.folder / "regles.csv").write_text(RULES, "utf-8")
    return made


def found(place: Place, words: str, agent: str) -> set[str]:
    answer = place.json("search", words, "--agent", agent)
    return {one["id"] for one in answer["documents"] if one["id"].startswith("doc:")}


def test_the_settings_are_tried(place: Place) -> None:
    """Who would read each page; what is found is in test_sources_to_answers."""
    tried = {one["id"]: one["allowed"] for one in place.json("try", "doc")["documents"]}
    assert tried == {
        "doc:bornage.md": ["everyone"],
        "doc:fraude/c.md": ["annuaire:group:fraude"],
        "doc:rh/c.md": [],
    }


def test_killed_at_any_moment_it_loses_nothing(place: Place, work: Work) -> None:
    """Reading after reading is killed, while pages come, change and go."""
    draw = random.Random(47)
    for number in range(MANY):
        work.write(f"{number}.md", f"Le dossier numéro {number} est instruit.")
    work.push("ana")
    begun = time.monotonic()
    place.run("try", "doc")
    start_s = time.monotonic() - begun
    killed = 0
    for kill in range(KILLS):
        killed += place.kill_crawl(draw.uniform(0.5, 1.0) * start_s, "doc")
        (work.copy / f"{kill}.md").unlink()
        work.write(f"{kill + 10}.md", f"Le perroquet {kill} remplace le dossier.")
        work.push("ben")
    assert killed, "all had ended before"
    place.run("crawl", "doc")
    told = place.json("sources", "doc")[0]
    assert told["documents"] == 3 + MANY - KILLS
    assert found(place, "perroquet", "ag-1") == {f"doc:{kill + 10}.md" for kill in range(KILLS)}
