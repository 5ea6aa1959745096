"""The cursor of a tree of files: five bytes per file and some forty per folder, packed.

A file is identified by a digest of its document without the readers; only files with a new digest
are read again. Names are not stored.
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors import digests

FILE_BYTES = 5
"""Bytes of a file's digest, compared within a folder; among a thousand files, a change is missed
once in 10⁹.
"""
_NAME_BYTES = 6
_DIGEST_BYTES = 8
_MOST_BYTES = 1024 * 1024 * 1024
_DEEPEST = 250
_HEAD = ">8s8s8sII"
_FORM = b"\x01"
NOTHING = bytes(_DIGEST_BYTES)
"""Stands for the digest of anything that was not seen completely."""


@dataclass(slots=True)
class FolderState:
    """The state of a folder at the last reading; `folders` are subfolders, by digest of the name.

    `rights` is a digest of everything that decides the readers in and below it; `readers` is a
    digest of the readers of its files; `whole` is a digest of the server's tag, once all below was
    read.
    """

    rights: bytes = NOTHING
    readers: bytes = NOTHING
    whole: bytes = NOTHING
    files: set[bytes] = field(default_factory=set)
    folders: dict[bytes, "FolderState"] = field(default_factory=dict)

    def child(self, name: str) -> "FolderState | None":
        """Return the state of the subfolder of that name, or None."""
        return self.folders.get(name_key(name))

    def closed(self) -> "FolderState":
        """Return the state after its documents were hidden, so that readers are yielded again."""
        return FolderState(
            files=self.files, folders={key: one.closed() for key, one in self.folders.items()}
        )


def name_key(name: str) -> bytes:
    """Return the digest of a folder's name."""
    return digests.hash_of(name)[:_NAME_BYTES]


def file_key(name: str, described: str) -> bytes:
    """Return the digest of a file's name and description; copies only differ by name."""
    return digests.hash_of(f"{name}\0{described}")[:FILE_BYTES]


def digest_of(lines: Iterable[str]) -> bytes:
    """Return a digest of eight bytes that never equals `NOTHING`."""
    return digests.digest_of(lines, _DIGEST_BYTES)


def written_cursor(state: FolderState) -> str:
    """Return the cursor as text, to be stored."""
    packed: list[bytes] = [_FORM]
    _pack(state, packed)
    return base64.b64encode(zlib.compress(b"".join(packed), 1)).decode()


def read_cursor(text: str | None) -> FolderState:
    """Parse a cursor; return an empty state if the text is not in this form."""
    try:
        packed = base64.b64decode(text or "", validate=True)
        content = zlib.decompressobj().decompress(packed, _MOST_BYTES)
        if content.startswith(_FORM):
            state, end = _unpack(content, len(_FORM), 0)
            if end == len(content):
                return state
    except (ValueError, binascii.Error, zlib.error, struct.error):
        pass
    return FolderState()


def _pack(state: FolderState, packed: list[bytes]) -> None:
    counts = len(state.files), len(state.folders)
    packed.append(struct.pack(_HEAD, state.rights, state.readers, state.whole, *counts))
    packed += sorted(state.files)
    for key, folder in sorted(state.folders.items()):
        packed.append(key)
        _pack(folder, packed)


def _unpack(content: bytes, at: int, depth: int) -> tuple[FolderState, int]:
    if depth > _DEEPEST:
        raise ValueError
    rights, readers, whole, files, folders = struct.unpack_from(_HEAD, content, at)
    at += struct.calcsize(_HEAD)
    end = at + files * FILE_BYTES
    if end > len(content):
        raise ValueError
    known = {content[i : i + FILE_BYTES] for i in range(at, end, FILE_BYTES)}
    state = FolderState(rights, readers, whole, known)
    for _ in range(folders):
        key = content[end : end + _NAME_BYTES]
        state.folders[key], end = _unpack(content, end + _NAME_BYTES, depth + 1)
    return state, end
