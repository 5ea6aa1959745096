"""The access matrix: no route leaks a document to a reader without rights, on both engines.

The application is the assembled one: an LDAP directory, an export crawled into the index, an
authority that can be down. Each document has a unique word in its title, which no query contains.
No answer to a reader without rights contains the word; a search by a reader with rights shows it.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from connectors.ports import SourceUnreachable
from quisait.application.assembly import Application, open_application
from quisait.clock import now_s
from quisait.server.app import app_of, tokens_of
from quisait.settings import load_settings
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.source_status import forget_source
from quisait.work.worker import build_and_publish
from search_api.identity.readers import Authorities, AuthorityLimits
from search_api.query_log.recording import NoQueryLog
from tests.engines import ensure_opensearch
from tests.ldap_server import AGENTS, PASSWORD, READER, SUFFIX, LdapServer, agent, ensure_ldap
from tests.model_server import ModelServer, model_server
from tests.opensearch_index import client as opensearch_client
from tests.pages.access_routes import OTHER_HANDS, UNREACHABLE, Ask, expectations, routes_of, used

pytestmark = [pytest.mark.trust, pytest.mark.pages]

KEY = "une clé de test assez longue pour signer des jetons"
TOPIC = "cadastre"
HIDDEN_NAME = "Zéphyrine"
"""Of who asked not to be proposed: their given name stands in no list of people."""

SETTINGS = """
guard_share = 1.0
[index]
engine = "{engine}"
url = "{url}"
alias = "{alias}"
[server]
token_key = "{key}"
[door]
reader_per_minute = 0
token_per_minute = 0
address_per_minute = 0
[desk]
sources = "write"
[ldap]
urls = ["{ldap}"]
user = "{reader}"
password = "{password}"
agents_base = "{agents}"
agents_filter = "(|(uid=amartin)(uid=zlecuyer)(uid=jdupont*)(uid=retiree)(uid=parti))"
attributes = {{ departure = "carLicense", listed = "employeeType" }}
groups_base = "ou=groupes,{suffix}"
[access]
# The club is no source of the settings, which would make it known: see `world`.
accepted_denials = ["externe:group:exclus"]
[search]
glossary = "glossaire.csv"
[topics]
file = "sujets.csv"
[verification]
enabled = true
old_days = 1
[questions]
enabled = true
[oidc]
issuer = "http://127.0.0.1:1"
client_id = "quisait"
client_secret = "secret"
[sign_on]
address = "http://localhost"
[assistants]
audience = "http://localhost/mcp"
[written_answer]
url = "{model}"
model = "petit"
sources = ["wiki", "dossier"]
restricted = true
per_minute = 60
[[roles]]
role = "animator"
agents = ["amartin"]
topics = ["*"]
communities = ["*"]
[[roles]]
role = "officer"
agents = ["zlecuyer"]
[[roles]]
role = "administrator"
agents = ["jdupont"]
[[sources]]
name = "wiki"
kind = "export"
path = "export.jsonl"
join = ["uid"]
[[sources]]
name = "pousse"
kind = "push"
[[sources]]
name = "dossier"
kind = "folder"
path = "dossier"
join = ["uid"]
"""
FORMER = """
[[sources]]
name = "ancien"
kind = "export"
path = "ancien.jsonl"
join = ["uid"]
"""
"""A source that the settings name when it is read, and no more when the pages are served."""


@dataclass(frozen=True)
class Planted:
    """A document: `name` stands in its title as `zzNAME`; `readers` are ids of agents."""

    name: str
    readers: frozenset[str]
    allowed: tuple[str, ...]
    denied: tuple[str, ...] = ()
    author: str = "jdupont"
    open_if_down: bool = True
    source: str = "wiki"

    @property
    def trace(self) -> str:
        return f"zz{self.name}"

    @property
    def text(self) -> str:
        return f"Le cadastre et le plan, par {self.trace}."

    @property
    def corner(self) -> str:
        return f"coin-{self.name}"

    def line(self) -> dict[str, Any]:
        return {
            "type": "page",
            "id": self.name,
            "title": f"{self.trace.capitalize()} du cadastre",
            "text": self.text,
            "url": f"https://wiki.example/{self.trace}",
            "space": self.corner,
            "author": self.author,
            "created": "2026-01-15T09:00:00+01:00",
            "readers": {"allowed": list(self.allowed), "denied": list(self.denied)},
        }


ALL = frozenset({"amartin", "zlecuyer", "jdupont", "jdupont2", "retiree"})
OPEN = ("everyone",)
DOCUMENTS = (
    Planted("ouvert", ALL, OPEN),
    # Two by each: enough to be counted among those who know, for who may be.
    Planted("encore", ALL, OPEN),
    *(Planted(name, ALL, OPEN, author="retiree") for name in ("alpha", "beta")),
    *(Planted(name, ALL, OPEN, author="parti") for name in ("gamma", "delta")),
    Planted("fraude", frozenset({"amartin"}), ("ldap:group:fraude",), author="amartin"),
    # fraude is in «Équipe cadastre», which is in direction.
    Planted("direction", frozenset({"amartin", "zlecuyer", "jdupont"}), ("ldap:group:direction",)),
    Planted("ferme", ALL - {"amartin"}, OPEN, ("ldap:group:fraude",)),
    Planted("horsdirection", frozenset({"jdupont2", "retiree"}), OPEN, ("ldap:group:direction",)),
    Planted("perso", frozenset({"jdupont"}), ("agent:jdupont",)),
    Planted("compte", frozenset({"zlecuyer"}), ("wiki:account:zlecuyer",)),
    Planted("parti", frozenset(), ("agent:parti",), author="parti"),
    Planted("personne", frozenset(), ()),
    Planted("interne", frozenset({"jdupont2"}), ("externe:group:club",), open_if_down=False),
    Planted("exclus", ALL - {"zlecuyer"}, OPEN, ("externe:group:exclus",), open_if_down=False),
    # Misspelt, of an authority that vouches for nobody, or nobody's: read by nobody.
    Planted("fauteuil", frozenset(), OPEN, ("ldap:group:fruade",)),
    Planted("tabouret", frozenset(), OPEN, ("lpad:group:fraude",)),
    Planted("chaise", frozenset(), OPEN, ("agent:amartim",)),
    Planted("banquette", frozenset(), OPEN, ("wiki:account:libree",)),
    # Who left, and who wrote without being joined to an agent, are known.
    Planted("armoire", ALL, OPEN, ("agent:parti", "wiki:account:libre"), author="libre"),
    Planted("supprime", frozenset(), OPEN),
    # Files of a folder, whose originals are served.
    Planted("fichier", ALL, OPEN, source="dossier"),
    Planted("coffre", frozenset({"amartin"}), ("ldap:group:fraude",), source="dossier"),
    Planted("reserve", ALL - {"amartin"}, OPEN, ("ldap:group:fraude",), source="dossier"),
    Planted("cagibi", frozenset(), OPEN, ("ldap:group:fruade",), source="dossier"),
    # Two: enough to be counted among those who know, if they counted.
    *(
        Planted(name, frozenset(), OPEN, author="amartin", source="ancien")
        for name in ("epsilon", "zeta")
    ),
)
GROUPS = {"jdupont2": {"externe:group:club"}, "zlecuyer": {"externe:group:exclus"}}
PEOPLE = (
    agent("retiree", HIDDEN_NAME, "Retirée", employeeType="non"),
    agent("parti", "Paul", "Parti", carLicense="20200101000000Z"),
)
EVERY_AGENT = (*sorted(ALL), "parti")
CASES = [(reader, False) for reader in (*EVERY_AGENT, "inconnu", None)]
CASES += [(reader, True) for reader in ("amartin", "jdupont2", "zlecuyer")]
"""A reader, and whether an authority is down."""


@dataclass
class Club:
    """An authority that can be down."""

    name: str = "externe"
    down: bool = False

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.down:
            raise SourceUnreachable("…")
        return frozenset(GROUPS.get(agent_id, ()))


@dataclass
class World:
    """The application, as one of its readers asks it."""

    application: Application
    app: FastAPI
    club: Club
    folder: Path
    model: ModelServer
    clients: dict[str | None, TestClient] = field(default_factory=dict)

    def client(self, reader: str | None) -> TestClient:
        if reader not in self.clients:
            headers = {"Origin": "http://localhost"}
            if reader:
                token = tokens_of(self.application.settings).make(reader, now_s())
                headers["Authorization"] = f"Bearer {token}"
            self.clients[reader] = TestClient(
                self.app, "http://localhost", headers=headers, follow_redirects=False
            )
        return self.clients[reader]

    def answer(self, reader: str | None, ask: Ask) -> tuple[int, str]:
        """The status, and headers and body as one text."""
        client = self.client(reader)
        body = {"json": ask.json} if ask.json is not None else {"data": ask.form or None}
        found = client.request(ask.method, ask.path, **(body if ask.method != "GET" else {}))
        return found.status_code, f"{found.headers}\n{found.text}"

    def fall(self, *, down: bool) -> None:
        self.club.down = down
        self.application.authorities.forget()


def export(documents: Sequence[Planted]) -> str:
    header = {"type": "header", "version": 1, "complete": True}
    return "".join(json.dumps(one) + "\n" for one in (header, *(d.line() for d in documents)))


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder, ldap = tmp_path_factory.mktemp("matrix"), ensure_ldap()
    alias = f"test-{uuid4().hex}"
    url = ensure_opensearch() if request.param == "opensearch" else "http://127.0.0.1:1"
    engine = {"engine": request.param, "url": url, "alias": alias}
    with ExitStack() as stack:
        model = stack.enter_context(model_server())
        engine["model"] = model.url
        lay_out(folder, ldap, **engine)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("QUISAIT_FILE", str(folder / "quisait.toml"))
        stack.enter_context(ldap.with_entries(*PEOPLE))
        with open_application(load_settings()) as application:
            fill(application, folder)
        settings = folder / "quisait.toml"
        settings.write_text(settings.read_text("utf-8").removesuffix(FORMER), "utf-8")
        application = stack.enter_context(open_application(load_settings()))
        club = Club()
        authorities = Authorities([club], application.book, AuthorityLimits(failures=1_000_000))
        application = replace(application, authorities=authorities)
        yield World(application, app_of(application, NoQueryLog()), club, folder, model)
        authorities.close()
        if request.param == "opensearch":
            opensearch_client().indices.delete(index=f"{alias}*", ignore_unavailable=True)


def lay_out(folder: Path, ldap: LdapServer, **engine: str) -> None:
    said = {"key": KEY, "ldap": ldap.url, "reader": READER, "password": PASSWORD}
    settings = SETTINGS.format(**engine, **said, agents=AGENTS, suffix=SUFFIX)
    (folder / "quisait.toml").write_text(settings + FORMER, "utf-8")
    (folder / "glossaire.csv").write_text("PCI;plan cadastral informatisé\n", "utf-8")
    (folder / "sujets.csv").write_text("id;label\ncadastre;cadastre\n", "utf-8")


def fill(application: Application, folder: Path) -> None:
    """Everything is crawled; then one document is deleted at its source, and all is counted."""
    read_directory(application)
    fill_folder(folder / "dossier")
    former = [one for one in DOCUMENTS if one.source == "ancien"]
    (folder / "ancien.jsonl").write_text(export(former), "utf-8")
    for documents in ([one for one in DOCUMENTS if one.source == "wiki"], remaining()):
        (folder / "export.jsonl").write_text(export(documents), "utf-8")
        (folder / "autre.jsonl").write_text(export(documents), "utf-8")  # of no source yet
        for outcome in crawl_sources(application, application.settings.sources, quiet=True):
            assert not outcome.error
    assert application.index.count("ancien") == len(former)
    assert application.index.count("dossier") == 4
    build_and_publish(application)


def fill_folder(folder: Path) -> None:
    """A text for each file, and who may read it in one table."""
    folder.mkdir()
    rows = ["pattern;title;allowed;denied;space;author"]
    for one in DOCUMENTS:
        if one.source == "dossier":
            (folder / f"{one.name}.txt").write_text(one.text, "utf-8")
            title = f"{one.trace.capitalize()} du cadastre"
            readers = f"{'|'.join(one.allowed)};{'|'.join(one.denied)}"
            rows.append(f"{one.name}.txt;{title};{readers};{one.corner};{one.author}")
    (folder / "_quisait.csv").write_text("\n".join(rows), "utf-8")


def remaining() -> list[Planted]:
    return [one for one in DOCUMENTS if one.source == "wiki" and one.name != "supprime"]


def may_read(reader: str | None, *, down: bool) -> set[str]:
    """The truth, from the plan alone."""
    return {
        one.trace for one in DOCUMENTS if reader in one.readers and (one.open_if_down or not down)
    }


def leaks(text: str, readable: set[str], typed: str) -> list[str]:
    """Words of unreadable documents that stand in an answer; what was typed may stand there."""
    secret = [word for d in DOCUMENTS if d.trace not in readable for word in (d.trace, d.corner)]
    return [word for word in secret if word in text.lower() and word not in typed]


def asks() -> dict[tuple[str, str], tuple[Ask, ...]]:
    return expectations(EVERY_AGENT, TOPIC)


def test_every_route_is_expected(world: World) -> None:
    """A route that nobody gave expectations has been asked for no leak."""
    assert routes_of(world.app) == set(asks())


@pytest.mark.parametrize(("reader", "down"), CASES)
def test_nothing_leaks_at_any_route(world: World, reader: str | None, down: bool) -> None:
    """To nobody: the plan says which words may stand in an answer; no other does."""
    world.fall(down=down)
    readable = may_read(reader, down=down)
    for route, requests in asks().items():
        for ask in requests:
            status, text = world.answer(reader, ask)
            assert leaks(text, readable, ask.path) == [], (route, ask)
            assert status < 500 or route in UNREACHABLE, (route, ask, text)
            assert status != 422, (route, ask, text)


@pytest.mark.parametrize(("reader", "down"), CASES)
def test_a_model_is_sent_what_its_reader_may_read(
    world: World, reader: str | None, down: bool
) -> None:
    """Nothing else, and nobody's id or name; nothing at all for who is not known."""
    world.fall(down=down)
    readable, before = may_read(reader, down=down), len(world.model.sent)
    hers: list[str] = []
    for question in ("cadastre", "plan par zzfraude", "zzferme", "zzsupprime cadastre"):
        ask = Ask("/api/v1/written-answer", "POST", json={"q": question})
        status, _ = world.answer(reader, ask)
        assert status == (200 if reader in ALL else 401)
        sent = "\n".join(world.model.sent[before:]).lower()
        assert leaks(sent, readable, question) == []
        assert (reader or "") not in sent or not reader
        hers, before = [*hers, sent], len(world.model.sent)
    assert any(hers) is (reader in ALL), "else the check above looked at nothing"


def test_every_page_is_opened_to_somebody(world: World) -> None:
    """What is only ever refused shows nothing, and proves nothing.

    Every route that writes is opened to somebody in `test_write_routes`.
    """
    world.fall(down=False)
    for route, requests in asks().items():
        if route[0] != "POST" and route[0] != "DELETE" and route not in OTHER_HANDS:
            readers = ("amartin", "zlecuyer", "jdupont")
            found = {world.answer(one, requests[0])[0] for one in readers}
            assert 200 in found, (route, found)
    body = json.loads(world.answer("jdupont2", Ask("/api/v1/topics/cadastre"))[1].splitlines()[1])
    assert [one["agent"]["id"] for one in body["holders"]] == ["jdupont"]


@pytest.mark.parametrize(("reader", "down"), CASES)
def test_what_may_be_read_is_found(world: World, reader: str | None, down: bool) -> None:
    """The same words do stand in a search of who may read: the check above can fail."""
    world.fall(down=down)
    readable = may_read(reader, down=down)
    known = reader in ALL
    status, text = world.answer(reader, Ask("/api/v1/search?q=cadastre&page_size=50"))
    assert status == (200 if known else 401)
    assert {one.trace for one in DOCUMENTS if one.trace in text.lower()} == readable
    if known:
        body = json.loads(text.partition("\n")[2])
        assert body["total"] == len(readable)
        assert body["incomplete"] == (["externe"] if down else [])
        page = world.answer(reader, Ask("/?q=cadastre"))[1]
        assert ('class="note warn"' in page) is down


@pytest.mark.parametrize("reader", sorted(ALL))
def test_assistants_find_what_may_be_read(world: World, reader: str) -> None:
    """By every tool, for the same words: what the matrix asks of them can be answered."""
    world.fall(down=False)
    readable = may_read(reader, down=False)

    def body(ask: Ask) -> dict[str, Any]:
        status, text = world.answer(reader, ask)
        assert status == 200
        found: dict[str, Any] = json.loads(text.partition("\n")[2])["result"]
        return found

    found = body(used("search", query="cadastre", k=20))["structuredContent"]
    titles = json.dumps(found)
    assert found["total"] == len(readable)
    assert {one.trace for one in DOCUMENTS if one.trace in titles.lower()} <= readable
    for one in DOCUMENTS:
        ids = (f"{one.source}:{one.name}", f"{one.source}:{one.name}.txt")
        # An authority that answers late closes what it governs for a moment.
        tries = 3 if one.trace in readable else 1
        reads = (body(used("read_document", document=id_)) for _ in range(tries) for id_ in ids)
        assert any(not read["isError"] for read in reads) == (one.trace in readable), one


@pytest.mark.parametrize("reader", sorted(ALL - {"retiree"}))
def test_who_withdrew_or_left_is_proposed_nowhere(world: World, reader: str) -> None:
    """Neither as an expert, nor as a peer, nor as a word to begin with."""
    world.fall(down=False)
    proposing = ("experts", "suggest", "isolation", "coverage", "topics", "peers", "agents")
    for (method, path), requests in asks().items():
        if method == "GET" and any(word in path for word in proposing):
            for ask in (*requests, *names(path)):
                text = world.answer(reader, ask)[1]
                assert HIDDEN_NAME not in text, ask
                assert "Paul Parti" not in text, ask


def names(path: str) -> list[Ask]:
    """To suggest who is withdrawn, by the beginning of their name."""
    begun = [Ask("/api/v1/suggest?q=zéph"), Ask("/api/v1/suggest?q=part")]
    return begun if "suggest" in path else []


def test_a_change_of_rights_shows_after_one_sync_without_encoding(world: World) -> None:
    """Closed at the source, closed in every answer; nothing is encoded anew. Then open again."""
    source = [one for one in world.application.settings.sources if one.name == "wiki"]
    kept = remaining()
    closed = [replace(d, allowed=("agent:jdupont",)) if d.name == "ouvert" else d for d in kept]
    for documents, status in ((closed, False), (kept, True)):
        (world.folder / "export.jsonl").write_text(export(documents), "utf-8")
        (outcome,) = crawl_sources(world.application, source, quiet=True)
        assert outcome.report is not None
        assert (outcome.report.put, outcome.report.access_changed) == (0, 1)
        found = world.answer("amartin", Ask("/api/v1/search?q=cadastre&page_size=50"))[1]
        assert ("zzouvert" in found.lower()) is status


def test_a_source_that_is_named_no_more_is_told_and_can_be_forgotten(world: World) -> None:
    """Kept, and read by nobody, until an administrator forgets it; then named nowhere."""
    application = world.application
    page = Ask("/administration")
    assert application.whole_index.count("ancien") == 2
    assert "quisait forget ancien" in world.answer("jdupont", page)[1]
    assert application.index.sources() == {"wiki", "dossier"}
    assert forget_source(application, "ancien") == 2
    assert application.whole_index.sources() == {"wiki", "dossier"}
    assert application.state.load("ancien") is None
    assert "ancien" not in world.answer("jdupont", page)[1]
    for name in ("ancien", "wiki", "inconnue"):
        with pytest.raises(ValueError, match=name):
            forget_source(application, name)
