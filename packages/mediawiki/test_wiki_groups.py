"""The groups of a reader's account, asked of a real wiki, which may fail or be slow."""

import time
import unicodedata
from dataclasses import replace

import pytest
from quisait_mediawiki.config import WikiConfig
from quisait_mediawiki.connector import WikiGroups

from connectors.http_limits import HttpLimits
from connectors.ports import SourceError, SourceRefused
from indexer.access import Reader
from search_api.identity.readers import Authorities, AuthorityLimits
from tests.unit.test_readers import ListedAgents
from tests.wiki_proxy import Said, door_before
from tests.wiki_server import ADMIN, EDITOR, PASSWORD, READER, WikiServer, ensure_wiki

pytestmark = [pytest.mark.sources, pytest.mark.trust]

ACCOUNTS = frozenset({f"w:{EDITOR}", "autre:Zoé"})


@pytest.fixture(scope="module")
def wiki() -> WikiServer:
    found = ensure_wiki()
    found.reset()
    return found


@pytest.fixture
def place(wiki: WikiServer) -> WikiConfig:
    quick = HttpLimits(rate_per_s=0, timeout_s=5, max_wait_s=0)
    return WikiConfig(wiki.url, READER, PASSWORD, limits=quick)


def test_groups_of_an_account(wiki: WikiServer, place: WikiConfig) -> None:
    """As the wiki has them at once: given and taken away; names as the directory writes them."""
    groups = WikiGroups("w", place)
    assert {"w:group:*", "w:group:user"} <= groups.principals("a", ACCOUNTS)
    assert "w:group:sysop" not in groups.principals("a", ACCOUNTS)
    rights = wiki.site().get_token("userrights")
    for change in ({"add": "sysop"}, {"remove": "sysop"}):
        wiki.site().raw_api("userrights", "POST", True, user=EDITOR, token=rights, **change)
        is_one = "w:group:sysop" in groups.principals("a", frozenset({"w:zoé"}))
        assert is_one is ("add" in change)


def test_groups_of_an_account_in_another_unicode_form(place: WikiConfig) -> None:
    """A wiki writes names in NFC; without their groups, what is denied to these would open."""
    taken_apart = unicodedata.normalize("NFD", f"w:{EDITOR}")
    assert taken_apart != f"w:{EDITOR}"
    assert "w:group:user" in WikiGroups("w", place).principals("a", frozenset({taken_apart}))


@pytest.mark.parametrize("account", ["x:Zoé", "w:", "w:Inconnu", f"w:{EDITOR}|{ADMIN}", "w:<b>"])
def test_no_account_no_groups(place: WikiConfig, account: str) -> None:
    """Another source's, none, unknown, or a name that would ask for two."""
    assert WikiGroups("w", place).principals("a", frozenset({account})) == frozenset()


def test_a_wiki_that_does_not_let_us_in(place: WikiConfig) -> None:
    """A wrong password, or nobody's, is an error and never «no groups»."""
    with pytest.raises(SourceRefused):
        WikiGroups("w", replace(place, password="faux")).principals("a", ACCOUNTS)
    with pytest.raises(SourceError):
        WikiGroups("w", replace(place, user="", password="")).principals("a", ACCOUNTS)


FAULTS = {
    "down": Said(status=503),
    "html": Said(b"<html>"),
    "other": Said(b'{"query":{"users":[{"name":"Admin","groups":["sysop"]}]}}'),
    "shape": Said(b'{"query":{"users":[{"groups":"sysop"}]}}'),
    "cut": Said(b'{"query":', promised=100),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wiki_that_lies_or_fails_gives_nothing(
    wiki: WikiServer, place: WikiConfig, fault: str
) -> None:
    """An error, or what was asked about alone: never another account's groups."""
    with door_before(wiki.url) as door:
        door.fault = lambda asked: FAULTS[fault] if asked.get("list") == "users" else None
        groups = WikiGroups("w", replace(place, url=door.url))
        try:
            assert groups.principals("a", ACCOUNTS) == frozenset()
        except SourceError:
            assert fault != "other"
        door.fault = lambda asked: None
        assert groups.principals("a", ACCOUNTS)


def test_a_slow_wiki_costs_a_reader_a_bounded_time(wiki: WikiServer, place: WikiConfig) -> None:
    """The reader goes on without it, and is told; once it answers, it is believed."""
    agents = ListedAgents((), accounts=ACCOUNTS)
    with door_before(wiki.url) as door:
        door.fault = lambda asked: Said(hangs_s=3) if asked.get("list") == "users" else None
        groups = WikiGroups("w", replace(place, url=door.url))
        limits = AuthorityLimits(wait_s=0.5, rest_s=0.1)
        authorities = Authorities([groups], agents, limits)
        reader = authorities.complete(Reader("a", frozenset({"everyone"})))
        assert reader.unanswered == {"w"}
        door.fault = lambda asked: None
        authorities.forget()
        deadline = time.monotonic() + 10
        while reader.unanswered and time.monotonic() < deadline:
            time.sleep(0.1)
            reader = authorities.complete(Reader("a", frozenset({"everyone"})))
        authorities.close()
    assert "w:group:user" in reader.principals
