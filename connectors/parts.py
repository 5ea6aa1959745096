"""Divide a source into parts by document id, so that several workers can read it at once.

The ids are divided, not the folders or spaces that hold the documents: an id never changes its
part, parts stay the same when the source grows, and no list of parts has to be stored.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol, runtime_checkable

from connectors.ports import (
    Connector,
)

MOST_PARTS = 64
"""Maximum number of parts. Each part lists the whole source, so more parts would cost more than
they gain.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One of `of` parts of a source; `number` counts from 1. Written `3/8`."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, document_id: str) -> bool:
        """Return whether the document is in this part; each id is in exactly one of the parts."""
        if self.of == 1:
            return True
        hashed = blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(hashed) % self.of == self.number - 1


WHOLE = Part(1, 1)


def parts(of: int) -> tuple[Part, ...]:
    """Return all parts of a source that is divided into `of` parts."""
    return tuple(Part(number, of) for number in range(1, of + 1))


@runtime_checkable
class Divisible(Connector, Protocol):
    """A source that several readers can read in parts at the same time."""

    def of_part(self, part: Part) -> Connector:
        """Return the same source, limited to the documents of this part.

        Its changes, cursors and listings only concern documents that the part holds. Several parts
        may yield the same `SubtreeHidden`, or the same `Malformed` that names no document.
        """
        ...
