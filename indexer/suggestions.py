"""Suggestions.

Titles for what is being typed, and words written nearly as another one. Pure functions.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from indexer.french.analysis import fold
from indexer.values import Suggestion

SUGGESTIONS_READ = 200
"""So many readable titles, the shortest (then by id), are read to choose the best few from."""


def best_titles(
    found: Iterable[tuple[str, str]], prefix: str, limit: int
) -> tuple[Suggestion, ...]:
    """Of (title, document id) pairs those that begin as typed first, then short ones."""
    typed = prefix.strip().casefold()
    ordered = sorted(
        found, key=lambda title: (not title[0].casefold().startswith(typed), len(title[0]), *title)
    )
    return tuple(Suggestion(document_id, title) for title, document_id in ordered[:limit])


SHORT_LETTERS, LONG_LETTERS = 4, 8
"""A word of so many letters may be one slip away from another; a long one two."""

NEAR_DOCUMENTS = 20
"""Documents that are read for the words in them; which ones hangs on no unreadable one."""

NEAR_WORDS = 3
"""How many near words of one are worth a trial."""

_SURFACE = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class NearWord:
    """A word that is written nearly as another: in lower case, as documents write it.

    `slips` are the letters put in, left out, changed or swapped; `documents`, in how many
    of those that were looked at it stands.
    """

    written: str
    slips: int
    documents: int


def max_edits(word: str) -> int:
    """How many slips a word of that length is given: 0, 1 or 2."""
    return (len(word) >= SHORT_LETTERS) + (len(word) >= LONG_LETTERS)


def edit_distance(one: str, other: str, most: int) -> int:
    """Edits from one word to the other, `most + 1` where there are more.

    Letters put in, left out, changed, or two neighbours swapped: the optimal string
    alignment distance (Boytsov, "Indexing methods for approximate dictionary searching",
    ACM JEA 16, 2011), as both engines count.
    """
    return OSA.distance(one, other, score_cutoff=most)


def near_in(text: str, word: str, most: int) -> Mapping[str, str]:
    """(folded word → as the text writes it, in lower case) of the words within so many slips."""
    found: dict[str, str] = {}
    for match in set(_SURFACE.findall(text)):
        written = match.lower()
        folded = fold(written)
        if abs(len(folded) - len(word)) <= most and 0 < edit_distance(word, folded, most) <= most:
            found[folded] = max(written, found.get(folded, ""))
    return found


def nearest(word: str, documents: Iterable[Mapping[str, str]], most: int) -> tuple[NearWord, ...]:
    """The few best of what `near_in` found in each document: near ones, then frequent ones.

    Of two ways to write it the more frequent one is given, and of two equal ones that
    with accents.
    """
    counts: Counter[str] = Counter()
    ways: dict[str, Counter[str]] = defaultdict(Counter)
    for found in documents:
        for folded, written in found.items():
            counts[folded] += 1
            ways[folded][written] += 1
    ranked = sorted(counts, key=lambda near: (edit_distance(word, near, most), -counts[near], near))
    return tuple(
        NearWord(
            max(ways[near], key=lambda way, near=near: (ways[near][way], way)),  # type: ignore[misc]
            edit_distance(word, near, most),
            counts[near],
        )
        for near in ranked[:NEAR_WORDS]
    )
