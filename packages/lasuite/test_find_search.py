"""La Suite's search: whose token it is and for which application, and what that opens."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import Key
from quisait_lasuite.introspection import ApplicationReaders, IntrospectionRules
from quisait_lasuite.service import LaSuite
from quisait_lasuite.web import lasuite_web

from indexer.access import NOBODY
from search_api.app import create_app
from search_api.identity.readers import NO_AUTHORITIES
from search_api.limits import RateLimiter, RequesterKind
from search_api.sign_on.provider import Provider, ProviderRules
from tests.lying_provider import CLIENT_ID, LyingProvider, lying_provider, rsa_key, signed
from tests.pages.administration import SECRET, TODAY
from tests.pages.conftest import Parts

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SEARCH = "/api/v1.0/documents/search/"
SIGNED = "application/token-introspection+jwt"


TOKEN = "jeton"


@dataclass(frozen=True, slots=True)
class Suite:
    """An application that searches in the source `wiki`, and the provider of its tokens."""

    client: TestClient
    provider: LyingProvider

    def ask(self, body: object = None, token: str = TOKEN) -> Any:
        self.provider.token_claims.setdefault("sub", "claire")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.post(SEARCH, json={"q": "dégrèvement"} if body is None else body,
                                headers=headers)  # fmt: skip

    def titles(self, query: str, login: str, **fields: object) -> list[str]:
        self.provider.token_claims["sub"] = login
        answer = self.ask({"q": query, **fields})
        assert answer.status_code == 200, answer.text
        return [one["_source"]["title"] for one in answer.json()]


def suite_client(parts: Parts, issuer: str, per_minute: int = 0, **rules: Any) -> TestClient:
    asked = ProviderRules(issuer, CLIENT_ID, "secret", "http://testserver/x", **rules)
    readers = ApplicationReaders(
        Provider(asked, lambda: int(time.time())),
        IntrospectionRules({"docs-app": "wiki"}),
        parts.book,
        NO_AUTHORITIES,
        lambda: int(time.time()),
        lambda: TODAY,
    )
    app = create_app(
        parts.services(
            reader_of=lambda _: NOBODY,
            features=(lasuite_web(LaSuite(readers=readers)),),
            rate_limiter=RateLimiter({RequesterKind.ADDRESS: per_minute}),
        )
    )
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def suite(parts: Parts) -> Iterator[Suite]:
    with lying_provider() as provider:
        yield Suite(suite_client(parts, provider.issuer), provider)


def test_the_agents_documents_of_the_application(suite: Suite) -> None:
    """In find's form: the application's own ids, under the rights of the token's agent."""
    answer = suite.ask({"q": "dégrèvement", "services": ["wiki"], "visited": [], "path": None})
    assert answer.status_code == 200
    first = answer.json()[0]
    assert first["_index"] == "wiki"
    assert not first["_id"].startswith("wiki:")
    assert "grèvement" in first["_source"]["title"] + first["_source"]["content"]
    assert suite.provider.posted[-1]["token"] == TOKEN


def test_a_restricted_document_is_for_its_readers(suite: Suite) -> None:
    """An operator that names another source opens nothing beyond the application's own."""
    assert suite.titles(SECRET, "iris")
    own = set(suite.titles("*", "claire", nb_results=300))
    assert own
    assert own < set(suite.titles("*", "iris", nb_results=300))
    assert not [one for one in suite.titles(SECRET, "claire") if one not in own]
    for query in ("dégrèvement source:autre", 'dégrèvement source:"notes"'):
        assert set(suite.titles(query, "claire")) <= own


def test_the_newest_first(suite: Suite) -> None:
    """As Docs asks for them."""
    suite.provider.token_claims["sub"] = "claire"
    body = {"q": "*", "order_by": "updated_at", "order_direction": "desc", "nb_results": 50}
    dates = [one["_source"]["updated_at"] or "" for one in suite.ask(body).json()]
    assert dates == sorted(dates, reverse=True)
    assert len(dates) > 1


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "inactive": ({"active": False}, 401),
    "a word in place of true": ({"active": "true"}, 401),
    "another application's": ({"client_id": "drive-app"}, 401),
    "nobody's": ({"client_id": None}, 401),
    "several applications'": ({"client_id": ["docs-app", "drive-app"]}, 401),
    "out of date": ({"exp": int(time.time()) - 3600}, 401),
    "not valid yet": ({"nbf": int(time.time()) + 3600}, 401),
    "a date that is none": ({"exp": "demain"}, 401),
    "no scope": ({"scope": None}, 401),
    "another scope": ({"scope": "email"}, 401),
    "another provider's": ({"iss": "https://ailleurs.example"}, 401),
    "no agent's": ({"sub": "personne"}, 403),
    "of who left": ({"sub": "paul"}, 403),
    "without a subject": ({"sub": None}, 403),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_token_that_opens_nothing(suite: Suite, what: str) -> None:
    """The sentence says no name; what the journal needs is there."""
    claims, status = REFUSED[what]
    suite.provider.token_claims = {"sub": "claire"} | claims
    answer = suite.ask()
    assert answer.status_code == status, answer.text
    assert "claire" not in answer.text


Spoils = Callable[[LyingProvider], tuple[int, str, str]]
STRANGER: Key = rsa_key("first")
SPOILT: dict[str, tuple[Spoils, int]] = {
    "down": (lambda _: (503, "text/plain", ""), 503),
    "refuses us": (lambda _: (401, "application/json", "{}"), 401),
    "sends elsewhere": (lambda one: (302, "text/plain", one.issuer + "/me"), 401),
    "no JSON": (lambda _: (200, "application/json", "oui"), 401),
    "a list": (lambda _: (200, "application/json", "[]"), 401),
    "for another": (lambda one: (200, SIGNED, one.signed_introspection(aud="autre")), 401),
    "of another": (lambda one: (200, SIGNED, one.signed_introspection(iss="autre")), 401),
    "another kind": (lambda one: (200, SIGNED, one.signed_introspection(typ="JWT")), 401),
    "says nothing": (
        lambda one: (200, SIGNED, one.signed_introspection(token_introspection=None)),
        401,
    ),
    "another's key": (
        lambda one: (200, SIGNED, signed({"token_introspection": {}}, STRANGER)),
        401,
    ),
}


@pytest.mark.parametrize("what", SPOILT)
def test_an_answer_that_proves_nothing(suite: Suite, what: str) -> None:
    """Of the provider, or of who stands between: nobody searches."""
    suite.provider.token_claims = {"sub": "claire"}
    spoil, status = SPOILT[what]
    suite.provider.answers["/introspect"] = spoil(suite.provider)
    assert suite.ask().status_code == status


def test_a_signed_answer(parts: Parts) -> None:
    """Believed for its signature; where the settings ask for one, JSON is not believed."""
    with lying_provider() as provider:
        suite = Suite(suite_client(parts, provider.issuer, signed_introspection=True), provider)
        assert suite.ask().status_code == 401
        provider.answers["/introspect"] = (200, SIGNED, provider.signed_introspection())
        assert suite.ask().status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"q": 1},
        {"q": "a", "path": "0001"},
        {"q": "a", "k": 0},
        {"q": "a", "reach": "public"},
        {"q": "a", "order_by": "size"},
        {"q": "a", "order_direction": "asc"},
        {"q": "a", "nb_results": 0},
        {"q": "a", "nb_results": 301},
        {"q": "a", "services": ["drive"]},
    ],
)
def test_what_is_not_offered_is_refused(suite: Suite, body: object) -> None:
    """Never answered as if it had been heard: a filter that is ignored shows too much."""
    answer = suite.ask(body)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_a_token_the_provider_is_not_asked(suite: Suite) -> None:
    """Nor with one that is too long."""
    for token in ("", "x" * 9_000):
        assert suite.ask(token=token).status_code == 401
    assert "/introspect" not in suite.provider.asked


def test_bad_tokens_wear_out_an_address(parts: Parts) -> None:
    """Whoever guesses is stopped before the provider is asked again; good tokens do not count."""
    with lying_provider() as provider:
        suite = Suite(suite_client(parts, provider.issuer, per_minute=3), provider)
        assert {suite.ask().status_code for _ in range(6)} == {200}
        provider.token_claims["active"] = False
        assert [suite.ask().status_code for _ in range(5)] == [401, 401, 401, 429, 429]
        assert provider.asked.count("/introspect") == 9


def test_nowhere_else(client_of: Any) -> None:
    """Where no application searches, there is no such address; GET is none anywhere."""
    assert client_of("ag-1").post(SEARCH, json={"q": "bornage"}).status_code == 404
    assert client_of("ag-1").get(SEARCH).status_code == 405
