"""A document's page and its original: what is shown, and which documents count as unknown."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Error, Route

from connectors.ports import RecordVanished
from connectors.values import EVERYONE, Access
from indexer.values import PutAccess, Remove
from quisait.application.assembly import Application
from quisait.clock import now_s
from quisait.server.app import app_of, tokens_of
from quisait.work.crawl import crawl_sources, read_directory
from search_api.addresses import document_address
from search_api.documents.originals import original_headers
from search_api.documents.service import LONGEST_PARAGRAPH
from search_api.query_log.recording import NoQueryLog
from tests.each import each
from tests.made_site import application_in
from tests.pages.conftest import served

pytestmark = [pytest.mark.trust, pytest.mark.pages]

SETTINGS = """
guard_share = 1.0
[server]
token_key = "une clé de test assez longue pour signer des jetons"
[directory]
agents = "agents.csv"
groups = "groupes.csv"
[[sources]]
name = "dossier"
kind = "folder"
path = "dossier"
[[sources]]
name = "fils"
kind = "export"
path = "fils.jsonl"
"""
AGENTS = """id,given_name,family_name,metier,entity,accounts
claire,Claire,Le Bihan,inspectrice,SIP Guingamp,dossier:claire|fils:claire
omar,Omar,Sy,contrôleur,SIP Quimper,fils:omar
"""
GROUPS = """principal,label,members
annuaire:group:audit,Audit,omar
"""
TABLE = """pattern,allowed,title,author
**,everyone,,claire
ferme.txt,annuaire:group:audit,Zanzibar fermé,claire
audit/**,annuaire:group:audit,,claire
"""
LINES = """{"type": "header", "version": 1, "complete": true}
{"type": "account", "id": "claire", "name": "Claire Le Bihan"}
{"type": "account", "id": "omar", "name": "Omar Sy"}
{"type": "thread", "id": "f1", "title": "Dégrèvement après un incendie", \
"author": "claire", "text": "Peut-on dégrever la taxe foncière après un incendie ?", \
"readers": {"allowed": ["everyone"]}, "url": "https://forum.example/f1", "answers": [ \
{"author": "claire", "text": "Je précise ma question.", "accepted": false}, \
{"author": "omar", "text": "Oui, par un dégrèvement prorata temporis.", "accepted": true}], \
"comments": [{"author": "omar", "text": "Un mot de plus, du même collègue."}]}
{"type": "page", "id": "x/original", "title": "Page nommée original", "author": "omar", \
"text": "Un texte.", "readers": {"allowed": ["everyone"]}, "url": "javascript:alert(1)"}
"""
BLANKS = 180_000
HOSTILE_TEXTS = [
    {
        "type": "page", "id": name, "title": f"Relevé de {name}", "author": "omar", "text": text,
        "readers": {"allowed": ["everyone"]},
    }
    for name, text in (
        ("blancs", f"Début{' ' * BLANKS}milieu{chr(10) + ' ' * BLANKS}- fin"),
        ("ouvrants", "[" * BLANKS),
        ("mots", " ".join(f"borne{number}" for number in range(3_000))),
        ("redites", "borne " * 3_000),
    )
]  # fmt: skip
MANY = "\n\n".join(
    f"Alinéa {n} : la parcelle cadastrale numéro {n} est bornée." for n in range(200)
)


@dataclass
class Place:
    """The assembled application over a folder and an export."""

    application: Application
    folder: Path
    clients: dict[str, TestClient] = field(default_factory=dict)

    def get(self, path: str, reader: str = "claire", **headers: str) -> Any:
        if reader not in self.clients:
            token = tokens_of(self.application.settings).make(reader, now_s())
            self.clients[reader] = TestClient(
                app_of(self.application, NoQueryLog()),
                "http://localhost",
                headers={"Authorization": f"Bearer {token}"},
                follow_redirects=False,
            )
        return self.clients[reader].get(path, headers=headers)

    def original(self, name: str, reader: str = "claire", **headers: str) -> Any:
        return self.get(f"/documents/dossier:{quote(name, safe='')}/original", reader, **headers)

    def file(self, name: str) -> Path:
        return self.folder / "dossier" / name

    def crawl(self) -> None:
        for outcome in crawl_sources(
            self.application, self.application.settings.sources, quiet=True
        ):
            assert not outcome.error


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("documents")
    texts = {
        "quisait.toml": SETTINGS,
        "agents.csv": AGENTS,
        "groupes.csv": GROUPS,
        "fils.jsonl": LINES + "\n".join(map(json.dumps, HOSTILE_TEXTS)),
        "dossier/_quisait.csv": TABLE,
        "dossier/note.txt": "La borne du jardin.",
        "dossier/long.md": MANY,
        "dossier/ferme.txt": "Zanzibar, pour l'audit.",
        "dossier/page.html": "<title>Page</title><script>alert(1)</script><p>Une page.",
        "dossier/image.svg": "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "dossier/audit/rapport.txt": "Zanzibar, un rapport.",
        "dossier/sous dossier/état été.txt": "Un nom avec des accents.",
        "dossier/change.txt": "Un premier texte.",
        "dossier/parti.txt": "Un texte qui sera supprimé.",
        "dossier/cp1252.txt": "",
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    (folder / "dossier/cp1252.txt").write_bytes("Décidé le 3 août.".encode("cp1252"))
    with application_in(folder) as application:
        read_directory(application)
        found = Place(application, folder)
        found.crawl()
        application.index.write([Remove("dossier:parti.txt")])
        yield found


def never(place: Place, pattern: str) -> Any:
    return place.get(pattern.format("dossier:jamais.txt"))


PATTERNS = (
    "/documents/{}",
    "/documents/{}?q=zanzibar",
    "/api/v1/documents/{}",
    "/documents/{}/original",
)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(
    "document_id",
    ["dossier:ferme.txt", "dossier:audit%2Frapport.txt", "dossier:parti.txt", "autre:note.txt"],
)
def test_closed_deleted_and_foreign_are_what_never_was(
    place: Place, pattern: str, document_id: str
) -> None:
    """The same status, headers and body; and its reader does read what is closed."""
    refused, unknown = place.get(pattern.format(document_id)), never(place, pattern)
    assert refused.status_code == unknown.status_code == 404
    assert refused.text == unknown.text
    assert refused.headers == unknown.headers
    assert refused.headers["cache-control"] == "private, no-store"
    if "ferme" in document_id or "rapport" in document_id:
        assert "Zanzibar" in place.get(pattern.format(document_id), "omar").text


HOSTILE = [
    "..%2Fquisait.toml", "audit%2F..%2Fferme.txt", "%2e%2e%2fagents.csv", "%2Fetc%2Fpasswd",
    "note.txt%00", "note.txt%00.pdf", "_quisait.csv", "%ff%fe", "%ed%a0%80", "n" * 20_000,
    "audit%2F", ".%2Fnote.txt", "note.txt%2F", "sous dossier", "note.txt%2Fnote.txt", "",
    "%2E%2E%5Cagents.csv", "lien.txt", "dehors%2Fagents.csv",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_address_leads_nowhere(place: Place, name: str) -> None:
    """Out of the folder, through a link, to a rule: neither page nor file."""
    for file, target in (("lien.txt", place.folder / "agents.csv"), ("dehors", place.folder)):
        if not place.file(file).is_symlink():
            place.file(file).symlink_to(target)
    for pattern in ("/documents/dossier:{}", "/documents/dossier:{}/original"):
        found = place.get(pattern.format(name), "omar")
        assert found.status_code == 404, found.text
        assert "family_name" not in found.text


def test_the_page_opens_at_what_answers(place: Place) -> None:
    """Marked words, one anchor, the whole text once though its passages overlap."""
    page = place.get("/documents/dossier:long.md?q=parcelle+137").text
    assert page.count('id="reponse"') == 1
    answering = re.search(r'<div id="reponse"[^>]*>(.*?)</div>', page, re.DOTALL)
    assert answering
    assert "<mark>137</mark>" in answering[1]
    plain = re.sub(r"</?mark>", "", page)
    for number in range(200):
        assert plain.count(f"Alinéa {number} :") == 1
    without = place.get("/documents/dossier:long.md").text
    assert 'id="reponse"' not in without
    assert "<mark>" not in without


def test_a_thread_is_a_thread(place: Place) -> None:
    """Question, accepted answer, answers, comments; a colleague's comment is no second answer."""
    body = place.get("/api/v1/documents/fils:f1?q=incendie").json()
    said = [(one["author"]["name"], one["author"]["role"]) for one in body["parts"]]
    assert said == [
        ("Claire Le Bihan", "asker"),
        ("Omar Sy", "accepted_answerer"),
        ("Claire Le Bihan", "answerer"),
        ("Omar Sy", "commenter"),
    ]
    assert body["conversation"]
    assert [one["role"] for one in body["authors"]] == ["accepted_answerer", "answerer"]
    assert body["original"] == "https://forum.example/f1"
    page = place.get("/documents/fils:f1").text
    assert 'target="_blank" rel="noopener noreferrer"' in page


@pytest.mark.parametrize("name", [one["id"] for one in HOSTILE_TEXTS])
def test_a_hostile_text_is_served(place: Place, name: str) -> None:
    """A run of 60 000 blanks took 26 seconds, and the answers of the same process waited."""
    address = f"fils:{name}"
    assert place.get(f"/documents/{address}?q=fin").status_code == 200
    body = place.get(f"/api/v1/documents/{address}?q=borne").json()
    texts = [one["text"] for part in body["parts"] for one in part["paragraphs"]]
    assert max(map(len, texts)) <= LONGEST_PARAGRAPH
    written = next(str(one["text"]) for one in HOSTILE_TEXTS if one["id"] == name)
    assert "".join("".join(texts).split()) == "".join(written.split())


def test_an_id_may_end_as_the_address_of_an_original(place: Place) -> None:
    """Its slashes are escaped; and what is no web address is no link."""
    page = place.get("/documents/fils:x%2Foriginal")
    assert page.status_code == 200
    assert "Page nommée original" in page.text
    assert "javascript:" not in page.text
    assert place.get("/documents/fils:x%2Foriginal/original").status_code == 404


ODD_NAMES = (
    b"ligne\nsuite.txt", b"fin.txt\n", b"retour\r\n.txt", b"100%.txt", b"100%25.txt", b"a%2Fb.txt",
    b"a%0Ab.txt", b"%00.txt", b"di\xe8se #1.txt", b"quoi ?.txt", "e\u0301te\u0301.txt".encode(),
    b"a&b=c+d;e.txt", b"\"'<b>.txt", b"a\\b.txt", b"-rf.txt", b"\xff\xfe.txt", b"\x1b[2J.txt",
    "\u202etxt.exe.txt".encode(), b"deux  espaces .txt", b" .txt", b"original",
    "\u2028.txt".encode(), b"dossier\n%/note\n.txt", b"C:con.txt", b"tab\t.txt",
    b"\x7f\xc2\x85.txt",
)  # fmt: skip


def test_files_with_odd_names_open_from_their_results(place: Place) -> None:
    """By a real server: the result's link, the page, its original, the API and its id."""
    folder = place.folder / "dossier" / "bizarre"
    for name in ODD_NAMES:
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"Le quokka, " + name.hex().encode())
    place.crawl()
    token = tokens_of(place.application.settings).make("claire", now_s())
    headers = {"Authorization": f"Bearer {token}"}
    with (
        served(app_of(place.application, NoQueryLog())) as address,
        httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60) as client,
    ):
        asked = {"q": '"quokka"', "page_size": "50"}
        documents = client.get("/api/v1/search", params=asked).json()["documents"]
        ids = [one["id"] for found in documents for one in (found, *found["copies"])]
        assert len(ids) == len(ODD_NAMES)

        def opens(document_id: str) -> None:
            found = client.get(f"/api/v1/documents/{quote(document_id, safe='')}")
            assert found.status_code == 200
            body = found.json()
            (text,) = (one["text"] for part in body["parts"] for one in part["paragraphs"])
            page = client.get(document_address(document_id))
            assert page.status_code == 200
            assert text in page.text
            (link,) = set(re.findall(r'href="([^"]*/original)"', page.text))
            assert unescape(link) == body["original"]
            original = client.get(body["original"])
            assert (original.status_code, original.text) == (200, text)

        each(((one, one) for one in ids), opens)
    shutil.rmtree(folder)
    place.crawl()


@pytest.mark.parametrize(
    ("name", "media", "kept"),
    [
        ("note.txt", "text/plain; charset=utf-8", False),
        ("cp1252.txt", "text/plain; charset=windows-1252", False),
        ("long.md", "text/plain; charset=utf-8", False),
        ("page.html", "text/html; charset=utf-8", True),
        ("sous dossier/état été.txt", "text/plain; charset=utf-8", False),
    ],
)
def test_an_original_runs_nothing_here(place: Place, name: str, media: str, kept: bool) -> None:
    """The file as it is, in a sandbox; what could run is kept as a file."""
    found = place.original(name)
    assert found.status_code == 200, found.text
    assert found.content == place.file(name).read_bytes()
    assert found.headers["content-type"] == media
    assert found.headers["content-disposition"].startswith("attachment" if kept else "inline")
    assert quote(name.rpartition("/")[2], safe="") in found.headers["content-disposition"]
    assert found.headers["content-security-policy"].endswith("sandbox")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["cache-control"] == "private, no-store"


SCRIPT = "document.cookie = 'ran=1'; console.log('ran')"
SVG = f"<svg xmlns='http://www.w3.org/2000/svg'><script>{SCRIPT}</script></svg>".encode()
XHTML = f"<html xmlns='http://www.w3.org/1999/xhtml'><script>{SCRIPT}</script></html>".encode()
HTML = f"<!doctype html><title>x</title><script>{SCRIPT}</script>".encode()
TRAPS = {"a.svg": SVG, "a.xhtml": XHTML, "a.xml": XHTML} | {
    f"a{ending}": HTML
    for ending in (
        ".html",
        ".htm",
        ".txt",
        ".md",
        ".csv",
        ".log",
        ".pdf",
        ".png",
        ".js",
        ".docx",
        "",
    )
}


def test_no_original_runs_in_chromium(chromium: Browser) -> None:
    """With its headers, and with its sandbox alone where the browser would open it all the same."""
    site = "http://quisait.example"

    def answer(route: Route) -> None:
        name, _, how = route.request.url.removeprefix(f"{site}/").partition("?")
        headers = original_headers(name, TRAPS[name])
        if how in ("opened", "unprotected"):
            del headers["Content-Disposition"]
        if how == "unprotected":
            del headers["Content-Security-Policy"]
        route.fulfill(status=200, headers=headers, body=TRAPS[name])

    with chromium.new_context() as context:
        context.route(f"{site}/**", answer)
        page = context.new_page()
        ran: list[str] = []
        page.on("console", lambda said: ran.append(said.text) if said.text == "ran" else None)

        def visit(name: str, how: str) -> None:
            with suppress(Error):  # of what is kept as a file, not shown
                page.goto(f"{site}/{name}?{how}")

        for name in TRAPS:
            visit(name, "sent")
            visit(name, "opened")
        assert (ran, context.cookies()) == ([], [])
        for name in ("a.html", "a.svg"):
            with page.expect_console_message(lambda said: said.text == "ran", timeout=10_000):
                visit(name, "unprotected")  # they are traps indeed


def test_parts_of_an_original(place: Place) -> None:
    """One range, of the version that was begun with; none beyond the end."""
    whole = place.file("long.md").read_bytes()
    first = place.original("long.md", Range="bytes=10-19")
    assert (first.status_code, first.content) == (206, whole[10:20])
    assert first.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    tag = first.headers["etag"]
    asked = {"Range": "bytes=-7", "If-Range": tag}
    assert place.original("long.md", **asked).content == whole[-7:]
    other = place.original("long.md", **{**asked, "If-Range": '"autre"'})
    assert (other.status_code, other.content) == (200, whole)
    assert place.original("long.md", Range=f"bytes={len(whole)}-").status_code == 416
    assert place.original("ferme.txt", Range="bytes=999999-").status_code == 404


def test_rights_are_those_of_now(place: Place) -> None:
    """Closed in the index or in the rules, refused at once; opened in one is not enough."""
    assert place.original("change.txt").status_code == 200
    closed, opened = Access(frozenset({"agent:omar"})), Access(frozenset({EVERYONE}))
    for access, status in ((closed, 404), (opened, 200)):
        place.application.index.write([PutAccess("dossier:change.txt", access)])
        for pattern in PATTERNS:
            assert place.get(pattern.format("dossier:change.txt")).status_code == status
    sidecar = place.file("change.txt.quisait.json")
    for rule in ('{"allowed": "agent:omar"}', '{"denied": "annuaire:group:inconnu"}', "{"):
        sidecar.write_text(rule, "utf-8")
        assert place.original("change.txt").status_code == 404, rule
    sidecar.unlink()
    assert place.original("change.txt").status_code == 200
    # The rules open what the index still closes.
    place.file("ferme.txt.quisait.json").write_text('{"allowed": "everyone"}', "utf-8")
    assert place.original("ferme.txt").status_code == 404
    place.file("ferme.txt.quisait.json").unlink()


def test_a_later_text_is_never_sent_by_former_rights(place: Place) -> None:
    """Rewritten for others since it was indexed, it is theirs; rewritten for all, it is sent."""
    file, sidecar = place.file("change.txt"), place.file("change.txt.quisait.json")
    file.write_text("Zanzibar, un secret.", "utf-8")
    sidecar.write_text('{"allowed": "agent:omar"}', "utf-8")
    assert place.original("change.txt").status_code == 404
    assert place.original("change.txt", "omar").content == b"Zanzibar, un secret."
    sidecar.unlink()
    file.write_text("Un second texte.", "utf-8")
    assert place.original("change.txt").text == "Un second texte."
    assert "premier" in place.get("/documents/dossier:change.txt").text
    place.crawl()
    page = place.get("/documents/dossier:change.txt").text
    assert "second" in page
    assert "premier" not in page
    file.unlink()
    assert place.original("change.txt").status_code == 404
    place.crawl()
    assert place.get("/documents/dossier:change.txt").status_code == 404


@pytest.mark.parametrize("change", ["rewritten", "replaced", "deleted", "closed", "closed above"])
def test_what_is_being_sent_stops_once_it_is_another(place: Place, change: str) -> None:
    """Each piece is of the version, and of the rules, that were read at first."""
    from quisait.application.sources import FolderOriginals
    from tests.builders import ANYONE

    application = place.application
    originals = FolderOriginals(application.settings, application.known, application.state)
    file, sidecar = place.file("envoi.txt"), place.file("envoi.txt.quisait.json")
    table = place.file("_quisait.csv")
    file.write_text("x" * 1000, "utf-8")
    opened = originals.open("dossier", "dossier:envoi.txt", ANYONE)
    assert opened is not None
    with opened:
        assert opened.read(0, 500) == b"x" * 500
        if change == "rewritten":
            file.write_text("y" * 1000, "utf-8")
        elif change == "replaced":
            other = place.file("autre.tmp")
            other.write_text("y" * 1000, "utf-8")
            other.replace(file)
        elif change == "deleted":
            file.unlink()
        elif change == "closed":
            sidecar.write_text('{"allowed": "nobody"}', "utf-8")
        else:
            table.write_text(TABLE + "envoi.txt,nobody,,\n", "utf-8")
        with pytest.raises(RecordVanished):
            opened.read(500, 500)
    sidecar.unlink(missing_ok=True)
    table.write_text(TABLE, "utf-8")
    file.unlink(missing_ok=True)
