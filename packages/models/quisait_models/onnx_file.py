"""Write an ONNX file: the few messages of its format (protobuf) that our graphs need.

The fields and their numbers are those of `onnx.proto`. Fields are written in the order of their
numbers, as protobuf does, so that the same graph always gives the same bytes. Large tensors are in
a separate file. onnxruntime maps it into memory, so that only the needed pages are read, and
processes share them.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

Message: TypeAlias = "list[bytes | memoryview]"
"""Pieces of a message, in order: large tensors are not copied."""
Field: TypeAlias = "tuple[int, int | float | str | Message]"

_FLOAT, _INT = 1, 2
"""Types of attributes."""
_ELEMENTS = {"float32": 1, "int8": 3, "int64": 7}
_EXTERNAL = 1
"""Value of the field that says that a tensor's values are in another file."""
_SMALL_BYTES, _ALIGNMENT = 1024, 64
"""Smaller tensors are in the graph itself; others start at a multiple of `_ALIGNMENT` bytes."""


def message(fields: Iterable[Field]) -> Message:
    """Return the fields, each (number, value), as a message."""
    pieces: Message = []
    for number, value in fields:
        if isinstance(value, int):
            pieces += [_varint(number << 3), _varint(value)]
        elif isinstance(value, float):
            pieces += [_varint(number << 3 | 5), struct.pack("<f", value)]
        else:
            inside: Message = [value.encode()] if isinstance(value, str) else value
            length = sum(map(len, inside))
            pieces += [_varint(number << 3 | 2), _varint(length), *inside]
    return pieces


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def node(
    kind: str,
    entering: Sequence[str],
    leaving: Sequence[str],
    attributes: Mapping[str, int | float],
    domain: str | None = "",
) -> Message:
    """Return a node; its attributes are sorted by name."""
    return message(
        [
            *((1, name) for name in entering),
            *((2, name) for name in leaving),
            (4, kind),
            *((5, _attribute(name, attributes[name])) for name in sorted(attributes)),
            *([] if domain is None else [(7, domain)]),
        ]
    )


def _attribute(name: str, value: float) -> Message:
    whole = isinstance(value, int)
    return message([(1, name), (3 if whole else 2, value), (20, _INT if whole else _FLOAT)])


def tensor(name: str, values: NDArray[np.generic], weights: BinaryIO) -> Message:
    """Return a constant. The values of large constants are appended to the file `weights`."""
    raw = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
    described: list[Field] = [(1, size) for size in values.shape]
    described += [(2, _ELEMENTS[values.dtype.name]), (8, name)]
    if raw.nbytes < _SMALL_BYTES:
        return message([*described, (9, [raw])])
    weights.write(bytes(-weights.tell() % _ALIGNMENT))
    where = {
        "location": Path(weights.name).name,
        "offset": str(weights.tell()),
        "length": str(weights.write(raw)),
    }
    entries = [(13, message([(1, key), (2, value)])) for key, value in where.items()]
    return message([*described, *entries, (14, _EXTERNAL)])


def shaped(name: str, element: str, shape: Sequence[int | str]) -> Message:
    """Return an input or output of the graph; a dimension is a size or a name."""
    sizes: list[Field] = [(1, message([(2 if isinstance(one, str) else 1, one)])) for one in shape]
    kind = message([(1, message([(1, _ELEMENTS[element]), (2, message(sizes))]))])
    return message([(1, name), (2, kind)])


def write_model(path: Path, graph: Message, opsets: Mapping[str, int], ir_version: int) -> None:
    """Write the file of a graph. `opsets` are versions by domain."""
    asked = [(8, message([(1, domain), (2, version)])) for domain, version in opsets.items()]
    with path.open("wb") as file:
        file.writelines(message([(1, ir_version), (7, graph), *asked]))
