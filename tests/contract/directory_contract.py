"""What every directory must hold to. Each check raises AssertionError where it does not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from connectors.account_linking import DisputedAccount
from connectors.ports import Directory, Malformed, SourceError
from connectors.values import RESERVED_AUTHORITIES, Agent, Group, authority_of

MANY = 1_200
ZOE = Agent("zoé.o'brien", "Zoé", "L'Écuyer-Ñuñez", "géomètre", departement="2A", email="z@x.fr")
ONE = Agent("jdupont", "Jean", "Dupont", departement="22")
OTHER = Agent("jdupont2", "Jean", "Dupont", departement="974")
GROUP = "g"


class DirectoryStage(Protocol):
    """A directory under test; a directory is made anew for each reading, as each sync does."""

    def directory(self) -> Directory: ...

    def hold(self, agents: Sequence[Agent], groups: Mapping[str, Sequence[str]]) -> None:
        """From now on it holds these agents, and these groups by name, and nothing else."""

    def add_unreadable(self) -> None:
        """One more agent, of whom it cannot be understood when they leave."""

    def cut(self) -> None:
        """From now on the directory ends in the middle of a reading."""


def agents_of(directory: Directory) -> dict[str, Agent]:
    found = [entry for entry in directory.entries() if isinstance(entry, Agent)]
    by_id = {agent.id: agent for agent in found}
    assert len(by_id) == len(found), "an agent came twice"
    return by_id


def groups_of(directory: Directory) -> dict[str, Group]:
    return {entry.principal: entry for entry in directory.entries() if isinstance(entry, Group)}


def check_every_agent_comes(stage: DirectoryStage) -> None:
    """Each field as it stands: no accent is folded, no apostrophe lost."""
    stage.hold([ZOE, ONE], {})
    assert agents_of(stage.directory()) == {ZOE.id: ZOE, ONE.id: ONE}


def check_many_come(stage: DirectoryStage) -> None:
    """More than any server gives at once."""
    many = [Agent(f"a{n}", "P", f"N{n}") for n in range(MANY)]
    stage.hold(many, {GROUP: [agent.id for agent in many]})
    directory = stage.directory()
    assert set(agents_of(directory)) == {agent.id for agent in many}
    (group,) = groups_of(directory).values()
    assert len(group.members) == MANY


def check_homonyms_stay_apart(stage: DirectoryStage) -> None:
    """Two agents of one name are two, each with their own groups."""
    stage.hold([ONE, OTHER], {GROUP: [OTHER.id]})
    assert set(agents_of(stage.directory())) == {ONE.id, OTHER.id}
    (group,) = groups_of(stage.directory()).values()
    assert group.members == {OTHER.id}


def check_disputed_account(stage: DirectoryStage) -> None:
    """An account that two agents claim is neither's, and is said; others stay."""
    first = replace(ONE, accounts=("w:x", "w:y"))
    stage.hold([first, replace(OTHER, accounts=("w:x",))], {})
    entries = list(stage.directory().entries())
    accounts = {one.id: one.accounts for one in entries if isinstance(one, Agent)}
    assert accounts == {ONE.id: ("w:y",), OTHER.id: ()}
    disputed = {(one.account, one.agent_ids) for one in entries if isinstance(one, DisputedAccount)}
    assert disputed == {("w:x", (ONE.id, OTHER.id))}


def check_leavers_are_gone(stage: DirectoryStage) -> None:
    """Who is not in the directory any more does not come, nor in any group."""
    stage.hold([ZOE, ONE], {GROUP: [ZOE.id, ONE.id]})
    agents_of(stage.directory())
    stage.hold([ONE], {GROUP: [ONE.id]})
    assert set(agents_of(stage.directory())) == {ONE.id}
    (group,) = groups_of(stage.directory()).values()
    assert group.members == {ONE.id}


def check_unreadable_is_said(stage: DirectoryStage) -> None:
    """One who may have left, for all that can be understood, does not come; the others do."""
    stage.hold([ONE], {})
    stage.add_unreadable()
    entries = list(stage.directory().entries())
    assert [one.id for one in entries if isinstance(one, Agent)] == [ONE.id]
    assert any(isinstance(one, Malformed) for one in entries)


def check_cut_short_raises(stage: DirectoryStage) -> None:
    """A reading that cannot end gives an error, not those whom it had read."""
    stage.hold([Agent(f"a{n}", "P", f"N{n}") for n in range(MANY)], {})
    stage.cut()
    try:
        found = list(stage.directory().entries())
    except SourceError:
        return
    raise AssertionError(f"{len(found)} entries of a reading that was cut")


def check_authorities(stage: DirectoryStage) -> None:
    """Groups are principals of the directory's own, none that every agent has."""
    stage.hold([ONE], {GROUP: [ONE.id]})
    (principal,) = groups_of(stage.directory())
    assert principal.split(":")[1:] == ["group", GROUP]
    assert authority_of(principal) not in RESERVED_AUTHORITIES


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[DirectoryStage], None]


CHECKS = [
    Check(name.removeprefix("check_"), check)
    for name, check in sorted(globals().items())
    if name.startswith("check_")
]
