"""SIDs of Active Directory, which Windows access lists use to name accounts and groups.

A Windows token holds the account's SID, the SIDs of its security groups at any depth and of its
primary group (which no `member` attribute names), and well-known SIDs of everybody who signed in.
"""

import struct
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from connectors.ports import SourceRefused
from connectors.values import Group
from quisait_ldap.client import LdapEntry

SID_ATTRIBUTE = "objectSid"
ACCOUNT_ATTRIBUTES = (SID_ATTRIBUTE, "userAccountControl", "primaryGroupID")
GROUP_ATTRIBUTES = (SID_ATTRIBUTE, "groupType")
WELL_KNOWN = {"S-1-1-0": "Tout le monde", "S-1-5-11": "Utilisateurs authentifiés"}
"""Groups that hold every account that signed in (MS-DTYP 2.4.2.4)."""
_NO_ACCOUNTS = ("cn=configuration,", "dc=domaindnszones,", "dc=forestdnszones,")
"""Partitions of a forest that are not domains (MS-ADTS 3.1.1.1.5)."""
_BUILT_IN = "S-1-5-32-"
"""Prefix of groups that are local to a server, here to the domain controllers: other servers use
the same SIDs for other members.
"""
_DISABLED = 0x2
"""ACCOUNTDISABLE of `userAccountControl` (MS-ADTS 2.2.16)."""
_SECURITY = 0x8000_0000
"""GROUP_TYPE_SECURITY_ENABLED of `groupType` (MS-ADTS 2.2.12): other groups grant nothing."""
_NEVER = (0, 0x7FFF_FFFF_FFFF_FFFF)
_LONGEST_INTEGER = len(str(_NEVER[1]))
_EXPIRY_DIGITS = 17
"""Minimum digits of an `accountExpires` time after 1633; dates and moments written in digits have
fewer.
"""
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def holds_nobody(referral: str) -> bool:
    """Return whether all addresses of a referral lead to partitions without accounts or groups.

    Domain controllers return such referrals for a search from the root of the domain. A referral to
    a child domain may lead to accounts: the result is then false.
    """
    names = (unquote(urlsplit(address).path) for address in referral.split(", "))
    return all(name.lstrip("/").casefold().startswith(_NO_ACCOUNTS) for name in names)


def sid_of(entry: LdapEntry) -> str:
    """Return an entry's SID as text (MS-DTYP 2.4.2), or an empty text if it has no readable SID."""
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
    """Return whether an account may not sign in; if the attribute is missing, it may not."""
    return bool(_number(entry, "userAccountControl", _DISABLED) & _DISABLED)


def is_security_group(entry: LdapEntry) -> bool:
    """Return whether a group counts in access lists."""
    return bool(_number(entry, "groupType", 0) & _SECURITY)


def primary_members(
    accounts: Iterable[tuple[LdapEntry, str]], groups: Iterable[LdapEntry]
) -> Mapping[str, set[str]]:
    """Return the members of each primary group, by the group's DN: no `member` names them."""
    by_sid: dict[str, set[str]] = defaultdict(set)
    for entry, agent in accounts:
        if agent and (sid := primary_group(entry)):
            by_sid[sid].add(agent)
    return {group.dn: by_sid[sid] for group in groups if (sid := sid_of(group)) in by_sid}


def primary_group(entry: LdapEntry) -> str:
    """Return the SID of an account's primary group, or an empty text if it has none."""
    number = _number(entry, "primaryGroupID", 0)
    domain = sid_of(entry).rpartition("-")[0]
    return f"{domain}-{number}" if number and domain else ""


def _number(entry: LdapEntry, attribute: str, otherwise: int) -> int:
    try:
        return int(next(iter(entry.attributes.get(attribute.lower(), ()))))
    except (StopIteration, ValueError):
        return otherwise


def expiry_day(written: str) -> str:
    """Return the day of `accountExpires` (100 ns since 1601) as ISO 8601; empty if never.

    Any other text, such as a date in digits, is returned unchanged.
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


def sid_groups(
    accounts: Collection[tuple[LdapEntry, str]],
    groups: Mapping[str, tuple[LdapEntry, set[str], set[str]]],
    authority: str,
) -> Iterator[Group]:
    """Yield a group of agents for each SID (Windows identifier) that a document may name.

    These are the SIDs of accounts and groups, and the well-known ones such as "Everyone". The
    principal of a group is `authority:sid:SID`.

    `accounts` are entries, each with its agent's id (empty if it is not an agent). `groups` has, by
    normalized DN, the group's entry and its direct members: agents, and groups.

    Groups local to the domain controllers are left out. Disabled accounts and groups that are not
    security groups are included without members. Raises `SourceRefused` for a group without a SID:
    documents denied to it would open.
    """
    for entry, agent in accounts:
        if sid := sid_of(entry):
            yield Group(f"{authority}:sid:{sid}", sid, frozenset({agent} if agent else ()))
    granting = {dn for dn, (entry, *_) in groups.items() if is_security_group(entry)}
    nested = {dn: inner & granting for dn, (_, _, inner) in groups.items()}
    for dn, (entry, _, _) in groups.items():
        sid = sid_of(entry)
        if not sid:
            raise SourceRefused(
                f"Le groupe « {entry.dn} » n'a pas de SID : ce qui lui est fermé s'ouvrirait. "
                "L'annuaire d'avant reste en place."
            )
        if not sid.startswith(_BUILT_IN):
            holders = nested_groups(dn, nested) if dn in granting else set[str]()
            members = frozenset().union(*(groups[one][1] for one in holders))
            yield Group(f"{authority}:sid:{sid}", sid, members)
    everybody = frozenset(agent for _, agent in accounts if agent)
    for sid, label in WELL_KNOWN.items():
        yield Group(f"{authority}:sid:{sid}", label, everybody)


def nested_groups(group: str, subgroups: Mapping[str, set[str]]) -> set[str]:
    """Return the names of a group and of all groups below it, even if they contain each other."""
    seen, pending = {group}, [group]
    while pending:
        new = subgroups[pending.pop()] - seen
        seen |= new
        pending += new
    return seen
