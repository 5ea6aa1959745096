"""People who must not be named appear on no page, in no API answer and in no command's output.

Nine agents write about the same three subjects. After the crawl and the build, each of them stays,
leaves, withdraws or loses documents, and only this decides what answers may say about them.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from expertise.consent import Preference, PreferenceKind
from quisait.application.assembly import Application
from quisait.cli import app as command
from quisait.clock import now_s
from quisait.server.app import app_of, tokens_of
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.worker import build_and_publish
from search_api.engine import OF_A_PERSON
from search_api.query_log.recording import NoQueryLog
from tests.made_site import application_in
from tests.pages.access_routes import Ask, expectations

pytestmark = [pytest.mark.trust, pytest.mark.pages]

READER = "lea"
TOPICS = ("cadastre", "bornage", "remaniement")
STAYS = ("reste", "demeure")
HIDDEN = ("nonliste", "retirée")
"""Fates of those whom no answer names, but by what the source shows."""
UNSHOWN = (*HIDDEN, "partie")
"""Who has no page and is proposed nowhere; who left is still named beside what they wrote."""
UNTIED = ("retirée de la source", "supprimés", "restreints", "sujets refusés")
"""Fates that leave nothing to tie somebody to the subjects."""
FATES = (*STAYS, *UNSHOWN, *UNTIED)
MANY = 40
"""So many more documents of the first, beyond what a question about a person shows."""

SETTINGS = """
guard_share = 1.0
[directory]
agents = "agents.csv"
[server]
token_key = "une clé de test assez longue pour signer des jetons"
[door]
reader_per_minute = 0
token_per_minute = 0
address_per_minute = 0
[topics]
file = "sujets.csv"
least_strength = 0.5
[[roles]]
role = "animator"
agents = ["lea"]
topics = ["*"]
communities = ["*"]
[[roles]]
role = "officer"
agents = ["lea"]
[[roles]]
role = "administrator"
agents = ["lea"]
[[sources]]
name = "wiki"
kind = "export"
path = "export.jsonl"
"""


@dataclass(frozen=True)
class Person:
    """An agent, known by a name that stands nowhere else, and by a pseudonym in the source."""

    number: int
    fate: str

    @property
    def id(self) -> str:
        return f"ag-{self.number}"

    @property
    def family_name(self) -> str:
        return f"Zyx{'abcdefghi'[self.number]}lande"

    @property
    def pseudonym(self) -> str:
        return f"Pseudo{'abcdefghi'[self.number]}quark"

    def line(self, *, after: bool) -> str:
        departure = "2020-01-01" if after and self.fate == "partie" else ""
        listed = "false" if after and self.fate == "nonliste" else "true"
        return f"{self.id},Anne,{self.family_name},,35,{departure},wiki:{self.id},{listed}\n"

    def documents(self, *, after: bool) -> Iterator[dict[str, Any]]:
        """Three of each subject, unless they were deleted or narrowed to nobody's group."""
        if after and self.fate == "supprimés":
            return
        allowed = ["annuaire:group:personne" if after and self.fate == "restreints" else "everyone"]
        for topic in TOPICS:
            for number in range(3):
                yield self._line(f"{topic}-{number}", f"Note sur le {topic}", allowed)
        for number in range(MANY if self.number == 0 else 0):
            yield self._line(f"galette-{number}", "Galette des rois", allowed, 2000 + number % 20)

    def _line(self, name: str, title: str, allowed: list[str], year: int = 2026) -> dict[str, Any]:
        return {
            "type": "page",
            "id": f"{self.id}-{name}",
            "title": f"{title} {self.number}",
            "text": f"Un texte de {name} par le numéro {self.number}.",
            "author": self.id,
            "created": f"{year}-01-15T09:00:00+01:00",
            "readers": {"allowed": allowed},
        }


PEOPLE = tuple(Person(number, fate) for number, fate in enumerate(FATES))


@dataclass
class World:
    """The application as it is asked, before the fates and after."""

    application: Application
    app: FastAPI
    folder: Path
    clients: dict[str, TestClient] = field(default_factory=dict)

    def get(self, path: str, **parameters: Any) -> Any:
        if READER not in self.clients:
            token = tokens_of(self.application.settings).make(READER, now_s())
            headers = {"Authorization": f"Bearer {token}"}
            self.clients[READER] = TestClient(self.app, "http://localhost", headers=headers)
        return self.clients[READER].get(path, params=parameters or None)

    def api(self, path: str, **parameters: Any) -> Any:
        found = self.get(f"/api/v1/{path}", **parameters)
        assert found.status_code == 200, found.text
        return found.json()

    def command(self, *arguments: str) -> str:
        done = CliRunner().invoke(command, [*arguments])
        assert done.exit_code == 0, (arguments, done.output)
        return done.output

    def read(self, *, after: bool) -> None:
        people = [one.line(after=after) for one in PEOPLE]
        head = "id,given_name,family_name,metier,departement,departure,accounts,listed\n"
        reader = f"{READER},Léa,Lectrice,,48,,,true\n"
        (self.folder / "agents.csv").write_text(head + reader + "".join(people), "utf-8")
        accounts = [{"type": "account", "id": p.id, "name": p.pseudonym} for p in PEOPLE]
        pages = [line for one in PEOPLE for line in one.documents(after=after)]
        header = {"type": "header", "version": 1, "complete": True}
        lines = [json.dumps(one, ensure_ascii=False) for one in (header, *accounts, *pages)]
        (self.folder / "export.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        read_directory(self.application)
        for outcome in crawl_sources(
            self.application, self.application.settings.sources, accept_deletions=True, quiet=True
        ):
            assert not outcome.error

    def wish(self) -> None:
        consent = self.application.privacy.consent
        for one in PEOPLE:
            if one.fate == "retirée":
                consent.ask(Preference(one.id, PreferenceKind.WITHDRAW))
            if one.fate == "retirée de la source":
                consent.ask(Preference(one.id, PreferenceKind.WITHDRAW, "wiki"))
            for topic in TOPICS if one.fate == "sujets refusés" else ():
                consent.ask(Preference(one.id, PreferenceKind.REFUSE, topic, (topic,)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("naming")
    (folder / "quisait.toml").write_text(SETTINGS, "utf-8")
    topics = "".join(f"{one};{one}\n" for one in TOPICS)
    (folder / "sujets.csv").write_text(f"id;label\n{topics}", "utf-8")
    with application_in(folder) as application:
        one = World(application, app_of(application, NoQueryLog()), folder)
        one.read(after=False)
        build_and_publish(application)
        yield one


COMMANDS_BEFORE = (
    ("peers", "ag-0", "--agent", READER),
    ("topics", "show", "cadastre", "--agent", READER),
)


@pytest.fixture(scope="module")
def before(whole: World) -> dict[str, str]:
    """Return the answers of every address and of some commands before the changes."""
    return surfaces(whole, COMMANDS_BEFORE)


@pytest.fixture(scope="module")
def world(whole: World, before: dict[str, str]) -> World:
    """After the fates; the build is the one from before."""
    assert before
    whole.read(after=True)
    whole.wish()
    return whole


def of_people(text: Callable[[Person], str]) -> list[str]:
    return [text(one) for one in PEOPLE]


def paths() -> list[str]:
    """Every address of pages and API that reads something, and questions about each subject."""
    known = expectations([READER, *of_people(lambda one: one.id)], TOPICS[0])
    asks: Sequence[Ask] = [ask for some in known.values() for ask in some if ask.method == "GET"]
    more = [f"/topics/{topic}" for topic in TOPICS]
    more += [f"/api/v1/topics/{topic}" for topic in TOPICS]
    for topic in TOPICS:
        more += [f"/?q={topic}", f"/experts?q={topic}", f"/api/v1/experts?q={topic}&limit=50"]
        more += [f"/api/v1/search?q={topic}&page_size=50&page={page}" for page in (1, 2)]
    more += [f"/api/v1/isolation?area=35&topic={topic}" for topic in TOPICS]
    return list(dict.fromkeys([*(ask.path for ask in asks), *more]))


def commands() -> list[tuple[str, ...]]:
    plain: list[tuple[str, ...]] = [
        (name, topic) for name in ("search", "experts") for topic in TOPICS
    ]
    plain += [(*one, "--json") for one in plain]
    plain += [("topics", "show", topic) for topic in TOPICS]
    plain += [("peers",), ("peers", PEOPLE[0].id), ("profile", PEOPLE[0].id), ("topics", "risks")]
    return [
        ("isolation",),
        ("coverage",),
        ("topics", "list"),
        *((*one, "--agent", READER) for one in plain),
    ]


def surfaces(world: World, run: Sequence[tuple[str, ...]]) -> dict[str, str]:
    """By address or command, everything that the reader is told; `run` are the commands."""
    told = {path: world.get(path).text for path in paths()}
    return told | {" ".join(one): world.command(*one) for one in run}


@pytest.fixture(scope="module")
def told(world: World) -> dict[str, str]:
    return surfaces(world, commands())


DOCUMENTS = re.compile(r"^(/\?|/$|/api/v1/search|search )")
"""Surfaces that name who wrote a document, beside it."""
OWN = re.compile(r"^(?:/agents/|/api/v1/agents/|/peers\?agent=)(ag-\d)")


def test_while_all_is_well_everybody_is_named(before: dict[str, str]) -> None:
    """The checks below can fail: each name stands on each kind of surface."""
    kinds = (
        "/experts?q=bornage",
        "/topics/cadastre",
        "/api/v1/topics/cadastre",
        "/peers?agent=ag-0",
    )
    for surface in (*kinds, *map(" ".join, COMMANDS_BEFORE)):
        assert {one.fate for one in PEOPLE if one.family_name not in before[surface]} <= {"reste"}
    for one in PEOPLE:
        own = before[f"/agents/{one.id}"]
        assert all(topic in own for topic in TOPICS)
        assert 'id="communautes"' in own


@pytest.mark.parametrize(
    "person", [one for one in PEOPLE if one.fate in HIDDEN], ids=lambda p: p.fate
)
def test_who_is_not_to_be_named_is_named_nowhere(told: dict[str, str], person: Person) -> None:
    """Neither listed nor withdrawn: on no page, in no answer, by no command."""
    assert [where for where, text in told.items() if person.family_name in text] == []


@pytest.mark.parametrize(
    "person", [one for one in PEOPLE if one.fate not in (*STAYS, *HIDDEN)], ids=lambda p: p.fate
)
def test_what_is_gone_ties_nobody_to_a_subject(told: dict[str, str], person: Person) -> None:
    """Who left, and whose evidence is gone, stands beside documents and on their own page alone."""
    elsewhere = {where: text for where, text in told.items() if not DOCUMENTS.match(where)}
    of_others = {
        where: text
        for where, text in elsewhere.items()
        if not ((own := OWN.match(where)) and own[1] == person.id)
    }
    assert [where for where, text in of_others.items() if person.family_name in text] == []


@pytest.mark.parametrize(
    "person", [one for one in PEOPLE if one.fate in UNTIED], ids=lambda p: p.fate
)
def test_their_own_page_says_nothing_of_the_subjects(told: dict[str, str], person: Person) -> None:
    """No subject, no community and no peer is left of what no longer stands."""
    for pattern in ("/agents/{}", "/peers?agent={}"):
        text = told[pattern.format(person.id)]
        assert person.family_name in text
        assert 'id="communautes"' not in text
        assert [topic for topic in TOPICS if f'href="/topics/{topic}"' in text] == []
    body = json.loads(told[f"/api/v1/agents/{person.id}"])
    assert (body["communities"], body["peers"], body["demonstrated"]) == ([], [], [])
    assert json.loads(told[f"/api/v1/agents/{person.id}/peers"])["communities"] == []


@pytest.mark.parametrize(
    "person", [one for one in PEOPLE if one.fate in UNSHOWN], ids=lambda p: p.fate
)
def test_who_is_not_shown_has_no_page(told: dict[str, str], person: Person) -> None:
    """An address says as little as one that never was."""
    nobody = told[f"/api/v1/agents/{person.id}"].replace(person.id, "")
    assert json.loads(nobody)["status"] == 404


def test_who_stays_is_named(told: dict[str, str]) -> None:
    """Nothing was lost with the others."""
    for surface in ("/experts?q=bornage", "/topics/cadastre", "/peers?agent=ag-0"):
        assert PEOPLE[1].family_name in told[surface]
    assert 'id="communautes"' in told["/agents/ag-0"]


@pytest.mark.parametrize("person", PEOPLE, ids=lambda p: p.fate)
def test_a_name_finds_documents_of_those_who_may_be_named(world: World, person: Person) -> None:
    """By the directory's name, where it stands beside them; by the source's always."""
    readable = person.fate not in ("supprimés", "restreints")
    named = readable and person.fate not in (*HIDDEN, "retirée de la source")
    for words in ("", " cadastre"):
        by_name = world.api("search", q=f'auteur:"{person.family_name}"{words}')
        assert bool(by_name["documents"]) == named
        by_label = world.api("search", q=f'auteur:"{person.pseudonym}"{words}')
        assert bool(by_label["documents"]) == readable
    told = world.command("search", f'auteur:"{person.family_name}"', "--agent", READER)
    assert ("Aucun document" in told) == (not named)
    typed = person.family_name[:6]
    suggested = [one["title"] for one in world.api("suggest", q=typed)["suggestions"]]
    assert any(person.family_name in one for one in suggested) == (person.fate not in UNSHOWN)
    called = world.api("experts", q=person.family_name)["named"]
    assert bool(called) == (person.fate not in UNSHOWN)


QUESTIONS = [
    'auteur:"{}"',
    'auteur:"{}" galette',
    'auteur:"{}" après:2001 avant:2009',
    'galette auteur:"{}" depuis:2001',
    "auteur:{} source:wiki",
    'auteur:"{}" auteur:anne galette',
]
NARROWED: list[dict[str, Any]] = [
    {},
    {"sort": "date"},
    {"year": ["2001", "2002", "2026"]},
    {"source": "wiki", "sort": "date"},
    {"explain": True},
]


@pytest.mark.parametrize("narrowed", NARROWED, ids=str)
@pytest.mark.parametrize("question", QUESTIONS)
def test_nothing_counts_what_a_person_wrote(
    world: World, question: str, narrowed: dict[str, Any]
) -> None:
    """No total, no facet, no rank; and the pages end before they count."""
    q = question.format(PEOPLE[0].family_name)
    for page_size in (10,) if narrowed else (7, 10, 50):
        seen: list[str] = []
        ended, page = False, 1
        while not ended:
            asked = {"q": q, "page": page, "page_size": page_size, **narrowed}
            body = world.api("search", **asked)
            counts = [body[name] for name in ("total", "worded", "worded_more", "reachable")]
            assert counts == [None] * 4
            assert body["facets"] == {}
            assert all(
                (one["parts"] or {}).get(name) is None
                for one in body["documents"]
                for name in ("lexical_rank", "vector_rank")
            )
            assert not any(
                re.search(r"\b\d+e par", why) for one in body["documents"] for why in one["why"]
            )
            seen += [one["id"] for one in body["documents"]]
            assert not body["more"] or len(seen) == page * page_size
            ended, page = not body["documents"], page + 1
        assert seen
        assert len(seen) == len(set(seen)) <= OF_A_PERSON


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_page_and_no_command_counts_them_either(world: World, question: str) -> None:
    """The page has no figure of documents, nor a link to its last; nor does the terminal."""
    q = question.format(PEOPLE[0].family_name)
    for parameters in ({}, {"sort": "date"}, {"page": 2}, {"year": "2001"}):
        page = world.get("/", q=q, **parameters).text
        results = page.partition('<div class="columns">')[2].partition('id="qui-sait"')[0]
        assert "ne se compte pas" in page or parameters.get("page") == 2
        assert re.findall(r"\d+(?:\s|&nbsp;)documents?\b", results) in (
            [],
            ["30\xa0documents"],
            ["30 documents"],
        )
        assert 'id="affiner"' not in page
        assert not re.search(r"page=([3-9]|\d\d)", page) or parameters.get("page") == 2
    told = world.command("search", q, "--agent", READER)
    assert "ne se comptent pas" in told
    assert re.match(r"\d", told) is None
    body = json.loads(world.command("search", q, "--agent", READER, "--json"))
    assert (body["total"], body["reachable"], body["facets"]) == (None, None, {})


def test_who_knows_is_asked_of_everybody(world: World) -> None:
    """Evidence that is narrowed to a person and a period would count what they wrote in it."""
    name = PEOPLE[0].family_name
    whole = world.api("experts", q="note bornage", limit=50)
    assert world.api("experts", q=f'note bornage auteur:"{name}"', limit=50) == whole
    assert whole["candidates"]


def test_a_name_alone_asks_about_no_subject(world: World) -> None:
    """Nobody is said to be unknown on it, and it has no topic; words beside it have both."""
    unknown, near = "Personne n’est connu sur ce sujet", "Sujet : <a href="
    for q in (f'auteur:"{TOPICS[0]}"', f'auteur:"{PEOPLE[0].family_name}"', "après:2001"):
        page = world.get("/", q=q).text
        assert "Posez une question pour voir quels collègues" in page
        assert unknown not in page
        assert near not in page
    page = world.get("/", q=f'"{TOPICS[0]}" -{TOPICS[0]}').text
    assert unknown in page
    assert near in page


def test_other_questions_are_counted(world: World) -> None:
    """A name that is typed as words, and any other operator, narrow to no person."""
    for q in ("galette", "galette après:2001", PEOPLE[0].family_name, "source:wiki", ""):
        body = world.api("search", q=q)
        assert body["total"] is not None
        assert bool(body["facets"]) is body["answered"]
    for typed in (PEOPLE[0].family_name, PEOPLE[0].pseudonym):
        assert world.api("search", q=f'"{typed}"')["total"] == 0, "a name is no word of a document"


def test_the_schema_says_that_there_may_be_no_total(world: World) -> None:
    """A program learns from the description that null is no zero."""
    schema = world.api("openapi.json")["components"]["schemas"]["SearchBody"]["properties"]
    for name in ("total", "worded", "worded_more", "reachable"):
        assert {"type": "null"} in schema[name]["anyOf"]
        assert "null" in schema[name]["description"]


READ = (("search", "galette"), ("experts", "bornage"), ("profile", "ag-0"), ("peers", "ag-0"))
"""Commands that answer with an agent's rights."""


@pytest.mark.parametrize(("name", "asked"), READ)
def test_a_command_is_written_down(world: World, name: str, asked: str) -> None:
    """As whom, and of whom; nothing of what was asked."""
    audit = world.application.privacy.audit
    known = audit.newest(1)[0].number
    world.command(name, asked, "--agent", READER)
    new = [one for one in audit.newest(9) if one.number > known]
    assert {one.reading for one in new} == {f"quisait {name}"}
    assert all(one.actor.startswith("system:") for one in new)
    about = {"as:lea", "agent:ag-0"} if asked == "ag-0" else {"as:lea"}
    assert {one.subject for one in new} == about


def test_a_token_is_written_down(world: World) -> None:
    """Whoever holds it is that agent."""
    world.command("token", READER)
    (newest,) = world.application.privacy.audit.newest(1)
    assert (newest.reading, newest.subject) == ("quisait token", "as:lea")


@pytest.mark.parametrize("asked", [*((*one, "--agent", READER) for one in READ), ("token", READER)])
def test_what_cannot_be_written_down_is_not_shown(world: World, asked: tuple[str, ...]) -> None:
    """The line comes first: where there is none, neither is there an answer."""
    with world.application.database.begin() as connection:
        connection.execute(
            sa.text(
                "create trigger full before insert on audit_entries "
                "begin select raise(abort, 'full'); end"
            )
        )
    try:
        done = CliRunner().invoke(command, [*asked])
    finally:
        with world.application.database.begin() as connection:
            connection.execute(sa.text("drop trigger full"))
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "doit être consignée" in done.stderr
