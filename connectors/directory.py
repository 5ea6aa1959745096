"""Agents, groups and their accounts from tables: CSV or JSON Lines, by extension."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.account_joins import Claims, claimed, dispute
from connectors.areas import DEPARTEMENTS
from connectors.changes import Malformed
from connectors.directory_lines import AgentLine, GroupLine
from connectors.directory_tables import lines_of
from connectors.errors import SourceRefused
from connectors.values import Agent, Group, principal_form


@dataclass(frozen=True, slots=True)
class TableDirectory:
    """The directory kept in two tables; `groups` may be left out.

    Columns are the fields of `Agent` and `Group`; several skills, accounts or members
    are separated by `|`. Tables are `.csv` (comma or semicolon) or `.jsonl`.
    """

    agents: Path
    groups: Path | None = None

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield every agent, then every group, and what could not be understood.

        An account that two agents claim is joined to neither, and an id that stands
        twice names its first agent, not to be listed if any of its rows says so. Raises
        `SourceUnreachable`, or `SourceRefused`, as for a group that could not be
        understood: without it, what is denied to its members would open to them.
        """
        yield from self._agents()
        if self.groups is not None:
            for where, line in lines_of(self.groups, GroupLine, required="principal"):
                if isinstance(line, GroupLine):
                    yield Group(line.principal, line.label, frozenset(line.members))
                else:
                    raise SourceRefused(
                        f"{where} : {line}. Un groupe mal lu pourrait ouvrir ce qu'il ferme : "
                        "corrigez cette ligne ; l'annuaire d'avant reste en place."
                    )

    def _agents(self) -> Iterator[Agent | Malformed]:
        sound: dict[str, tuple[str, AgentLine]] = {}
        for where, line in lines_of(self.agents, AgentLine, required="id"):
            if not isinstance(line, AgentLine):
                yield Malformed(where, line)
                continue
            # Two ids of one form would be one principal.
            known_as = principal_form(line.id)
            if known_as in sound:
                yield Malformed(where, "identifiant déjà donné plus haut : ligne ignorée")
                if not line.listed:
                    first, kept = sound[known_as]
                    sound[known_as] = first, kept.model_copy(update={"listed": False})
            else:
                sound[known_as] = (where, line)
        claims = claimed(line for _, line in sound.values())
        for where, line in sound.values():
            yield from _agent(where, line, claims)


def _agent(where: str, line: AgentLine, claims: Claims) -> Iterator[Agent | Malformed]:
    agent = Agent(**line.model_dump())
    own = tuple(a for a in dict.fromkeys(agent.accounts) if len(claims[principal_form(a)]) == 1)
    for account in sorted({*agent.accounts} - {*own}):
        yield dispute(account, claims[principal_form(account)], where)
    departement = agent.departement.upper()
    if departement and departement not in DEPARTEMENTS:
        yield Malformed(where, "code de département inconnu : laissé vide")
        departement = ""
    yield replace(agent, accounts=own, departement=departement)
