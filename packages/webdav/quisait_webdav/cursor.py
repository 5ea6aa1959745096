"""The cursor of a tree of files: five bytes a file and some forty a folder, packed.

A file is known by a digest of all that makes its document but its readers; what changed is read
again, and nothing else. Names are not kept.
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors import digests

FILE_BYTES = 5
"""Compared within a folder: of a thousand files in it, a change stays unseen once in 10⁹."""
_NAME_BYTES = 6
_DIGEST_BYTES = 8
_MOST_BYTES = 1024 * 1024 * 1024
_DEEPEST = 250
_HEAD = ">8s8s8sII"
_FORM = b"\x01"
NOTHING = bytes(_DIGEST_BYTES)
"""In place of a digest: what it is of was not seen, or not wholly."""


@dataclass(slots=True)
class FolderState:
    """What the last reading saw of a folder, and below `folders` by a digest of their names.

    `rights` is a digest of what decides who reads anything in it or below; `readers` one of who
    reads each of its files; `whole` one of the server's tag, where all below was read.
    """

    rights: bytes = NOTHING
    readers: bytes = NOTHING
    whole: bytes = NOTHING
    files: set[bytes] = field(default_factory=set)
    folders: dict[bytes, "FolderState"] = field(default_factory=dict)

    def child(self, name: str) -> "FolderState | None":
        """What was seen of the folder of that name."""
        return self.folders.get(name_key(name))

    def count(self) -> int:
        """The files in it and below."""
        return len(self.files) + sum(one.count() for one in self.folders.values())

    def closed(self) -> "FolderState":
        """The same after its documents were hidden: their readers are said again."""
        return FolderState(
            files=self.files, folders={key: one.closed() for key, one in self.folders.items()}
        )


def name_key(name: str) -> bytes:
    """What stands for a folder's name."""
    return digests.hash_of(name)[:_NAME_BYTES]


def file_key(name: str, described: str) -> bytes:
    """What stands for a file of a folder as it is described: a copy may have all but its name."""
    return digests.hash_of(f"{name}\0{described}")[:FILE_BYTES]


def digest_of(lines: Iterable[str]) -> bytes:
    """Eight bytes, never those of `NOTHING`."""
    return digests.digest_of(lines, _DIGEST_BYTES)


def written_cursor(state: FolderState) -> str:
    """As it is kept."""
    packed: list[bytes] = [_FORM]
    _pack(state, packed)
    return base64.b64encode(zlib.compress(b"".join(packed), 1)).decode()


def read_cursor(text: str | None) -> FolderState:
    """The beginning for a cursor of another form."""
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
