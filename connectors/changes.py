"""The changes that every source yields, in the order in which they are to be applied."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from connectors.values import Access, Document


@dataclass(frozen=True, slots=True)
class Upsert:
    """The document exists, as given: new or changed."""

    document: Document


@dataclass(frozen=True, slots=True)
class Delete:
    """The source says that the document is gone. It is removed at once."""

    document_id: str


@dataclass(frozen=True, slots=True)
class AccessChanged:
    """Who may read the document changed; its content did not.

    The one change that may give a kept text more readers. A source yields it only where
    it knows that the text of its last `Upsert` is still the document's text.
    """

    document_id: str
    access: Access


@dataclass(frozen=True, slots=True)
class Narrowed:
    """At most these readers may read what is kept of the document: none is added.

    For a source that knows the present readers before it has read the present text.
    """

    document_id: str
    access: Access


@dataclass(frozen=True, slots=True)
class Stale:
    """What is kept of the document may no longer be its text, which could not be read.

    Nobody reads what is kept until an `Upsert` brings the document's text.
    """

    document_id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Every id that the source holds now: whatever is kept beyond it is gone.

    `unknown` are ids of folders, as in `Unseen.under`, that could not be listed: what is kept
    below them may still exist, and stays. Where too many vanish, their removal waits for an
    administrator.
    """

    document_ids: frozenset[str]
    unknown: tuple[str, ...] = ()

    def holding(self) -> Callable[[str], bool]:
        """A function that says whether a document of this id exists, or may exist."""
        held, unknown = self.document_ids, frozenset(self.unknown)
        return lambda document_id: document_id in held or lies_under(document_id, unknown)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Nobody reads what is kept there: it may still exist, and who may read it is unknown.

    `under` is the id of a document, or of a folder of documents, whose ids go on with `/`;
    one that ends with a colon is the whole source.
    """

    under: str

    def holds(self, document_id: str) -> bool:
        """Whether a document is one of these."""
        return lies_under(document_id, (self.under,))


def lies_under(document_id: str, unders: Collection[str]) -> bool:
    """Whether a document is one of these, or lies below one, as `Unseen.under` names them.

    The time follows the length of the id, where `unders` is a set, not their number.
    """
    return bool(unders) and (
        document_id in unders
        or any(
            (document_id[:place] if char == "/" else document_id[: place + 1]) in unders
            for place, char in enumerate(document_id)
            if char in "/:"
        )
    )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All changes before this one, once applied, need not be asked for again."""

    cursor: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that could not be understood: counted and shown, never guessed at.

    `where` names it for the administrator (`export.jsonl:12`), `reason` says why.
    Where the record named a document, `document_id` is that document: a listing
    that follows still holds it.
    """

    where: str
    reason: str
    document_id: str | None = None


Change = (
    Upsert | Delete | AccessChanged | Narrowed | Stale | Listing | Unseen | Checkpoint | Malformed
)
