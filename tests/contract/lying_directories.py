"""Faulty directories, each with one fault that the contract must find."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.account_linking import DisputedAccount
from connectors.ports import Directory, Malformed, SourceError
from connectors.values import Agent, Group
from tests.contract.directory_contract import DirectoryHarness

Entries = Iterator[Agent | Group | Malformed]
Lie = Callable[[Directory, list[Agent]], Entries]


@dataclass
class LyingDirectory:
    true: Directory
    lie: Lie
    remembered: list[Agent]

    def entries(self) -> Entries:
        return self.lie(self.true, self.remembered)


@dataclass
class LyingDirectoryHarness:
    true: DirectoryHarness
    lie: Lie
    remembered: list[Agent] = field(default_factory=list)

    def directory(self) -> Directory:
        return LyingDirectory(self.true.directory(), self.lie, self.remembered)

    def set_entries(self, agents: Sequence[Agent], groups: Mapping[str, Sequence[str]]) -> None:
        self.true.set_entries(agents, groups)

    def add_invalid_agent(self) -> None:
        self.true.add_invalid_agent()

    def truncate_reads(self) -> None:
        self.true.truncate_reads()


def folds_accents(true: Directory, _: list[Agent]) -> Entries:
    for entry in true.entries():
        if isinstance(entry, Agent):
            plain = unicodedata.normalize("NFD", entry.family_name).encode("ascii", "ignore")
            yield replace(entry, family_name=plain.decode())
        else:
            yield entry


def stops_at_a_thousand(true: Directory, _: list[Agent]) -> Entries:
    for number, entry in enumerate(true.entries()):
        if number < 1000 or isinstance(entry, Group):
            yield entry


def repeats_agents(true: Directory, _: list[Agent]) -> Entries:
    for entry in true.entries():
        yield entry
        if isinstance(entry, Agent):
            yield entry


def merges_namesakes(true: Directory, _: list[Agent]) -> Entries:
    names: set[str] = set()
    for entry in true.entries():
        if not isinstance(entry, Agent) or entry.name not in names:
            yield entry
        if isinstance(entry, Agent):
            names.add(entry.name)


def gives_disputed_accounts(true: Directory, _: list[Agent]) -> Entries:
    entries = list(true.entries())
    disputed = {d.agent_ids[0]: d.account for d in entries if isinstance(d, DisputedAccount)}
    for entry in entries:
        if isinstance(entry, Agent) and entry.id in disputed:
            yield replace(entry, accounts=(*entry.accounts, disputed[entry.id]))
        else:
            yield entry


def keeps_departed_agents(true: Directory, remembered: list[Agent]) -> Entries:
    entries = list(true.entries())
    here = [entry for entry in entries if isinstance(entry, Agent)]
    remembered += [agent for agent in here if agent not in remembered]
    yield from remembered
    yield from (entry for entry in entries if not isinstance(entry, Agent))


def hides_problems(true: Directory, _: list[Agent]) -> Entries:
    yield from (entry for entry in true.entries() if not isinstance(entry, Malformed))


def hides_errors(true: Directory, _: list[Agent]) -> Entries:
    try:
        yield from true.entries()
    except SourceError:
        return


def uses_reserved_authority(true: Directory, _: list[Agent]) -> Entries:
    for entry in true.entries():
        if isinstance(entry, Group):
            name = entry.principal.partition(":")[2]
            yield replace(entry, principal=f"agent:{name}")
        else:
            yield entry


LIES: list[tuple[str, Lie]] = [
    ("all_fields", folds_accents),
    ("all_fields", repeats_agents),
    ("several_pages", stops_at_a_thousand),
    ("namesakes_are_separate", merges_namesakes),
    ("disputed_account", gives_disputed_accounts),
    ("disputed_account", hides_problems),
    ("departed_agents_are_removed", keeps_departed_agents),
    ("invalid_agent_is_reported", hides_problems),
    ("truncated_read_raises", hides_errors),
    ("group_principals", uses_reserved_authority),
]
