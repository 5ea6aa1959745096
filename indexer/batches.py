"""What of a batch changes anything, and the writes that come of it."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from indexer.passages import passage_text
from indexer.preparation import Prepared
from indexer.values import Kept, Put, PutAccess, Remove, Vectors, Write

Gathered = Prepared | PutAccess | Remove
"""What a source asked for; a document has its passages, not yet their vectors."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is being encoded, and the cursor to keep once its writes are acknowledged."""

    wanted: list[Gathered]
    vectors: Future[Vectors]
    cursor: str | None

    def writes(self) -> list[Write]:
        """With their vectors, once these are there. Raises what the encoder raised."""
        vectors, start = self.vectors.result(), 0
        writes: list[Write] = []
        for write in self.wanted:
            if isinstance(write, Prepared):
                end = start + len(write.passages)
                writes.append(Put(write.indexed(vectors[start:end])))
                start = end
            else:
                writes.append(write)
        return writes


def needed(gathered: Iterable[Gathered], kept: Mapping[str, Kept]) -> tuple[list[Gathered], int]:
    """(what changes anything of what is kept, in its order; how many documents are as kept)."""
    standing = dict(kept)
    wanted: list[Gathered] = []
    unchanged = 0
    for write in gathered:
        change = _change(write, standing.get(id_of(write)))
        if change is not None:
            _apply(change, standing)
            wanted.append(change)
        elif isinstance(write, Prepared):
            unchanged += 1
    return wanted, unchanged


def texts_of(wanted: Iterable[Gathered]) -> list[str]:
    """The texts to encode, in the order in which `Batch.writes` takes their vectors."""
    return [
        passage_text(write.document.title, passage)
        for write in wanted
        if isinstance(write, Prepared)
        for passage in write.passages
    ]


def id_of(write: Gathered | Write) -> str:
    """The document that a write is about."""
    match write:
        case Prepared():
            return write.document.id
        case Put():
            return write.indexed.document.id
        case _:
            return write.document_id


def _change(write: Gathered, kept: Kept | None) -> Gathered | None:
    if isinstance(write, Prepared):
        if kept is None or not write.same_as(kept):
            return write
        write = PutAccess(write.document.id, write.document.access)
    if kept is None or (isinstance(write, PutAccess) and write.access == kept.access):
        return None
    return write


def _apply(change: Gathered, standing: dict[str, Kept]) -> None:
    match change:
        case Prepared():
            standing[change.document.id] = change.kept
        case PutAccess(document_id, access):
            standing[document_id] = replace(standing[document_id], access=access)
        case Remove(document_id):
            del standing[document_id]
