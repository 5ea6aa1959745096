"""The lexical and vector rankings of a query over data in memory, and its result set."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial, reduce

import numpy as np
import tantivy
from numpy.typing import NDArray

from indexer.embedded.catalogue import Floats, Mask, Slots, StoreSnapshot
from indexer.embedded.text import TextIndex
from indexer.parsed_query import ParsedQuery, Phrase
from indexer.relevance import TOLERANCE, aside_parts, information, question_parts
from indexer.values import RelevanceCut, SearchHit, SearchRequest

CACHED_PHRASES = 1_000
"""Number of words and phrases whose matches are cached, as one bit per document."""

MAX_CACHED_QUERY_WORDS = 32
"""The matches of a query with more words, such as a pasted text, are not cached, because few of its
words recur.
"""

_Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class IndexMoment:
    """The catalogue and the text index that one search reads."""

    catalogue: StoreSnapshot
    text: tantivy.Searcher


@dataclass(frozen=True, slots=True)
class _CachedMatches:
    """Cached matches for one state of the catalogue and one state of the text index."""

    catalogue: StoreSnapshot
    snapshot: tantivy.Searcher
    bits: Callable[[Phrase], _Bits]


class Matcher:
    """Masks of matching documents, readable or not.

    The engine returns each match separately, so that common words take longest. Common words also
    recur in queries: therefore the matches of a word are cached until something is written.
    """

    def __init__(self, text: TextIndex) -> None:
        self._text = text
        self._cached: _CachedMatches | None = None

    def of(self, wanted: ParsedQuery, moment: IndexMoment) -> Mask:
        """Return the mask of all matches.

        If the query has no words or phrases, these are all documents that it does not exclude.
        """
        catalogue = moment.catalogue
        if _size(wanted) > MAX_CACHED_QUERY_WORDS:
            return _mask(catalogue, self._text.matching(wanted, moment.text))
        having = partial(_unpacked, self._kept(moment).bits, len(catalogue.rows))
        must = [having(phrase) for phrase in wanted.phrases]
        must += [_any([having(phrase) for phrase in group]) for group in wanted.any_of]
        if wanted.terms:
            terms = [having(((0, term),)) for term in wanted.terms]
            terms += [
                _any([having(expansion.phrase) for expansion in group])
                for group in wanted.expansions
            ]
            must.append(_at_least(wanted.minimum, terms))
        if not wanted.scores:
            must.append(having(()))
        mask = reduce(np.logical_and, must)
        for phrase in wanted.excluded:
            mask = mask & ~having(phrase)
        return mask

    def saying(self, phrases: Sequence[Phrase], moment: IndexMoment) -> Mask:
        """Return the mask of documents with one of these phrases."""
        bits, count = self._kept(moment).bits, len(moment.catalogue.rows)
        return _any([_unpacked(bits, count, phrase) for phrase in phrases])

    def _kept(self, moment: IndexMoment) -> _CachedMatches:
        cached, catalogue, snapshot = self._cached, moment.catalogue, moment.text
        if cached is None or cached.catalogue is not catalogue or cached.snapshot is not snapshot:
            read = lru_cache(maxsize=CACHED_PHRASES)(partial(self._bits, catalogue, snapshot))
            self._cached = cached = _CachedMatches(catalogue, snapshot, read)
        return cached

    def _bits(self, catalogue: StoreSnapshot, snapshot: tantivy.Searcher, phrase: Phrase) -> _Bits:
        return np.packbits(_mask(catalogue, self._text.having(phrase, snapshot)))


def _mask(catalogue: StoreSnapshot, rows: NDArray[np.int64]) -> Mask:
    slots, has_slot = catalogue.slots(rows)
    return catalogue.mask(slots[has_slot])


def _unpacked(bits: Callable[[Phrase], _Bits], count: int, phrase: Phrase) -> Mask:
    return np.unpackbits(bits(phrase), count=count).view(np.bool_)


def _any(masks: Sequence[Mask]) -> Mask:
    return reduce(np.logical_or, masks)


def _at_least(minimum: int, masks: Sequence[Mask]) -> Mask:
    """Return the mask of slots that are in at least `minimum` of these masks."""
    if minimum <= 1:
        return _any(masks)
    return np.asarray(sum(mask.astype(np.uint16) for mask in masks) >= minimum)


def _size(wanted: ParsedQuery) -> int:
    """Return the number of words and phrases in the query."""
    groups = sum(map(len, (*wanted.any_of, *wanted.expansions)))
    return len(wanted.terms) + len(wanted.phrases) + len(wanted.excluded) + groups


Matches = tuple[Slots, Mask, NDArray[np.float64]]

WINDOWS_READ_FIRST = 3
"""Number of windows of readable matches that are read first, in the hope that they suffice."""

MAX_SHARE_READ_FIRST = 4
"""The best matches are read first only if they are fewer than one in this number of all documents;
else all matches are read at once.
"""

_VECTOR_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="vectors")
"""Compares vectors while words are searched: both release the interpreter lock."""


@dataclass(frozen=True, slots=True)
class RankedMatches:
    """Both rankings; `members` is the result set, if it is counted.

    `shares[slot]` is the share (0 to 1) of the question's information in a document, 0 below the
    cut. `shares` is None without a cut.
    """

    lexical: tuple[SearchHit, ...]
    nearest: tuple[SearchHit, ...]
    members: Slots
    shares: NDArray[np.float64] | None = None


class Rankings:
    """Ranks only documents that the reader may read and the request's filters admit."""

    def __init__(self, text: TextIndex) -> None:
        self._text = text
        self._matching = Matcher(text)

    def of(self, request: SearchRequest, wanted: ParsedQuery, moment: IndexMoment) -> RankedMatches:
        """Return both rankings and the result set; vectors are compared during word search."""
        readable = moment.catalogue.readable(request.access)
        eligible = readable & self._narrowed(request, moment)
        similar = _similar(request, moment.catalogue)
        lexical, matched = self._lexical(request, wanted, moment, eligible)
        shares = None
        if request.cut:
            shares = self._information_shares(request, request.cut, moment, readable)
            matched = matched & (shares >= request.cut.information - TOLERANCE)
        nearest, close = self._nearest(request, wanted, moment, eligible, similar)
        return RankedMatches(lexical, nearest, np.flatnonzero(matched | close), shares)

    def _information_shares(
        self, request: SearchRequest, cut: RelevanceCut, moment: IndexMoment, readable: Mask
    ) -> NDArray[np.float64]:
        """Return float64 (slots,): the share of the question's information in each document.

        Words are weighed by how many readable documents have them. Shares below the cut are 0.
        """
        aside = aside_parts(request.question)
        parts = (*question_parts(request.question), *aside)
        masks = [self._matching.saying(part, moment) for part in parts]
        counts = [int((mask & readable).sum()) for mask in masks]
        shares = information(counts, int(readable.sum()), len(aside))
        covered = np.full(len(moment.catalogue.rows), 0.0 if shares else 1.0)
        for share, mask in zip(shares, masks, strict=True):
            covered[mask] += share
        np.minimum(covered, 1.0, out=covered)
        covered[covered < cut.information - TOLERANCE] = 0.0
        return covered

    def _lexical(
        self, request: SearchRequest, wanted: ParsedQuery, moment: IndexMoment, eligible: Mask
    ) -> tuple[tuple[SearchHit, ...], Mask]:
        """Return the ranking by words or dates, and the mask of all matches.

        Without words, the newest documents come first.
        """
        catalogue = moment.catalogue
        listing = request.vector is None and not request.question.text and not wanted.scores
        matched, scores = np.zeros_like(eligible), catalogue.newest
        if listing:
            matched = eligible & self._bound(wanted, moment)
        elif request.lexical and wanted.scores:
            if not request.newest_first:
                return self._by_words(request, wanted, moment, eligible)
            matched = eligible & self._matching.of(wanted, moment)
        slots = np.flatnonzero(matched)
        return catalogue.best(slots, scores[slots], request.ranked), matched

    def _by_words(
        self, request: SearchRequest, wanted: ParsedQuery, moment: IndexMoment, eligible: Mask
    ) -> tuple[tuple[SearchHit, ...], Mask]:
        """Return the ranking, and the mask of all matches (empty if nothing is counted)."""
        best = self._best(wanted, moment, eligible, request.ranked)
        if best is None:
            slots, has_slot, scores = self._matches(wanted, moment)
            slots, scores = slots[has_slot], scores[has_slot]
            readable = eligible[slots]
            slots, scores = slots[readable], scores[readable]
            catalogue = moment.catalogue
            return catalogue.best(slots, scores, request.ranked), catalogue.mask(slots)
        if not request.counted and request.cut is None:
            return best, np.zeros_like(eligible)
        return best, eligible & self._matching.of(wanted, moment)

    def _best(
        self, wanted: ParsedQuery, moment: IndexMoment, eligible: Mask, window: int
    ) -> tuple[SearchHit, ...] | None:
        """Return the ranking from the best matches; None if other matches may belong to it.

        The number of matches to read is enough for several windows of readable documents, if these
        are evenly spread. If it is a large share of all documents, None is returned at once.
        """
        share = max(int(eligible.sum()), 1) / max(len(eligible), 1)
        most = math.ceil(WINDOWS_READ_FIRST * max(window, 1) / share)
        if most * MAX_SHARE_READ_FIRST >= len(eligible):
            return None
        slots, has_slot, scores = self._matches(wanted, moment, most)
        least = scores[-1] if len(scores) == most else -np.inf
        settled = has_slot & (scores > least)  # unread matches score no more than the last one
        slots, scores = slots[settled], scores[settled]
        readable = eligible[slots]
        if len(has_slot) == most and readable.sum() < window:
            return None
        return moment.catalogue.best(slots[readable], scores[readable], window)

    def _narrowed(self, request: SearchRequest, moment: IndexMoment) -> Mask:
        """Return the mask of slots that pass the request's facets, contributors and dates."""
        catalogue = moment.catalogue
        mask = catalogue.narrowed(request.filters)
        if request.period:
            mask &= catalogue.within(request.period)
        if request.documents is not None:
            mask &= catalogue.holding(request.documents)
        for byline in request.bylines:
            slots, has_slot = catalogue.slots(self._text.contributed(byline, moment.text))
            mask &= catalogue.mask(slots[has_slot])
        return mask

    def _nearest(
        self,
        request: SearchRequest,
        wanted: ParsedQuery,
        moment: IndexMoment,
        eligible: Mask,
        compared: Future[Floats] | None,
    ) -> tuple[tuple[SearchHit, ...], Mask]:
        """Return the vector ranking and the mask of its W nearest, under all conditions."""
        if compared is None:
            return (), np.zeros_like(eligible)
        catalogue, similar = moment.catalogue, compared.result()
        bound = eligible & (catalogue.vectors.counts > 0) & self._bound(wanted, moment)
        slots = np.flatnonzero(bound)
        ranking = catalogue.best(slots, similar[slots], request.ranked)
        counted = ranking[: request.window]
        if request.cut:
            counted = tuple(hit for hit in counted if hit.score >= request.cut.cosine)
        least = counted[-1].score if counted else np.inf
        chosen = {hit.document_id for hit in counted}
        close = [slot for slot in slots[similar[slots] >= least] if catalogue.ids[slot] in chosen]
        return ranking, catalogue.mask(np.array(close, dtype=np.int64))

    def _bound(self, wanted: ParsedQuery, moment: IndexMoment) -> Mask:
        """Return the mask of slots with every phrase and without excluded words."""
        if not wanted.binds:
            return np.ones(len(moment.catalogue.rows), dtype=np.bool_)
        return self._matching.of(wanted.binding, moment)

    def _matches(
        self, wanted: ParsedQuery, moment: IndexMoment, most: int | None = None
    ) -> Matches:
        """Return (slots, whether each row has one, scores).

        Scores are rounded, so that segments do not break ties.
        """
        rows, scores = self._text.matches(wanted, most, moment.text)
        slots, has_slot = moment.catalogue.slots(rows)
        return slots, has_slot, np.round(scores, 4)


def _similar(request: SearchRequest, catalogue: StoreSnapshot) -> Future[Floats] | None:
    """Start to compute each document's similarity; None if the request has no vector."""
    if request.vector is None:
        return None
    return _VECTOR_THREADS.submit(catalogue.vectors.similarities, request.vector)
