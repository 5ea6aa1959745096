"""Values that every package shares: documents, access, contributions, agents and groups.

This module imports nothing of the project.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from types import MappingProxyType

EVERYONE = "everyone"
_LONGEST_DATE = 100
APPLICATION_AUTHORITY = "quisait"
"""The authority of principals by which the application limits who may read an asked question."""
RESERVED_AUTHORITIES = frozenset({EVERYONE, "agent", APPLICATION_AUTHORITY})
"""Authorities that the application itself uses: no source or directory may use them."""


class ContributorRole(StrEnum):
    """The role of an account in a document. `expertise` decides which roles count."""

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
"""Roles by name. A lookup here is faster than `ContributorRole(name)`, and a question reads a
thousand contributions.
"""


CONVERSATION_HEADINGS: Mapping[ContributorRole, str] = MappingProxyType(
    {
        ContributorRole.ACCEPTED_ANSWERER: "Réponse acceptée",
        ContributorRole.ANSWERER: "Réponse",
        ContributorRole.COMMENTER: "Commentaire",
    }
)
"""The headings of the parts of a conversation, by role; its first message has no heading."""


class EvidencePolicy(StrEnum):
    """Whether contributions to a document count as evidence for a candidate."""

    YES = "yes"
    NONE = "none"


def normalize_principal(principal: str) -> str:
    """Return the form in which principals are compared: NFC (Unicode Standard Annex 15).

    Canonically equivalent spellings have the same form. Nothing else is changed: some authorities
    distinguish groups by letter case or invisible characters, and merging two groups would open the
    documents of one to the other. Surrounding spaces are stripped where the source's text is
    parsed.
    """
    return principal if principal.isascii() else unicodedata.normalize("NFC", principal)


def normalize_principals(principals: Iterable[str]) -> frozenset[str]:
    """Return each principal in its normalized form."""
    return frozenset(map(normalize_principal, principals))


@dataclass(frozen=True, slots=True)
class Access:
    """Principals (`authority:kind:id`, or `everyone`) allowed and denied; empty means nobody.

    They are stored in their normalized form (`normalize_principal`).
    """

    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed", normalize_principals(self.allowed))
        object.__setattr__(self, "denied", normalize_principals(self.denied))

    def narrowed_to(self, other: "Access") -> "Access":
        """Return an access that admits only readers that both accesses admit.

        A reader that each access admits by a different principal is left out: a list of principals
        cannot express "one of these and one of those".
        """
        allowed = self.allowed & other.allowed
        if EVERYONE in self.allowed:
            allowed |= other.allowed
        if EVERYONE in other.allowed:
            allowed |= self.allowed
        return Access(allowed, self.denied | other.denied)


def authority_of(principal: str) -> str:
    """Return the authority that vouches for a principal: the part before its first colon."""
    return principal.partition(":")[0]


def account_principal(account: str) -> str:
    """Return the principal of an account's holder: `source:account:name` for `source:name`."""
    source, _, name = account.partition(":")
    return normalize_principal(f"{source}:account:{name}")


@dataclass(frozen=True, slots=True)
class Contribution:
    """The contribution of one account to a document, in one role.

    `account` is `source:name`; `label` is the name that the source shows for it. `years` holds
    (year, count) pairs, ascending; their counts sum to `count`. `thanks` is the number of other
    people who thanked for it, if the source has thanks. `volume` is how much of the document's
    current text the account wrote, in characters, bytes or lines, or None if unknown. All
    contributions to a document use the same unit.
    """

    account: str
    role: ContributorRole
    label: str = ""
    count: int = 1
    first: date | None = None
    last: date | None = None
    years: tuple[tuple[int, int], ...] = ()
    thanks: int = 0
    volume: int | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document in reading order: a chapter, a page, an answer, an attachment.

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
    """A file, before its text is extracted. `read` may raise `RecordVanished`.

    If `size_bytes` is known, a file that is too large is never read. `default_title` is the
    document's title if neither its source nor the file has a title.
    """

    filename: str
    read: Callable[[], bytes]
    media_type: str | None = None
    size_bytes: int | None = None
    default_title: str = ""


MAX_REPLACED = 100
"""Maximum number of documents that one document may replace."""
MAX_PRINCIPALS = 1_000
"""Maximum number of principals that one document may allow, and that it may deny; more need a
group. An index checks each of them for each reader.
"""


@dataclass(frozen=True, slots=True)
class Document:
    """A post, thread, page, file or message, as its source knows it.

    `id` is `source:…`; `area` is an INSEE département code, `entity` a path with slashes: both
    describe the publisher. `version` is any string that changes when the content does; if it is
    empty the content itself is hashed. `questions` are expected questions: what agents ask that the
    text answers, in their own words.
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
    questions: tuple[str, ...] = ()


COPIED_FIELDS = ("language", "valid_from", "valid_until", "entity", "area")
"""Document fields that have the same name and value in export records and folder rules."""


def assume_utc(moment: datetime) -> datetime:
    """Return the moment with a time zone: UTC if it has none."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def date_of_header(written: str) -> datetime | None:
    """Return the moment of a mail's or a web server's date, in UTC, or None if it is invalid."""
    try:
        return assume_utc(parsedate_to_datetime(written[:_LONGEST_DATE])).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def date_of_iso(written: object) -> datetime | None:
    """Return the moment of an ISO 8601 text, in UTC, or None if it is invalid or no text."""
    try:
        moment = datetime.fromisoformat(written if isinstance(written, str) else "")
        return assume_utc(moment).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class ContactVia(StrEnum):
    """How an agent may be contacted: their entity's choice, restricted by the agent's choice."""

    DIRECT = "direct"
    SERVICE = "service"
    HEAD = "head"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class RefusedTopic:
    """A topic for which an agent is not proposed, with its labels.

    The agent or an animator of the topic decided so. `documents` are the documents that the last
    build counted for the agent under the topic.
    """

    id: str
    labels: tuple[str, ...] = ()
    documents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Mission:
    """A task of an agent, from the directory: a topic's id or label, from `first` to `last`.

    Both days are included; a mission without `last` has no end.
    """

    topic: str
    first: date
    last: date | None = None

    def in_force(self, on: date) -> bool:
        """Return whether the mission has begun and has not ended on that day."""
        return self.first <= on and not self.ended(on)

    def ended(self, on: date) -> bool:
        """Return whether the mission's last day is before that day."""
        return self.last is not None and self.last < on


@dataclass(frozen=True, slots=True)
class Agent:
    """A civil servant, as the directory describes them.

    `accounts` are `source:name`; `departement` is an INSEE code; `listed` is false if the agent
    asked never to be proposed as an expert. `skills` were declared on the day `skills_declared`;
    somebody else confirmed `skills_confirmed`. `missions` include those that ended. `contact_via`
    and `contact` say how and where to reach the agent. `refused` topics come from the agent or from
    an animator of the topic; `disowned` (ids of documents that the agent said are not theirs),
    `communities_joined` and `communities_left` (topics) come from the agent; `communities_invited`
    are the topics of communities that invited them, each with the day on which they were told. The
    directory provides none of these values.
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
    missions: tuple[Mission, ...] = ()
    contact_via: ContactVia = ContactVia.DIRECT
    contact: str = ""
    refused: tuple[RefusedTopic, ...] = ()
    disowned: frozenset[str] = frozenset()
    communities_joined: frozenset[str] = frozenset()
    communities_left: frozenset[str] = frozenset()
    communities_invited: frozenset[tuple[str, date]] = frozenset()

    @property
    def name(self) -> str:
        """Given and family name, as a page shows them."""
        return f"{self.given_name} {self.family_name}".strip()

    def departed(self, on: date) -> bool:
        """Return whether the agent has left by that day (the day of departure counts as left)."""
        return self.departure is not None and self.departure <= on

    def arrived(self, on: date) -> bool:
        """Return whether the agent is in post by that day, as far as the directory knows."""
        return self.arrival is None or self.arrival <= on


@dataclass(frozen=True, slots=True)
class Group:
    """A group of agents; its principal is `authority:group:id`, normalized.

    `members` are ids of agents.
    """

    principal: str
    label: str = ""
    members: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        object.__setattr__(self, "principal", normalize_principal(self.principal))
