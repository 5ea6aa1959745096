"""Finds the terms of a query to highlight in a passage, in the same way for every engine.

A text is analysed in short pieces, most of which are in a cache. It is cut between two words that
do not belong to one reference («12 janvier 2020», «5 pour cent», «16 ter B») and whose analysis
does not depend on their neighbours (neighbours decide whether a word in capitals is an acronym or
part of a title). All functions are pure.
"""

import re
import threading
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from typing import ClassVar, NamedTuple

from indexer.french.analysis import analyse, analyse_query
from indexer.values import Question

MAX_CACHED_CHARACTERS = 40
"""Longest piece that is cached, in characters: a longer one hardly appears twice."""

CACHED_WORDS = 50_000
"""Capacity of the vocabulary, in words, and of the cache of analysed pieces."""

_CAPITAL, _LETTER = "[A-ZÀ-ÖØ-ÞŒ]", "[a-zà-öø-ÿœ]"
_JOINED = (
    r"(?:art|er|no|https?|pour|cent|bis|ter|quater|y|\w*ies|jan\w*|f[eé]v\w*|mars|avr\w*|mai|juin"
    r"|juil\w*|ao[uû]t|sept\w*|oct\w*|nov\w*|d[eé]c\w*)\b"
)
"""Words that may belong to a reference, or that are left out before some words."""

_FREE = rf"\(?(?!(?:{_CAPITAL}?{_LETTER}{{0,6}}['’])?(?i:{_JOINED}))"
_BARE = rf"(?:{_LETTER}|{_CAPITAL}){_LETTER}+(?:-(?!(?i:{_JOINED})){_CAPITAL}?{_LETTER}{{2,}})*"
_PLAIN = rf"{_FREE}(?:{_LETTER}{{1,6}}['’])?(?:{_BARE}|[àaÀ])"
_BEGUN = rf"{_FREE}{_CAPITAL}{_LETTER}{{0,5}}['’]{_BARE}"
_SIGNS = "[,;.:?!)]{0,6}"
_NUMBER = re.compile(rf"\d+(?:,\d+)?{_SIGNS}")
"""Matches a number after which a text may be cut: a word after a cut never belongs to the number or
its unit.
"""

_UNIT = re.compile(rf"[%€]{_SIGNS}")
_DIGIT = re.compile(r"\d")
_CUT_BEHIND = re.compile(rf"(?:{_PLAIN}|{_BEGUN}|1er){_SIGNS}")
_CUT_BEFORE = re.compile(rf"{_PLAIN}(?:[,.;:?!)]|\Z)")
_BETWEEN = frozenset(["", "«", "»", ":", ";", "?", "!", "–"])
"""Signs between two words that are not analysed as words."""


class _AnalysedPiece(NamedTuple):
    """Places of a piece as (start, end, all terms), and the terms of all places.

    `found_by`: for each place, its terms without the word exactly as written.
    """

    places: tuple[tuple[int, int, tuple[str, ...]], ...]
    terms: frozenset[str]
    found_by: tuple[frozenset[str], ...]


_JOINS_ANY, _JOINS_SOME = "(?:[bn]|(?<!d)u)", "(?:[pwed]|(?<=d)u)"
_PIECES = re.compile(
    rf"(?:{_JOINS_ANY}s*(?=[pwbednu])|{_JOINS_SOME}s*(?=[ednu]))+[pwbednu]|[wbednu]"
)
"""Matches, in the string of a text's word kinds, each run of words to analyse together.

The letters are kinds of words. The text may be cut on both sides of a plain word (p, or w if it has
a wanted term), only before a word (b), only after it (e; d for a number; u for its unit) or on
neither side (n). s is not a word.
"""


class _Vocabulary(dict[str, str]):
    """The kind of each word read so far; most words of a text are found here."""

    current: ClassVar["_Vocabulary"]

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(_BETWEEN, "s"))
        self.saying: dict[str, set[str]] = {}
        """The plain words that yield each term."""
        self._noting = threading.Lock()

    def __missing__(self, word: str) -> str:
        if len(word) > MAX_CACHED_CHARACTERS:
            return "n"
        kind = _kind(word)
        with self._noting:
            # Terms first: other threads must not find a plain word without them.
            for term in _cached(word).terms if kind == "p" else ():
                self.saying.setdefault(term, set()).add(word)
            self[word] = kind
        return kind

    @classmethod
    def with_room(cls) -> "_Vocabulary":
        """Return the vocabulary of this process; replace it if it is full.

        Use only one for each text.
        """
        if len(cls.current) > CACHED_WORDS:
            cls.current = cls()
        return cls.current


_Vocabulary.current = _Vocabulary()


def _kind(word: str) -> str:
    if _NUMBER.fullmatch(word):
        return "d"
    if _UNIT.fullmatch(word):
        return "u"
    before, behind = _CUT_BEFORE.match(word), _CUT_BEHIND.fullmatch(word)
    return ("p" if behind else "b") if before else ("e" if behind else "n")


def term_spans(text: str, wanted: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) of each place with a wanted term, in order, as `analyse` finds it.

    Optimised for speed: a page has thousands of words.
    """
    vocabulary = _Vocabulary.with_room()
    words = text.replace("\n", " ").split(" ")
    kinds = list(map(vocabulary.__getitem__, words))
    say = frozenset().union(*(vocabulary.saying.get(term, ()) for term in wanted))
    for at in [at for at, word in enumerate(words) if word in say]:
        kinds[at] = "w"
    ends = list(accumulate(map(len, words)))
    counted = any(map(_DIGIT.search, wanted))
    for piece in _PIECES.finditer("".join(kinds)):
        if not counted and not piece[0].strip("pdus"):
            continue  # numbers, and plain words without a wanted term
        first, behind = piece.span()
        begun = ends[first] - len(words[first]) + first
        read = _piece(text[begun : ends[behind - 1] + behind - 1])
        if not wanted.isdisjoint(read.terms):
            for start, end, terms in read.places:
                if not wanted.isdisjoint(terms):
                    yield begun + start, begun + end


def terms_found(text: str) -> Iterator[frozenset[str]]:
    """Yield, for each place of a text, in reading order, the terms that find it.

    The result is that of `analyse`, but quicker, since most words are in the vocabulary.
    """
    vocabulary = _Vocabulary.with_room()
    words = text.replace("\n", " ").split(" ")
    kinds = "".join(map(vocabulary.__getitem__, words)).replace("p", "w")
    ends = list(accumulate(map(len, words)))
    for piece in _PIECES.finditer(kinds):
        first, behind = piece.span()
        begun = ends[first] - len(words[first]) + first
        yield from _piece(text[begun : ends[behind - 1] + behind - 1]).found_by


def _piece(piece: str) -> _AnalysedPiece:
    return _cached(piece) if len(piece) <= MAX_CACHED_CHARACTERS else _analysed(piece)


@lru_cache(maxsize=CACHED_WORDS)
def _cached(piece: str) -> _AnalysedPiece:
    return _analysed(piece)


def _analysed(piece: str) -> _AnalysedPiece:
    read = analyse(piece)
    places = tuple((term.start, term.end, term.all) for term in read)
    return _AnalysedPiece(
        places,
        frozenset(term for _, _, terms in places for term in terms),
        tuple(frozenset((term.term, *term.broader)) for term in read),
    )


def question_terms(question: Question) -> frozenset[str]:
    """Return the terms for which a passage is scored and highlighted.

    Of the expansions, only acronyms and single words are used, because a single word of a phrase
    means little.
    """
    words = {term.term for term in analyse_query(question.text)}
    groups = (text for group in question.any_of for text in group)
    for text in (*question.phrases, *groups):
        words.update(term.term for term in analyse_query(text, phrase=True))
    for other in (other for expansion in question.expansions for other in expansion.others):
        terms = analyse_query(other, phrase=True)
        words.update(term.term for term in terms if len(terms) == 1)
    return frozenset(words)


def highlights(text: str, wanted: frozenset[str]) -> tuple[tuple[int, int], ...]:
    """Return the (start, end) of each wanted term in a text, in reading order, without overlaps."""
    if not wanted:
        return ()
    spans: list[tuple[int, int]] = []
    for start, end in term_spans(text, wanted):
        if not spans or start >= spans[-1][1]:
            spans.append((start, end))
    return tuple(spans)
