"""Groups as an application pushes them, the changes of one, and why one is refused."""

from dataclasses import dataclass
from datetime import datetime


class GroupUnknown(Exception):
    """There is no group of that id."""


class GroupNameTaken(Exception):
    """Another group of the source has that name."""


class TooManyMembers(Exception):
    """More members than a group, or more groups than a source, may have."""


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member as the application names it. `email` may be empty."""

    value: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class PushedGroup:
    """A group of an application, with its members by value."""

    id: str
    name: str
    external_id: str
    created: datetime
    modified: datetime
    members: tuple[GroupMember, ...] = ()


@dataclass(frozen=True, slots=True)
class MembersAdded:
    """These become members; one that is a member already takes the new address."""

    members: tuple[GroupMember, ...]


@dataclass(frozen=True, slots=True)
class MembersRemoved:
    """Who has one of these values or addresses is no member any more; None: nobody is."""

    members: tuple[GroupMember, ...] | None


@dataclass(frozen=True, slots=True)
class MembersReplaced:
    """These are the members."""

    members: tuple[GroupMember, ...]


@dataclass(frozen=True, slots=True)
class GroupDescribed:
    """The group takes another name or identifier of the application's; None keeps it."""

    name: str | None = None
    external_id: str | None = None


GroupChange = MembersAdded | MembersRemoved | MembersReplaced | GroupDescribed
