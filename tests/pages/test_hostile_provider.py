"""Hostile answers in the name of a provider: an answer only counts if every check passes."""

import base64
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from joserfc.jwk import ECKey, OctKey

from search_api.authorization import IN_PERSON_ONLY
from search_api.identity.principals import Grant, Grants, Role
from search_api.sign_on.identification import AgentRule
from tests.lying_provider import (
    CLIENT_ID,
    LyingProvider,
    lying_provider,
    rsa_key,
    signed,
    signed_with_the_public_key,
    unsigned,
)
from tests.pages.conftest import Parts
from tests.pages.signing_on import SigningOn, signing_on_app

pytestmark = [pytest.mark.pages, pytest.mark.trust]

ADDRESS = "http://testserver"
STRANGER = rsa_key("first")
"""Another's key, under the same name."""


@pytest.fixture
def provider() -> Iterator[LyingProvider]:
    with lying_provider() as one:
        yield one


@dataclass(frozen=True, slots=True)
class Met:
    """The application, a browser at it, and the provider that it believes in."""

    made: SigningOn
    client: TestClient
    provider: LyingProvider
    log: pytest.LogCaptureFixture

    def begin(self, back: str = "/") -> dict[str, str]:
        """Begin to sign on, and return the parameters that the provider would get."""
        response = self.client.get("/sign-on", params={"back": back})
        assert response.status_code == 303, response.text
        asked = parse_qs(urlsplit(response.headers["location"]).query)
        self.provider.nonce = asked["nonce"][0]
        return {name: values[0] for name, values in asked.items()}

    def end(self, state: str, **answer: str) -> Any:
        told = {"state": state, "code": "un-code", **answer}
        return self.client.get("/sign-on/callback", params=told)

    def refused(self, response: Any, reason: str) -> None:
        """Nobody is signed on, the page is French, the journal has the reason and no name."""
        assert response.status_code == 403
        assert "Vous n’êtes pas connecté." in response.text
        assert "quisait_session" not in "".join(response.headers.get_list("set-cookie"))
        assert self.made.sign_on.sessions.of() == ()
        reasons = [one.__dict__["reason"] for one in self.log.records if "reason" in one.__dict__]
        assert reasons[-1] == reason
        assert "ag-1" not in self.log.text


@pytest.fixture
def met(
    parts: Parts, provider: LyingProvider, caplog: pytest.LogCaptureFixture, database: sa.Engine
) -> Iterator[Met]:
    caplog.set_level(logging.INFO)
    made = signing_on_app(parts, database, ADDRESS, provider.issuer)
    with TestClient(made.app, follow_redirects=False) as client:
        yield Met(made, client, provider, caplog)


def test_honest(met: Met) -> None:
    """As long as it does not lie, its word is taken: else the refusals below say nothing."""
    asked = met.begin("/?q=a")
    assert len(asked["state"]) >= 32
    assert len(asked["nonce"]) >= 32
    assert asked["code_challenge_method"] == "S256"
    assert asked["response_type"] == "code"
    response = met.end(asked["state"])
    assert (response.status_code, response.headers["location"]) == (303, "/?q=a")
    assert len(met.provider.posted[0]["code_verifier"]) >= 43
    assert met.client.get("/").status_code == 200
    assert met.made.sign_on.sessions.of("ag-1")[0].agent_id == "ag-1"


def test_the_machines_own_credentials_never_replace_ours(
    met: Met, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `.netrc` that names the provider's host: neither in place of our token, nor beside it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login autre password autre-secret\n", "utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    assert met.end(met.begin()["state"]).status_code == 303
    shown = met.provider.shown
    assert shown["/me"] == "Bearer ouvre"
    assert (shown["/jwks"], shown["/.well-known/openid-configuration"]) == ("", "")
    told = base64.b64decode(shown["/token"].removeprefix("Basic ")).decode()
    assert told.startswith(f"{CLIENT_ID}:")


Lie = Callable[[LyingProvider], Any]


def lie(**fields: Any) -> Lie:
    def told(provider: LyingProvider) -> None:
        for name, value in fields.items():
            setattr(provider, name, value)

    return told


def ago(seconds: int) -> int:
    return int(time.time()) - seconds


LIES: dict[str, tuple[Lie, str]] = {
    "another nonce": (lie(id_claims={"nonce": "x" * 43}), "id_token_nonce"),
    "no nonce": (lie(id_claims={"nonce": None}), "id_token_nonce"),
    "another audience": (lie(id_claims={"aud": "autre"}), "id_token_aud"),
    "no audience": (lie(id_claims={"aud": None}), "id_token_aud"),
    "for us and another": (lie(id_claims={"aud": ["quisait", "autre"]}), "id_token_azp"),
    "issued to another": (lie(id_claims={"azp": "autre"}), "id_token_azp"),
    "another issuer": (lie(id_claims={"iss": "https://autre.example"}), "id_token_iss"),
    "its issuer and a slash": (
        lambda p: setattr(p, "id_claims", {"iss": p.issuer + "/"}),
        "id_token_iss",
    ),
    "no subject": (lie(id_claims={"sub": None}), "id_token_sub"),
    "a subject that is no text": (lie(id_claims={"sub": ["sub-claire"]}), "id_token_sub"),
    "expired": (lambda p: setattr(p, "id_claims", {"exp": ago(31)}), "id_token_exp"),
    "never expires": (lie(id_claims={"exp": None}), "id_token_exp"),
    "from the future": (
        lambda p: setattr(p, "id_claims", {"iat": ago(-90)}),
        "id_token_iat",
    ),
    "not signed": (lie(sign_id=lambda c, _: unsigned(c)), "id_token_signature"),
    "not signed, with a kid": (
        lie(sign_id=lambda c, _: unsigned(c, kid="first")),
        "id_token_signature",
    ),
    "signed with the public key": (
        lie(sign_id=signed_with_the_public_key),
        "id_token_signature",
    ),
    "signed with our secret": (
        lie(
            sign_id=lambda c, _: signed(
                c, OctKey.import_key("un secret assez long pour le fournisseur"), "HS256"
            )
        ),
        "id_token_signature",
    ),
    "another's key": (lie(sign_id=lambda c, _: signed(c, STRANGER)), "id_token_signature"),
    "another's key in the header": (
        lie(
            sign_id=lambda c, _: signed(
                c, STRANGER, jwk=STRANGER.as_dict(private=False), kid="autre"
            )
        ),
        "id_token_signature",
    ),
    "a key that nobody published": (
        lie(sign_id=lambda c, _: signed(c, STRANGER, kid="autre")),
        "unknown_key",
    ),
    "an access token of somebody else": (
        lie(id_claims={"at_hash": "x" * 22}),
        "id_token_at_hash",
    ),
    "no token at all": (lie(sign_id=lambda c, _: "rien"), "id_token_signature"),
    "userinfo of somebody else": (lie(user_claims={"sub": "sub-iris"}), "userinfo_sub"),
    "userinfo of nobody": (lie(user_claims={"sub": None}), "userinfo_sub"),
    "userinfo for another": (lie(user_claims={"aud": "autre"}), "userinfo_aud"),
    "userinfo of another issuer": (lie(user_claims={"iss": "https://a.example"}), "userinfo_iss"),
    "userinfo expired": (
        lambda p: setattr(p, "user_claims", {"exp": ago(31)}),
        "userinfo_exp",
    ),
    "userinfo not signed": (lie(sign_user=lambda c, _: unsigned(c)), "userinfo_signature"),
    "userinfo in plain JSON": (
        lie(answers={"/me": (200, "application/json", '{"sub": "sub-claire", "uid": "ag-4"}')}),
        "userinfo_unsigned",
    ),
    "a code that served": (
        lie(answers={"/token": (400, "application/json", '{"error": "invalid_grant"}')}),
        "token_invalid_grant",
    ),
    "an error with somebody's name": (
        lie(answers={"/token": (400, "application/json", '{"error": "ana.legoff@x.test"}')}),
        "token_other",
    ),
    "a token page that is none": (
        lie(answers={"/token": (200, "text/html", "<p>Bonjour")}),
        "token_malformed",
    ),
    "keys elsewhere": (lie(answers={"/jwks": (302, "text/plain", "http://x.test/")}), "status_302"),
    "keys that are none": (
        lie(answers={"/jwks": (200, "application/json", '{"keys": [{"kty": "?"}]}')}),
        "malformed_keys",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_no_lie_signs_anybody_on(met: Met, name: str) -> None:
    """Each alone, all else being true."""
    tell, reason = LIES[name]
    state = met.begin()["state"]
    tell(met.provider)
    met.refused(met.end(state), reason)
    assert met.client.get("/").status_code == 303


def test_a_clock_a_little_off(met: Met) -> None:
    """Within the skew that the settings state, a token is still good."""
    state = met.begin()["state"]
    met.provider.id_claims = {"exp": ago(20), "iat": ago(-20)}
    assert met.end(state).status_code == 303


def test_another_providers_answer(met: Met) -> None:
    """Mix-up (RFC 9207): the code is shown to nobody where the answer names another issuer."""
    state = met.begin()["state"]
    met.refused(met.end(state, iss="https://autre.example"), "other_issuer")
    assert "/token" not in met.provider.asked


def test_an_issuer_that_is_promised_and_missing(met: Met) -> None:
    """A provider that says it names itself must."""
    met.provider.metadata = {"authorization_response_iss_parameter_supported": True}
    met.refused(met.end(met.begin()["state"]), "other_issuer")
    assert met.end(met.begin()["state"], iss=met.provider.issuer).status_code == 303


def test_tampered_states(met: Met) -> None:
    """One character more, less or other, another try's, or none: the code is shown to nobody."""
    state, other = met.begin()["state"], met.begin()["state"]
    mixed = f"{state.partition('.')[0]}.{other.partition('.')[2]}"
    for wrong in (state[:-1], state + "A", state.swapcase(), mixed, "", ".", "é" * 40, "a\r\nb: c"):
        met.refused(met.end(wrong), "not_begun_here")
    assert "/token" not in met.provider.asked


def test_in_another_browser(met: Met) -> None:
    """An answer that somebody begun and sends to another signs that other on as nobody."""
    state = met.begin()["state"]
    with TestClient(met.made.app, follow_redirects=False) as victim:
        met.refused(
            victim.get("/sign-on/callback", params={"state": state, "code": "un-code"}),
            "not_begun_here",
        )


def test_an_answer_serves_once_and_not_for_long(met: Met) -> None:
    """Replayed, or after ten minutes, it is refused before the provider is asked."""
    state = met.begin()["state"]
    kept = dict(met.client.cookies)
    assert met.end(state).status_code == 303
    met.made.sign_on.sessions.revoke_all()
    met.refused(met.end(state), "not_begun_here")
    met.client.cookies.update(kept)
    met.made.clock.ahead_s = 601
    met.refused(met.end(state), "not_begun_here")


def test_two_windows(met: Met) -> None:
    """Both may sign on, in any order: the second does not undo the first."""
    first = met.begin("/?q=un")
    nonce = met.provider.nonce
    second = met.begin("/?q=deux")
    assert met.end(second["state"]).headers["location"] == "/?q=deux"
    met.provider.nonce = nonce
    assert met.end(first["state"]).headers["location"] == "/?q=un"


def test_tries_do_not_pile_up(met: Met) -> None:
    """Eight at a time; the first are forgotten."""
    for _ in range(12):
        met.begin()
    assert sum("sign_on" in name for name in met.client.cookies) == 8


@pytest.mark.parametrize("back", ["https://ailleurs.example", "//ailleurs", "/\\ailleurs", "x"])
def test_the_way_back_is_on_this_site(met: Met, back: str) -> None:
    """Whatever a link to sign on says, before or after."""
    assert met.end(met.begin(back)["state"]).headers["location"] == "/"
    again = met.client.get("/sign-on", params={"back": back})
    assert (again.status_code, again.headers["location"]) == (303, "/")


def test_a_page_that_is_very_long(met: Met) -> None:
    """Its address does not fit a cookie: one comes back to the first page."""
    assert met.end(met.begin("/?q=" + "x" * 3_000)["state"]).headers["location"] == "/"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("access_denied", "refusée ou abandonnée"),
        ("temporarily_unavailable", "momentanément indisponible"),
        ("server_error", "a rencontré une erreur"),
        ("<script>", "n’a pas accepté"),
    ],
)
def test_the_providers_own_refusals(met: Met, error: str, sentence: str) -> None:
    """Told in French, with a way to begin again, and nothing of what it wrote."""
    response = met.end(met.begin("/?q=a")["state"], error=error)
    assert response.status_code == 403
    assert sentence in response.text
    assert 'href="/sign-on?back=%2F%3Fq%3Da"' in response.text
    assert "<script>" not in response.text.replace("<script src", "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("login_required", "answer_login_required"),
        ("ana.legoff@x.test", "answer_other"),
        ("", "answer_other"),
    ],
)
def test_a_journal_has_known_errors_only(met: Met, error: str, reason: str) -> None:
    """Anybody may write in the address that the provider sends back to."""
    state = met.begin()["state"]
    response = met.client.get("/sign-on/callback", params={"state": state, "error": error})
    met.refused(response, reason)
    assert "legoff" not in " ".join(
        str(one.__dict__) for one in met.log.records if one.name.startswith("search_api")
    )


def test_keys_rotate(met: Met) -> None:
    """A key that appears is found; one that went away is forgotten; strangers cost one look."""
    assert met.end(met.begin()["state"]).status_code == 303
    met.made.sign_on.sessions.revoke_all()
    met.made.clock.ahead_s = 61
    old, met.provider.key = met.provider.key, rsa_key("second")
    met.provider.id_claims = {"iat": ago(-61), "exp": ago(-120)}
    assert met.end(met.begin()["state"]).status_code == 303
    assert met.provider.asked.count("/jwks") == 2
    met.made.sign_on.sessions.revoke_all()
    met.provider.sign_id = lambda claims, _: signed(claims, old)
    for _ in range(5):
        met.refused(met.end(met.begin()["state"]), "unknown_key")
    assert met.provider.asked.count("/jwks") == 2


def test_a_key_of_another_kind(met: Met) -> None:
    """ES256 where the provider has such a key; a key for encrypting signs nothing."""
    curve = ECKey.generate_key("P-256", {"use": "sig", "kid": "courbe"})
    met.provider.published = [met.provider.key, curve]
    met.provider.sign_id = lambda claims, _: signed(claims, curve, "ES256")
    assert met.end(met.begin()["state"]).status_code == 303
    met.made.sign_on.sessions.revoke_all()
    met.made.clock.ahead_s = 61
    locked = rsa_key("coffre")
    described = locked.as_dict(private=False) | {"use": "enc"}
    met.provider.published = [type(locked).import_key(described)]
    met.provider.sign_id = lambda claims, _: signed(claims, locked)
    met.refused(met.end(met.begin()["state"]), "unknown_key")


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://autre.example"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": 3},
    ],
    ids=str,
)
def test_a_description_that_cannot_be_true(met: Met, metadata: dict[str, Any]) -> None:
    """The browser is sent nowhere."""
    met.provider.metadata = metadata
    response = met.client.get("/sign-on")
    assert response.status_code == 403
    assert "location" not in response.headers


def test_no_endpoint_in_clear_of_a_provider_over_tls(met: Met) -> None:
    """An endpoint without TLS would show the secret to the network."""
    provider = met.made.sign_on.provider
    assert provider is not None
    sure = type(provider)(
        replace(provider.rules, issuer="https://idp.example"), met.made.clock.now_s
    )
    assert not sure._trusted("http://idp.example/token")
    assert sure._trusted("https://idp.example/token")


def test_a_provider_out_of_reach(met: Met) -> None:
    """A page that says so, at once for those who come next; and it recovers."""
    met.provider.answers = {"/.well-known/openid-configuration": (502, "text/html", "")}
    for _ in range(3):
        response = met.client.get("/sign-on")
        assert response.status_code == 503
    assert len(met.provider.asked) == 1
    met.provider.answers = {}
    met.made.clock.ahead_s = 6
    state = met.begin()["state"]
    met.provider.answers = {"/token": (503, "text/html", "")}
    assert met.end(state).status_code == 503
    assert met.made.sign_on.sessions.of() == ()


def test_a_provider_that_never_ends(
    parts: Parts, provider: LyingProvider, database: sa.Engine
) -> None:
    """The time-out of the settings holds."""
    from search_api.sign_on.provider import ProviderHttp

    made = signing_on_app(parts, database, ADDRESS, provider.issuer, http=ProviderHttp(0.2))
    provider.delay_s = 10.0
    with TestClient(made.app) as client:
        assert client.get("/sign-on").status_code == 503


def test_nothing_secret_in_a_journal(met: Met) -> None:
    """Neither code, token, secret, state nor who: a refusal says a word."""
    met.provider.id_claims = {"nonce": "faux"}
    state = met.begin()["state"]
    met.end(state)
    told = " ".join(str(one.__dict__) for one in met.log.records if "search_api" in one.name)
    assert "id_token_nonce" in told
    for secret in (state, "un-code", "ouvre", "un secret assez long", "sub-claire"):
        assert secret not in told
    assert "secret assez long" not in repr(met.made.sign_on.provider and met.made.sign_on)
    assert not re.search("secret assez long", repr(met.made.sign_on.provider))


def test_over_https(parts: Parts, provider: LyingProvider, database: sa.Engine) -> None:
    """Cookies are bound to this very host and never travel in clear (`__Host-`, `Secure`)."""
    made = signing_on_app(parts, database, "https://testserver", provider.issuer)
    with TestClient(made.app, "https://testserver", follow_redirects=False) as client:
        begun = client.get("/sign-on")
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        assert asked["redirect_uri"] == ["https://testserver/sign-on/callback"]
        provider.nonce = asked["nonce"][0]
        told = {"state": asked["state"][0], "code": "un-code"}
        ended = client.get("/sign-on/callback", params=told)
        for response in (begun, ended):
            for cookie in response.headers.get_list("set-cookie"):
                assert cookie.startswith("__Host-quisait_")
                assert "; Secure" in cookie
                assert "Path=/" in cookie
                assert "Domain" not in cookie
        assert client.get("/").status_code == 200


def test_a_proxy_that_renames_us(
    parts: Parts, provider: LyingProvider, database: sa.Engine
) -> None:
    """Our own form is known by the address of the settings, though `Host` says another."""
    made = signing_on_app(parts, database, "https://qui.exemple.fr", provider.issuer)
    with TestClient(made.app, "http://127.0.0.1:8077", follow_redirects=False) as client:
        cookie = {"Cookie": "a=b"}
        ours = client.post("/sign-out", headers=cookie | {"Origin": "https://qui.exemple.fr"})
        theirs = client.post("/sign-out", headers=cookie | {"Origin": "https://exemple.fr"})
        assert (ours.status_code, theirs.status_code) == (200, 403)


def test_a_personal_token_opens_no_role(
    parts: Parts, provider: LyingProvider, database: sa.Engine
) -> None:
    """What a role opens is for a person who signed on, not for their program."""
    grants = Grants((Grant(Role.OFFICER, agents=frozenset({"ag-1"})),))
    made = signing_on_app(parts, database, ADDRESS, provider.issuer, grants=grants)
    sign_on = made.sign_on
    assert sign_on.tokens
    token, session_id = sign_on.tokens.make("ag-1", "a", 1), sign_on.sessions.begin("ag-1")
    with TestClient(made.app, follow_redirects=False) as client:
        refused = client.get("/audit", headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 403
        assert IN_PERSON_ONLY in refused.text
        client.cookies.set("quisait_session", session_id)
        # The role is theirs: what is missing here is only where to write the reading down.
        assert client.get("/audit").status_code == 503


EMAIL = AgentRule(claim="email", by="email")
MIXED: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "an address of one, verified by the other": (
        {"email": "CLAIRE"},
        {"email_verified": True},
        None,
    ),
    "the same the other way": ({"email_verified": True}, {"email": "CLAIRE"}, None),
    "two addresses, one verified": (
        {"email": "CLAIRE"},
        {"email": "autre@example.fr", "email_verified": True},
        None,
    ),
    "two addresses, the first verified": (
        {"email": "CLAIRE", "email_verified": True},
        {"email": "autre@example.fr", "email_verified": True},
        "ag-1",
    ),
    "all in userinfo": ({}, {"email": "CLAIRE", "email_verified": True}, "ag-1"),
    "all in the ID token": ({"email": "CLAIRE", "email_verified": True}, {}, "ag-1"),
    "one half in both": (
        {"email": "CLAIRE"},
        {"email": "CLAIRE", "email_verified": True},
        "ag-1",
    ),
    "denied by the ID token": (
        {"email": "CLAIRE", "email_verified": False},
        {"email": "CLAIRE", "email_verified": True},
        None,
    ),
}


@pytest.mark.parametrize("name", MIXED)
def test_an_address_and_its_verification_are_of_one_document(
    parts: Parts, provider: LyingProvider, database: sa.Engine, name: str
) -> None:
    """ID token and userinfo are signed both, and say different things."""
    claire = parts.book.agent("ag-1")
    assert claire
    told = [
        {claim: claire.email if value == "CLAIRE" else value for claim, value in one.items()}
        for one in MIXED[name][:2]
    ]
    signed_on = signed_on_by(parts, provider, database, EMAIL, *told)
    assert signed_on == MIXED[name][2]


@pytest.mark.parametrize(
    ("id_claims", "user_claims", "expected"),
    [
        ({"idp_id": "idp-finances"}, {"uid": "ag-1", "idp_id": "idp-autre"}, None),
        ({"idp_id": "idp-finances"}, {"uid": "ag-1", "idp_id": None}, None),
        ({"uid": "ag-1"}, {"uid": None, "idp_id": "idp-finances"}, None),
        ({"uid": "ag-4", "idp_id": "idp-finances"}, {"uid": "ag-1"}, "ag-4"),
        ({}, {"uid": "ag-1", "idp_id": "idp-finances"}, "ag-1"),
    ],
)
def test_who_vouches_and_for_whom_are_of_one_document(
    parts: Parts,
    provider: LyingProvider,
    database: sa.Engine,
    id_claims: dict[str, Any],
    user_claims: dict[str, Any],
    expected: str | None,
) -> None:
    """A `uid` is unique behind one identity provider only: the one that its document names."""
    rule = AgentRule(accepted={"idp_id": frozenset({"idp-finances"})})
    assert signed_on_by(parts, provider, database, rule, id_claims, user_claims) == expected


@pytest.mark.parametrize(("acr", "expected"), [("eidas2", "ag-1"), ("eidas1", None)])
def test_how_somebody_signed_on_is_the_id_tokens_word(
    parts: Parts, provider: LyingProvider, database: sa.Engine, acr: str, expected: str | None
) -> None:
    """Userinfo does not say it, and is not believed where it does."""
    rule = AgentRule(accepted={"acr": frozenset({"eidas2"})})
    told = {"uid": "ag-1", "acr": "eidas2"}
    assert signed_on_by(parts, provider, database, rule, {"acr": acr}, told) == expected


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "verified"])
@pytest.mark.parametrize("how", [{}, {"amr": ["pwd"], "auth_time": 1_700_000_000}])
@pytest.mark.parametrize(("acr", "expected"), [("eidas2", "ag-1"), ("eidas1", None)])
def test_an_acr_of_the_id_token_and_an_address_of_userinfo(
    parts: Parts,
    provider: LyingProvider,
    database: sa.Engine,
    acr: str,
    expected: str | None,
    how: dict[str, Any],
    trusted: bool,
) -> None:
    """ProConnect's shape: how somebody signed on does not decide which document names them."""
    claire = parts.book.agent("ag-1")
    assert claire
    accepted = {"acr": frozenset({"eidas2"})}
    rule = AgentRule(claim="email", by="email", accepted=accepted, email_trusted=trusted)
    told = {"email": claire.email} | ({} if trusted else {"email_verified": True})
    assert signed_on_by(parts, provider, database, rule, {"acr": acr, **how}, told) == expected


def signed_on_by(
    parts: Parts,
    provider: LyingProvider,
    database: sa.Engine,
    rule: AgentRule,
    id_claims: dict[str, Any],
    user_claims: dict[str, Any],
) -> str | None:
    """Return the agent that the two documents sign on under a rule, or None."""
    made = signing_on_app(parts, database, ADDRESS, provider.issuer, rule=rule)
    with TestClient(made.app, follow_redirects=False) as client:
        asked = parse_qs(urlsplit(client.get("/sign-on").headers["location"]).query)
        provider.nonce = asked["nonce"][0]
        provider.id_claims, provider.user_claims = id_claims, user_claims
        client.get("/sign-on/callback", params={"state": asked["state"][0], "code": "un-code"})
    sessions = made.sign_on.sessions.of()
    return sessions[0].agent_id if sessions else None
