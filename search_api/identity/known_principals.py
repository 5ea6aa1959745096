"""Which denied principals are known: a document denied to an unknown one is read by nobody.

A denial that is misspelt, or that names a group which was renamed, shuts out nobody. The
document alone does not tell which: it stays closed until the settings accept it (`accepted`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from connectors.values import EVERYONE, authority_of
from expertise.directory_tables import account_of
from indexer.values import WITHHELD


class PrincipalDirectory(Protocol):
    """What is asked of the directory as it was last read."""

    def reading(self) -> str:
        """Another text whenever it was read again; empty where it never was."""
        ...

    def known(self, principals: Collection[str]) -> frozenset[str]:
        """Those of these denied principals that it knows, or once knew as a person."""
        ...


class ContributorIndex(Protocol):
    """What is asked of the index."""

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Those of these accounts that contributed to a kept document."""
        ...


@dataclass(frozen=True, slots=True)
class KnownPrincipalRules:
    """What is known without being looked up.

    `asked` are authorities that say what a reader is when one comes, and list nothing:
    none of their groups can be said to be unknown. `accepted` are denials that the
    settings take as they are, though they name nobody.
    """

    asked: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()

    def take(self, principal: str) -> bool:
        """Whether nothing is to be looked up."""
        if principal == EVERYONE or principal in self.accepted or principal in WITHHELD.denied:
            return True
        return authority_of(principal) in self.asked and account_of(principal) is None


class KnownPrincipals:
    """Adapter of `indexer.access.PrincipalLookup`, for one reading of the directory.

    What the directory knows is remembered; of accounts that it does not have, the index is
    asked each time, since a crawl may bring them.
    """

    def __init__(
        self, directory: PrincipalDirectory, signed: ContributorIndex, rules: KnownPrincipalRules
    ) -> None:
        self._directory, self._signed, self._rules = directory, signed, rules
        self._known: set[str] = set()
        self._unknown: set[str] = set()

    def strangers(self, principals: Collection[str]) -> frozenset[str]:
        """Those that name neither a group, nor an agent, nor an account that is known."""
        open_ = {one for one in principals if one not in self._known and not self._rules.take(one)}
        unread = open_ - self._unknown
        if unread:
            known = self._directory.known(unread)
            self._known |= known
            self._unknown |= unread - known
        strangers = open_ - self._known
        accounts = {account: one for one in strangers if (account := account_of(one))}
        signing = self._signed.signing(accounts) if accounts else frozenset()
        return frozenset(strangers - {accounts[account] for account in signing})


class CurrentKnownPrincipals:
    """What is known now: anew with each reading of the directory, by whatever process."""

    def __init__(
        self, directory: PrincipalDirectory, signed: ContributorIndex, rules: KnownPrincipalRules
    ) -> None:
        self._directory, self._signed, self._rules = directory, signed, rules
        self._kept: tuple[str, KnownPrincipals] = ("", self._anew())

    def __call__(self) -> KnownPrincipals:
        """The same as before as long as the directory stands as it was read."""
        # Read before what it stands for: what is remembered may be newer than it, never older.
        reading = self._directory.reading()
        as_of, known = self._kept
        if not reading or reading != as_of:
            known = self._anew()
            self._kept = reading, known
        return known

    def _anew(self) -> KnownPrincipals:
        return KnownPrincipals(self._directory, self._signed, self._rules)
