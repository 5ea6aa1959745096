"""Lists of a Mailman 3: from the settings to a found thread, its answerer among who knows."""

import json
import random
import time
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.hyperkitty_server import (
    CORE_PASSWORD,
    PASSWORD,
    READER,
    HyperkittyServer,
    ensure_hyperkitty,
)
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

MANY, KILLS = 30, 2


@dataclass(frozen=True)
class Lists:
    """An administration that reads an open list and a private one of Ben's."""

    server: HyperkittyServer
    place: Place
    open_list: str
    private: str

    def found(self, words: str, agent: str) -> set[str]:
        answer = self.place.json("search", words, "--agent", agent)
        return {one["title"] for one in answer["documents"]}

    def write(
        self, name: str, number: str, sender: str, subject: str, text: str, answers: str = ""
    ) -> None:
        message = EmailMessage()
        message["Message-ID"] = f"<{number}@exemple.fr>"
        message["From"] = f"{sender.title()} <{sender}@exemple.fr>"
        message["Date"] = "Mon, 02 Mar 2026 10:00:00 +0100"
        message["Subject"] = subject
        if answers:
            message["In-Reply-To"] = f"<{answers}@exemple.fr>"
        message.set_content(text)
        self.server.archive(name, message)


@pytest.fixture
def lists(tmp_path: Path) -> Lists:
    server = ensure_hyperkitty()
    names = server.new_list("public"), server.new_list("private", "ben")
    source = {
        "name": "listes",
        "kind": "hyperkitty",
        "password_file": "archive.mot",
        "allowed": ["everyone"],
        "join": ["email"],
        "options": {
            "url": server.url,
            "user": READER,
            "core_url": server.core_url,
            "core_password_file": "mailman.mot",
            "rate_per_s": 100,
            "lists": {name: {} for name in names},
        },
    }
    made = make_place(tmp_path / "place", QUISAIT_SOURCES=json.dumps([source]))
    for name, password in (("archive.mot", PASSWORD), ("mailman.mot", CORE_PASSWORD)):
        (made.folder / name).write_text(f"{password}\n", "utf-8")
        (made.folder / name).chmod(0o600)
    agents = (made.folder / "agents.csv").read_text("utf-8").splitlines()
    emails = ["email", "ana@exemple.fr", "ben@exemple.fr", "cyd@exemple.fr"]
    rows = (f"{row},{email}\n" for row, email in zip(agents, emails, strict=True))
    (made.folder / "agents.csv").write_text("".join(rows), "utf-8")
    return Lists(server, made, *names)


def test_from_the_settings_to_a_found_thread(lists: Lists) -> None:
    """Tried, read, found by whom its list admits; in one reading who left finds nothing more."""
    place = lists.place
    lists.write(lists.open_list, "q", "ben", "Bornage", "Qui signe le bornage amiable ?")
    answer = "Le géomètre du cadastre signe le bornage amiable."
    lists.write(lists.open_list, "r", "ana", "Re: Bornage", answer, "q")
    lists.write(lists.private, "s", "ben", "Carrousel", "Le carrousel Zanzibar est signalé.")
    tried = {one["title"]: one["allowed"] for one in place.json("try", "listes")["documents"]}
    members = sorted(f"listes:account:{name}@exemple.fr" for name in ("ben", READER))
    assert {title: sorted(allowed) for title, allowed in tried.items()} == {
        "Bornage": ["everyone"],
        "Carrousel": members,
    }
    place.run("crawl", "listes")
    words = "bornage amiable Zanzibar"
    assert lists.found(words, "ag-1") == {"Bornage"}
    assert lists.found(words, "ag-2") == {"Bornage", "Carrousel"}
    known = place.json("experts", "bornage amiable", "--agent", "ag-2")["candidates"]
    assert [one["agent"]["id"] for one in known] == ["ag-1"]
    lists.server.unsubscribe(lists.private, "ben")
    lists.server.set_policy(lists.open_list, "private", synced=False)
    place.run("crawl", "listes")
    assert lists.found(words, "ag-1") == lists.found(words, "ag-2") == set()


def test_killed_at_any_moment_it_loses_nothing(lists: Lists) -> None:
    """Reading after reading is killed, while mails come and go."""
    draw, place = random.Random(47), lists.place
    for number in range(MANY):
        text = f"Le dossier numéro {number} est instruit."
        lists.write(lists.open_list, f"m{number}", "ana", f"Dossier {number}", text)
    begun = time.monotonic()
    place.run("try", "listes")
    start_s = time.monotonic() - begun
    killed = 0
    for kill in range(KILLS):
        killed += place.kill_crawl(draw.uniform(0.5, 1.2) * start_s, "listes")
        lists.server.act("delete", mlist=lists.open_list, message=f"m{kill}@exemple.fr")
        lists.write(
            lists.open_list, f"p{kill}", "ana", f"Perroquet {kill}", "Le perroquet le remplace."
        )
    assert killed, "all had ended before"
    place.run("crawl", "listes")
    assert place.json("sources", "listes")[0]["documents"] == MANY
    assert lists.found("perroquet", "ag-1") == {f"Perroquet {kill}" for kill in range(KILLS)}
    assert lists.found("dossier numéro 0", "ag-1").isdisjoint({"Dossier 0", "Dossier 1"})
