"""Short digests, for cursors that stay small."""

import hashlib
from collections.abc import Iterable


def digest_of(lines: Iterable[str], size: int = 4) -> bytes:
    """`size` bytes, 32 at most, of which one at least is not zero: zeros may stand for unread."""
    digest = hash_of("\n".join(lines))[:size]
    return digest if any(digest) else b"\x01" + digest[1:]


def hash_of(text: str) -> bytes:
    """Thirty-two bytes (SHA-256) of any text, half a surrogate pair included."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
