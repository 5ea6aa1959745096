"""A Redmine as a source: its settings tried, private notes, and crawls that are killed."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.redmine_server import KEYS, ensure_redmine
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

MANY, KILLS = 10, 2


@pytest.fixture
def project() -> Iterator[dict[str, object]]:
    """One of which `ana` and `ben` are members; a private issue is `ben`'s."""
    server = ensure_redmine()
    made = server.project()
    for login in ("ana", "ben"):
        server.member(made["id"], server.user(login), "Membre")
    yield made
    server.ask("DELETE", f"projects/{made['id']}.json")


@pytest.fixture
def place(project: dict[str, object], tmp_path: Path) -> Place:
    """An administration that reads it, with the key in a file."""
    source = {
        "name": "suivi",
        "kind": "redmine",
        "password_file": "suivi.cle",
        "join": ["uid"],
        "options": {
            "url": ensure_redmine().url,
            "projects": [project["identifier"]],
            "trackers": ["*"],
            "rate_per_s": 100,
        },
    }
    made = make_place(tmp_path / "place", QUISAIT_SOURCES=json.dumps([source]))
    (made.folder / "suivi.cle").write_text(f"{KEYS['lecteur']}\n", "utf-8")
    (made.folder / "suivi.cle").chmod(0o600)
    accounts = "account,agent\nsuivi:ana,ag-1\nsuivi:ben,ag-2\n"
    (made.folder / "comptes.csv").write_text(accounts, "utf-8")
    return Place(made.folder, {**made.environment, "QUISAIT_DIRECTORY__ACCOUNTS": "comptes.csv"})


def found(place: Place, words: str, agent: str) -> set[str]:
    answer = place.json("search", words, "--agent", agent)
    return {one["title"] for one in answer["documents"] if one["id"].startswith("suivi:")}


def test_private_issues_and_notes_are_not_found(place: Place, project: dict[str, object]) -> None:
    """The rest of what is found, and by whom, is in test_sources_to_answers."""
    server, number = ensure_redmine(), int(str(project["id"]))
    asked = server.issue(number, "Bornage amiable", by="ben", description="Qui signe le procès ?")
    server.note(asked, "Le géomètre le signe.", by="ana")
    server.note(asked, "Le mot de passe est xylophone.", by="ana", private_notes=True)
    server.issue(number, "Carrousel Zanzibar", by="ben", is_private=True)
    assert "en clair" in place.run("check").stdout
    tried = {one["title"]: one["allowed"] for one in place.json("try", "suivi")["documents"]}
    assert tried["Carrousel Zanzibar"] == ["suivi:account:ben"]
    place.run("crawl", "suivi")
    everything = "bornage amiable Zanzibar xylophone"
    assert found(place, everything, "ag-1") == {"Bornage amiable"}
    assert found(place, everything, "ag-2") == {"Bornage amiable", "Carrousel Zanzibar"}
    assert found(place, "xylophone", "ag-2") == set()


def test_killed_at_any_moment_it_loses_nothing(place: Place, project: dict[str, object]) -> None:
    """Reading after reading is killed, while pages come, change and go."""
    server, number = ensure_redmine(), int(str(project["id"]))
    draw = random.Random(47)
    for page in range(MANY):
        server.page(number, f"Dossier_{page}", f"Le dossier numéro {page} est instruit.")
    begun = time.monotonic()
    place.run("try", "suivi")
    start_s = time.monotonic() - begun
    killed = 0
    for kill in range(KILLS):
        killed += place.kill_crawl(draw.uniform(0.4, 0.9) * start_s, "suivi")
        server.ask("DELETE", f"projects/{number}/wiki/Dossier_{kill}.json")
        server.page(number, f"Dossier_{kill + 5}", f"Le perroquet {kill} remplace le dossier.")
    assert killed, "all had ended before"
    place.run("crawl", "suivi")
    told = place.json("sources", "suivi")[0]
    assert told["documents"] == MANY - KILLS
    expected = {f"Dossier {kill + 5}" for kill in range(KILLS)}
    assert found(place, "perroquet", "ag-1") == expected
