"""Compound files ([MS-CFB]), as Office wrote them until 2007: .doc, .ppt, .msg, locked .xlsx."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SECTOR, _MINI_SECTOR, _CUTOFF = 512, 64, 4096
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_NONE = 0xFFFFFFFF
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_BLACK = 1

Tree = Mapping[str, "bytes | Tree"]
"""Names of streams and storages; a storage holds a tree of its own."""


@dataclass(slots=True)
class _Entry:
    """A directory entry. `left`, `right` and `child` are numbers of entries."""

    name: str
    kind: int
    content: bytes = b""
    left: int = _NONE
    right: int = _NONE
    child: int = _NONE


def compound(tree: Tree) -> bytes:
    """The compound file that holds these streams."""
    entries = [_Entry("Root Entry", _ROOT)]
    entries[0].child = _add(entries, tree)
    mini, mini_fat, sectors, fat = bytearray(), list[int](), list[bytes](), list[int]()
    starts = {}
    for number, entry in enumerate(entries):
        if entry.kind != _STREAM or not entry.content:
            continue
        if len(entry.content) < _CUTOFF:
            starts[number] = len(mini_fat)
            padded = _padded(entry.content, _MINI_SECTOR)
            mini += padded
            _chain(mini_fat, len(padded) // _MINI_SECTOR)
        else:
            starts[number] = _append(sectors, fat, entry.content)
    entries[0].content = bytes(mini)
    starts[0] = _append(sectors, fat, bytes(mini)) if mini else _END
    mini_table = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    mini_start = _append(sectors, fat, mini_table, b"\xff") if mini_fat else _END
    mini_sectors = -(-len(mini_table) // _SECTOR)
    directory = b"".join(_written(entry, starts.get(n, _END)) for n, entry in enumerate(entries))
    directory_start = _append(sectors, fat, directory)
    fat_sectors = 1
    while (len(fat) + fat_sectors) * 4 > fat_sectors * _SECTOR:
        fat_sectors += 1
    fat_start = len(sectors)
    fat += [_FAT] * fat_sectors
    fat += [_FREE] * (fat_sectors * _SECTOR // 4 - len(fat))
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        *(0x3E, 3, 0xFFFE, 9, 6),
        *(0, fat_sectors, directory_start, 0, _CUTOFF, mini_start, mini_sectors, _END, 0),
        fat_start,
    )
    places = [*range(fat_start + 1, fat_start + fat_sectors), *[_FREE] * (109 - fat_sectors)]
    header += struct.pack("<108I", *places[:108])
    return header + b"".join(sectors) + struct.pack(f"<{len(fat)}I", *fat)


def _add(entries: list[_Entry], tree: Tree) -> int:
    numbers = []
    for name in sorted(tree, key=lambda name: (len(name), name.upper())):
        content = tree[name]
        numbers.append(len(entries))
        if isinstance(content, bytes):
            entries.append(_Entry(name, _STREAM, content))
        else:
            storage = _Entry(name, _STORAGE)
            entries.append(storage)
            storage.child = _add(entries, content)
    return _balanced(entries, numbers)


def _balanced(entries: list[_Entry], numbers: Sequence[int]) -> int:
    if not numbers:
        return _NONE
    middle = len(numbers) // 2
    root = numbers[middle]
    entries[root].left = _balanced(entries, numbers[:middle])
    entries[root].right = _balanced(entries, numbers[middle + 1 :])
    return root


def _written(entry: _Entry, start: int) -> bytes:
    name = entry.name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII16x4x8x8xIQ",
        name,
        len(name),
        *(entry.kind, _BLACK, entry.left, entry.right, entry.child),
        0 if entry.kind == _STORAGE else start,
        len(entry.content),
    )


def _append(sectors: list[bytes], fat: list[int], content: bytes, fill: bytes = b"\0") -> int:
    start = len(sectors)
    padded = _padded(content, _SECTOR, fill)
    sectors += [padded[at : at + _SECTOR] for at in range(0, len(padded), _SECTOR)]
    _chain(fat, len(padded) // _SECTOR)
    return start


def _chain(table: list[int], length: int) -> None:
    first = len(table)
    table += [*range(first + 1, first + length), _END]


def _padded(content: bytes, size: int, fill: bytes = b"\0") -> bytes:
    return content + fill * (-len(content) % size)


def doc(text: str) -> bytes:
    """A Word 97 document of one section and no formatting ([MS-DOC])."""
    body = text.replace("\n", "\r") + "\r"
    start = 2048
    # The tables: pieces of text (Clx), styles, fonts, sections, and one run without formatting.
    piece = struct.pack("<HIH", 0, start, 0)
    pieces = struct.pack("<II", 0, len(body)) + piece
    clx = b"\x02" + struct.pack("<I", len(pieces)) + pieces
    styles = struct.pack("<H9H", 18, 0, 10, 1, 0, 0, 0, 0, 0, 0)
    name = "Arial\0".encode("utf-16-le")
    font = bytes(39) + name
    fonts = struct.pack("<HH", 1, 0) + bytes([len(font)]) + font
    sections = struct.pack("<II", 0, len(body)) + struct.pack("<HIHI", 0, _NONE, 0, _NONE)
    table, places = b"", {}
    runs = struct.pack("<III", start, start + 2 * len(body), start // _SECTOR - 1)
    held = ((1, styles), (6, sections), (12, runs), (15, fonts), (31, bytes(500)), (33, clx))
    for index, content in held:
        places[index] = (len(table), len(content))
        table += content
    fib = struct.pack(
        "<HHHHHHHIBBHHII", 0xA5EC, 0xC1, 0, 0x40C, 0, 0x1200, 0xBF, 0, 0, 0, 0, 0, 0, 0
    )
    fib += struct.pack("<H14H", 14, *[0] * 14)
    fib += struct.pack("<H22I", 22, *(start + 2 * len(body), 0, 0, len(body), *[0] * 18))
    fib += struct.pack("<H", 93)
    fib += b"".join(struct.pack("<II", *places.get(index, (0, 0))) for index in range(93))
    fib += struct.pack("<H", 0)
    run = struct.pack("<IIB", start, start + 2 * len(body), 0)
    words = _padded(fib, start - _SECTOR) + _padded(run, _SECTOR - 1) + b"\x01"
    words += body.encode("utf-16-le")
    return compound({"WordDocument": _padded(words, _CUTOFF), "1Table": _padded(table, _CUTOFF)})


def msg(subject: str, body: str, attached: Mapping[str, bytes]) -> bytes:
    """A message that Outlook saved, with attachments ([MS-OXMSG])."""
    tree: dict[str, bytes | Tree] = {
        "__nameid_version1.0": {
            "__substg1.0_00020102": b"",
            "__substg1.0_00030102": b"",
            "__substg1.0_00040102": b"",
        },
        "__substg1.0_001A001F": "IPM.Note".encode("utf-16-le"),
        "__substg1.0_0037001F": subject.encode("utf-16-le"),
        "__substg1.0_1000001F": body.encode("utf-16-le"),
        "__properties_version1.0": bytes(8)
        + struct.pack("<IIII8x", 0, len(attached), 0, len(attached))
        + _properties({0x001A001F: 8 * 2, 0x0037001F: 2 * len(subject), 0x1000001F: 2 * len(body)}),
    }
    for number, (name, content) in enumerate(attached.items()):
        tree[f"__attach_version1.0_#{number:08X}"] = {
            "__substg1.0_3704001F": name.encode("utf-16-le"),
            "__substg1.0_3707001F": name.encode("utf-16-le"),
            "__substg1.0_37010102": content,
            "__properties_version1.0": bytes(8)
            + _properties({0x3704001F: 2 * len(name), 0x37010102: len(content)})
            + struct.pack("<IIII", 0x37050003, 6, 1, 0),
        }
    return compound(tree)


def _properties(sizes: Mapping[int, int]) -> bytes:
    """Properties that are streams of their own: tag, readable and writable, size."""
    return b"".join(struct.pack("<IIII", tag, 6, size + 2, 0) for tag, size in sizes.items())


def ppt(slides: Sequence[str]) -> bytes:
    """A PowerPoint 97 presentation, a text box for each slide ([MS-PPT])."""
    texts = b"".join(
        _record(1011, struct.pack("<IIiII", 3 + number, 0, 1, 256 + number, 0))
        + _record(3999, struct.pack("<I", 4))
        + _record(4000, text.encode("utf-16-le"))
        for number, text in enumerate(slides)
    )
    atom = struct.pack("<iiiiiiIIHHBBBB", 5760, 4320, 4320, 5760, 1, 2, 0, 0, 1, 0, 0, 0, 0, 0)
    master_list = _record(1011, struct.pack("<IIiII", 2, 0, 0, 0x80000000, 0))
    fonts = _record(2005, b"", version=15)
    clusters = _record(0xF006, struct.pack("<6I", 2048, 2, 1, 1, 1, 1))
    document = _record(
        1000,
        _record(1001, atom, version=1)
        + _record(1010, fonts + _record(4003, bytes(2), instance=4), version=15)
        + _record(1035, _record(0xF000, clusters, version=15), version=15)
        + _record(4080, master_list, version=15, instance=1)
        + _record(4057, _record(4058, bytes(4)), version=15, instance=3)
        + _record(4057, _record(4058, bytes(4)), version=15, instance=4)
        + _record(4080, texts, version=15)
        + _record(1002, b""),
        version=15,
    )
    layout = struct.pack("<I8xIIHH", 0, 0x80000000, 0, 7, 0)
    drawing = _record(1036, _drawing(), version=15)
    colours = _record(2032, bytes(32), instance=1)
    styles = b"".join(_record(4003, bytes(2), instance=kind) for kind in range(9))
    master_atom = struct.pack("<I8xIIHH", 0, 0, 0, 7, 0)
    master = _record(
        1016, _record(1007, master_atom, version=2) + styles + drawing + colours, version=15
    )
    slide = _record(1006, _record(1007, layout, version=2) + drawing + colours, version=15)
    stream, places = b"", []
    for record in (document, master, *[slide] * len(slides)):
        places.append(len(stream))
        stream += record
    directory = len(stream)
    stream += _record(6002, struct.pack(f"<I{len(places)}I", len(places) << 20 | 1, *places))
    edit = len(stream)
    stream += _record(
        4085, struct.pack("<IHBBIIIIHH", 256, 0, 0, 3, 0, directory, 1, len(places) + 1, 1, 0)
    )
    user = struct.pack("<IIIHHBB2x", 20, 0xE391C05F, edit, 4, 0x3F4, 3, 0) + b"anne"
    user += struct.pack("<I", 8)
    return compound(
        {
            "PowerPoint Document": _padded(stream, 1),
            "Current User": _record(4086, user),
        }
    )


def _drawing() -> bytes:
    """A drawing of no shapes but its own group."""
    group = _record(0xF009, bytes(16), version=1) + _record(
        0xF00A, struct.pack("<II", 1024, 5), version=2
    )
    shapes = _record(0xF004, group, version=15)
    return _record(
        0xF002,
        _record(0xF008, struct.pack("<II", 1, 1024), instance=1)
        + _record(0xF003, shapes, version=15),
        version=15,
    )


def _record(kind: int, content: bytes, *, version: int = 0, instance: int = 0) -> bytes:
    return struct.pack("<HHI", version | instance << 4, kind, len(content)) + content


def locked_xlsx() -> bytes:
    """A workbook that only a password opens: its parts are one encrypted stream."""
    provider = "Microsoft Enhanced RSA and AES Cryptographic Provider\0".encode("utf-16-le")
    header = struct.pack("<IIIIIIII", 0x24, 0, 0x660E, 0x8004, 128, 0x18, 0, 0) + provider
    verifier = struct.pack("<I16s16sI32s", 16, *[bytes(range(16))] * 2, 20, bytes(range(32)))
    info = struct.pack("<HHII", 3, 2, 0x24, len(header)) + header + verifier
    return compound({"EncryptionInfo": info, "EncryptedPackage": bytes(range(256)) * 20})
