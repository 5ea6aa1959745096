"""A provider's claims identify exactly one agent by the configured rule, or nobody."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from connectors.values import Agent
from expertise.consent import WHOLE_SERVICE, Preference, PreferenceKind, SqlConsent
from expertise.directory import SqlDirectory
from quisait.application.database import migrate
from search_api.sign_on.errors import NoAgentReason, NotAnAgent
from search_api.sign_on.identification import AgentRule, agent_named
from tests.builders import Listed
from tests.pages.administration import TODAY

pytestmark = pytest.mark.trust

ANA = Agent("ag-1", "Ana", "Le Goff", email="Ana.LeGoff@exemple.fr", accounts=("ldap:alegoff",))
GONE = Agent("ag-3", "Paul", "Ancien", email="paul@exemple.fr", departure=TODAY)
AGENTS = (
    ANA,
    Agent("ag-2", "Ben", "Amrani", email="equipe@exemple.fr"),
    GONE,
    Agent("ag-4", "Cyd", "Rossi", email="equipe@exemple.fr", accounts=("wiki:alegoff2",)),
    Agent("ag-5", "Zoé", "Nouvelle", email="paul@exemple.fr"),
    Agent("ag-6", "Sans", "Adresse"),
)
ID, EMAIL = AgentRule(), AgentRule("email", "email")
ACCOUNT = AgentRule("uid", "account", "ldap")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    engine = migrate(
        sa.create_engine(f"sqlite:///{tmp_path_factory.mktemp('book') / 'book.sqlite'}")
    )
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def book(engine: sa.Engine) -> SqlDirectory:
    one = SqlDirectory(engine)
    one.replace(Listed(*AGENTS))
    return one


@pytest.mark.parametrize(
    ("rule", "claims", "agent_id"),
    [
        (ID, {"uid": "ag-1"}, "ag-1"),
        (replace(ID, claim="sub"), {"sub": "ag-2", "uid": "ag-1"}, "ag-2"),
        (EMAIL, {"email": "ana.legoff@EXEMPLE.fr", "email_verified": True}, "ag-1"),
        (replace(EMAIL, email_trusted=True), {"email": "ana.legoff@exemple.fr"}, "ag-1"),
        (EMAIL, {"email": "paul@exemple.fr", "email_verified": True}, "ag-5"),
        (ACCOUNT, {"uid": "alegoff"}, "ag-1"),
    ],
    ids=str,
)
def test_one_agent(
    book: SqlDirectory, rule: AgentRule, claims: dict[str, Any], agent_id: str
) -> None:
    """By id, by an address that is vouched for, by an account of the named source."""
    assert agent_named(claims, rule, book, TODAY).id == agent_id


@pytest.mark.parametrize("subject", ["ldap", "wiki", WHOLE_SERVICE])
def test_a_wish_locks_nobody_out(book: SqlDirectory, engine: sa.Engine, subject: str) -> None:
    """Who withdrew, from the very source that names them too, still comes in to take it back."""
    consent = SqlConsent(engine, lambda: datetime(2026, 3, 10, tzinfo=UTC))
    wish = Preference("ag-1", PreferenceKind.WITHDRAW, subject)
    consent.ask(wish)
    address = {"email": ANA.email, "email_verified": True}
    try:
        for rule, claims in (
            (ID, {"uid": "ag-1"}),
            (EMAIL, address),
            (ACCOUNT, {"uid": "alegoff"}),
        ):
            assert agent_named(claims, rule, book, TODAY).id == "ag-1"
    finally:
        consent.take_back(wish)


VERIFIED = {"email_verified": True}


@pytest.mark.parametrize(
    ("rule", "claims", "why"),
    [
        (ID, {}, NoAgentReason.CLAIM_MISSING),
        (ID, {"uid": ""}, NoAgentReason.CLAIM_MISSING),
        (ID, {"uid": ["ag-1"]}, NoAgentReason.CLAIM_MISSING),
        (ID, {"uid": 1}, NoAgentReason.CLAIM_MISSING),
        (ID, {"uid": "a" * 501}, NoAgentReason.CLAIM_MISSING),
        (ID, {"uid": "AG-1"}, NoAgentReason.UNKNOWN),
        (ID, {"uid": " ag-1"}, NoAgentReason.UNKNOWN),
        (ID, {"uid": "ag-3"}, NoAgentReason.UNKNOWN),
        (ID, {"email": "ana.legoff@exemple.fr"}, NoAgentReason.CLAIM_MISSING),
        (EMAIL, {"email": "ana.legoff@exemple.fr"}, NoAgentReason.EMAIL_UNVERIFIED),
        (EMAIL, {"email": "x", "email_verified": "true"}, NoAgentReason.EMAIL_UNVERIFIED),
        (EMAIL, {"email": "x", "email_verified": 1}, NoAgentReason.EMAIL_UNVERIFIED),
        (EMAIL, {"email": "equipe@exemple.fr", **VERIFIED}, NoAgentReason.AMBIGUOUS),
        (EMAIL, {"email": "%", **VERIFIED}, NoAgentReason.UNKNOWN),
        (EMAIL, {"email": " ", **VERIFIED}, NoAgentReason.UNKNOWN),
        (ACCOUNT, {"uid": "alegoff2"}, NoAgentReason.UNKNOWN),
        (ACCOUNT, {"uid": "x:alegoff"}, NoAgentReason.UNKNOWN),
    ],
    ids=str,
)
def test_nobody(
    book: SqlDirectory, rule: AgentRule, claims: dict[str, Any], why: NoAgentReason
) -> None:
    """Unknown, gone, ambiguous or not vouched for: each says which, and nobody is chosen."""
    with pytest.raises(NotAnAgent) as refused:
        agent_named(claims, rule, book, TODAY)
    assert refused.value.why is why


@pytest.mark.parametrize(
    "claims",
    [
        {"uid": "ag-1"},
        {"uid": "ag-1", "idp_id": "un autre"},
        {"uid": "ag-1", "idp_id": ["le nôtre"]},
        {"uid": "ag-1", "idp_id": "le nôtre", "siret": "1"},
        {"uid": "ag-1", "siret": "13000495500019"},
    ],
    ids=str,
)
def test_another_organisations_agent_of_the_same_name(
    book: SqlDirectory, claims: dict[str, Any]
) -> None:
    """A `uid` is unique behind one identity provider only: what is accepted is looked at first."""
    accepted = {"idp_id": frozenset({"le nôtre"}), "siret": frozenset({"13000495500019"})}
    rule = replace(ID, accepted=accepted)
    with pytest.raises(NotAnAgent) as refused:
        agent_named(claims, rule, book, TODAY)
    assert refused.value.why is NoAgentReason.NOT_ACCEPTED
    ours = {"uid": "ag-1", "idp_id": "le nôtre", "siret": "13000495500019"}
    assert agent_named(ours, rule, book, TODAY) == replace(ANA, accounts=())


NAMES = ("uid", "email", "email_verified", "idp_id")
TOLD = st.sampled_from(["ag-1", "ag-3", "AG-1", "", "%", "_", "alegoff", "paul@exemple.fr", "\0"])
ANY = st.one_of(
    TOLD, st.text(max_size=20), st.none(), st.booleans(), st.integers(), st.lists(TOLD, max_size=2)
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, ANY)))
def test_whatever_a_provider_says_is_an_agent_or_a_refusal(
    book: SqlDirectory, claims: dict[str, Any]
) -> None:
    """Never an error of another kind, and never who is not exactly named."""
    for rule in (ID, EMAIL, ACCOUNT, replace(ID, accepted={"idp_id": frozenset({"a"})})):
        try:
            agent = agent_named(claims, rule, book, TODAY)
        except NotAnAgent:
            continue
        assert claims[rule.claim] in (agent.id, agent.email, "alegoff")
