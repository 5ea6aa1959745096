"""The ports of the indexer: text extraction, encoder, index."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

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
    """Extracts sections of text from the bytes of a file."""

    @property
    def max_bytes(self) -> int:
        """Size of the largest accepted file, in bytes.

        A larger file is not read and fails as `too_large`.
        """

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Return the text of a file.

        Raises `ExtractionFailed` if this file cannot be read, or `ExtractorUnreachable` if no file
        can.
        """


class Encoder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """Model and precision: vectors of encoders with different names are never compared."""

    @property
    def dimension(self) -> int:
        """Number of components of a vector (d)."""

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32 vectors of shape (n, d), rows of length 1, in the order of `texts`."""

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of queries, which some models encode differently from passages.

        Only the `beginning` of each query is encoded, so that the time is bounded.
        """

    def beginning(self, text: str) -> str:
        """Return the part of a query that `queries` encodes: all of it, or its first tokens."""


class IndexWriter(Protocol):
    """The methods of an index that a crawl uses."""

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Apply the writes in order; acknowledged ones are durable and seen by the next search.

        Raises `IndexUnreachable` (nothing of the batch is acknowledged; applying it again is
        harmless) or `IndexRefused`.
        """

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """Return the entries of these documents by id, without documents that are not indexed."""

    def count(self, source: str) -> int:
        """Return the number of indexed documents of a source."""

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield the entry of every indexed document of a source, in any order."""

    def flush(self) -> None:
        """Return once no earlier write is pending: each is durable, or will never be applied.

        This includes writes that got no answer. Access lists that no document uses are deleted. No
        other writer may be active. Raises `IndexUnreachable` or `IndexRefused`.
        """


class IndexReader(Protocol):
    """The methods of an index that a query uses. Each call carries an access filter.

    Each method raises `IndexUnreachable` or `IndexRefused`.
    """

    def search(self, request: SearchRequest) -> SearchAnswer:
        """Return the rankings, total and facets of a search."""

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """Return the documents in the order of `document_ids`, then of `by_card`.

        Documents that the reader may not read are left out.
        """

    def read(self, access: AccessFilter, document_id: str) -> DocumentText | None:
        """Return the document's current text, or None if it is not indexed or may not be read.

        Text and rights are read at the same moment. A document that may not be read takes no longer
        than a missing document, because its text is not read.
        """

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Return titles with words that begin with the typed ones, ignoring accents and case."""

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """Return, for each folded word that no readable document has, similar words of documents.

        The words are at most `suggestions.max_edits` edits away, fewest edits first. Words that a
        readable document has, in any of their forms, are left out.
        """


class IndexContents(Protocol):
    """The methods of an index that a reindex uses.

    They take no access filter, because no reader calls them.
    """

    def sources(self) -> frozenset[str]:
        """Return the sources that have at least one indexed document."""

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """Yield these documents as they are indexed now, in any order, without missing ones.

        A document that is written to another index gives the same answers there. Its text is in its
        passages; it has no sections.
        """


class StoredIndex(IndexWriter, IndexContents, Protocol):
    """An index that a copy compares and fills; it need not support searches."""


class IndexDenials(Protocol):
    """The methods of an index that tell which principals documents deny. No reader calls them."""

    def denials(self, source: str) -> Mapping[str, int]:
        """Return the denied principals of a source, and how many documents deny each."""

    def without_readers(self, source: str) -> int:
        """Return how many documents of a source name no reader, so that nobody may read them.

        Documents that are withheld until their text is read again are not counted.
        """

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Return the accounts (`source:name`) that contributed to at least one indexed document.

        Only accounts in the Unicode forms NFC and NFD are found.
        """


class Index(IndexWriter, IndexReader, IndexContents, IndexDenials, Protocol):
    """Port of a whole index: writing, reading, contents, denials and maintenance."""

    def expunge(self) -> None:
        """Rewrite files until none holds a word of a deleted or replaced text.

        This takes as long as writing every text of those files. Searches continue meanwhile. Raises
        `IndexUnreachable` or `IndexRefused`.
        """

    def fill(self) -> IndexFill | None:
        """Return how full an index on one machine is; None for an index without a limit."""

    def probe(self) -> None:
        """Read a few documents and search for a word of each, within a second.

        If the engine is a server, nothing is tested, because it tests itself. Raises
        `IndexDamaged`, or any error that a search raises.
        """

    def verify(self) -> None:
        """Read every file of an index on this machine. Raises `IndexDamaged`."""
