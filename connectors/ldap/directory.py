"""Agents and groups from an LDAP directory: read whole, page by page, or not at all."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from connectors.account_joins import claimed, dispute
from connectors.changes import Malformed
from connectors.errors import SourceRefused
from connectors.ldap.entries import agent_of
from connectors.ldap.groups import People, groups_of
from connectors.ldap.names import id_form, same_name
from connectors.ldap.place import LdapPlace
from connectors.ldap.server import Entry, LdapServer, opened_server
from connectors.values import Agent, Group, principal_form

CHANGE_MARKS = ("entryCSN", "uSNChanged")
"""What changes with each change of an entry: OpenLDAP's and Active Directory's.

Not modifyTimestamp: it tells two changes of one second apart for nobody.
"""


@dataclass(frozen=True, slots=True)
class LdapDirectory:
    """The directory at a place."""

    place: LdapPlace

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield every agent, then every group, nested ones resolved.

        An id that two entries claim, case aside, is nobody's: it could be either. Raises
        `SourceUnreachable` or `SourceRefused` where anything is cut short.
        """
        place = self.place
        with opened_server(place) as server:
            asked = [name for name in place.attributes.values() if name]
            people = list(server.entries(place.agents, asked))
            groups = list(self._groups(server))
        agents: list[tuple[str, Agent]] = []
        for entry in people:
            if isinstance(entry, str):
                yield _elsewhere(entry)
                continue
            for said in agent_of(entry, place.attributes):
                if isinstance(said, Agent):
                    agents.append((entry.dn, said))
                else:
                    yield said
        yield from self._told(agents, groups)

    def stamp(self) -> str | None:
        """A text that stays as long as no entry is added, changed or removed.

        None where the directory does not mark its changes. Raises as `entries`.
        """
        place, marks = self.place, hashlib.sha256(repr(self.place).encode())
        with opened_server(place) as server:
            lines = []
            for branch in (place.agents, *([place.groups] if place.groups else [])):
                for entry in server.entries(branch, CHANGE_MARKS):
                    mark = entry if isinstance(entry, str) else _mark(entry)
                    if not mark:
                        return None
                    lines.append(f"{branch.base}\0{mark}")
        for line in sorted(lines):
            marks.update(line.encode() + b"\n")
        return marks.hexdigest()

    def _groups(self, server: LdapServer) -> Iterator[Entry | str]:
        if self.place.groups is not None:
            names = self.place.group_names
            yield from server.entries(self.place.groups, (names.id, names.label, *names.members))

    def _told(
        self, agents: list[tuple[str, Agent]], groups: list[Entry | str]
    ) -> Iterator[Agent | Group | Malformed]:
        claims = Counter(id_form(agent.id) for _, agent in agents)
        sound = [(dn, agent) for dn, agent in agents if claims[id_form(agent.id)] == 1]
        accounts = claimed(agent for _, agent in sound)
        for dn, agent in agents:
            if claims[id_form(agent.id)] > 1:
                yield Malformed(dn, "identifiant de deux entrées : aucune des deux n'est reprise")
                continue
            own = [
                one
                for one in dict.fromkeys(agent.accounts)
                if len(accounts[principal_form(one)]) == 1
            ]
            for account in sorted({*agent.accounts} - {*own}):
                yield dispute(account, accounts[principal_form(account)], dn)
            yield replace(agent, accounts=tuple(own))
        people = People(
            {same_name(dn): agent.id for dn, agent in sound},
            {id_form(agent.id): agent.id for _, agent in sound},
        )
        for one in groups:
            if isinstance(one, str):
                raise SourceRefused(
                    f"Des groupes de l'annuaire sont ailleurs ({one}) : sans eux, ce qui est fermé "
                    "à leurs membres s'ouvrirait. Resserrez « groups_base »."
                )
        found = [one for one in groups if isinstance(one, Entry)]
        yield from groups_of(found, people, self.place.group_names, self.place.authority)


def _mark(entry: Entry) -> str:
    marks = [f"{name}={','.join(entry.values(name))}" for name in CHANGE_MARKS]
    told = any(entry.values(name) for name in CHANGE_MARKS)
    return f"{entry.dn}\0{marks}" if told else ""


def _elsewhere(address: str) -> Malformed:
    return Malformed(address, "cette partie de l'annuaire est ailleurs : elle n'est pas suivie")
