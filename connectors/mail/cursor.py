"""The cursor of a source of mails: a digest of each folder, small at any size.

The threads of a folder are divided by name into parts. A part whose digest changed is read again; a
part that could not be read completely keeps its former digest.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.digests import hash_of

_DIGEST_BYTES = 4
_FEWEST_PARTS, _MOST_PARTS = 16, 8_192
_THREADS_IN_A_PART = 8
"""With more threads per part, a folder is divided anew and read again; a new division has 2 at
most.
"""


@dataclass(frozen=True, slots=True)
class FolderCursor:
    """The state of a folder at the last reading.

    `state` is the source's own text for the state of the whole folder, empty if the folder was not
    read to its end. `readers` is a digest of its readers. `digests` are the digests of its parts.
    """

    state: str = ""
    readers: str = ""
    digests: bytes = b""

    def for_threads(self, count: int) -> "FolderCursor":
        """Return the cursor with enough parts for `count` threads; new parts are unread."""
        parts = len(self.digests) // _DIGEST_BYTES
        if parts and (parts >= _MOST_PARTS or count <= parts * _THREADS_IN_A_PART):
            return self
        parts = _FEWEST_PARTS
        while parts < _MOST_PARTS and 2 * parts < count:
            parts *= 2
        return replace(self, state="", digests=bytes(parts * _DIGEST_BYTES))

    def part_of(self, name: str) -> int:
        """Return the part that a thread belongs to."""
        return int.from_bytes(hash_of(name)[:4]) % (len(self.digests) // _DIGEST_BYTES)

    def digest(self, part: int) -> bytes:
        """Return the digest of one part; zeros if it was not read completely."""
        return self.digests[part * _DIGEST_BYTES : (part + 1) * _DIGEST_BYTES]

    def with_part(self, part: int, digest: bytes) -> "FolderCursor":
        """Return the cursor with the new digest of this part."""
        at = part * _DIGEST_BYTES
        digests = self.digests[:at] + digest + self.digests[at + _DIGEST_BYTES :]
        return replace(self, digests=digests)


@dataclass(frozen=True, slots=True)
class MailCursor:
    """The state of each folder at the last reading."""

    folders: Mapping[str, FolderCursor] = field(default_factory=dict)

    def with_folder(self, name: str, folder: FolderCursor | None) -> "MailCursor":
        """Return the cursor with this folder, or without the folder if `folder` is None."""
        others = {one: kept for one, kept in self.folders.items() if one != name}
        return MailCursor(others if folder is None else {**others, name: folder})

    def with_state(self, name: str, state: str) -> "MailCursor":
        """Return the cursor with a folder marked as read to its end, in that state."""
        return self.with_folder(name, replace(self.folders[name], state=state))

    def text(self) -> str:
        """Return the cursor as text, to be stored."""
        kept = {
            name: [one.state, one.readers, base64.b64encode(one.digests).decode()]
            for name, one in sorted(self.folders.items())
        }
        return json.dumps({"v": 1, "folders": kept}, ensure_ascii=False)


def read_cursor(text: str | None) -> MailCursor:
    """Parse a cursor; return an empty cursor if the text is not in this form."""
    try:
        kept = json.loads(text or "")
        if kept["v"] != 1:
            return MailCursor()
        folders = {
            str(name): FolderCursor(str(state), str(readers), base64.b64decode(digests))
            for name, (state, readers, digests) in kept["folders"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return MailCursor()
    whole = all(one.digests and len(one.digests) % _DIGEST_BYTES == 0 for one in folders.values())
    return MailCursor(folders) if whole else MailCursor()
