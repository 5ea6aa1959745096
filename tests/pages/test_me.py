"""The page «Moi»: agents see their own data, and their choices act at once everywhere."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from connectors.values import ContactVia, Mission
from expertise.consent import Preference, PreferenceKind, SqlConsent
from expertise.directory import SqlDirectory
from quisait.clock import now
from quisait.privacy.register import FileRegister, PendingLines
from search_api.app import Services, create_app
from search_api.audit.sql import SqlAudit
from search_api.identity.principals import Grant, Grants, Role
from tests.builders import Listed
from tests.judging import engine_index
from tests.made_site import made_site
from tests.pages.conftest import served
from tests.pages.test_topic_pages import AGENTS, TOPICS, notes
from tests.planted import ENCODER

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SEULE, LOIN, ANIMATOR, READER = "ag-1", "ag-2", "ag-3", "ag-5"


ALL_TOPICS = frozenset({"*"})


@dataclass
class Stage:
    services: Services
    book: SqlDirectory
    build: Callable[[], None]

    def client(self, agent: str) -> TestClient:
        app = create_app(self.services)
        return TestClient(app, headers={"x-agent": agent}, follow_redirects=False)

    def traces(self, reader: str = READER) -> str:
        """Every answer that could name an agent, as a colleague gets them."""
        asked = self.client(reader)
        found = []
        for path in PATHS:
            answer = asked.get(path)
            assert answer.status_code in (200, 404), path
            found.append(f"{path} {answer.text}")
        return "\n".join(found)


PATHS = [
    *(f"/api/v1/experts?q={q}" for q in ("cadastre", "Seule", "géomètre", "arpentage", "drones")),
    "/experts?q=cadastre",
    "/experts",
    "/?q=cadastre",
    "/api/v1/suggest?q=seul",
    "/api/v1/search?q=seulle",
    "/api/v1/isolation",
    "/isolation",
    "/isolation.csv",
    "/api/v1/coverage?topic=urn:sujet/cadastre",
    "/api/v1/topics/urn:sujet/cadastre",
    "/topics/urn:sujet/cadastre",
    "/topics/m-geometre",
    "/api/v1/agents/ag-1",
    "/agents/ag-1",
    "/api/v1/agents/ag-2",
    "/api/v1/agents/ag-2/peers",
    "/agents/ag-2",
    "/peers?agent=ag-2",
]


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("me")
    with engine_index(request.param, folder, ENCODER.dimension) as index:
        assert not index.write(notes()).failed
        animator = Grant(Role.ANIMATOR, agents=frozenset({ANIMATOR}), topics=ALL_TOPICS)
        with made_site(folder, index, AGENTS, TOPICS) as made:
            services = made.services(
                READER,
                consent=SqlConsent(made.engine, now),
                grants=Grants((animator,)),
                audit=SqlAudit(made.engine, now),
            )
            yield Stage(services, made.book, made.build)


@pytest.fixture
def mine(stage: Stage) -> Iterator[TestClient]:
    """Seule's own client; what she asked is taken back afterwards."""
    yield stage.client(SEULE)
    consent = stage.services.consent
    assert consent is not None
    for agent in (SEULE, LOIN):
        for kept in consent.of(agent):
            consent.take_back(kept.preference)


def main_of(page: str) -> str:
    """Return the part of a page between its header and its foot."""
    return page.partition("<main")[2].partition("</main>")[0]


def wish_form(act: str, kind: str) -> str:
    """Return what the form of a wish has in a page."""
    return f'name="act" value="{act}"><input type="hidden" name="kind" value="{kind}"'


def ask(client: TestClient, kind: str, subject: str = "", way: str = "", act: str = "ask") -> None:
    form = {"act": act, "kind": kind, "subject": subject, "way": way}
    answer = client.post("/mes-donnees", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/preferences")


def test_everything_held_is_shown_with_its_origin(mine: TestClient) -> None:
    """Directory, accounts, contributions by source, topics with evidence: page and export alike."""
    body = mine.get("/api/v1/me").json()
    assert body["directory"]["skills"] == ["cadastre", "drones", "latin"]
    assert body["accounts"] == ["wiki:a1"]
    assert body["contributions"] == [{"source": "wiki", "documents": 2}]
    (cadastre,) = body["profile"]["demonstrated"]
    assert [one["title"] for one in cadastre["evidence"]] == [
        "Le cadastre, partie 0",
        "Le cadastre, partie 1",
    ]
    page = mine.get("/mes-donnees").text
    for said in ("Jamais évaluer", "wiki:a1"):
        assert said in page
    assert re.search(r"<form|<button", main_of(page)) is None, "nothing changes on this page"
    page = mine.get("/preferences").text
    for said in ("Le cadastre, partie 0", "Ce n’est plus mon sujet"):
        assert said in page
    export = mine.get("/api/v1/me/export")
    assert export.json() == body
    assert "attachment" in export.headers["content-disposition"]


def test_nobody_but_oneself(stage: Stage) -> None:
    """No parameter names another; nobody in particular is 401."""
    assert stage.client(LOIN).get("/api/v1/me?agent=ag-1").json()["directory"]["id"] == LOIN
    assert stage.client("").get("/mes-donnees").status_code == 401
    assert stage.client("").post("/api/v1/me/wishes", json={"kind": "withdraw"}).status_code == 401


def test_a_withdrawal_acts_everywhere_at_the_next_answer(stage: Stage, mine: TestClient) -> None:
    """Answers, names, suggestions, the published build, counts; documents stay."""
    before = stage.traces()
    assert before.count("Jo Seule") > 10
    ask(mine, "withdraw")
    first = stage.client(READER).get("/api/v1/experts?q=cadastre").json()
    assert SEULE not in [one["agent"]["id"] for one in first["candidates"]]
    after = stage.traces()
    # Her name, and neither the question nor the sentence on who is alone.
    for other in ("q=Seule", 'value="Seule"', "Seule</", "Seule personne"):
        after = after.replace(other, "")
    assert "Seule" not in after
    assert '"ag-1"' not in after
    counts = stage.client(READER).get("/api/v1/coverage?topic=urn:sujet/cadastre").json()["areas"]
    assert counts[0]["holders"]["agents"] == 1
    titles = [
        d["title"]
        for d in stage.client(READER).get("/api/v1/search?q=cadastre").json()["documents"]
    ]
    assert "Le cadastre, partie 0" in titles
    stage.book.replace(Listed(*AGENTS))
    stage.build()
    assert '"ag-1"' not in stage.traces()
    ask(mine, "withdraw", act="take_back")
    stage.build()
    assert "Jo Seule" in stage.traces()


def test_what_is_not_noted_yet_is_said(stage: Stage, database: sa.Engine, tmp_path: Path) -> None:
    """The register cannot be written: the withdrawal acts, by page and API; both are honest."""
    blocked = tmp_path / "volume"
    blocked.write_text("")
    SqlDirectory(database).replace(Listed(*AGENTS))
    register = FileRegister(blocked / "registre.jsonl", (), now, 30, PendingLines(database))
    consent = SqlConsent(database, now, register)
    services = replace(stage.services, consent=consent)
    mine = replace(stage, services=services).client(SEULE)
    assert mine.get("/api/v1/me").json()["noted"] is True
    form = {"act": "ask", "kind": "withdraw", "subject": ""}
    assert mine.post("/mes-donnees", data=form).status_code == 303
    page = mine.get("/preferences").text
    assert page.count('class="note warn"') == 2, "withdrawn, and not noted yet"
    assert mine.get("/api/v1/me").json()["noted"] is False
    blocked.unlink()
    register.complete()
    assert mine.get("/preferences").text.count('class="note warn"') == 1


def test_authorship_after_a_withdrawal_is_as_the_source_shows_it(
    stage: Stage, mine: TestClient
) -> None:
    """The directory's name, post and page no longer stand beside the document."""
    path = "/api/v1/search?q=cadastre"

    def author() -> dict[str, object]:
        documents = stage.client(READER).get(path).json()["documents"]
        (document,) = (one for one in documents if one["title"] == "Le cadastre, partie 0")
        found: dict[str, object] = document["authors"][0]
        return found

    assert author()["name"] == "Jo Seule"
    ask(mine, "withdraw")
    assert (author()["name"], author()["agent_id"], author()["post"]) == ("a1", None, None)


def test_a_withdrawal_from_one_source(stage: Stage, mine: TestClient) -> None:
    """What was written there speaks for nobody; métier and name stay."""
    ask(mine, "withdraw", "wiki")
    experts = stage.client(READER).get("/api/v1/experts?q=arpentage").json()
    assert SEULE not in [one["agent"]["id"] for one in experts["candidates"]]
    profile = stage.client(READER).get("/api/v1/agents/ag-1").json()
    assert profile["demonstrated"] == []
    assert "Jo Seule" in stage.client(READER).get("/topics/m-geometre").text
    assert wish_form("take_back", "withdraw") in mine.get("/preferences").text
    answer = mine.post("/api/v1/me/wishes", json={"kind": "withdraw", "subject": "ailleurs"})
    assert answer.status_code == 422


def holders(client: TestClient) -> list[dict[str, Any]]:
    """Seule among the holders of the subject of her mission."""
    found = client.get("/api/v1/topics/regies").json()["holders"]
    return [one for one in found if one["agent"]["id"] == SEULE]


def alone(client: TestClient) -> list[dict[str, Any]]:
    """Seule among those who are alone on it."""
    found = client.get("/api/v1/isolation?topic=regies").json()["rows"]
    return [one for one in found if one["agent"]["id"] == SEULE]


SAID = "en mission sur ce sujet depuis mars 2021, d’après l’annuaire"


def test_a_mission_is_said_alike_everywhere_until_its_agent_withdraws(
    stage: Stage, mine: TestClient
) -> None:
    """On pages, API and CSV, in one's own data and on the command line; a withdrawal ends it."""
    told = (
        Mission("régies", date(2021, 3, 1)),
        Mission("m-autre", date(2019, 1, 1), date(2020, 12, 31)),
    )
    # The directory tells everybody's missions.
    first = date(2020, 1, 1)
    of_all = (Mission("urn:sujet/cadastre", first), Mission("regies", first))
    everybody = [replace(one, missions=of_all) for one in AGENTS]
    everybody[0] = replace(everybody[0], missions=(*told, of_all[0]))
    stage.book.replace(Listed(*everybody))
    stage.build()
    asked = stage.client(READER)
    try:
        (holder,) = holders(asked)
        assert (holder["basis"], holder["mission_since"]) == ("mission", "2021-03-01")
        assert SAID in asked.get("/topics/regies").text
        (row,) = alone(asked)
        assert alone(mine) == [row]
        assert (row["degree"], row["scope"]) == ("mission", "region")
        words = "Seule personne en mission sur ce sujet dans la région, d’après l’annuaire"
        assert words in asked.get("/isolation?topic=regies").text
        table = asked.get("/isolation.csv?topic=regies").text.splitlines()
        (line,) = [one for one in table if "régies;Jo Seule;" in one]
        assert SAID in line
        assert line.endswith("seul en mission sur ce sujet, d’après l’annuaire")
        profile = asked.get("/api/v1/agents/ag-1").json()
        assert [one["topic"]["id"] for one in profile["by_mission"]] == ["regies"]
        page = asked.get("/agents/ag-1").text
        assert SAID in page
        assert "m-autre" not in page
        own = mine.get("/api/v1/me").json()["directory"]["missions"]
        assert own[0] == {"topic": "régies", "first": "2021-03-01", "last": None}
        assert len(own) == 3
        assert own[1] == {"topic": "m-autre", "first": "2019-01-01", "last": "2020-12-31"}
        page = mine.get("/mes-donnees").text
        assert "régies, depuis le 1er mars 2021" in page
        assert "m-autre, du 1er janvier 2019 au 31 décembre 2020" in page
        page = mine.get("/preferences").text
        assert f'régies</a> <span class="role">({SAID})' in page
        for wish in (("refuse", "regies"), ("withdraw", "")):
            ask(mine, *wish)
            assert (holders(asked), alone(asked)) == ([], [])
            ask(mine, *wish, act="take_back")
        assert holders(asked)
    finally:
        stage.book.replace(Listed(*AGENTS))
        stage.build()


def test_a_refused_topic_falls_and_only_that(stage: Stage, mine: TestClient) -> None:
    """From documents, from skills and from the question; the métier stays."""
    ask(mine, "refuse", "urn:sujet/cadastre")
    asked = stage.client(READER)
    for question in ("cadastre", "Le cadastre, partie 0", "arpentage"):
        found = asked.get("/api/v1/experts", params={"q": question}).json()
        named = [one["agent"]["id"] for key in ("candidates", "stated") for one in found[key]]
        assert SEULE not in named, question
    assert "Seule" not in asked.get("/topics/urn:sujet/cadastre").text
    assert "Jo Seule" in asked.get("/topics/m-geometre").text
    profile = asked.get("/api/v1/agents/ag-1").json()
    assert (profile["demonstrated"], [one["label"] for one in profile["declared"]]) == (
        [],
        ["latin"],
    )
    assert wish_form("take_back", "refuse") in mine.get("/preferences").text
    ask(mine, "refuse", "urn:sujet/cadastre", act="take_back")
    assert "Jo Seule" in asked.get("/topics/urn:sujet/cadastre").text


def named(client: TestClient, question: str) -> list[str]:
    """Those whom an answer names, by documents or by the directory."""
    found = client.get("/api/v1/experts", params={"q": question}).json()
    return [one["agent"]["id"] for key in ("candidates", "stated") for one in found[key]]


CADASTRE = "urn:sujet/cadastre"
DOCUMENTS = ["wiki:0", "wiki:1"]
"""What Seule wrote."""


def test_what_is_not_ones_own_supports_one_nowhere(stage: Stage, mine: TestClient) -> None:
    """From the question's page and the API; the documents stay, others move up; undone, as before.

    The next build leaves her out as well: who is left is alone.
    """
    asked, before = stage.client(READER), stage.traces()
    page = mine.get("/experts?q=partie")
    assert page.text.count('name="kind" value="disown"') == 1
    form = {"act": "ask", "kind": "disown", "subject": DOCUMENTS, "back": "/experts?q=partie"}
    answer = mine.post("/mes-donnees", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/experts?q=partie")
    for question in ("Le cadastre, partie 0", "partie", "arpentage"):
        found = asked.get("/api/v1/experts", params={"q": question}).json()
        assert SEULE not in [one["agent"]["id"] for one in found["candidates"]], question
    profile = asked.get("/api/v1/agents/ag-1").json()
    assert profile["demonstrated"] == []
    held = asked.get(f"/api/v1/topics/{CADASTRE}").json()["holders"]
    assert [(one["agent"]["id"], one["basis"]) for one in held] == [
        (SEULE, "declared"),
        (LOIN, "demonstrated"),
    ]
    found = asked.get("/api/v1/search?q=cadastre").json()["documents"]
    assert "Le cadastre, partie 0" in [one["title"] for one in found]
    assert "Reprendre" in mine.get("/preferences").text
    kept = mine.get("/api/v1/me").json()["wishes"]
    assert sorted((one["kind"], one["subject"]) for one in kept) == [
        ("disown", document) for document in DOCUMENTS
    ]
    undone = mine.get("/experts?q=partie").text
    assert 'value="take_back"' in undone
    ask(mine, "disown", DOCUMENTS[0], act="take_back")
    ask(mine, "disown", act="take_back")
    assert mine.get("/api/v1/me").json()["wishes"] == []
    assert stage.traces() == before


def test_one_disowns_only_what_says_something_of_oneself(stage: Stage, mine: TestClient) -> None:
    """Not another's document, nor one that is not, nor one that one may not read: all alike."""
    for document in ("wiki:2", "wiki:6", "wiki:nowhere", ""):
        wish = {"kind": "disown", "subject": document}
        assert mine.post("/api/v1/me/wishes", json=wish).status_code == 422
    assert mine.get("/api/v1/me").json()["wishes"] == []


def test_what_one_may_not_read_any_more_is_not_named_to_oneself(
    stage: Stage, mine: TestClient
) -> None:
    """The page shows that a document is disowned, without its id and title, and can undo it."""
    consent = stage.services.consent
    assert consent is not None
    consent.ask(Preference(SEULE, PreferenceKind.DISOWN, "wiki:6"))
    assert "wiki:6" not in mine.get("/api/v1/me").text
    page = mine.get("/preferences").text
    assert "Zanzibar" not in page
    assert "Tout reprendre" in page
    ask(mine, "disown", act="take_back")
    assert consent.of(SEULE) == ()


@pytest.mark.parametrize("path", ["/?q=cadastre", "/experts?q=cadastre", f"/topics/{CADASTRE}"])
def test_a_topic_is_given_up_where_it_is_said_and_taken_up_there(
    stage: Stage, mine: TestClient, path: str
) -> None:
    """Seen by oneself alone: nobody else's page has the button, nor says who pressed it."""
    asked = stage.client(READER)
    assert wish_form("ask", "refuse") in mine.get(path).text
    assert wish_form("ask", "refuse") not in asked.get(path).text
    before = stage.traces()
    answer = mine.post(
        "/mes-donnees",
        data={"act": "ask", "kind": "refuse", "subject": CADASTRE, "back": path},
    )
    assert answer.headers["location"] == path
    page = mine.get(path).text
    assert wish_form("ask", "refuse") not in page
    assert wish_form("take_back", "refuse") in page
    assert SEULE not in named(asked, "cadastre")
    assert "Annuler" not in asked.get(path).text
    ask(mine, "refuse", CADASTRE, act="take_back")
    assert stage.traces() == before


def animated(stage: Stage, engine: sa.Engine, *topics: str) -> Stage:
    """The same place, where Loin animates these topics."""
    grant = Grant(Role.ANIMATOR, agents=frozenset({LOIN}), topics=frozenset(topics))
    audit = SqlAudit(engine, now)
    services = replace(stage.services, grants=Grants((grant,)), audit=audit)
    return replace(stage, services=services)


REMOVAL = {"agent": SEULE, "act": "remove", "reason": "mutée à la <paie>"}


def test_whoever_animates_a_topic_removes_from_it_and_says_why(
    stage: Stage, mine: TestClient, database: sa.Engine
) -> None:
    """Everywhere at the next answer; she reads why and by whom; it is audited, and undone."""
    before = stage.traces()
    place = animated(stage, database, CADASTRE)
    animator, path = place.client(LOIN), f"/animation/holders/{CADASTRE}"
    for shown in (f"/topics/{CADASTRE}", "/agents/ag-1", "/experts?q=cadastre"):
        assert "À retirer, parce que" in animator.get(shown).text, shown
        assert "À retirer, parce que" not in place.client(READER).get(shown).text, shown
    answer = animator.post(path, data={**REMOVAL, "back": f"/topics/{CADASTRE}"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/topics/{CADASTRE}")
    asked = place.client(READER)
    for question in ("cadastre", "Le cadastre, partie 0", "arpentage"):
        assert SEULE not in named(asked, question), question
    assert "Seule" not in asked.get(f"/topics/{CADASTRE}").text
    assert asked.get("/api/v1/agents/ag-1").json()["demonstrated"] == []
    own = place.client(SEULE)
    for page in ("/preferences", "/agents/ag-1", f"/topics/{CADASTRE}", "/?q=cadastre"):
        told = own.get(page).text
        assert "Jo Loin, parce que" in told, page
        assert "mutée à la &lt;paie&gt;" in told, page
    (wish,) = own.get("/api/v1/me").json()["wishes"]
    assert (wish["kind"], wish["by"], wish["reason"]) == ("removed", LOIN, REMOVAL["reason"])
    assert "mutée" not in stage.traces()
    (removed,) = animator.get("/api/v1/animation/holders").json()["removed"]
    assert (removed["agent"]["id"], removed["by"]["id"]) == (SEULE, LOIN)
    assert "mutée à la" in animator.get("/animation").text
    noted = {(one.reading, one.subject) for one in place.services.audit.newest(20)}
    assert ("holder remove", f"agent:{SEULE}") in noted
    assert ("POST /animation/holders/{topic_id:path}", f"topic_id:{CADASTRE}") in noted
    restored = animator.post(f"/api/v1{path}", json={"agent": SEULE, "act": "restore"})
    assert restored.status_code == 204
    assert stage.traces() == before


def test_a_removal_is_its_animators_alone(
    stage: Stage, mine: TestClient, database: sa.Engine
) -> None:
    """With a reason, on a topic of theirs; she can neither ask for one nor take it back."""
    place = animated(stage, database, CADASTRE, "nowhere")
    animator, path = place.client(LOIN), "/api/v1/animation/holders"
    refused = [
        (f"{path}/regies", REMOVAL, 403),
        (f"{path}/nowhere", REMOVAL, 404),
        (f"{path}/{CADASTRE}", {**REMOVAL, "agent": "ag-4"}, 404),
        (f"{path}/{CADASTRE}", {**REMOVAL, "agent": "ag-99"}, 404),
        (f"{path}/{CADASTRE}", {**REMOVAL, "reason": " \n"}, 422),
        (f"{path}/{CADASTRE}", {**REMOVAL, "reason": "x" * 301}, 422),
    ]
    for where, sent, status in refused:
        assert animator.post(where, json=sent).status_code == status, (where, sent)
    assert place.client(READER).post(f"{path}/{CADASTRE}", json=REMOVAL).status_code == 403
    assert mine.get("/api/v1/me").json()["wishes"] == []
    assert animator.post(f"{path}/{CADASTRE}", json=REMOVAL).status_code == 204
    wish = {"kind": "removed", "subject": CADASTRE}
    assert mine.post("/api/v1/me/wishes", json=wish).status_code == 422
    assert mine.delete("/api/v1/me/wishes", params=wish).status_code == 422
    ask(mine, "declare", CADASTRE)
    assert SEULE not in named(stage.client(READER), "cadastre")
    ask(mine, "withdraw")
    assert animator.get("/api/v1/animation/holders").json()["removed"] == []
    assert "Seule" not in animator.get("/animation").text


def reasons(client: TestClient, question: str) -> list[str]:
    """Why Seule stands in the answer to a question."""
    found = client.get("/api/v1/experts", params={"q": question}).json()
    listed = [one for key in ("named", "candidates", "stated") for one in found[key]]
    return [why for one in listed if one["agent"]["id"] == SEULE for why in one["reasons"]]


def test_a_declared_topic_is_named_and_stays_below_evidence(stage: Stage, mine: TestClient) -> None:
    """By the question at once; on the map with the next build; taken back, it is gone."""
    asked = stage.client(READER)
    assert "declared" not in reasons(asked, "régies")
    ask(mine, "declare", "regies")
    assert "declared" in reasons(asked, "régies")
    stage.build()
    assert "Jo Seule" in asked.get("/topics/regies").text
    ask(mine, "declare", "regies", act="take_back")
    assert "Jo Seule" not in asked.get("/topics/regies").text
    metier = {"kind": "declare", "subject": "m-geometre"}
    assert mine.post("/api/v1/me/wishes", json=metier).status_code == 422


def test_contact_may_be_narrowed_never_widened(stage: Stage, mine: TestClient) -> None:
    """The address is in no answer once one has said so; an entity's choice holds."""
    address = "ag-1@finances.example"
    assert address in stage.traces()
    ask(mine, "contact", way="none")
    assert address not in stage.traces()
    assert mine.get("/api/v1/me").json()["directory"]["email"] == address
    loin = stage.client(LOIN)
    refused = loin.post("/api/v1/me/wishes", json={"kind": "contact", "way": "direct"})
    assert refused.status_code == 422
    ask(loin, "contact", way="head")
    assert "srv@fin.example" not in stage.traces()


def test_the_form_of_preferences_writes_what_changed_alone(stage: Stage, mine: TestClient) -> None:
    """A form that is sent unchanged stores no wish about the contact."""
    for way, kept in (("direct", []), ("none", ["contact"]), ("none", ["contact"])):
        answer = mine.post("/preferences", data={"contact": way})
        assert answer.headers["location"].startswith("/preferences")
        assert [one["kind"] for one in mine.get("/api/v1/me").json()["wishes"]] == kept
    assert mine.post("/preferences", data={"contact": "pigeon"}).status_code == 422
    refused = stage.client(LOIN).post("/preferences", data={"contact": "direct"})
    assert refused.status_code == 422, "what the entity chose is not widened"


def test_an_entitys_later_narrowing_holds(stage: Stage, mine: TestClient) -> None:
    """«By the service» was asked; the entity then says «by the head»: that stands."""
    ask(mine, "contact", way="service")
    head = replace(AGENTS[0], contact_via=ContactVia.HEAD, contact="chef@fin.example")
    try:
        stage.book.replace(Listed(head, *AGENTS[1:]))
        (agent,) = stage.book.agents([SEULE]).values()
        assert (agent.contact_via, agent.contact) == (ContactVia.HEAD, "chef@fin.example")
    finally:
        stage.book.replace(Listed(*AGENTS))


@pytest.mark.parametrize(
    "form",
    [
        {"act": "ask", "kind": "refuse", "subject": "nowhere"},
        {"act": "ask", "kind": "contact", "way": "pigeon"},
        {"act": "ask", "kind": "king"},
        {"act": "ask"},
        {"act": "ask", "kind": "refuse", "subject": "x" * 201},
    ],
)
def test_what_cannot_be_asked_is_refused(mine: TestClient, form: dict[str, str]) -> None:
    """With a sentence, and nothing changed."""
    assert mine.post("/mes-donnees", data=form).status_code == 422
    assert mine.get("/api/v1/me").json()["wishes"] == []


def test_the_page_works_in_a_browser_without_script(
    stage: Stage, mine: TestClient, chromium: Browser
) -> None:
    """One withdraws, sees it, and comes back; nothing needs a script."""
    with served(create_app(stage.services)) as address:
        context = chromium.new_context(
            java_script_enabled=False, extra_http_headers={"x-agent": SEULE}
        )
        page = context.new_page()
        page.goto(f"{address}/mes-donnees/retrait")
        page.get_by_text("Me retirer entièrement", exact=True).click()
        assert mine.get("/api/v1/me").json()["wishes"] == []
        page.get_by_role("button", name="Confirmer mon retrait").click()
        expect(page.get_by_role("status").first).to_be_visible()
        expect(page.get_by_text("Vous êtes en retrait.", exact=True)).to_be_visible()
        page.get_by_role("button", name="Être de nouveau proposé").click()
        expect(page.get_by_text("Me retirer entièrement", exact=True)).to_be_visible()
        expect(page.get_by_text("Vous êtes en retrait.", exact=True)).to_have_count(0)
        context.close()
