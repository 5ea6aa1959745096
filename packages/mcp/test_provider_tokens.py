"""Access tokens of a real provider at `/mcp`: by the SDK's client, and forged in every way."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import httpx2
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import RSAKey
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl
from test_assistants import CALL

from tests.oidc_provider import ASSISTANT_ADDRESS, ASSISTANT_ID, ProviderPlan
from tests.own_loop import run_apart
from tests.pages.administration import SECRET
from tests.pages.conftest import NOW_S, TOKENS, Parts
from tests.pages.conftest import database as database
from tests.pages.conftest import parts as parts
from tests.pages.signing_on import (
    ACCOUNTS,
    SigningOn,
    at_provider,
    browsing,
    signing_on_app,
    signing_on_site,
)
from tests.service.running import free_port

pytestmark = [pytest.mark.pages, pytest.mark.trust]

METADATA = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class Site:
    """The application at its address, its provider, and what both are made of."""

    address: str
    plan: ProviderPlan
    made: SigningOn

    def token(
        self,
        login: str = "claire",
        *,
        key: RSAKey | None = None,
        typ: str = "at+jwt",
        **claims: Any,
    ) -> str:
        """An access token as the provider makes it, with other claims; None leaves one out."""
        now_s = int(time.time())
        said = {
            "iss": self.plan.issuer,
            "aud": f"{self.address}/mcp",
            "sub": login,
            "client_id": ASSISTANT_ID,
            "iat": now_s,
            "exp": now_s + 600,
            **ACCOUNTS[login],
            **claims,
        }
        header = {"alg": "RS256", "typ": typ, "kid": self.plan.key.thumbprint()}
        given = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(header, given, key or self.plan.key, algorithms=["RS256"])

    def asked(self, token: str, path: str = "/mcp") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(trust_env=False, headers=headers, timeout=30) as client:
            if path == "/mcp":
                return client.post(self.address + path, json=CALL)
            return client.get(self.address + path)


@pytest.fixture(scope="module")
def site(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with signing_on_site(parts, tmp_path_factory.mktemp("provider-tokens")) as made:
        yield Site(*made)


class Kept:
    """The assistant's registration at the provider, and its tokens."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull:
        return OAuthClientInformationFull(
            client_id=ASSISTANT_ID,
            redirect_uris=[AnyUrl(ASSISTANT_ADDRESS)],
            token_endpoint_auth_method="none",
        )

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError


def signing_assistant(site: Site, login: str, kept: Kept) -> OAuthClientProvider:
    """An assistant that knows only the address, and its person, who signs on."""
    came_back: list[str] = []

    async def shown(address: str) -> None:
        with browsing() as client:
            came_back.append(at_provider(client, address, login))

    async def answered() -> AuthorizationCodeResult:
        said = dict(parse_qsl(urlsplit(came_back.pop()).query))
        return AuthorizationCodeResult(**said)

    metadata = OAuthClientMetadata(
        redirect_uris=[AnyUrl(ASSISTANT_ADDRESS)], token_endpoint_auth_method="none"
    )
    return OAuthClientProvider(f"{site.address}/mcp", metadata, kept, shown, answered)


def test_an_assistant_signs_its_agent_on_and_searches(site: Site) -> None:
    """From the address alone: it finds the provider, gets a token for /mcp and uses a tool."""
    features = site.made.app.state.services.features
    (feature,) = (one for one in features if hasattr(one.service, "calls"))
    calls = feature.service.calls
    for login, agent_id, seen in (("claire", "ag-1", False), ("iris", "ag-4", True)):
        kept = Kept()

        async def work(login: str = login, seen: bool = seen, kept: Kept = kept) -> None:
            signing = signing_assistant(site, login, kept)
            async with (
                httpx2.AsyncClient(auth=signing, timeout=60, trust_env=False) as http,
                Client(streamable_http_client(f"{site.address}/mcp", http_client=http)) as client,
            ):
                found = await client.call_tool("search", {"query": "enquête", "k": 20})
                assert (SECRET in found.content[0].text) == seen  # type: ignore[union-attr]

        run_apart(work())
        assert kept.tokens
        (call,) = calls.of(agent_id)
        assert (call.tool, call.label) == ("search", ASSISTANT_ID)
        # It opens /mcp alone.
        assert site.asked(kept.tokens.access_token).status_code == 200
        for path in ("/api/v1/search?q=enquête", "/api/v1/me", "/assistants", "/"):
            assert site.asked(kept.tokens.access_token, path).status_code == 401, path


def test_who_has_no_token_learns_where_to_get_one(site: Site) -> None:
    """RFC 9728: the refusal names the metadata, which name the provider and this resource."""
    with httpx.Client(trust_env=False) as client:
        refused = client.post(f"{site.address}/mcp", json=CALL)
        assert refused.status_code == 401
        address = f"{site.address}{METADATA}/mcp"
        assert refused.headers["www-authenticate"] == f'Bearer resource_metadata="{address}"'
        for path in (METADATA, f"{METADATA}/mcp"):
            said = client.get(site.address + path).json()
            assert said["resource"] == f"{site.address}/mcp"
            assert said["authorization_servers"] == [site.plan.issuer]


def test_a_provider_that_does_not_answer(site: Site, parts: Parts, database: sa.Engine) -> None:
    """Its tokens get a 503; personal tokens are accepted without asking the provider."""
    app = signing_on_app(parts, database, site.address, f"http://127.0.0.1:{free_port()}").app
    client = TestClient(app, "http://127.0.0.1")
    for token, status in ((site.token(), 503), (TOKENS.make("ag-404", NOW_S), 401)):
        headers = {"Authorization": f"Bearer {token}"}
        assert client.post("/mcp", json=CALL, headers=headers).status_code == status


def test_a_token_for_anything_else_opens_nothing(site: Site) -> None:
    """Another audience, key, issuer, kind or time; of an application; of nobody in post."""
    assert site.asked(site.token()).status_code == 200
    assert site.asked(site.token(aud=[f"{site.address}/mcp"])).status_code == 200
    past = int(time.time()) - 3_600
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + site.token().split(".")[1] + "."
    refused = {
        "another audience": site.token(aud="quisait"),
        "no audience": site.token(aud=None),
        "several audiences": site.token(aud=[f"{site.address}/mcp", "docs"]),
        "another issuer": site.token(iss="https://ailleurs.example"),
        "another key": site.token(key=RSAKey.generate_key(2048)),
        "ended": site.token(exp=past),
        "without an end": site.token(exp=None),
        "not yet": site.token(nbf=int(time.time()) + 3_600),
        "an identity token": site.token(typ="JWT"),
        "a logout token": site.token(typ="logout+jwt"),
        "an application": site.token(sub=ASSISTANT_ID),
        "no client": site.token(client_id=None),
        "left": site.token("paul"),
        "unknown": site.token("inconnue"),
        "of another organisation": site.token("ailleurs"),
        "no claim": site.token(uid=None),
        "unsigned": unsigned,
        "nothing": "a.b.c",
    }
    answers = {name: site.asked(token) for name, token in refused.items()}
    assert {name for name, one in answers.items() if one.status_code != 401} == set()
    for one in answers.values():
        assert one.json()["error"]["message"].endswith(".")
        challenge = one.headers["www-authenticate"]
        assert challenge.startswith('Bearer error="invalid_token", resource_metadata="http')
