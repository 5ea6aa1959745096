"""The cursor of a branch: six bytes a page, packed. No name and no text is kept."""

import base64
import binascii
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors import digests

PAGE_BYTES = 6
"""Of a hundred thousand pages, a change stays unseen once in 10⁹."""
DIGEST_BYTES = 8
_FORM = b"\x01"
_MOST_BYTES = 256 * 1024 * 1024
NOTHING = bytes(DIGEST_BYTES)


@dataclass(slots=True)
class BranchState:
    """What was read: `whole` is a digest of the commit and settings, once all of it was.

    `rules` is a digest of who reads what; `pages` one of each page that was read.
    """

    whole: bytes = NOTHING
    rules: bytes = NOTHING
    pages: set[bytes] = field(default_factory=set)


def digest_of(lines: Iterable[str]) -> bytes:
    """Eight bytes, never those of `NOTHING`."""
    return digests.digest_of(lines, DIGEST_BYTES)


def page_key(described: str) -> bytes:
    """What stands for a page as it is described, its path included."""
    return digests.hash_of(described)[:PAGE_BYTES]


def written_cursor(state: BranchState) -> str:
    """As it is kept."""
    packed = _FORM + state.whole + state.rules + b"".join(sorted(state.pages))
    return base64.b64encode(zlib.compress(packed, 1)).decode()


def read_cursor(text: str | None) -> BranchState:
    """The beginning for a cursor of another form."""
    try:
        packed = base64.b64decode(text or "", validate=True)
        content = zlib.decompressobj().decompress(packed, _MOST_BYTES)
    except (ValueError, binascii.Error, zlib.error):
        return BranchState()
    head = len(_FORM) + 2 * DIGEST_BYTES
    if not content.startswith(_FORM) or len(content) < head or (len(content) - head) % PAGE_BYTES:
        return BranchState()
    keys = {content[at : at + PAGE_BYTES] for at in range(head, len(content), PAGE_BYTES)}
    return BranchState(content[1 : 1 + DIGEST_BYTES], content[1 + DIGEST_BYTES : head], keys)
