"""A private wiki through the real command: added, crawled and searched with a reader's rights."""

import os
from pathlib import Path

import pytest

from tests.service.place import Place, make_place
from tests.wiki_server import PASSWORD, READER, WikiServer, ensure_wiki

pytestmark = [pytest.mark.sources, pytest.mark.search, pytest.mark.trust]

SOURCE = """
[[sources]]
name = "wiki-metier"
kind = "mediawiki"
url = "{url}api.php"
user = "{user}"
rate_per_s = 0
allowed = ["everyone"]
{more}
namespaces = {{ "Équipe" = ["annuaire:group:fraude"], "Fichier" = ["everyone"] }}
"""


@pytest.fixture(scope="module")
def wiki() -> WikiServer:
    server = ensure_wiki()
    server.reset()
    server.edit("Bornage", "La limite de deux parcelles cadastrales voisines.")
    server.edit("Équipe:Carrousel", "Le carrousel passe par trois sociétés écrans.")
    server.upload("Été.txt", "Les vendanges tardives du régisseur.".encode(), "Un fichier.")
    return server


def plugged(place: Place, wiki: WikiServer, more: str = "") -> None:
    """The wiki alone in the place's settings."""
    settings = place.folder / "quisait.toml"
    before = settings.read_text("utf-8").partition("[[sources]]")[0]
    source = SOURCE.format(url=wiki.url, user=READER, more=more)
    settings.write_text(before + source, "utf-8")


def titles(place: Place, question: str, agent: str) -> list[str]:
    found = place.json("search", question, "--agent", agent)
    return [hit["title"] for hit in found["documents"]]


def test_a_wiki_is_crawled_and_searched(wiki: WikiServer, tmp_path: Path) -> None:
    """Each agent finds what their namespace allows; a move takes the right along at once."""
    place = make_place(tmp_path / "place", QUISAIT_PASSWORD_WIKI_METIER=PASSWORD)
    plugged(place, wiki)
    place.run("crawl")
    assert titles(place, "parcelles voisines", "ag-1")[0] == "Bornage"
    assert titles(place, "vendanges tardives", "ag-1")[0] == "Été.txt"
    assert "Carrousel" in titles(place, "carrousel sociétés écrans", "ag-2")
    assert "Carrousel" not in titles(place, "carrousel sociétés écrans", "ag-1")

    wiki.move("Équipe:Carrousel", "Carrousel", noredirect=1)
    wiki.move("Bornage", "Équipe:Bornage", noredirect=1)
    wiki.delete("Fichier:Été.txt")
    place.run("crawl")
    assert "Carrousel" in titles(place, "carrousel sociétés écrans", "ag-1")
    assert "Bornage" not in titles(place, "parcelles voisines", "ag-1")
    assert "Bornage" in titles(place, "parcelles voisines", "ag-2")
    assert "Été.txt" not in titles(place, "vendanges tardives", "ag-1")


def test_a_password_comes_from_a_file_or_is_asked_for(wiki: WikiServer, tmp_path: Path) -> None:
    """Without one the check says what to do, and no password is ever shown."""
    assert not [name for name in os.environ if name.startswith("QUISAIT_PASSWORD")]
    place = make_place(tmp_path / "place")
    plugged(place, wiki)
    checks = {one["name"]: one for one in place.json("check", status=1)}
    assert "QUISAIT_PASSWORD_WIKI_METIER" in checks["source wiki-metier"]["detail"]
    plugged(place, wiki, 'password_file = "secret"')
    (place.folder / "secret").write_text(PASSWORD + "\n", "utf-8")
    done = place.run("check")
    assert f"source wiki-metier : mediawiki, {wiki.url}api.php" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
