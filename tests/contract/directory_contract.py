"""The contract of every directory. Each check raises AssertionError if it is broken."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from connectors.account_linking import DisputedAccount
from connectors.ports import Directory, Malformed, SourceError
from connectors.values import RESERVED_AUTHORITIES, Agent, Group, authority_of

SEVERAL_PAGES = 1_200
ACCENTED = Agent(
    "zoé.o'brien", "Zoé", "L'Écuyer-Ñuñez", "géomètre", departement="2A", email="z@x.fr"
)
NAMESAKE = Agent("jdupont", "Jean", "Dupont", departement="22")
OTHER_NAMESAKE = Agent("jdupont2", "Jean", "Dupont", departement="974")
GROUP = "g"


class DirectoryHarness(Protocol):
    """A directory under test; each read uses a new one, as each synchronization does."""

    def directory(self) -> Directory: ...

    def set_entries(self, agents: Sequence[Agent], groups: Mapping[str, Sequence[str]]) -> None:
        """Replace its content by these agents and these groups, by name."""

    def add_invalid_agent(self) -> None:
        """Add an agent whose date of departure is invalid."""

    def truncate_reads(self) -> None:
        """From now on reads end in the middle."""


def agents_of(directory: Directory) -> dict[str, Agent]:
    found = [entry for entry in directory.entries() if isinstance(entry, Agent)]
    by_id = {agent.id: agent for agent in found}
    assert len(by_id) == len(found), "an agent came twice"
    return by_id


def groups_of(directory: Directory) -> dict[str, Group]:
    return {entry.principal: entry for entry in directory.entries() if isinstance(entry, Group)}


def check_all_fields(harness: DirectoryHarness) -> None:
    """Every field is unchanged, with accents and apostrophes."""
    harness.set_entries([ACCENTED, NAMESAKE], {})
    assert agents_of(harness.directory()) == {ACCENTED.id: ACCENTED, NAMESAKE.id: NAMESAKE}


def check_several_pages(harness: DirectoryHarness) -> None:
    """More than any server returns at once."""
    many = [Agent(f"a{n}", "P", f"N{n}") for n in range(SEVERAL_PAGES)]
    harness.set_entries(many, {GROUP: [agent.id for agent in many]})
    directory = harness.directory()
    assert set(agents_of(directory)) == {agent.id for agent in many}
    (group,) = groups_of(directory).values()
    assert len(group.members) == SEVERAL_PAGES


def check_namesakes_are_separate(harness: DirectoryHarness) -> None:
    """Two agents with the same name each keep their own groups."""
    harness.set_entries([NAMESAKE, OTHER_NAMESAKE], {GROUP: [OTHER_NAMESAKE.id]})
    assert set(agents_of(harness.directory())) == {NAMESAKE.id, OTHER_NAMESAKE.id}
    (group,) = groups_of(harness.directory()).values()
    assert group.members == {OTHER_NAMESAKE.id}


def check_disputed_account(harness: DirectoryHarness) -> None:
    """An account that two agents claim is linked to neither and is reported; others stay."""
    first = replace(NAMESAKE, accounts=("w:x", "w:y"))
    harness.set_entries([first, replace(OTHER_NAMESAKE, accounts=("w:x",))], {})
    entries = list(harness.directory().entries())
    accounts = {one.id: one.accounts for one in entries if isinstance(one, Agent)}
    assert accounts == {NAMESAKE.id: ("w:y",), OTHER_NAMESAKE.id: ()}
    disputed = {(one.account, one.agent_ids) for one in entries if isinstance(one, DisputedAccount)}
    assert disputed == {("w:x", (NAMESAKE.id, OTHER_NAMESAKE.id))}


def check_departed_agents_are_removed(harness: DirectoryHarness) -> None:
    """Agents who are no longer in the directory are in no group either."""
    harness.set_entries([ACCENTED, NAMESAKE], {GROUP: [ACCENTED.id, NAMESAKE.id]})
    agents_of(harness.directory())
    harness.set_entries([NAMESAKE], {GROUP: [NAMESAKE.id]})
    assert set(agents_of(harness.directory())) == {NAMESAKE.id}
    (group,) = groups_of(harness.directory()).values()
    assert group.members == {NAMESAKE.id}


def check_invalid_agent_is_reported(harness: DirectoryHarness) -> None:
    """An agent with an invalid date of departure is left out; the others are not."""
    harness.set_entries([NAMESAKE], {})
    harness.add_invalid_agent()
    entries = list(harness.directory().entries())
    assert [one.id for one in entries if isinstance(one, Agent)] == [NAMESAKE.id]
    assert any(isinstance(one, Malformed) for one in entries)


def check_truncated_read_raises(harness: DirectoryHarness) -> None:
    """A read that is cut off raises, and returns no partial result."""
    harness.set_entries([Agent(f"a{n}", "P", f"N{n}") for n in range(SEVERAL_PAGES)], {})
    harness.truncate_reads()
    try:
        found = list(harness.directory().entries())
    except SourceError:
        return
    raise AssertionError(f"{len(found)} entries of a truncated read")


def check_group_principals(harness: DirectoryHarness) -> None:
    """Groups have the directory's authority, never a reserved one."""
    harness.set_entries([NAMESAKE], {GROUP: [NAMESAKE.id]})
    (principal,) = groups_of(harness.directory())
    assert principal.split(":")[1:] == ["group", GROUP]
    assert authority_of(principal) not in RESERVED_AUTHORITIES


CHECKS: dict[str, Callable[[DirectoryHarness], None]] = {
    name.removeprefix("check_"): check
    for name, check in sorted(globals().items())
    if name.startswith("check_")
}
