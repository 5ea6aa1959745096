"""Agents and groups of an LDAP directory, nested groups resolved; read whole or not at all."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.account_linking import disputed_account, holders_by_account
from connectors.ldap.client import LdapConnection, LdapEntry, open_connection
from connectors.ldap.config import GroupAttributes, LdapConfig
from connectors.ldap.entries import agent_of, normalize_dn, normalize_id, rdn_values
from connectors.ports import Malformed, SourceRefused
from connectors.values import Agent, Group, normalize_principal

MEMBER_UID = "memberuid"
"""The attribute (RFC 2307) that names members by their id, not by their entry."""


@dataclass(frozen=True, slots=True)
class AgentIds:
    """The ids of the agents, by the name of their entry, and the same ids case aside."""

    by_name: Mapping[str, str]
    by_id: Mapping[str, str]


def groups_of(
    entries: Sequence[LdapEntry], people: AgentIds, names: GroupAttributes, authority: str
) -> Iterator[Group]:
    """Every group with its agents, those of the groups within it included.

    Raises `SourceRefused` for a group without a name of its own: what is denied to its
    members would open to them, or what is another group's.
    """
    ids = {normalize_dn(entry.dn): _group_id(entry, names) for entry in entries}
    if len({normalize_id(one) for one in ids.values()}) < len(ids):
        raise SourceRefused(
            "Deux groupes de l'annuaire portent le même nom : resserrez « groups_base », ou "
            "réglez « group_id » sur un attribut qui les distingue (entryUUID)."
        )
    own: dict[str, set[str]] = {}
    inside: dict[str, set[str]] = {}
    for entry in entries:
        name = normalize_dn(entry.dn)
        own[name], inside[name] = _members(entry, names, people, ids)
    for entry in entries:
        name = normalize_dn(entry.dn)
        members = {one for group in nested_groups(name, inside) for one in own[group]}
        label = next(iter(entry.values(names.label)), ids[name])
        yield Group(f"{authority}:group:{ids[name]}", label, frozenset(members))


def nested_groups(start: str, inside: Mapping[str, set[str]]) -> set[str]:
    """A group and all groups within it, each once however they loop."""
    seen, due = {start}, [start]
    while due:
        for one in inside[due.pop()] - seen:
            seen.add(one)
            due.append(one)
    return seen


def _group_id(entry: LdapEntry, names: GroupAttributes) -> str:
    try:
        values = entry.values(names.id)
    except UnicodeDecodeError:
        values = ()
    if len(values) > 1:
        values = tuple(one for one in rdn_values(entry.dn, names.id) if one in values)
    if len(values) != 1 or "\0" in values[0]:
        raise SourceRefused(
            f"Le groupe « {entry.dn} » de l'annuaire n'a pas un nom ({names.id}) à lui. Un groupe "
            "mal lu pourrait ouvrir ce qu'il ferme : l'annuaire d'avant reste en place."
        )
    return values[0]


def _members(
    entry: LdapEntry, names: GroupAttributes, people: AgentIds, groups: Mapping[str, str]
) -> tuple[set[str], set[str]]:
    """The ids of the agents, and the names of the groups, that a group names itself."""
    agents: set[str] = set()
    inside: set[str] = set()
    for attribute in names.members:
        for raw in entry.attributes.get(attribute.lower(), ()):
            text = raw.decode("utf-8", "replace")
            if attribute.lower() == MEMBER_UID:
                agents |= {people.by_id[one] for one in [normalize_id(text)] if one in people.by_id}
                continue
            name = normalize_dn(text.partition("#")[0] if text.endswith("'B") else text)
            if name in groups:
                inside.add(name)
            elif name in people.by_name:
                agents.add(people.by_name[name])
    return agents, inside


CHANGE_ATTRIBUTES = ("entryCSN", "uSNChanged")
"""What changes with each change of an entry: OpenLDAP's and Active Directory's.

Not modifyTimestamp: it tells two changes of one second apart for nobody.
"""


@dataclass(frozen=True, slots=True)
class LdapDirectory:
    """The directory at a place."""

    place: LdapConfig

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield every agent, then every group, nested ones resolved.

        An id that two entries claim, case aside, is nobody's: it could be either. Raises
        `SourceUnreachable` or `SourceRefused` where anything is cut short.
        """
        place = self.place
        with open_connection(place) as server:
            asked = [name for name in place.attributes.values() if name]
            people = list(server.entries(place.agents, asked))
            groups = list(self._groups(server))
        agents: list[tuple[str, Agent]] = []
        for entry in people:
            if isinstance(entry, str):
                yield _referral_problem(entry)
                continue
            for said in agent_of(entry, place.attributes):
                if isinstance(said, Agent):
                    agents.append((entry.dn, said))
                else:
                    yield said
        yield from self._told(agents, groups)

    def fingerprint(self) -> str | None:
        """A text that stays as long as no entry is added, changed or removed.

        None where the directory does not mark its changes. Raises as `entries`.
        """
        place, marks = self.place, hashlib.sha256(repr(self.place).encode())
        with open_connection(place) as server:
            lines = []
            for branch in (place.agents, *([place.groups] if place.groups else [])):
                for entry in server.entries(branch, CHANGE_ATTRIBUTES):
                    mark = entry if isinstance(entry, str) else _change_mark(entry)
                    if not mark:
                        return None
                    lines.append(f"{branch.base}\0{mark}")
        for line in sorted(lines):
            marks.update(line.encode() + b"\n")
        return marks.hexdigest()

    def _groups(self, server: LdapConnection) -> Iterator[LdapEntry | str]:
        if self.place.groups is not None:
            names = self.place.group_names
            yield from server.entries(self.place.groups, (names.id, names.label, *names.members))

    def _told(
        self, agents: list[tuple[str, Agent]], groups: list[LdapEntry | str]
    ) -> Iterator[Agent | Group | Malformed]:
        claims = Counter(normalize_id(agent.id) for _, agent in agents)
        sound = [(dn, agent) for dn, agent in agents if claims[normalize_id(agent.id)] == 1]
        accounts = holders_by_account(agent for _, agent in sound)
        for dn, agent in agents:
            if claims[normalize_id(agent.id)] > 1:
                yield Malformed(dn, "identifiant de deux entrées : aucune des deux n'est reprise")
                continue
            own = [
                one
                for one in dict.fromkeys(agent.accounts)
                if len(accounts[normalize_principal(one)]) == 1
            ]
            for account in sorted({*agent.accounts} - {*own}):
                yield disputed_account(account, accounts[normalize_principal(account)], dn)
            yield replace(agent, accounts=tuple(own))
        people = AgentIds(
            {normalize_dn(dn): agent.id for dn, agent in sound},
            {normalize_id(agent.id): agent.id for _, agent in sound},
        )
        for one in groups:
            if isinstance(one, str):
                raise SourceRefused(
                    f"Des groupes de l'annuaire sont ailleurs ({one}) : sans eux, ce qui est fermé "
                    "à leurs membres s'ouvrirait. Resserrez « groups_base »."
                )
        found = [one for one in groups if isinstance(one, LdapEntry)]
        yield from groups_of(found, people, self.place.group_names, self.place.authority)


def _change_mark(entry: LdapEntry) -> str:
    marks = [f"{name}={','.join(entry.values(name))}" for name in CHANGE_ATTRIBUTES]
    told = any(entry.values(name) for name in CHANGE_ATTRIBUTES)
    return f"{entry.dn}\0{marks}" if told else ""


def _referral_problem(address: str) -> Malformed:
    return Malformed(address, "cette partie de l'annuaire est ailleurs : elle n'est pas suivie")
