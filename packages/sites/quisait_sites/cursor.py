"""The cursor of a site, small at any size: a digest of each part of its pages.

A page's address decides its part. A part whose digest changed is read again; a part that could not
be read completely keeps its former digest, and is read again next time.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from connectors.digests import hash_of

PARTS = 4_096
_DIGEST_BYTES = 4


@dataclass(frozen=True, slots=True)
class SiteCursor:
    """The state of a site at the last reading.

    `digests` are the digests of the parts, `PARTS` times four bytes; zeros for a part that was
    never read completely. `readers` is a digest of the readers of all pages; `moment` is the site's
    own clock when the last complete reading began, an HTTP date, or empty.
    """

    digests: bytes = bytes(PARTS * _DIGEST_BYTES)
    readers: str = ""
    moment: str = ""

    def text(self) -> str:
        """Return the cursor as text, to be stored."""
        packed = base64.b64encode(zlib.compress(self.digests)).decode()
        return json.dumps({"parts": packed, "readers": self.readers, "moment": self.moment})

    def digest(self, part: int) -> bytes:
        """Return the digest of one part."""
        return self.digests[part * _DIGEST_BYTES : (part + 1) * _DIGEST_BYTES]

    def with_part(self, part: int, digest: bytes) -> "SiteCursor":
        """Return the cursor with the new digest of this part."""
        at = part * _DIGEST_BYTES
        digests = self.digests[:at] + digest + self.digests[at + _DIGEST_BYTES :]
        return SiteCursor(digests, self.readers, self.moment)

    def without(self, part: int) -> "SiteCursor":
        """Return the cursor as if this part had never been read."""
        return self.with_part(part, bytes(_DIGEST_BYTES))

    def only(self, parts: Collection[int]) -> "SiteCursor":
        """Return the cursor as if no other part had ever been read, so that all others are read."""
        digests = b"".join(
            self.digest(part) if part in parts else bytes(_DIGEST_BYTES) for part in range(PARTS)
        )
        return SiteCursor(digests, self.readers, self.moment)


def read_cursor(text: str | None) -> SiteCursor:
    """Parse a cursor; return an empty cursor if the text is not in this form."""
    try:
        kept = json.loads(text or "")
        digests = zlib.decompress(base64.b64decode(kept["parts"]))
        if len(digests) == PARTS * _DIGEST_BYTES:
            return SiteCursor(digests, str(kept["readers"]), str(kept["moment"]))
    except (ValueError, KeyError, TypeError, zlib.error, binascii.Error):
        pass
    return SiteCursor()


def part_of(address: str) -> int:
    """Return the part that a page belongs to; only its address decides."""
    return int.from_bytes(hash_of(address)[:2]) % PARTS


def in_parts(addresses: Iterable[str]) -> dict[int, list[str]]:
    """Return addresses by part; parts and addresses are sorted."""
    found: dict[int, list[str]] = {}
    for address in sorted(addresses):
        found.setdefault(part_of(address), []).append(address)
    return dict(sorted(found.items()))
