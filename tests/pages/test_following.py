"""Follows of agents: news respect the current rights, and only the agent sees them."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.values import EVERYONE, Contribution, ContributorRole
from indexer.access import Reader
from indexer.values import Put, PutAccess
from quisait.privacy.replay import replay
from quisait.privacy.retention import purge_agent
from search_api.context import required
from search_api.engine import Search
from search_api.following.service import HOME_SEARCHES, MOST_SEARCHED
from search_api.following.storage import FollowKind, SqlFollowing
from search_api.query.query import Query
from search_api.questions.tables import question_uses
from search_api.ranking.results import Results
from search_api.verification.storage import SqlVerifications, Verification, Verifying
from tests.builders import allowed, indexed, make_document
from tests.pages.asking_site import (
    ANIMATOR,
    ASKER,
    HERE,
    MAPPER,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.planted import ENCODER, TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SECRET = "Zanzibar"
OWN = {"scope": "entity", "scope_id": HERE}
SEARCH = "/?q=carnaval"


def follow(site: AskingSite, agent: str, kind: str, subject: str, action: str = "follow") -> int:
    body = {"action": action, "kind": kind, "subject": subject}
    return int(site.client(agent).post("/api/v1/follows", json=body).status_code)


def news(site: AskingSite, agent: str) -> Any:
    return site.client(agent).get("/api/v1/news").json()


def titles(site: AskingSite, agent: str) -> list[str]:
    return [item["title"] for one in news(site, agent)["news"] for item in one["items"]]


def write(site: AskingSite, id_: str, title: str, principal: str = EVERYONE) -> None:
    """A document of the clock's moment."""
    document = make_document(
        f"wiki:{id_}",
        title=title,
        access=allowed(principal),
        modified=site.clock.now,
        contributions=(Contribution("wiki:a1", ContributorRole.AUTHOR, last=TODAY),),
    )
    assert not site.index.write([Put(indexed(document, f"{title}."))]).failed


def test_news_is_what_came_since_and_is_seen_once(site: AskingSite) -> None:
    """Of a search, a topic and a question: documents, a waiting question, an answer."""
    question = site.ask(title="Quel bornage ?", topic="cadastre")
    assert follow(site, STRANGER, "search", SEARCH) == 204
    assert follow(site, STRANGER, "topic", "cadastre") == 204
    assert follow(site, STRANGER, "question", question) == 204
    assert news(site, STRANGER)["count"] == 0
    site.clock.now += timedelta(hours=1)
    write(site, "neuf", "Le carnaval de l'an prochain")
    asked = site.ask(title="Où est le plan ?", topic="cadastre")
    assert site.act(MAPPER, question, "answer", text="Par un géomètre.") == 204
    found = {
        item["title"]: item["kind"] for one in news(site, STRANGER)["news"] for item in one["items"]
    }
    assert found == {
        "Le carnaval de l'an prochain": "document",
        "Où est le plan ?": "waiting",
        "Quel bornage ?": "answer",
    }
    home = site.client(STRANGER).get("/").text
    assert re.search(r'"/suivis">[^<]*\b3\b', home)
    assert f"/questions/{asked}" in home
    assert "nouveauté" not in site.client(ASKER).get("/").text
    assert follow(site, STRANGER, "search", "", "seen") == 204
    assert news(site, STRANGER)["count"] == 0


def test_own_questions_are_no_news(site: AskingSite) -> None:
    assert follow(site, ASKER, "topic", "cadastre") == 204
    site.ask(title="Le cadastre, encore ?", topic="cadastre")
    assert news(site, ASKER)["count"] == 0


def test_news_holds_to_the_rights_of_the_moment(site: AskingSite) -> None:
    """A question of one entity, and a document that is closed after it was news."""
    for agent in (MAPPER, STRANGER):
        assert follow(site, agent, "topic", "cadastre") == 204
        assert follow(site, agent, "search", "/?q=carrousel") == 204
    site.clock.now += timedelta(hours=1)
    site.ask(title=f"Le cadastre du carrousel {SECRET} ?", topic="cadastre", **OWN)
    assert [SECRET in one for one in titles(site, MAPPER)] == [True]
    write(site, "ferme", f"Carrousel de {SECRET}")
    assert f"Carrousel de {SECRET}" in titles(site, STRANGER)
    site.index.write([PutAccess("wiki:ferme", allowed("agent:nobody"))])
    answer = news(site, STRANGER)
    assert (answer["count"], answer["news"]) == (0, [])
    for path in (
        "/",
        "/suivis",
        "/api/v1/news",
        "/api/v1/follows",
        "/api/v1/me",
        "/mes-donnees",
        "/preferences",
    ):
        assert SECRET not in site.client(STRANGER).get(path).text


def test_the_home_page_makes_few_searches_and_says_what_it_leaves(site: AskingSite) -> None:
    """As many with twenty followed searches as with five; all of them on a page of their own."""
    made: list[str] = []

    class Counted(Search):
        def answer(self, query: Query, reader: Reader, today: date) -> Results:
            made.append(query.text)
            return super().answer(query, reader, today)

    search = Counted(site.index, ENCODER, site.services.people)
    site = replace(site, services=replace(site.services, search=search))

    def searches(path: str, followed: int) -> tuple[int, str]:
        for number in range(followed):
            assert follow(site, STRANGER, "search", f"/?q=carrousel+{number}") == 204
        made.clear()
        page = site.client(STRANGER).get(path).text
        return sum("carrousel" in one for one in made), page

    assert searches("/", HOME_SEARCHES)[0] == HOME_SEARCHES
    site.clock.now += timedelta(hours=1)
    write(site, "manege", "Un manège, un carrousel 0")
    count, page = searches("/", 20)
    assert count == HOME_SEARCHES
    assert '<a href="/suivis">' in page
    assert 'value="seen"' not in page, "what was not looked at is not seen"
    count, page = searches("/suivis", 0)
    assert count == 20
    assert "Un manège" in page
    assert 'value="seen"' in page


def test_what_one_may_not_see_is_followed_like_what_never_was(site: AskingSite) -> None:
    """A restricted question, one that is not; a topic and a community that are not."""
    question = site.ask(title=f"Le cadastre de {SECRET} ?", **OWN)

    def told(agent: str, kind: str, subject: str) -> tuple[int, str]:
        body = {"action": "follow", "kind": kind, "subject": subject}
        answer = site.client(agent).post("/api/v1/follows", json=body)
        return answer.status_code, answer.text

    assert told(STRANGER, "question", question) == told(STRANGER, "question", "0" * 32)
    assert told(STRANGER, "question", question)[0] == 404
    assert told(MAPPER, "question", question)[0] == 204
    assert told(STRANGER, "topic", "inconnu")[0] == 404
    assert told(STRANGER, "community", "cadastre")[0] == 404
    assert told(STRANGER, "search", "/?page=2")[0] == 404
    assert required(site.services.part(SqlFollowing)).of(STRANGER).follows == ()


def test_a_follow_of_what_was_closed_shows_that_it_is_and_goes(site: AskingSite) -> None:
    """Neither its id nor its title; one may end it with all."""
    question = site.ask(title=f"Le cadastre de {SECRET} ?")
    assert follow(site, STRANGER, "question", question) == 204
    assert follow(site, STRANGER, "search", SEARCH) == 204
    assert site.act(ASKER, question, "delete") == 204
    kept = site.client(STRANGER).get("/api/v1/me").json()["following"]["follows"]
    assert {one["subject"] for one in kept} == {None, SEARCH}
    page = site.client(STRANGER).get("/preferences").text
    assert question not in page
    form = {"act": "forget", "back": "/preferences#suivis"}
    assert site.client(STRANGER).post("/suivis", data=form).status_code == 303
    assert site.client(STRANGER).get("/api/v1/follows").json()["follows"] == []


def test_buttons_follow_and_end_it(site: AskingSite) -> None:
    """On the pages of a topic, a question and a search; then in «Préférences»."""
    question, client = site.ask(), site.client(STRANGER)
    places = {
        "/topics/cadastre": ("topic", "cadastre"),
        f"/questions/{question}": ("question", question),
        "/?q=carnaval&page=1&sort=date": ("search", SEARCH),
    }
    for path, (kind, subject) in places.items():
        assert 'value="follow"' in client.get(path).text
        form = {"act": "follow", "kind": kind, "subject": subject, "back": path}
        assert client.post("/suivis", data=form).headers["location"] == path
        assert 'value="unfollow"' in client.get(path).text
    page = client.get("/preferences").text
    assert "Recherche : « carnaval »" in page
    assert follow(site, STRANGER, "search", "/?sort=date&q=carnaval", "unfollow") == 204
    assert "Recherche : « carnaval »" not in client.get("/preferences").text


def test_a_search_too_long_to_save_is_answered_without_the_button(site: AskingSite) -> None:
    """Such as a pasted mail: each of its accents takes six characters of the address."""
    question, client = "é" * 1_000, site.client(STRANGER)
    page = client.get("/", params={"q": question})
    assert page.status_code == 200
    assert 'value="follow"' not in page.text
    assert follow(site, STRANGER, "search", f"/?q={question}") == 422


def test_a_community_is_followed_by_its_page(tmp_path: Path) -> None:
    with asking_site(tmp_path, apart=True) as site:
        site.accept_community()
        assert 'value="follow"' in site.client(STRANGER).get("/communities/cadastre").text
        assert follow(site, STRANGER, "community", "cadastre") == 204
        site.clock.now += timedelta(hours=1)
        site.ask(title="Où est le plan ?", community="cadastre")
        assert titles(site, STRANGER) == ["Où est le plan ?"]


def test_one_follows_so_many_at_most(site: AskingSite) -> None:
    for number in range(MOST_SEARCHED):
        assert follow(site, STRANGER, "search", f"/?q=mot{number}") == 204
    assert follow(site, STRANGER, "search", "/?q=encore") == 422
    assert follow(site, STRANGER, "search", "/?q=mot1") == 204


def test_withdrawal_departure_and_a_restored_backup_end_it(site: AskingSite) -> None:
    """Who withdraws follows nothing, and nothing new; what was removed comes back in no way."""
    following = site.services.part(SqlFollowing)
    assert following is not None
    client = site.client(MAPPER)
    assert follow(site, MAPPER, "topic", "cadastre") == 204
    assert follow(site, STRANGER, "search", SEARCH) == 204
    assert follow(site, STRANGER, "topic", "cadastre") == 204
    assert follow(site, STRANGER, "search", SEARCH, "unfollow") == 204
    wish = {"kind": "withdraw", "subject": ""}
    assert client.post("/api/v1/me/wishes", json=wish).status_code == 200
    assert following.of(MAPPER).follows == ()
    assert follow(site, MAPPER, "topic", "cadastre") == 422
    lines = list(site.register.lines())
    before = SqlFollowing(site.engine, lambda: site.clock.now - timedelta(days=1))
    for agent in (MAPPER, STRANGER):  # as an older backup has them
        before.follow(agent, FollowKind.SEARCH, SEARCH)
    assert site.services.consent is not None
    replay(lines, site.engine, site.services.consent, site.index, b"key")
    assert following.of(MAPPER).follows == ()
    assert [one.kind for one in following.of(STRANGER).follows] == [FollowKind.TOPIC]
    following.see(STRANGER)
    purge_agent(site.engine, STRANGER, b"key")
    assert (following.of(STRANGER).follows, following.of(STRANGER).seen) == ((), None)


def test_news_of_a_question_is_no_use_of_it(site: AskingSite) -> None:
    """Else whoever follows a question would keep it for ever, without opening it."""
    question = site.ask(title=f"Le cadastre de {SECRET} ?", topic="cadastre")
    assert follow(site, STRANGER, "question", question) == 204
    assert site.act(MAPPER, question, "answer", text="Par un géomètre.") == 204
    for path in ("/", "/suivis", "/preferences", "/api/v1/follows", "/api/v1/news"):
        assert SECRET in site.client(STRANGER).get(path).text
    with site.engine.connect() as connection:
        assert connection.execute(sa.select(question_uses)).all() == []


def test_a_hidden_question_or_answer_is_no_news(site: AskingSite) -> None:
    """Neither its title nor its count, wherever it was news before."""

    def moderate(act: str, **fields: str) -> None:
        path = f"/api/v1/animation/questions/{question}"
        body = {"act": act, "reason": "Hors sujet.", **fields}
        assert site.client(ANIMATOR).post(path, json=body).status_code == 204

    question = site.ask(title=f"Le cadastre de {SECRET} ?", topic="cadastre")
    for kind, subject in (("question", question), ("topic", "cadastre")):
        assert follow(site, STRANGER, kind, subject) == 204
    assert site.act(MAPPER, question, "answer", text="Par un géomètre.") == 204
    assert news(site, STRANGER)["count"] == 1
    answer = site.read(MAPPER, question)["answers"][0]["id"]
    moderate("hide", answer=answer)
    assert news(site, STRANGER)["count"] == 0
    (hidden,) = site.client(ANIMATOR).get("/api/v1/animation/questions").json()["hidden"]
    moderate("show", answer=answer, digest=hidden["digest"])
    moderate("hide")
    for path in ("/", "/suivis", "/preferences", "/api/v1/follows", "/api/v1/news"):
        assert SECRET not in site.client(STRANGER).get(path).text
    assert news(site, STRANGER)["count"] == 0


def test_a_followed_search_among_verified_documents_stays_among_them(site: AskingSite) -> None:
    verifying = Verifying(SqlVerifications(site.engine))
    site = replace(site, services=site.services.with_parts(verifying))
    address = "/?q=carnaval&verified=1"
    assert follow(site, STRANGER, "search", address) == 204
    (kept,) = site.client(STRANGER).get("/api/v1/follows").json()["follows"]
    assert (kept["subject"], "vérifiés" in kept["title"]) == (address, True)
    site.clock.now += timedelta(hours=1)
    write(site, "neuf", "Le carnaval de l'an prochain")
    assert titles(site, STRANGER) == []
    hash_ = site.index.kept(["wiki:neuf"])["wiki:neuf"].content_hash
    verifying.store.say(Verification("wiki:neuf", hash_, MAPPER, TODAY, True))
    assert titles(site, STRANGER) == ["Le carnaval de l'an prochain"]


def test_what_was_not_followed_ends_without_a_line(site: AskingSite) -> None:
    """The register of deletions grows by what was there alone."""
    before = len(list(site.register.lines()))
    assert follow(site, STRANGER, "question", "0" * 32, "unfollow") == 204
    assert follow(site, STRANGER, "question", "", "forget") == 204
    assert len(list(site.register.lines())) == before
