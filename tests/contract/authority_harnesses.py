"""Authorities for the contract: a real wiki, and groups in memory."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.http_limits import HttpLimits
from connectors.mediawiki.config import WikiConfig
from connectors.mediawiki.connector import WikiGroups
from connectors.ports import SourceUnreachable
from search_api.identity.readers import Authority
from tests.contract.authority_contract import FIRST, SECOND, Identity
from tests.wiki_proxy import Door, Said
from tests.wiki_server import PASSWORD, READER, WikiServer


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


@dataclass
class MemoryAuthorityHarness:
    """Groups in memory: the correct authority that the liars derive from."""

    timeout_s: float = 0.5
    held: dict[str, set[str]] = field(default_factory=dict)
    fault: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def authority(self) -> Authority:
        return MemoryAuthority(self)

    def set_groups(self, groups: Mapping[Identity, set[str]]) -> None:
        self.held |= {who.account: set(names) for who, names in groups.items()}

    def refuse(self) -> None:
        self.fault = "down"

    def truncate(self) -> None:
        self.fault = "half"

    def hang(self) -> None:
        self.fault = "hangs"

    def recover(self) -> None:
        self.fault = ""


@dataclass
class MemoryAuthority:
    harness: MemoryAuthorityHarness
    name: str = "w"

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.harness.fault:
            raise SourceUnreachable("La liste ne répond pas.")
        return self.groups(accounts)

    def groups(self, accounts: frozenset[str]) -> frozenset[str]:
        own = [
            name for source, _, name in (one.partition(":") for one in accounts) if source == "w"
        ]
        return frozenset(f"w:group:{g}" for name in own for g in self.harness.held.get(name, ()))
