"""The cursor of a share: twenty bytes per file, however long its path.

A file has a digest of its path, one of its state and one of its readers.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

VERSION = 1
_KEY, _STATE, _ACCESS = 8, 6, 6
"""Bytes of each digest. A state is compared with one other state only, a path with all paths."""


class FileMarks(NamedTuple):
    """Digests of a file's state and of its readers, as last yielded."""

    state: bytes
    access: bytes


@dataclass(frozen=True, slots=True)
class ShareCursor:
    """The state of a share at the last reading: `files` by the digest of their path.

    `rights` is a digest of the settings that decide the readers; `checked` is the moment (ISO 8601)
    at which all access lists were last read.
    """

    files: Mapping[bytes, FileMarks] = field(default_factory=dict)
    rights: str = ""
    checked: str = ""

    def text(self) -> str:
        """Return the cursor as text, to be stored."""
        packed = b"".join(key + marks.state + marks.access for key, marks in self.files.items())
        files = base64.b64encode(packed).decode()
        kept = {"v": VERSION, "files": files, "rights": self.rights, "checked": self.checked}
        return json.dumps(kept)


def read_cursor(text: str | None) -> ShareCursor | None:
    """Parse a cursor; return None if the text is not in this form."""
    try:
        kept = json.loads(text or "")
        packed = base64.b64decode(kept["files"], validate=True)
        size = _KEY + _STATE + _ACCESS
        if kept["v"] != VERSION or len(packed) % size:
            return None
        files = {
            packed[at : at + _KEY]: FileMarks(
                packed[at + _KEY : at + _KEY + _STATE], packed[at + _KEY + _STATE : at + size]
            )
            for at in range(0, len(packed), size)
        }
        return ShareCursor(files, str(kept["rights"]), str(kept["checked"]))
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None


def path_key(path: str) -> bytes:
    """Return the digest that identifies a file by its path."""
    return _digest(path, size=_KEY)


def state_mark(*values: object) -> bytes:
    """Return a digest of the values that distinguish versions of a file."""
    return _digest(*values, size=_STATE)


def access_mark(*values: object) -> bytes:
    """Return a digest of a file's readers."""
    return _digest(*values, size=_ACCESS)


def _digest(*values: object, size: int) -> bytes:
    written = "\0".join(map(str, values)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(written, digest_size=size).digest()
