"""A lexicon of French: the 140 000 forms of pyspellchecker, without names."""

from functools import cache

from spellchecker import SpellChecker

from indexer.french.analysis import fold


def is_french(word: str) -> bool:
    """Return whether a folded word is a form of a French word, whatever its accents."""
    return word in _forms()


@cache
def _forms() -> frozenset[str]:
    """Return the folded forms, read at the first question: 0.3 s and 12 MB."""
    plain = fold.__wrapped__  # the cache of `fold` is for the words of questions
    return frozenset(plain(word) for word in SpellChecker("fr"))
