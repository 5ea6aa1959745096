"""Where the reading of rooms stands: the server's token, and the rooms that are left to read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

ROOMS, ALL = "rooms", "all"


@dataclass(frozen=True, slots=True)
class MatrixCursor:
    """The state between two readings. `user` and `rules` are those that it holds for.

    Everything before `since` was read, but of the `pending` rooms. Of these, `sync` is
    where the present reading ends. The value of a room is None where it is read from `since`;
    else it is read whole, after the conversation of that root (empty: from the first one).
    `removing` says what is to be removed after them: what is gone of some rooms
    (`ROOMS`) or of all (`ALL`). `listed` is when all rooms were last begun to be read.
    """

    user: str
    rules: str
    sync: str
    since: str = ""
    pending: Mapping[str, str | None] = field(default_factory=dict)
    removing: str = ""
    listed: datetime | None = None

    def to_json(self) -> str:
        """The cursor as text."""
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
    """The cursor of that account; None if it cannot be parsed or is another's."""
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
