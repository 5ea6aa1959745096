"""How many values a JSON text holds, counted before any of them is built.

Twenty megabytes of empty lists become half a gigabyte of Python objects, and one error each
where a model refuses them. The count costs a few passes over the bytes and little memory.
"""

_AT_ONCE = 1 << 16
_COUNTED = (b",", b"[", b"{")


def holds_more_values(raw: bytes, most: int) -> bool:
    """Whether a JSON text in UTF-8 has more than `most` commas, lists and objects.

    That is at least the number of its values and keys, less one. Signs inside texts do
    not count. Of what is no JSON it says something, and ends.
    """
    if sum(map(raw.count, _COUNTED)) <= most:  # texts included: nearly always enough
        return False
    bare = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    found, inside = 0, 0
    for at in range(0, len(bare), _AT_ONCE):
        pieces = bare[at : at + _AT_ONCE].split(b'"')
        outside = b"".join(pieces[inside::2])
        found += sum(map(outside.count, _COUNTED))
        if found > most:
            return True
        inside ^= (len(pieces) - 1) & 1
    return False
