"""What a source implements: the ports, the changes it yields and the errors it raises.

Errors are grouped by what the caller can do:

SourceError
├── SourceUnreachable   try again later; nothing is lost
├── SourceRefused       stop and tell the administrator
└── RecordVanished      the record was deleted while it was read: skip it
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from connectors.values import Access, Agent, Document, Group


class SourceError(Exception):
    """The root of what a source may raise; its text is a sentence for the administrator."""


class SourceUnreachable(SourceError):
    """The source did not answer: try again later."""


class SourceRefused(SourceError):
    """The source, or its configuration, forbids going on: a person has to act."""


class RecordVanished(SourceError):
    """The record went away between its listing and its reading."""


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
class AccessNarrowed:
    """At most these readers may read what is kept of the document: none is added.

    For a source that knows the present readers before it has read the present text.
    """

    document_id: str
    access: Access


@dataclass(frozen=True, slots=True)
class ContentStale:
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
        return lambda document_id: document_id in held or is_under(document_id, unknown)


@dataclass(frozen=True, slots=True)
class SubtreeHidden:
    """Nobody reads what is kept there: it may still exist, and who may read it is unknown.

    `under` is the id of a document, or of a folder of documents, whose ids go on with `/`;
    one that ends with a colon is the whole source.
    """

    under: str

    def holds(self, document_id: str) -> bool:
        """Whether a document is one of these."""
        return is_under(document_id, (self.under,))


def is_under(document_id: str, unders: Collection[str]) -> bool:
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
    Upsert
    | Delete
    | AccessChanged
    | AccessNarrowed
    | ContentStale
    | Listing
    | SubtreeHidden
    | Checkpoint
    | Malformed
)


class Connector(Protocol):
    """A source of documents."""

    @property
    def source(self) -> str:
        """The source's name: the part of each document id before its first colon."""
        ...

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield what changed after the cursor `since`; None asks for everything.

        A cursor is what an earlier `Checkpoint` of the same source carried; one that
        is no longer understood reads as None. Raises `SourceUnreachable` or
        `SourceRefused`.
        """
        ...


@runtime_checkable
class SupportsCount(Protocol):
    """A source that can tell, cheaply, how many documents a reading may bring."""

    def expected(self, since: str | None) -> int | None:
        """At most so many documents after the cursor; None where it cannot tell."""
        ...


@runtime_checkable
class SupportsRefetch(Protocol):
    """A source that can be asked again for single documents."""

    def again(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield those documents as they are now; what is no more is left out.

        Raises `SourceUnreachable` or `SourceRefused`.
        """
        ...


class Directory(Protocol):
    """A source of agents and groups; each reading is complete."""

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield every agent and group. Raises `SourceUnreachable` or `SourceRefused`."""
        ...


@runtime_checkable
class SupportsFingerprint(Protocol):
    """A directory that can tell, cheaply, whether it changed."""

    def stamp(self) -> str | None:
        """A text that stays as long as nothing changed; None where it cannot tell.

        Raises `SourceUnreachable` or `SourceRefused`.
        """
        ...
