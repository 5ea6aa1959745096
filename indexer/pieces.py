"""Where a text may be cut so that its pieces say together what it says whole; pure.

Highlights need no positions, so that a passage can be read word by word, and most words
have been read before. A cut lies between two words that no reference joins («12 janvier
2020», «5 pour cent», «16 ter B») and that are no help to a neighbour: one in capitals is
told from a title by the words around it.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from indexer.french import analyse

KEPT_CHARACTERS = 40
"""A longer piece hardly comes again."""

_CAPITAL, _LETTER = "[A-ZÀ-ÖØ-ÞŒ]", "[a-zà-öø-ÿœ]"
_ELIDED = rf"(?:{_CAPITAL}{_LETTER}{{0,5}}|{_LETTER}{{1,6}})['’]"
_PLAIN = rf"(?:(?:{_ELIDED})?{_CAPITAL}?{_LETTER}{{2,}}|[àay])"
_JOINED = (
    "art|er|no|https?|pour|cent|bis|ter|quater"
    r"|jan\w*|f[eé]v\w*|mars|avr\w*|mai|juin|juil\w*|ao[uû]t|sept\w*|oct\w*|nov\w*|d[eé]c\w*|\w*ies"
)
"""What may belong to a reference, or is left out before some words."""

_CUT_BEHIND = re.compile(rf"(?!(?:{_ELIDED})?(?i:{_JOINED})\b){_PLAIN}[,;.:?!)]?")
_CUT_BEFORE = re.compile(rf"(?!(?i:{_JOINED})\b){_PLAIN}(?:[,.;:?!)]|\Z)")
_BETWEEN = frozenset(["", "«", "»", ":", ";", "?", "!", "–"])
"""What may stand between two words without a cut of its own."""


class _Read(NamedTuple):
    """(start, end, every term) of each place, and all their terms."""

    places: tuple[tuple[int, int, tuple[str, ...]], ...]
    terms: frozenset[str]


class _Word(NamedTuple):
    """Whether a text may be cut before a word, and behind it; and the word as a piece."""

    before: bool
    behind: bool
    alone: _Read | None


def marked(text: str, wanted: frozenset[str]) -> Iterator[tuple[int, int]]:
    """(start, end) of each place with a wanted term, in reading order, as `analyse` finds it.

    Written for speed: a page has thousands of words.
    """
    begun = at = 0
    piece: _Read | None = None
    cut = False
    for word in text.replace("\n", " ").split(" "):
        length = len(word)
        if word in _BETWEEN:
            at += length + 1
            continue
        before, behind, alone = _known(word) if length <= KEPT_CHARACTERS else _UNKNOWN
        if cut and before:
            read = piece or _piece(text[begun : at - 1])
            if not wanted.isdisjoint(read.terms):
                yield from _places(read, wanted, begun)
            begun, piece = at, alone
        else:
            piece = None
        at += length + 1
        cut = behind
    yield from _places(piece or _piece(text[begun:]), wanted, begun)


def _places(read: _Read, wanted: frozenset[str], at: int) -> Iterator[tuple[int, int]]:
    for start, end, terms in read.places:
        if not wanted.isdisjoint(terms):
            yield at + start, at + end


_UNKNOWN = _Word(before=False, behind=False, alone=None)


@lru_cache(maxsize=50_000)
def _known(word: str) -> _Word:
    before, behind = bool(_CUT_BEFORE.match(word)), bool(_CUT_BEHIND.fullmatch(word))
    return _Word(before, behind, _read(word) if before else None)


def _piece(piece: str) -> _Read:
    return _kept(piece) if len(piece) <= KEPT_CHARACTERS else _read(piece)


@lru_cache(maxsize=50_000)
def _kept(piece: str) -> _Read:
    return _read(piece)


def _read(piece: str) -> _Read:
    places = tuple((term.start, term.end, term.all) for term in analyse(piece))
    return _Read(places, frozenset(term for _, _, terms in places for term in terms))
