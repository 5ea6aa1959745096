"""Values of an index: documents, writes, questions, answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.values import Access, Contribution, Document, Section
from indexer.access import AccessFilter

BEGUN_CHARACTERS = 500
"""Number of characters of a title that are used for suggestions and ranking; OpenSearch stores no
more.
"""


class HitAttributes(NamedTuple):
    """Attributes of a hit that ranking uses.

    `dated`: seconds since the epoch, the date of the facet `year`. `valid_from` and `valid_until`:
    ISO dates. `text_signature`: from `indexer.near_duplicates`, empty for short texts. `centroid`:
    from `indexer.centroids`, empty for a document without passages. `title`: its first
    `BEGUN_CHARACTERS` characters. `area`: code of the département, or empty. `questions`: vectors
    of its expected questions, from `indexer.centroids.quantised`.
    """

    source: str
    dated: float | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    replaces: tuple[str, ...] = ()
    text_signature: bytes = b""
    centroid: bytes = b""
    title: str = ""
    area: str = ""
    questions: bytes = b""

    def begun(self, today: date) -> bool:
        """Return whether the document's validity has begun."""
        return self.valid_from is None or self.valid_from <= today.isoformat()

    def past(self, today: date) -> bool:
        """Return whether the last day of the document's validity is over."""
        return self.valid_until is not None and self.valid_until < today.isoformat()


UNDATED = -62_135_596_800.0
"""Date of an undated document in an order by date: the year 1 (seconds since the epoch)."""


def dated_of(document: Document) -> float | None:
    """Return when a document was last modified, else created, in seconds since the epoch.

    Returns None if it has neither date. Times without a zone are read as UTC.
    """
    shown = document.modified or document.created
    if shown is None:
        return None
    return (shown if shown.tzinfo else shown.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True, slots=True)
class Byline:
    """A contributor to search for: by one of `accounts`, or by a name that has all of `words`.

    `words` come from `indexer.french.analysis.folded_words`. If both are empty, nobody matches.
    """

    accounts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DateRange:
    """A period: from the day `since` up to, but not including, the day `before` (UTC).

    The date of a document is that of the facet `year`; a document without a date never matches.
    """

    since: date | None = None
    before: date | None = None


Vectors = NDArray[np.float32]
"""float32, shape (n, d), each row of length 1."""

WINDOW = 200
"""Number of documents of each ranking that are fused, called W. Pages and votes use only these
documents.
"""


class Failure(StrEnum):
    """Reason why a file gave no text. `not_text`: files of this kind have no text, such as images.

    `awaits_recognition`: the file is a scan whose text will be recognised (`indexer.scans`).
    """

    ENCRYPTED = "encrypted"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    IMAGE_ONLY = "image_only"
    NOT_TEXT = "not_text"
    TOO_LARGE = "too_large"
    TIMED_OUT = "timed_out"
    AWAITS_RECOGNITION = "awaits_recognition"


@dataclass(frozen=True, slots=True)
class UnreadPart:
    """A missing part of a text: the attachment at `path`, or the end of the file if it is empty."""

    path: str
    failure: Failure
    reason: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a file, its own metadata, and the parts that could not be read."""

    sections: tuple[Section, ...]
    title: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    unread: tuple[UnreadPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a section, encoded as one vector. `text` does not include the title."""

    text: str
    heading: str = ""
    author: str | None = None
    page: int | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The data that a scan of the index returns for each document."""

    document_id: str
    content_hash: str
    record_hash: str
    access: Access

    def same_text(self, other: "IndexEntry") -> bool:
        """Return whether both have the same text and record, whatever their access."""
        mine = (self.content_hash, self.record_hash)
        return mine == (other.content_hash, other.record_hash)


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document ready to be indexed: `vectors[i]` encodes `passages[i]`.

    `question_vectors` encode the expected questions (`indexer.centroids.quantised`).

    `content_hash` changes with the passages, `record_hash` with anything else but the access.
    Neither depends on the encoder, because an index has only one encoder and records its name.
    """

    document: Document
    passages: tuple[Passage, ...]
    vectors: Vectors
    content_hash: str
    record_hash: str
    question_vectors: bytes = b""

    @property
    def entry(self) -> IndexEntry:
        """The entry that a scan returns for it."""
        return IndexEntry(
            self.document.id, self.content_hash, self.record_hash, self.document.access
        )


@dataclass(frozen=True, slots=True)
class Put:
    """Write this whole document, replacing any document with its id."""

    indexed: IndexedDocument

    @property
    def document_id(self) -> str:
        """Id of the document."""
        return self.indexed.document.id


@dataclass(frozen=True, slots=True)
class PutAccess:
    """Change only the access of an indexed document. This has no effect if it is not indexed."""

    document_id: str
    access: Access


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete a document. This has no effect if it is not indexed."""

    document_id: str


Write = Put | PutAccess | Remove

WITHHELD = Access(denied=frozenset({"quisait:document:withheld"}))
"""The access of an indexed document whose current text could not be read, so that nobody reads it.

A crawl gives such a document readers again only together with its text (`Put`, or after a reading
that found the same text). The denied principal, which nobody has, distinguishes such a document
from a document without readers.
"""


@dataclass(frozen=True, slots=True)
class WriteReport:
    """The result of a batch: `failed` holds (document id, reason) pairs."""

    written: int
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IndexFill:
    """Number of passages in an index, and the number it is designed for (`limit`, above 0)."""

    passages: int
    limit: int

    @property
    def share(self) -> float:
        """Passages divided by the limit: above 1 if the index is too full."""
        return self.passages / self.limit


@dataclass(frozen=True, slots=True)
class Expansion:
    """Synonyms of `words`, which occur in the query. Each of `others` is matched as a phrase."""

    words: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A parsed query: free text, phrases that must match as written, and excluded words.

    At least one phrase of each group in `any_of` must match. `expansions` match in addition to the
    text, with a lower weight. `aside` lists parts of the text that name a place. They raise the
    score, but documents need not contain them. An empty question matches everything that the reader
    may read, newest first.
    """

    text: str = ""
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    expansions: tuple[Expansion, ...] = ()
    aside: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the question has no words, neither wanted nor excluded."""
        return not (self.names_something or self.excluded)

    @property
    def names_something(self) -> bool:
        """Whether documents can be ranked by the question, which exclusions alone do not allow."""
        return bool(self.text or self.phrases or self.any_of)

    @property
    def words(self) -> str:
        """All wanted words as a text to encode."""
        groups = (phrase for group in self.any_of for phrase in group)
        return " ".join((self.text, *self.phrases, *groups)).strip()


FACETS = ("source", "kind", "space", "entity", "area", "year")
"""Fields that narrow results; each field is also a facet. `year` is the year of `modified`, or of
`created` if the source gives no other date. An index that was made without one of them has no
values of it until `quisait reindex` ("Add a facet" in CONTRIBUTING.md).
"""


def facet_values(document: Document) -> dict[str, str]:
    """Return the document's value of each facet, or an empty string."""
    shown = document.modified or document.created
    return {
        name: (f"{shown.year:04}" if shown else "") if name == "year" else getattr(document, name)
        for name in FACETS
    }


@dataclass(frozen=True, slots=True)
class RelevanceCut:
    """Thresholds that end the result set.

    The result set contains lexical matches with at least the share `information` (0 to 1) of the
    information in the question's words (`indexer.relevance`), and those of the W nearest documents
    whose cosine is at least `cosine`.
    """

    information: float
    cosine: float


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search. It always carries an access filter.

    `filters` maps facets to accepted values: a document must have one of the values in every facet.
    Each of `bylines` must have contributed. `vector` has shape (d,), or is None for a lexical
    search. If `lexical` is False, words are ranked by the vector alone, while phrases, exclusions
    and filters still apply. `with_attributes` requests the attributes of each hit. `newest_first`
    orders documents that have most of the words by date instead of relevance; scores are then
    seconds since the epoch. Without `counted`, the total is 0 and there are no facets, which is
    faster. `depth` is the number of hits in each ranking if it is more than `window`; total and
    facets still count the first `window` hits. `cut` limits the result set to relevant documents
    but not the rankings. `documents` limits the search to these ids, at most 65 536; None means
    all.
    """

    access: AccessFilter
    question: Question
    vector: Vectors | None = None
    lexical: bool = True
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bylines: tuple[Byline, ...] = ()
    period: DateRange | None = None
    window: int = WINDOW
    facets: tuple[str, ...] = FACETS
    facet_size: int = 50
    with_attributes: bool = False
    newest_first: bool = False
    counted: bool = True
    depth: int = 0
    cut: RelevanceCut | None = None
    documents: tuple[str, ...] | None = None

    @property
    def ranked(self) -> int:
        """Largest number of hits in each ranking."""
        return max(self.window, self.depth)


class SearchHit(NamedTuple):
    """A document and its score in a ranking (best first, ties by id)."""

    document_id: str
    score: float


@dataclass(frozen=True, slots=True)
class FacetValue:
    """Number of documents of the result set that have this value."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Card:
    """An indexed document without its text, for results and votes.

    `signed` is true if the passages of the document name several accounts as authors, or if that
    was not checked.
    """

    document_id: str
    source: str
    title: str
    url: str
    kind: str
    language: str
    space: str
    part_of: str
    entity: str
    area: str
    created: datetime | None
    modified: datetime | None
    valid_from: str | None
    valid_until: str | None
    replaces: tuple[str, ...]
    evidence: str
    contributions: tuple[Contribution, ...]
    signed: bool = True
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The two rankings (each at most W), and total and facets over the result set.

    The result set contains lexical matches (with the engine's stated minimum) and the W nearest by
    vector, under the access filter, as far as the request's cut allows. `members` contains the ids
    of the first W hits of each ranking that belong to the result set. `members` is None without a
    cut, because all hits then belong to the set. `said` gives, by document id, the share of the
    question's information (above 0, at most 1) in each of the first W lexical hits that reach the
    cut. The share is 1 if no word of the question is weighed; `said` is None without a cut.
    `terms_dropped`: whether the question had more words than the engine takes.
    """

    lexical: tuple[SearchHit, ...]
    vector: tuple[SearchHit, ...]
    total: int
    facets: Mapping[str, tuple[FacetValue, ...]]
    attributes: Mapping[str, HitAttributes] = field(default_factory=dict)
    terms_dropped: bool = False
    members: frozenset[str] | None = None
    said: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class ShowRequest:
    """A request for the cards and best passages of documents, under an access filter.

    `passages` is their number per document; 0 gives only cards. `successors` adds the cards of
    documents that replace these. `by_card` lists documents of which only the cards are added.
    Without `marked`, passages have no highlights, which is faster.
    """

    access: AccessFilter
    document_ids: tuple[str, ...]
    question: Question
    vector: Vectors | None = None
    passages: int = 1
    successors: bool = False
    by_card: tuple[str, ...] = ()
    marked: bool = True


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A matching passage. `highlights` are (start, end) character offsets in its text."""

    passage: Passage
    score: float
    highlights: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """The data of a document for a result page.

    `successors` are the readable ones, ordered by id.
    """

    card: Card
    passages: tuple[ShownPassage, ...]
    successors: tuple[Card, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentText:
    """An indexed document with its whole text: the passages in reading order.

    `beginning` is the stored vector (d,) of the first passage, or None without passages.
    """

    card: Card
    passages: tuple[Passage, ...]
    beginning: Vectors | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A title with words that begin with the typed ones."""

    document_id: str
    title: str
