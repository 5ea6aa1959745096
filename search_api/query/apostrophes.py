"""Write the apostrophes that a hurried question lacks: «limprimante», «lagent». Pure."""

import re

from expertise.places import place_in
from indexer.french.analysis import fold
from indexer.french.lexicon import is_french

_ELIDED = re.compile(r"\b(qu|[cdjlmnst])(?=[aeiouyhàâéèêëîïôöûü])([^\W\d_]{4,})\b")
"""Matches a word in small letters that may lack an apostrophe: an elided letter, then a word."""


def with_apostrophes(text: str) -> str:
    """Return the text with an apostrophe in each word that is French only with an apostrophe.

    Names of places are left unchanged («lorient»).
    """
    return _ELIDED.sub(_apart, text)


def _apart(match: re.Match[str]) -> str:
    word, rest = fold(match[0]), fold(match[2])
    if is_french(word) or not is_french(rest) or place_in(f"à {word}"):
        return match[0]
    return f"{match[1]}'{match[2]}"
