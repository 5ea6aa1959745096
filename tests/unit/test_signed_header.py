"""A header that a reverse proxy signs: believed for this audience, now, by a known key alone."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey

from connectors.values import Agent
from indexer.access import NOBODY
from quisait.application.sign_on import read_keys
from search_api.authorization import IdentifiedReaders, bearer, signed_header, token_cookie
from search_api.identity.identification import IdentificationMethod, identification_of
from search_api.identity.tokens import SignedTokens
from search_api.problems import Problem
from search_api.sign_on.errors import ProviderUnreachable
from search_api.sign_on.identification import AgentRule, SignedHeader, SignedHeaderRules
from search_api.sign_on.signed_tokens import ProviderKeys
from tests.lying_provider import rsa_key, signed, signed_with_the_public_key, unsigned
from tests.pages.administration import TODAY

pytestmark = pytest.mark.trust

KEY, STRANGER = rsa_key("relais"), rsa_key("relais")
NOW_S = int(time.time())
TOKENS = SignedTokens("une clé de test assez longue pour signer")
RULES = SignedHeaderRules("X-Agent", "https://relais.example", "quisait", skew_s=30)
CLAIMS = {"iss": RULES.issuer, "aud": "quisait", "uid": "ag-1", "exp": NOW_S + 60, "iat": NOW_S}


class Agents:
    """Two agents, one of whom has left."""

    def agent(self, agent_id: str) -> Agent | None:
        known = {"ag-1": Agent("ag-1", "Ana", "Le Goff"), "ag-2": Agent("ag-2", "Ben", "Amrani")}
        gone = Agent("ag-3", "Paul", "Ancien", departure=TODAY)
        return {**known, "ag-3": gone}.get(agent_id)

    def groups_of(self, agent_id: str) -> frozenset[str]:
        return frozenset()

    def accounts_of(self, agent_id: str) -> frozenset[str]:
        return frozenset()

    def owner_of(self, account: str) -> Agent | None:
        return None

    def by_email(self, email: str) -> tuple[Agent, ...]:
        return ()


def readers(fetch: Callable[[], Any]) -> IdentifiedReaders:
    keys = ProviderKeys(fetch, lambda: NOW_S)
    header = SignedHeader(RULES, keys, AgentRule(), Agents(), lambda: NOW_S, lambda: TODAY)
    ways = [
        bearer(TOKENS, None, lambda: NOW_S),
        signed_header(header),
        token_cookie(TOKENS, lambda: NOW_S),
    ]
    return IdentifiedReaders(ways, Agents(), lambda: TODAY)


READERS = readers(lambda: {"keys": [KEY.as_dict(private=False)]})


def request(*headers: tuple[str, str]) -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "headers": raw, "method": "GET", "path": "/"})


def named(*headers: tuple[str, str]) -> str | None:
    return READERS(request(*headers)).agent_id


def test_a_true_header_names_its_agent() -> None:
    """Whatever the header's letter case; a person asked, and no program."""
    asked = request(("x-AGENT", signed(CLAIMS, KEY)))
    assert READERS(asked).agent_id == "ag-1"
    who = identification_of(asked)
    assert who is not None
    assert who.method is IdentificationMethod.SIGNED_HEADER


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "autre"},
        {"aud": None},
        {"aud": ["autre"]},
        {"iss": "https://autre.example"},
        {"iss": None},
        {"exp": NOW_S - 31},
        {"exp": None},
        {"exp": "demain"},
        {"nbf": NOW_S + 90},
        {"uid": None},
        {"uid": "ag-404"},
        {"uid": "ag-3"},
    ],
    ids=lambda change: "-".join((*change, *{type(value).__name__ for value in change.values()})),
)
def test_a_claim_that_is_missing_or_wrong(change: dict[str, Any]) -> None:
    """Under the true key: for another, of another, over, without end, or of no agent in post."""
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}
    assert named(("X-Agent", signed(claims, KEY))) is None


def test_who_is_no_agent_is_told_so() -> None:
    """Their identity is established: to sign on again would not help."""
    asked = request(("X-Agent", signed({**CLAIMS, "uid": "ag-404"}, KEY)))
    assert READERS(asked) == NOBODY
    assert "annuaire" in asked.state.not_an_agent
    badly_signed = request(("X-Agent", signed(CLAIMS, STRANGER)))
    assert READERS(badly_signed) == NOBODY
    assert not hasattr(badly_signed.state, "not_an_agent")


CURVE = ECKey.generate_key("P-256", {"use": "sig", "kid": "relais"})


@pytest.mark.parametrize(
    "token",
    [
        "ag-1",
        "",
        json.dumps(CLAIMS),
        unsigned(CLAIMS),
        unsigned(CLAIMS, kid="relais"),
        signed_with_the_public_key(CLAIMS, KEY),
        signed(CLAIMS, OctKey.import_key("k" * 32), "HS256"),
        signed(CLAIMS, STRANGER),
        signed(CLAIMS, STRANGER, kid="autre"),
        signed(CLAIMS, CURVE, "ES256"),
        signed(
            CLAIMS,
            type(KEY).import_key(
                {k: v for k, v in KEY.as_dict(private=True).items() if k != "alg"}
            ),
            "RS512",
        ),
        f"Bearer {signed(CLAIMS, KEY)}",
        TOKENS.make("ag-1", NOW_S),
    ],
)
def test_a_header_that_is_not_the_proxys(token: str) -> None:
    """Above all not a plain name; nor what anybody could have signed."""
    assert named(("X-Agent", token)) is None


def test_two_headers_are_none() -> None:
    """One of them may have slipped past the proxy."""
    true = ("X-Agent", signed(CLAIMS, KEY))
    assert named(true, ("X-Agent", signed(CLAIMS | {"uid": "ag-2"}, KEY))) is None
    assert named(true, true) is None


def test_a_way_that_fails_hands_over_to_none() -> None:
    """A false header or token is nobody, even beside a cookie that would name somebody."""
    cookie = ("Cookie", f"quisait_token={TOKENS.make('ag-2', NOW_S)}")
    assert named(cookie) == "ag-2"
    assert named(("X-Agent", "ag-1"), cookie) is None
    assert named(("X-Agent", signed(CLAIMS, KEY)), cookie) == "ag-1"
    assert named(("Authorization", "Bearer rien"), ("X-Agent", signed(CLAIMS, KEY))) is None
    assert named(("Authorization", "Bearer qsp_rien"), cookie) is None
    assert READERS(request()) is NOBODY


def test_keys_out_of_reach() -> None:
    """Nobody can be named: the page says so, and does not say «identify yourself»."""

    def fetch() -> Any:
        raise ProviderUnreachable("Le fournisseur ne répond pas.")

    with pytest.raises(Problem) as told:
        readers(fetch)(request(("X-Agent", signed(CLAIMS, KEY))))
    assert (told.value.status, told.value.code) == (503, "provider_unreachable")


@given(st.text(max_size=80))
def test_no_text_is_a_header_by_chance(text: str) -> None:
    """Whatever it holds, it is nobody, and never an error."""
    raw = [(b"x-agent", text.encode())]
    asked = Request({"type": "http", "headers": raw, "method": "GET", "path": "/"})
    assert READERS(asked).agent_id is None


def test_keys_of_a_file(tmp_path: Path) -> None:
    """A JWK set, or one public key in PEM, of which no private part is kept."""
    path = tmp_path / "clés"
    for written in (
        json.dumps({"keys": [KEY.as_dict(private=False)]}),
        KEY.as_pem(private=False).decode(),
        KEY.as_pem(private=True).decode(),
        CURVE.as_pem(private=False).decode(),
    ):
        path.write_text(written, "utf-8")
        (key,) = read_keys(path)["keys"]
        assert "d" not in key
        assert key["kty"] in ("RSA", "EC")


@pytest.mark.parametrize("written", ["", "{}", "[]", "clé", "-----BEGIN CERTIFICATE-----", "\xff"])
def test_what_is_no_file_of_keys(tmp_path: Path, written: str) -> None:
    """A French sentence names the file."""
    path = tmp_path / "clés"
    path.write_bytes(written.encode("latin-1"))
    with pytest.raises(ValueError, match="keys_file"):
        read_keys(path)
    with pytest.raises(ValueError, match="ne se lit pas"):
        read_keys(tmp_path / "absent")
