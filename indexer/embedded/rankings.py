"""The two rankings of a question over what is held in memory, and all that matches."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.asking import Asked
from indexer.embedded.catalogue import Catalogue, Mask, Slots
from indexer.embedded.matching import Matching
from indexer.embedded.text import TextIndex
from indexer.embedded.vectors import Floats
from indexer.values import Ranked, SearchRequest

Matches = tuple[Slots, Mask, NDArray[np.float64]]

READ_FIRST = 3
"""A ranking is read from so many windows of readable matches, if these settle it."""

MUCH = 4
"""Not more than one in so many of all documents is read for that."""

_BESIDE = ThreadPoolExecutor(max_workers=4, thread_name_prefix="vectors")
"""Vectors are compared here while words are sought: neither holds the interpreter."""


@dataclass(frozen=True, slots=True)
class Found:
    """Both rankings; `members` is the result set, where it is counted."""

    lexical: tuple[Ranked, ...]
    nearest: tuple[Ranked, ...]
    members: Slots


class Rankings:
    """Ranks what the reader may read and the request lets through, and nothing else."""

    def __init__(self, text: TextIndex) -> None:
        self._text = text
        self._matching = Matching(text)

    def of(self, request: SearchRequest, wanted: Asked, catalogue: Catalogue) -> Found:
        """Words are sought while vectors are compared."""
        eligible = catalogue.readable(request.access) & self._narrowed(request, catalogue)
        similar = _similar(request, catalogue)
        lexical, matched = self._lexical(request, wanted, catalogue, eligible)
        nearest, close = self._nearest(request, wanted, catalogue, eligible, similar)
        return Found(lexical, nearest, np.flatnonzero(matched | close))

    def _lexical(
        self, request: SearchRequest, wanted: Asked, catalogue: Catalogue, eligible: Mask
    ) -> tuple[tuple[Ranked, ...], Mask]:
        """(ranking by words or dates, mask of all that match); without words the newest first."""
        listing = request.vector is None and not request.question.text and not wanted.scores
        matched, scores = np.zeros_like(eligible), catalogue.newest
        if listing:
            matched = eligible & self._bound(wanted, catalogue)
        elif request.lexical and wanted.scores:
            if not request.newest_first:
                return self._by_words(request, wanted, catalogue, eligible)
            matched = eligible & self._matching.of(wanted, catalogue)
        slots = np.flatnonzero(matched)
        return catalogue.best(slots, scores[slots], request.window), matched

    def _by_words(
        self, request: SearchRequest, wanted: Asked, catalogue: Catalogue, eligible: Mask
    ) -> tuple[tuple[Ranked, ...], Mask]:
        """(ranking, mask of all that match: empty where nothing is counted)."""
        best = self._best(wanted, catalogue, eligible, request.window)
        if best is None:
            slots, found, scores = self._matches(wanted, catalogue)
            slots, scores = slots[found], scores[found]
            readable = eligible[slots]
            slots, scores = slots[readable], scores[readable]
            return catalogue.best(slots, scores, request.window), catalogue.mask(slots)
        if not request.counted:
            return best, np.zeros_like(eligible)
        return best, eligible & self._matching.of(wanted, catalogue)

    def _best(
        self, wanted: Asked, catalogue: Catalogue, eligible: Mask, window: int
    ) -> tuple[Ranked, ...] | None:
        """The ranking by words, from the best matches; None where others may belong in it.

        So many are read that those which the reader may read fill several windows, were they
        spread evenly; where that is much of everything, all is read at once.
        """
        share = max(int(eligible.sum()), 1) / max(len(eligible), 1)
        most = math.ceil(READ_FIRST * max(window, 1) / share)
        if most * MUCH >= len(eligible):
            return None
        slots, found, scores = self._matches(wanted, catalogue, most)
        least = scores[-1] if len(scores) == most else -np.inf
        settled = found & (scores > least)  # what was not read scores no more than the last
        slots, scores = slots[settled], scores[settled]
        readable = eligible[slots]
        if len(found) == most and readable.sum() < window:
            return None
        return catalogue.best(slots[readable], scores[readable], window)

    def _narrowed(self, request: SearchRequest, catalogue: Catalogue) -> Mask:
        """Mask of what every facet, contributor and date of the request lets through."""
        mask = catalogue.narrowed(request.filters)
        if request.period:
            mask &= catalogue.within(request.period)
        for byline in request.bylines:
            slots, found = catalogue.slots(self._text.contributed(byline))
            mask &= catalogue.mask(slots[found])
        return mask

    def _nearest(
        self,
        request: SearchRequest,
        wanted: Asked,
        catalogue: Catalogue,
        eligible: Mask,
        compared: Future[Floats] | None,
    ) -> tuple[tuple[Ranked, ...], Mask]:
        """Rank the W nearest, with their mask; phrases, exclusions and filters bind here too."""
        if compared is None:
            return (), np.zeros_like(eligible)
        similar = compared.result()
        bound = eligible & (catalogue.vectors.counts > 0) & self._bound(wanted, catalogue)
        slots = np.flatnonzero(bound)
        ranking = catalogue.best(slots, similar[slots], request.window)
        least = ranking[-1].score if ranking else np.inf
        chosen = {hit.document_id for hit in ranking}
        close = [slot for slot in slots[similar[slots] >= least] if catalogue.ids[slot] in chosen]
        return ranking, catalogue.mask(np.array(close, dtype=np.int64))

    def _bound(self, wanted: Asked, catalogue: Catalogue) -> Mask:
        """Mask of what has every phrase and no excluded word."""
        if not wanted.binds:
            return np.ones(len(catalogue.rows), dtype=np.bool_)
        return self._matching.of(wanted.binding, catalogue)

    def _matches(self, wanted: Asked, catalogue: Catalogue, most: int | None = None) -> Matches:
        """(slots, whether each is one, scores); rounded, so that segments do not break ties."""
        rows, scores = self._text.matches(wanted, most)
        slots, found = catalogue.slots(rows)
        return slots, found, np.round(scores, 4)


def _similar(request: SearchRequest, catalogue: Catalogue) -> Future[Floats] | None:
    """How near each document is; None where the question has no vector."""
    if request.vector is None:
        return None
    return _BESIDE.submit(catalogue.vectors.similarities, request.vector)
