"""Where a text may be cut so that its pieces say together what it says whole; pure.

Highlights need no positions, so that a passage can be read word by word, and most words
have been read before. A cut lies between two words in lower case that no reference joins
(«12 janvier 2020», «5 pour cent», «16 ter B») and that are no help to a neighbour: one in
capitals is told from a title by the words around it.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from indexer.french import analyse

KEPT_CHARACTERS = 40
"""A longer piece hardly comes again."""

_LETTER = "[a-zà-öø-ÿœ]"
_PLAIN = rf"(?:(?:{_LETTER}{{1,6}}['’])?{_LETTER}{{2,}}|[àay])"
_JOINED = (
    "art|er|no|https?|pour|cent|bis|ter|quater"
    r"|jan\w*|f[eé]v\w*|mars|avr\w*|mai|juin|juil\w*|ao[uû]t|sept\w*|oct\w*|nov\w*|d[eé]c\w*|\w*ies"
)
"""What may belong to a reference, or is left out before some words."""

_CUT = re.compile(
    rf"(?<![^ ])(?!(?:{_LETTER}{{1,6}}['’])?(?:{_JOINED})\b){_PLAIN}[,;]? "
    rf"(?=(?!(?:{_JOINED})\b){_PLAIN}(?:[ ,.;:)]|$))"
)

Marks = tuple[tuple[int, int, tuple[str, ...]], ...]


def marks(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """(start, end, every term) of each place of a text, in reading order, as `analyse` gives."""
    at = 0
    for cut in (*(match.end() for match in _CUT.finditer(text)), len(text)):
        piece = text[at:cut]
        found = _kept(piece) if len(piece) <= KEPT_CHARACTERS else _read(piece)
        for start, end, terms in found:
            yield at + start, at + end, terms
        at = cut


def _read(piece: str) -> Marks:
    return tuple((term.start, term.end, term.all) for term in analyse(piece))


@lru_cache(maxsize=50_000)
def _kept(piece: str) -> Marks:
    return _read(piece)
