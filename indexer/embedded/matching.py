"""Which documents match a question, put together from what has each of its words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial, reduce

import numpy as np
import tantivy
from numpy.typing import NDArray

from indexer.asking import Asked, Phrase
from indexer.embedded.catalogue import Catalogue, Mask
from indexer.embedded.text import TextIndex

KEPT = 1_000
"""Words and phrases whose matches are kept: one bit for each document."""

MOST_APART = 32
"""A question of more words, a pasted text say, is asked whole: few of them come again."""

_Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Standing:
    """What was read of one state of the catalogue and one of the text."""

    catalogue: Catalogue
    snapshot: tantivy.Searcher
    bits: Callable[[Phrase], _Bits]


class Matching:
    """Masks of what matches, readable or not.

    The engine hands over each match by itself, so that common words take longest, and
    these are asked for again and again: what has a word is kept until something is written.
    """

    def __init__(self, text: TextIndex) -> None:
        self._text = text
        self._standing: _Standing | None = None

    def of(self, wanted: Asked, catalogue: Catalogue) -> Mask:
        """Mask of every match; without a word or phrase, of all but what is excluded."""
        if _size(wanted) > MOST_APART:
            return _mask(catalogue, self._text.matching(wanted))
        having = partial(_unpacked, self._kept(catalogue).bits, len(catalogue.rows))
        must = [having(phrase) for phrase in wanted.phrases]
        must += [_any([having(phrase) for phrase in group]) for group in wanted.any_of]
        if wanted.terms:
            terms = [having(((0, term),)) for term in wanted.terms]
            terms += [_any([having(one.phrase) for one in group]) for group in wanted.expansions]
            must.append(_at_least(wanted.minimum, terms))
        if not wanted.scores:
            must.append(having(()))
        found = reduce(np.logical_and, must)
        for phrase in wanted.excluded:
            found = found & ~having(phrase)
        return found

    def _kept(self, catalogue: Catalogue) -> _Standing:
        """All words of a question are read of one state, though others may write meanwhile."""
        standing, snapshot = self._standing, self._text.snapshot()
        if (
            standing is None
            or standing.catalogue is not catalogue
            or standing.snapshot is not snapshot
        ):
            read = lru_cache(maxsize=KEPT)(partial(self._bits, catalogue, snapshot))
            self._standing = standing = _Standing(catalogue, snapshot, read)
        return standing

    def _bits(self, catalogue: Catalogue, snapshot: tantivy.Searcher, phrase: Phrase) -> _Bits:
        return np.packbits(_mask(catalogue, self._text.having(phrase, snapshot)))


def _mask(catalogue: Catalogue, rows: NDArray[np.int64]) -> Mask:
    slots, found = catalogue.slots(rows)
    return catalogue.mask(slots[found])


def _unpacked(bits: Callable[[Phrase], _Bits], count: int, phrase: Phrase) -> Mask:
    return np.unpackbits(bits(phrase), count=count).view(np.bool_)


def _any(masks: Sequence[Mask]) -> Mask:
    return reduce(np.logical_or, masks)


def _at_least(minimum: int, masks: Sequence[Mask]) -> Mask:
    """Mask of what is in so many of these."""
    if minimum <= 1:
        return _any(masks)
    return np.asarray(sum(mask.astype(np.uint16) for mask in masks) >= minimum)


def _size(wanted: Asked) -> int:
    """How many words and phrases are asked for."""
    groups = sum(map(len, (*wanted.any_of, *wanted.expansions)))
    return len(wanted.terms) + len(wanted.phrases) + len(wanted.excluded) + groups
