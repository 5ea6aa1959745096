"""`quisait directory` and the sync, on a real slapd, in processes of their own."""

from pathlib import Path

import pytest

from quisait.application.progress import plural_count
from tests.ldap_server import AGENTS, MANY, PASSWORD, READER, SUFFIX, LdapServer, agent, ensure_ldap
from tests.service.place import Place, export, post

pytestmark = [pytest.mark.sources, pytest.mark.trust]

SETTINGS = """
[ldap]
urls = ["{url}"]
ca_file = "{ca_file}"
user = "{user}"
agents_base = "{base}"
groups_base = "ou=groupes,{suffix}"
timeout_s = 5

[directory]
accounts = "comptes.csv"

[[sources]]
name = "wiki"
kind = "export"
path = "export.jsonl"
join = ["uid", "email"]
"""


@pytest.fixture(scope="module")
def ldap() -> LdapServer:
    return ensure_ldap()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, ldap: LdapServer) -> Place:
    folder: Path = tmp_path_factory.mktemp("annuaire")
    names = {"user": READER, "base": AGENTS, "suffix": SUFFIX, "ca_file": ldap.ca_file}
    (folder / "quisait.toml").write_text(SETTINGS.format(url=ldap.tls_url, **names), "utf-8")
    posts = [post(1, "Le cadastre.", "amartin"), post(2, "Le bornage.", "inconnu")]
    posts.append(post(3, "La régie.", "ag00001@dgfip.test"))
    (folder / "export.jsonl").write_text(export(posts), "utf-8")
    (folder / "comptes.csv").write_text("account,agent\nwiki:Jeannot,jdupont\n", "utf-8")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "ldap__password").write_text(f"{PASSWORD}\n", "utf-8")
    made = Place(folder, {"QUISAIT_SECRETS": str(folder / "secrets")})
    with ldap.with_entries(agent("passant", "Paul", "Passant")):
        crawled = made.run("crawl")
    assert f"annuaire : {plural_count(MANY + 5, 'agent')}, 7 groupes" in crawled.stdout
    return made


def test_the_table_says_what_is_joined_and_what_is_not(place: Place, ldap: LdapServer) -> None:
    """Ambiguous accounts with their agents and the remedy; accounts of nobody."""
    shared = agent("jumelle", "Jeanne", "Dupont", mail="jdupont@dgfip.test")
    with ldap.with_entries(shared):
        status = place.json("directory", "--unmatched")
        shown = place.run("directory").stdout
        audited = [one["reading"] for one in place.json("audit")["readings"]]
    assert audited.count("quisait directory") == 2
    assert (status["agents"], status["groups"]) == (MANY + 5, 7)
    assert (status["arriving"], status["leaving"]) == (1, 1)
    assert status["ambiguous"] == [
        {
            "account": "wiki:jdupont@dgfip.test",
            "agent_ids": ["jdupont", "jumelle"],
            "remedy": "donnez ce compte à l'un d'eux dans la table [directory] accounts "
            "(colonnes account, agent)",
        }
    ]
    assert status["unmatched"] == ["wiki:inconnu"]
    assert "wiki:jdupont@dgfip.test" in shown.replace("\n", "")
    assert "jdupont, jumelle" in shown


def test_who_leaves_reads_nothing_after_one_sync(place: Place) -> None:
    """They could before it. The password came from a file."""
    assert place.json("search", "cadastre", "--agent", "passant")["total"] >= 1
    place.run("crawl", "wiki")
    assert "annuaire" in place.run("search", "cadastre", "--agent", "passant", status=1).stderr


def test_a_great_departure_waits_for_a_persons_word(place: Place) -> None:
    """A filter that lets two agents through disables nobody, until a person confirms."""
    two = Place(place.folder, {**place.environment, "QUISAIT_LDAP__AGENTS_FILTER": "(uid=j*)"})
    assert "--accept-departures" in two.run("crawl", "wiki", status=1).stderr
    assert place.json("experts", "cadastre", "--agent", "zlecuyer")["candidates"]
    held = two.run("sources").stdout.splitlines()[0]
    assert held.startswith("annuaire : non relu")
    assert "« quisait directory --accept-departures »" in held
    assert "2 agents" in two.run("directory", "--accept-departures").stderr
    assert "lue en" in two.run("sources").stdout.splitlines()[0]
