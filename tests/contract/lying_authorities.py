"""Authorities that lie, each in one way that the contract must catch."""

from dataclasses import dataclass, field

from search_api.identity.readers import Authority
from tests.contract.authority_contract import SECOND
from tests.contract.authority_stages import Roll, RollStage


class NamesAnother(Roll):
    """Vouches for what is not its own."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        return super().principals(agent_id, accounts) | {"ldap:group:fraude"}


class NamesNoKind(Roll):
    """A principal that no document can name."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        return super().principals(agent_id, accounts) | {"w"}


@dataclass
class SaysTheFirst(Roll):
    """What it said of the first one it says of everybody."""

    said: frozenset[str] | None = None

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.said is None:
            self.said = super().principals(agent_id, accounts)
        return self.said


class TakesAnyAccount(Roll):
    """Another source's account of the same name opens its groups."""

    def groups(self, accounts: frozenset[str]) -> frozenset[str]:
        return super().groups(frozenset(f"w:{one.partition(':')[2]}" for one in accounts))


@dataclass
class MixesThoseAtOnce(Roll):
    """Keeps who is asked about where the next question overwrites it."""

    asked: frozenset[str] = frozenset()

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        self.asked = accounts
        self.stage.over.wait(0.02)
        return super().principals(agent_id, self.asked)


@dataclass
class RemembersTooLong(Roll):
    """An answer of before."""

    said: dict[frozenset[str], frozenset[str]] = field(default_factory=dict)

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if accounts not in self.said:
            self.said[accounts] = super().principals(agent_id, accounts)
        return self.said[accounts]


class TakesSilenceForNone(Roll):
    """No answer, no groups."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        return frozenset() if self.stage.fault else self.groups(accounts)


class TakesHalf(Roll):
    """What came is what there is."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.stage.fault == "half":
            return frozenset({f"w:group:{SECOND}"})
        return super().principals(agent_id, accounts)


class Breaks(Roll):
    """An exception that tells nobody what to do."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.stage.fault:
            raise KeyError("users")
        return self.groups(accounts)


class Hangs(Roll):
    """Waits for as long as it is let."""

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        if self.stage.fault == "hangs":
            self.stage.over.wait(30)
        return super().principals(agent_id, accounts)


@dataclass
class LyingStage(RollStage):
    """The honest stage with a liar on it."""

    liar: type[Roll] = Roll

    def authority(self) -> Authority:
        return self.liar(self)
