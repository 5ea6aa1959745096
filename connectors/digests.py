"""Short digests, for cursors that stay small."""

import hashlib
from collections.abc import Iterable


def digest_of(lines: Iterable[str], size: int = 4) -> bytes:
    """Return a digest of `size` bytes (32 at most), never all zeros, which may mean unread."""
    digest = hash_of("\n".join(lines))[:size]
    return digest if any(digest) else b"\x01" + digest[1:]


def hash_of(text: str) -> bytes:
    """Return the SHA-256 (32 bytes) of any text, even with half a surrogate pair."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
