"""The page of a community: pinned documents, questions and answers; closed communities."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from connectors.values import Access
from search_api.communities.storage import SqlCommunityPages
from search_api.identity.principals import Grant, Grants, Role
from search_api.topics.service import READ_FIRST
from search_api.wording import first_question
from tests.builders import put
from tests.pages.asking_site import (
    ANIMATOR,
    APART,
    ASKER,
    BEHIND,
    HERE,
    MAPPER,
    NEIGHBOUR,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.planted import TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

PAGE = "/communities/cadastre"
SECRET = "Ornithorynque"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AskingSite]:
    """Its community is accepted; a recent note is open, another to one agent alone."""
    with asking_site(tmp_path, apart=True) as made:
        recent = datetime(TODAY.year, TODAY.month, 1)
        fields = {"title": "Cadastre : une note récente", "modified": recent}
        closed = Access(frozenset({f"agent:{ANIMATOR}"}))
        written = [
            put("wiki:recente", "Le cadastre change.", **fields),
            put("wiki:secrete", "Le cadastre.", title=f"{SECRET} du cadastre", access=closed),
        ]
        assert not made.index.write(written).failed
        made.accept_community()
        yield made


def setting(site: AskingSite, act: str, document: str = "", by: str = ANIMATOR) -> int:
    path = "/api/v1/animation/community-pages/cadastre"
    body = {"act": act, "document": document}
    return int(site.client(by).post(path, json=body).status_code)


def test_the_page_leads_from_a_first_question_to_answers(site: AskingSite) -> None:
    """A question ready to be asked; then what waits and what was answered, under rights."""
    client = site.client(BEHIND)
    page = client.get(PAGE).text
    assert "Cadastre : une note récente" in page.partition('id="change"')[2]
    ready = page.partition("/questions/new?q=")[2].partition('"')[0].replace("&amp;", "&")
    form = client.get(f"/questions/new?q={ready}").text
    assert first_question("cadastre") in unescape(form)
    question = site.ask(ASKER, title="Qui borne les parcelles ?", community="cadastre")
    hidden = {"title": f"{SECRET} à la limite ?", "scope": "entity", "scope_id": HERE}
    site.ask(ASKER, **hidden, topic="cadastre")
    page = client.get(PAGE).text
    assert "Qui borne les parcelles" in page.partition('id="questions"')[2]
    body = client.get(f"/api/v1{PAGE}").json()
    assert question in [one["id"] for one in body["waiting"]]
    assert (body["answered"], body["closed"], body["member"]) == ([], False, True)
    assert SECRET not in site.client(STRANGER).get(f"/api/v1{PAGE}").text
    assert "/questions/new?q=" not in page
    assert SECRET not in site.client(STRANGER).get(PAGE).text
    assert SECRET in site.client(ASKER).get(PAGE).text
    assert site.act(MAPPER, question, "answer", text="Le géomètre.") == 204
    assert "Qui borne les parcelles" in client.get(PAGE).text.partition('id="repondues"')[2]


def test_an_animator_pins_what_each_reads_under_their_rights(site: AskingSite) -> None:
    """By address or id; only what they may read, and only on what they animate."""
    question = site.ask(ASKER, title="Qui borne les parcelles ?", topic="cadastre")
    address = f"http://ici.example/questions/{question}"
    form = {"act": "pin", "document": address}
    path = "/animation/community-pages/cadastre"
    assert site.client(ANIMATOR).post(path, data=form).status_code == 303
    for document in ("wiki:secrete", "wiki:recente", "wiki:recente"):
        assert setting(site, "pin", document) == 204
    page = site.client(ANIMATOR).get(PAGE).text.partition('id="epingles"')[2]
    order = [page.index(one) for one in ("une note récente", SECRET, "Qui borne")]
    assert order == sorted(order), "the newest pin first"
    page = site.client(STRANGER).get(PAGE).text
    assert "une note récente" in page.partition('id="epingles"')[2]
    assert SECRET not in page
    told = {one: site.client(one).get(f"/api/v1{PAGE}") for one in (ANIMATOR, STRANGER)}
    ids = {one: [row["id"] for row in said.json()["pinned"]] for one, said in told.items()}
    asked = f"questions:{question}"
    assert ids[ANIMATOR] == ["wiki:recente", "wiki:secrete", asked]
    assert ids[STRANGER] == ["wiki:recente", asked]
    assert SECRET not in told[STRANGER].text
    assert [told[one].json()["animates"] for one in (ANIMATOR, STRANGER)] == [True, False]
    assert 'id="animer"' not in page
    assert setting(site, "pin", "wiki:jamais") == 404
    assert setting(site, "unpin", "wiki:recente") == 204
    assert (
        "une note"
        not in site.client(STRANGER)
        .get(PAGE)
        .text.partition('id="epingles"')[2]
        .partition("</section>")[0]
    )
    assert setting(site, "pin", "wiki:recente", by=MAPPER) == 403
    grants = Grants((Grant(Role.ANIMATOR, frozenset({NEIGHBOUR}), topics=frozenset({"regies"})),))
    other = replace(site, services=replace(site.services, grants=grants))
    assert setting(other, "close", by=NEIGHBOUR) == 403
    for number in range(6):
        assert setting(site, "pin", f"wiki:{number}") == 204
    assert setting(site, "pin", "wiki:7") == 422
    assert "community pin" in [one.reading for one in site.services.audit.newest(50)]


def test_a_closed_community_is_read_and_asked_nothing(site: AskingSite) -> None:
    """Nobody joins it, nor puts a question to it, until it is open again; its members may leave."""
    client = site.client(BEHIND)
    question = site.ask(BEHIND, scope="community", scope_id="cadastre")
    assert setting(site, "close") == 204
    page = client.get(PAGE).text
    assert "est close" in page
    assert "/questions/new" not in page
    assert 'value="join"' not in site.client(STRANGER).get(PAGE).text
    assert site.client(STRANGER).post(PAGE, data={"act": "join"}).status_code == 422
    asked = {"title": "Encore ?", "community": "cadastre"}
    assert client.post("/api/v1/questions", json=asked).status_code == 422
    assert site.read(BEHIND, question)["scope"] == "community", "what was asked is still read"
    assert setting(site, "reopen") == 204
    assert client.post("/api/v1/questions", json=asked).status_code == 200
    assert setting(site, "close") == 204
    assert client.post(PAGE, data={"act": "leave"}).status_code == 303


def test_a_pin_that_its_animator_may_not_read_stands_in_nobodys_way(site: AskingSite) -> None:
    """Nor is its being there told: it can be neither seen nor taken away."""
    pages = site.services.part(SqlCommunityPages)
    assert pages is not None
    for number in range(READ_FIRST):
        pages.pin("cadastre", f"wiki:ferme{number}")
    assert setting(site, "pin", "wiki:recente") == 204
    assert "une note récente" in site.client(STRANGER).get(PAGE).text.partition("membres")[0]


def test_a_member_is_shown_once_they_accept_or_were_told_a_week_ago(tmp_path: Path) -> None:
    """Who was never told, or refuses, is not shown, nor a reader of the community's questions."""
    with asking_site(tmp_path, apart=True) as site:
        today = lambda: site.clock().date()  # noqa: E731
        site = replace(site, services=replace(site.services, today=today))
        path = "/animation/communities/cadastre"
        assert site.client(ANIMATOR).post(path, data={"verdict": "accept"}).status_code == 303

        def members() -> list[str]:
            said = site.client(STRANGER).get(f"/api/v1{PAGE}").json()
            page = site.client(STRANGER).get(PAGE).text.partition('id="membres"')[2]
            assert page.partition("</section>")[0].count('class="person"') == len(said["members"])
            return [one["id"] for one in said["members"]]

        def answers(agent_id: str, act: str) -> None:
            assert site.client(agent_id).post(PAGE, data={"act": act}).status_code == 303

        assert members() == []
        assert 'value="leave"' in site.client(MAPPER).get("/").text
        answers(MAPPER, "join")
        assert 'id="invitations"' not in site.client(MAPPER).get("/").text
        for told in (NEIGHBOUR, BEHIND):
            assert 'id="invitations"' in site.client(told).get("/").text
        answers(BEHIND, "leave")
        assert 'id="invitations"' not in site.client(BEHIND).get("/").text
        site.later(6)
        assert members() == [MAPPER]
        site.later(1)
        assert members() == [MAPPER, NEIGHBOUR]
        assert 'id="invitations"' not in site.client(NEIGHBOUR).get("/").text
        site.later(8)
        assert members() == [MAPPER, NEIGHBOUR]
        own = {"topic": "cadastre", "scope": "community", "scope_id": "cadastre"}
        question = site.ask(MAPPER, **own)
        reads = [one for one in APART if site.read(one, question) != 404]
        assert reads == [MAPPER, NEIGHBOUR]
        answers(STRANGER, "join")
        answers(NEIGHBOUR, "join")
        kept = {"act": "take_back", "kind": "join", "subject": "cadastre"}
        assert site.client(NEIGHBOUR).post("/mes-donnees", data=kept).status_code == 303
        assert set(members()) == {MAPPER, STRANGER}, "told long ago, and left since"


def test_one_group_of_agents_is_one_proposed_community(tmp_path: Path) -> None:
    """Alone on the topic and in the métier, they are proposed once, and decided once."""
    metiers = dict.fromkeys(APART, "géomètre")
    with asking_site(tmp_path, apart=True, metiers=metiers) as site:
        topics = frozenset({"cadastre", "géomètre"})
        grants = Grants((Grant(Role.ANIMATOR, frozenset({ANIMATOR}), topics=topics),))
        client = replace(site, services=replace(site.services, grants=grants)).client(ANIMATOR)

        def proposed() -> list[str]:
            said = client.get("/api/v1/animation/communities").json()["proposed"]
            return [topic["id"] for one in said for topic in one["topics"]]

        assert proposed() == ["cadastre"]
        for verdict in ("refuse", "accept"):
            path = "/animation/communities/cadastre"
            assert client.post(path, data={"verdict": verdict}).status_code == 303
            assert proposed() == []
            assert client.post(path, data={"verdict": "forget"}).status_code == 303
        path = "/animation/communities/géomètre"
        assert client.post(path, data={"verdict": "accept"}).status_code == 404
        assert proposed() == ["cadastre"]


def test_refused_invitation_is_called_refused(tmp_path: Path) -> None:
    """By its agent who never was a member; who leaves is told that they left."""
    with asking_site(tmp_path, apart=True) as site:
        path = "/animation/communities/cadastre"
        assert site.client(ANIMATOR).post(path, data={"verdict": "accept"}).status_code == 303

        def told(act: str, by: str) -> str:
            client = TestClient(
                site.app,
                headers={"x-agent": by, "origin": "http://testserver"},
                follow_redirects=False,
            )
            sent = client.post(PAGE, data={"act": act})
            page = client.get(sent.headers["location"].partition("#")[0]).text
            return page.partition('class="note done"')[2].partition("</div>")[0]

        refused = told("leave", BEHIND)
        assert "refusée" in refused
        assert "plus dans" not in refused
        assert "plus dans" not in told("leave", BEHIND), "already refused"
        told("join", MAPPER)
        assert "plus dans" in told("leave", MAPPER)
