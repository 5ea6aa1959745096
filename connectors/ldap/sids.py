"""Active Directory's own names: the SIDs by which Windows' access lists know accounts and groups.

A token of Windows holds an account's SID, those of its security groups to any depth, its primary
group, which no `member` names, and the well-known ones of everybody who signed in.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from connectors.ldap.client import LdapEntry
from connectors.ports import SourceRefused
from connectors.values import Group

SID_ATTRIBUTE = "objectSid"
ACCOUNT_ATTRIBUTES = (SID_ATTRIBUTE, "userAccountControl", "primaryGroupID")
GROUP_ATTRIBUTES = (SID_ATTRIBUTE, "groupType")
WELL_KNOWN = {"S-1-1-0": "Tout le monde", "S-1-5-11": "Utilisateurs authentifiés"}
"""Groups that hold every account that signed in (MS-DTYP 2.4.2.4)."""
_NO_ACCOUNTS = ("cn=configuration,", "dc=domaindnszones,", "dc=forestdnszones,")
"""Partitions of a forest that are not domains (MS-ADTS 3.1.1.1.5)."""
_BUILT_IN = "S-1-5-32-"
"""The beginning of the groups of each server alone, the controllers' here: another server's have
the same SIDs and other members."""
_DISABLED = 0x2
"""ACCOUNTDISABLE of `userAccountControl` (MS-ADTS 2.2.16)."""
_SECURITY = 0x8000_0000
"""GROUP_TYPE_SECURITY_ENABLED of `groupType` (MS-ADTS 2.2.12): others open nothing."""
_NEVER = (0, 0x7FFF_FFFF_FFFF_FFFF)
_LONGEST_INTEGER = len(str(_NEVER[1]))
_EXPIRY_DIGITS = 17
"""Of the times of `accountExpires` since 1633: no day or moment in digits has so many."""
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def holds_nobody(referral: str) -> bool:
    """Whether the addresses of a referral are all of partitions without accounts or groups.

    A domain's controller refers to these at its root; one to a child domain is another matter.
    """
    names = (unquote(urlsplit(address).path) for address in referral.split(", "))
    return all(name.lstrip("/").casefold().startswith(_NO_ACCOUNTS) for name in names)


def sid_of(entry: LdapEntry) -> str:
    """An entry's SID as text (MS-DTYP 2.4.2); empty if it has none that can be read."""
    raw = next(iter(entry.attributes.get(SID_ATTRIBUTE.lower(), ())), b"")
    try:
        revision, count = raw[0], raw[1]
        parts = struct.unpack(f"<{count}I", raw[8:])
    except (IndexError, struct.error):
        return ""
    if revision != 1:
        return ""
    return "-".join(["S-1", str(int.from_bytes(raw[2:8], "big")), *map(str, parts)])


def is_disabled(entry: LdapEntry) -> bool:
    """Whether an account may not sign in; one that does not say so in a number may not."""
    return bool(_number(entry, "userAccountControl", _DISABLED) & _DISABLED)


def is_security_group(entry: LdapEntry) -> bool:
    """Whether a group counts in access lists."""
    return bool(_number(entry, "groupType", 0) & _SECURITY)


def primary_members(
    accounts: Iterable[tuple[LdapEntry, str]], groups: Iterable[LdapEntry]
) -> Mapping[str, set[str]]:
    """The agents of whom a group is the primary one, by the group's DN: no `member` names them."""
    by_sid: dict[str, set[str]] = defaultdict(set)
    for entry, agent in accounts:
        if agent and (sid := primary_group(entry)):
            by_sid[sid].add(agent)
    return {group.dn: by_sid[sid] for group in groups if (sid := sid_of(group)) in by_sid}


def primary_group(entry: LdapEntry) -> str:
    """The SID of an account's primary group; empty if it has none."""
    number = _number(entry, "primaryGroupID", 0)
    domain = sid_of(entry).rpartition("-")[0]
    return f"{domain}-{number}" if number and domain else ""


def _number(entry: LdapEntry, attribute: str, otherwise: int) -> int:
    try:
        return int(next(iter(entry.attributes.get(attribute.lower(), ()))))
    except (StopIteration, ValueError):
        return otherwise


def expiry_day(written: str) -> str:
    """The day of `accountExpires` (100 ns since 1601) as ISO 8601; empty if it never does.

    Another text, such as a day or a moment in digits, is given back as it is.
    """
    if written != "0" and not (written.isdecimal() and len(written) >= _EXPIRY_DIGITS):
        return written
    value = int(written) if len(written) <= _LONGEST_INTEGER else 0
    if value in _NEVER:
        return ""
    try:
        return (_EPOCH + timedelta(microseconds=value // 10)).date().isoformat()
    except OverflowError:
        return ""


@dataclass(frozen=True, slots=True)
class SidMembers:
    """Accounts and groups as tokens know them.

    `accounts` are the entries of accounts by normalized DN, with the id of their agent, or empty
    where it is none. `groups` are the groups' entries by normalized DN, with the agents and the
    groups that are direct members.
    """

    accounts: Mapping[str, tuple[LdapEntry, str]]
    groups: Mapping[str, tuple[LdapEntry, set[str], set[str]]]

    def principals(self, authority: str) -> Iterator[Group]:
        """Yield `authority:sid:…` for each account, each group, and the well-known ones.

        None is for the groups of the controllers alone. A disabled account and a group that
        opens nothing have no members, and are known. Raises `SourceRefused` for a group without a
        SID: what is denied to it would open.
        """
        everybody = frozenset(agent for _, agent in self.accounts.values() if agent)
        for entry, agent in self.accounts.values():
            if sid := sid_of(entry):
                members = frozenset({agent} if agent else ())
                yield Group(f"{authority}:sid:{sid}", sid, members)
        direct = {
            dn: agents for dn, (entry, agents, _) in self.groups.items() if is_security_group(entry)
        }
        for dn, (entry, _, _) in self.groups.items():
            sid = sid_of(entry)
            if not sid:
                raise SourceRefused(
                    f"Le groupe « {entry.dn} » n'a pas de SID : ce qui lui est fermé s'ouvrirait. "
                    "L'annuaire d'avant reste en place."
                )
            if not sid.startswith(_BUILT_IN):
                yield Group(f"{authority}:sid:{sid}", sid, self._all_members(dn, direct))
        for sid, label in WELL_KNOWN.items():
            yield Group(f"{authority}:sid:{sid}", label, everybody)

    def _all_members(self, dn: str, direct: Mapping[str, set[str]]) -> frozenset[str]:
        """Those of the group and of the security groups in it, to any depth."""
        if dn not in direct:
            return frozenset()
        seen, pending = {dn}, [dn]
        members: set[str] = set()
        while pending:
            group = pending.pop()
            members |= direct[group]
            _, _, subgroups = self.groups[group]
            new = {one for one in subgroups if one in direct} - seen
            seen |= new
            pending += new
        return frozenset(members)
