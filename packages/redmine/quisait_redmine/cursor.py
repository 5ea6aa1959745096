"""The cursor of a Redmine: six bytes per item, eight per project and kind. No name, no text."""

import base64
import binascii
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors import digests

KEY_BYTES = 6
"""Bytes of an item's digest; among a hundred thousand items, a change is missed once in 10⁹."""
_DIGEST_BYTES = 8
_MOST_BYTES = 256 * 1024 * 1024


@dataclass(slots=True)
class RedmineState:
    """The state of a Redmine at the last reading.

    `rights` is a digest of the readers, by `project/kind`. `items` holds a digest of each item, as
    it was when it was read.
    """

    rights: dict[str, bytes] = field(default_factory=dict)
    items: set[bytes] = field(default_factory=set)


def digest_of(lines: Iterable[str]) -> bytes:
    """Return a digest of eight bytes."""
    return digests.digest_of(lines, _DIGEST_BYTES)


def item_key(document_id: str, described: object) -> bytes:
    """Return the digest of an item's id and description."""
    text = json.dumps([document_id, described], sort_keys=True, default=str)
    return digests.hash_of(text)[:KEY_BYTES]


def written_cursor(state: RedmineState) -> str:
    """Return the cursor as text, to be stored."""
    rights = {root: digest.hex() for root, digest in sorted(state.rights.items())}
    packed = json.dumps(rights).encode() + b"\n" + b"".join(sorted(state.items))
    return base64.b64encode(zlib.compress(b"1" + packed, 1)).decode()


def read_cursor(text: str | None) -> RedmineState:
    """Parse a cursor; return an empty state if the text is not in this form."""
    try:
        packed = base64.b64decode(text or "", validate=True)
        content = zlib.decompressobj().decompress(packed, _MOST_BYTES)
        head, _, keys = content.partition(b"\n")
        if not head.startswith(b"1") or len(keys) % KEY_BYTES:
            return RedmineState()
        rights = {str(root): bytes.fromhex(one) for root, one in json.loads(head[1:]).items()}
    except (ValueError, TypeError, AttributeError, binascii.Error, zlib.error, RecursionError):
        return RedmineState()
    items = {keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)}
    return RedmineState(rights, items)
