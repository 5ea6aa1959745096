"""A quisait whose readers sign on at a real provider, and ways to be a browser there."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import sqlalchemy as sa
from fastapi import FastAPI
from quisait_feeds.routes import web_feature as feeds_feature
from quisait_feeds.service import Feeds
from quisait_feeds.storage import SqlFeedTokens
from quisait_mcp.routes import web_feature
from quisait_mcp.service import Assistants
from quisait_mcp.storage import SqlAssistantCalls

from indexer.access import Reader
from search_api.app import Services, create_app
from search_api.authorization import IdentifiedReaders, bearer, session_cookie
from search_api.identity.principals import Grants
from search_api.identity.readers import reader_of
from search_api.sign_on.identification import AgentRule, SignOn
from search_api.sign_on.provider import Provider, ProviderRules
from search_api.sign_on.sessions import SessionLimits, SignOnCookies, SqlPersonalTokens, SqlSessions
from tests.made_site import state_in
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, ProviderPlan, running_provider
from tests.pages.administration import TODAY
from tests.pages.conftest import TOKENS, Parts, served
from tests.service.running import free_port

IDLE_S, ABSOLUTE_S = 3_600, 36_000
SCOPES = "openid uid email given_name usual_name siret idp_id"


def proconnect_claims(uid: str, **others: str) -> Mapping[str, str]:
    """Return ProConnect's claims about an agent."""
    return {
        "uid": uid,
        "email": f"{uid}@finances.example",
        "given_name": "Prénom",
        "usual_name": "Nom",
        "siret": "13000495500019",
        "idp_id": "idp-finances",
        **others,
    }


ACCOUNTS = {
    "claire": proconnect_claims("ag-1"),
    "iris": proconnect_claims("ag-4"),
    "paul": proconnect_claims("ag-3"),
    "inconnue": proconnect_claims("ag-404"),
    "ailleurs": proconnect_claims("ag-4", idp_id="idp-d’ailleurs"),
}
"""By login: Paul has left, one is unknown, one comes from another organisation's provider."""


@dataclass(slots=True)
class Clock:
    """The application's clock, which a test may move on: an offset in seconds."""

    ahead_s: int = 0

    def now_s(self) -> int:
        import time

        return int(time.time()) + self.ahead_s


@dataclass(frozen=True, slots=True)
class SigningOn:
    """The application, and what it keeps."""

    app: FastAPI
    sign_on: SignOn
    clock: Clock


def signing_on_app(
    parts: Parts,
    database: sa.Engine,
    address: str,
    issuer: str,
    *,
    rule: AgentRule | None = None,
    grants: Grants | None = None,
    **rules: Any,
) -> SigningOn:
    """An application that signs readers on at that issuer."""
    clock = Clock()
    asked = {
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": f"{address}/sign-on/callback",
        "scopes": SCOPES,
        **rules,
    }
    sign_on = SignOn(
        address=address,
        provider=Provider(ProviderRules(**asked), clock.now_s),
        sessions=SqlSessions(database, SessionLimits(IDLE_S, ABSOLUTE_S), clock.now_s),
        tokens=SqlPersonalTokens(database, 90, clock.now_s),
        cookies=SignOnCookies(secure=address.startswith("https://")),
        rule=rule or AgentRule(accepted={"idp_id": frozenset({"idp-finances"})}),
        known=parts.book,
        whom_to_ask="l’assistance informatique (poste 4000)",
        now_s=clock.now_s,
        today=_today,
    )
    ways = [
        bearer(TOKENS, sign_on.tokens, clock.now_s),
        session_cookie(sign_on.sessions, sign_on.cookies),
    ]
    readers = IdentifiedReaders(ways, parts.book, _today)

    def reader(agent_id: str) -> Reader:
        return reader_of(agent_id, parts.book, _today())

    services = Services(
        parts.search,
        parts.book,
        reader_of=readers,
        today=_today,
        sign_on=sign_on,
        grants=grants or Grants(),
        features=(
            web_feature(
                Assistants(
                    sign_on.tokens,
                    SqlAssistantCalls(database, clock.now_s),
                    reader,
                    30,
                    f"{address}/mcp",
                )
            ),
            feeds_feature(Feeds(SqlFeedTokens(database, 180, clock.now_s), reader)),
        ),
    )
    return SigningOn(create_app(services), sign_on, clock)


def _today() -> date:
    return TODAY


@contextmanager
def browsing() -> Iterator[httpx.Client]:
    """A browser without scripts, that keeps cookies and follows nothing by itself."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client


def at_provider(client: httpx.Client, address: str, login: str) -> str:
    """From the provider's page to the address that it sends the browser back to."""
    response = client.get(address)
    for _ in range(12):
        if response.is_redirect:
            there = urljoin(str(response.url), response.headers["location"])
            if "/sign-on/callback" in there or "/signed-out" in there:
                return there
            response = client.get(there)
            continue
        action = re.search(r'<form[^>]*action="([^"]+)"', response.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
        assert action, response.text[:2000]
        assert prompt, response.text[:2000]
        fields = {"prompt": prompt[1], "login": login, "password": "au choix"}
        response = client.post(urljoin(str(response.url), action[1]), data=fields)
    raise AssertionError("the provider sent the browser back to nowhere")


def begun(client: httpx.Client, address: str, back: str = "/") -> str:
    """Return the address to which the application sends a browser to sign on."""
    response = client.get(f"{address}/sign-on", params={"back": back})
    assert response.status_code == 303, response.text
    return str(response.headers["location"])


def signed_on(client: httpx.Client, address: str, login: str, back: str = "/") -> httpx.Response:
    """The application's answer to what the provider says of that login."""
    return client.get(at_provider(client, begun(client, address, back), login))


@contextmanager
def signing_on_site(parts: Parts, folder: Path) -> Iterator[tuple[str, ProviderPlan, SigningOn]]:
    """The application at its address, and its provider's plan."""
    port, provider_port = free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    plan = ProviderPlan(provider_port, address, ACCOUNTS)
    with state_in(folder) as database, running_provider(plan):
        made = signing_on_app(parts, database, address, plan.issuer)
        with served(made.app, port):
            yield address, plan, made
