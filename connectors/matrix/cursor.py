"""The cursor of a reading of rooms: the server's tokens, and the rooms that are left to read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

ROOMS, ALL = "rooms", "all"


@dataclass(frozen=True, slots=True)
class MatrixCursor:
    """The state between two readings, valid for the account `user` and the settings `rules`.

    `since` and `sync` are tokens of the server: all rooms are read up to `since`, and all but the
    `pending` rooms up to `sync`. A pending room with the value None is read from `since`; any other
    room is read completely, after the conversation of that root (empty: from the first one).
    `removing` says of which rooms vanished documents are removed afterwards: `ROOMS` (some) or
    `ALL`. `listed` is when the last reading of all rooms began.
    """

    user: str
    rules: str
    sync: str
    since: str = ""
    pending: Mapping[str, str | None] = field(default_factory=dict)
    removing: str = ""
    listed: datetime | None = None

    def to_json(self) -> str:
        """Return the cursor as text."""
        return json.dumps(
            {
                "v": 1,
                "user": self.user,
                "rules": self.rules,
                "sync": self.sync,
                "since": self.since,
                "pending": self.pending,
                "removing": self.removing,
                "listed": self.listed and self.listed.isoformat(),
            }
        )


def read_cursor(text: str | None, user: str) -> MatrixCursor | None:
    """Return the cursor of that account, or None if it cannot be parsed or is another account's."""
    try:
        said = json.loads(text or "")
        if said["v"] != 1 or said["user"] != user:
            return None
        listed = datetime.fromisoformat(said["listed"]) if said["listed"] else None
        return MatrixCursor(
            user=user,
            rules=str(said["rules"]),
            sync=str(said["sync"]),
            since=str(said["since"]),
            pending={
                str(room): None if after is None else str(after)
                for room, after in said["pending"].items()
            },
            removing=str(said["removing"]),
            listed=listed and listed.astimezone(UTC),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
