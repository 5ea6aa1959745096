"""Parse a file's owner and access list, as the server sends them (MS-DTYP 2.4).

Every read is checked against the bounds: a descriptor with wrong sizes is an error.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

READ_DATA, READ_ATTRIBUTES = 0x1, 0x80
NEEDED = 0x120089
"""The rights that an application requests to read a file (FILE_GENERIC_READ, MS-SMB2 2.2.13.1.1).
"""
_GENERIC = {
    0x8000_0000: NEEDED,  # GENERIC_READ
    0x4000_0000: 0x120116,  # GENERIC_WRITE
    0x2000_0000: 0x1200A0,  # GENERIC_EXECUTE
    0x1000_0000: 0x1F01FF,  # GENERIC_ALL
}
"""Maps each generic bit to the rights of a file that it means (MS-DTYP 2.4.3)."""
_INHERIT_ONLY = 0x08
_DACL_PRESENT = 0x0004


class AceType(IntEnum):
    """The supported types of entries in a file's list."""

    ALLOW = 0
    DENY = 1
    ALLOW_CALLBACK = 9
    DENY_CALLBACK = 10


@dataclass(frozen=True, slots=True)
class Ace:
    """An entry that applies to the file itself: its SID, and a mask of rights.

    `kind` is None for an unsupported type; such an entry may have no SID.
    """

    kind: AceType | None
    sid: str
    mask: int

    @property
    def allows(self) -> bool:
        """Whether the entry allows, with or without a condition."""
        return self.kind in (AceType.ALLOW, AceType.ALLOW_CALLBACK)

    @property
    def conditional(self) -> bool:
        """Whether the entry applies only if a condition on the reader is met."""
        return self.kind in (AceType.ALLOW_CALLBACK, AceType.DENY_CALLBACK)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A file's owner (a SID, or empty) and its entries in order (None if it has no list)."""

    owner: str
    aces: tuple[Ace, ...] | None


def read_descriptor(raw: bytes) -> Descriptor:
    """Parse a descriptor in self-relative form. Raises `ValueError`."""
    try:
        revision, _, control, owner_at, _, _, dacl_at = struct.unpack_from("<BBHIIII", raw)
        if revision != 1:
            raise ValueError(f"descriptor of revision {revision}")
        owner = read_sid(raw, owner_at)[0] if owner_at else ""
        if not control & _DACL_PRESENT or not dacl_at:
            return Descriptor(owner, None)
        return Descriptor(owner, _read_list(raw, dacl_at))
    except struct.error as error:
        raise ValueError("descriptor cut short") from error


def _read_list(raw: bytes, at: int) -> tuple[Ace, ...]:
    _, _, size, count, _ = struct.unpack_from("<BBHHH", raw, at)
    end = at + size
    if end > len(raw):
        raise ValueError("list cut short")
    aces, at = [], at + 8
    for _ in range(count):
        ace_type, flags, ace_size = struct.unpack_from("<BBH", raw, at)
        if ace_size < 8 or at + ace_size > end:
            raise ValueError("entry cut short")
        if not flags & _INHERIT_ONLY:
            aces.append(_read_ace(raw[at : at + ace_size], ace_type))
        at += ace_size
    return tuple(aces)


def _read_ace(raw: bytes, ace_type: int) -> Ace:
    try:
        kind = AceType(ace_type)
    except ValueError:
        return Ace(None, "", 0)
    (mask,) = struct.unpack_from("<I", raw, 4)
    sid, _ = read_sid(raw, 8)
    return Ace(kind, sid, file_rights(mask))


def file_rights(mask: int) -> int:
    """Return a mask with its generic bits replaced by rights of a file."""
    for generic, rights in _GENERIC.items():
        if mask & generic:
            mask |= rights
    return mask & 0x0FFF_FFFF


def read_sid(raw: bytes, at: int = 0) -> tuple[str, int]:
    """Return the SID at an offset as text (MS-DTYP 2.4.2), and its end. Raises `ValueError`."""
    try:
        revision, count = struct.unpack_from("<BB", raw, at)
        if revision != 1 or count > 15:
            raise ValueError("not a SID")
        authority = int.from_bytes(struct.unpack_from("<6s", raw, at + 2)[0], "big")
        parts = struct.unpack_from(f"<{count}I", raw, at + 8)
    except struct.error as error:
        raise ValueError("SID cut short") from error
    written = str(authority) if authority < 1 << 32 else f"0x{authority:012X}"
    return "-".join(["S-1", written, *map(str, parts)]), at + 8 + 4 * count
