"""The check whether principals are known."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from connectors.values import EVERYONE, authority_of
from expertise.directory import SqlDirectory
from expertise.directory_tables import account_of
from indexer.values import WITHHELD


class ContributorIndex(Protocol):
    """Port: the accounts that contributed to documents of the index."""

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Return the accounts that contributed to at least one indexed document."""


@dataclass(frozen=True, slots=True)
class KnownPrincipalRules:
    """Principals that count as known without a lookup.

    `asked` are authorities that answer for one reader at a time and cannot list their groups; all
    their groups count as known. `accepted` are denials that the settings accept although they name
    nobody.
    """

    asked: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()

    def exempt(self, principal: str) -> bool:
        """Return whether a principal needs no lookup."""
        if principal == EVERYONE or principal in self.accepted or principal in WITHHELD.denied:
            return True
        return authority_of(principal) in self.asked and account_of(principal) is None


class KnownPrincipals:
    """Adapter of `indexer.access.PrincipalLookup`, for one reading of the directory.

    The directory's answers are cached; accounts that it does not know are looked up in the index
    each time, since a crawl may add them.
    """

    def __init__(
        self, directory: SqlDirectory, signed: ContributorIndex, rules: KnownPrincipalRules
    ) -> None:
        self._directory, self._signed, self._rules = directory, signed, rules
        self._known: set[str] = set()
        self._unknown: set[str] = set()

    def strangers(self, principals: Collection[str]) -> frozenset[str]:
        """Return the principals that name no known group, agent or account."""
        unsure = {
            one for one in principals if one not in self._known and not self._rules.exempt(one)
        }
        new = unsure - self._unknown
        if new:
            known = self._directory.known(new)
            self._known |= known
            self._unknown |= new - known
        strangers = unsure - self._known
        accounts = {account: one for one in strangers if (account := account_of(one))}
        signing = self._signed.signing(accounts) if accounts else frozenset()
        return frozenset(strangers - {accounts[account] for account in signing})


class CurrentKnownPrincipals:
    """`KnownPrincipals` of the present directory, whichever process read it last."""

    def __init__(
        self, directory: SqlDirectory, signed: ContributorIndex, rules: KnownPrincipalRules
    ) -> None:
        self._directory, self._signed, self._rules = directory, signed, rules
        self._current: tuple[str, KnownPrincipals] = ("", self._new())

    def __call__(self) -> KnownPrincipals:
        """Return the same object until the directory is read again."""
        # The token is read before the data, so that cached data is never older than the token.
        reading = self._directory.reading()
        as_of, known = self._current
        if not reading or reading != as_of:
            known = self._new()
            self._current = reading, known
        return known

    def _new(self) -> KnownPrincipals:
        return KnownPrincipals(self._directory, self._signed, self._rules)
