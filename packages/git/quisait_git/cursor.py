"""The cursor of a branch: six bytes per page, packed. It contains no name and no text."""

import base64
import binascii
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors import digests

PAGE_BYTES = 6
"""Bytes of a page's digest; among a hundred thousand pages, a change is missed once in 10⁹."""
DIGEST_BYTES = 8
_FORM = b"\x01"
_MOST_BYTES = 256 * 1024 * 1024
NOTHING = bytes(DIGEST_BYTES)


@dataclass(slots=True)
class BranchState:
    """The state of a branch at the last reading, as digests.

    `whole` covers the commit and the settings, once everything was read; `rules` covers the rules
    for readers; `pages` has one digest for each page that was read.
    """

    whole: bytes = NOTHING
    rules: bytes = NOTHING
    pages: set[bytes] = field(default_factory=set)


def digest_of(lines: Iterable[str]) -> bytes:
    """Return a digest of eight bytes that never equals `NOTHING`."""
    return digests.digest_of(lines, DIGEST_BYTES)


def page_key(described: str) -> bytes:
    """Return the digest of a page's description, which includes its path."""
    return digests.hash_of(described)[:PAGE_BYTES]


def written_cursor(state: BranchState) -> str:
    """Return the cursor as text, to be stored."""
    packed = _FORM + state.whole + state.rules + b"".join(sorted(state.pages))
    return base64.b64encode(zlib.compress(packed, 1)).decode()


def read_cursor(text: str | None) -> BranchState:
    """Parse a cursor; return an empty state if the text is not in this form."""
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
