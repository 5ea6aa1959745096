"""Groups in memory, for the contract of authorities."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.ports import SourceUnreachable
from search_api.identity.readers import Authority
from tests.contract.authority_contract import Identity


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
