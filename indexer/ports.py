"""The ports of the indexer: text extraction, encoder, index, cursors, failures."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from indexer.access import AccessFilter
from indexer.suggestions import NearWord
from indexer.values import (
    DocumentText,
    Extracted,
    IndexedDocument,
    IndexEntry,
    IndexFill,
    SearchAnswer,
    SearchRequest,
    ShownDocument,
    ShowRequest,
    Suggestion,
    Vectors,
    Write,
    WriteReport,
)


class Extractor(Protocol):
    """Bytes of a file to sections of text."""

    @property
    def max_bytes(self) -> int:
        """A larger file need not be read: it fails as `too_large`."""
        ...

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Raises `ExtractionFailed` (this file) or `ExtractorUnreachable` (any file)."""
        ...


class Encoder(Protocol):
    """Text to vectors. `name` identifies model and precision; `dimension` is d."""

    @property
    def name(self) -> str:
        """Model and precision: vectors of two names are never compared."""
        ...

    @property
    def dimension(self) -> int:
        """How many numbers a vector has (d)."""
        ...

    def passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d), rows of length 1, in the order of `texts`."""
        ...

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions, which some models read otherwise.

        The time that a question takes is bounded: no more than its `beginning` is read.
        """
        ...

    def beginning(self, text: str) -> str:
        """What `queries` reads of a question: all of it, or as much as has few enough tokens."""
        ...


class IndexWriter(Protocol):
    """The side of an index that a crawl uses."""

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Apply in order; what is acknowledged is durable and seen by the next search.

        Raises `IndexUnreachable` (nothing of the batch is acknowledged; applying it
        again is harmless) or `IndexRefused`.
        """
        ...

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """What is kept of these documents, those left out that are not."""
        ...

    def count(self, source: str) -> int:
        """How many documents of a source are kept."""
        ...

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Every kept document of a source, in no particular order."""
        ...


@runtime_checkable
class Flushable(Protocol):
    """An index that is to be put in order before somebody writes from what it keeps."""

    def flush(self) -> None:
        """What was sent before, without an answer too, is kept by now, or never will be.

        Access lists that no document names are gone. Nobody else may be writing. Raises
        `IndexUnreachable` or `IndexRefused`.
        """
        ...


@runtime_checkable
class Expungeable(Protocol):
    """An index whose files hold words of what was removed until they are written anew."""

    def expunge(self) -> None:
        """No file holds a word of a removed or former text once this returns.

        It takes as long as writing all that stands beside them; searches go on meanwhile.
        Raises `IndexUnreachable` or `IndexRefused`.
        """
        ...


@runtime_checkable
class Limited(Protocol):
    """An index that is made for so many passages, on one machine."""

    def fill(self) -> IndexFill | None:
        """How full it is; None where the index behind it has no such limit."""
        ...


@runtime_checkable
class Probed(Protocol):
    """An index that can test within a second whether it would answer a reader."""

    def probe(self) -> None:
        """Read a few documents and search for a word of each.

        Raises `IndexDamaged`, or what a search raises.
        """
        ...


@runtime_checkable
class Verifiable(Protocol):
    """An index that can read all of its files and compare them with their checksums."""

    def verify(self) -> None:
        """Read every file. Raises `IndexDamaged`."""
        ...


class IndexReader(Protocol):
    """The side of an index that a question uses. Each call carries an access filter."""

    def search(self, request: SearchRequest) -> SearchAnswer:
        """Raises `IndexUnreachable` or `IndexRefused`, as the others do."""
        ...

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """In the order of `document_ids`, then of `by_card`; what may not be read is left out."""
        ...

    def read(self, access: AccessFilter, document_id: str) -> DocumentText | None:
        """The document as it is kept now; None where it is not kept or may not be read.

        Text and rights are of one moment. What may not be read takes no longer than what is
        not there: its text is not read.
        """
        ...

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Titles whose words begin with those typed (accents and case aside)."""
        ...

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """For each folded word that no readable document has, the best near ones that some has.

        Near is within `spelling.reach`, fewer slips first. A word that a readable document
        has, in any of its forms, is left out.
        """
        ...


class IndexContents(Protocol):
    """The side of an index that a reindex reads. No access filter: it never meets a reader."""

    def sources(self) -> frozenset[str]:
        """The sources of which documents are kept."""
        ...

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """These documents as they are kept now, in any order; those left out that are not.

        Put into another index, one makes the same answers there. Its passages hold its
        text: it has no sections.
        """
        ...


class StoredIndex(IndexWriter, IndexContents, Protocol):
    """The sides of an index that a copy compares and fills; it need not be searched."""


class IndexDenials(Protocol):
    """The side of an index that tells whom documents deny. It never meets a reader either."""

    def denials(self, source: str) -> Mapping[str, int]:
        """How many documents of a source deny each principal that some of them denies."""
        ...

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Those of these accounts (`source:name`) that contributed to a kept document.

        An account in another Unicode form than NFC or NFD is not found.
        """
        ...


class Index(IndexWriter, IndexReader, IndexContents, IndexDenials, Protocol):
    """All sides."""


class Cursors(Protocol):
    """Where each source stands."""

    def load(self, source: str) -> str | None:
        """The last cursor kept, or None."""
        ...

    def save(self, source: str, cursor: str, still_ahead: Collection[str] = ()) -> None:
        """Called after all writes before the checkpoint were acknowledged.

        No document is ahead of the cursor any more but those that are named.
        """
        ...

    def note_ahead(self, source: str, document_ids: Collection[str]) -> None:
        """Called before documents are written: until the next `save` they are ahead of it."""
        ...

    def ahead(self, source: str) -> frozenset[str]:
        """The documents of which the index may hold a later text than the cursor knows."""
        ...


class Failures(Protocol):
    """What did not make it into the index, for the administrator."""

    def record(self, source: str, key: str, kind: str, reason: str) -> None:
        """`key` is a document's id, or the place of a record that names none."""
        ...

    def resolve(self, source: str, key: str) -> None:
        """Forget one failure that no longer holds."""
        ...

    def clear(self, source: str) -> None:
        """Forget all failures of a source."""
        ...

    def keys(self, source: str) -> frozenset[str]:
        """The keys of all open failures of a source."""
        ...

    def due(self, source: str, kinds: Sequence[str], tries: int) -> frozenset[str]:
        """The keys of failures of these kinds that were given fewer than so many tries."""
        ...

    def count_try(self, source: str, keys: Collection[str]) -> None:
        """Each of these failures was given one more try."""
        ...

    def begin_anew(self, source: str, key: str) -> None:
        """The failure of this key has been given no try yet."""
        ...


class ScannedTexts(Protocol):
    """The text of scanned documents, as far as it was recognised, for a crawl.

    Who recognises it does so later and elsewhere: a crawl never waits for it.
    """

    def text_of(self, source: str, document_id: str, content: bytes) -> Extracted | None:
        """The recognised text of these very bytes; None where none is to be had of them.

        Raises `ExtractionFailed`: `awaits_recognition`, where it is noted by now that they
        wait, or why nothing could be recognised.
        """
        ...

    def known(self, source: str) -> frozenset[str]:
        """The documents of which anything is kept."""
        ...

    def awaited(self, source: str) -> frozenset[str]:
        """Those of them whose text is still to be recognised."""
        ...

    def forget(self, source: str, document_ids: Collection[str]) -> None:
        """Nothing is kept of these any more."""
        ...


class NoScans:
    """Where nothing is recognised, and nothing kept."""

    def text_of(self, source: str, document_id: str, content: bytes) -> Extracted | None:
        """None."""
        return None

    def known(self, source: str) -> frozenset[str]:
        """None."""
        return frozenset()

    def awaited(self, source: str) -> frozenset[str]:
        """None."""
        return frozenset()

    def forget(self, source: str, document_ids: Collection[str]) -> None:
        """There is nothing to forget."""


NO_SCANS: ScannedTexts = NoScans()
"""Of a crawl without any."""
