"""The animator's desk: what to watch, what is proposed; nothing appears by itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from connectors.values import Agent, Contribution, ContributorRole
from expertise import build_tables
from expertise.build import BuildRules, build_expertise
from expertise.builds import SqlBuilds
from expertise.consent import Preference, PreferenceKind, SqlConsent
from expertise.current_build import BuildReader
from expertise.decisions import apply_decisions
from expertise.directory import SqlDirectory
from expertise.topics import Topic, TopicKind, TopicList
from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from indexer.values import Put, PutAccess, Remove
from quisait.application.database import migrate
from quisait.clock import now
from search_api.app import Services, create_app
from search_api.audit.port import Audit
from search_api.audit.sql import SqlAudit
from search_api.engine import Search
from search_api.identity import principals
from search_api.identity.principals import Grant, Grants
from search_api.identity.readers import reader_of
from search_api.wording import RISKS
from tests.builders import allowed, indexed, make_document
from tests.made_once import copy_made
from tests.made_site import made_site
from tests.opensearch_index import fresh_index
from tests.planted import ENCODER, TODAY

pytestmark = [pytest.mark.pages, pytest.mark.experts]

LISTED = TopicList(
    (
        Topic("cadastre", "cadastre"),
        Topic("regies", "régies"),
        Topic("m/geometre", "géomètre", kind=TopicKind.METIER),
        Topic("m-cuisinier", "cuisinier", kind=TopicKind.METIER),
    )
)
SUBJECTS = ("pilotage de drone", "archives communales", "octroi de mer")
AGENTS = tuple(
    Agent(f"ag-{n}", "Jo", name, departement="22", accounts=(f"wiki:a{n}",), **fields)
    for n, name, fields in (
        (1, "Animatrice", {}),
        (2, "Partante", {"departure": TODAY + timedelta(days=30)}),
        (3, "Discrète", {"listed": False}),
        (4, "Pilote", {}),
        (5, "Lectrice", {}),
        (6, "Voisine", {}),
        (7, "Nationale", {}),
        (8, "Administratrice", {}),
    )
)
ALONE = tuple(
    Agent(f"ag-{n}", "Jo", name, metier, departement=place)
    for n, (name, metier, place) in enumerate(
        (
            ("Breton", "géomètre", "35"),
            ("Occitan", "géomètre", "31"),
            ("Picard", "géomètre", "80"),
            ("Réunion", "géomètre", "974"),
            ("Rôti", "cuisinier", "35"),
            ("Sauce", "cuisinier", "31"),
            ("Tarte", "cuisinier", "80"),
        ),
        10,
    )
)
"""The only ones of their métier in their regions."""


def animator(agent: str, topic: str, *communities: str) -> Grant:
    return Grant(
        principals.Role.ANIMATOR,
        agents=frozenset({agent}),
        topics=frozenset({topic}),
        communities=frozenset(communities),
    )


GRANTS = Grants(
    (
        animator("ag-1", "cadastre", "Réseau", "Annexe"),
        animator("ag-6", "cadastre", "Annexe"),
        animator("ag-7", "*"),
        animator("ag-8", "regies"),
        Grant(principals.Role.ADMINISTRATOR, agents=frozenset({"ag-8"})),
        animator("ag-1", "m/geometre"),
    )
)


def put(number: int, title: str, direction: int, author: int, space: str = "Réseau") -> Put:
    """A note whose vector points mostly one way."""
    draw = np.random.default_rng(number)
    vector = np.eye(1, ENCODER.dimension, direction) + 0.02 * draw.standard_normal(
        (1, ENCODER.dimension)
    )
    vector /= np.linalg.norm(vector)
    row = Contribution(f"wiki:a{author}", ContributorRole.AUTHOR, last=TODAY)
    document = make_document(f"wiki:{number}", title=title, contributions=(row,), space=space)
    return Put(replace(indexed(document, "Un texte."), vectors=vector.astype(np.float32)))


def notes() -> list[Put]:
    """Six notes for each subject, by two agents of whom one is not listed; two of cadastre."""
    subjects = [
        put(6 * s + n, f"Le {subject}, étape {'abcdef'[n]}", s, 4 if n % 2 else 3)
        for s, subject in enumerate(SUBJECTS)
        for n in range(6)
    ]
    apart = [put(40 + n, f"Divers {n}", 4 + n, 4) for n in range(8)]
    return [*subjects, *apart, *(put(60 + n, "Le cadastre", 3, 2) for n in range(2))]


@dataclass
class Desk:
    """An administration, built; `build` makes the next one."""

    index: Index
    services: Services
    builds: SqlBuilds
    book: SqlDirectory
    engine: sa.Engine

    def build(self) -> None:
        listed = apply_decisions(LISTED, self.builds.decisions.all())
        made = build_expertise(self.index, self.book, ENCODER, listed.topics, BuildRules(), TODAY)
        self.builds.publish(made, listed)

    def client(self, agent: str = "ag-1") -> TestClient:
        headers = {"x-agent": agent}
        return TestClient(create_app(self.services), headers=headers, follow_redirects=False)

    def proposed(self, agent: str = "ag-1") -> dict[str, str]:
        """Ids of the proposals, by the first term."""
        body = self.client(agent).get("/api/v1/animation/proposals").json()
        return {one["terms"][0]: one["id"] for one in body["proposals"]}


def make_desk(folder: Path) -> None:
    """The index, and the state with the directory and a build."""
    fill_desk(EmbeddedIndex(folder / "index", ENCODER.dimension), folder)


def fill_desk(index: Index, folder: Path) -> None:
    assert not index.write(notes()).failed
    with made_site(folder, index, (*AGENTS, *ALONE), LISTED.topics):
        pass


@pytest.fixture(scope="module")
def shared_index() -> Iterator[Index]:
    with fresh_index(ENCODER.dimension) as made:
        yield made


@pytest.fixture(params=["embedded", "opensearch"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    if request.param == "embedded":
        copy_made(tmp_path, make_desk)
        index: Index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    else:
        index = request.getfixturevalue("shared_index")
        fill_desk(index, tmp_path)
    engine = migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"))
    book, builds = SqlDirectory(engine), SqlBuilds(engine)
    services = Services(
        Search(index, ENCODER, book),
        book,
        reader_of=lambda request: reader_of(request.headers.get("x-agent", ""), book, TODAY),
        today=lambda: TODAY,
        overview=BuildReader(builds, index, book, BuildRules()),
        grants=GRANTS,
        audit=SqlAudit(engine, now),
    )
    yield Desk(index, services, builds, book, engine)
    engine.dispose()


def test_nothing_appears_by_itself(desk: Desk) -> None:
    """Proposals stand on the desk, with their documents and who may be named; no topic is new."""
    assert set(desk.proposed()) == set(SUBJECTS)
    page = desk.client().get("/animation").text
    assert page.count('<article class="candidate">') == len(SUBJECTS)
    assert "Jo Pilote" in page
    assert "Discrète" not in page
    for path in ("/coverage", "/api/v1/topics"):
        assert "drone" not in desk.client().get(path).text


def test_an_accepted_subject_becomes_a_topic_at_the_next_build(desk: Desk) -> None:
    """Under the name that was given; it is proposed no more, and can be taken back."""
    client, id_ = desk.client(), desk.proposed()["octroi de mer"]
    made = client.post(
        f"/api/v1/animation/proposals/{id_}", json={"verdict": "accept", "label": "octroi de mer"}
    ).json()
    assert "octroi" not in client.get("/api/v1/topics").text
    desk.build()
    assert "octroi de mer" in client.get("/api/v1/topics").text
    holders = client.get(f"/api/v1/topics/{made['topic_id']}").json()["holders"]
    assert [one["agent"]["id"] for one in holders] == ["ag-4"]
    assert "octroi de mer" not in desk.proposed()
    assert client.delete(f"/api/v1/animation/decisions/{made['id']}").status_code == 204
    desk.build()
    assert "octroi de mer" in desk.proposed()


def test_a_refused_subject_is_not_proposed_again(desk: Desk) -> None:
    """Not by the next build either, though it has grown."""
    id_ = desk.proposed()["pilotage de drone"]
    done = desk.client().post(f"/animation/proposals/{id_}", data={"verdict": "refuse"})
    assert done.status_code == 303
    assert "drone" not in desk.proposed()
    assert "refusé" in desk.client().get("/animation").text
    more = [put(100 + n, "Le pilotage de drone, plus tard", 0, 4) for n in range(3)]
    assert not desk.index.write(more).failed
    desk.build()
    assert set(desk.proposed()) == {"archives communales", "octroi de mer"}
    desk.index.write([Remove(f"wiki:{100 + n}") for n in range(3)])


def test_a_merged_subject_is_another_name(desk: Desk) -> None:
    """Of a topic that one animates, and of no other."""
    path = f"/api/v1/animation/proposals/{desk.proposed()['archives communales']}"
    asked = {"verdict": "merge", "into": "regies"}
    assert desk.client().post(path, json=asked).status_code == 403
    assert desk.client().post(path, json={**asked, "into": "cadastre"}).status_code == 200
    desk.build()
    body = desk.client().get("/api/v1/topics/cadastre").json()
    assert body["alt_labels"] == ["archives communales"]
    assert len(body["documents"]) == 8


@pytest.mark.parametrize("moved", [["Annexe"], ["Annexe", "Autre"], ["Annexe", ""]], ids=str)
def test_a_proposal_is_decided_by_who_animates_all_that_it_touches(
    desk: Desk, moved: list[str]
) -> None:
    """To everybody else it is not there: not on the page, nor in the API, nor to be undone."""
    id_ = desk.proposed()["octroi de mer"]
    spaces = dict(zip((12, 13), moved * 2, strict=False))
    desk.index.write([put(n, f"Le octroi de mer, étape {'ab'[n % 2]}", 2, 3 + n % 2, space)
                      for n, space in spaces.items()])  # fmt: skip
    desk.build()
    id_ = desk.proposed("ag-7")["octroi de mer"]
    theirs = {"ag-7", "ag-8"} | ({"ag-1"} if moved == ["Annexe"] else set())
    refuse = {"verdict": "refuse"}
    path = f"animation/proposals/{id_}"
    for agent in ("ag-1", "ag-6", "ag-7", "ag-8"):
        page = desk.client(agent).get("/animation").text
        assert ("octroi de mer" in page) is (agent in theirs)
        assert ("octroi de mer" in desk.proposed(agent)) is (agent in theirs)
        if agent not in theirs:
            assert desk.client(agent).post(f"/api/v1/{path}", json=refuse).status_code == 404
            assert desk.client(agent).post(f"/{path}", data=refuse).status_code == 404
    assert desk.builds.decisions.all() == ()
    made = desk.client("ag-8").post(f"/api/v1/{path}", json=refuse).json()["id"]
    for agent in ("ag-6", "ag-1", "ag-7"):
        told = desk.client(agent).get("/api/v1/animation/proposals").json()["decisions"]
        assert bool(told) is (agent in theirs)
        if agent not in theirs:
            undo = f"/api/v1/animation/decisions/{made}"
            assert desk.client(agent).delete(undo).status_code == 404
    assert desk.client("ag-7").post(f"/animation/decisions/{made}/forget").status_code == 303
    assert desk.builds.decisions.all() == ()


def test_who_decided_what_is_in_the_audit(desk: Desk) -> None:
    """The verdict and the proposal, before it is kept; the taking back too."""
    id_ = desk.proposed()["octroi de mer"]
    client, audit = desk.client(), desk.services.audit
    body = client.post(f"/api/v1/animation/proposals/{id_}", json={"verdict": "refuse"}).json()
    newest = audit.newest(1)[0]
    assert (newest.actor, newest.reading, newest.subject) == (
        "ag-1",
        "proposal refuse",
        f"proposal_id:{id_}",
    )
    client.delete(f"/api/v1/animation/decisions/{body['id']}")
    assert audit.newest(1)[0].subject == f"decision_id:{body['id']}"
    blind = replace(desk.services, audit=Audit())
    app = TestClient(create_app(blind), headers={"x-agent": "ag-1"})
    refused = app.post(f"/api/v1/animation/proposals/{id_}", json={"verdict": "refuse"})
    assert refused.status_code == 503
    assert desk.builds.decisions.all() == ()


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"verdict": "accept", "label": " "}, 422),
        ({"verdict": "accept", "label": "le la les"}, 422),
        ({"verdict": "accept", "label": "x" * 121}, 422),
        ({"verdict": "accept", "label": "Cadastre"}, 422),
        ({"verdict": "merge", "into": "rien"}, 403),
        ({"verdict": "peut-être"}, 422),
        ({}, 422),
    ],
    ids=str,
)
def test_what_cannot_be_decided(desk: Desk, asked: dict[str, str], status: int) -> None:
    """A problem, and nothing is kept."""
    path = f"/api/v1/animation/proposals/{desk.proposed()['octroi de mer']}"
    assert desk.client().post(path, json=asked).status_code == status
    assert desk.builds.decisions.all() == ()
    unknown = {"verdict": "refuse"}
    assert desk.client().post("/api/v1/animation/proposals/rien", json=unknown).status_code == 404
    assert desk.client().delete("/api/v1/animation/decisions/rien").status_code == 404


def test_what_is_at_risk(desk: Desk) -> None:
    """Of one's own topics: one holder, who leaves soon. The departure stands nowhere else."""
    (row,) = desk.client().get("/api/v1/animation/risks").json()["topics"]
    assert (row["topic"]["id"], row["risks"]) == ("cadastre", ["one_holder", "leaving"])
    assert [one["agent"]["name"] for one in row["leaving"]] == ["Jo Partante"]
    departure = AGENTS[1].departure
    assert departure is not None
    assert departure.isoformat() == row["leaving"][0]["departure"]
    for path in ("/api/v1/coverage", "/api/v1/agents/ag-2", "/api/v1/topics/cadastre"):
        assert departure.isoformat() not in desk.client().get(path).text


GEOMETERS = "/api/v1/animation/communities/m/geometre"


def shown_communities(desk: Desk, agent: str = "ag-10") -> list[list[str]]:
    """Members' names of each community that an agent and every other reader are shown."""
    body = desk.client("ag-5").get(f"/api/v1/agents/{agent}/peers").json()
    names = [[one["name"] for one in shown["members"]] for shown in body["communities"]]
    page = desk.client("ag-5").get("/coverage").text
    assert bool(names) == ("entre régions" in page)
    return names


def waiting(desk: Desk) -> list[str]:
    body = desk.client().get("/api/v1/animation/communities").json()
    return [one["topics"][0]["id"] for one in body["proposed"]]


def test_a_community_waits_for_the_animator_of_its_topic(desk: Desk) -> None:
    """On the desk alone, and only those of one's own topics; nobody else decides."""
    assert waiting(desk) == ["m/geometre"]
    assert desk.client().get("/animation").text.count('action="/animation/communities/') == 1
    assert shown_communities(desk) == []
    word = {"verdict": "accept"}
    assert desk.client("ag-5").post(GEOMETERS, json=word).status_code == 403
    other = GEOMETERS.replace("m/geometre", "m-cuisinier")
    assert desk.client().post(other, json=word).status_code == 404
    assert desk.client().post(GEOMETERS, json={"verdict": "rien"}).status_code == 422
    assert desk.client("ag-5").get("/api/v1/animation/communities").status_code == 403


def tell_members(desk: Desk) -> None:
    """Each was told of the invitation long ago, and did not refuse."""
    consent = SqlConsent(desk.engine, lambda: datetime(2020, 1, 1, tzinfo=UTC))
    for number in range(10, 14):
        consent.note_invitation(f"ag-{number}", "m/geometre", ("géomètre",))


def test_an_accepted_community_has_the_members_who_consent(desk: Desk) -> None:
    """Shown after a notice; who refuses the topic or withdraws is gone at once; it is undone."""
    assert desk.client().post(GEOMETERS, json={"verdict": "accept"}).status_code == 204
    assert members_of(desk) == []
    tell_members(desk)
    everybody = ["Jo Occitan", "Jo Breton", "Jo Picard", "Jo Réunion"]
    assert shown_communities(desk) == [everybody]
    consent = SqlConsent(desk.engine, now)
    refusal = Preference("ag-13", PreferenceKind.REFUSE, "m/geometre", ("géomètre",))
    consent.ask(refusal)
    assert shown_communities(desk) == [everybody[:3]]
    desk.build()
    assert shown_communities(desk) == [everybody[:3]]
    withdrawn = Preference("ag-12", PreferenceKind.WITHDRAW)
    consent.ask(withdrawn)
    assert "Picard" not in desk.client("ag-5").get("/coverage").text
    for wish in (refusal, withdrawn):
        consent.take_back(wish)
    desk.build()
    assert shown_communities(desk) == [everybody]
    assert waiting(desk) == []
    taken_back = desk.client().post(GEOMETERS, json={"verdict": "forget"})
    assert taken_back.status_code == 204
    assert shown_communities(desk) == []
    assert waiting(desk) == ["m/geometre"]


def test_a_refused_community_never_comes_back(desk: Desk) -> None:
    """Nor at the next build; a decision is forgotten once."""
    form = desk.client().post(GEOMETERS.removeprefix("/api/v1"), data={"verdict": "refuse"})
    assert form.status_code == 303
    for _ in range(2):
        assert waiting(desk) == []
        assert shown_communities(desk) == []
        desk.build()
    assert 'name="verdict" value="forget"' in desk.client().get("/animation").text
    statuses = [
        desk.client().post(GEOMETERS, json={"verdict": "forget"}).status_code for _ in range(2)
    ]
    assert statuses == [204, 404]


def test_what_is_no_longer_open_is_no_longer_proposed(desk: Desk) -> None:
    """Between builds: a narrowed document takes its words along, too few take the subject."""
    puts = {one.indexed.document.id: one for one in notes()}
    secret = allowed("ldap:group:z")
    desk.index.write([PutAccess(f"wiki:{n}", secret) for n in range(2)])
    assert "pilotage de drone" not in desk.proposed()
    assert "drone" not in desk.client().get("/animation").text
    id_ = desk.proposed()["octroi de mer"]
    desk.client().post(f"/api/v1/animation/proposals/{id_}", json={"verdict": "refuse"})
    assert "octroi" in desk.client().get("/animation").text
    desk.index.write([PutAccess("wiki:12", secret)])
    assert "octroi" not in desk.client().get("/animation").text
    desk.index.write([puts[f"wiki:{n}"] for n in (0, 1, 12)])


def members_of(desk: Desk, reader: str = "ag-5") -> list[str]:
    """Of the community's page, and the same of what its first member's profile shows."""
    page = desk.client(reader).get("/communities/m/geometre")
    if page.status_code == 404:
        return []
    listed = page.text.partition('id="membres"')[2].partition("</section>")[0]
    return re.findall(r'class="person"[^>]*>Jo ([^<]*)<', listed)


def test_a_community_has_a_page_and_is_joined_and_left(desk: Desk) -> None:
    """By oneself alone; each is undone, and every page says the same of the members."""
    desk = replace(desk, services=replace(desk.services, consent=SqlConsent(desk.engine, now)))
    assert members_of(desk) == []
    assert desk.client("ag-5").post("/communities/m/geometre", data={"act": "join"}).is_error
    desk.client().post(GEOMETERS, json={"verdict": "accept"})
    tell_members(desk)
    holders = ["Occitan", "Breton", "Picard", "Réunion"]
    assert members_of(desk) == holders

    def act(agent: str, act: str) -> str:
        answer = desk.client(agent).post("/communities/m/geometre", data={"act": act})
        assert answer.status_code == 303
        return answer.headers["location"]

    assert act("ag-5", "join") == "/communities/m%2Fgeometre"
    assert act("ag-3", "join") == "/communities/m%2Fgeometre"
    assert members_of(desk) == ["Lectrice", *holders]
    assert [f"Jo {name}" for name in members_of(desk)] == shown_communities(desk)[0]
    assert "Rejoindre" in desk.client("ag-4").get("/communities/m/geometre").text
    assert "Quitter" in desk.client("ag-5").get("/communities/m/geometre").text
    assert act("ag-10", "leave") == "/communities/m%2Fgeometre"
    assert "Breton" not in members_of(desk)
    for path in ("/coverage", "/api/v1/agents/ag-11", "/agents/ag-5"):
        page = desk.client("ag-5").get(path).text
        assert "Lectrice" in page
    assert 'name="kind" value="join"' in desk.client("ag-5").get("/preferences").text
    assert act("ag-5", "leave") == "/communities/m%2Fgeometre"
    assert act("ag-11", "leave") == "/preferences#communautes"
    assert members_of(desk) == []
    undo = {"act": "take_back", "kind": "leave", "subject": "m/geometre"}
    for agent in ("ag-10", "ag-11"):
        assert "Annuler ce choix" in desk.client(agent).get("/preferences").text
        desk.client(agent).post("/mes-donnees", data=undo)
    assert members_of(desk) == holders


def test_the_trend_counts_ones_own_topics_month_by_month(desk: Desk) -> None:
    """The last build of each month, then the present one; topics alone, and never who."""
    table, day = build_tables.alone_topics, TODAY - timedelta(days=70)
    with desk.engine.begin() as connection:
        for made, ids in ((day, ("cadastre", "regies")), (day - timedelta(days=1), ())):
            rows = [{"day": made, "topic_id": id_} for id_ in ("", *ids)]
            connection.execute(sa.insert(table), rows)
    builds = desk.builds.alone_by_day()
    assert list(builds) == [day - timedelta(days=1), day, TODAY]
    page = desk.client().get("/animation").text
    rows = re.findall(r'<th scope="row">([^<]*)</th><td>(\d+) ', page.partition('"tendance"')[2])
    assert [int(count) for _, count in rows] == [1, int(RISKS["one_holder"] in page)]
    assert desk.client("ag-8").get("/animation").text.count("<meter") == 2
