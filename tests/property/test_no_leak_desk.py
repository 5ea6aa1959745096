"""Between builds, whatever is withdrawn: every answer about who knows is what still stands.

One administration, built once. Hypothesis draws what becomes of documents and agents since;
pages, API and spreadsheets are held against a model of ten lines.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.values import EVERYONE, Access, Agent, EvidencePolicy
from expertise.build import BuildRules, build_expertise
from expertise.builds import SqlBuilds
from expertise.consent import Preference, PreferenceKind, SqlConsent
from expertise.current_build import BuildReader
from expertise.directory import SqlDirectory
from expertise.topics import Topic, TopicList
from indexer.ports import Index
from indexer.values import Put, PutAccess, Remove, Write
from quisait.clock import now
from search_api.app import Services, create_app
from search_api.audit.sql import SqlAudit
from search_api.engine import Search
from search_api.identity import principals
from search_api.identity.principals import Grant, Grants
from search_api.identity.readers import reader_of
from tests.builders import Listed
from tests.judging import engine_index
from tests.made_site import state_in
from tests.pages.test_animation import AGENTS, SUBJECTS, put
from tests.planted import ENCODER, TODAY
from tests.selection import examples

pytestmark = [pytest.mark.trust, pytest.mark.experts]

PLACES = ("22", "31", "59", "75", "13", "974")
"""Each in a region of its own."""
HELD = {"cadastre": range(10, 16), "regies": range(20, 24)}
"""Numbers of the holders, by topic: two documents each, and one fewer is no evidence."""
TOPICS = (Topic("cadastre", "cadastre"), Topic("regies", "régies"))
NAMES = {n: f"Nom{n:03}" for numbers in HELD.values() for n in numbers}
PEOPLE = {
    n: Agent(f"ag-{n}", "Jo", NAMES[n], departement=place, accounts=(f"wiki:a{n}",))
    for numbers in HELD.values()
    for n, place in zip(numbers, PLACES, strict=False)
}
CLUSTER = range(500, 506)
"""Documents of a subject that no topic covers: five at least make a proposal."""
ANIMATOR, READER = "ag-1", "ag-5"
GRANTS = Grants((Grant(principals.Role.ANIMATOR, frozenset({ANIMATOR}), topics=frozenset("*")),))

DOCUMENT_STATES = ("removed", "narrowed", "denied", "uncounted")
AGENT_STATES = ("unlisted", "departed", "without accounts", "refusing", "withdrawn")


def documents_of(number: int) -> tuple[int, int]:
    return 10 * number, 10 * number + 1


def title(number: int) -> str:
    holder = number // 10
    return f"{'Le cadastre' if holder in HELD['cadastre'] else 'Les régies'}, zz{number}"


def originals() -> dict[int, Put]:
    """All documents, by number; subjects and notes apart as `test_animation` has them."""
    held = {
        n: put(n, title(n), 3 if holder in HELD["cadastre"] else 12, holder)
        for holder in PEOPLE
        for n in documents_of(holder)
    }
    clusters = {
        n: put(n, f"Le {subject}, zz{n}", place, 4)
        for place, subject in enumerate(SUBJECTS)
        for n in (CLUSTER if place == 0 else range(500 + 10 * place, 506 + 10 * place))
    }
    return {**held, **clusters, **{n: put(n, f"Divers {n}", n - 396, 4) for n in range(400, 408)}}


@dataclass
class World:
    """The application, and what its state is changed by."""

    index: Index
    book: SqlDirectory
    consent: SqlConsent
    app: Any

    def become(self, documents: Mapping[int, str], agents: Mapping[int, str]) -> None:
        """Everything as it was built, but for these."""
        kept = originals()
        writes = [_written(kept[n], documents.get(n, "")) for n in sorted(kept)]
        assert not self.index.write(writes).failed
        people = {n: _living(one, agents.get(n, "")) for n, one in PEOPLE.items()}
        self.book.replace(Listed(*AGENTS, *people.values()))
        for n in PEOPLE:
            for wish in (_refusal(n), Preference(f"ag-{n}", PreferenceKind.WITHDRAW)):
                state = "refusing" if wish.kind is PreferenceKind.REFUSE else "withdrawn"
                if agents.get(n) == state:
                    self.consent.ask(wish)
                else:
                    self.consent.take_back(wish)

    def ask(self, path: str, agent: str = READER) -> Any:
        """The body, or the text of what is no JSON."""
        found = TestClient(self.app, headers={"x-agent": agent}).get(path)
        assert found.status_code == 200, path
        return found.json() if path.startswith("/api") else found.text


def _refusal(number: int) -> Preference:
    topic = next(one for one in TOPICS if number in HELD[one.id])
    return Preference(f"ag-{number}", PreferenceKind.REFUSE, topic.id, (topic.label,))


def _written(one: Put, state: str) -> Write:
    id_ = one.indexed.document.id
    if state == "removed":
        return Remove(id_)
    if state == "narrowed":
        return PutAccess(id_, Access(frozenset({"ldap:group:z"})))
    if state == "denied":
        return PutAccess(id_, Access(frozenset({EVERYONE}), frozenset({"ldap:group:z"})))
    if state == "uncounted":
        document = replace(one.indexed.document, evidence=EvidencePolicy.NONE)
        return Put(replace(one.indexed, document=document, record_hash="changed since"))
    return one


def _living(agent: Agent, state: str) -> Agent:
    if state == "unlisted":
        return replace(agent, listed=False)
    if state == "departed":
        return replace(agent, departure=TODAY)
    return replace(agent, accounts=()) if state == "without accounts" else agent


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("desk")
    with (
        engine_index(request.param, folder, ENCODER.dimension) as index,
        state_in(folder) as engine,
    ):
        yield _world(index, engine)


def _world(index: Index, engine: sa.Engine) -> World:
    book, builds, consent = SqlDirectory(engine), SqlBuilds(engine), SqlConsent(engine, now)
    services = Services(
        Search(index, ENCODER, book),
        book,
        reader_of=lambda request: reader_of(request.headers.get("x-agent", ""), book, TODAY),
        today=lambda: TODAY,
        overview=BuildReader(builds, index, book, BuildRules(least_known=0)),
        grants=GRANTS,
        audit=SqlAudit(engine, now),
    )
    made = World(index, book, consent, create_app(services))
    made.become({}, {})
    built = build_expertise(index, book, ENCODER, TOPICS, BuildRules(least_known=0), TODAY)
    builds.publish(built, TopicList(TOPICS))
    accepted = TestClient(made.app, headers={"x-agent": ANIMATOR}).post(
        "/api/v1/animation/communities/cadastre", json={"verdict": "accept"}
    )
    assert accepted.status_code == 204
    long_ago = SqlConsent(engine, lambda: datetime(2020, 1, 1, tzinfo=UTC))
    for person in PEOPLE.values():  # told of the invitation, and silent since
        long_ago.note_invitation(person.id, "cadastre", ("cadastre",))
    return made


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))


def check(world: World, documents: Mapping[int, str], agents: Mapping[int, str]) -> None:
    """Every answer against the model: a holder is who is there with both documents counted."""
    standing = {
        topic: [n for n in numbers if not agents.get(n) and _evidenced(n, documents)]
        for topic, numbers in HELD.items()
    }
    names = {topic: {f"Jo {NAMES[n]}" for n in some} for topic, some in standing.items()}
    counts = {topic: len(some) for topic, some in standing.items()}
    said = [world.ask(f"/topics/{one.id}") for one in TOPICS]  # with their maps
    for topic in HELD:
        body = world.ask(f"/api/v1/topics/{topic}")
        assert {one["agent"]["name"] for one in body["holders"]} == names[topic]
        areas = {row["territoire"]: row for row in rows(world.ask(f"/coverage.csv?topic={topic}"))}
        held = {code for code, row in areas.items() if row["personnes"] != "0" and code in PLACES}
        assert held == {PEOPLE[n].departement for n in standing[topic]}
        said.append(repr(body))
    coverage = world.ask("/api/v1/coverage")
    assert {r["topic"]["id"]: r["holders"]["agents"] for r in coverage["topics"]} == counts
    table = rows(world.ask("/coverage.csv"))
    assert {row["sujet"]: int(row["personnes"]) for row in table} == counts
    alone = rows(world.ask("/isolation.csv"))
    assert {row["agent"] for row in alone} == names["cadastre"] | names["regies"]
    for n in standing["cadastre"][:2]:
        peers = world.ask(f"/api/v1/agents/ag-{n}/peers")
        assert {one["agent"]["name"] for one in peers["peers"]} == names["cadastre"] - {
            f"Jo {NAMES[n]}"
        }
        members = [{one["name"] for one in c["members"]} for c in peers["communities"]]
        assert members == ([names["cadastre"]] if counts["cadastre"] > 1 else [])
        said += [repr(peers), world.ask(f"/agents/ag-{n}"), world.ask(f"/peers?agent=ag-{n}")]
    waiting = world.ask("/api/v1/animation/communities", ANIMATOR)["proposed"]
    shown = [{one["name"] for one in community["members"]} for community in waiting]
    assert shown == ([names["regies"]] if counts["regies"] >= 3 else [])
    proposals = world.ask("/api/v1/animation/proposals", ANIMATOR)["proposals"]
    subjects = {one["terms"][0]: one["documents"] for one in proposals}
    still = sum(n not in documents for n in CLUSTER)
    assert subjects.get(SUBJECTS[0], 0) == (still if still >= 5 else 0)
    said += [repr(proposals), repr(alone), repr(waiting), repr(coverage)]
    said += [
        world.ask("/isolation"),
        world.ask("/coverage"),
        world.ask("/animation", ANIMATOR),
    ]
    said.append(repr(world.ask("/api/v1/animation/risks", ANIMATOR)))
    _nothing_else(" ".join(said), documents, standing)


def _evidenced(number: int, documents: Mapping[int, str]) -> bool:
    return not any(n in documents for n in documents_of(number))


def _nothing_else(
    text: str, documents: Mapping[int, str], standing: Mapping[str, list[int]]
) -> None:
    """No title of what is closed, no name of who does not stand."""
    for number, state in documents.items():
        assert state == "uncounted" or f"zz{number}" not in text
    there = {n for some in standing.values() for n in some}
    for number, name in NAMES.items():
        assert (name in text) == (number in there), number


DOCUMENTS = st.sampled_from(
    sorted([n for holder in PEOPLE for n in documents_of(holder)] + list(CLUSTER))
)
CHANGES = st.dictionaries(DOCUMENTS, st.sampled_from(DOCUMENT_STATES), max_size=8)
DEPARTURES = st.dictionaries(
    st.sampled_from(sorted(PEOPLE)), st.sampled_from(AGENT_STATES), max_size=4
)


def test_the_draw_is_worth_something(world: World) -> None:
    """With nothing withdrawn all are shown; each kind of withdrawal is tried by itself."""
    world.become({}, {})
    check(world, {}, {})
    for place, state in enumerate(DOCUMENT_STATES):
        changed = {documents_of(10 + place)[0]: state, CLUSTER[place]: state}
        world.become(changed, {})
        check(world, changed, {})
    gone = dict(zip(HELD["cadastre"], AGENT_STATES, strict=False))
    world.become({}, gone)
    check(world, {}, gone)


@settings(examples(5, 50), suppress_health_check=list(HealthCheck))
@given(changes=CHANGES, gone=DEPARTURES)
def test_every_answer_is_what_still_stands(
    world: World, changes: dict[int, str], gone: dict[int, str]
) -> None:
    """Profiles, counts, maps, spreadsheets, peers, communities and the desk, at once."""
    world.become(changes, gone)
    check(world, changes, gone)
