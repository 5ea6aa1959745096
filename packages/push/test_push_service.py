"""Applications push to the real server; the real crawl applies; readers find under their rights."""

import io
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docx
import httpx
import pytest

from search_api.identity.tokens import SignedTokens
from tests.file_server import FileServer, Given, served_files
from tests.pushed_documents import CLOSED, DOCUMENT, SUB, post
from tests.service.command import Process
from tests.service.place import Place, make_place
from tests.service.running import free_port, wait_until

pytestmark = [pytest.mark.sources, pytest.mark.trust]

AGENTS = f"""id,given_name,family_name,departement,accounts
ag-1,Ana,Le Goff,22,
ag-2,Ben,Amrani,974,docs:{SUB}
"""
SOURCES: list[dict[str, Any]] = [
    {
        "name": "docs",
        "kind": "push",
        "every": "1 s",
        "link": "https://docs.example/{id}/",
        "scim": True,
    },
    {"name": "drive", "kind": "push", "every": "1 s"},
]
FILE_TOKEN = "jeton-des-fichiers"
START_S = 60


@dataclass(frozen=True, slots=True)
class Server:
    """A running server of a place, and who asks it."""

    place: Place
    address: str
    process: Process

    def push(self, body: Any, token: str, path: str = "/api/v1/push/docs") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.address}{path}"
        return httpx.post(url, json=body, headers=headers, trust_env=False, timeout=30)

    def found(self, query: str, agent: str) -> set[str]:
        """The ids of what an agent finds that holds all the words."""
        token = SignedTokens("k" * 32).make(agent, int(time.time()))
        answer = httpx.get(
            f"{self.address}/api/v1/search",
            params={"q": f'"{query}"', "page_size": 50},
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return {document["id"] for document in answer.json()["documents"]}


@contextmanager
def started(place: Place, *command: str) -> Iterator[Server]:
    """A server on a port of its own; ended afterwards, unless a test has killed it."""
    port = free_port()
    log = place.folder / "server.log"
    process = place.begun(*command, "--port", str(port), stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        live = partial(httpx.get, f"{address}/health/live", trust_env=False)
        wait_until(lambda: process.poll() is not None or live().is_success)
        assert process.poll() is None, log.read_text()
        yield Server(place, address, process)
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def tokens() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    with served_files() as server:
        yield server


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, tokens: dict[str, str], files: FileServer
) -> Place:
    """A place with two sources that push, its directory read, a token for each."""
    file_hosts = {files.origin: "fichiers.jeton"}
    sources = json.dumps([SOURCES[0] | {"file_hosts": file_hosts}, *SOURCES[1:]])
    place = make_place(tmp_path_factory.mktemp("push") / "place", QUISAIT_SOURCES=sources)
    (place.folder / "agents.csv").write_text(AGENTS, "utf-8")
    place.run("crawl")
    for source in ("docs", "drive"):
        tokens[source] = place.run(
            "push", "token", "add", source, "--label", "Essai"
        ).stdout.strip()
    (place.folder / "fichiers.jeton").write_text(f"{FILE_TOKEN}\n", "utf-8")
    return place


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[Server]:
    with started(place, "serve") as server:
        yield server


def test_a_group_that_people_pushes_opens_and_closes_at_once(
    server: Server, tokens: dict[str, str]
) -> None:
    """A document of a group is nobody's until its member is pushed; who left finds it no more."""
    note = DOCUMENT | {"id": "de-groupe", "content": "Le mot talusviolet", "users": []}
    answer = server.push([note], tokens["docs"], "/api/v1.0/documents/index/")
    assert answer.status_code == 201, answer.text
    server.place.run("crawl", "docs")
    assert server.found("talusviolet", "ag-2") == set()

    def people(verb: str, source: str) -> int:
        operation = {"op": verb, "path": "members", "value": [{"value": SUB, "type": "User"}]}
        return httpx.patch(
            f"{server.address}/scim/v2/Groups/geometres",
            json={"Operations": [operation]},
            headers={"Authorization": f"Bearer {tokens[source]}"},
            trust_env=False,
            timeout=30,
        ).status_code

    assert people("add", "drive") == 403
    assert people("add", "docs") == 200
    assert server.found("talusviolet", "ag-2") == {"docs:de-groupe"}
    assert server.found("talusviolet", "ag-1") == set()
    assert people("remove", "docs") == 200
    assert server.found("talusviolet", "ag-2") == set()


def test_a_pushed_document_is_found_under_its_rights(
    server: Server, tokens: dict[str, str]
) -> None:
    """By its readers alone, from its first push to its narrowing and its deletion."""
    place, docs = server.place, tokens["docs"]
    sent = [post("ouvert", "Le mot borneauvert", version=1), post("parti", "Le mot parteaublanc")]
    assert server.push({"documents": sent}, docs).json()["accepted"] == 2
    note = DOCUMENT | {"content": "Le mot sutebleue", "reach": "public"}
    answer = server.push([note], docs, "/api/v1.0/documents/index/")
    assert answer.status_code == 201, answer.text
    assert server.push(post("ouvert"), tokens["drive"]).status_code == 403
    assert "docs : 3 écrits" in place.run("crawl", "docs").stdout

    for agent in ("ag-1", "ag-2"):
        assert server.found("borneauvert", agent) == {"docs:ouvert"}
    assert server.found("sutebleue", "ag-2") == {f"docs:{DOCUMENT['id']}"}
    assert server.found("sutebleue", "ag-1") == set()

    again = server.push(sent[0], docs).json()["items"]
    assert [one["status"] for one in again] == ["unchanged"]
    access = {"type": "access", "id": "ouvert", "version": 2, "readers": CLOSED}
    gone = {"type": "deleted", "id": "parti"}
    assert server.push({"documents": [access, gone]}, docs).json()["accepted"] == 2
    late = server.push(sent[0], docs).json()["items"]
    assert [one["code"] for one in late] == ["older"]
    server.push([note | {"is_active": False}], docs, "/api/v1.0/documents/index/")
    place.run("crawl", "docs")
    assert server.found("borneauvert", "ag-1") == set()
    assert server.found("borneauvert", "ag-2") == {"docs:ouvert"}
    assert server.found("parteaublanc", "ag-2") == set()
    assert server.found("sutebleue", "ag-2") == set()


HOSTILE = [
    post("page", "hostile", sections=[{"text": "hostile", "page": 10**30}]),
    post("compte", "hostile", contributors=[{"account": "a", "role": "author", "count": 10**30}]),
    post("siècles", "hostile", contributors=[
        {"account": "a", "role": "author", "first": "0001-01-01", "last": "9999-12-31"}]),
    post("tôt", "hostile", created="0001-01-01T00:00:00+14:00"),
    post("tard", "hostile", created="9999-12-31T23:59:59-14:00", modified=253402300799),
    post("époque", "hostile", created=-62135596800),
    post("n" * 2000, "hostile", part_of="p" * 2000, replaces=["r" * 2000]),
    post("nul", "hostile \0 \u202e \U0010ffff \ufdd0", author="𝄞"),
    post("lecteurs", "hostile", readers={"allowed": [f"a:group:{n}" for n in range(3000)]}),
    post("vide", "", attachments=[{"name": "x.pdf", "base64": ""}]),
    post("cassé", "hostile", attachments=[{"name": "x.docx", "base64": "UEsDBAAAAAA="}]),
    post("../../wiki:1", "hostile", space="é" * 2000, area="zz", language="\u2028"),
    post("dates", "hostile", valid_from="9999-12-31", valid_until="0001-01-01"),
]  # fmt: skip


WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def test_a_file_is_fetched_by_its_address_for_the_documents_readers(
    server: Server, tokens: dict[str, str], files: FileServer
) -> None:
    """Its server is away at first, for as long as it likes; then other readers, then none."""
    made, written = docx.Document(), io.BytesIO()
    made.add_paragraph("Le mot ardoiserose est dans le fichier.")
    made.save(written)
    word = written.getvalue()
    note = DOCUMENT | {
        "id": "fichier-1", "title": "titreturquoise.docx", "content": "", "groups": [],
        "mimetype": WORD_TYPE, "size": len(word), "url": f"{files.origin}/f/1",
    }  # fmt: skip

    def index(**fields: object) -> None:
        answer = server.push([note | fields], tokens["docs"], "/api/v1.0/documents/index/")
        assert answer.status_code == 201, answer.text

    files.given["/f/1"] = Given(b"", status=503)
    index()
    assert files.asked == []
    for _ in range(5):
        server.place.run("crawl", "docs")
    assert server.found("titreturquoise", "ag-2") == {"docs:fichier-1"}
    (status,) = server.place.json("sources", "docs")
    missing = {one["key"]: one["kind"] for one in status["failures"]}
    assert missing["docs:fichier-1#titreturquoise.docx"] == "unreached"

    files.given["/f/1"] = Given(word, WORD_TYPE)
    server.place.run("crawl", "docs")
    assert server.found("ardoiserose", "ag-2") == {"docs:fichier-1#titreturquoise.docx"}
    assert server.found("ardoiserose", "ag-1") == set()
    assert {token for _, token in files.asked} == {f"Bearer {FILE_TOKEN}"}

    # Other readers, and a page where the file was: nobody reads the former text.
    files.given["/f/1"] = Given(b"<p>Connexion</p>".ljust(len(word)), "text/html")
    index(users=[], reach="restricted", updated_at="2026-01-03T10:00:00+00:00")
    server.place.run("crawl", "docs")
    assert server.found("ardoiserose", "ag-2") == set()
    index(is_active=False)
    server.place.run("crawl", "docs")
    (status,) = server.place.json("sources", "docs")
    assert not [one for one in status["failures"] if "fichier-1" in one["key"]]


def test_what_is_accepted_never_stops_a_crawl(server: Server, tokens: dict[str, str]) -> None:
    """Whatever it holds: it is indexed, or a failure that is shown; what follows is applied."""
    place, drive = server.place, tokens["drive"]
    items = {"documents": [*HOSTILE, post("bon", "Le mot derriereux")]}
    answer = server.push(items, drive, "/api/v1/push/drive")
    assert answer.status_code in (200, 207), answer.text
    (outcome,) = place.json("crawl", "drive")
    assert outcome["error"] == ""
    assert server.found("derriereux", "ag-1") == {"drive:bon"}
    (status,) = place.json("sources", "drive")
    failed = {failure["key"].partition("#")[0] for failure in status["failures"]}
    taken = {one["id"] for one in answer.json()["items"] if one["status"] == "accepted"}
    kept = server.found("hostile", "ag-1") | failed
    assert {f"drive:{one}" for one in taken} - kept <= {"drive:bon", "drive:lecteurs", "drive:vide"}


def test_two_clients_at_once(server: Server, tokens: dict[str, str]) -> None:
    """Each of their documents is accepted, beside a crawl that goes on."""
    answers: list[dict[str, Any]] = []

    def send(client: int) -> None:
        for number in range(10):
            one = post(f"{client}-{number}", f"Le mot ensembleux {client} {number}")
            answers.append(server.push(one, tokens["docs"]).json())

    threads = [threading.Thread(target=send, args=(client,)) for client in range(2)]
    for thread in threads:
        thread.start()
    server.place.run("crawl", "docs")
    for thread in threads:
        thread.join(60)
    assert [answer["accepted"] for answer in answers] == [1] * 20
    server.place.run("crawl", "docs")
    assert len(server.found("ensembleux", "ag-1")) == 20


def test_tokens_are_shown_once_and_revoked(server: Server, tokens: dict[str, str]) -> None:
    """The list names them, no file holds them, and a revoked one is refused at once."""
    place = server.place
    token = place.run("push", "token", "add", "docs", "--label", "Docs").stdout.strip()
    assert server.push({"documents": []}, token).status_code == 200
    listed = place.run("push", "token", "list", "docs").stdout
    assert "Docs" in listed
    assert token not in listed
    assert token[13:] not in listed
    name = next(line.split()[0] for line in listed.splitlines() if line.endswith("Docs"))
    assert "retiré" in place.run("push", "token", "revoke", "docs", name).stdout
    assert server.push({"documents": []}, token).status_code == 401
    assert "token list" in place.run("push", "token", "revoke", "docs", name, status=1).stderr
    for path in place.folder.rglob("*"):
        if path.is_file():
            kept = path.read_bytes()
            assert token[13:].encode() not in kept, path
            assert tokens["docs"][13:].encode() not in kept, path


def test_check_says_that_a_source_has_its_token(place: Place) -> None:
    """A source that pushes without one is not ready."""
    more = [*SOURCES, {"name": "forum", "kind": "push"}]
    other = Place(place.folder, {**place.environment, "QUISAIT_SOURCES": json.dumps(more)})
    found = {one["name"]: one for one in other.json("check", status=1)}
    assert found["source docs"]["passed"]
    assert "quisait push token add forum" in found["source forum"]["detail"]


def test_what_was_accepted_survives_kill_9(tmp_path: Path, place: Place) -> None:
    """Of the server in the middle of pushes, then of the crawl in the middle of applying them."""
    own = make_place(tmp_path / "own", **place.environment)
    (own.folder / "agents.csv").write_text(AGENTS, "utf-8")
    token = own.run("push", "token", "add", "docs").stdout.strip()
    accepted: list[str] = []
    with started(own, "serve") as server:

        def send() -> None:
            for number in range(2000):
                many = [post(f"{number}-{n}", f"Le mot durable {number} {n}") for n in range(3)]
                try:
                    items = server.push({"documents": many}, token).json()["items"]
                except (httpx.TransportError, ValueError):
                    return
                accepted.extend(one["id"] for one in items if one["status"] == "accepted")

        sender = threading.Thread(target=send)
        sender.start()
        while len(accepted) < 30 and sender.is_alive():
            time.sleep(0.01)
        server.process.kill()
        sender.join(60)
    assert len(accepted) >= 30
    _kill_in_the_middle(own)
    own.run("crawl")
    (status,) = own.json("sources", "docs")
    assert status["failures"] == []
    assert status["documents"] >= len(accepted)


def _kill_in_the_middle(place: Place) -> None:
    """A crawl that dies once something of it is written."""
    process = place.begun("crawl", "docs")
    vectors = place.folder / ".quisait" / "vectors.sqlite"

    def written() -> bool:
        return vectors.exists() and vectors.stat().st_size > 20_000

    wait_until(lambda: process.poll() is not None or written(), every_s=0.01)
    process.kill()
    assert process.wait(30) in (-signal.SIGKILL, 0)


def test_while_it_runs_a_push_is_found_within_seconds(place: Place, tokens: dict[str, str]) -> None:
    """`quisait run` applies what arrives without anybody's doing."""
    with started(place, "run") as server:
        server.push(post("vite", "Le mot rapideux"), tokens["docs"])
        wait_until(lambda: server.found("rapideux", "ag-1") == {"docs:vite"}, 60, 0.3)


def test_what_the_application_no_longer_has(server: Server, tokens: dict[str, str]) -> None:
    """Its list deletes the others, under the guard; what came after the list was written stays."""
    place, drive = server.place, tokens["drive"]
    path = "/api/v1/push/drive"
    server.push(
        {"documents": [post(f"liste-{n}", "Le mot listeux") for n in range(9)]}, drive, path
    )
    listing = place.folder / "ids.txt"
    listing.write_text("liste-0\n", "utf-8")
    time.sleep(0.05)
    server.push(post("liste-9", "Le mot listeux"), drive, path)
    refusal = place.run("push", "keep-only", "drive", "ids.txt", status=1).stderr
    assert "--accept-deletions" in refusal
    place.run("crawl", "drive")
    assert len(server.found("listeux", "ag-1")) == 10
    place.run("push", "keep-only", "drive", "ids.txt", "--accept-deletions")
    place.run("crawl", "drive", "--accept-deletions")
    assert server.found("listeux", "ag-1") == {"drive:liste-0", "drive:liste-9"}
    again = server.push(post("liste-1", "Le mot listeux"), drive, path).json()["items"]
    assert [one["status"] for one in again] == ["accepted"]
    listing.write_text("\n", "utf-8")
    assert "aucun document" in place.run("push", "keep-only", "drive", "ids.txt", status=1).stderr
