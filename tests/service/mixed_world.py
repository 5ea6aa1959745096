"""One index with documents of every kind of source, as an operator sets it up, on each engine.

The same real servers are read into a place for each engine: `quisait init`, the tables of the
directory and of the sources, `quisait crawl`. Every answer to every reader is kept, before and
after the sources moved on, so that the tests only compare them with the truth.
"""

import json
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from quisait_mail.sending import open_mailing
from quisait_mail.service import mail_content
from quisait_mail.values import DigestPace, MailKind, MailPreferences, QueuedMail

from quisait.application.assembly import Application, open_application
from quisait.clock import now, now_s
from quisait.server.app import app_of, tokens_of
from quisait.settings import load_settings
from quisait.work.questions import answer_context
from search_api.query_log.recording import NoQueryLog
from tests.engines import ensure_opensearch
from tests.mixed_sources import (
    ANA,
    BEN,
    CLOSED_PRINCIPAL,
    CYD,
    DAN,
    EVERYBODY,
    MEMBERS,
    SOURCES,
    ExportSource,
    FolderSource,
    MixedSource,
    Planted,
    accounts_table,
    directory_settings,
    ensure_people,
    toml,
)
from tests.opensearch_index import client as opensearch_client
from tests.pages.access_routes import Ask
from tests.service.place import Place

KEY = "une clé de test assez longue pour signer des jetons"
BASE: tuple[type[MixedSource], ...] = (FolderSource, ExportSource)
"""Sources that every world has: what collides and moves is in them."""
OPEN, SECRET, GONE, NARROWED = "ouvert", "ferme", "parti", "resserre"
STAGES = ("before", "after")
ASKED: Mapping[str, Mapping[str, Sequence[str]]] = {
    "before": {OPEN: (CYD,), SECRET: (DAN, CYD)},
    "after": {GONE: (DAN,), NARROWED: (DAN, CYD)},
}
"""Who asks by a document's own words, at each stage. All are shown all that is theirs."""
ROLES = f"""
[[roles]]
role = "animator"
agents = ["{ANA}"]
topics = ["*"]
communities = ["*"]

[[roles]]
role = "administrator"
agents = ["{CYD}"]
"""


def four(source: str) -> list[Planted]:
    """One of each fate: stays open, stays closed, is deleted, is closed."""
    return [
        Planted(source, OPEN),
        Planted(source, SECRET, closed=True),
        Planted(source, GONE),
        Planted(source, NARROWED, moves=True),
    ]


def filled_in(text: str, tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the settings of `quisait init` with these values instead of the initial ones."""
    for name, values in tables.items():
        head, mark, rest = text.partition(f"[{name}]\n")
        assert mark, name
        inside, end, others = rest.partition("\n[")
        for key, value in values.items():
            line, said = re.compile(rf"^{key} = .*$", re.MULTILINE), f"{key} = {toml(value)}"
            assert len(line.findall(inside)) == 1, key
            inside = line.sub(said.replace("\\", r"\\"), inside)
        text = head + mark + inside + end + others
    return text


DECOMPOSED = unicodedata.normalize("NFD", "ldap:group:mx-équipe")
COLLIDING: Mapping[str, tuple[dict[str, list[str]], frozenset[str]]] = {
    "nfdouvre": ({"allowed": [DECOMPOSED]}, frozenset({CYD})),
    "nfdrefuse": ({"allowed": ["everyone"], "denied": [DECOMPOSED]}, EVERYBODY - {CYD}),
    "majuscule": ({"allowed": ["registre:account:MX-ANA"]}, frozenset()),
    "agentmaj": ({"allowed": ["agent:MX-ANA"]}, frozenset()),
    "compte": ({"allowed": ["registre:account:mx-ana"]}, frozenset({ANA})),
    "autrecompte": ({"allowed": ["autre:account:mx-ana"]}, frozenset()),
    "sysopldap": ({"allowed": ["ldap:group:sysop"]}, frozenset({CYD})),
    "sysopwiki": ({"allowed": ["wiki:group:sysop"]}, frozenset({BEN})),
    "refuse": (
        {"allowed": ["everyone"], "denied": [CLOSED_PRINCIPAL]},
        EVERYBODY - MEMBERS,
    ),
}
"""Records of the export by name: readers as written, and who they are.

A group's name in another Unicode form, an account and an agent in capitals, an account of that name
in another source, a group that directory and wiki both have, with other members.
"""


@dataclass
class Site:
    """The place of one engine, and its application as readers ask it."""

    engine: str
    place: Place
    application: Application
    app: FastAPI
    clients: dict[str, TestClient] = field(default_factory=dict)

    def client(self, reader: str) -> TestClient:
        if reader not in self.clients:
            token = tokens_of(self.application.settings).make(reader, now_s())
            headers = {"Origin": "http://localhost", "Authorization": f"Bearer {token}"}
            self.clients[reader] = TestClient(
                self.app, "http://localhost", headers=headers, follow_redirects=False
            )
        return self.clients[reader]

    def get(self, reader: str, path: str, **params: Any) -> Any:
        answer = self.client(reader).get(f"/api/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def answer(self, reader: str, ask: Ask) -> tuple[int, str]:
        """The status, and headers and body as one text."""
        body = {"json": ask.json} if ask.json is not None else {"data": ask.form or None}
        given: dict[str, Any] = body if ask.method != "GET" else {}
        found = self.client(reader).request(ask.method, ask.path, **given)
        return found.status_code, f"{found.headers}\n{found.text}"

    def digest(self, reader: str) -> str:
        """Return the digest mail about followed items in the last hour."""
        mailing = open_mailing(self.application)
        assert mailing is not None
        mailing.store.choose(reader, MailPreferences(digest=DigestPace.DAILY))
        until = now()
        begins = until - timedelta(hours=1)
        asked = QueuedMail("1", "1", reader, MailKind.DIGEST, "1", until, begins, 0, "")
        return repr(mail_content(answer_context(self.application), asked)).lower()

    def post(self, path: str, body: Any, token: str) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        client = TestClient(self.app, "http://localhost", headers=headers)
        answer = client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()


@dataclass(frozen=True)
class Seen:
    """Answers to one reader about one document, found by its own words."""

    found: frozenset[str]
    """The planted words in the documents that answer: what is merely near is left out."""
    total: int
    raw: str
    """All that is shown, in lower case: documents, people, suggestions and facets."""
    experts: tuple[str, ...]
    """The ids of the agents whose evidence this document is."""


@dataclass
class World:
    """The sources, the sites that read them, and what was answered at each stage."""

    sources: dict[str, MixedSource]
    sites: dict[str, Site]
    extras: "Extras"
    seen: dict[tuple[str, str, str, str], Seen] = field(default_factory=dict)
    """By stage, engine, reader and word."""
    read: dict[tuple[str, str, str], frozenset[str]] = field(default_factory=dict)
    """All words that a reader is shown, by stage, engine and reader."""

    ids: dict[tuple[str, str], str] = field(default_factory=dict)
    """Of the documents that stay closed, by engine and word."""

    def documents(self) -> list[Planted]:
        return [one for name in self.sources for one in four(name)]

    def readers(self, stage: str, *, silent: bool = False) -> dict[str, frozenset[str]]:
        """Who reads what, by word: the plain truth. `silent`: the directory says nothing."""
        truth = self.extras.readers(stage, silent=silent)
        for one in self.documents():
            readers, closed = one.readers, one.closed
            if stage == "after" and one.name == NARROWED:
                readers, closed = MEMBERS, True
            rights = self.sources[one.source].from_directory
            unheard = silent and (rights == "all" or (rights == "closed" and closed))
            gone = stage == "after" and one.name == GONE
            truth[one.word] = frozenset() if gone or unheard else readers
        return truth

    def shown(self, site: Site, reader: str) -> frozenset[str]:
        """The words of all that a reader is shown."""
        pages = [site.get(reader, "search", q="cadastre", page_size=50, page=n) for n in (1, 2, 3)]
        return words_in([page["documents"] for page in pages], self)


@dataclass
class Extras:
    """Documents of the export whose readers' names collide, and one that moves between sources."""

    export: ExportSource
    folder: FolderSource
    wiki: bool

    def records(self) -> dict[str, tuple[dict[str, list[str]], frozenset[str]]]:
        """Readers as written, and who they are."""
        return {
            name: (readers, who)
            for name, (readers, who) in COLLIDING.items()
            if self.wiki or not readers["allowed"][0].startswith("wiki:")
        }

    @property
    def moving(self) -> tuple[Planted, Planted]:
        """The same text: open in the folder, then closed in the export."""
        return Planted("notes", "migrant"), Planted("registre", "migrant", closed=True)

    def put(self) -> None:
        people = ensure_people()
        if "mx-équipe" not in people.sids:
            people.add_group("mx-équipe", [CYD])
            people.add_group("sysop", [CYD])
        lines = []
        for name, (readers, _) in self.records().items():
            one = Planted("registre", name)
            lines.append(_record(one, readers))
        self.export.put_records(lines)
        self.folder.put([self.moving[0]])

    recent = (Planted("notes", "recent"), Planted("notes", "discret", closed=True))
    """Written once everybody follows a search that they answer."""

    def move_on(self) -> None:
        self.folder.put(self.recent)
        before, after = self.moving
        self.folder.delete(before)
        line = _record(after, {"allowed": [CLOSED_PRINCIPAL]})
        line["text"] += f" {before.text}"
        self.export.put_records([line])

    def readers(self, stage: str, *, silent: bool) -> dict[str, frozenset[str]]:
        truth = {
            Planted("registre", name).word: frozenset()
            if silent and "ldap:" in str(readers)
            else who
            for name, (readers, who) in self.records().items()
        }
        before, after = self.moving
        if stage == "before":
            return truth | {before.word: before.readers}
        members = frozenset[str]() if silent else MEMBERS
        opened, closed = self.recent
        truth |= {opened.word: opened.readers, closed.word: members}
        return truth | {before.word: members, after.word: members}


def _record(document: Planted, readers: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {
        "type": "page",
        "id": document.word,
        "title": document.title,
        "text": document.text,
        "author": document.author,
        "readers": dict(readers),
    }


def chosen(items: Sequence[pytest.Item]) -> tuple[list[type[MixedSource]], list[str]]:
    """The sources and engines that the tests of this run name; all sources, where none is named."""
    params = [getattr(getattr(item, "callspec", None), "params", {}) for item in items]
    asked = [given for given in params if "mixed_engine" in given]
    kinds = dict.fromkeys(given["kind"] for given in asked if "kind" in given)
    engines = dict.fromkeys(given["mixed_engine"] for given in asked)
    return list(dict.fromkeys(BASE) | kinds if kinds else SOURCES), list(engines)


@contextmanager
def opened_world(
    folder: Path, kinds: Sequence[type[MixedSource]], engines: Sequence[str]
) -> Iterator[World]:
    """Read, asked, moved on, read and asked again."""
    ensure_people()
    with ExitStack() as stack:
        sources = {kind.name: kind(stack, folder / f"s-{kind.name}") for kind in kinds}
        export, notes = sources["registre"], sources["notes"]
        assert isinstance(export, ExportSource)
        assert isinstance(notes, FolderSource)
        extras = Extras(export, notes, wiki="wiki" in sources)
        for source in sources.values():
            source.put(four(source.name))
        extras.put()
        sites = {
            engine: stack.enter_context(site_of(engine, folder / engine, sources.values()))
            for engine in engines
        }
        world = World(sources, sites, extras)
        for stage in STAGES:
            if stage == "after":
                extras.move_on()
                for source in sources.values():
                    _, _, gone, narrowed = four(source.name)
                    source.delete(gone)
                    source.close(narrowed)
            for site in sites.values():
                for source in sources.values():
                    source.deliver(site.place, site.post)
                site.place.run("crawl")
                if stage == "before":
                    site.place.run("expertise", "build")
                    follow(site)
                site.application.authorities.forget()
                ask_everything(world, stage, site)
        yield world


@contextmanager
def site_of(engine: str, folder: Path, sources: Iterable[MixedSource]) -> Iterator[Site]:
    """A place that reads these sources into that engine, set up as an operator would."""
    folder.mkdir()
    place = Place(folder, {"OMP_NUM_THREADS": "1"})
    place.run("init")
    written = folder / "quisait.toml"
    alias = f"test-{uuid4().hex}"
    index = {"engine": engine, "alias": alias}
    if engine == "opensearch":
        index["url"] = ensure_opensearch()
    tables: dict[str, Mapping[str, Any]] = {
        "index": index,
        "server": {"token_key": KEY},
        "door": {f"{who}_per_minute": 0 for who in ("reader", "token", "address")},
        "ldap": directory_settings(),
        "directory": {"accounts": str(folder / "comptes.csv")},
        "topics": {"file": str(folder / "sujets.csv")},
        "privacy": {"register_file": str(folder / "registre.jsonl")},
        "verification": {"enabled": True, "old_days": 1},
        "questions": {"enabled": True},
        "sign_on": {"address": "https://qui-sait.test"},
        "mail": {"host": "127.0.0.1", "sender": "qui-sait@exemple.fr"},
    }
    # Whole paths: this process opens the places of two settings' files.
    text = written.read_text("utf-8").replace('folder = ".quisait"', f'folder = "{folder}/kept"', 1)
    filled = filled_in(text, tables)
    written.write_text(filled + ROLES + "".join(one.settings() for one in sources), "utf-8")
    (folder / "comptes.csv").write_text(accounts_table(sources), "utf-8")
    (folder / "sujets.csv").write_text("id;label\ncadastre;cadastre\n", "utf-8")
    try:
        with opened_site(engine, place) as site:
            yield site
    finally:
        if engine == "opensearch":
            opensearch_client().indices.delete(index=f"{alias}*", ignore_unavailable=True)


@contextmanager
def opened_site(engine: str, place: Place, **environment: str) -> Iterator[Site]:
    """The application of a place, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUISAIT_FILE", str(place.folder / "quisait.toml"))
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = load_settings()
    with open_application(settings) as application:
        yield Site(engine, place, application, app_of(application, NoQueryLog()))


@contextmanager
def silent(site: Site) -> Iterator[Site]:
    """The same place, where the directory's last reading is too old to be believed."""
    with opened_site(site.engine, site.place, QUISAIT_LDAP__OLDEST="1 s") as made:
        time.sleep(1)
        yield made


def ask_everything(world: World, stage: str, site: Site) -> None:
    """Each reader: what a search shows them in all; of a document of each fate, what is told."""
    for reader in sorted(EVERYBODY):
        world.read[stage, site.engine, reader] = world.shown(site, reader)
    for one in world.documents():
        for reader in ASKED[stage].get(one.name, ()):
            world.seen[stage, site.engine, reader, one.word] = seen_by(world, site, reader, one)
        if one.name == SECRET:
            (found,) = site.get(DAN, "search", q=f'"{one.word}"')["documents"]
            world.ids[site.engine, one.word] = found["id"]


def seen_by(world: World, site: Site, reader: str, document: Planted) -> Seen:
    word = document.word
    search = site.get(reader, "search", q=f'"{word}"', page_size=50)
    experts = site.get(reader, "experts", q=word)
    suggested = site.get(reader, "suggest", q=word[:-1])
    known = [
        one["agent"]["id"] for one in experts["candidates"] if word in json.dumps(one["evidence"])
    ]
    # The link to a document repeats the question.
    shown = [{**one, "page": None} for one in search["documents"]]
    found = words_in(shown if search["answered"] else [], world)
    told = [shown, experts["candidates"], suggested, search["facets"]]
    return Seen(found, search["total"], json.dumps(told, ensure_ascii=False).lower(), tuple(known))


def words_in(answer: Any, world: World) -> frozenset[str]:
    """The planted words that stand in it."""
    text = json.dumps(answer, ensure_ascii=False).lower()
    return frozenset(word for word in world.readers("after") if word in text)


def follow(site: Site) -> None:
    """Every reader follows a search that all documents answer."""
    for reader in sorted(EVERYBODY):
        body = {"action": "follow", "kind": "search", "subject": "/?q=cadastre"}
        answer = site.client(reader).post("/api/v1/follows", json=body)
        assert answer.status_code == 204, answer.text


def bare_place(folder: Path, source: MixedSource) -> Place:
    """Write the settings of one source, without a directory; return their place."""
    folder.mkdir()
    here = f'folder = "{folder}/kept"\n[server]\ntoken_key = "{KEY}"\n'
    here += f'[privacy]\nregister_file = "{folder}/register.jsonl"\n'
    (folder / "quisait.toml").write_text(here + source.settings(), "utf-8")
    return Place(folder, {"OMP_NUM_THREADS": "1"})
