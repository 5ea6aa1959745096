"""The changes that every source yields, in the order in which they are to be applied."""

from dataclasses import dataclass

from connectors.values import Access, Document


@dataclass(frozen=True, slots=True)
class Upsert:
    """The document exists, as given: new or changed."""

    document: Document


@dataclass(frozen=True, slots=True)
class Delete:
    """The document is gone."""

    document_id: str


@dataclass(frozen=True, slots=True)
class AccessChanged:
    """Who may read the document changed; its content did not."""

    document_id: str
    access: Access


@dataclass(frozen=True, slots=True)
class Listing:
    """Every id that the source holds now: whatever is kept beyond it is gone."""

    document_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unseen:
    """Nobody reads what is kept there: it may still exist, and who may read it is unknown.

    `under` is the id of a document, or of a folder of documents, whose ids go on with `/`;
    one that ends with a colon is the whole source.
    """

    under: str

    def holds(self, document_id: str) -> bool:
        """Whether a document is one of these."""
        below = self.under if self.under.endswith(":") else f"{self.under}/"
        return document_id == self.under or document_id.startswith(below)


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


Change = Upsert | Delete | AccessChanged | Listing | Unseen | Checkpoint | Malformed
