"""A real slapd, read as it is served: pages, nested groups, TLS, limits, faults."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from quisait_ldap.config import LdapConfig
from quisait_ldap.directory import LdapDirectory

from connectors.ports import Malformed, SourceRefused, SourceUnreachable
from connectors.values import Agent, Group
from tests.cut_relay import relay
from tests.ldap_server import (
    AGENTS,
    BOUND,
    GROUPS,
    MANY,
    PASSWORD,
    READER,
    SUFFIX,
    LdapServer,
    agent,
    ensure_ldap,
    group,
)

pytestmark = [pytest.mark.sources, pytest.mark.trust]

ALL_GROUPS = "(|(objectClass=groupOfNames)(objectClass=posixGroup))"


@pytest.fixture(scope="module")
def ldap() -> LdapServer:
    return ensure_ldap()


@pytest.fixture
def place(ldap: LdapServer) -> LdapConfig:
    people = "(objectClass=inetOrgPerson)"
    return LdapConfig((ldap.url,), AGENTS, people, GROUPS, ALL_GROUPS, READER, PASSWORD)


def read(place: LdapConfig) -> tuple[dict[str, Agent], dict[str, Group], list[Malformed]]:
    entries = list(LdapDirectory(place).entries())
    agents = {one.id: one for one in entries if isinstance(one, Agent)}
    groups = {one.principal: one for one in entries if isinstance(one, Group)}
    return agents, groups, [one for one in entries if isinstance(one, Malformed)]


def test_everybody_is_read_page_by_page(place: LdapConfig) -> None:
    """Beyond the server's limit of 500, accents and padded codes as they should be."""
    agents, groups, malformed = read(place)
    assert len(agents) == MANY + 4
    assert malformed == []
    assert (agents["zlecuyer"].name, agents["zlecuyer"].departement) == ("Zoé L'Écuyer", "2A")
    assert (agents["amartin"].departement, agents["amartin"].office) == ("35", "Rennes")
    assert agents["amartin"].metier == "Inspectrice des finances publiques"
    assert len(groups["ldap:group:tous"].members) == MANY


def test_groups_within_groups_are_followed(place: LdapConfig) -> None:
    """To any depth, through accented names and around loops; by DN and by uid."""
    _, groups, _ = read(place)
    members = {name.removeprefix("ldap:group:"): set(one.members) for name, one in groups.items()}
    assert members["fraude"] == {"amartin"}
    assert members["Équipe cadastre"] == {"zlecuyer", "ag00001", "amartin"}
    assert members["direction"] == {"jdupont", "zlecuyer", "ag00001", "amartin"}
    assert members["ronde-a"] == members["ronde-b"] == {"ag00002", "ag00003"}
    assert members["posix"] == {"jdupont2"}


@pytest.mark.parametrize("how", ["ldaps", "starttls"])
def test_over_tls_with_the_right_authority(ldap: LdapServer, place: LdapConfig, how: str) -> None:
    """The certificate is checked against the CA of the settings."""
    url = ldap.tls_url if how == "ldaps" else ldap.url
    safe = replace(place, urls=(url,), start_tls=how == "starttls", ca_file=ldap.ca_file)
    assert len(read(safe)[0]) == MANY + 4
    for ca_file in ("", str(ldap.run / "other.pem")):
        with pytest.raises(SourceRefused, match="certificat"):
            read(replace(safe, ca_file=ca_file))


def test_a_certificate_of_another_host_is_refused(ldap: LdapServer, place: LdapConfig) -> None:
    """It is signed by the right authority, for 127.0.0.1 only."""
    elsewhere = ldap.tls_url.replace("127.0.0.1", "localhost")
    with pytest.raises(SourceRefused):
        read(replace(place, urls=(elsewhere,), ca_file=ldap.ca_file))


REFUSALS: list[tuple[Callable[[LdapConfig], LdapConfig], str]] = [
    (lambda place: replace(place, password="faux"), "refuse le compte"),
    (lambda place: replace(place, user=BOUND), "limite le nombre d'entrées"),
    (lambda place: replace(place, user="", password=""), "cette base"),
    (lambda place: replace(place, agents_base=f"ou=absent,{SUFFIX}"), "cette base"),
    (lambda place: replace(place, agents_filter="((("), "filtre"),
    (lambda place: replace(place, ca_file="/absent.pem", start_tls=True), "ca_file"),
    (lambda place: replace(place, max_entries=1_000), "n'en finit pas"),
]


@pytest.mark.parametrize(("wrong", "told"), REFUSALS)
def test_what_a_person_has_to_mend(
    place: LdapConfig, wrong: Callable[[LdapConfig], LdapConfig], told: str
) -> None:
    """A sentence that says what; never the part that was read before, nor the password."""
    with pytest.raises(SourceRefused, match=told) as refused:
        read(wrong(place))
    assert PASSWORD not in str(refused.value)
    assert PASSWORD not in repr(place)


@pytest.mark.parametrize("most_bytes", [0, 10, 14, 200, 30_000, 150_000, 290_000])
def test_a_line_that_is_cut_never_gives_a_part(place: LdapConfig, most_bytes: int) -> None:
    """Wherever it is cut: before the bind, in an entry, between pages, among the groups."""
    with relay(int(place.urls[0].rpartition(":")[2])) as line:
        through = replace(place, urls=(f"ldap://127.0.0.1:{line.port}",))
        assert len(read(through)[0]) == MANY + 4
        assert line.passed > 290_000
        line.passed, line.most_bytes = 0, most_bytes
        with pytest.raises(SourceUnreachable, match="plus tard"):
            read(through)


def test_a_silent_server_costs_a_bounded_time(place: LdapConfig) -> None:
    """It hangs in the middle of the entries: given up after the time of the settings."""
    with relay(int(place.urls[0].rpartition(":")[2])) as line:
        line.most_bytes, line.hangs = 30_000, True
        through = replace(place, urls=(f"ldap://127.0.0.1:{line.port}",), timeout_s=1)
        with pytest.raises(SourceUnreachable):
            read(through)


def test_the_next_server_is_asked(ldap: LdapServer, place: LdapConfig) -> None:
    """Where the first does not answer; where none does, that is said."""
    assert read(replace(place, urls=("ldap://127.0.0.1:1", ldap.url)))[0]
    with pytest.raises(SourceUnreachable):
        read(replace(place, urls=("ldap://127.0.0.1:1",)))


def referral(branch: str) -> tuple[str, dict[str, Any]]:
    made = {"objectClass": ["referral", "extensibleObject"], "ref": "ldap://127.0.0.1:1/dc=autre"}
    return f"ou=loin,{branch}", made | {"ou": "loin"}


def test_referrals_are_not_followed(ldap: LdapServer, place: LdapConfig) -> None:
    """Agents that stand elsewhere are told of; groups elsewhere refuse the directory."""
    with ldap.with_entries(referral(AGENTS)):
        agents, _, malformed = read(place)
        assert len(agents) == MANY + 4
        assert [one.reason for one in malformed if "ailleurs" in one.reason]
    with ldap.with_entries(referral(GROUPS)), pytest.raises(SourceRefused, match="ailleurs"):
        read(place)


def test_what_is_not_clear_is_nobodys(ldap: LdapServer, place: LdapConfig) -> None:
    """An id of two entries, and an entry without one, are told and not taken."""
    sub = f"ou=agents-bis,{AGENTS}"
    twin = agent("JDUPONT", "Jeanne", "Dupont")[1]
    nobody = {"objectClass": ["inetOrgPerson"], "cn": "Sans Id", "sn": "Id"}
    with ldap.with_entries(
        (sub, {"objectClass": ["organizationalUnit"], "ou": "agents-bis"}),
        (f"uid=JDUPONT,{sub}", twin),
        (f"cn=Sans Id,{sub}", nobody),
    ):
        agents, groups, malformed = read(place)
    assert not {"jdupont", "JDUPONT", ""} & set(agents)
    assert len(malformed) == 3
    assert "jdupont" not in groups["ldap:group:direction"].members


def test_two_groups_of_one_name_refuse_the_directory(ldap: LdapServer, place: LdapConfig) -> None:
    """Their members would be each other's; another attribute may tell them apart."""
    unit = f"ou=bis,{GROUPS}"
    made = group("fraude", ["jdupont"])[1]
    with ldap.with_entries(
        (unit, {"objectClass": ["organizationalUnit"], "ou": "bis"}),
        (f"cn=Fraude,{unit}", made | {"cn": "Fraude"}),
    ):
        with pytest.raises(SourceRefused, match="même nom"):
            read(place)
        assert len(read(replace(place, group_id="entryUUID"))[1]) == 8


def test_the_stamp_changes_with_each_change(ldap: LdapServer, place: LdapConfig) -> None:
    """It stays where nothing changed, and differs for who comes, changes, or leaves."""
    directory = LdapDirectory(place)
    first = directory.fingerprint()
    assert first is not None
    assert directory.fingerprint() == first
    stamps = {first}
    with ldap.with_entries(agent("nouvelle", "Ève", "Nouvelle")):
        stamps.add(directory.fingerprint() or "")
        with ldap.changed() as connection:
            connection.modify(f"uid=nouvelle,{AGENTS}", {"title": [("MODIFY_ADD", ["chef"])]})
        stamps.add(directory.fingerprint() or "")
    assert len(stamps) == 3
    assert directory.fingerprint() == first
    assert LdapDirectory(replace(place, authority="autre")).fingerprint() != first
