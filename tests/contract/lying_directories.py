"""Directories that lie, each in one way that the contract must catch."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.account_linking import DisputedAccount
from connectors.ports import Directory, Malformed, SourceError
from connectors.values import Agent, Group
from tests.contract.directory_contract import DirectoryStage

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
class LyingStage:
    true: DirectoryStage
    lie: Lie
    remembered: list[Agent] = field(default_factory=list)

    def directory(self) -> Directory:
        return LyingDirectory(self.true.directory(), self.lie, self.remembered)

    def hold(self, agents: Sequence[Agent], groups: Mapping[str, Sequence[str]]) -> None:
        self.true.hold(agents, groups)

    def add_unreadable(self) -> None:
        self.true.add_unreadable()

    def cut(self) -> None:
        self.true.cut()


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


def comes_twice(true: Directory, _: list[Agent]) -> Entries:
    for entry in true.entries():
        yield entry
        if isinstance(entry, Agent):
            yield entry


def merges_homonyms(true: Directory, _: list[Agent]) -> Entries:
    names: set[str] = set()
    for entry in true.entries():
        if not isinstance(entry, Agent) or entry.name not in names:
            yield entry
        if isinstance(entry, Agent):
            names.add(entry.name)


def guesses(true: Directory, _: list[Agent]) -> Entries:
    entries = list(true.entries())
    disputed = {d.agent_ids[0]: d.account for d in entries if isinstance(d, DisputedAccount)}
    for entry in entries:
        if isinstance(entry, Agent) and entry.id in disputed:
            yield replace(entry, accounts=(*entry.accounts, disputed[entry.id]))
        else:
            yield entry


def remembers_leavers(true: Directory, remembered: list[Agent]) -> Entries:
    entries = list(true.entries())
    here = [entry for entry in entries if isinstance(entry, Agent)]
    remembered += [agent for agent in here if agent not in remembered]
    yield from remembered
    yield from (entry for entry in entries if not isinstance(entry, Agent))


def says_nothing(true: Directory, _: list[Agent]) -> Entries:
    yield from (entry for entry in true.entries() if not isinstance(entry, Malformed))


def gives_what_it_had(true: Directory, _: list[Agent]) -> Entries:
    try:
        yield from true.entries()
    except SourceError:
        return


def speaks_for_everyone(true: Directory, _: list[Agent]) -> Entries:
    for entry in true.entries():
        if isinstance(entry, Group):
            name = entry.principal.partition(":")[2]
            yield replace(entry, principal=f"agent:{name}")
        else:
            yield entry


LIES: list[tuple[str, Lie]] = [
    ("every_agent_comes", folds_accents),
    ("every_agent_comes", comes_twice),
    ("many_come", stops_at_a_thousand),
    ("homonyms_stay_apart", merges_homonyms),
    ("disputed_account", guesses),
    ("disputed_account", says_nothing),
    ("leavers_are_gone", remembers_leavers),
    ("unreadable_is_said", says_nothing),
    ("cut_short_raises", gives_what_it_had),
    ("authorities", speaks_for_everyone),
]
