"""The page before anything is asked: the reader's own topics, what changed in them, samples."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from connectors.values import Access, Agent, Contribution, ContributorRole
from expertise.topics import Topic
from indexer.embedded.index import EmbeddedIndex
from indexer.values import Put
from search_api.app import Services, create_app
from search_api.following.service import news
from search_api.home.service import home
from search_api.identity.readers import reader_of
from search_api.topics.service import READ_FIRST, topic_answer
from tests.builders import allowed, indexed, make_document
from tests.made_site import made_site
from tests.planted import ENCODER, TODAY

pytestmark = [pytest.mark.trust, pytest.mark.pages]

TOPICS = (Topic("cadastre", "cadastre", ("arpentage",)), Topic("regies", "régies"))
AUTHOR, ASKER, ACCEPTED = (
    ContributorRole.AUTHOR,
    ContributorRole.ASKER,
    ContributorRole.ACCEPTED_ANSWERER,
)
AGENTS = tuple(
    Agent(
        f"ag-{number}",
        "Jo",
        name,
        departement=departement,
        skills=skills,
        skills_confirmed=skills,
        accounts=(f"wiki:a{number}",),
    )
    for number, name, departement, skills in (
        (1, "Géomètre", "22", ("cadastre",)),
        (2, "Nouvelle", "48", ()),
        (3, "Dedans", "22", ("cadastre",)),
    )
)


def note(
    name: str,
    title: str,
    *roles: ContributorRole,
    days: int = 10,
    access: Access | None = None,
    asker: str = "wiki:a9",
    **fields: object,
) -> Put:
    at = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(days=days)
    document = make_document(
        f"wiki:{name}",
        title=title,
        url=f"https://wiki.example/{name}",
        modified=at,
        contributions=tuple(
            Contribution(asker if role is ASKER else "wiki:a1", role, last=at.date())
            for role in roles
        ),
        **({"access": access} if access else {}),
        **fields,
    )
    return Put(indexed(document, "Un texte."))


def notes() -> list[Put]:
    inside = allowed("ldap:group:x")
    return [
        note("neuf", "Le cadastre en hiver", AUTHOR),
        note("vieux", "Le cadastre en 1990", AUTHOR, days=4_000),
        note("abroge", "Le cadastre abrogé", AUTHOR, valid_until=TODAY - timedelta(days=2)),
        note("secret", "Le cadastre, Zanzibar", AUTHOR, access=inside),
        note("ailleurs", "Les régies", AUTHOR),
        note("attend", "Qui borne un cadastre de montagne", ASKER, area="22"),
        note("repondu", "Où lire le plan minute ?", ASKER, ACCEPTED, area="22", days=900),
        note("cache", "Où est Zanzibar ?", ASKER, ACCEPTED, area="22", access=inside),
        note("le-mien", "Qui lit ce plan ?", ASKER, ACCEPTED, area="22", asker="wiki:a1"),
        note("autre-lieu", "Qui garde la caisse ?", ASKER, ACCEPTED, area="48"),
    ]


@pytest.fixture
def index(tmp_path: Path) -> EmbeddedIndex:
    return EmbeddedIndex(tmp_path / "index", ENCODER.dimension)


@pytest.fixture
def services(tmp_path: Path, index: EmbeddedIndex) -> Iterator[Services]:
    assert not index.write(notes()).failed
    with opened(tmp_path, index) as made:
        yield made


@contextmanager
def opened(tmp_path: Path, index: EmbeddedIndex) -> Iterator[Services]:
    """The pages over an index that is filled, with a build of it."""
    with made_site(tmp_path, index, AGENTS, TOPICS) as made:
        yield made.services()


def test_ones_own_topics_and_what_changed_in_them(services: Services) -> None:
    """Of thirty days, on these topics alone; the home and its page show the same, and as many."""
    reader = reader_of("ag-1", services.people, TODAY)
    found = home(services, reader)
    assert [one.id for one in found.topics] == ["cadastre"]
    assert found.samples == ("Où lire le plan minute ?",)
    items = [item for item, _ in news(services, reader).newest(9)]
    assert {one.document_id for one in items} == {"wiki:neuf", "wiki:attend", "wiki:abroge"}
    client = TestClient(create_app(services), headers={"x-agent": "ag-1"})
    page, whole = client.get("/").text, client.get("/suivis").text
    assert page.count('<h2 id="nouveau">') == 1
    assert int(re.findall(r'"/suivis">[^<]*?(\d+)', page)[0]) == len(items)
    assert int(re.findall(r"<h1>(\d+)", whole)[0]) == len(items)
    assert all(one.address in page and one.address in whole for one in items)
    assert "/?q=O%C3%B9+lire+le+plan+minute+%3F" in page


def test_what_was_answered_since_the_build_waits_no_more(
    services: Services, index: EmbeddedIndex
) -> None:
    """On its topic's page; the build still counts it until the next one."""
    reader = reader_of("ag-1", services.people, TODAY)
    (waits,) = topic_answer(services, reader, "cadastre").questions
    assert waits.document_id == "wiki:attend"
    answered = note("attend", "Qui borne un cadastre de montagne", ASKER, ACCEPTED, area="22")
    assert not index.write([answered]).failed
    assert topic_answer(services, reader, "cadastre").questions == ()


def test_what_was_answered_takes_no_place_of_what_waits(tmp_path: Path) -> None:
    """A topic's page has as many open questions as it offers, and in their order."""
    asked = [f"q{n:02}" for n in range(2 * READ_FIRST + 2)]
    index = EmbeddedIndex(tmp_path / "many", ENCODER.dimension)
    assert not index.write([note(one, f"Quel cadastre, {one} ?", ASKER) for one in asked]).failed
    with opened(tmp_path, index) as services:
        reader = reader_of("ag-1", services.people, TODAY)
        waiting = topic_answer(services, reader, "cadastre").view.questions
        assert {*waiting} == {f"wiki:{one}" for one in asked}
        since = waiting[: READ_FIRST + 1]
        names = [id_.removeprefix("wiki:") for id_ in since]
        answered = [note(one, f"Quel cadastre, {one} ?", ASKER, ACCEPTED) for one in names]
        assert not index.write(answered).failed
        found = topic_answer(services, reader, "cadastre").questions
    assert [one.document_id for one in found] == list(waiting[READ_FIRST + 1 :][:READ_FIRST])


def test_nothing_that_the_reader_may_not_read(services: Services) -> None:
    """Who may read it meets it, so that its absence says something."""
    client = TestClient(create_app(services))
    assert "Zanzibar" not in client.get("/", headers={"x-agent": "ag-1"}).text
    inside = reader_of("ag-3", services.people, TODAY)
    inside = replace(inside, principals=inside.principals | {"ldap:group:x"})
    found = home(services, inside)
    assert "Le cadastre, Zanzibar" in [item.title for item, _ in news(services, inside).newest(9)]
    assert {"Où est Zanzibar ?", "Qui lit ce plan ?"} <= set(found.samples)


def test_who_has_no_topic_is_shown_where_to_begin(services: Services) -> None:
    """The questions of their place, and how to declare a topic; nothing is said to be new."""
    reader = reader_of("ag-2", services.people, TODAY)
    found = home(services, reader)
    assert (found.topics, news(services, reader).follows) == ((), False)
    assert found.samples == ("Qui garde la caisse ?",)
    page = TestClient(create_app(services)).get("/", headers={"x-agent": "ag-2"}).text
    assert 'href="/preferences#sujets"' in page
    assert "/suivis" not in page
