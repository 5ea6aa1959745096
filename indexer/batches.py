"""What of a batch changes anything, and the writes that come of it."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from connectors.values import Access
from indexer.passages import passage_text
from indexer.preparation import Prepared
from indexer.values import WITHHELD, Kept, Put, PutAccess, Remove, Vectors, Write


@dataclass(frozen=True, slots=True)
class Narrow:
    """Keep of a document's readers only those whom `access` admits too."""

    document_id: str
    access: Access


Gathered = Prepared | PutAccess | Narrow | Remove
"""What a source asked for; a document has its passages, not yet their vectors."""

Wanted = Prepared | PutAccess | Remove
"""What is still to be written, once compared with what is kept."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is being encoded, and the cursor to keep once its writes are acknowledged."""

    wanted: list[Wanted]
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


def needed(gathered: Iterable[Gathered], kept: Mapping[str, Kept]) -> tuple[list[Wanted], int]:
    """(what changes anything of what is kept, in its order; how many documents are as kept)."""
    standing = dict(kept)
    wanted: list[Wanted] = []
    unchanged = 0
    for write in gathered:
        change = _change(write, standing.get(id_of(write)))
        if change is not None:
            _apply(change, standing)
            wanted.append(change)
        elif isinstance(write, Prepared):
            unchanged += 1
    return wanted, unchanged


def texts_of(wanted: Iterable[Wanted]) -> list[str]:
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


def _change(write: Gathered, kept: Kept | None) -> Wanted | None:
    """What has to be written, None for nothing. A withheld text is opened by a reading alone."""
    if isinstance(write, Prepared):
        if kept is None or not write.same_as(kept):
            return write
        return _access_change(kept, write.document.access)
    if kept is None:
        return None
    match write:
        case Remove():
            return write
        case Narrow(_, access):
            return _access_change(kept, _narrowed(kept.access, access))
        case PutAccess(_, access):
            return None if kept.access == WITHHELD else _access_change(kept, access)


def _access_change(kept: Kept, access: Access) -> PutAccess | None:
    return None if access == kept.access else PutAccess(kept.document_id, access)


def _narrowed(kept: Access, access: Access) -> Access:
    """The readers of both; what is withheld stays so."""
    return WITHHELD if kept == WITHHELD else kept.narrowed_to(access)


def _apply(change: Wanted, standing: dict[str, Kept]) -> None:
    match change:
        case Prepared():
            standing[change.document.id] = change.kept
        case PutAccess(document_id, access):
            standing[document_id] = replace(standing[document_id], access=access)
        case Remove(document_id):
            del standing[document_id]
