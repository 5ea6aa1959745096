"""The groups of a real wiki hold to the contract of authorities."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
from quisait_mediawiki.config import WikiConfig
from quisait_mediawiki.connector import WikiGroups

from connectors.http_limits import HttpLimits
from search_api.identity.readers import Authority
from tests.contract.authority_contract import (
    ANSWER_CHECKS,
    FAILURE_CHECKS,
    FIRST,
    SECOND,
    AuthorityHarness,
    Identity,
)
from tests.wiki_proxy import Door, Said, door_before
from tests.wiki_server import PASSWORD, READER, WikiServer, ensure_wiki

pytestmark = pytest.mark.trust

Check = Callable[[AuthorityHarness], None]


@dataclass
class WikiGroupsHarness:
    """MediaWiki's groups, queried through a proxy that can fail."""

    wiki: WikiServer
    door: Door
    timeout_s: float = 30.0

    def authority(self) -> Authority:
        quick = HttpLimits(rate_per_s=0, timeout_s=2, max_wait_s=0, total_timeout_s=4)
        return WikiGroups("w", WikiConfig(self.door.url, READER, PASSWORD, limits=quick))

    def set_groups(self, groups: Mapping[Identity, set[str]]) -> None:
        site = self.wiki.site()
        token = site.get_token("userrights")
        for who, wanted in groups.items():
            left = {FIRST, SECOND} - wanted
            change = {"add": "|".join(wanted), "remove": "|".join(left)}
            site.raw_api("userrights", "POST", True, user=who.account, token=token, **change)

    def refuse(self) -> None:
        self._say(Said(status=503))

    def truncate(self) -> None:
        name = '{"query":{"users":[{"name":"Zoé","groups":["suppress"]}'
        self._say(Said(name.encode(), promised=100))

    def hang(self) -> None:
        self._say(Said(hangs_s=12))

    def recover(self) -> None:
        self.door.fault = lambda asked: None

    def _say(self, said: Said) -> None:
        self.door.fault = lambda asked: said if asked.get("list") == "users" else None


@pytest.fixture(scope="module")
def wiki_harness() -> Iterator[WikiGroupsHarness]:
    wiki = ensure_wiki()
    wiki.reset()
    with door_before(wiki.url) as door:
        yield WikiGroupsHarness(wiki, door)
    wiki.reset()


@pytest.mark.parametrize("check", [*ANSWER_CHECKS, *FAILURE_CHECKS])
def test_a_wiki_holds_to_the_contract(check: Check, wiki_harness: WikiGroupsHarness) -> None:
    """A real wiki, through a proxy that fails."""
    check(wiki_harness)
