"""Archives of mailing lists: from the settings to a found thread, its answerer among who knows."""

import json
from pathlib import Path

import pytest

from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

MAIL = """\
Message-ID: <{id}@exemple.fr>
In-Reply-To: {answers}
Date: Mon, 2 Mar 2026 10:0{minute}:00 +0100
From: {sender}
Subject: {subject}
Content-Type: text/plain; charset=utf-8

{text}
"""
BEGINS = "From ana@exemple.fr Mon Mar  2 10:00:00 2026\n"
QUESTION = ("1", "", 0, "Ben <ben@exemple.fr>", "Bornage", "Qui signe le bornage amiable ?")
ANSWER = (
    "2", "<1@exemple.fr>", 1, "Ana <ana@exemple.fr>", "Re: Bornage",
    "Le géomètre du cadastre signe le bornage amiable.\n\n"
    "Le 2 mars 2026 à 10:00, Ben a écrit :\n> Qui signe le bornage amiable ?",
)  # fmt: skip
SECRET = ("3", "", 2, "Ben <ben@exemple.fr>", "Carrousel", "Le carrousel Zanzibar est signalé.")
FIELDS = ("id", "answers", "minute", "sender", "subject", "text")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An administration with an open list of Mailman, and a restricted one of Sympa."""
    folder: Path = tmp_path_factory.mktemp("lists") / "place"
    lists = {
        "cadastre": {"path": "cadastre.mbox", "readers": ["everyone"]},
        "fraude": {"path": "arc/fraude@exemple.fr", "members": "abonnés", "readers": ["everyone"]},
    }
    sources = [{"name": "listes", "kind": "lists", "options": {"lists": lists}, "join": ["email"]}]
    made = make_place(folder, QUISAIT_SOURCES=json.dumps(sources))
    mails = [MAIL.format(**dict(zip(FIELDS, one, strict=True))) for one in (QUESTION, ANSWER)]
    (folder / "cadastre.mbox").write_text("\n".join(BEGINS + one for one in mails), "utf-8")
    texts = folder / "arc/fraude@exemple.fr/2026-03/arctxt"
    texts.mkdir(parents=True)
    (texts / "1").write_text(MAIL.format(**dict(zip(FIELDS, SECRET, strict=True))), "utf-8")
    (folder / "abonnés").write_text("ben@exemple.fr\n", "utf-8")
    agents = (folder / "agents.csv").read_text("utf-8").splitlines()
    emails = ["email", "ana@exemple.fr", "ben@exemple.fr", "cyd@exemple.fr"]
    rows = (f"{row},{email}\n" for row, email in zip(agents, emails, strict=True))
    (folder / "agents.csv").write_text("".join(rows), "utf-8")
    return made


def found(place: Place, agent: str) -> set[str]:
    answer = place.json("search", "bornage amiable Zanzibar", "--agent", agent)
    return {one["title"] for one in answer["documents"]}


def test_from_the_settings_to_a_found_thread(place: Place) -> None:
    """Tried, read, found by whom its list admits; who answered knows, who asked does not."""
    tried = {one["title"]: one["allowed"] for one in place.json("try", "listes")["documents"]}
    assert tried == {"Bornage": ["everyone"], "Carrousel": ["listes:account:ben@exemple.fr"]}
    place.run("crawl", "listes")
    assert found(place, "ag-1") == {"Bornage"}
    assert found(place, "ag-2") == {"Bornage", "Carrousel"}
    known = place.json("experts", "bornage amiable", "--agent", "ag-2")["candidates"]
    assert [one["agent"]["id"] for one in known] == ["ag-1"]


def test_what_leaves_a_list_is_gone_in_one_reading(place: Place) -> None:
    """A mail that is taken away, and a reader who left."""
    (place.folder / "abonnés").write_text("", "utf-8")
    archive = place.folder / "cadastre.mbox"
    question, _, _ = archive.read_text("utf-8").partition(f"\n{BEGINS}")
    archive.write_text(question, "utf-8")
    place.run("crawl", "listes")
    assert found(place, "ag-2") == {"Bornage"}
    assert place.json("experts", "bornage amiable", "--agent", "ag-2")["candidates"] == []
