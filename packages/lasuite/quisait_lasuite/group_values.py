"""Groups that an application pushes, changes to them, and the errors of such changes."""

from dataclasses import dataclass
from datetime import datetime


class GroupUnknown(Exception):
    """The source has no group with that id."""


class GroupNameTaken(Exception):
    """Another group of the source has that name."""


class TooManyMembers(Exception):
    """The group has too many members, or the source too many groups."""


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member, as the application names it. `email` may be empty."""

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
    """Adds members; an existing member takes the new address."""

    members: tuple[GroupMember, ...]


@dataclass(frozen=True, slots=True)
class MembersRemoved:
    """Removes the members with one of these values or addresses, or all members if it is None."""

    members: tuple[GroupMember, ...] | None


@dataclass(frozen=True, slots=True)
class MembersReplaced:
    """Replaces all members."""

    members: tuple[GroupMember, ...]


@dataclass(frozen=True, slots=True)
class GroupDescribed:
    """Changes the group's name or the application's identifier; None keeps the value."""

    name: str | None = None
    external_id: str | None = None


GroupChange = MembersAdded | MembersRemoved | MembersReplaced | GroupDescribed
