"""Read agents and groups from LDAP entries."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn
from pydantic import ValidationError

from connectors.account_linking import holders_by_account, undisputed
from connectors.directory import AgentRecord, agent_of_record
from connectors.faults import expected
from connectors.geography import DEPARTEMENTS
from connectors.ports import Malformed, SourceRefused
from connectors.values import Agent, Group
from quisait_ldap.client import LdapConnection, LdapEntry, open_connection
from quisait_ldap.config import LdapConfig
from quisait_ldap.sids import (
    ACCOUNT_ATTRIBUTES,
    GROUP_ATTRIBUTES,
    expiry_day,
    holds_nobody,
    is_disabled,
    nested_groups,
    primary_members,
    sid_groups,
    sid_of,
)

_ESCAPED = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)")


def normalize_dn(dn: str) -> str:
    """Return a form in which equal DNs are equal, ignoring case, spaces, escapes and Unicode form.

    Text that is not a DN is only case-folded.
    """
    dn = unicodedata.normalize("NFC", dn)
    if not any(mark in dn for mark in '\\"+'):
        return ",".join(
            "=".join(" ".join(side.split()) for side in part.split("=", 1))
            for part in dn.casefold().split(",")
        )
    try:
        parts = parse_dn(dn, escape=False, strip=True)
    except (LDAPInvalidDnError, IndexError):
        return dn.casefold()
    return ",".join(normalized_rdns(parts))


def normalize_id(name: str) -> str:
    """Return a form in which equal ids are equal, ignoring case and Unicode form."""
    return unicodedata.normalize("NFC", name).casefold()


def normalized_rdns(parts: list[tuple[str, str, str]]) -> Iterator[str]:
    """Yield each relative name; the parts of a multi-valued name are sorted."""
    rdn: list[str] = []
    for attribute, value, separator in parts:
        plain = unicodedata.normalize("NFC", _unescape(value))
        rdn.append(f"{attribute}={' '.join(plain.split())}".casefold())
        if separator != "+":
            yield "+".join(sorted(rdn))
            rdn = []


def rdn_values(dn: str, attribute: str) -> list[str]:
    """Return the values of an attribute in the first relative name of a DN."""
    found = []
    try:
        for name, value, separator in parse_dn(dn, escape=False, strip=True):
            if name.lower() == attribute.lower():
                found.append(_unescape(value))
            if separator != "+":
                break
    except (LDAPInvalidDnError, IndexError):
        return []
    return found


def _unescape(value: str) -> str:
    def unescaped(found: re.Match[str]) -> str:
        if found[1]:
            return bytes.fromhex(found[1].replace("\\", "")).decode("utf-8", "replace")
        return found[2]

    return _ESCAPED.sub(unescaped, value)


MULTI_VALUED_FIELDS = ("skills", "missions", "accounts")
_GENERALIZED_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})?")
"""Matches the day of a GeneralizedTime (RFC 4517, 3.3.13)."""
_BOOLEANS = {"true": "oui", "false": "non", "1": "oui", "0": "non"}


def agent_of(entry: LdapEntry, attributes: Mapping[str, str]) -> Iterator[Agent | Malformed]:
    """Yield the agent of an entry, and reports of its invalid fields.

    No agent is yielded if their id, departure or `listed` is invalid.
    """
    try:
        values = {field: entry.values(name) for field, name in attributes.items()}
        record = AgentRecord.model_validate(dict(_cells(entry, values, attributes["id"])))
    except UnicodeDecodeError:
        yield Malformed(entry.dn, "un attribut n'est pas du texte en UTF-8")
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = str(first["loc"][0])
        yield Malformed(entry.dn, f"« {attributes.get(field, field)} » : {expected(first)}")
    else:
        agent, malformed = agent_of_record(record, entry.dn, departement_of(record.departement))
        yield from malformed
        yield agent


def _cells(
    entry: LdapEntry, values_by_field: Mapping[str, tuple[str, ...]], id_attribute: str
) -> Iterator[tuple[str, object]]:
    for field, values in values_by_field.items():
        if field in MULTI_VALUED_FIELDS:
            yield field, values
        elif field == "id":
            yield field, _single(entry, values, id_attribute)
        elif values and field in ("arrival", "departure"):
            yield field, _day(values[0])  # no day for « never »
        elif values and field == "listed":
            yield field, min(_BOOLEANS.get(value.lower(), value) for value in values)
        elif values:
            yield field, values[0]


def _single(entry: LdapEntry, values: tuple[str, ...], attribute: str) -> str:
    """Return the entry's id, or an empty text without an id.

    If there are several ids, return the id in the DN.
    """
    if len(values) == 1:
        return values[0]
    named = [value for value in rdn_values(entry.dn, attribute) if value in values]
    return named[0] if len(named) == 1 else ""


def _day(written: str) -> object:
    written = expiry_day(written)
    found = _GENERALIZED_TIME.match(written)
    if not found:
        return written
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return written


def departement_of(written: str) -> str:
    """Return the INSEE code of a text with any padding (`035`, `1`, `2a`); empty if unknown."""
    code = written.upper()
    candidates = (code, code.removeprefix("0"), code.zfill(2))
    return next((candidate for candidate in candidates if candidate in DEPARTEMENTS), "")


LABEL = "description"
"""The attribute whose first value is shown as the name of a group."""

MEMBER_UID = "memberuid"
"""The attribute (RFC 2307) that lists members by id instead of by DN."""


@dataclass(frozen=True, slots=True)
class AgentIds:
    """The agents' ids, by the normalized DN of their entry and by normalized id."""

    by_dn: Mapping[str, str]
    by_id: Mapping[str, str]


def groups_of(
    entries: Sequence[LdapEntry],
    people: AgentIds,
    config: LdapConfig,
    primary: Mapping[str, set[str]] = MappingProxyType({}),
) -> Iterator[Group]:
    """Yield every group with its agents and the agents of the groups nested in it.

    `primary` are agents, by the DN of their primary group, which does not list them as members.

    Raises `SourceRefused` for a group without a unique name: documents that are denied to its
    members, or allowed to another group's, would open to them.
    """
    ids = {normalize_dn(entry.dn): _group_id(entry, config.group_id) for entry in entries}
    if len(set(map(normalize_id, ids.values()))) < len(ids):
        raise SourceRefused(
            "Deux groupes de l'annuaire portent le même nom : resserrez « groups_base », ou "
            "réglez « group_id » sur un attribut qui les distingue (entryUUID)."
        )
    members: dict[str, set[str]] = {}
    subgroups: dict[str, set[str]] = {}
    for entry in entries:
        dn = normalize_dn(entry.dn)
        members[dn], subgroups[dn] = _members(entry, config.members, people, ids, primary)
    for entry in entries:
        dn = normalize_dn(entry.dn)
        all_members = frozenset().union(
            *(members[nested_group] for nested_group in nested_groups(dn, subgroups))
        )
        label = next(iter(entry.values(LABEL)), ids[dn])
        yield Group(f"{config.authority}:group:{ids[dn]}", label, all_members)


def _group_id(entry: LdapEntry, attribute: str) -> str:
    try:
        values = entry.values(attribute)
    except UnicodeDecodeError:
        values = ()
    if len(values) > 1:
        values = tuple(value for value in rdn_values(entry.dn, attribute) if value in values)
    if len(values) != 1 or "\0" in values[0]:
        raise SourceRefused(
            f"Le groupe « {entry.dn} » de l'annuaire n'a pas un nom ({attribute}) à lui. Un groupe "
            "mal lu pourrait ouvrir ce qu'il ferme : l'annuaire d'avant reste en place."
        )
    return values[0]


def _members(
    entry: LdapEntry,
    attributes: Sequence[str],
    people: AgentIds,
    groups: Collection[str],
    primary: Mapping[str, set[str]],
) -> tuple[set[str], set[str]]:
    """Return the direct members: the agents' ids, and the normalized DNs of groups."""
    agents = set(primary.get(entry.dn, ()))
    subgroups: set[str] = set()
    for attribute in attributes:
        for raw in entry.attributes.get(attribute.lower(), ()):
            text = raw.decode("utf-8", "replace")
            if attribute.lower() == MEMBER_UID:
                agent_id = people.by_id.get(normalize_id(text))
            else:
                dn = normalize_dn(text.partition("#")[0] if text.endswith("'B") else text)
                if dn in groups:
                    subgroups.add(dn)
                    continue
                agent_id = people.by_dn.get(dn)
            if agent_id is not None:
                agents.add(agent_id)
    return agents, subgroups


CHANGE_ATTRIBUTES = ("entryCSN", "uSNChanged")
"""Attributes that change with each change of an entry: OpenLDAP's and Active Directory's.

modifyTimestamp would miss changes: two within one second have the same value.
"""


@dataclass(frozen=True, slots=True)
class LdapDirectory:
    """The agents and groups of an LDAP server."""

    config: LdapConfig

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield every agent, then every group, nested ones resolved.

        Entries that share an id, ignoring case, give no agent. Raises `SourceUnreachable` or
        `SourceRefused` if any result is incomplete.
        """
        config = self.config
        more = (ACCOUNT_ATTRIBUTES, GROUP_ATTRIBUTES) if config.active_directory else ((), ())
        with open_connection(config) as server:
            requested = [*filter(None, config.attributes.values()), *more[0]]
            agents_at, *groups_at = self._branches()
            agent_entries = self._read(server, *agents_at, requested)
            requested = [config.group_id, LABEL, *config.members, *more[1]]
            read = [one for at in groups_at for one in self._read(server, *at, requested)]
        agents: list[tuple[str, Agent]] = []
        for found in self._agents(agent_entries):
            if isinstance(found, Malformed):
                yield found
            else:
                agents.append(found)
        id_counts = Counter(normalize_id(agent.id) for _, agent in agents)
        unique = [(dn, agent) for dn, agent in agents if id_counts[normalize_id(agent.id)] == 1]
        holders = holders_by_account((agent.id, agent.accounts) for _, agent in unique)
        for dn, agent in agents:
            if id_counts[normalize_id(agent.id)] > 1:
                yield Malformed(dn, "identifiant de deux entrées : aucune des deux n'est reprise")
                continue
            agent, disputed = undisputed(agent, holders, dn)
            yield from disputed
            yield agent
        people = AgentIds(
            {normalize_dn(dn): agent.id for dn, agent in unique},
            {normalize_id(agent.id): agent.id for _, agent in unique},
        )
        groups = [entry for entry in read if isinstance(entry, LdapEntry)]
        if referral := next((entry for entry in read if isinstance(entry, str)), ""):
            raise SourceRefused(
                f"Des groupes de l'annuaire sont ailleurs ({referral}) : sans eux, ce qui est "
                "fermé à leurs membres s'ouvrirait. Resserrez « groups_base »."
            )
        accounts = [one for one in agent_entries if isinstance(one, LdapEntry)]
        held = {
            dn: (one, people.by_dn.get(dn, "")) for one in accounts for dn in [normalize_dn(one.dn)]
        }
        primary = primary_members(held.values(), groups) if config.active_directory else {}
        yield from groups_of(groups, people, config, primary)
        if config.active_directory:
            # Windows does not count `memberUid`.
            by_dn = [one for one in config.members if one.lower() != MEMBER_UID]
            known = {normalize_dn(one.dn) for one in groups}
            members = {
                normalize_dn(one.dn): (one, *_members(one, by_dn, people, known, primary))
                for one in groups
            }
            yield from sid_groups(held.values(), members, config.authority)

    def _branches(self) -> Iterator[tuple[str, str]]:
        """Yield the base and the filter of the agents, then those of the groups, if any."""
        yield self.config.agents_base, self.config.agents_filter
        if self.config.groups_base:
            yield self.config.groups_base, self.config.groups_filter

    def _read(
        self, server: LdapConnection, base: str, matching: str, attributes: Sequence[str]
    ) -> list[LdapEntry | str]:
        """Return the entries below a base, and referrals that may lead to accounts or groups."""
        entries = server.entries(base, matching, attributes)
        is_domain = self.config.active_directory
        return [
            one for one in entries if not (is_domain and isinstance(one, str) and holds_nobody(one))
        ]

    def _agents(
        self, entries: Sequence[LdapEntry | str]
    ) -> Iterator[tuple[str, Agent] | Malformed]:
        """Yield each agent with the DN of their entry, and reports of invalid entries."""
        for entry in entries:
            if isinstance(entry, str):
                reason = "cette partie de l'annuaire est ailleurs : elle n'est pas suivie"
                yield Malformed(entry, reason)
            elif not (self.config.active_directory and is_disabled(entry)):
                for found in agent_of(entry, self.config.attributes):
                    if isinstance(found, Agent):
                        yield entry.dn, self._with_sids(entry, found)
                    else:
                        yield found

    def _with_sids(self, entry: LdapEntry, agent: Agent) -> Agent:
        """Return the agent with their accounts in sources that name accounts by SID."""
        sid = sid_of(entry) if self.config.active_directory else ""
        own = tuple(f"{source}:{sid}" for source in self.config.sid_sources if sid)
        return replace(agent, accounts=(*agent.accounts, *own)) if own else agent

    def fingerprint(self) -> str | None:
        """Return a text that stays the same as long as no entry is added, changed or removed.

        Returns None if the server has none of `CHANGE_ATTRIBUTES`. Raises as `entries` does.
        """
        digest = hashlib.sha256(repr(self.config).encode())
        lines = []
        with open_connection(self.config) as server:
            for base, matching in self._branches():
                for entry in server.entries(base, matching, CHANGE_ATTRIBUTES):
                    mark = entry if isinstance(entry, str) else _change_mark(entry)
                    if not mark:
                        return None
                    lines.append(f"{base}\0{mark}")
        for line in sorted(lines):
            digest.update(line.encode() + b"\n")
        return digest.hexdigest()


def _change_mark(entry: LdapEntry) -> str:
    """Return the entry's DN and change attributes, or an empty text if it has none."""
    values = {name: entry.values(name) for name in CHANGE_ATTRIBUTES}
    marks = [f"{name}={','.join(found)}" for name, found in values.items()]
    return f"{entry.dn}\0{marks}" if any(values.values()) else ""
