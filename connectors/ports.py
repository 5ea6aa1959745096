"""The ports of a source, the changes that it yields and the errors that it raises.

Errors are grouped by what the caller can do:

SourceError
├── SourceUnreachable   try again later; nothing is lost
├── SourceRefused       stop and tell the administrator
├── RecordVanished      the record was deleted while it was read: skip it
│   └── RecordUnreachable   its own server did not answer: ask again at each crawl
├── RecordUnreadable    one record of a listing cannot be read: hide it, ask again at each crawl
├── RecordIncomplete    one record of a listing was read in part: ask again at each crawl
└── RecordKept          one record of a listing was not read again: leave its text as it is
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from connectors.values import Access, Agent, Document, Group


class SourceError(Exception):
    """The base of a source's errors; the text is a sentence for the administrator."""


class SourceUnreachable(SourceError):
    """The source did not answer: try again later."""


class SourceRefused(SourceError):
    """The source or its configuration does not allow the crawl: a person has to act."""


class RecordVanished(SourceError):
    """The record was deleted between its listing and its reading."""


class RecordUnreachable(RecordVanished):
    """The server with this record's content did not answer, although the source itself did."""


class RecordUnreadable(SourceError):
    """One record cannot be read now, although the source answers. The text says why, in French."""


class RecordIncomplete(SourceError):
    """Some parts of one record cannot be read now; the other parts were read."""


class RecordKept(SourceError):
    """The source did not send the record again: its text is unchanged since it was last read.

    If there is a message, it says in French why the record could not be requested; each crawl then
    requests it again.
    """


@dataclass(frozen=True, slots=True)
class Upsert:
    """The document is new or changed."""

    document: Document


@dataclass(frozen=True, slots=True)
class Delete:
    """The source deleted the document. It is removed from the index at once."""

    document_id: str


@dataclass(frozen=True, slots=True)
class AccessChanged:
    """The document's readers changed; its content did not.

    This is the only change that may add readers to an indexed text. A source yields it only
    if the text of its last `Upsert` is still the document's text.
    """

    document_id: str
    access: Access


@dataclass(frozen=True, slots=True)
class AccessNarrowed:
    """Only these readers may still read the indexed text; no reader is added.

    A source yields it if it knows a document's current readers before it has read its current text.
    """

    document_id: str
    access: Access


@dataclass(frozen=True, slots=True)
class ContentStale:
    """The indexed text may be out of date, and the current one could not be read.

    Nobody may read the indexed text until an `Upsert` brings the current one.
    """

    document_id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """All ids that the source has now: indexed documents with other ids were deleted.

    `unlisted` are ids of folders, as in `SubtreeHidden.root`, that could not be listed: indexed
    documents below them may still exist, and stay. If too many documents vanished, an administrator
    has to confirm their removal. Until then, nobody may read the vanished documents that the
    source's settings exclude: `is_left_out` returns whether the settings exclude an id.
    """

    document_ids: frozenset[str]
    unlisted: tuple[str, ...] = ()
    is_left_out: Callable[[str], bool] | None = None

    def membership(self) -> Callable[[str], bool]:
        """Return a function that tells whether a document with a given id exists, or may exist."""
        ids, unlisted = self.document_ids, frozenset(self.unlisted)
        return lambda document_id: document_id in ids or is_under(document_id, unlisted)


@dataclass(frozen=True, slots=True)
class SubtreeHidden:
    """Nobody may read the indexed documents of this subtree: their readers are unknown.

    `root` is the id of a document, or of a folder, after which the ids of its documents continue
    with `/`. A root that ends with a colon is the whole source.
    """

    root: str

    def contains(self, document_id: str) -> bool:
        """Return whether a document is in the subtree."""
        return is_under(document_id, (self.root,))


def is_under(document_id: str, roots: Collection[str]) -> bool:
    """Return whether a document is one of these roots or below one, as in `SubtreeHidden.root`.

    If `roots` is a set, the time depends on the length of the id, not on the number of roots.
    """
    return bool(roots) and any(root in roots for root in roots_of(document_id))


def roots_of(document_id: str) -> Iterator[str]:
    """Yield each root that contains a document or equals it, as in `SubtreeHidden.root`."""
    yield document_id
    for at, char in enumerate(document_id):
        if char in "/:":
            yield document_id[:at] if char == "/" else document_id[: at + 1]


@dataclass(frozen=True, slots=True)
class OutsideOf:
    """Tells whether a document is outside these roots. Predicates with equal roots are equal."""

    roots: frozenset[str]

    def __call__(self, document_id: str) -> bool:
        """Return whether a document is outside all roots."""
        return not is_under(document_id, self.roots)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Once all changes before this one are applied, a crawl may resume from `cursor`."""

    cursor: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that could not be parsed: it is counted and reported.

    `where` is the record's location for the administrator (`export.jsonl:12`), `reason` says what
    is wrong. `document_id` is the document that the record is about, if it names a document; a
    later `Listing` still contains that document. `kind` is `closed_folder` for a folder that the
    account may not list, `rule` for an access rule that is not understood or not applied, and
    `unknown_principal` for a rule that names a principal whom nobody knows. Every listing reports
    rules again, so that a report that does not recur is resolved.
    """

    where: str
    reason: str
    document_id: str | None = None
    kind: Literal["malformed", "closed_folder", "rule", "unknown_principal"] = "malformed"


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


@dataclass(frozen=True, slots=True)
class Listed:
    """A document as its source lists it, before it is read.

    `version` differs whenever the document differs in anything but its readers. If `version` is
    empty, the document is read at each crawl. If `version` is None, only the document's readers are
    known: they are narrowed, and nothing else changes. `access` are the readers. It is None if only
    reading the document gives them; they must then stay the same as long as `version` does.
    `problem` says in French why the document cannot be read now. `place` is what
    `ListingSource.read` needs to find the document: plain values, because it may wait in a file.
    `parts` are the ids of documents that may come with it and have the same readers, such as
    attached files, and of records that a `Malformed` names.
    """

    id: str
    version: bytes | None
    access: Access | None = None
    place: Any = None
    problem: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """A folder that could be listed; `root` is as in `Unlisted`.

    `rights` changes whenever a rule above the folder changes who may read below it. `tag` changes
    whenever anything in or below the folder changes; it is stored once everything below the folder
    was read.
    """

    root: str
    rights: bytes
    tag: bytes = b""


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A folder that could not be listed, wholly or in part, and why, in French.

    It is yielded before the items below it. `root` is as in `SubtreeHidden`. Nobody may read the
    indexed documents below the root, except those that are listed and read again, unless `rights`
    equal those of the folder's earlier `ListedFolder`. Without a `reason`, a `Malformed` reports
    the folder.
    """

    root: str
    reason: str = ""
    rights: bytes = b""


@dataclass(frozen=True, slots=True)
class UnchangedFolder:
    """A folder in which nothing changed: documents below it are kept without being listed."""

    root: str


@dataclass(frozen=True, slots=True)
class Note:
    """A text for the next crawl, which gets it as `Former.note` if this crawl completes."""

    text: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A document that the source says it deleted. It is removed from the index at once."""

    id: str


ListingItem = Listed | ListedFolder | Unlisted | UnchangedFolder | Note | Gone | Malformed


@dataclass(frozen=True, slots=True)
class Former:
    """Information with which a source skips unchanged items in a listing.

    `note` is the `Note` of the last crawl, empty if that crawl did not complete. `known` returns
    the ids and roots of the items that were read with the same version or tag, and with the same
    readers or rights; a version or readers of None are not compared. `enters` returns whether a
    document, by its id, or any document below a root is wanted.
    """

    note: str = ""
    known: Callable[[Iterable[Listed | ListedFolder]], Collection[str]] = lambda items: ()
    enters: Callable[[str], bool] = lambda root: True


class _ReadSource(Protocol):
    """A source that reads one listed document: the base of both kinds of listing sources."""

    @property
    def source(self) -> str:
        """The source's name: the part of each document id before the first colon."""
        ...

    def read(self, listed: Listed) -> Document | Iterable[Document | Malformed]:
        """Return a listed document as it is now, or yield it and its parts.

        No document may have readers that were not listed: `connectors.snapshot` asks the readers
        again afterwards, and only narrows. If the document itself is not yielded, its indexed text
        is hidden. Raises `RecordVanished`, `RecordUnreadable`, `RecordIncomplete`
        (after what could be read), `RecordKept`, `SourceUnreachable` or `SourceRefused`.
        """
        ...


class WholeListing(_ReadSource, Protocol):
    """A source that lists everything at each crawl."""

    def listing(self) -> Iterator[ListingItem]:
        """Yield everything that the source has now. Raises `SourceUnreachable`, `SourceRefused`.

        Documents are only deleted if the listing is complete.
        """
        ...


@runtime_checkable
class SupportsFormer(_ReadSource, Protocol):
    """A source that can skip unchanged items."""

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        """Yield what the source has now; for an unchanged folder, only `UnchangedFolder`.

        The documents below such a folder are not yielded, and count as unchanged. Raises
        `SourceUnreachable`, `SourceRefused`.
        """
        ...


ListingSource = WholeListing | SupportsFormer
"""A source that lists all its documents; `connectors.snapshot` finds out what changed.

The source is opened for one crawl, which may list it several times, also while it reads: without
`rights` (`SupportsRights`), listing again is how the readers are asked again. It may have `check`
(`SupportsCheck`), `count_pending` (`SupportsCount`), `left_out` (`SupportsSelection`), `roots`
(`SupportsRoots`) and `fingerprint` (`SupportsFingerprint`), which is called before the listing.
"""


@runtime_checkable
class SupportsRights(Protocol):
    """A source that can return the current readers of chosen documents."""

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access | None]:
        """Return the readers of listed documents as they are now, by id.

        It is called after their texts were read. It has to request the readers again instead of
        returning those of the listing. A document that is missing from the answer is hidden, and
        read again in the next crawl. None means the readers that `read` gave together with the
        text.
        Raises `SourceUnreachable`, `SourceRefused`.
        """
        ...


@runtime_checkable
class SupportsRoots(Protocol):
    """A source that reads folders or files of this machine."""

    def roots(self) -> Sequence[Path]:
        """Return their paths as the settings name them, always in the same order.

        The source is refused if one of them leads elsewhere than when it was first read.
        """
        ...


@runtime_checkable
class SupportsSelection(Protocol):
    """A source whose settings select documents."""

    def left_out(self) -> Callable[[str], bool] | None:
        """Return a function that tells whether the settings exclude a document, by its id."""
        ...


class Connector(Protocol):
    """A source of documents, as the changes since a cursor."""

    @property
    def source(self) -> str:
        """The source's name: the part of each document id before the first colon."""
        ...

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield the changes after the cursor `since`, or everything if it is None.

        A cursor comes from an earlier `Checkpoint` of the same source; one that can no
        longer be parsed counts as None. Raises `SourceUnreachable` or `SourceRefused`.
        """
        ...


@runtime_checkable
class SupportsCount(Protocol):
    """A source that can cheaply tell how many documents a crawl may yield."""

    def count_pending(self, since: str | None) -> int | None:
        """Return an upper bound of the documents after the cursor, or None if unknown."""
        ...


@runtime_checkable
class SupportsRefetch(Protocol):
    """A source that can read single documents again."""

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these documents as they are now; documents that no longer exist are left out.

        Raises `SourceUnreachable` or `SourceRefused`.
        """
        ...


@runtime_checkable
class SupportsCheck(Protocol):
    """A source that can test the permissions of its reading account."""

    def check(self) -> Iterable[str]:
        """Yield a French sentence for each permission that the account needs and does not have.

        Raises `SourceUnreachable` or `SourceRefused` if nothing can be read at all.
        """
        ...


class Directory(Protocol):
    """A source of agents and groups; each read is complete."""

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield every agent and group. Raises `SourceUnreachable` or `SourceRefused`."""
        ...


@runtime_checkable
class SupportsFingerprint(Protocol):
    """A directory or a listing source that can cheaply tell whether it changed."""

    def fingerprint(self) -> str | None:
        """Return a text that stays the same as long as nothing changed, or None if unknown.

        Raises `SourceUnreachable` or `SourceRefused`.
        """
        ...
