"""Topics, isolation, coverage and peers: the API, the pages, and a real browser."""

import csv
import html
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from connectors.geography import DEPARTEMENTS, REGIONS
from connectors.values import Agent, ContactVia, Contribution, ContributorRole
from expertise.answer_values import AloneDegree, AreaCount, CappedCount
from expertise.build import BuildRules, build_expertise
from expertise.current_build import BuildReader
from expertise.holders import IsolationScope
from expertise.topics import Topic, TopicKind, TopicList
from expertise.values import Candidate, Degree, ScoreParts, TopicsOf
from expertise.who_knows import Experts
from indexer.embedded.index import EmbeddedIndex
from indexer.values import Put
from quisait.commands.answers import tell_incomplete
from search_api.app import Services, create_app
from search_api.audit.sql import SqlAudit
from search_api.identity.principals import Grant, Grants, Role
from search_api.identity.readers import reader_of
from search_api.people.agents import agent_peers
from search_api.topics import isolation
from search_api.topics import routes as topics
from search_api.topics.maps import (
    departement_places,
    region_places,
)
from search_api.topics.service import topic_to_go_on_from
from search_api.wording import alone, basis
from tests.builders import allowed, indexed, make_document
from tests.made_site import made_site
from tests.pages.conftest import served
from tests.pages.test_browser import opened
from tests.planted import ENCODER, TODAY

pytestmark = [pytest.mark.pages, pytest.mark.experts]

RULES = BuildRules(least_known=0)
"""So few people are no sample: whoever is alone among them is called so."""
TOPICS = (
    Topic("urn:sujet/cadastre", "cadastre", ("arpentage",)),
    Topic("regies", "régies", theme="Dépense", definition="Des caisses hors du comptable."),
    Topic("m-geometre", "géomètre", kind=TopicKind.METIER),
)


def agent(number: int, name: str, departement: str, metier: str = "", **fields: object) -> Agent:
    return Agent(
        f"ag-{number}",
        "Jo",
        name,
        metier,
        departement=departement,
        email=f"ag-{number}@finances.example",
        accounts=(f"wiki:a{number}",),
        **fields,  # type: ignore[arg-type]
    )


HERE = {"entity": "DGFiP/DDFiP 48/SIP Mende", "office": "Mende"}
AGENTS = (
    agent(
        1,
        "Seule",
        "22",
        "géomètre",
        arrival=TODAY - timedelta(days=1),
        skills=("cadastre", "drones", "latin"),
        skills_confirmed=("drones",),
        skills_declared=TODAY - timedelta(days=400),
    ),
    agent(2, "Loin", "974", "géomètre", contact_via=ContactVia.SERVICE, contact="srv@fin.example"),
    agent(3, "=Formule", "48", **HERE),
    agent(4, "Discrète", "29", "géomètre", listed=False, **HERE),
    agent(5, "Lectrice", "48", **HERE),
    agent(6, "Secrète", "93"),
    agent(7, "Partie", "93", departure=TODAY, **HERE),
)


def note(
    number: int,
    title: str,
    author: int,
    role: ContributorRole = ContributorRole.AUTHOR,
    **fields: object,
) -> Put:
    rows = (Contribution(f"wiki:a{author}", role, last=TODAY),)
    document = make_document(
        f"wiki:{number}",
        title=title,
        url=f"https://wiki.example/{number}",
        contributions=rows,
        **fields,
    )
    return Put(indexed(document, "Un texte."))


def notes() -> list[Put]:
    secret = allowed("ldap:group:x")
    return [
        *(note(n, f"Le cadastre, partie {n}", 1) for n in range(2)),
        *(note(n, f"L'arpentage, partie {n}", 2) for n in range(2, 4)),
        *(note(n, f"Les régies, partie {n}", 3) for n in range(4, 6)),
        *(note(n, f"Les régies, Zanzibar {n}", 6, access=secret) for n in range(6, 8)),
        note(8, "Une question de cadastre", 5, ContributorRole.ASKER),
    ]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder: Path = tmp_path_factory.mktemp("topics")
    index = EmbeddedIndex(folder / "index", ENCODER.dimension)
    assert not index.write(notes()).failed
    animator = Grant(Role.ANIMATOR, agents=frozenset({"ag-5"}), topics=frozenset({"*"}))
    with made_site(folder, index, AGENTS, TOPICS, RULES) as made:
        audit = SqlAudit(made.engine, lambda: datetime.now(UTC))
        yield made.services("ag-5", grants=Grants((animator,)), audit=audit)


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(create_app(services))


def test_who_is_alone(client: TestClient) -> None:
    """By area and name, with the next one and how far; an unlisted agent breaks no solitude."""
    body = client.get("/api/v1/isolation").json()
    rows = [(r["agent"]["name"], r["topic"]["label"], r["scope"]) for r in body["rows"]]
    assert rows == [
        ("Jo Seule", "cadastre", "region"),
        ("Jo Seule", "géomètre", "region"),
        ("Jo =Formule", "régies", "country"),
        ("Jo Loin", "cadastre", "region"),
        ("Jo Loin", "géomètre", "region"),
    ]
    assert body["rows"][0]["next"]["name"] == "Jo Loin"
    assert 9_000 < body["rows"][0]["distance_km"] < 10_000
    assert body["rows"][2]["next"] is None
    assert [one["degree"] for one in body["rows"]] == [
        "known",
        "metier",
        "known",
        "known",
        "metier",
    ]
    assert body["unclaimed"] == {"topics": [], "of": 3, "share": 0.0}
    assert body["build"] == {"state": "shown", "day": TODAY.isoformat()}
    narrowed = client.get("/api/v1/isolation?area=r53&topic=m-geometre").json()["rows"]
    assert [one["agent"]["id"] for one in narrowed] == ["ag-1"]


def test_that_a_topic_rests_on_one_is_a_risk_for_animators_alone(client: TestClient) -> None:
    """The list of topics names no such risk; who is alone stands on its own page."""
    found = client.get("/api/v1/coverage?area=48").json()["topics"]
    assert [one["risks"] for one in found if one["holders"]["agents"] == 1] == [[]]


def test_topics_stand_by_theme_and_metiers_apart(client: TestClient) -> None:
    """A field narrows them to what is typed, by any label and without accents."""

    def listed(query: str = "") -> list[str]:
        page = client.get(f"/coverage{query}").text.partition('id="table"')[2]
        found = re.findall(r'colspan="3">([^<]+)<|href="/topics/([^"]+)"', page)
        return [theme or topic for theme, topic in found]

    assert listed() == [
        *("Dépense", "regies"),
        *("Autres sujets", "urn:sujet%2Fcadastre"),
        *("Métiers", "m-geometre"),
    ]
    assert listed("?words=REGIES") == ["Dépense", "regies"]
    assert listed("?words=arpent") == ["Autres sujets", "urn:sujet%2Fcadastre"]
    assert listed("?words=rien") == []


def test_a_topics_page_says_what_it_is_and_why_each_document(client: TestClient) -> None:
    """The definition, where nobody is known, why a document is there, and who wrote it."""
    body = client.get("/api/v1/topics/regies").json()
    page = client.get("/topics/regies").text
    assert body["definition"] == "Des caisses hors du comptable."
    assert body["definition"] in page
    assert {(one["id"], one["why"], *one["holders"]) for one in body["documents"]} == {
        ("wiki:4", "title", "ag-3"),
        ("wiki:5", "title", "ag-3"),
    }
    nowhere = {one["code"] for one in body["nowhere"]}
    assert "r76" not in nowhere
    assert len(nowhere) == len(REGIONS) - 1
    assert "Bretagne" in page.partition('id="personnes"')[2].partition("</section>")[0]


def test_without_enough_people_nobody_is_called_alone(
    services: Services, client: TestClient
) -> None:
    """API, page and table say of no topic that somebody is alone on it, and why."""
    assert services.overview
    index, book, builds = services.overview.index, services.overview.book, services.overview.builds

    def published(rules: BuildRules) -> None:
        build = build_expertise(index, book, ENCODER, TOPICS, rules, TODAY)  # type: ignore[arg-type]
        builds.publish(build, TopicList(TOPICS))

    published(BuildRules(least_known=1))
    try:
        body = client.get("/api/v1/isolation").json()
        assert [one["id"] for one in body["unclaimed"]["topics"]] == [
            "urn:sujet/cadastre",
            "regies",
        ]
        assert (body["unclaimed"]["of"], 0 < body["unclaimed"]["share"] < 1) == (3, True)
        assert not [one for one in body["rows"] if one["degree"] == "known"]
        page = client.get("/isolation").text
        assert "Sur 2 sujets de 3" in page
        assert "Sur ce sujet, personne n’est dit seul" in client.get("/isolation?topic=regies").text
        assert "personne n’est dit seul" not in client.get("/isolation?topic=m-geometre").text
        assert "régies" not in client.get("/isolation.csv").text
    finally:
        published(RULES)


def test_who_knows_walks_over_the_topics_of_the_last_build(
    services: Services, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From API and pages; only documents that the reader may read are asked about."""
    assert services.overview
    assert services.overview.topics_of(["wiki:0"], TODAY)["wiki:0"][0][0] == "urn:sujet/cadastre"
    asked: list[set[str]] = []

    def topics_of(_: BuildReader, document_ids: Collection[str], today: date) -> TopicsOf:
        asked.append(set(document_ids))
        return {}

    monkeypatch.setattr(BuildReader, "topics_of", topics_of)
    for number, path in enumerate(("/api/v1/experts", "/experts", "/"), 1):
        assert client.get(f"{path}?q=cadastre Zanzibar").status_code == 200
        assert len(asked) == number, path
    assert all({"wiki:0"} <= one and not {"wiki:6", "wiki:7"} & one for one in asked)


def test_coverage_for_a_spreadsheet(client: TestClient) -> None:
    """An area's topics and a topic's areas; what is not listed answers 404, no area 422."""

    def rows(query: str) -> list[dict[str, str]]:
        told = client.get(f"/coverage.csv{query}")
        assert "couverture.csv" in told.headers["content-disposition"]
        return list(csv.DictReader(io.StringIO(told.text.removeprefix("\ufeff")), delimiter=";"))

    counts = {row["libelle"]: row["personnes"] for row in rows("")}
    assert counts == {"cadastre": "2", "géomètre": "2", "régies": "1"}
    assert {row["libelle"]: row["personnes"] for row in rows("?area=22")}["régies"] == "0"
    areas = {row["territoire"]: row["personnes"] for row in rows("?topic=regies")}
    assert areas == {"": "1", "r76": "1", "48": "1"}
    assert client.get("/coverage.csv?topic=rien").status_code == 404
    assert client.get("/coverage.csv?area=r999").status_code == 422


@pytest.mark.parametrize("area", ["", "22", "r53", "48"])
@pytest.mark.parametrize("topic", ["", "regies", "m-geometre"])
def test_whoever_asks_is_told_the_same(
    services: Services,
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    area: str,
    topic: str,
) -> None:
    """The page, the API, the spreadsheet and the command line show the rows of one answer."""
    monkeypatch.setattr(isolation, "_READ_AT_ONCE", 1)  # as a large administration is read
    rows = isolation.all_isolated_holders(services, area, topic).rows
    names = [one.agent.name for one in rows]
    asked = f"?area={area}&topic={topic}"
    body = client.get(f"/api/v1/isolation{asked}").json()["rows"]
    assert [one["agent"]["name"] for one in body] == names
    text = client.get(f"/isolation.csv{asked}").text.removeprefix("\ufeff")
    table = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [one["agent"].lstrip("'") for one in table] == names
    agents = isolation.isolated_agents(services, area, topic)
    assert {one.agent.name for one in agents.agents} == set(names)
    assert agents.rows == rows
    assert [one["d_apres"] for one in table] == [basis(one.basis) for one in rows]
    if topic:
        counts = {one.code: one for one in isolation.topic_coverage(services, "", topic).areas}
        nobody = AreaCount(area, CappedCount(0), CappedCount(0))
        assert agents.known == counts.get(area, nobody)
        page = client.get(f"/isolation{asked}").text
        shown = re.search(r"(\d+|personne)\s(?:personnes? connues?|de connu)\b", page)
        assert shown
        assert shown[1] == str(counts.get(area, nobody).holders.agents or "personne")


@pytest.mark.parametrize("area", ["", "48", "22"])
def test_a_topics_table_keeps_to_the_area_that_is_asked_for(client: TestClient, area: str) -> None:
    """As the API does: of one area, that one alone."""
    body = client.get(f"/api/v1/coverage?topic=regies&area={area}").json()["areas"]
    text = client.get(f"/coverage.csv?topic=regies&area={area}").text.removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [one["territoire"] for one in rows] == [one["area"]["code"] for one in body]
    assert {one["territoire"] for one in rows} <= ({area} if area else {"", "r76", "48"})


@pytest.mark.parametrize(
    ("degree", "named"),
    [(Degree.ANSWERED, None), (Degree.WROTE, None), (Degree.NEAR, "regies")],
)
def test_a_topic_to_go_on_from_is_named_where_nobody_is_certain(
    services: Services, degree: Degree, named: str | None
) -> None:
    """Also beside candidates, as long as none of them is sure."""
    agent = services.people.agent("ag-1")
    assert agent is not None
    one = Candidate(agent, 0.4, ScoreParts(0.4, 0.0, 1), (), degree=degree)
    experts = Experts((one,)) if one.sure else Experts(near=(one,))
    found = topic_to_go_on_from(services, "régies", experts)
    assert (found.id if found else None) == named


def test_a_command_says_what_may_be_missing(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the authorities that did not answer for this reader."""
    reader = services.reader_of(_asked_by("ag-5"))
    tell_incomplete(reader)
    assert capsys.readouterr().err == ""
    tell_incomplete(replace(reader, unanswered=frozenset({"ldap", "autre"})))
    assert "autre, ldap ne répond pas" in capsys.readouterr().err


def _asked_by(agent: str) -> Request:
    return Request({"type": "http", "headers": [(b"x-agent", agent.encode())]})


def test_coverage_both_ways(client: TestClient) -> None:
    """A topic area by area; an area topic by topic, with what is at risk."""
    areas = client.get("/api/v1/coverage?topic=urn:sujet/cadastre").json()["areas"]
    counts = {one["area"]["code"]: one["holders"]["agents"] for one in areas}
    assert counts == {"": 2, "r04": 1, "r53": 1, "22": 1, "974": 1}
    topics = client.get("/api/v1/coverage?area=22").json()["topics"]
    found = {one["topic"]["label"]: (one["holders"]["agents"], one["risks"]) for one in topics}
    assert found["cadastre"] == (1, ["open_questions"])
    assert found["régies"] == (0, ["nobody"])


def test_a_topic_and_its_peers(client: TestClient) -> None:
    """Documents to start with, the open question; peers by way of the service's mailbox."""
    body = client.get("/api/v1/topics/urn:sujet/cadastre").json()
    assert [one["agent"]["name"] for one in body["holders"]] == ["Jo Seule", "Jo Loin"]
    assert {one["id"] for one in body["documents"]} == {f"wiki:{n}" for n in range(4)}
    assert [one["id"] for one in body["questions"]] == ["wiki:8"]
    assert [one["label"] for one in body["related"]] == ["géomètre"]
    peers = client.get("/api/v1/agents/ag-1/peers").json()
    assert [one["agent"]["email"] for one in peers["peers"]] == ["srv@fin.example"]
    assert {one["strength"] for one in peers["topics"]} == {None}
    proofs = {one["topic"]["label"]: one["evidence"] for one in peers["topics"]}
    assert [one["document_id"] for one in proofs["cadastre"]] == ["wiki:0", "wiki:1"]
    assert proofs["cadastre"][0]["roles"] == ["author"]
    assert proofs["géomètre"] == []
    own = client.get("/api/v1/agents/ag-1/peers", headers={"x-agent": "ag-1"}).json()
    assert max(one["strength"] for one in own["topics"]) > 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/agents/ag-4", 404),
        ("/agents/ag-7", 404),
        ("/agents/ag-4/peers", 404),
        ("/agents/personne/peers", 404),
        ("/topics/rien", 404),
        ("/coverage?topic=rien", 404),
        ("/isolation?topic=rien", 404),
        ("/isolation?area=999", 422),
        ("/coverage?area=rBZH", 422),
        ("/isolation?offset=-1", 422),
    ],
)
def test_what_is_not_there(client: TestClient, path: str, status: int) -> None:
    """A problem, and for an unlisted agent the same one as for an unknown."""
    response = client.get(f"/api/v1{path}")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_a_profile_keeps_three_things_apart(client: TestClient) -> None:
    """Shown by documents, confirmed, declared; an old word is to be renewed unless shown."""
    body = client.get("/api/v1/agents/ag-1").json()
    assert body["agent"]["name"] == "Jo Seule"
    (shown,) = body["demonstrated"]
    assert (shown["topic"]["label"], shown["strength"]) == ("cadastre", None)
    assert {one["document_id"] for one in shown["evidence"]} == {"wiki:0", "wiki:1"}
    assert not any(one["former"] for one in shown["evidence"])
    assert body["metier"]["topic"]["label"] == "géomètre"
    assert [one["label"] for one in body["confirmed"]] == ["drones"]
    declared = {one["label"]: one["renew"] for one in body["declared"]}
    assert declared == {"cadastre": False, "latin": True}
    assert [one["agent"]["name"] for one in body["peers"]] == ["Jo Loin"]
    own = client.get("/api/v1/agents/ag-1", headers={"x-agent": "ag-1"}).json()
    assert own["demonstrated"][0]["strength"] > 1


def test_who_may_not_be_shown_is_as_unknown(client: TestClient) -> None:
    """Unlisted, departed and never heard of are the same answer; oneself alone is shown."""
    for path in ("/api/v1/agents/{}", "/agents/{}"):
        answers = {
            client.get(path.format(who)).text.replace(who, "X") for who in ("ag-4", "ag-7", "ag-99")
        }
        assert len(answers) == 1
    page = client.get("/agents/ag-4", headers={"x-agent": "ag-4"})
    assert (page.status_code, 'class="note"' in page.text) == (200, True)
    assert client.get("/agents/ag-7", headers={"x-agent": "ag-7"}).status_code == 401


def test_every_name_leads_to_its_page(client: TestClient) -> None:
    """In results, among colleagues, holders, peers and who is alone; never to who is not shown."""
    for path in ("/?q=cadastre", "/experts?q=cadastre", "/isolation", "/peers?agent=ag-2"):
        text = client.get(path).text
        assert 'href="/agents/ag-1' in text
        assert "/agents/ag-4" not in text


def test_where_nobody_is_known_the_nearest_topic_is(client: TestClient) -> None:
    """On the page and in the API; not where somebody is known, nor where nothing is near."""
    asked = {"q": "régies du Gers", "area": "75"}
    body = client.get("/api/v1/experts", params=asked).json()
    assert body["candidates"] == []
    assert body["nearest_topic"] == {"id": "regies", "label": "régies"}
    assert 'href="/topics/regies"' in client.get("/experts", params=asked).text
    known = client.get("/api/v1/experts", params={"q": "cadastre"}).json()
    assert known["candidates"]
    assert known["nearest_topic"] is None


def test_without_a_build_the_directory_speaks(services: Services) -> None:
    """Skills and post of who may be shown, no topic."""
    client = TestClient(create_app(replace(services, overview=None)))
    body = client.get("/api/v1/agents/ag-1").json()
    assert (body["build"]["state"], body["demonstrated"], body["peers"]) == ("none", [], [])
    assert body["confirmed"]
    assert "drones" in client.get("/agents/ag-1").text


def test_each_isolated_agent_has_one_row(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Topics alike in the rest stand together; the heading counts agents, and tells cases."""

    def rows(query: str = "") -> tuple[str, list[list[str]]]:
        page = client.get(f"/isolation{query}").text.partition('id="table"')[2]
        body = page.partition("<tbody")[2].partition("</tbody>")[0]
        return page, [re.findall(r">([^<>\n]+)</a>", one) for one in body.split("<tr")[1:]]

    page, found = rows()
    assert found == [
        ["Jo Seule", "cadastre", "Jo Loin", "géomètre", "Jo Loin"],
        ["Jo =Formule", "régies"],
        ["Jo Loin", "cadastre", "Jo Seule", "géomètre", "Jo Seule"],
    ]
    for degree in (AloneDegree.KNOWN, AloneDegree.METIER):
        assert alone(degree, IsolationScope.REGION) in page
    assert re.search(r"\b3\sagents\b", page)
    assert re.search(r"\b5\ssujets\b", page)
    page, found = rows("?topic=m-geometre")
    assert [names[:2] for names in found] == [["Jo Seule", "géomètre"], ["Jo Loin", "géomètre"]]
    assert re.search(r"\b2\sagents\b", page)
    assert not re.search(r"\d\ssujets\b", page)
    monkeypatch.setattr(topics, "SHOWN_AGENTS", 2)
    page, found = rows("?offset=2")
    assert [names[0] for names in found] == ["Jo Loin"]
    assert "Lignes 3 à 3." in page
    monkeypatch.setattr(
        isolation, "COUNTED_ROWS", 4
    )  # too many to be counted: pages of topics, by agent
    page, found = rows()
    assert found == [["Jo Seule", "cadastre", "Jo Loin", "géomètre", "Jo Loin"]]
    assert not re.search(r"\d\sagents\b", page)
    assert "offset=2" in page


def test_the_table_for_a_spreadsheet(client: TestClient) -> None:
    """Semicolons and a mark for French spreadsheets; no cell is a formula."""
    response = client.get("/isolation.csv")
    assert response.text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(response.text[1:]), delimiter=";"))
    assert [row["agent"] for row in rows if row["sujet"] == "régies"] == ["Jo =Formule"]
    assert rows[0]["distance_km"].isdigit()
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]


PATHS = [
    "/isolation",
    "/isolation?area=r53&topic=m-geometre",
    "/isolation?area=75",
    "/coverage",
    "/coverage?area=22",
    "/topics/urn:sujet/cadastre",
    "/topics/regies",
    "/peers",
    "/peers?agent=ag-1",
    "/agents/ag-1",
    "/agents/ag-5",
]
API = ["isolation", "coverage", "topics", "topics/regies", "coverage?topic=regies", "agents/ag-1"]


@pytest.mark.parametrize("path", [*PATHS, "/isolation.csv", *(f"/api/v1/{one}" for one in API)])
def test_no_trace_of_what_not_everybody_reads(client: TestClient, path: str) -> None:
    """Neither the restricted notes nor their author, nor who asked not to be listed."""
    for who in ("ag-5", "ag-6", "ag-1"):
        response = client.get(path, headers={"x-agent": who})
        assert response.status_code == 200
        for trace in ("Zanzibar", "Discrète", "ag-4", *(["Secrète"] if who != "ag-6" else [])):
            assert trace not in response.text


def test_nobody_unnamed_sees_anything(client: TestClient) -> None:
    """Without a reader: 401 on each of them."""
    for path in (*PATHS, "/isolation.csv", *(f"/api/v1/{one}" for one in API)):
        assert client.get(path, headers={"x-agent": "inconnu"}).status_code == 401


def test_without_a_build_the_pages_say_so(services: Services) -> None:
    """No list of topics, or a build too old: a sentence, and no names."""
    late = TODAY.replace(year=TODAY.year + 1)
    for app, said in (
        (create_app(replace(services, overview=None)), "Aucune cartographie"),
        (create_app(replace(services, today=lambda: late)), "trop ancienne"),
    ):
        client = TestClient(app)
        for path in (one for one in PATHS if not one.startswith("/agents/")):
            text = client.get(path).text
            assert said in text
            assert "Seule" not in text
        assert client.get("/api/v1/isolation").json()["rows"] == []
        assert client.get("/api/v1/topics/regies").status_code == 404


def test_the_map_is_the_country() -> None:
    """Each département and region is drawn once, apart from all others; north is above south."""
    places, regions = departement_places(), region_places()
    of = {place.code: place for place in places}
    assert len({(place.x, place.y) for place in places}) == len(of) == len(DEPARTEMENTS)
    assert of["59"].y < of["02"].y < of["66"].y
    assert of["29"].x < of["18"].x < of["67"].x
    assert len({(place.x, place.y) for place in regions}) == len(regions) == len(REGIONS)
    outlined = {place.code for place in places if place.outline}
    assert len(outlined) == 102
    assert {"971", "972", "973", "974", "975", "976", "2A", "75"} <= outlined
    assert len({place.code for place in regions if place.outline}) == 19


def test_deeper_is_more(client: TestClient) -> None:
    """A single holder, and a single isolated topic, stand in the lightest shade."""
    page = client.get("/topics/regies").text
    assert re.findall(r'class="tile (\w+)"[^>]*aria-label="Lozère \(48\)', page) == ["low"]
    page = client.get("/isolation").text
    assert re.findall(r'class="tile (\w+)"[^>]*aria-label="Lozère \(48\)', page) == ["low"]


def test_in_a_browser(chromium: Browser, services: Services) -> None:
    """The map leads to a département by keyboard; the table leads on; 320 px are enough."""
    with served(create_app(services)) as address, opened(chromium, address) as page:
        page.goto("/isolation")
        tile = page.get_by_role("link", name="Côtes-d'Armor (22) : 2")
        tile.focus()
        expect(tile).to_be_focused()
        expect(tile.locator(".name")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=2).nth(1)).to_contain_text("1 agent")
        page.get_by_role("link", name="cadastre").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("cadastre")
        expect(page.get_by_role("row")).to_have_count(3)
        page.get_by_role("link", name="Jo Seule").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Jo Seule")
        page.get_by_role("link", name="Tous ses pairs").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Pairs de Jo Seule")


def test_the_table_of_isolation_is_read_a_few_rows_at_a_time(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that are alone are counted and on the map; each row stands on one page."""
    whole = client.get("/isolation").text
    rows = len(re.findall(r'<tr role="row">\s*<td', whole))
    monkeypatch.setattr(topics, "SHOWN_AGENTS", rows - 1)
    first = client.get("/isolation").text
    assert re.findall(r"(\d+)\sagents seuls", first) == [str(rows)]
    assert _counted_on_map(first) == _counted_on_map(whole)
    (following,) = re.findall(r'href="(/isolation\?[^"#]*)#table">Suite', first)
    second = client.get(html.unescape(following)).text
    assert _counted_on_map(second) == _counted_on_map(whole)
    assert "Suite du tableau" not in second
    assert _table_rows(first) + _table_rows(second) == _table_rows(whole)
    beyond = client.get("/isolation?offset=1000").text
    assert _table_rows(beyond) == _table_rows(first)


def _table_rows(page: str) -> list[str]:
    return re.findall(r'<tr role="row">\s*<td.*?</tr>', page, re.DOTALL)


def _counted_on_map(page: str) -> str:
    found = re.search(r'id="carte".*?</section>', page, re.DOTALL)
    assert found
    return found[0]


def test_ways_to_colleagues_without_a_question(services: Services) -> None:
    """The service, the peers, and links by topic, métier and place; who is hidden is nowhere."""
    page = TestClient(create_app(services)).get("/experts").text
    service = page.partition('id="votre-service"')[2].partition("</section>")[0]
    assert re.findall(r'href="/agents/(ag-\d)"', service) == ["ag-3"]
    for hidden in ("Discrète", "Partie", "Secrète"):
        assert hidden not in page
    links = set(map(html.unescape, re.findall(r'href="([^"]*)"', page)))
    assert {"/topics/regies", "/experts?q=g%C3%A9om%C3%A8tre", "/coverage?area=48"} <= links
    assert {"/coverage", "/isolation", "/peers"} <= links
    peers = page.partition('id="vos-pairs"')[2].partition("</section>")[0]
    own = agent_peers(services, reader_of("ag-5", services.people, TODAY)).peers.peers
    assert re.findall(r'href="/agents/(ag-\d)"', peers) == [one.agent.id for one in own[:5]]


def test_ways_to_colleagues_without_a_build(services: Services) -> None:
    """The service alone: the directory needs no build."""
    page = TestClient(create_app(replace(services, overview=None))).get("/experts").text
    assert 'href="/agents/ag-3"' in page
    assert "par-sujet" not in page
