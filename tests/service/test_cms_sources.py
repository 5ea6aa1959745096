"""A WordPress and a Wagtail as sources: their settings tried, and crawls that are killed."""

import json
import random
import time
from pathlib import Path

import pytest

from tests.service.place import Place, make_place
from tests.wagtail_server import WagtailServer, ensure_wagtail
from tests.wordpress_server import ADMIN, WordPressServer, ensure_wordpress

pytestmark = [pytest.mark.sources, pytest.mark.trust]

FRAUD = ["annuaire:group:fraude"]
MANY, KILLS = 30, 2


@pytest.fixture
def wordpress() -> WordPressServer:
    """Posts for everybody, for a group, for nobody; one that is private."""
    server = ensure_wordpress()
    server.reset()
    fraud = server.act("POST", "categories", name="Fraude", slug="fraude")["id"]
    closed = server.act("POST", "categories", name="RH", slug="rh")["id"]
    for title, text, more in (
        ("Bornage", "Le bornage amiable se signe devant le géomètre du cadastre.", {"author": 2}),
        ("Carrousel", "Le carrousel Zanzibar passe par trois sociétés.", {"categories": [fraud]}),
        ("Congés", "Les congés du xylophone se posent en mars.", {"categories": [closed]}),
        ("Projet", "Le projet de perroquet reste entre nous.", {"status": "private"}),
    ):
        server.act("POST", "posts", **{"title": title, "content": text, "status": "publish"} | more)
    return server


@pytest.fixture
def wagtail() -> WagtailServer:
    """A page for everybody, and one below a page for a group."""
    server = ensure_wagtail()
    server.reset()
    above = server.act("add", title="Fraude", slug="fraude")
    text = "Le bornage contradictoire de Zanzibar se fait au tribunal."
    server.act_together(
        ("add", {"title": "Tribunal", "slug": "t", "parent": above, "intro": text}),
        ("add", {"title": "Plan", "slug": "p", "intro": "Le plan du xylophone.", "author": "Ben"}),
    )
    return server


@pytest.fixture
def place(wordpress: WordPressServer, wagtail: WagtailServer, tmp_path: Path) -> Place:
    """An administration that reads both, with the password in a file."""
    sources = [
        {
            "name": "blog",
            "kind": "wordpress",
            "allowed": ["everyone"],
            "password_file": "blog.mot",
            "options": {
                "url": wordpress.url,
                "user": ADMIN,
                "private": FRAUD,
                "categories": {"fraude": FRAUD, "rh": []},
                "rate_per_s": 50,
            },
        },
        {
            "name": "portail",
            "kind": "wagtail",
            "allowed": ["everyone"],
            "options": {"url": wagtail.api, "sections": {"/fraude/": FRAUD}, "rate_per_s": 50},
        },
    ]
    made = make_place(tmp_path / "place", QUISAIT_SOURCES=json.dumps(sources))
    (made.folder / "blog.mot").write_text(f"{wordpress.passwords[ADMIN]}\n", "utf-8")
    (made.folder / "blog.mot").chmod(0o600)
    return made


def found(place: Place, words: str, agent: str) -> set[str]:
    answer = place.json("search", words, "--agent", agent)
    return {one["title"] for one in answer["documents"]}


def test_the_settings_are_tried(place: Place) -> None:
    """Who would read each entry, in the clear; what is found is in test_sources_to_answers."""
    checked = place.run("check").stdout
    assert "le mot de passe part en clair" in checked
    tried = place.json("try", "blog")["documents"]
    assert {one["title"]: one["allowed"] for one in tried} == {
        "Bornage": ["everyone"], "Carrousel": FRAUD, "Congés": [], "Projet": FRAUD,
    }  # fmt: skip
    tried = place.json("try", "portail")["documents"]
    readers = {one["title"]: one["allowed"] for one in tried}
    assert (readers["Tribunal"], readers["Plan"]) == (FRAUD, ["everyone"])


def test_killed_at_any_moment_they_lose_nothing(
    place: Place, wordpress: WordPressServer, wagtail: WagtailServer
) -> None:
    """Reading after reading is killed, while pages come, change and go."""
    draw = random.Random(23)
    text = "Le dossier numéro {} est instruit."
    posts = [
        one["id"]
        for one in wordpress.act_together(
            [
                (
                    "POST",
                    "posts",
                    {"title": f"a{n}", "content": text.format(n), "status": "publish"},
                )
                for n in range(MANY)
            ]
        )
    ]
    pages = wagtail.act_together(
        *(
            ("add", {"title": f"b{n}", "slug": f"b{n}", "intro": text.format(n)})
            for n in range(MANY)
        )
    )
    begun = time.monotonic()
    place.run("try", "blog")
    start_s = time.monotonic() - begun
    killed = 0
    for kill in range(KILLS):
        killed += place.kill_crawl(draw.uniform(0.7, 1.6) * start_s)
        wordpress.act("DELETE", f"posts/{posts[kill]}")
        wordpress.act("POST", f"posts/{posts[kill + 10]}", content="Le kangourou le remplace.")
        wagtail.act("unpublish", page=pages[kill])
        wagtail.act("change", page=pages[kill + 10], intro="Le kangourou le remplace.")
    assert killed, "all had ended before"
    place.run("crawl")
    told = {one["source"]: one["documents"] for one in place.json("sources")}
    assert (told["blog"], told["portail"]) == (4 + MANY - KILLS, 4 + MANY - KILLS)
    again = {f"{letter}{kill + 10}" for kill in range(KILLS) for letter in "ab"}
    assert found(place, "kangourou", "ag-1") == again
