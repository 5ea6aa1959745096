"""Identification of readers: a token names an agent or nobody; an agent has principals."""

import base64
import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from connectors.values import EVERYONE, Access, Agent
from indexer.access import NOBODY, access_filter
from search_api.identity.readers import reader_of
from search_api.identity.tokens import TOKEN_LIFE_S, SignedTokens

pytestmark = pytest.mark.trust

KEY = "k" * 32
OTHER_KEY = "o" * 32
NOW_S = 1_770_000_000
TODAY = date(2026, 3, 10)
TOKENS = SignedTokens(KEY)
CLAIMS = {"iss": "quisait", "sub": "ag-1", "iat": NOW_S, "exp": NOW_S + 60}


def signed(claims: dict[str, Any], key: str = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode({"alg": algorithm}, claims, OctKey.import_key(key), algorithms=[algorithm])


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_valid_token_names_its_agent() -> None:
    """From its making to the last second of its life, and not after."""
    token = TOKENS.make("ag-1", NOW_S)
    assert TOKENS.agent_id(token, NOW_S) == "ag-1"
    assert TOKENS.agent_id(token, NOW_S + TOKEN_LIFE_S - 1) == "ag-1"
    assert TOKENS.agent_id(token, NOW_S + TOKEN_LIFE_S + 1) is None
    assert SignedTokens(KEY).agent_id(token, NOW_S) == "ag-1"


def test_a_token_of_another_key_names_nobody() -> None:
    """The signature is what makes it ours."""
    assert SignedTokens(OTHER_KEY).agent_id(TOKENS.make("ag-1", NOW_S), NOW_S) is None


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS512", "RS256", "", None])
def test_no_other_algorithm_is_taken(algorithm: str | None) -> None:
    """Above all not `none`, with or without a signature of ours."""
    ours = TOKENS.make("ag-1", NOW_S).split(".")
    header = part({"alg": algorithm})
    for signature in ("", ours[2]):
        assert TOKENS.agent_id(f"{header}.{ours[1]}.{signature}", NOW_S) is None


def test_a_stronger_algorithm_with_our_key_is_not_ours() -> None:
    """One algorithm is used, and one is taken."""
    assert TOKENS.agent_id(signed(CLAIMS, KEY * 2, "HS512"), NOW_S) is None
    assert SignedTokens(KEY * 2).agent_id(signed(CLAIMS, KEY * 2, "HS512"), NOW_S) is None


def test_tampering_is_seen() -> None:
    """Other claims under a true signature, or one character less, name nobody."""
    header, claims, signature = TOKENS.make("ag-1", NOW_S).split(".")
    other = part(CLAIMS | {"sub": "ag-2"})
    for token in (
        f"{header}.{other}.{signature}",
        f"{header}.{claims}.{signature[:-2]}",
        f"{header}.{claims}.",
        f"{header}.{claims}",
        f"{claims}.{header}.{signature}",
    ):
        assert TOKENS.agent_id(token, NOW_S) is None


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "another"},
        {"iss": None},
        {"iss": ["quisait", "another"]},
        {"sub": None},
        {"sub": ""},
        {"exp": None},
        {"exp": NOW_S - 1},
        {"exp": "never"},
        {"exp": [NOW_S + 60]},
        {"nbf": NOW_S + 30},
    ],
    ids=str,
)
def test_a_claim_that_is_missing_or_wrong_names_nobody(change: dict[str, Any]) -> None:
    """Issuer, subject and end are essential, even under our own signature."""
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}
    assert TOKENS.agent_id(signed(claims), NOW_S) is None
    assert TOKENS.agent_id(signed(CLAIMS | change), NOW_S) is None


@pytest.mark.parametrize("key", ["", "short", "k" * 31])
def test_a_short_key_is_refused(key: str) -> None:
    """In words that say how long it has to be."""
    with pytest.raises(ValueError, match="32 octets"):
        SignedTokens(key)


PIECES = st.sampled_from(
    ["", ".", "..", part({"alg": "HS256"}), part(CLAIMS), part([]), part(b"\xff"), "é", "=", " "]
)


@given(st.text(max_size=80) | st.lists(PIECES, max_size=7).map(".".join))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    """Whatever a header holds, it is nobody, and never an error."""
    assert TOKENS.agent_id(text, NOW_S) is None


@dataclass(frozen=True, slots=True)
class ListedAgents:
    agents: tuple[Agent, ...]
    groups: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()

    def agent(self, agent_id: str) -> Agent | None:
        return next((agent for agent in self.agents if agent.id == agent_id), None)

    def groups_of(self, agent_id: str) -> frozenset[str]:
        return self.groups

    def accounts_of(self, agent_id: str) -> frozenset[str]:
        return self.accounts


ANA = Agent("ag-1", "Ana", "Le Goff")


def test_a_reader_holds_everyone_themselves_and_their_groups() -> None:
    """And nothing else: no principal is guessed from a name or a post."""
    agents = ListedAgents((ANA,), frozenset({"annuaire:group:inspection"}))
    reader = reader_of("ag-1", agents, TODAY)
    assert reader.agent_id == "ag-1"
    assert reader.principals == {EVERYONE, "agent:ag-1", "annuaire:group:inspection"}
    assert not reader.unanswered


def test_an_account_of_a_reader_is_theirs_in_its_own_source() -> None:
    """As the directory gives it; an account that holds colons keeps them."""
    agents = ListedAgents((ANA,), accounts=frozenset({"docs:5f0c", "wiki:ana:2"}))
    reader = reader_of("ag-1", agents, TODAY)
    own = {EVERYONE, "agent:ag-1", "docs:account:5f0c", "wiki:account:ana:2"}
    assert reader.principals == own


@pytest.mark.parametrize("agent_id", [None, "", "ag-2", "AG-1", " ag-1", "everyone"])
def test_an_unknown_agent_reads_nothing(agent_id: str | None) -> None:
    """A name that the directory does not know, to the letter, is nobody."""
    reader = reader_of(agent_id, ListedAgents((ANA,)), TODAY)
    assert reader == NOBODY
    assert not access_filter(reader).admits(Access(frozenset({EVERYONE})))


def test_a_departed_agent_reads_nothing() -> None:
    """From the day of departure on, whatever groups still name them."""
    leaving = Agent("ag-1", "Ana", "Le Goff", departure=TODAY)
    agents = ListedAgents((leaving,), frozenset({"annuaire:group:inspection"}))
    assert reader_of("ag-1", agents, TODAY) == NOBODY
    assert reader_of("ag-1", agents, TODAY - timedelta(days=1)).agent_id == "ag-1"
