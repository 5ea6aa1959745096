"""Link accounts of the sources to agents by rules: by the agent's id or e-mail address.

An account that several agents could hold is linked to none of them. Links that the directory
states come first. Names of people are never compared: namesakes stay apart.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from connectors.ports import Directory, Malformed, SourceRefused, SupportsFingerprint
from connectors.values import Agent, Group, normalize_principal

HoldersByAccount = Mapping[str, set[str]]
"""The ids of the agents that may hold an account, by the account in its form.

Two agents with an account each, in two Unicode forms of one name, would be one principal.
"""


FINGERPRINT_VERSION = 2
"""To be counted up when more is kept of an unchanged directory: it is then read once more."""


class LinkBy(StrEnum):
    """What of an agent names their account."""

    ID = "uid"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class LinkRule:
    """How accounts of a source are named.

    `capital`: the source writes a name's first letter large, as MediaWiki does.
    """

    source: str
    by: tuple[LinkBy, ...]
    capital: bool = False

    def accounts(self, agent: Agent) -> Iterator[str]:
        """The accounts that the rule gives to an agent. An address is compared case aside."""
        for by in self.by:
            yield from self._named(by, agent)

    def why(self, agent: Agent, account: str) -> LinkBy | None:
        """By what of the agent the account is named; None where the rule does not give it."""
        return next((by for by in self.by if account in self._named(by, agent)), None)

    def _named(self, by: LinkBy, agent: Agent) -> Iterator[str]:
        if by is LinkBy.ID:
            yield self._account(agent.id)
        elif "@" in agent.email:
            yield self._account(agent.email)
            yield self._account(agent.email.lower())

    def _account(self, name: str) -> str:
        shown = name[:1].upper() + name[1:] if self.capital else name
        return f"{self.source}:{shown}"


@dataclass(frozen=True, slots=True)
class DisputedAccount(Malformed):
    """An account that several agents may hold: joined to none of them."""

    account: str = ""
    agent_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountAssignment:
    """An account that a person gave to an agent, for whom no rule can tell."""

    account: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class LinkedDirectory:
    """A directory whose agents have the accounts that the rules give them as well."""

    directory: Directory
    rules: Sequence[LinkRule]
    stated: Sequence[AccountAssignment] = ()

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """As the directory's, raises included; `SourceRefused` for a stated one misused."""
        agents: list[Agent] = []
        disputed: set[str] = set()
        for entry in self.directory.entries():
            if isinstance(entry, Agent):
                agents.append(entry)
                continue
            if isinstance(entry, DisputedAccount):
                disputed.add(normalize_principal(entry.account))
            yield entry
        said = self._said(agents)
        written, ruled = self._ruled(agents)
        given: dict[str, list[str]] = defaultdict(list)
        for account, holder in said.items():
            given[holder].append(account)
        settled = disputed | {normalize_principal(account) for account in said}
        for known_as, claimed in ruled.items():
            if known_as in settled:
                continue
            if len(claimed) == 1:
                given[next(iter(claimed))].append(written[known_as])
            else:
                yield disputed_account(written[known_as], claimed)
        for agent in agents:
            yield replace(agent, accounts=tuple(sorted(given[agent.id])))

    def stamp(self) -> str | None:
        """The directory's own, with what is joined to it; None where it has none."""
        own = self.directory.stamp() if isinstance(self.directory, SupportsFingerprint) else None
        if own is None:
            return None
        return digest(FINGERPRINT_VERSION, own, self.rules, sorted(map(repr, self.stated)))

    def _said(self, agents: Sequence[Agent]) -> dict[str, str]:
        """What is stated: by the directory, over which what a person stated prevails."""
        said = {account: agent.id for agent in agents for account in agent.accounts}
        named: dict[str, tuple[str, str]] = {}
        for one in self.stated:
            given = named.setdefault(normalize_principal(one.account), (one.account, one.agent_id))
            if given[1] != one.agent_id:
                raise SourceRefused(
                    f"La table des comptes donne « {one.account} » à deux agents : corrigez-la ; "
                    "l'annuaire d'avant reste en place."
                )
        # Also to one who is not there any more: no rule gives their account to another.
        kept = {name: id_ for name, id_ in said.items() if normalize_principal(name) not in named}
        return kept | dict(named.values())

    def _ruled(self, agents: Iterable[Agent]) -> tuple[Mapping[str, str], HoldersByAccount]:
        """The accounts that the rules give, as first written, and who may hold each; by form."""
        written: dict[str, str] = {}
        claims: dict[str, set[str]] = defaultdict(set)
        for agent in agents:
            for rule in self.rules:
                for account in rule.accounts(agent):
                    written.setdefault(normalize_principal(account), account)
                    claims[normalize_principal(account)].add(agent.id)
        return written, claims


class AccountHolder(Protocol):
    """An agent, or a row that speaks of one."""

    @property
    def id(self) -> str:
        """The agent's id."""
        ...

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that are said to be theirs."""
        ...


def holders_by_account(people: Iterable[AccountHolder]) -> HoldersByAccount:
    """Who is said to hold each account."""
    claims: dict[str, set[str]] = defaultdict(set)
    for one in people:
        for account in one.accounts:
            claims[normalize_principal(account)].add(one.id)
    return claims


def digest(*parts: object) -> str:
    """A short text that differs where the parts do."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def disputed_account(account: str, agent_ids: Iterable[str], where: str = "") -> DisputedAccount:
    """What is said of an account that several agents may hold."""
    ids = tuple(sorted(agent_ids))
    reason = f"compte que {len(ids)} agents peuvent tenir ({', '.join(ids)}) : joint à aucun"
    return DisputedAccount(where or account, reason, None, account, ids)
