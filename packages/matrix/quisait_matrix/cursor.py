"""The cursor of a reading of rooms: the server's tokens, and the rooms that are left to read."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from pydantic import AwareDatetime, TypeAdapter, ValidationError

ROOMS, ALL = "rooms", "all"


@dataclass(frozen=True, slots=True)
class MatrixCursor:
    """The state between two readings, valid for the account `user` and the settings `rules`.

    `since` and `sync` are tokens of the server: all rooms are read up to `since`, and all but the
    `pending` rooms up to `sync`. A pending room with the value None is read from `since`; any other
    room is read completely, after the conversation of that root (empty: from the first one).
    `removing` says in which rooms vanished documents are removed afterwards: `ROOMS` (some rooms)
    or `ALL`. `listed` is when the last reading of all rooms began.
    """

    user: str
    rules: str
    sync: str
    since: str = ""
    pending: Mapping[str, str | None] = field(default_factory=dict)
    removing: str = ""
    listed: AwareDatetime | None = None
    v: Literal[1] = 1

    def to_json(self) -> str:
        """Return the cursor as text."""
        return json.dumps(asdict(self), default=str)


_CURSOR = TypeAdapter(MatrixCursor)


def read_cursor(text: str | None, user: str) -> MatrixCursor | None:
    """Return the cursor of that account, or None if it cannot be parsed or is another account's."""
    try:
        cursor = _CURSOR.validate_json(text or "")
    except ValidationError:
        return None
    return cursor if cursor.user == user else None
