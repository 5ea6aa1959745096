"""What an index keeps and what it is asked for: documents, writes, questions, answers."""

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
"""A title is suggested and weighed by its first characters; OpenSearch keeps no longer column."""


class HitAttributes(NamedTuple):
    """`dated`: seconds since the epoch, as the facet `year` sees it. Days are ISO texts.

    `text_signature` is the signature of `indexer.near_duplicates`, empty where there is none;
    `centroid` that of `indexer.centroids`, empty for a document without passages. `title` is its
    first `BEGUN_CHARACTERS`. `area` is the code of its département, empty if it has none.
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

    def begun(self, today: date) -> bool:
        """Whether its validity has begun."""
        return self.valid_from is None or self.valid_from <= today.isoformat()

    def past(self, today: date) -> bool:
        """Whether the last day of its validity is over."""
        return self.valid_until is not None and self.valid_until < today.isoformat()


def dated_of(document: Document) -> float | None:
    """When a document was last changed, or else made, in seconds since the epoch.

    A time without a zone is read as UTC, here and everywhere.
    """
    shown = document.modified or document.created
    if shown is None:
        return None
    return (shown if shown.tzinfo else shown.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True, slots=True)
class Byline:
    """Somebody who contributed: by one of these accounts, or under a name with all these words.

    `words` as `indexer.french.analysis.folded_words` gives them. Both empty: nobody.
    """

    accounts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DateRange:
    """Documents dated from the day `since` on and before the day `before` (UTC).

    The date is that of the facet `year`; without one a document is in no period.
    """

    since: date | None = None
    before: date | None = None


Vectors = NDArray[np.float32]
"""float32, shape (n, d), each row of length 1."""

WINDOW = 200
"""W: how many documents of each ranking are fused; pages and votes stay inside them."""


class Failure(StrEnum):
    """Why a file gave no text. `not_text`: it is of a kind that has none, as images are.

    `awaits_recognition`: a scan whose text is to be recognised (`indexer.scans`).
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
    """What is missing from a text: an attachment by its path, or (empty) the file's own end."""

    path: str
    failure: Failure
    reason: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a file, with what the file says of itself and what could not be read."""

    sections: tuple[Section, ...]
    title: str = ""
    author: str = ""
    language: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    unread: tuple[UnreadPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a section, encoded as one vector. `text` is without the title in front."""

    text: str
    heading: str = ""
    author: str | None = None
    page: int | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document ready to be kept: `vectors[i]` encodes `passages[i]`.

    `content_hash` changes when the passages do, `record_hash` when anything else but the
    access does. Neither knows the encoder: an index has one, and says which.
    """

    document: Document
    passages: tuple[Passage, ...]
    vectors: Vectors
    content_hash: str
    record_hash: str


@dataclass(frozen=True, slots=True)
class Put:
    """Keep this document, whole, in place of what stood under its id."""

    indexed: IndexedDocument


@dataclass(frozen=True, slots=True)
class PutAccess:
    """Change who may read a kept document, and nothing else. No such document: no effect."""

    document_id: str
    access: Access


@dataclass(frozen=True, slots=True)
class Remove:
    """Forget a document. No such document: no effect."""

    document_id: str


Write = Put | PutAccess | Remove

WITHHELD = Access(denied=frozenset({"quisait:document:withheld"}))
"""The access of a kept document whose present text could not be read: nobody reads it.

A crawl gives such a document other readers only with its text (`Put`, or a reading that
finds the same text). The denied principal, which nobody holds, tells it in every index
from a document that merely has no readers.
"""


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What became of a batch: `failed` holds (document id, reason)."""

    written: int
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What a scan tells of one kept document."""

    document_id: str
    content_hash: str
    record_hash: str
    access: Access


@dataclass(frozen=True, slots=True)
class IndexFill:
    """How many passages an index holds, and for how many it is made (`limit`, more than 0)."""

    passages: int
    limit: int

    @property
    def share(self) -> float:
        """Of the limit: 1 is at it, and more is beyond."""
        return self.passages / self.limit


@dataclass(frozen=True, slots=True)
class Expansion:
    """Other ways of saying `words`, which stand in the question: any of `others`, as phrases."""

    words: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A query, read: free text, phrases that must stand as written, words that must not stand.

    Of each group of `any_of` one phrase at least must stand. `expansions` match beside the
    text, and weigh less than it. `aside` are parts of the text that name a place: they rank, but
    documents need not say them. Without text, phrases, exclusions and groups: everything
    that the reader may read, newest first.
    """

    text: str = ""
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    expansions: tuple[Expansion, ...] = ()
    aside: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for by words."""
        return not (self.names_something or self.excluded)

    @property
    def names_something(self) -> bool:
        """Whether documents can be ranked by it: to exclude words alone names nothing."""
        return bool(self.text or self.phrases or self.any_of)

    @property
    def words(self) -> str:
        """All that is wanted, as one text to encode."""
        groups = (phrase for group in self.any_of for phrase in group)
        return " ".join((self.text, *self.phrases, *groups)).strip()


FACETS = ("source", "kind", "space", "entity", "area", "year")
"""What results can be narrowed by; each is also a facet. `year` is that of `modified`,
or of `created` where a source gives no other date."""


@dataclass(frozen=True, slots=True)
class RelevanceCut:
    """Where the result set ends.

    A document belongs to it that matches lexically and has at least the share `information`
    (0 to 1) of what the question's words tell (`indexer.relevance`), or is among the W nearest
    with a cosine of at least `cosine`.
    """

    information: float
    cosine: float


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search. Nothing is searched without an access filter.

    `filters` maps a facet's name to the accepted values (any of them; every named
    facet must hold); each of `bylines` must have contributed. `vector` has shape (d,), or
    is None for a lexical search; `lexical` False leaves the words to the vector alone
    (phrases, exclusions and filters still bind).
    `with_attributes` returns the attributes of each hit. `newest_first` orders what has most of the
    words by date instead of by relevance; its score is in seconds since the epoch.
    Without `counted` the rankings come alone and sooner: a total of 0, no facets.
    `depth`: each ranking has so many hits, where that is more than `window`; total and facets
    stay those of the first `window`.
    `cut` ends the result set where relevance ends; the rankings stay whole.
    `documents`: only these, by id, of which an engine takes 65 536; None for all.
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
        """How many hits each ranking has at most."""
        return max(self.window, self.depth)


class SearchHit(NamedTuple):
    """A document and its score in one ranking (best first, ties by id)."""

    document_id: str
    score: float


@dataclass(frozen=True, slots=True)
class FacetValue:
    """How many documents of the result set have this value."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Card:
    """A kept document without its text: what a result shows and what votes need.

    `signed`: several accounts are named as authors of its passages, or nobody looked.
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


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The two rankings (each at most W), and total and facets over the result set.

    The result set is what matches lexically (with the engine's stated minimum) and
    the W nearest by vector, under the access filter, as far as the request's cut lets them.
    `members`: the ids of the first W of each ranking that belong to it; None without a cut, where
    all do. `said`: with a cut, by document id, the share of the question's information (above 0,
    at most 1) that each of the first W lexical hits has, if it reaches the cut's; 1 where no word
    of the question is weighed. None without a cut.
    `terms_dropped` says that the question had more words than an engine takes.
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
    """Ask for the cards and best passages of these documents, under the same filter.

    `passages` 0: the cards alone. `successors`: also for the cards of what replaces them.
    `by_card`: these too, by their cards alone, behind the others.
    With `marked` False, passages have no highlights, and come sooner.
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
    """A passage that answers. `highlights` are (start, end) character offsets into its text."""

    passage: Passage
    score: float
    highlights: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """What a result page shows of one document. `successors`: readable ones, by id."""

    card: Card
    passages: tuple[ShownPassage, ...]
    successors: tuple[Card, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A kept document with all of its text: the passages in reading order.

    `beginning` is the stored vector (d,) of the first passage, None without passages.
    """

    card: Card
    passages: tuple[Passage, ...]
    beginning: Vectors | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A title that begins, somewhere, with what is being typed."""

    document_id: str
    title: str
