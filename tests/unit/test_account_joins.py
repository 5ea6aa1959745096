"""Accounts are joined to agents by rules; an account that two agents may hold belongs to none."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.account_linking import (
    AccountAssignment,
    DisputedAccount,
    LinkBy,
    LinkedDirectory,
    LinkRule,
    disputed_account,
)
from connectors.ports import Malformed, SourceRefused
from connectors.values import Agent, Group
from tests.builders import Listed

pytestmark = [pytest.mark.sources, pytest.mark.trust]

UID = LinkRule("wiki", (LinkBy.ID,), capitalized=True)
MAIL = LinkRule("docs", (LinkBy.EMAIL,))
ANA = Agent("ana", "Ana", "Martin", email="Ana.Martin@x.fr")
BEN = Agent("ben", "Ben", "Martin", email="ben@x.fr")


def joined(
    *entries: Agent | Group | Malformed, rules: Sequence[LinkRule] = (UID, MAIL), **more: str
) -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """The accounts of each agent, and those that are disputed."""
    stated = [
        AccountAssignment(account.replace("__", ":"), agent) for account, agent in more.items()
    ]
    found = list(LinkedDirectory(Listed(*entries), rules, stated).entries())
    accounts = {one.id: one.accounts for one in found if isinstance(one, Agent)}
    return accounts, {one.account for one in found if isinstance(one, DisputedAccount)}


def test_by_id_and_by_address() -> None:
    """As the source writes names; an address also in small letters; nothing without a rule."""
    accounts, disputed = joined(ANA, BEN)
    assert accounts == {
        "ana": ("docs:Ana.Martin@x.fr", "docs:ana.martin@x.fr", "wiki:Ana"),
        "ben": ("docs:ben@x.fr", "wiki:Ben"),
    }
    assert not disputed
    assert joined(ANA, rules=())[0] == {"ana": ()}


def test_a_shared_address_is_nobodys() -> None:
    """Also where one of the two has left, and whatever the case."""
    other = replace(BEN, email="ANA.MARTIN@x.fr")
    accounts, disputed = joined(ANA, other)
    assert not [one for one in accounts["ben"] if one == "docs:ana.martin@x.fr"]
    assert "docs:ana.martin@x.fr" in disputed
    assert "docs:ana.martin@x.fr" not in accounts["ana"]


def test_homonyms_stay_apart() -> None:
    """A name joins nothing: neither an account of that name nor another agent."""
    one, two = Agent("jd1", "Jean", "Dupont"), Agent("jd2", "Jean", "Dupont")
    accounts, disputed = joined(one, two)
    assert accounts == {"jd1": ("wiki:Jd1",), "jd2": ("wiki:Jd2",)}
    assert not disputed


def test_what_the_directory_states_comes_before_a_rule() -> None:
    """And what a person states, before both; a second owner is refused."""
    owner = replace(BEN, accounts=("wiki:Ana",))
    accounts, _ = joined(ANA, owner)
    assert "wiki:Ana" in accounts["ben"]
    assert "wiki:Ana" not in accounts["ana"]
    accounts, _ = joined(ANA, owner, wiki__Ana="ana")
    assert "wiki:Ana" in accounts["ana"]
    assert "wiki:Ana" not in accounts["ben"]
    twice = LinkedDirectory(
        Listed(ANA), (), [AccountAssignment("w:x", "ana"), AccountAssignment("w:x", "ben")]
    )
    with pytest.raises(SourceRefused, match="deux agents"):
        list(twice.entries())


def test_a_disputed_account_is_not_given_by_a_rule() -> None:
    """The directory gave it to two: a rule does not decide between them."""
    accounts, disputed = joined(ANA, BEN, disputed_account("wiki:Ana", ("ben", "cyd")))
    assert "wiki:Ana" not in accounts["ana"]
    assert disputed == {"wiki:Ana"}


def test_an_account_given_to_one_who_left_is_not_given_away() -> None:
    """A person said whose it is: no rule says otherwise once they are gone."""
    accounts, _ = joined(ANA, BEN, wiki__Ana="parti")
    assert "wiki:Ana" not in accounts["ana"]


NAMES = st.sampled_from(["a", "A", "b", "a@x", "A@x", "b@x"])


@given(
    st.lists(
        st.builds(
            Agent,
            NAMES,
            st.just("P"),
            st.just("N"),
            email=NAMES,
            accounts=st.lists(NAMES.map("wiki:{}".format), max_size=2, unique=True).map(tuple),
        ),
        max_size=5,
        unique_by=lambda agent: agent.id,
    )
)
def test_no_account_is_two_agents(agents: list[Agent]) -> None:
    """Whatever ids, addresses and statements coincide."""
    said: set[str] = set()
    own = []
    for agent in agents:  # a directory gives an account to one agent at most
        own.append(replace(agent, accounts=tuple(a for a in agent.accounts if a not in said)))
        said |= set(agent.accounts)
    both = LinkRule("wiki", (LinkBy.ID, LinkBy.EMAIL))
    accounts, disputed = joined(*own, rules=(both, UID, MAIL))
    given_out = [account for held in accounts.values() for account in held]
    assert len(given_out) == len(set(given_out))
    assert not disputed & set(given_out)
    assert all(set(agent.accounts) <= set(accounts[agent.id]) for agent in own)
