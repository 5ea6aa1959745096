"""Every route that writes succeeds for the people who may use it, and refuses all others.

The access matrix also requests these routes, but only looks for leaks, which routes that always
refuse cannot have.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from quisait_desk.feature import desk_pages
from quisait_desk.sources import DeskSources
from quisait_feeds.routes import web_feature as feeds_feature
from quisait_feeds.service import Feeds
from quisait_feeds.storage import SqlFeedTokens
from quisait_lasuite.documents import SuiteDocuments, SuiteRules
from quisait_lasuite.groups import PushedGroups
from quisait_lasuite.introspection import ApplicationReaders, IntrospectionRules
from quisait_lasuite.scim_values import SuiteGroups
from quisait_lasuite.service import LaSuite
from quisait_lasuite.web import lasuite_web
from quisait_mail.links import UnsubscribeLinks
from quisait_mail.storage import Mailing, SqlMail
from quisait_mail.values import MailKind, MailRules
from quisait_mail.web import mail_web
from quisait_mcp.routes import web_feature
from quisait_mcp.service import Assistants
from quisait_mcp.storage import SqlAssistantCalls
from quisait_moderation.web import moderation_web
from quisait_push.inbox import Inbox, PushService
from quisait_push.items import PushLimits
from quisait_push.tokens import PushTokens
from quisait_push.web import push_web
from quisait_written_answer.model import ModelServer
from quisait_written_answer.routes import web_feature as written_feature
from quisait_written_answer.values import Writing, WritingRules

from expertise.build import BuildRules
from expertise.builds import SqlBuilds
from expertise.consent import SqlConsent
from expertise.current_build import BuildReader
from expertise.directory import SqlDirectory
from indexer.embedded.index import EmbeddedIndex
from indexer.state import State
from quisait.application.database import migrate
from quisait.clock import now
from quisait.settings import SearchSettings, load_settings
from quisait.work.edited_tables import EditedFiles
from search_api.administration.system_status import Administration, SystemStatus
from search_api.app import Services, create_app
from search_api.audit.sql import SqlAudit
from search_api.authorization import IdentifiedReaders, bearer, session_cookie
from search_api.communities.storage import SqlCommunityPages
from search_api.context import required
from search_api.engine import Search
from search_api.expected.storage import ExpectedQuestion, QuestionOrigin, SqlExpectedQuestions
from search_api.favourites.storage import SqlFavourites
from search_api.following.storage import SqlFollowing
from search_api.identity.readers import NO_AUTHORITIES, reader_of
from search_api.questions.limits import DailyActs
from search_api.questions.storage import Asking, SqlQuestions
from search_api.questions.values import AskingRules
from search_api.search.service import experts_to_ask
from search_api.sign_on.identification import AgentRule, SignOn
from search_api.sign_on.provider import Provider, ProviderRules
from search_api.sign_on.sessions import SessionLimits, SignOnCookies, SqlPersonalTokens, SqlSessions
from search_api.sign_on.signed_tokens import LOGOUT_EVENT, ProviderSession
from search_api.verification.service import note_opening
from search_api.verification.storage import OutdatedMark, SqlVerifications, Verifying
from tests.lying_provider import CLIENT_ID, LyingProvider, lying_provider, rsa_key, signed
from tests.made_once import copy_made
from tests.pages.access_routes import WRITE_METHODS, routes_of, used
from tests.pages.conftest import TOKENS
from tests.pages.test_animation import GRANTS, make_desk
from tests.planted import ENCODER, TODAY
from tests.pushed_documents import DOCUMENT, post

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SITE = "http://localhost"
LINKS = UnsubscribeLinks(b"k" * 32)
MANAGER, OTHER, ADMINISTRATOR = "ag-1", "ag-5", "ag-8"
"""Who manages «géomètre» and the community «Réseau», and who holds no role."""
STRANGER = rsa_key("first")
"""A key that is not the provider's."""
PROPOSED = "m/geometre"
"""A topic whose agents are alone in their regions: a community is proposed."""


@dataclass
class Site:
    """The application with every route that writes, and what one writes with."""

    app: FastAPI
    demo: FastAPI
    sign_on: SignOn
    tokens: SqlPersonalTokens
    provider: LyingProvider
    push_token: str
    services: Services

    def session(self, agent: str, subject: str = "", session: str = "") -> str:
        whose = ProviderSession(self.provider.issuer, subject, session) if subject else None
        return self.sign_on.sessions.begin(agent, provider_session=whose)

    def client(self, agent: str = "", app: FastAPI | None = None, host: str = "127.0.0.1") -> Any:
        """A browser of this agent, signed on; of nobody without one."""
        made = TestClient(
            app or self.app,
            SITE,
            headers={"Origin": SITE},
            follow_redirects=False,
            client=(host, 50_000),
        )
        if agent:
            made.cookies.set("quisait_session", self.session(agent))
        return made

    def proposal(self) -> str:
        """The id of a topic that is proposed to the manager."""
        body = self.client(MANAGER).get("/api/v1/animation/proposals").json()
        return str(body["proposals"][0]["id"])

    def decision(self) -> str:
        """The id of a decision of the manager."""
        path = f"/api/v1/animation/proposals/{self.proposal()}"
        return str(self.client(MANAGER).post(path, json={"verdict": "refuse"}).json()["id"])

    def is_open(self, session: str) -> bool:
        return self.sign_on.sessions.find(session) is not None


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "quisait.toml").write_text('[desk]\nsources = "write"\n', "utf-8")
    monkeypatch.setenv("QUISAIT_FILE", str(tmp_path / "quisait.toml"))
    copy_made(tmp_path, make_desk)
    index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    engine = migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"))
    book, builds = SqlDirectory(engine), SqlBuilds(engine)
    push_tokens, pushed_groups = PushTokens(engine), PushedGroups(engine)
    pushed_groups.change("docs", "g", [], make=True)
    limits = PushLimits(request_bytes=20_000, document_bytes=5_000, documents=20)
    inbox = Inbox(engine, lambda source: None, max_waiting=40)
    with lying_provider() as provider:
        personal = SqlPersonalTokens(engine, 90, now_s)
        sign_on = signing_on(engine, book, provider.issuer, personal)
        identify = [
            bearer(TOKENS, personal, now_s),
            session_cookie(sign_on.sessions, sign_on.cookies),
        ]
        mailing = Mailing(SqlMail(engine, now, "x.test"), MailRules(SITE, "x.test"), LINKS)
        services = Services(
            Search(index, ENCODER, book),
            book,
            today=lambda: TODAY,
            overview=BuildReader(builds, index, book, BuildRules()),
            grants=GRANTS,
            audit=SqlAudit(engine, now),
            consent=SqlConsent(engine, now),
            sign_on=sign_on,
            reader_of=IdentifiedReaders(identify, book, lambda: TODAY),
            closed_communities=SqlCommunityPages(engine, now).closed,
            parts=(
                SqlFavourites(engine, now),
                Administration(
                    lambda: SystemStatus((), (), None),
                    EditedFiles(
                        load_settings().model_copy(
                            update={
                                "search": SearchSettings(glossary=str(tmp_path / "glossaire.csv"))
                            }
                        )
                    ),
                    State(engine).request_run,
                    lambda source, folder: State(engine).request_run(source),
                    lambda: "",
                ),
                Asking(
                    SqlQuestions(engine, now),
                    AskingRules(),
                    lambda: True,
                    lambda agent_id: reader_of(agent_id, book, TODAY),
                    experts_to_ask,
                    note_opening,
                    DailyActs(now),
                ),
                SqlFollowing(engine, now),
                mailing,
                SqlCommunityPages(engine, now),
                Verifying(SqlVerifications(engine)),
                SqlExpectedQuestions(engine),
            ),
            features=(
                mail_web(mailing),
                push_web(PushService(inbox, push_tokens, {"docs": frozenset()}, limits)),
                lasuite_web(
                    LaSuite(
                        SuiteDocuments(inbox, {"docs": SuiteRules()}, limits.document_bytes),
                        SuiteGroups(pushed_groups, frozenset({"docs"})),
                        application_readers(sign_on, book),
                    )
                ),
                moderation_web(),
                desk_pages(DeskSources(load_settings(), book)),
                feeds_feature(
                    Feeds(
                        SqlFeedTokens(engine, 30, now_s),
                        lambda agent_id: reader_of(agent_id, book, TODAY),
                    )
                ),
                written_feature(
                    Writing(
                        ModelServer("http://127.0.0.1:9/v1", "petit"),
                        WritingRules(sources=frozenset({"wiki"})),
                        lambda agent_id: reader_of(agent_id, book, TODAY),
                    )
                ),
                web_feature(
                    Assistants(
                        personal,
                        SqlAssistantCalls(engine, now_s),
                        lambda agent_id: reader_of(agent_id, book, TODAY),
                        30,
                    )
                ),
            ),
        )
        yield Site(
            create_app(services),
            create_app(replace(services, demo=True)),
            sign_on,
            personal,
            provider,
            push_tokens.add("docs", ""),
            services,
        )
    engine.dispose()


def signing_on(
    engine: sa.Engine, book: SqlDirectory, issuer: str, personal: SqlPersonalTokens
) -> SignOn:
    rules = ProviderRules(
        issuer=issuer,
        client_id=CLIENT_ID,
        client_secret="un secret",
        redirect_uri=f"{SITE}/sign-on/callback",
        scopes="openid",
    )
    return SignOn(
        address=SITE,
        provider=Provider(rules, now_s),
        sessions=SqlSessions(engine, SessionLimits(3_600, 36_000), now_s),
        tokens=personal,
        cookies=SignOnCookies(secure=False),
        rule=AgentRule(),
        known=book,
        whom_to_ask="",
        now_s=now_s,
        today=lambda: TODAY,
    )


def application_readers(sign_on: SignOn, book: SqlDirectory) -> ApplicationReaders:
    assert sign_on.provider
    rules = IntrospectionRules({"docs-app": "wiki"})
    return ApplicationReaders(sign_on.provider, rules, book, NO_AUTHORITIES, now_s, lambda: TODAY)


def now_s() -> int:
    return int(time.time())


Answer = httpx.Response


@dataclass(frozen=True)
class Write:
    """A request to a route by a person who may send it, the expected `status`, and other people."""

    allowed: Callable[[Site], Answer]
    status: int
    refused: Mapping[int, Callable[[Site], Answer]]
    """By the status of their refusal."""


Maker = Callable[[str, str], Write]
"""Makes a `Write` for the method and the path of its route."""
_PARAMETER = re.compile(r"\{[^}]*\}")


def filled(path: str, value: str) -> str:
    """The path of a route with its parameter."""
    return _PARAMETER.sub(lambda _: value, path)


def managing(named: Callable[[Site], str], status: int, **sent: Any) -> Maker:
    """A community manager may, another agent and nobody may not."""

    def make(method: str, path: str) -> Write:
        def ask(site: Site, agent: str) -> Answer:
            answer: Answer = site.client(agent).request(method, filled(path, named(site)), **sent)
            return answer

        return Write(
            lambda site: ask(site, MANAGER),
            status,
            {403: lambda site: ask(site, OTHER), 401: lambda site: ask(site, "")},
        )

    return make


def of_a_person(ask: Callable[..., Answer], status: int, agent: str, unknown_to: str = "") -> Write:
    """An agent may, in a browser; nobody may not, nor may a personal token of theirs.

    To the agent `unknown_to`, if there is one, it is as unknown.
    """

    def by_token(site: Site) -> Answer:
        token = site.tokens.make(agent, "un programme", 30)
        return ask(site, site.client(), Authorization=f"Bearer {token}")

    refused = {401: lambda site: ask(site, site.client()), 403: by_token}
    if unknown_to:
        refused[404] = lambda site: ask(site, site.client(unknown_to))
    return Write(lambda site: ask(site, site.client(agent)), status, refused)


def in_person(status: int, **sent: Any) -> Maker:
    """Everybody may for themselves, in a browser; nobody may not, nor may a personal token."""

    def make(method: str, path: str) -> Write:
        def ask(_: Site, client: Any, **headers: str) -> Answer:
            answer: Answer = client.request(method, path, headers=headers, **sent)
            return answer

        return of_a_person(ask, status, OTHER)

    return make


def of_own(name: str, own: Callable[[Site, str], str]) -> Maker:
    """Everybody may end what is theirs; what is somebody else's is unknown to them."""

    def make(_: str, path: str) -> Write:
        def ask(site: Site, agent: str) -> Answer:
            answer: Answer = site.client(agent).post(path, data={name: own(site, OTHER)})
            return answer

        return Write(
            lambda site: ask(site, OTHER),
            303,
            {404: lambda site: ask(site, MANAGER), 401: lambda site: ask(site, "")},
        )

    return make


def on_a_question(
    status: int, agent: str, unknown_to: str, reported: bool = False, **sent: Any
) -> Maker:
    """An agent may change or report a question; to another it is unknown, to a program closed.

    `reported`: it was before, by who may read it, and is taken back.
    """

    def make(method: str, path: str) -> Write:
        def ask(site: Site, client: Any, **headers: str) -> Answer:
            id_ = question_of_other(site)
            if reported:
                reason = {"reason": "Un nom."}
                site.client(MANAGER).post(f"/api/v1/questions/{id_}/reports", json=reason)
            answer: Answer = client.request(method, filled(path, id_), headers=headers, **sent)
            return answer

        return of_a_person(ask, status, agent, unknown_to)

    return make


of_the_asker = partial(on_a_question, agent=OTHER, unknown_to=MANAGER)
"""Who asked a question may change it."""
reporting = partial(on_a_question, agent=MANAGER, unknown_to=OTHER)
"""Whoever reads a question may report it, but its asker."""


def question_of_other(site: Site) -> str:
    asked = site.client(OTHER).post(
        "/api/v1/questions", json={"title": "Qui sait ?", "topic": PROPOSED}
    )
    return str(asked.json()["id"])


def marked_document(site: Site) -> str:
    """A document of the manager's topic that a reader marked, whose author is not to be asked."""
    verifying = site.services.part(Verifying)
    assert verifying is not None
    verifying.store.choose_pace("ag-2", 0)
    id_ = "wiki:60"
    text = site.services.search.text_hashes([id_])[id_]
    verifying.store.mark(OutdatedMark(id_, text, OTHER, TODAY, "Le seuil."), 9, TODAY)
    return id_


EXPECTED = "Qui passe sur mon terrain ?"
"""An expected question of a document that the manager animates."""


def expecting(path: str, status: int, **sent: Any) -> Maker:
    """An animator may, in a browser; another agent and nobody may not, nor may a personal token."""

    def make(method: str, _: str) -> Write:
        def ask(site: Site, agent: str) -> Answer:
            row = ExpectedQuestion("wiki:60", EXPECTED, QuestionOrigin.HAND, TODAY, "")
            required(site.services.part(SqlExpectedQuestions)).add([row])
            answer: Answer = site.client(agent).request(method, path, **sent)
            return answer

        return Write(
            lambda site: ask(site, MANAGER),
            status,
            {403: lambda site: ask(site, OTHER), 401: lambda site: ask(site, "")},
        )

    return make


def pushing(status: int, body: Any, named: str = "") -> Maker:
    """A source's token may, anybody without one may not."""

    def make(method: str, path: str) -> Write:
        def ask(site: Site, token: str) -> Answer:
            headers = {"Authorization": f"Bearer {token}"}
            asked = site.client().request(method, filled(path, named), json=body, headers=headers)
            answer: Answer = asked
            return answer

        return Write(
            lambda site: ask(site, site.push_token), status, {401: lambda site: ask(site, "qsp_x")}
        )

    return make


def searching(site: Site, sub: str, client_id: str = "docs-app") -> Answer:
    """An application that searches with the token of an account."""
    site.provider.token_claims = {"sub": sub, "client_id": client_id}
    answer: Answer = site.client().post(
        "/api/v1.0/documents/search/", json={"q": "*"}, headers={"Authorization": "Bearer jeton"}
    )
    return answer


def logged_out(site: Site, key: Any = None) -> Answer:
    """Post a logout token, as the provider does when a session ended there."""
    site.session(OTHER, "sub-5", "s5")
    claims = {
        "iss": site.provider.issuer,
        "aud": CLIENT_ID,
        "iat": now_s(),
        "jti": f"jeton-{time.monotonic_ns()}",
        "sub": "sub-5",
        "sid": "s5",
        "events": {LOGOUT_EVENT: {}},
    }
    token = signed(claims, key or site.provider.key, typ="logout+jwt")
    answer: Answer = site.client().post(
        "/sign-on/back-channel-logout", data={"logout_token": token}
    )
    return answer


def become(site: Site, app: FastAPI, host: str) -> Answer:
    """Choose in the demo who one is."""
    answer: Answer = site.client(app=app, host=host).post("/demo/agent", data={"agent": MANAGER})
    return answer


def topic_of_community(site: Site) -> str:
    return PROPOSED


def own_token(site: Site, agent: str) -> str:
    site.tokens.make(agent, "un programme", 30)
    return str(site.tokens.of(agent)[0].short)


def call_tool(site: Site, token: str) -> Answer:
    call = used("search", query="cadastre")
    headers = {"Authorization": f"Bearer {token}"}
    answer: Answer = site.client().post(call.path, json=call.json, headers=headers)
    return answer


def own_session(site: Site, agent: str) -> str:
    site.session(agent)
    return str(site.sign_on.sessions.of(agent)[0].short)


NEW_SOURCE = {"kind": "push", "name": "depot", "step": "readers", "from": "place"}


def administering(status: int, named: str = "", **form: str) -> Maker:
    """Who administers may, another agent and nobody may not."""

    def make(_: str, path: str) -> Write:
        def ask(site: Site, agent: str = "") -> Answer:
            answer: Answer = site.client(agent).post(filled(path, named), data=form)
            return answer

        return Write(
            lambda site: ask(site, ADMINISTRATOR),
            status,
            {403: lambda site: ask(site, MANAGER), 401: ask},
        )

    return make


def accepted_community(site: Site) -> str:
    path = f"/animation/communities/{PROPOSED}"
    site.client(MANAGER).post(path, data={"verdict": "accept"})
    return PROPOSED


def joining(site: Site, agent: str) -> Answer:
    """A community that its manager has accepted."""
    path = f"/animation/communities/{PROPOSED}"
    site.client(MANAGER).post(path, data={"verdict": "accept"})
    answer: Answer = site.client(agent).post(f"/communities/{PROPOSED}", data={"act": "join"})
    return answer


def joining_by_token(site: Site) -> Answer:
    headers = {"Authorization": f"Bearer {site.tokens.make(OTHER, 'un programme', 30)}"}
    client = site.client()
    answer: Answer = client.post(f"/communities/{PROPOSED}", data={"act": "join"}, headers=headers)
    return answer


KEPT = {"act": "favourite", "kind": "agent", "subject": MANAGER}
WITHDRAW = {"kind": "withdraw", "subject": ""}
REMOVAL = {"agent": "ag-10", "act": "remove", "reason": "mutée aux achats"}
MAKERS: dict[tuple[str, str], Maker | Write] = {
    ("POST", "/api/v1/animation/proposals/{proposal_id}"): managing(
        Site.proposal, 200, json={"verdict": "refuse"}
    ),
    ("DELETE", "/api/v1/animation/decisions/{decision_id}"): managing(Site.decision, 204),
    ("POST", "/api/v1/animation/communities/{topic_id:path}"): managing(
        topic_of_community, 204, json={"verdict": "accept"}
    ),
    ("POST", "/api/v1/animation/holders/{topic_id:path}"): managing(
        topic_of_community, 204, json=REMOVAL
    ),
    ("POST", "/animation/holders/{topic_id:path}"): managing(topic_of_community, 303, data=REMOVAL),
    ("POST", "/animation/proposals/{proposal_id}"): managing(
        Site.proposal, 303, data={"verdict": "refuse"}
    ),
    ("POST", "/animation/decisions/{decision_id}/forget"): managing(Site.decision, 303),
    ("POST", "/animation/communities/{topic_id:path}"): managing(
        topic_of_community, 303, data={"verdict": "refuse"}
    ),
    ("POST", "/api/v1/push/{source}"): pushing(200, post("a"), "docs"),
    ("POST", "/api/v1.0/documents/index/"): pushing(201, [DOCUMENT]),
    ("POST", "/api/v1.0/documents/delete/"): pushing(
        200, {"service": "docs", "document_ids": ["x"]}
    ),
    ("POST", "/scim/v2/Groups"): pushing(201, {"displayName": "h"}),
    ("PUT", "/scim/v2/Groups/{group_id}"): pushing(200, {"displayName": "g"}, "g"),
    ("PATCH", "/scim/v2/Groups/{group_id}"): pushing(
        200, {"Operations": [{"op": "remove", "path": "members"}]}, "g"
    ),
    ("DELETE", "/scim/v2/Groups/{group_id}"): pushing(204, None, "g"),
    ("POST", "/scim/v2/Groups/.search"): pushing(200, {}),
    ("POST", "/scim/v2/.search"): pushing(200, {}),
    ("POST", "/api/v1/written-answer"): Write(
        lambda site: site.client(OTHER).post("/api/v1/written-answer", json={"q": "géomètre"}),
        200,
        {401: lambda site: site.client().post("/api/v1/written-answer", json={"q": "géomètre"})},
    ),
    ("POST", "/api/v1.0/documents/search/"): Write(
        lambda site: searching(site, "a1"),
        200,
        {
            401: lambda site: searching(site, "a1", "drive-app"),
            403: lambda site: searching(site, "personne"),
        },
    ),
    ("POST", "/api/v1/me/wishes"): in_person(200, json=WITHDRAW),
    ("DELETE", "/api/v1/me/wishes"): in_person(200, params=WITHDRAW),
    ("POST", "/communities/{topic_id:path}"): Write(
        lambda site: joining(site, OTHER),
        303,
        {401: lambda site: joining(site, ""), 403: lambda site: joining_by_token(site)},
    ),
    ("POST", "/administration/sources/{source}"): administering(303, "wiki"),
    ("POST", "/administration/sources/{source}/again"): administering(303, "wiki", folder="x"),
    ("POST", "/administration/files/{name}"): administering(
        200,
        "glossary",
        expressions="SPF;publicité foncière",
        version=sha256(b"").hexdigest(),
        act="write",
    ),
    ("POST", "/administration/new-source"): administering(200, "depot", **NEW_SOURCE),
    **{
        ("POST", f"/administration/new-source/{{source}}/{act}"): administering(
            200, "depot", **NEW_SOURCE
        )
        for act in ("trial", "titles", "settings")
    },
    ("POST", "/favoris"): in_person(303, data=KEPT),
    ("POST", "/api/v1/questions"): in_person(200, json={"title": "Qui sait ?"}),
    ("POST", "/api/v1/questions/existing"): in_person(204, json={"document_id": "wiki:60"}),
    ("DELETE", "/api/v1/questions"): in_person(204),
    ("POST", "/api/v1/questions/preferences"): in_person(204, json={"per_week": 1}),
    ("POST", "/api/v1/questions/{question_id}"): of_the_asker(
        204, json={"action": "edit", "title": "Qui ?"}
    ),
    ("POST", "/questions"): in_person(303, data={"title": "Qui sait ?"}),
    ("POST", "/questions/existing"): in_person(303, data={"document": "wiki:60"}),
    ("POST", "/api/v1/follows"): in_person(
        204, json={"action": "follow", "subject": "/?q=parcelle"}
    ),
    ("POST", "/api/v1/mail/preferences"): in_person(204, json={"digest": "daily"}),
    ("POST", "/courriels/{link}"): Write(
        lambda site: site.client().post(f"/courriels/{LINKS.make(OTHER, MailKind.DIGEST)}"),
        200,
        {404: lambda site: site.client().post("/courriels/inconnu")},
    ),
    ("POST", "/suivis"): in_person(303, data={"act": "follow", "subject": "/?q=parcelle"}),
    ("POST", "/questions/forget"): in_person(303),
    ("POST", "/questions/{question_id}"): of_the_asker(303, data={"act": "edit", "title": "Qui ?"}),
    ("POST", "/api/v1/animation/community-pages/{topic_id:path}"): managing(
        accepted_community, 204, json={"act": "close"}
    ),
    ("POST", "/animation/community-pages/{topic_id:path}"): managing(
        accepted_community, 303, data={"act": "reopen"}
    ),
    ("POST", "/api/v1/questions/{question_id}/reports"): reporting(204, json={"reason": "Un nom."}),
    ("POST", "/questions/{question_id}/reports"): reporting(303, data={"reason": "Un nom."}),
    ("DELETE", "/api/v1/questions/{question_id}/reports"): reporting(204, reported=True),
    ("POST", "/questions/{question_id}/reports/taken-back"): reporting(303, reported=True),
    ("POST", "/api/v1/animation/questions/{question_id}"): managing(
        question_of_other, 204, json={"act": "hide", "reason": "Un nom."}
    ),
    ("POST", "/animation/questions/{question_id}"): managing(
        question_of_other, 303, data={"act": "dismiss"}
    ),
    ("POST", "/api/v1/animation/documents"): managing(
        marked_document, 204, json={"document": "wiki:60", "act": "dismiss"}
    ),
    ("POST", "/animation/documents"): managing(
        marked_document, 303, data={"document": "wiki:60", "act": "dismiss"}
    ),
    ("POST", "/api/v1/documents/{document_id:path}/expected-questions"): expecting(
        "/api/v1/documents/wiki:60/expected-questions", 204, json={"question": "Où borner ?"}
    ),
    ("DELETE", "/api/v1/documents/{document_id:path}/expected-questions"): expecting(
        f"/api/v1/documents/wiki:60/expected-questions?question={EXPECTED}", 204
    ),
    ("POST", "/expected-questions"): expecting(
        "/expected-questions",
        303,
        data={"document": "wiki:60", "act": "remove", "question": EXPECTED},
    ),
    ("POST", "/api/v1/verifications"): in_person(
        204, json={"document": "wiki:60", "act": "take_back"}
    ),
    ("POST", "/verifications"): in_person(303, data={"document": "wiki:60", "act": "take_back"}),
    ("POST", "/api/v1/verifications/pace"): in_person(204, json={"per_month": 1}),
    ("POST", "/preferences"): in_person(303, data={"per_month": "1"}),
    ("POST", "/mes-donnees"): in_person(303, data={"act": "ask", **WITHDRAW}),
    ("POST", "/demo/agent"): Write(
        lambda site: become(site, site.demo, "127.0.0.1"),
        303,
        {404: lambda site: become(site, site.app, "127.0.0.1")},
    ),
    ("POST", "/sign-on/back-channel-logout"): Write(
        logged_out, 200, {400: lambda site: logged_out(site, STRANGER)}
    ),
    # Anybody may: there is nobody whom that is refused.
    ("POST", "/sign-out"): Write(lambda site: site.client(OTHER).post("/sign-out"), 200, {}),
    ("POST", "/access/tokens"): in_person(200, data={"label": "un programme", "days": "30"}),
    ("POST", "/access/tokens/revoke"): of_own("token", own_token),
    ("POST", "/access/sessions/revoke"): of_own("session", own_session),
    ("POST", "/mcp"): Write(
        lambda site: call_tool(site, site.tokens.make(OTHER, "a", 30, assistant=True)),
        200,
        {401: lambda site: call_tool(site, "qsp_inconnu")},
    ),
    ("POST", "/flux"): in_person(200, data={"act": "renew"}),
    ("POST", "/assistants/tokens"): in_person(200, data={"label": "un assistant", "days": "30"}),
    ("POST", "/assistants/tokens/revoke"): of_own("token", own_token),
    ("POST", "/access/sessions/revoke-others"): in_person(303),
}
WRITES = {
    route: made if isinstance(made, Write) else made(*route) for route, made in MAKERS.items()
}


def test_every_route_that_writes_is_here(site: Site) -> None:
    """A route that is added says here who may, and who may not."""
    writing = {one for one in routes_of(site.app) if one[0] in WRITE_METHODS}
    assert writing == set(WRITES)


@pytest.mark.parametrize("route", WRITES, ids=" ".join)
def test_it_succeeds_for_whom_it_may(site: Site, route: tuple[str, str]) -> None:
    """Else the access matrix could not tell a right from a fault in what it sends."""
    write = WRITES[route]
    answer = write.allowed(site)
    assert answer.status_code == write.status, answer.text


@pytest.mark.parametrize("route", WRITES, ids=" ".join)
def test_it_is_refused_to_others(site: Site, route: tuple[str, str]) -> None:
    """The very same request; what differs is who asks."""
    for status, ask in WRITES[route].refused.items():
        assert ask(site).status_code == status


def test_a_personal_token_shows_nothing_of_what_is_followed(site: Site) -> None:
    """Neither at home nor by a button: what a stolen token shows is what one may search for."""
    sent = {"act": "follow", "subject": "/?q=parcelle"}
    assert site.client(OTHER).post("/suivis", data=sent).status_code == 303
    headers = {"Authorization": f"Bearer {site.tokens.make(OTHER, 'un programme', 30)}"}
    for path in ("/", "/?q=parcelle"):
        in_person = site.client(OTHER).get(path)
        by_token = site.client().get(path, headers=headers)
        assert (in_person.status_code, by_token.status_code) == (200, 200)
        assert re.search("vous suivez|Ne plus suivre", in_person.text)
        assert not re.search("vous suivez|uivre", by_token.text)
    assert site.client().get("/api/v1/news", headers=headers).status_code == 403
