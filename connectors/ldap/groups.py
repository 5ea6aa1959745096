"""Groups of an LDAP directory, those within groups followed to the end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.errors import SourceRefused
from connectors.ldap.names import id_form, rdn_values, same_name
from connectors.ldap.place import GroupNames
from connectors.ldap.server import Entry
from connectors.values import Group

BY_ID = "memberuid"
"""The attribute (RFC 2307) that names members by their id, not by their entry."""


@dataclass(frozen=True, slots=True)
class People:
    """The ids of the agents, by the name of their entry, and the same ids case aside."""

    by_name: Mapping[str, str]
    by_id: Mapping[str, str]


def groups_of(
    entries: Sequence[Entry], people: People, names: GroupNames, authority: str
) -> Iterator[Group]:
    """Every group with its agents, those of the groups within it included.

    Raises `SourceRefused` for a group without a name of its own: what is denied to its
    members would open to them, or what is another group's.
    """
    ids = {same_name(entry.dn): _id(entry, names) for entry in entries}
    if len({id_form(one) for one in ids.values()}) < len(ids):
        raise SourceRefused(
            "Deux groupes de l'annuaire portent le même nom : resserrez « groups_base », ou "
            "réglez « group_id » sur un attribut qui les distingue (entryUUID)."
        )
    own: dict[str, set[str]] = {}
    inside: dict[str, set[str]] = {}
    for entry in entries:
        name = same_name(entry.dn)
        own[name], inside[name] = _members(entry, names, people, ids)
    for entry in entries:
        name = same_name(entry.dn)
        members = {one for group in reached(name, inside) for one in own[group]}
        label = next(iter(entry.values(names.label)), ids[name])
        yield Group(f"{authority}:group:{ids[name]}", label, frozenset(members))


def reached(start: str, inside: Mapping[str, set[str]]) -> set[str]:
    """A group and all groups within it, each once however they loop."""
    seen, due = {start}, [start]
    while due:
        for one in inside[due.pop()] - seen:
            seen.add(one)
            due.append(one)
    return seen


def _id(entry: Entry, names: GroupNames) -> str:
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
    entry: Entry, names: GroupNames, people: People, groups: Mapping[str, str]
) -> tuple[set[str], set[str]]:
    """The ids of the agents, and the names of the groups, that a group names itself."""
    agents: set[str] = set()
    inside: set[str] = set()
    for attribute in names.members:
        for raw in entry.attributes.get(attribute.lower(), ()):
            text = raw.decode("utf-8", "replace")
            if attribute.lower() == BY_ID:
                agents |= {people.by_id[one] for one in [id_form(text)] if one in people.by_id}
                continue
            name = same_name(text.partition("#")[0] if text.endswith("'B") else text)
            if name in groups:
                inside.add(name)
            elif name in people.by_name:
                agents.add(people.by_name[name])
    return agents, inside
