"""A real domain controller, read as Windows reads it: SIDs, nested and primary groups, accounts."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import ldap3
import pytest
from quisait_ldap.config import (
    ACTIVE_DIRECTORY_AGENTS,
    ACTIVE_DIRECTORY_ATTRIBUTES,
    ACTIVE_DIRECTORY_GROUPS,
    LdapConfig,
)
from quisait_ldap.directory import LdapDirectory
from quisait_ldap.sids import WELL_KNOWN

from connectors.ports import SourceRefused
from connectors.values import Agent, Group
from tests.samba_server import (
    DOMAIN,
    PASSWORD,
    READER,
    SUFFIX,
    USERS,
    SambaServer,
    ensure_samba,
    sid_text,
)

pytestmark = [pytest.mark.sources, pytest.mark.trust]

DISABLED, DISTRIBUTION = "514", "2"
EXPIRED = "133485408000000000"
"""The first of January 2024, in 100 ns since 1601."""
PEOPLE = ("ad-ana", "ad-ben", "ad-cyd", "ad-dan")


@pytest.fixture(scope="module")
def samba() -> SambaServer:
    made = ensure_samba()
    made.add_user("ad-ana", "Ana", "Le Goff", title="géomètre", department="SIP de Brest")
    made.add_user("ad-ben", "Ben", "Amrani")
    made.add_user("ad-cyd", "Cyd", "Rossi", userAccountControl=DISABLED)
    made.add_user("ad-dan", "Dan", "Éluard", accountExpires=EXPIRED)
    made.add_group("ad-fraude", ["ad-ana", "ad-cyd"])
    made.add_group("ad-direction", ["ad-ben", "ad-fraude"])
    made.add_group("ad-lettre", ["ad-ana", "ad-ben"], groupType=DISTRIBUTION)
    made.add_group("ad-abonnés", ["ad-lettre", "ad-dan"])
    made.add_group("ad-ronde-a", ["ad-ana"])
    made.add_group("ad-ronde-b", ["ad-ronde-a"])
    with made.changed() as connection:
        back = {"member": [(ldap3.MODIFY_ADD, [f"CN=ad-ronde-b,{USERS}"])]}
        connection.modify(f"CN=ad-ronde-a,{USERS}", back)
    return made


@pytest.fixture
def place(samba: SambaServer) -> LdapConfig:
    return LdapConfig(
        (samba.tls_url,),
        SUFFIX,
        ACTIVE_DIRECTORY_AGENTS,
        SUFFIX,
        ACTIVE_DIRECTORY_GROUPS,
        f"{DOMAIN}\\{READER}",
        PASSWORD,
        ca_file=samba.ca_file,
        authority="ad",
        attributes=ACTIVE_DIRECTORY_ATTRIBUTES,
        page_size=7,
        active_directory=True,
        sid_sources=("partage",),
    )


def read(place: LdapConfig) -> tuple[dict[str, Agent], dict[str, Group]]:
    entries = list(LdapDirectory(place).entries())
    agents = {one.id: one for one in entries if isinstance(one, Agent)}
    return agents, {one.principal: one for one in entries if isinstance(one, Group)}


def test_agents_are_the_accounts_that_may_sign_in(place: LdapConfig, samba: SambaServer) -> None:
    """With their usual attributes, the day an account ends, and the account of the share."""
    agents, _ = read(place)
    assert "ad-cyd" not in agents
    ana = agents["ad-ana"]
    assert (ana.name, ana.metier, ana.entity) == ("Ana Le Goff", "géomètre", "SIP de Brest")
    assert ana.accounts == (f"partage:{samba.sids['ad-ana']}",)
    assert ana.departure is None
    assert agents["ad-dan"].departure == date(2024, 1, 1)
    assert agents["ad-dan"].departed(datetime.now(UTC).date())


def test_groups_hold_whom_the_server_says(place: LdapConfig, samba: SambaServer) -> None:
    """Every group against the server's own `memberOf` in chain, disabled accounts left out."""
    agents, groups = read(place)
    chain = "(&(objectClass=user)(memberOf:1.2.840.113556.1.4.1941:={}))"
    with samba.changed() as connection:
        for name in ("fraude", "direction", "lettre", "abonnés", "ronde-a", "ronde-b"):
            asked = chain.format(f"CN=ad-{name},{USERS}")
            connection.search(SUFFIX, asked, attributes=["sAMAccountName"])
            members = {str(one.sAMAccountName) for one in connection.entries}
            assert groups[f"ad:group:ad-{name}"].members == members & agents.keys()
    assert groups["ad:group:ad-direction"].members == {"ad-ana", "ad-ben"}


def test_sids_are_those_of_the_servers_own_tokens(place: LdapConfig, samba: SambaServer) -> None:
    """What the server puts into each account's token (`tokenGroups`), no group more or less.

    But for the controller's own groups (S-1-5-32-…), whose SIDs mean others on each server.
    Distribution groups, and groups that are reached through one, open nothing.
    """
    agents, groups = read(place)
    for name in PEOPLE:
        held = {
            principal.removeprefix("ad:sid:")
            for principal, group in groups.items()
            if name in group.members and principal.startswith("ad:sid:")
        }
        if name not in agents:
            assert not held
            continue
        own = samba.sids[name]
        assert held >= {own, *WELL_KNOWN}
        token = {sid for sid in token_groups(samba, name) if not sid.startswith("S-1-5-32-")}
        assert samba.sids["ad-lettre"] not in token
        assert held - {own, *WELL_KNOWN} == token
    assert f"ad:sid:{samba.sids['ad-cyd']}" in groups, "a refusal of it names somebody known"
    everybody = groups["ad:group:Domain Users"].members
    assert {"ad-ana", "ad-ben", "ad-dan"} <= everybody, "it is their primary group"


def token_groups(samba: SambaServer, name: str) -> Iterator[str]:
    with samba.changed() as connection:
        dn = f"CN={name},{USERS}"
        connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["tokenGroups"])
        yield from map(sid_text, connection.response[0]["raw_attributes"]["tokenGroups"])


def test_a_change_is_noticed_and_a_departure_read(place: LdapConfig, samba: SambaServer) -> None:
    """The mark of each entry is the server's; who is deleted is gone from groups too."""
    directory = LdapDirectory(place)
    samba.add_user("ad-eve", "Eve", "Parti")
    samba.add_group("ad-passage", ["ad-eve"])
    before = directory.fingerprint()
    assert before is not None
    assert before == directory.fingerprint()
    assert "ad-eve" in read(place)[0]
    with samba.changed() as connection:
        connection.delete(f"CN=ad-eve,{USERS}")
    assert directory.fingerprint() != before
    agents, groups = read(place)
    assert "ad-eve" not in agents
    assert groups[f"ad:sid:{samba.sids['ad-passage']}"].members == frozenset()


def test_the_password_is_not_sent_in_the_clear(place: LdapConfig, samba: SambaServer) -> None:
    """The controller refuses a bind without TLS, and an unknown certificate is refused here."""
    plain = replace(place, urls=(f"ldap://{samba.address}",))
    with pytest.raises(SourceRefused, match="protégée"):
        read(plain)
    assert read(replace(plain, start_tls=True))[0]
    with pytest.raises(SourceRefused, match="certificat"):
        read(replace(place, ca_file=str(samba.run / "other.pem")))
