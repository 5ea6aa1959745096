"""Configuration of an LDAP directory: servers, credentials, branches, attributes and limits.

The settings import this module: it must not import ldap3, which takes a third of a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

AGENT_ATTRIBUTES: Mapping[str, str] = {
    "id": "uid",
    "given_name": "givenName",
    "family_name": "sn",
    "metier": "title",
    "entity": "ou",
    "office": "l",
    "departement": "departmentNumber",
    "email": "mail",
}
"""Field of an agent → attribute of inetOrgPerson (RFC 2798)."""
ACTIVE_DIRECTORY_ATTRIBUTES: Mapping[str, str] = {
    **AGENT_ATTRIBUTES,
    "id": "sAMAccountName",
    "entity": "department",
    "office": "physicalDeliveryOfficeName",
    "departure": "accountExpires",
}
"""Field of an agent → attribute of Active Directory's `user` (MS-ADSC)."""
ACTIVE_DIRECTORY_AGENTS = "(&(objectCategory=person)(objectClass=user))"
ACTIVE_DIRECTORY_GROUPS = "(objectClass=group)"
OPTIONAL_AGENT_FIELDS = frozenset(
    {"arrival", "departure", "skills", "missions", "accounts", "listed", "contact_via", "contact"}
)
"""Fields without a standard attribute: read only if the settings name an attribute."""


@dataclass(frozen=True, slots=True)
class LdapConfig:
    """The configuration of a directory.

    The first of `urls` (`ldap://…`, `ldaps://…`) that answers is read. Below each base, the entries
    that match the filter (RFC 4515) are read; groups only if `groups_base` is set. `attributes`
    maps fields of `Agent` to attributes. Groups become the principals `authority:group:id`; their
    id is the attribute `group_id`, `members` are attributes with DNs, or ids in `memberUid`.

    `active_directory`: accounts and groups also become the principals `authority:sid:S-1-…`, and
    disabled accounts are not agents. `sid_sources` are sources whose accounts are SIDs.

    `timeout_s` limits each read from the socket, `total_timeout_s` a whole response. A directory of
    more than `max_entries` is refused.
    """

    urls: tuple[str, ...]
    agents_base: str
    agents_filter: str
    groups_base: str = ""
    groups_filter: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    start_tls: bool = False
    ca_file: str = ""
    authority: str = "ldap"
    attributes: Mapping[str, str] = field(default_factory=lambda: dict(AGENT_ATTRIBUTES))
    group_id: str = "cn"
    members: tuple[str, ...] = ("member", "uniqueMember", "memberUid")
    active_directory: bool = False
    sid_sources: tuple[str, ...] = ()
    page_size: int = 500
    timeout_s: float = 30.0
    total_timeout_s: float = 300.0
    max_entries: int = 1_000_000
