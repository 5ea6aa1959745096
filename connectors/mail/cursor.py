"""The cursor of a source of mails: what each folder looked like, small at any size.

The threads of a folder are divided by their names into parts. A part whose digest changed is
read again; one that could not be read whole keeps its former digest.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.digests import hash_of

_DIGEST_BYTES = 4
_FEWEST_PARTS, _MOST_PARTS = 16, 8_192
_THREADS_IN_A_PART = 8
"""Beyond these a folder is divided anew, and read anew; it is divided for far fewer at first."""


@dataclass(frozen=True, slots=True)
class FolderCursor:
    """What the last reading saw of a folder.

    `state` is what the source says of it as a whole, empty where it was not read to its end.
    `readers` is a digest of who reads it. `digests` are those of its parts.
    """

    state: str = ""
    readers: str = ""
    digests: bytes = b""

    def for_threads(self, count: int) -> "FolderCursor":
        """The same, with enough parts for so many threads; with new parts nothing is known."""
        parts = len(self.digests) // _DIGEST_BYTES
        if parts and (parts >= _MOST_PARTS or count <= parts * _THREADS_IN_A_PART):
            return self
        parts = _FEWEST_PARTS
        while parts < _MOST_PARTS and 2 * parts < count:
            parts *= 2
        return replace(self, state="", digests=bytes(parts * _DIGEST_BYTES))

    def part_of(self, name: str) -> int:
        """The part that a thread belongs to."""
        return int.from_bytes(hash_of(name)[:4]) % (len(self.digests) // _DIGEST_BYTES)

    def digest(self, part: int) -> bytes:
        """Of one part; zeros where it was not read whole."""
        return self.digests[part * _DIGEST_BYTES : (part + 1) * _DIGEST_BYTES]

    def with_part(self, part: int, digest: bytes) -> "FolderCursor":
        """The same after this part."""
        at = part * _DIGEST_BYTES
        digests = self.digests[:at] + digest + self.digests[at + _DIGEST_BYTES :]
        return replace(self, digests=digests)


@dataclass(frozen=True, slots=True)
class MailCursor:
    """What the last reading saw of each folder."""

    folders: Mapping[str, FolderCursor] = field(default_factory=dict)

    def with_folder(self, name: str, folder: FolderCursor | None) -> "MailCursor":
        """The same with this folder; without it if there is none."""
        others = {one: kept for one, kept in self.folders.items() if one != name}
        return MailCursor(others if folder is None else {**others, name: folder})

    def with_state(self, name: str, state: str) -> "MailCursor":
        """The same with a folder read to its end, in that state."""
        return self.with_folder(name, replace(self.folders[name], state=state))

    def text(self) -> str:
        """As it is kept."""
        kept = {
            name: [one.state, one.readers, base64.b64encode(one.digests).decode()]
            for name, one in sorted(self.folders.items())
        }
        return json.dumps({"v": 1, "folders": kept}, ensure_ascii=False)


def read_cursor(text: str | None) -> MailCursor:
    """The beginning for a cursor of another form."""
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
