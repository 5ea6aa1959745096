"""Values that every package shares: documents, access, contributions, agents and groups.

This module imports nothing of the project.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

EVERYONE = "everyone"
RESERVED_AUTHORITIES = frozenset({EVERYONE, "agent"})
"""Authorities that no source or directory may speak for: they are the application's own."""


class ContributorRole(StrEnum):
    """What an account did to a document. Which roles count is expertise's business."""

    AUTHOR = "author"
    EDITOR = "editor"
    ANSWERER = "answerer"
    ACCEPTED_ANSWERER = "accepted_answerer"
    COMMENTER = "commenter"
    REVIEWER = "reviewer"
    ASKER = "asker"
    UPLOADER = "uploader"
    FORWARDER = "forwarder"
    BOT = "bot"


ROLES_BY_NAME: Mapping[str, ContributorRole] = MappingProxyType(
    {role.value: role for role in ContributorRole}
)
"""By name: a thousand contributions are read for one question."""


class EvidencePolicy(StrEnum):
    """Whether contributions to a document may ever support a candidate."""

    YES = "yes"
    NONE = "none"


def normalize_principal(principal: str) -> str:
    """The one form in which principals are compared: NFC (Unicode Standard Annex 15).

    Spellings of one text that Unicode calls canonically equivalent have the same form.
    Nothing else is changed: letter case, and characters that nobody sees, tell two groups
    apart to some authorities, and to merge two would open to one what is the other's.
    Spaces around a principal are stripped where a text is read, before it comes here.
    """
    return principal if principal.isascii() else unicodedata.normalize("NFC", principal)


def normalize_principals(principals: Iterable[str]) -> frozenset[str]:
    """Each principal in its form (`principal_form`)."""
    return frozenset(map(normalize_principal, principals))


@dataclass(frozen=True, slots=True)
class Access:
    """Principals (`authority:kind:id`, or `everyone`) allowed and denied; empty means nobody.

    They are held in their form (`principal_form`), however the source writes them.
    """

    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed", normalize_principals(self.allowed))
        object.__setattr__(self, "denied", normalize_principals(self.denied))

    def narrowed_to(self, other: "Access") -> "Access":
        """An access that admits only readers whom both admit.

        A reader whom each admits by another principal is left out: a list of principals
        cannot say "one of these and one of those".
        """
        allowed = self.allowed & other.allowed
        if EVERYONE in self.allowed:
            allowed |= other.allowed
        if EVERYONE in other.allowed:
            allowed |= self.allowed
        return Access(allowed, self.denied | other.denied)


def authority_of(principal: str) -> str:
    """The authority that vouches for a principal: what stands before its first colon."""
    return principal.partition(":")[0]


def account_principal(account: str) -> str:
    """The principal of who holds an account: of `source:name`, `source:account:name`."""
    source, _, name = account.partition(":")
    return normalize_principal(f"{source}:account:{name}")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one account did to a document in one role.

    `account` is `source:name`; `label` is the name that the source shows for it.
    `years` holds (year, count) pairs, ascending; their counts sum to `count`. `thanks`
    is how many others thanked for it, where the source says so.
    """

    account: str
    role: ContributorRole
    label: str = ""
    count: int = 1
    first: date | None = None
    last: date | None = None
    years: tuple[tuple[int, int], ...] = ()
    thanks: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a document in reading order: a chapter, a page, an answer, an attachment.

    `page` counts from 1 (page or slide); `path` is the attachment's path inside
    the document, empty for the document itself; `author` is an account.
    """

    text: str
    heading: str = ""
    author: str | None = None
    page: int | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """A file that is still to be extracted. `read` may raise `RecordVanished`.

    Where `size_bytes` is known, a file that is too large is not read at all.
    """

    filename: str
    read: Callable[[], bytes]
    media_type: str | None = None
    size_bytes: int | None = None


MAX_REPLACED = 100
"""So many documents one document may say that it replaces."""
MAX_PRINCIPALS = 1_000
"""So many principals one document may allow, and so many it may deny: larger circles are
groups. An index looks at each of them for each reader."""


@dataclass(frozen=True, slots=True)
class Document:
    """A post, thread, page, file or message, as its source knows it.

    `id` is `source:…`; `area` is an INSEE département code, `entity` a path with
    slashes: both speak of who published the document. `version` is any string that
    changes when the content does; where it is empty the content itself is hashed.
    """

    id: str
    source: str
    title: str
    access: Access
    sections: tuple[Section, ...] = ()
    content: Content | None = None
    url: str = ""
    kind: str = "document"
    language: str = "fr"
    created: datetime | None = None
    modified: datetime | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    replaces: tuple[str, ...] = ()
    space: str = ""
    part_of: str = ""
    entity: str = ""
    area: str = ""
    evidence: EvidencePolicy = EvidencePolicy.YES
    contributions: tuple[Contribution, ...] = ()
    version: str = ""


class ContactVia(StrEnum):
    """How an agent is reached, as their entity wishes; at most as they wish themselves."""

    DIRECT = "direct"
    SERVICE = "service"
    HEAD = "head"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class RefusedTopic:
    """A topic that an agent asked not to be proposed for, with its labels.

    `documents` are those that the last build counted for them under it.
    """

    id: str
    labels: tuple[str, ...] = ()
    documents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Agent:
    """A civil servant as the directory knows them.

    `accounts` are `source:name`; `departement` is an INSEE code; `listed` is false
    for who asked never to be proposed as an expert. `skills` are declared, on the day
    `skills_declared`; `skills_confirmed` are those of them that somebody else vouches for.
    `contact_via` says how their entity wishes them to be reached, at the address `contact`.
    `refused` is the agent's own word, which no directory gives.
    """

    id: str
    given_name: str
    family_name: str
    metier: str = ""
    entity: str = ""
    office: str = ""
    departement: str = ""
    email: str = ""
    arrival: date | None = None
    departure: date | None = None
    skills: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    listed: bool = True
    skills_declared: date | None = None
    skills_confirmed: tuple[str, ...] = ()
    contact_via: ContactVia = ContactVia.DIRECT
    contact: str = ""
    refused: tuple[RefusedTopic, ...] = ()

    @property
    def name(self) -> str:
        """Given and family name, as a page shows them."""
        return f"{self.given_name} {self.family_name}".strip()

    def departed(self, on: date) -> bool:
        """Whether the agent has left by that day (the day of departure counts as left)."""
        return self.departure is not None and self.departure <= on


@dataclass(frozen=True, slots=True)
class Group:
    """A group of agents, known as the principal `authority:group:id`, held in its form.

    `members` are ids of agents.
    """

    principal: str
    label: str = ""
    members: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        object.__setattr__(self, "principal", normalize_principal(self.principal))
