"""Faulty authorities, each with one fault that the contract must find."""

from dataclasses import dataclass, field

from search_api.identity.readers import Authority
from tests.contract.authority_contract import SECOND
from tests.contract.authority_harnesses import MemoryAuthority, MemoryAuthorityHarness


class NamesAnotherAuthority(MemoryAuthority):
    """Returns another authority's principal."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        return super().principals(agent_id, accounts) | {"ldap:group:fraude"}


class NamesNoKind(MemoryAuthority):
    """Returns a principal without a kind."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        return super().principals(agent_id, accounts) | {"w"}


@dataclass
class RepeatsFirstAnswer(MemoryAuthority):
    """Returns the first answer for everybody."""

    said: frozenset[str] | None = None

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.said is None:
            self.said = super().principals(agent_id, accounts)
        return self.said


class AcceptsOtherSources(MemoryAuthority):
    """Accepts another source's account with the same name."""

    def groups(self, accounts: frozenset[str]) -> frozenset[str]:
        return super().groups(frozenset(f"w:{one.partition(':')[2]}" for one in accounts))


@dataclass
class MixesConcurrentQueries(MemoryAuthority):
    """Shares the query between concurrent calls."""

    asked: frozenset[str] = frozenset()

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        self.asked = accounts
        self.harness.over.wait(0.02)
        return super().principals(agent_id, self.asked)


@dataclass
class CachesAnswers(MemoryAuthority):
    """Returns an earlier answer."""

    said: dict[frozenset[str], frozenset[str]] = field(default_factory=dict)

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if accounts not in self.said:
            self.said[accounts] = super().principals(agent_id, accounts)
        return self.said[accounts]


class HidesErrors(MemoryAuthority):
    """Returns no groups without an answer."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        return frozenset() if self.harness.fault else self.groups(accounts)


class AcceptsTruncatedAnswers(MemoryAuthority):
    """Returns a truncated answer."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.harness.fault == "half":
            return frozenset({f"w:group:{SECOND}"})
        return super().principals(agent_id, accounts)


class RaisesKeyError(MemoryAuthority):
    """Raises an error that is not a SourceError."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.harness.fault:
            raise KeyError("users")
        return self.groups(accounts)


class Hangs(MemoryAuthority):
    """Waits without a limit."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.harness.fault == "hangs":
            self.harness.over.wait(30)
        return super().principals(agent_id, accounts)


@dataclass
class LyingAuthorityHarness(MemoryAuthorityHarness):
    """A harness with a faulty authority."""

    liar: type[MemoryAuthority] = MemoryAuthority

    def authority(self) -> Authority:
        return self.liar(self)
