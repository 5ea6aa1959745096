"""Link accounts of sources to agents by rules: by the agent's id or e-mail address.

An account that several agents could hold is linked to none of them. Links in the directory take
precedence. People's names are never compared, so namesakes are never mixed up.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from connectors.ports import Directory, Malformed, SourceRefused, SupportsFingerprint
from connectors.values import Agent, Group, normalize_principal

HoldersByAccount = Mapping[str, set[str]]
"""The ids of the agents who may hold an account, by normalized account.

Accounts that differ only in their Unicode form are the same principal.
"""

FINGERPRINT_VERSION = 3
"""Increment this number when more fields of a directory are stored, so that unchanged directories
are read again.
"""


class LinkBy(StrEnum):
    """The field of an agent that equals the name of their account."""

    ID = "uid"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class LinkRule:
    """Derives the names of a source's accounts from agents.

    `capitalized`: the source writes names with a capital first letter, as MediaWiki does.
    """

    source: str
    by: tuple[LinkBy, ...]
    capitalized: bool = False

    def accounts(self, agent: Agent) -> Iterator[str]:
        """Yield the accounts that the rule gives to an agent.

        Case is ignored in e-mail addresses.
        """
        for by in self.by:
            yield from self._accounts_by(by, agent)

    def matched_by(self, agent: Agent, account: str) -> LinkBy | None:
        """Return the agent's field that gives them the account, or None if no field does."""
        return next((by for by in self.by if account in self._accounts_by(by, agent)), None)

    def _accounts_by(self, by: LinkBy, agent: Agent) -> Iterator[str]:
        if by is LinkBy.ID:
            yield self._account(agent.id)
        elif "@" in agent.email:
            yield self._account(agent.email)
            yield self._account(agent.email.lower())

    def _account(self, name: str) -> str:
        written = name[:1].upper() + name[1:] if self.capitalized else name
        return f"{self.source}:{written}"


@dataclass(frozen=True, slots=True)
class DisputedAccount(Malformed):
    """An account that several agents could hold: it is linked to none of them."""

    account: str = ""
    agent_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountAssignment:
    """An account that an administrator assigned to an agent."""

    account: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class LinkedDirectory:
    """A directory in which rules and assignments also give accounts to agents."""

    directory: Directory
    rules: Sequence[LinkRule]
    assignments: Sequence[AccountAssignment] = ()

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield the directory's entries, accounts linked. Raises the directory's errors.

        Raises `SourceRefused` if an account is assigned to two agents.
        """
        agents: list[Agent] = []
        disputed: set[str] = set()
        for entry in self.directory.entries():
            if isinstance(entry, Agent):
                agents.append(entry)
                continue
            if isinstance(entry, DisputedAccount):
                disputed.add(normalize_principal(entry.account))
            yield entry
        stated = self._stated_holders(agents)
        written, matched = self._matched_by_rules(agents)
        linked: dict[str, list[str]] = defaultdict(list)
        for account, holder in stated.items():
            linked[holder].append(account)
        settled = disputed | {normalize_principal(account) for account in stated}
        for key, holders in matched.items():
            if key in settled:
                continue
            if len(holders) == 1:
                linked[next(iter(holders))].append(written[key])
            else:
                yield disputed_account(written[key], holders)
        for agent in agents:
            yield replace(agent, accounts=tuple(sorted(linked[agent.id])))

    def fingerprint(self) -> str | None:
        """Return a digest of the directory's fingerprint, rules and assignments, or None."""
        own = (
            self.directory.fingerprint()
            if isinstance(self.directory, SupportsFingerprint)
            else None
        )
        if own is None:
            return None
        return digest(FINGERPRINT_VERSION, own, self.rules, sorted(map(repr, self.assignments)))

    def _stated_holders(self, agents: Sequence[Agent]) -> dict[str, str]:
        """Return the holder of each account: assignments take precedence over the directory."""
        stated = {account: agent.id for agent in agents for account in agent.accounts}
        assigned: dict[str, tuple[str, str]] = {}
        for assignment in self.assignments:
            key = normalize_principal(assignment.account)
            if (
                assigned.setdefault(key, (assignment.account, assignment.agent_id))[1]
                != assignment.agent_id
            ):
                raise SourceRefused(
                    f"La table des comptes donne « {assignment.account} » à deux agents : "
                    "corrigez-la ; l'annuaire d'avant reste en place."
                )
        # An account assigned to an agent who left stays theirs: no rule gives it to another.
        own = {
            name: id_ for name, id_ in stated.items() if normalize_principal(name) not in assigned
        }
        return own | dict(assigned.values())

    def _matched_by_rules(
        self, agents: Iterable[Agent]
    ) -> tuple[Mapping[str, str], HoldersByAccount]:
        """Return each account's first spelling and its possible holders, by normalized account."""
        written: dict[str, str] = {}
        holders: dict[str, set[str]] = defaultdict(set)
        for agent in agents:
            for rule in self.rules:
                for account in rule.accounts(agent):
                    key = normalize_principal(account)
                    written.setdefault(key, account)
                    holders[key].add(agent.id)
        return written, holders


def holders_by_account(stated: Iterable[tuple[str, Sequence[str]]]) -> HoldersByAccount:
    """Return the holders of each account, from agents' ids and their accounts."""
    holders: dict[str, set[str]] = defaultdict(set)
    for agent_id, accounts in stated:
        for account in accounts:
            holders[normalize_principal(account)].add(agent_id)
    return holders


def undisputed(
    agent: Agent, holders: HoldersByAccount, where: str
) -> tuple[Agent, list[DisputedAccount]]:
    """Return the agent with only the accounts that nobody else claims, and the disputed ones."""
    by_account = {account: holders[normalize_principal(account)] for account in agent.accounts}
    own = tuple(account for account, ids in by_account.items() if len(ids) == 1)
    others = sorted(by_account.keys() - set(own))
    disputed = [disputed_account(account, by_account[account], where) for account in others]
    return replace(agent, accounts=own), disputed


def digest(*parts: object) -> str:
    """Return the SHA-256 of the parts' `repr`, in hexadecimal."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def disputed_account(account: str, agent_ids: Iterable[str], where: str = "") -> DisputedAccount:
    """Return the problem to report for an account that several agents could hold."""
    ids = tuple(sorted(agent_ids))
    reason = f"compte que {len(ids)} agents peuvent tenir ({', '.join(ids)}) : joint à aucun"
    return DisputedAccount(where or account, reason, account=account, agent_ids=ids)
