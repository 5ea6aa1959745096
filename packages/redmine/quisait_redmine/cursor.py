"""The cursor of a Redmine: six bytes an item, eight a project and kind. No name, no text."""

import base64
import binascii
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors import digests

KEY_BYTES = 6
"""Of a hundred thousand items, a change stays unseen once in 10⁹."""
_DIGEST_BYTES = 8
_MOST_BYTES = 256 * 1024 * 1024


@dataclass(slots=True)
class RedmineState:
    """What was read: `rights` is who reads a kind of a project, by `project/kind`.

    `items` holds a digest of each item that was read, as it was then.
    """

    rights: dict[str, bytes] = field(default_factory=dict)
    items: set[bytes] = field(default_factory=set)


def digest_of(lines: Iterable[str]) -> bytes:
    """Eight bytes."""
    return digests.digest_of(lines, _DIGEST_BYTES)


def item_key(document_id: str, described: object) -> bytes:
    """What stands for an item as it is described."""
    text = json.dumps([document_id, described], sort_keys=True, default=str)
    return digests.hash_of(text)[:KEY_BYTES]


def written_cursor(state: RedmineState) -> str:
    """As it is kept."""
    rights = {root: digest.hex() for root, digest in sorted(state.rights.items())}
    packed = json.dumps(rights).encode() + b"\n" + b"".join(sorted(state.items))
    return base64.b64encode(zlib.compress(b"1" + packed, 1)).decode()


def read_cursor(text: str | None) -> RedmineState:
    """The beginning for a cursor of another form."""
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
