"""Atom feeds of an agent: what they show, and whom their secret address opens them to."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from quisait_feeds.routes import web_feature
from quisait_feeds.service import MOST_ENTRIES, Feeds
from quisait_feeds.storage import (
    DAY_S,
    PREFIX,
    SqlFeedTokens,
    feed_tokens,
    forget_expired,
    metadata,
)

from connectors.values import Access, Contribution, ContributorRole
from indexer.values import Put
from quisait.privacy.retention import purge_agent
from search_api.app import create_app
from search_api.context import required
from search_api.limits import RateLimiter, RequesterKind
from search_api.parameters import INCOMPLETE
from search_api.questions.storage import Asking
from tests.builders import Listed, indexed, make_document
from tests.pages.asking_site import (
    AGENTS,
    ASKER,
    ELSEWHERE,
    MAPPER,
    QUESTION,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.pages.conftest import TOKENS, served
from tests.planted import TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

HOST = "http://127.0.0.1"
START = int(datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC).timestamp())
SOUGHT = "xylophone"


@dataclass
class Site:
    """The asking site with feeds; `now_s` is moved by a test."""

    asking: AskingSite
    feeds: Feeds
    now_s: int = START

    def app(self, **changes: Any) -> Any:
        features = (*self.asking.services.features, web_feature(self.feeds))
        services = {"features": features, "demo": True, **changes}
        return create_app(replace(self.asking.services, **services))

    def client(self, agent_id: str = "", **changes: Any) -> TestClient:
        headers = {"Origin": HOST, "x-agent": agent_id}
        return TestClient(self.app(**changes), HOST, headers=headers, follow_redirects=False)

    def get(self, token: str, path: str, **headers: str) -> Any:
        return self.client().get(f"/flux/{token}/{path}", headers=headers)

    def read(self, token: str, path: str) -> Any:
        """The feed as a feed reader reads it."""
        answer = self.get(token, path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/atom+xml"
        feed = feedparser.parse(answer.content)
        assert not feed.bozo, feed
        assert (feed.version, feed.encoding) == ("atom10", "utf-8")
        assert token not in answer.text
        return feed

    def titles(self, token: str, path: str) -> list[str]:
        return [entry.title for entry in self.read(token, path).entries]

    def write(self, name: str, text: str, **fields: Any) -> None:
        fields = {"title": name, "modified": datetime(2026, 9, 1, 12, tzinfo=UTC), **fields}
        document = make_document(f"wiki:{name}", **fields)
        assert not self.asking.index.write([Put(indexed(document, text))]).failed


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with asking_site(tmp_path) as asking:
        metadata.create_all(asking.engine)
        tokens = SqlFeedTokens(asking.engine, 180, lambda: made.now_s)
        made = Site(asking, Feeds(tokens, required(asking.services.part(Asking)).reader_of))
        yield made


def test_a_search_is_read_newest_first(site: Site) -> None:
    """With the document's page on this site, its author, and the passage that answers."""
    author = (Contribution("wiki:a1", ContributorRole.AUTHOR),)
    other = Access(frozenset({f"agent:{STRANGER}"}))
    site.write("ancien", f"Le {SOUGHT} de 2025.", modified=datetime(2025, 3, 1, tzinfo=UTC))
    site.write("récent", f"Le {SOUGHT} de 2026.", contributions=author)
    site.write("sans date", f"Le {SOUGHT} d'un jour inconnu.", modified=None)
    site.write("fermé", f"Le {SOUGHT} d'une autre.", access=other)
    feed = site.read(site.feeds.tokens.make(ASKER), f"recherche?q={SOUGHT}&source=wiki")
    assert [entry.title for entry in feed.entries] == ["récent", "ancien"]
    first = feed.entries[0]
    assert first.link == f"{HOST}/documents/wiki:r%C3%A9cent"
    assert first.updated == feed.feed.updated == "2026-09-01T12:00:00+00:00"
    assert first.summary == f"Le {SOUGHT} de 2026."
    assert [one.name for one in first.authors] == [AGENTS[0].name]
    assert feed.feed.link == f"{HOST}/?q={SOUGHT}&source=wiki&sort=date&as_typed=1"
    assert len({feed.feed.id, *(entry.id for entry in feed.entries)}) == 3
    assert all(entry.id.startswith("urn:uuid:") for entry in feed.entries)


def test_an_entry_keeps_its_id_and_shows_only_the_present_text(site: Site) -> None:
    token, path = site.feeds.tokens.make(ASKER), f"recherche?q={SOUGHT}"
    site.write("note", f"Le {SOUGHT} dit l'inavouable.")
    (before,) = site.read(token, path).entries
    modified = datetime(2026, 9, 2, tzinfo=UTC)
    site.write("note", f"Le {SOUGHT} dit autre chose.", modified=modified, title="corrigée")
    (after,) = site.read(token, path).entries
    assert (after.id, after.title) == (before.id, "corrigée")
    assert after.updated > before.updated
    assert "inavouable" in before.summary
    assert "inavouable" not in site.get(token, path).text
    assert "note<" not in site.get(token, path).text


def test_a_feed_ends(site: Site) -> None:
    """At its newest entries, whatever page the address asks for."""
    for number in range(MOST_ENTRIES + 5):
        day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
        site.write(f"n{number}", f"Le {SOUGHT} numéro {number}.", modified=day)
    titles = site.titles(site.feeds.tokens.make(ASKER), f"recherche?q={SOUGHT}&page=3")
    assert titles == [f"n{number}" for number in range(MOST_ENTRIES + 4, 4, -1)]


def test_an_empty_search_is_that_of_all_documents(site: Site) -> None:
    """As on the API; a search that finds nothing is an empty feed, which is dated too."""
    token = site.feeds.tokens.make(ASKER)
    site.write("seul daté", "Une note.")
    assert site.titles(token, "recherche") == site.titles(token, "recherche?q=%20") == ["seul daté"]
    nothing = site.read(token, "recherche?q=zzzzzzzz")
    assert (nothing.entries, bool(nothing.feed.updated)) == ([], True)


def test_a_topic_is_read_by_any_of_its_labels(site: Site) -> None:
    """Without anything else; an unknown topic has no feed."""
    token = site.feeds.tokens.make(ASKER)
    site.write("parcelle", "Le cadastre d'une parcelle.")
    site.write("fanfare", f"Le {SOUGHT}.")
    feed = site.read(token, "sujet/cadastre")
    assert [entry.title for entry in feed.entries] == ["parcelle"]
    assert feed.feed.link == f"{HOST}/topics/cadastre"
    assert site.get(token, "sujet/jamais").status_code == 404
    assert site.client(overview=None).get(f"/flux/{token}/sujet/cadastre").status_code == 404


def test_open_questions_are_read_by_who_may_read_them(site: Site) -> None:
    """Neither an answered question, nor a hidden one, nor one's own, nor another service's."""
    asking = site.asking
    titles = ["Ouverte ?", "Répondue ?", "Masquée ?", QUESTION]
    ids = [asking.ask(title=title) for title in titles]
    asking.ask(STRANGER, "D'ailleurs ?", scope="entity", scope_id=ELSEWHERE)
    assert asking.act(MAPPER, ids[1], "answer", text="Voici.") == 204
    asking.questions.moderation.hide(ids[2], "", "hors sujet")
    reader, asker = site.feeds.tokens.make(MAPPER), site.feeds.tokens.make(ASKER)
    feed = site.read(reader, "questions")
    assert [entry.title for entry in feed.entries] == [QUESTION, "Ouverte ?"]
    assert feed.entries[0].link == f"{HOST}/questions/{ids[3]}"
    assert not any(entry.get("summary") for entry in feed.entries)
    assert site.titles(asker, "questions") == []
    assert site.titles(site.feeds.tokens.make(STRANGER), "questions") == [QUESTION, "Ouverte ?"]
    off = site.client(parts=())
    assert off.get(f"/flux/{reader}/questions").status_code == 404


def test_a_former_text_of_a_question_is_never_shown(site: Site) -> None:
    """Not even by a database that is put back from before the correction."""
    question = site.asking.ask(title="Un texte inavouable ?")
    copy = site.asking.saved()
    assert site.asking.act(ASKER, question, "edit", title="Un texte corrigé ?", text="") == 204
    token = site.feeds.tokens.make(MAPPER)
    assert site.titles(token, "questions") == ["Un texte corrigé ?"]
    with site.asking.restored(copy) as engine:
        asking = required(site.asking.services.part(Asking))
        questions = type(asking.questions)(engine, site.asking.clock, site.asking.register)
        former = site.asking.services.with_parts(replace(asking, questions=questions))
        answer = site.client(parts=former.parts).get(f"/flux/{token}/questions")
    assert answer.status_code == 200
    assert "inavouable" not in answer.text


def test_an_unchanged_feed_is_not_sent_again(site: Site) -> None:
    token, path = site.feeds.tokens.make(ASKER), f"recherche?q={SOUGHT}"
    site.write("note", f"Le {SOUGHT}.")
    first = site.get(token, path)
    again = site.get(token, path, **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for answer in (first, again):
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    site.write("autre", f"Un autre {SOUGHT}.")
    changed = site.get(token, path, **{"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


def test_titles_of_any_characters_are_valid_atom(site: Site) -> None:
    token = site.feeds.tokens.make(ASKER)
    title = "a\x00\x0b\ufffe\uffff\u202e<b>&amp;]]>é𝒳"
    site.write("note", f"Le {SOUGHT} \x1b\ufffe <i>.", title=title)
    site.write("vide", f"Un {SOUGHT}.", title="")
    entries = site.read(token, f"recherche?q={SOUGHT}+%00%01%EF%BF%BE").entries
    texts = {entry.title_detail.type: entry.title_detail.value for entry in entries}
    assert set(texts) == {"text/plain"}
    answer = site.get(token, f"recherche?q={SOUGHT}").text
    assert "a&lt;b&gt;&amp;amp;]]&gt;é𝒳" in answer
    assert all(entry.title for entry in entries)


def hostile(token: str) -> list[str]:
    changed = token[:-1] + ("a" if token[-1] != "a" else "b")
    other = ["x", PREFIX, "%00", "%F0%28", "..", "%2e%2e", "%C3%A9" * 43, "'%20or%201=1%20--"]
    return [changed, token[:-1], f"{token}%20", f"{token}%0A", token.upper(), token * 50, *other]


def test_who_has_no_token_reads_nothing(site: Site) -> None:
    """Unknown, expired, revoked, replaced, of an agent who left: all have the same answer."""
    tokens = site.feeds.tokens
    unknown = site.get(PREFIX + "a" * 43, "recherche?q=cadastre")
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "not_found"

    def is_open(token: str) -> bool:
        for path in ("recherche?q=cadastre", "sujet/cadastre", "questions"):
            answer = site.get(token, path)
            if answer.status_code == 200:
                return True
            assert (answer.status_code, answer.json()) == (404, unknown.json()), (token, path)
            assert answer.headers["content-type"] == unknown.headers["content-type"]
        return False

    replaced = tokens.make(ASKER)
    assert is_open(replaced)
    assert not any(
        map(is_open, [one for one in hostile(replaced) if ".." not in one and "%2e" not in one])
    )
    present = tokens.make(ASKER)
    assert (is_open(replaced), is_open(present)) == (False, True)
    assert tokens.revoke(ASKER)
    assert not tokens.revoke(ASKER)
    assert not is_open(present)
    expired = tokens.make(ASKER)
    site.now_s += 180 * DAY_S - 1
    assert is_open(expired)
    site.now_s += 1
    assert not is_open(expired)
    assert tokens.of(ASKER) is None
    gone = tokens.make(ASKER)
    assert is_open(gone)
    left = [replace(one, departure=TODAY - timedelta(days=1)) for one in AGENTS if one.id == ASKER]
    others = [one for one in AGENTS if one.id != ASKER]
    site.asking.services.people.replace(Listed(*left, *others))
    assert not is_open(gone)
    site.asking.services.people.replace(Listed(*others))
    assert not is_open(gone)


def test_rights_are_those_of_the_moment(site: Site) -> None:
    """What is opened or closed since the token was made is so in its feeds."""
    token, path = site.feeds.tokens.make(ASKER), f"recherche?q={SOUGHT}"
    mine, theirs = (Access(frozenset({f"agent:{one}"})) for one in (ASKER, STRANGER))
    site.write("note", f"Le {SOUGHT}.", access=theirs)
    assert site.titles(token, path) == []
    site.write("note", f"Le {SOUGHT}.", access=mine)
    assert site.titles(token, path) == ["note"]
    site.write("note", f"Le {SOUGHT}.", access=theirs)
    assert site.titles(token, path) == []


def test_an_authority_that_does_not_answer_is_named(site: Site) -> None:
    """So that a feed that lacks documents can be told from one that has all."""
    whole = site.feeds.reader_of

    def silenced(agent_id: str) -> Any:
        return replace(whole(agent_id), unanswered=frozenset({"forum"}))

    feeds = replace(site.feeds, reader_of=silenced)
    token, app = feeds.tokens.make(ASKER), site.app(features=(web_feature(feeds),))
    client = TestClient(app, HOST)
    assert client.get(f"/flux/{token}/recherche").headers[INCOMPLETE] == "forum"
    assert INCOMPLETE not in site.get(token, "recherche").headers


def test_a_token_opens_feeds_alone(site: Site) -> None:
    """Neither the API nor a page; and no other token opens a feed."""
    from search_api.authorization import IdentifiedReaders, bearer
    from search_api.sign_on.sessions import SqlPersonalTokens

    now_s, people = lambda: site.now_s, site.asking.services.people
    personal = SqlPersonalTokens(site.asking.engine, 90, now_s)
    readers = IdentifiedReaders([bearer(TOKENS, personal, now_s)], people, lambda: TODAY)
    client = site.client(demo=False, reader_of=readers)
    own, program = site.feeds.tokens.make(ASKER), personal.make(ASKER, "un programme", 30)
    signed = TOKENS.make(ASKER, site.now_s)
    for token, status in ((own, 401), (program, 200), (signed, 200)):
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/api/v1/search?q=cadastre", headers=headers).status_code == status
        assert client.get("/recherche.csv?q=cadastre", headers=headers).status_code == status
        assert client.get("/flux", headers=headers).status_code in (401, 403)
        renewed = client.post("/flux", data={"act": "renew"}, headers=headers)
        assert renewed.status_code in (401, 403)
    for token in (program, signed):
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get(f"/flux/{token}/recherche", headers=headers).status_code == 404
    assert client.get(f"/flux/{own}/recherche").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("recherche?q=x&page=0", "recherche?q=x&page=x", "recherche?q=x&sort=jamais"),
        *("recherche?q=x&area=99x", "recherche?q=x&source=jamais"),
    ],
)
def test_bad_parameters_are_refused_as_by_the_api(site: Site, path: str) -> None:
    """The same problem, for who has a token; who has none learns nothing of it."""
    token = site.feeds.tokens.make(ASKER)
    answer = site.get(token, path)
    query = path.partition("?")[2]
    api = site.client(ASKER).get(f"/api/v1/search?{query}")
    assert (answer.status_code, answer.json()) == (422, api.json())
    assert site.get("inconnu", path).status_code == 404


def test_requests_are_limited(site: Site) -> None:
    """Those of an agent with all others of theirs, and unknown tokens by address."""
    own, other = site.feeds.tokens.make(ASKER), site.feeds.tokens.make(MAPPER)
    limits = {RequesterKind.READER: 3, RequesterKind.ADDRESS: 5}
    client = site.client(rate_limiter=RateLimiter(limits, clock=lambda: 0.0))

    def statuses(token: str, times: int) -> list[int]:
        paths = [f"/flux/{token}/recherche"] * times
        return [client.get(path).status_code for path in paths]

    assert statuses(own, 5) == [200] * 3 + [429] * 2
    assert statuses(other, 1) == [200]
    assert statuses(PREFIX + "a" * 43, 7) == [404] * 5 + [429] * 2


def test_neither_token_nor_query_is_kept_or_logged(
    site: Site, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """By the server that answers in production, for answers, problems and unknown paths."""
    import httpx

    token = site.feeds.tokens.make(ASKER)
    noted: list[object] = []

    class Noting:
        def note(self, query: object) -> None:
            noted.append(query)

    caplog.set_level(logging.DEBUG)
    with served(site.app(query_log=Noting())) as address:
        for path in ("recherche?", "recherche?page=0&", "sujet/cadastre?", "questions?", "rien?"):
            sent = f"{address}/flux/{token}/{path}q={SOUGHT}"
            assert httpx.get(sent, trust_env=False, timeout=60).status_code < 500
    records = [vars(one) for one in caplog.records if not one.name.startswith("http")]
    written = "".join(map(str, (*records, *capfd.readouterr())))
    assert token not in written
    assert SOUGHT not in written
    assert noted == []
    with site.asking.engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        tables = [sa.select(sa.text("*")).select_from(sa.table(name)) for name in names]
        rows = [str(connection.execute(one).all()) for one in tables]
    assert not any(token in one or SOUGHT in one for one in rows)


def made_token(page: str) -> str:
    found = re.search(rf"/flux/({PREFIX}[\w-]+)/", page)
    assert found
    return found[1]


def test_the_page_makes_renews_and_revokes_the_token(site: Site) -> None:
    """It is shown once, in the addresses of the agent's feeds, and to nobody else."""
    me = site.client(ASKER)
    for subject, kind in (("/?q=plan", "search"), ("cadastre", "topic")):
        follow = {"act": "follow", "kind": kind, "subject": subject}
        assert me.post("/suivis", data=follow).status_code == 303
    origin = f"/?q={SOUGHT}&source=wiki"
    empty = me.get("/flux", params={"page": origin}).text
    assert "VOTRE-JETON" in empty
    assert PREFIX + "a" not in empty
    made = me.post("/flux", data={"act": "renew", "page": origin})
    token = made_token(made.text)
    paths = re.findall(rf"{HOST}/flux/{token}/([^<]+)<", made.text)
    expected = {f"recherche?q={SOUGHT}&amp;source=wiki", "questions", "sujet/cadastre"}
    assert set(paths) == {*expected, "recherche?q=plan"}
    for path in paths:
        site.read(token, path.replace("&amp;", "&"))
    again = me.get("/flux").text
    assert token not in again
    assert 'value="revoke"' in again
    assert 'value="revoke"' not in site.client(MAPPER).get("/flux").text
    renewed = made_token(me.post("/flux", data={"act": "renew"}).text)
    assert site.get(token, "questions").status_code == 404
    assert site.get(renewed, "questions").status_code == 200
    done = me.post("/flux", data={"act": "revoke"})
    assert (done.status_code, done.headers["location"].partition("#")[0]) == (303, "/flux")
    assert site.get(renewed, "questions").status_code == 404
    assert me.post("/flux", data={"act": "jamais"}).status_code == 422
    away = site.client(ASKER)
    away.headers["Origin"] = "http://ailleurs.example"
    assert away.post("/flux", data={"act": "renew"}).status_code == 403


@pytest.mark.parametrize(
    "page", ["http://[", "//ailleurs.example/?q=x", "/experts?q=x", '/?q="><script>', "/topics/<b>"]
)
def test_the_page_repeats_no_address_as_it_is(site: Site, page: str) -> None:
    shown = site.client(ASKER).get("/flux", params={"page": page})
    assert shown.status_code == 200
    assert not re.search(r"<(script>|b>)", shown.text)
    assert "ailleurs.example/" not in re.sub(r'value="[^"]*"', "", shown.text)


def test_the_agent_sees_carries_away_and_loses_the_token(site: Site) -> None:
    """Its days, never itself; nothing is left of an agent who is purged."""
    token, other = site.feeds.tokens.make(ASKER), site.feeds.tokens.make(MAPPER)
    site.get(token, "questions")
    me = site.client(ASKER)
    day = TODAY.isoformat()
    ends = (TODAY + timedelta(days=180)).isoformat()
    row = {"made": day, "ends": ends, "last_used": day}
    assert me.get("/api/v1/me").json()["feed_tokens"] == [row]
    assert me.get("/api/v1/me/export").json()["feed_tokens"] == [row]
    assert 'href="/flux"' in me.get("/mes-donnees").text
    description = me.get("/openapi.json").json()["components"]["schemas"]
    assert description["MeBody"]["properties"]["feed_tokens"]["items"]["$ref"].endswith("Body")
    assert "FeedTokenBody" in description
    with site.asking.engine.connect() as connection:
        kept = str(connection.execute(sa.select(feed_tokens)).all())
    assert token[len(PREFIX) :] not in kept
    assert site.feeds.tokens.revoke(ASKER)
    assert me.get("/api/v1/me").json()["feed_tokens"] == []
    token = site.feeds.tokens.make(ASKER)
    assert purge_agent(site.asking.engine, ASKER, b"key") > 0
    assert site.feeds.tokens.of(ASKER) is None
    assert site.get(token, "questions").status_code == 404
    assert site.get(other, "questions").status_code == 200


def test_expired_tokens_are_forgotten(site: Site) -> None:
    tokens = site.feeds.tokens
    tokens.make(ASKER)
    site.now_s += 10
    tokens.make(MAPPER)
    assert forget_expired(site.asking.engine, START + 180 * DAY_S) == 1
    assert (tokens.of(ASKER), bool(tokens.of(MAPPER))) == (None, True)
    assert (tokens.revoke_all(), tokens.of(MAPPER)) == (1, None)


def test_without_sign_on_there_are_no_feeds(site: Site) -> None:
    """Nobody could make a token: no page proposes one."""
    client = site.client(ASKER, features=(web_feature(None),))
    assert client.get("/flux").status_code == 404
    assert client.get("/recherche.csv").status_code == 200
    page = client.get("/?q=cadastre").text
    assert ('href="/recherche.csv?q=cadastre"' in page, "/flux" in page) == (True, False)
