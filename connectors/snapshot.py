"""Turn the listing of a source into changes: new, changed, closed and deleted documents.

Read `_Comparison.changes` first.

For each document that was read, `SeenItems` stores the listed version and readers. The changes come
from a comparison of the listing with these rows. The following order ensures that a text is never
shown to readers who may have lost the right to read it:

1. Forget the row of whatever changed: from now on the document counts as not read.
2. Close: while the source is listed, narrow the readers of what changed, hide what is unlisted.
3. Read what changed, in the order of the listing.
4. Ask the readers again, now that the text was read, and yield it for those who still read it.
5. Store the rows of what was read, then yield a checkpoint.
6. Compare the listing with the index; in a first crawl, before anything is read.

Rows are stored before the writes that they describe are acknowledged. Therefore each row has the
number of the checkpoint that follows it, a cursor is such a number, and rows with a later number
than the saved cursor are forgotten when the next crawl begins. A row that is missing costs a
reading, never a document or a reader too many.
"""

import pickle
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple, Protocol, Self, cast

from connectors.batches import batches
from connectors.digests import digest_of
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Delete,
    Former,
    Gone,
    Listed,
    ListedFolder,
    Listing,
    ListingItem,
    ListingSource,
    Malformed,
    Note,
    RecordIncomplete,
    RecordKept,
    RecordUnreadable,
    RecordVanished,
    SourceError,
    SourceUnreachable,
    SubtreeHidden,
    SupportsCheck,
    SupportsCount,
    SupportsFingerprint,
    SupportsFormer,
    SupportsRights,
    SupportsRoots,
    SupportsSelection,
    UnchangedFolder,
    Unlisted,
    Upsert,
    is_under,
    roots_of,
)
from connectors.roots import check_roots, identities_of, replaced_root
from connectors.values import Access, Content, Document

PAGE = 500
"""Number of listed documents that are compared at once."""
TRIED = 10
"""Number of documents that are listed and then read at once if no rows are stored."""
CHECKPOINT_DOCUMENTS = 200
"""Number of documents that are read between two checkpoints."""
ASK_AGAIN_S = 5.0
"""Seconds of reading after which the readers of what was read are asked again, at the latest."""
GATHERED_BYTES = 16 << 20
"""Size of the texts, in bytes, after which the readers of what was read are asked again."""
GATHERED_FILE_BYTES = 4 << 20
"""Maximum size, in bytes, of a file that is buffered with others until readers are requested."""
WAITING_BYTES = 8 << 20
"""Maximum size in memory, in bytes, of the list of documents to read; the rest of the list is in a
temporary file.
"""
_CURSOR = "seen:"
_WHOLE = ""
"""The id of the row that stores the source's fingerprint once everything was read."""
_VERSION_BYTES, _ACCESS_BYTES = 12, 9
_EXACT, _RESTATED = b"\x01", b"\x00"


class SeenRow(NamedTuple):
    """Digests of a document as it was listed when it was read.

    The first byte of `access` tells whether the document, when it was read, had exactly the listed
    readers.
    """

    version: bytes
    access: bytes


_GONE = SeenRow(b"", b"")
"""The row of a document whose deletion was yielded."""


class SeenItems(Protocol):
    """Stores a row for each document that was read, with the number of the next checkpoint."""

    def begin(self, step: int | None) -> int:
        """Forget all rows with a number above `step`, or all rows if it is None.

        Return the highest number that a row or a checkpoint has had so far, or a higher one.
        """
        ...

    def rows(self, document_ids: Collection[str]) -> Mapping[str, SeenRow]:
        """Return the rows of these documents, at most `PAGE`."""
        ...

    def put(self, step: int, rows: Mapping[str, SeenRow]) -> None:
        """Store rows with the number of the next checkpoint. Raises `LockLost`."""
        ...

    def forget(self, document_ids: Collection[str]) -> None:
        """Delete the rows of these documents."""
        ...

    def forget_below(self, root: str) -> None:
        """Delete at least the rows of all documents below a root, as in `SubtreeHidden.root`."""
        ...

    def count(self) -> int:
        """Return the number of rows."""
        ...

    def others(self, document_ids: Set[str]) -> Iterator[list[str]]:
        """Yield, in lists, the documents that have a row and are not among `document_ids`."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The connector of a source that lists what it has.

    Without `seen`, no rows are stored, and every document is read as soon as it is listed.
    `noted_roots` identifies the local folders that were read before (`connectors.roots`): if one
    was replaced, nothing is read.
    """

    origin: ListingSource
    seen: SeenItems | None = None
    noted_roots: str = ""

    @property
    def source(self) -> str:
        """The source's name."""
        return self.origin.source

    def roots(self) -> Sequence[Path]:
        """Return the local folders and files that the settings name."""
        return roots_read_by(self.origin)

    def _check_roots(self) -> None:
        check_roots(self.source, self.roots(), self.noted_roots)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield what changed since the cursor. Raises `SourceUnreachable`, `SourceRefused`."""
        self._check_roots()
        comparison = _Comparison(self.origin, self.seen or _Nothing())
        step, note = _position_of(since)
        if self.seen is None:
            return comparison.changes(step, "", TRIED, reads_at_once=True)
        return comparison.changes(step, note, PAGE, reads_at_once=False)

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these documents as they are now. Raises `SourceUnreachable`, `SourceRefused`."""
        self._check_roots()
        comparison = _Comparison(self.origin, _Nothing())
        wanted = set(document_ids)
        listed: list[Listed] = []
        for item in _listing_around(self.origin, document_ids):
            if not isinstance(item, Listed) or item.problem or item.version is None:
                continue
            if found := wanted.intersection((item.id, *item.parts)):
                wanted -= found
                listed.append(item)
        for change in comparison.reading(listed):
            if not isinstance(change, Upsert) or change.document.id in document_ids:
                yield change

    def check(self) -> Iterable[str]:
        """Return what the source's `check` reports, if it has one. Raises `SourceError`."""
        self._check_roots()
        return self.origin.check() if isinstance(self.origin, SupportsCheck) else ()

    def count_pending(self, since: str | None) -> int | None:
        """Return the source's own count, or None."""
        self._check_roots()
        counts = isinstance(self.origin, SupportsCount)
        return cast(SupportsCount, self.origin).count_pending(since) if counts else None


def listing_of(source: ListingSource, former: Former) -> Iterator[ListingItem]:
    """Call `listing_since`, which skips unchanged items, if the source has it, else `listing`."""
    if isinstance(source, SupportsFormer):
        return source.listing_since(former)
    return source.listing()


def roots_read_by(source: ListingSource) -> Sequence[Path]:
    """Return the local folders and files of a source, if it has any."""
    return source.roots() if isinstance(source, SupportsRoots) else ()


def _listing_around(source: ListingSource, document_ids: Collection[str]) -> Iterator[ListingItem]:
    """List a source again; it may skip folders that contain none of these documents."""
    above = frozenset(root for one in document_ids for root in roots_of(one))
    return listing_of(source, Former(enters=above.__contains__))


def rights_of(source: ListingSource, items: Sequence[Listed]) -> Mapping[str, Access | None]:
    """Return the current readers of listed documents, by id, without vanished documents.

    A source without `rights` is listed again; if it stops answering, the documents listed until
    then are returned. None means the readers that `read` gave, for a listing without readers.
    Raises `SourceError`.
    """
    if isinstance(source, SupportsRights):
        return source.rights(items)
    versions = {item.id: item.version for item in items}
    rights: dict[str, Access | None] = {}
    try:
        for item in _listing_around(source, versions.keys()):
            if not isinstance(item, Listed) or item.id not in versions or item.problem:
                continue
            if item.access is not None or item.version == versions[item.id]:
                rights[item.id] = item.access
    except SourceUnreachable:
        if not rights:
            raise
    return rights


def each_of(read: Document | Iterable[Document | Malformed]) -> Iterable[Document | Malformed]:
    """Return what `ListingSource.read` returned, as an iterable."""
    return (read,) if isinstance(read, Document) else read


@dataclass(slots=True)
class _Comparison:
    """The state of one crawl of a source while its listing is compared with the stored rows.

    `listed` contains the ids of the documents listed so far. `rows` contains the rows of documents
    that were read since the last checkpoint; these rows are not stored yet.
    """

    source: ListingSource
    seen: SeenItems
    step: int = 0
    """The number of the last checkpoint."""
    stored: bool = False
    """Whether rows with the next number were stored."""
    rows: dict[str, SeenRow] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    compared: int = -1
    """Number of documents in the listing that was compared with the index."""
    is_first: bool = False
    """Whether this is the first crawl: no row of the source was stored before it."""
    known: int = 0
    """Number of rows of listed documents that remain stored."""
    note: str = ""
    others_listed: set[str] = field(default_factory=set)
    """Names of rows that remain stored without a listed document: rows of folders and of deleted
    documents.
    """
    tags: dict[str, SeenRow] = field(default_factory=dict)
    """The rows to store for listed folders that have a tag, by root."""
    unlisted: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    """Folders that could not be listed and whose readers are unknown."""
    left: set[str] = field(default_factory=set)
    """Folders that were not listed; their stored documents are neither read again nor deleted."""
    unread: set[str] = field(default_factory=set)
    """Documents that were not read or have no version, and folders that could not be listed."""

    def changes(
        self, step: int | None, note: str, page: int, *, reads_at_once: bool
    ) -> Iterator[Change]:
        self.step = self.seen.begin(step)
        mark = self._fingerprint()
        if mark and self.seen.rows({_WHOLE}).get(_WHOLE) == mark:
            yield self._checkpoint(note)
            return
        self.seen.forget({_WHOLE})
        self.is_first = not self.seen.count()
        broken: SourceError | None = None
        roots = roots_read_by(self.source)
        before = identities_of(roots)
        with _Waiting() as waiting:
            try:
                former = Former(note, self._known)
                for items in _paged(listing_of(self.source, former), page):
                    yield from self._compare(items, waiting)
                    # Also tells the crawl, page by page, that the source answers.
                    yield self._checkpoint()
                    if reads_at_once:
                        yield from self._read(waiting)
                if identities_of(roots) != before:
                    raise replaced_root(self.source.source)
            except SourceError as error:
                broken = error
            else:
                yield from self._forget_vanished()
            # Also after an error, or a flaky source would never get anywhere.
            if broken is None or isinstance(broken, SourceUnreachable):
                yield from self._read(waiting)
        if broken:
            raise broken
        yield self._checkpoint()
        yield from self._compare_with_index()
        if mark and not self.unread:
            self.rows[_WHOLE] = mark
        self._store_tags()
        yield self._checkpoint(self.note)

    def _compare_with_index(self) -> Iterator[Listing]:
        """Yield the listing, unless it was yielded already or the whole source is unchanged."""
        if self.compared != len(self.listed) and f"{self.source.source}:" not in self.left:
            self.compared = len(self.listed)  # from now on documents may only vanish
            yield Listing(frozenset(self.listed), tuple(sorted(self.unlisted)), self._left_out())

    def _known(self, items: Iterable[Listed | ListedFolder]) -> set[str]:
        """Return the ids and roots of items that are stored as they are listed now."""
        known: set[str] = set()
        for some in batches(items, PAGE):
            rows = self.seen.rows({_row_name(one) for one in some})
            for one in some:
                if _is_known(one, rows.get(_row_name(one))):
                    known.add(one.id if isinstance(one, Listed) else one.root)
        return known

    def _store_tags(self) -> None:
        """Store the tags of folders below which everything was read."""
        incomplete = {root for one in self.unread for root in roots_of(one)}
        whole = [one for one in self.tags if one not in incomplete]
        for roots in batches(whole, PAGE):
            self.rows |= {_folder(root): self.tags[root] for root in roots}
            self._store()

    def _fingerprint(self) -> SeenRow | None:
        """Return the source's fingerprint as a row, or None if the source has no fingerprint."""
        known = self.source.fingerprint() if isinstance(self.source, SupportsFingerprint) else None
        return SeenRow(_version_mark(known.encode()), b"") if known else None

    def _compare(self, items: list[ListingItem], waiting: "_Waiting") -> Iterator[Change]:
        self.listed.update(part for one in items if isinstance(one, Listed) for part in one.parts)
        ids = {one.id for one in items if isinstance(one, Listed | Gone)}
        ids.update(_row_name(one) for one in items if isinstance(one, ListedFolder | Unlisted))
        known = self.seen.rows(ids) if ids else {}
        changed: set[str] = set()
        closing = [one for item in items for one in self._closing(item, known, changed, waiting)]
        if changed:
            self.seen.forget(changed)
        self._store()
        yield from closing

    def _closing(  # noqa: C901 - a case for each kind of item
        self,
        item: ListingItem,
        known: Mapping[str, SeenRow],
        changed: set[str],
        waiting: "_Waiting",
    ) -> list[Change]:
        """Return the changes to yield for an item before any document is read."""
        match item:
            case Malformed():
                return [item]
            case Unlisted(root):
                return self._unlisted(item, known.get(_folder(root)))
            case ListedFolder(root):
                self._listed_folder(item, known.get(_folder(root)))
                return []
            case UnchangedFolder(root):
                self.unlisted.add(root)
                self.left.add(root)
                return []
            case Note(text):
                self.note = text
                return []
            case Gone(document_id):
                self.others_listed.add(document_id)
                if known.get(document_id) == _GONE:
                    self.known += 1
                    return []
                self._keep(document_id, _GONE)
                return [Delete(document_id)]
            case Listed(document_id) if document_id in self.listed:
                reason = "un autre document porte le même nom"
                return [Malformed(self._where(document_id), reason)]
            case Listed(document_id):
                self.listed.add(document_id)
                row = None if is_under(document_id, self.hidden) else known.get(document_id)
                closing, stays = self._compared(item, row, waiting)
                self.known += stays
                if not stays and document_id in known:
                    changed.add(document_id)
                of_parts = [
                    replace(one, document_id=part)
                    for part in item.parts
                    for one in closing
                    if isinstance(one, AccessChanged | AccessNarrowed | ContentStale)
                ]
                return closing + of_parts

    def _listed_folder(self, item: ListedFolder, row: SeenRow | None) -> None:
        listed = _folder_row(item)
        self.others_listed.add(_folder(item.root))
        if item.tag:
            self.tags[item.root] = listed
            listed = SeenRow(listed.version, b"")  # the former tag is no longer true
        if row == listed:
            self.known += 1
        else:
            self._keep(_folder(item.root), listed)

    def _unlisted(self, item: Unlisted, row: SeenRow | None) -> list[Change]:
        """Report an unlisted folder, and hide it unless its readers are certainly unchanged."""
        self.unlisted.add(item.root)
        self.unread.add(item.root)
        self.others_listed.add(_folder(item.root))
        where = self._where(item.root) or "."
        told: list[Change] = (
            [Malformed(where, item.reason, item.root, "closed_folder")] if item.reason else []
        )
        if item.rights and row is not None and row.version == _version_mark(item.rights):
            self.left.add(item.root)
            return told
        self.hidden.add(item.root)
        self.seen.forget_below(item.root)
        self.rows = {one: row for one, row in self.rows.items() if not is_under(one, {item.root})}
        if item.rights:  # what is hidden stays hidden until it is listed
            self._keep(_folder(item.root), SeenRow(_version_mark(item.rights), b""))
        return [*told, SubtreeHidden(item.root)]

    def _compared(
        self, item: Listed, row: SeenRow | None, waiting: "_Waiting"
    ) -> tuple[list[Change], bool]:
        """Return changes to yield before a document is read, and whether its row stays valid."""
        version, access = _version_mark(item.version or b""), item.access
        has_text = row is not None and item.version != b"" and row.version == version
        has_access = _has_access(row, access)
        narrowed: list[Change] = (
            [] if has_access or access is None else [AccessNarrowed(item.id, access)]
        )
        if item.version is None:
            return narrowed, has_access
        if item.problem or not item.version:
            self.unread.add(item.id)
        if item.problem:
            told = Malformed(self._where(item.id), item.problem, item.id)
            if not has_text or row is None:
                return [told, ContentStale(item.id)], False
            if not has_access:  # once it can be read, its readers are compared again
                self._keep(item.id, SeenRow(version, row.access[:1]))
            return [told, *narrowed], has_access
        if has_text and has_access:
            return [], True
        if has_text and access is not None and row is not None and row.access[:1] == _EXACT:
            self._keep(item.id, SeenRow(version, _access_mark(access)))
            return [AccessChanged(item.id, access)], False
        waiting.add(item)
        return narrowed, False

    def _keep(self, document_id: str, row: SeenRow) -> None:
        self.rows[document_id] = row
        self.known += 1

    def _forget_vanished(self) -> Iterator[Change]:
        """Delete the rows of vanished documents, so that they count as new if they return.

        Documents that the settings exclude lose their readers before their deletion is confirmed.
        In a first crawl, the listing is yielded before everything is read, because reading may take
        days.
        """
        if self.is_first:
            yield from self._compare_with_index()
            return
        if self.seen.count() == self.known:
            return
        left_out = self._left_out() or (lambda document_id: False)
        listed = self.listed | self.others_listed if self.others_listed else self.listed
        for others in self.seen.others(listed):
            vanished = [one for one in others if not is_under(one, self.left)]
            self.seen.forget(vanished)
            yield from (AccessNarrowed(one, Access()) for one in filter(left_out, vanished))
        yield self._checkpoint()

    def _left_out(self) -> Callable[[str], bool] | None:
        return self.source.left_out() if isinstance(self.source, SupportsSelection) else None

    def _read(self, waiting: "_Waiting") -> Iterator[Change]:
        for items in batches(waiting.taken(), CHECKPOINT_DOCUMENTS):
            yield from self.reading(items)
            if len(items) == CHECKPOINT_DOCUMENTS:
                yield self._checkpoint()
        if self.rows:
            yield self._checkpoint()

    def reading(self, items: Iterable[Listed]) -> Iterator[Change]:
        """Yield listed documents as they are now, or hide the texts that were read before.

        Documents are gathered, then their readers are asked again: if a reader lost the right to
        read a document before its text was written, the text is yielded without this reader.
        """
        gathered = _Gathered()
        try:
            for reading, step in self._steps(items):
                gathered.add(reading, step)
                if gathered.is_full:
                    yield from self._confirmed(gathered.take())
        except SourceError:
            yield from self._confirmed(gathered.take())
            raise
        yield from self._confirmed(gathered.take())

    def _steps(self, items: Iterable[Listed]) -> Iterator[tuple["_Reading", "_Step"]]:
        """Read the items one after another. Raises `SourceUnreachable`, `SourceRefused`."""
        for item in items:
            reading = _Reading(item)
            try:
                for part in each_of(self.source.read(item)):
                    yield reading, _loaded(part) if isinstance(part, Document) else part
            except (RecordVanished, RecordUnreadable, RecordIncomplete, RecordKept) as error:
                yield reading, error
            else:
                yield reading, None

    def _confirmed(self, steps: Sequence[tuple["_Reading", "_Step"]]) -> Iterator[Change]:
        """Ask the source for the current readers of these documents, then yield the documents."""
        items = {
            reading.item.id: reading.item for reading, step in steps if isinstance(step, Document)
        }
        rights = rights_of(self.source, list(items.values())) if items else {}
        for reading, step in steps:
            if isinstance(step, Malformed):
                yield step
            elif isinstance(step, Document):
                if reading.item.id not in rights:
                    reading.has_other_readers = True
                    continue
                document = reading.narrowed(step, rights[reading.item.id])
                reading.missing.discard(document.id)
                yield Upsert(self._confirmed_once_read(reading.item, document))
            else:
                yield from self._ended(reading, step)

    def _confirmed_once_read(self, item: Listed, document: Document) -> Document:
        """Return the document; a large file has its readers asked again after it is read."""
        content = document.content
        if content is None or _is_small(content):
            return document

        def read() -> bytes:
            file = content.read()
            now = rights_of(self.source, [item]).get(item.id, Access())
            if now is not None and document.access.narrowed_to(now) != document.access:
                raise RecordVanished("ses lecteurs ont changé pendant sa lecture ; il sera relu")
            return file

        return replace(document, content=replace(content, read=read))

    def _ended(self, reading: "_Reading", error: SourceError | None) -> Iterator[Change]:
        """Hide the document or its parts that were not read, and store the document's row."""
        item, missing = reading.item, reading.missing
        match error:
            case RecordKept():
                version = _version_mark(item.version or b"")
                if reason := str(error):
                    self.unread.add(item.id)
                    yield Malformed(self._where(item.id), reason, item.id)
                    version = b""  # of no document, so that it is read again
                if item.access is not None:
                    self.rows[item.id] = SeenRow(version, _access_mark(item.access, exact=False))
            case None:
                yield from map(ContentStale, sorted(missing))
                if reading.has_other_readers:
                    self.unread.add(item.id)  # without a row, so that it is read again
                    return
                is_exact = reading.is_exact and item.id not in missing
                mark = _access_mark(reading.access, exact=is_exact)
                self.rows[item.id] = SeenRow(_version_mark(item.version or b""), mark)
            case _:
                self.unread.add(item.id)
                if isinstance(error, RecordVanished):
                    self.listed -= missing
                yield from map(ContentStale, sorted(missing))
                if isinstance(error, RecordUnreadable):
                    yield Malformed(self._where(item.id), str(error), item.id)

    def _checkpoint(self, note: str = "") -> Checkpoint:
        """Store the rows and return a checkpoint; only the last one of a crawl has a note."""
        self._store()
        self.step += self.stored
        self.stored = False
        return Checkpoint(f"{_CURSOR}{self.step}:{note}")

    def _store(self) -> None:
        if self.rows:
            self.seen.put(self.step + 1, self.rows)
            self.rows, self.stored = {}, True

    def _where(self, document_id: str) -> str:
        return document_id.removeprefix(f"{self.source.source}:")


@dataclass(slots=True)
class _Reading:
    """The reading of one listed document and its parts.

    `missing` contains the ids that were not read yet, `access` the readers to store with the row.
    `is_exact` is true if every document that was read has exactly these readers.
    `has_other_readers` is true if the source, asked again after the reading, gave other readers
    than in its listing, or no longer knew the document.
    """

    item: Listed
    missing: set[str] = field(init=False)
    access: Access = field(init=False)
    is_exact: bool = True
    has_other_readers: bool = False

    def __post_init__(self) -> None:
        self.missing = {self.item.id, *self.item.parts}
        self.access = self.item.access or Access()

    def narrowed(self, document: Document, now: Access | None) -> Document:
        """Return a document with the readers that the listing, its reading and `now` all admit."""
        listed = document.access if self.item.access is None else self.item.access
        self.access = listed
        self.is_exact = self.is_exact and document.access == listed
        self.has_other_readers |= now is not None and now != listed
        access = document.access
        for other in (listed, now):
            if other is not None and other != access:
                access = access.narrowed_to(other)
        return replace(document, access=access)


_Step = Document | Malformed | SourceError | None
"""A document or report that reading an item gave; at the item's end, its error or None."""


class _Gathered:
    """Buffer of read documents that are held back until their current readers are requested."""

    def __init__(self) -> None:
        self._steps: list[tuple[_Reading, _Step]] = []
        self._bytes, self._since = 0, time.monotonic()

    def add(self, reading: _Reading, step: _Step) -> None:
        self._steps.append((reading, step))
        if isinstance(step, Document):
            self._bytes += sum(len(section.text) for section in step.sections)
            if step.content and _is_small(step.content):
                self._bytes += step.content.size_bytes or 0

    @property
    def is_full(self) -> bool:
        """Whether the readers have to be asked before more is read."""
        late = time.monotonic() - self._since > ASK_AGAIN_S
        return late or self._bytes > GATHERED_BYTES

    def take(self) -> list[tuple[_Reading, _Step]]:
        """Remove and return all steps, in order."""
        steps, self._steps = self._steps, []
        self._bytes, self._since = 0, time.monotonic()
        return steps


def _is_small(content: Content) -> bool:
    return content.size_bytes is not None and content.size_bytes <= GATHERED_FILE_BYTES


def _loaded(document: Document) -> Document:
    """Return a document whose file, if small, is in memory. Raises `SourceError`.

    A file that vanished raises `RecordVanished` again when it is read from memory.
    """
    content = document.content
    if content is None or not _is_small(content):
        return document
    file: bytes | RecordVanished
    try:
        file = content.read()
    except RecordVanished as error:
        file = error

    def read() -> bytes:
        if isinstance(file, RecordVanished):
            raise file
        return file

    return replace(document, content=replace(content, read=read))


class _Waiting:
    """Documents that wait to be read, in memory or in a temporary file."""

    def __init__(self) -> None:
        self._file = cast(IO[bytes], SpooledTemporaryFile(WAITING_BYTES))  # noqa: SIM115 - closed below

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, item: Listed) -> None:
        pickle.dump(item, self._file, pickle.HIGHEST_PROTOCOL)

    def taken(self) -> Iterator[Listed]:
        """Yield the documents in order, and forget them."""
        end = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < end:
            yield pickle.load(self._file)  # noqa: S301 - this process wrote it, and nobody else can
        self._file.seek(0)
        self._file.truncate()


class _Nothing:
    """A `SeenItems` that stores nothing."""

    def begin(self, step: int | None) -> int:
        return step or 0

    def rows(self, document_ids: Collection[str]) -> Mapping[str, SeenRow]:
        return {}

    def put(self, step: int, rows: Mapping[str, SeenRow]) -> None:
        pass

    def forget(self, document_ids: Collection[str]) -> None:
        pass

    def forget_below(self, root: str) -> None:
        pass

    def count(self) -> int:
        return 0

    def others(self, document_ids: Set[str]) -> Iterator[list[str]]:
        return iter(())


def _paged(items: Iterator[ListingItem], size: int) -> Iterator[list[ListingItem]]:
    """Yield the items in lists of up to `size`; yield the items before an error, then raise it."""
    broken: SourceError | None = None
    while not broken:
        page: list[ListingItem] = []
        try:
            page.extend(islice(items, size))
        except SourceError as error:
            broken = error
        if page:
            yield page
        elif not broken:
            return
    raise broken


def _folder(root: str) -> str:
    """Return the name of a folder's row, which differs from the id of every document."""
    return f"{root}/"


def _row_name(item: Listed | ListedFolder | Unlisted) -> str:
    return item.id if isinstance(item, Listed) else _folder(item.root)


def _folder_row(item: ListedFolder) -> SeenRow:
    return SeenRow(_version_mark(item.rights), _version_mark(item.tag) if item.tag else b"")


def _is_known(item: Listed | ListedFolder, row: SeenRow | None) -> bool:
    if isinstance(item, ListedFolder):
        return bool(item.tag) and row == _folder_row(item)
    has_version = item.version is None or row is None or row.version == _version_mark(item.version)
    return has_version and _has_access(row, item.access)


def _position_of(cursor: str | None) -> tuple[int | None, str]:
    """Return the (number, note) of a cursor; the number is None for a cursor of another form."""
    number, _, note = (cursor or "").removeprefix(_CURSOR).partition(":")
    is_ours = cursor is not None and cursor.startswith(_CURSOR) and number.isdecimal()
    return (int(number), note) if is_ours else (None, "")


def without_note(cursor: str) -> str:
    """Return a cursor of `Snapshot` without its note, so that a source lists everything again."""
    step, _note = _position_of(cursor)
    return cursor if step is None else f"{_CURSOR}{step}:"


def _version_mark(version: bytes) -> bytes:
    return sha256(version).digest()[:_VERSION_BYTES]


def _has_access(row: SeenRow | None, access: Access | None) -> bool:
    """Return whether a document was read with these readers; None is equal to any readers."""
    return row is not None and (access is None or row.access[1:] == _access_mark(access)[1:])


@lru_cache(1024)
def _access_mark(access: Access, *, exact: bool = True) -> bytes:
    lines = [*sorted(access.allowed), "", *sorted(access.denied)]
    return (_EXACT if exact else _RESTATED) + digest_of(lines, _ACCESS_BYTES - 1)
