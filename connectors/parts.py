"""A source read in parts: each holds the documents whose ids fall into it.

The ids are divided, not the folders or spaces that hold the documents: a part is the same however
the source grows, an id never changes its part, and no list of parts is to be kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol, runtime_checkable

from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Connector,
    ContentStale,
    Delete,
    Listing,
    Malformed,
    Upsert,
)

MOST_PARTS = 64
"""Each part lists the source once: with more, listing costs more than reading gains."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of `of` parts of a source, `number` from 1; written `3/8`."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, document_id: str) -> bool:
        """Whether the document is in this part; each id is in exactly one of the `of` parts."""
        if self.of == 1:
            return True
        hashed = blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(hashed) % self.of == self.number - 1


WHOLE = Part(1, 1)


def parts(of: int) -> tuple[Part, ...]:
    """The parts of a source that is divided into so many."""
    return tuple(Part(number, of) for number in range(1, of + 1))


@runtime_checkable
class Divisible(Connector, Protocol):
    """A source that can be read in parts, by several readers at once."""

    def of_part(self, part: Part) -> Connector:
        """The same source with the documents of this part alone.

        Its changes, cursors and listings speak of documents that the part holds. A `Malformed`
        that names no document may come from several parts, a `SubtreeHidden` too.
        """
        ...


def changes_of_part(changes: Iterable[Change], part: Part) -> Iterator[Change]:
    """Those about documents that the part holds, in their order."""
    for change in changes:
        match change:
            case Upsert(document):
                held = part.holds(document.id)
            case (
                Delete(document_id)
                | AccessChanged(document_id)
                | AccessNarrowed(document_id)
                | ContentStale(document_id)
                | Malformed(document_id=str(document_id))
            ):
                held = part.holds(document_id)
            case Listing(document_ids, unlisted, is_left_out):
                yield Listing(frozenset(filter(part.holds, document_ids)), unlisted, is_left_out)
                continue
            case _:
                held = True
        if held:
            yield change
