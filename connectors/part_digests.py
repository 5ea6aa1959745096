"""A cursor for a source without a log of changes: a digest of each part, small at any size.

Each document belongs to a part by its name alone (`part_of`). A part whose digest changed is read
again; one that could not be read whole keeps its former digest, and is read again next time.
"""

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

PARTS = 4_096
_DIGEST_BYTES = 4


@dataclass(frozen=True, slots=True)
class PartDigests:
    """What the last reading saw.

    `digests` are those of the parts, `PARTS` times four bytes; a part that was never read whole
    has zeros. `readers` is a digest of who reads what; `moment` is the source's own clock when the
    last whole reading began, in the source's form, or empty.
    """

    digests: bytes = bytes(PARTS * _DIGEST_BYTES)
    readers: str = ""
    moment: str = ""

    def text(self) -> str:
        """As it is kept."""
        packed = base64.b64encode(zlib.compress(self.digests)).decode()
        return json.dumps({"parts": packed, "readers": self.readers, "moment": self.moment})

    def digest(self, part: int) -> bytes:
        """Of one part."""
        return self.digests[part * _DIGEST_BYTES : (part + 1) * _DIGEST_BYTES]

    def with_part(self, part: int, digest: bytes) -> "PartDigests":
        """The same after this part."""
        at = part * _DIGEST_BYTES
        digests = self.digests[:at] + digest + self.digests[at + _DIGEST_BYTES :]
        return PartDigests(digests, self.readers, self.moment)


def read_part_digests(text: str | None) -> PartDigests:
    """The beginning for a cursor of another form."""
    try:
        kept = json.loads(text or "")
        digests = zlib.decompress(base64.b64decode(kept["parts"]))
        if len(digests) == PARTS * _DIGEST_BYTES:
            return PartDigests(digests, str(kept["readers"]), str(kept["moment"]))
    except (ValueError, KeyError, TypeError, zlib.error, binascii.Error):
        pass
    return PartDigests()


def part_of(name: str) -> int:
    """The part that a document belongs to, by its name alone."""
    return (
        int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:2]) % PARTS
    )


def in_parts(names: Iterable[str]) -> dict[int, list[str]]:
    """Names by part, parts and names in their order."""
    found: dict[int, list[str]] = {}
    for name in sorted(names):
        found.setdefault(part_of(name), []).append(name)
    return dict(sorted(found.items()))


def digest_of(lines: Iterable[str]) -> bytes:
    """Four bytes, of which one at least is not zero: a part that was read never looks unread."""
    digest = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).digest()[
        :_DIGEST_BYTES
    ]
    return digest if any(digest) else b"\x01" + digest[1:]


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
