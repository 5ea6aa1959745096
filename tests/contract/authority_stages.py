"""The authorities that the contract is run on: a real wiki, and a roll that is honest."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.mediawiki.connector import WikiGroups
from connectors.mediawiki.transport import WikiConfig, WikiLimits
from connectors.ports import SourceUnreachable
from search_api.identity.readers import Authority
from tests.contract.authority_contract import FIRST, SECOND, Identity
from tests.wiki_proxy import Door, Said
from tests.wiki_server import PASSWORD, READER, WikiServer


@dataclass
class WikiStage:
    """MediaWiki's groups, asked through a door that can misbehave."""

    wiki: WikiServer
    door: Door
    bound_s: float = 30.0

    def authority(self) -> Authority:
        quick = WikiLimits(rate_per_s=0, timeout_s=5, max_wait_s=0, total_timeout_s=10)
        return WikiGroups("w", WikiConfig(self.door.url, READER, PASSWORD, limits=quick))

    def hold(self, groups: Mapping[Identity, set[str]]) -> None:
        site = self.wiki.site()
        token = site.get_token("userrights")
        for who, wanted in groups.items():
            left = {FIRST, SECOND} - wanted
            change = {"add": "|".join(wanted), "remove": "|".join(left)}
            site.raw_api("userrights", "POST", True, user=who.account, token=token, **change)

    def fall(self) -> None:
        self._say(Said(status=503))

    def cut(self) -> None:
        name = '{"query":{"users":[{"name":"Zoé","groups":["suppress"]}'
        self._say(Said(name.encode(), promised=100))

    def hang(self) -> None:
        self._say(Said(hangs_s=12))

    def rise(self) -> None:
        self.door.fault = lambda asked: None

    def _say(self, said: Said) -> None:
        self.door.fault = lambda asked: said if asked.get("list") == "users" else None


@dataclass
class RollStage:
    """A list in memory, honest, that the liars speak in the place of."""

    bound_s: float = 0.5
    held: dict[str, set[str]] = field(default_factory=dict)
    fault: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def authority(self) -> Authority:
        return Roll(self)

    def hold(self, groups: Mapping[Identity, set[str]]) -> None:
        self.held |= {who.account: set(names) for who, names in groups.items()}

    def fall(self) -> None:
        self.fault = "down"

    def cut(self) -> None:
        self.fault = "half"

    def hang(self) -> None:
        self.fault = "hangs"

    def rise(self) -> None:
        self.fault = ""


@dataclass
class Roll:
    stage: RollStage
    name: str = "w"

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.stage.fault:
            raise SourceUnreachable("La liste ne répond pas.")
        return self.groups(accounts)

    def groups(self, accounts: frozenset[str]) -> frozenset[str]:
        own = [
            name for source, _, name in (one.partition(":") for one in accounts) if source == "w"
        ]
        return frozenset(f"w:group:{g}" for name in own for g in self.stage.held.get(name, ()))
