"""The current state of a room, and which members may read which of its events.

History visibility is Matrix's (client-server specification, 1.15, Room history visibility):
`joined` shows a member the events after they joined, `invited` the events after they were invited,
`shared` shows everything to members, `world_readable` everything to anybody.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.values import MAX_PRINCIPALS, Access
from quisait_matrix.accounts import AccountNames
from quisait_matrix.events import EventType, RoomEvent

LEVELS = ("joined", "invited", "shared", "world_readable")
"""Values of history visibility, from the narrowest; unknown values count as the narrowest."""
JOINED, INVITED, SHARED, WORLD_READABLE = range(len(LEVELS))
DEFAULT_LEVEL = SHARED
"""The visibility of a room that sets none, by the specification."""
UNNAMED = "Salon sans nom"
PRIVATE_MEMBERS = 2
"""A room with this many members or fewer, the reading account included, is a private conversation.
"""


def level_of(visibility: str) -> int:
    """Return the index of a visibility in `LEVELS`."""
    return LEVELS.index(visibility) if visibility in LEVELS else JOINED


@dataclass(frozen=True, slots=True)
class RoomState:
    """The current state of a room. `joined` and `invited` are users; `names` are display names."""

    id: str
    name: str = UNNAMED
    joined: frozenset[str] = frozenset()
    invited: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    level: int = DEFAULT_LEVEL
    encrypted: bool = False
    is_space: bool = False

    @property
    def unread_reason(self) -> str:
        """The French reason why the room is not read; empty if it is read."""
        if self.encrypted:
            return "salon chiffré : il n'est pas lu"
        if not self.is_space and len(self.joined | self.invited) <= PRIVATE_MEMBERS:
            return "conversation à deux : elle n'est pas lue"
        return ""

    @property
    def is_read(self) -> bool:
        """Whether its conversations become documents; a space has none."""
        return not self.unread_reason and not self.is_space


def room_state(room_id: str, events: Iterable[Mapping[str, Any]]) -> RoomState:
    """Build the room's state from its state events."""
    name, alias, level = "", "", DEFAULT_LEVEL
    encrypted = is_space = False
    members: dict[str, set[str]] = {"join": set(), "invite": set()}
    names = {}
    for event in events:
        content, key = event.get("content"), event.get("state_key")
        if not isinstance(content, Mapping) or not isinstance(key, str):
            continue
        match event.get("type"):
            case EventType.MEMBER:
                members.get(str(content.get("membership")), set()).add(key)
                if isinstance(shown := content.get("displayname"), str) and shown.strip():
                    names[key] = shown.strip()
            case EventType.NAME:
                name = str(content.get("name") or "").strip()
            case "m.room.canonical_alias":
                alias = str(content.get("alias") or "").strip()
            case EventType.VISIBILITY:
                level = level_of(str(content.get("history_visibility")))
            case EventType.ENCRYPTION:
                encrypted = True
            case "m.room.create":
                is_space = content.get("type") == "m.space"
    joined, invited = frozenset(members["join"]), frozenset(members["invite"])
    return RoomState(
        room_id, name or alias or UNNAMED, joined, invited, names, level, encrypted, is_space
    )


@dataclass(frozen=True, slots=True)
class RoomReaders:
    """The users who may read a room's events, by position in a part of its timeline up to now.

    A reader is a current member; if the visibility requires it, they must have been a member since
    before the event. A member who left and came back counts only from their return, which is
    stricter than Matrix. If the current visibility is narrower than a former one, it also applies
    to former events.
    """

    state: RoomState
    levels: Sequence[tuple[int, int]]
    """(position, level from there on), ascending; the first position is -1."""
    joins: Mapping[str, int]
    """The position at which each user joined; only users who joined within this part."""
    stays: Mapping[str, int]
    """The position at which each user was invited or joined, whichever came first; only within this
    part.
    """
    left: frozenset[str] = frozenset()
    """Users whose last membership event in this part is not `join`. They may have left after the
    room's state was requested, and before one of the events was written.
    """

    def members(self, positions: Sequence[int]) -> frozenset[str]:
        """Return the users who may read the events at all these positions."""
        at = {
            level: min((p for p in positions if self.level(p) <= level), default=None)
            for level in (JOINED, INVITED)
        }
        return frozenset(
            user
            for user in self.state.joined - self.left
            if _since(self.joins, user, at[JOINED]) and _since(self.stays, user, at[INVITED])
        )

    def level(self, position: int) -> int:
        """Return the level of the event at a position, narrowed to the current level."""
        then = self.levels[bisect_right(self.levels, position, key=lambda pair: pair[0]) - 1][1]
        return min(then, self.state.level)


def _since(starts: Mapping[str, int], user: str, position: int | None) -> bool:
    """Return whether the user had joined by `position`; always true if `position` is None."""
    return position is None or starts.get(user, -1) <= position


def room_readers(state: RoomState, events: Sequence[RoomEvent]) -> RoomReaders:
    """Return the readers of a part of the timeline, oldest event first, that ends now."""
    levels: list[tuple[int, int]] = []
    joins: dict[str, int] = {}
    stays: dict[str, int] = {}
    memberships: dict[str, str] = {}
    for position, event in enumerate(events):
        if event.type is EventType.VISIBILITY:
            if not levels:
                # Until the first change in this part, the level that it replaced applies.
                levels.append((-1, level_of(event.former) if event.former else JOINED))
            levels.append((position, level_of(event.value)))
        elif event.type is EventType.MEMBER:
            user = event.state_key
            before = memberships.get(user, event.former or "")
            memberships[user] = event.value
            if event.value == "join" and before != "join":
                joins[user] = position
            if event.value in ("join", "invite") and before not in ("join", "invite"):
                stays[user] = position
    left = frozenset(user for user, value in memberships.items() if value != "join")
    return RoomReaders(state, levels or [(-1, state.level)], joins, stays, left)


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Converts members to principals. `own` is the reading account, which gives nobody access.

    `open_rooms` and `default_allowed` are the readers of events that anybody may read.
    """

    own: str
    names: AccountNames
    open_rooms: Mapping[str, Sequence[str]]
    default_allowed: frozenset[str] = frozenset()

    def access(self, readers: RoomReaders, positions: Sequence[int]) -> Access | None:
        """Return a conversation's access, or None if its readers exceed `MAX_PRINCIPALS`."""
        room = readers.state.id
        stated = self.open_rooms.get(room)
        if all(readers.level(position) == WORLD_READABLE for position in positions):
            allowed = self.default_allowed if stated is None else frozenset(stated)
            if stated is not None or allowed:
                return Access(allowed)
        users = readers.members(positions) - {self.own}
        if len(users) > MAX_PRINCIPALS:
            return None
        members = Access(frozenset(map(self.names.principal, users)))
        return members if stated is None else members.narrowed_to(Access(frozenset(stated)))
