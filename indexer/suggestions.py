"""Suggests titles for typed prefixes, and words with a similar spelling. Pure functions."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from indexer.french.analysis import fold, folded_words
from indexer.values import Suggestion

SUGGESTIONS_READ = 200
"""Number of readable titles from which suggestions are chosen: the shortest titles, then by id."""


LONGEST_BEGINNING = 100
"""Number of letters of the last typed word that are looked up, counted in its folded form, which
may have 18 times as many letters as were typed; the text index accepts up to 999 bytes.
"""


def typed_words(prefix: str, most: int) -> tuple[str, ...]:
    """Return the first `most` words of a typed prefix, folded. The last one may be a beginning."""
    words = folded_words(prefix)[:most]
    return (*words[:-1], words[-1][:LONGEST_BEGINNING]) if words else ()


def best_titles(
    titles: Iterable[tuple[str, str]], prefix: str, limit: int
) -> tuple[Suggestion, ...]:
    """Return the best of (title, document id) pairs: exact prefixes first, then short titles."""
    typed = prefix.strip().casefold()
    ordered = sorted(
        titles, key=lambda title: (not title[0].casefold().startswith(typed), len(title[0]), *title)
    )
    return tuple(Suggestion(document_id, title) for title, document_id in ordered[:limit])


SHORT_LETTERS, LONG_LETTERS = 4, 8
"""Fewest letters of a word that may differ by 1 edit, and by 2 edits."""

LONGEST_SPELT = 40
"""Number of letters up to which a word may differ at all: no longer word is a slip of another, and
the time to look for similar words grows with the length.
"""

NEAR_DOCUMENTS = 20
"""Number of documents whose words are compared. Unreadable documents do not affect the choice."""

NEAR_WORDS = 3
"""Number of similar words that are tried for a word, at most."""

_SURFACE = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class NearWord:
    """A word with a similar spelling: in lower case, as documents write it.

    `slips` is the edit distance; `documents` is the number of compared documents that contain it.
    """

    written: str
    slips: int
    documents: int


def max_edits(word: str) -> int:
    """Return the allowed number of edits for this word, by its length: 0, 1 or 2."""
    if len(word) > LONGEST_SPELT:
        return 0
    return (len(word) >= SHORT_LETTERS) + (len(word) >= LONG_LETTERS)


def edit_distance(word: str, other: str, most: int) -> int:
    """Return the number of edits from one word to the other, or `most + 1` if there are more.

    An edit inserts, deletes or replaces a letter, or swaps two neighbours: the optimal string
    alignment distance (Boytsov, "Indexing methods for approximate dictionary searching", ACM JEA
    16, 2011), which both engines use.
    """
    from rapidfuzz.distance import OSA  # it loads 50 modules, which most commands do not need

    return OSA.distance(word, other, score_cutoff=most)


def near_in(text: str, word: str, most: int) -> Mapping[str, str]:
    """Return the words of a text within `most` edits: folded form → lower-case form in the text."""
    near: dict[str, str] = {}
    for match in set(_SURFACE.findall(text)):
        written = match.lower()
        folded = fold(written)
        if abs(len(folded) - len(word)) <= most and 0 < edit_distance(word, folded, most) <= most:
            near[folded] = max(written, near.get(folded, ""))
    return near


def nearest(word: str, documents: Iterable[Mapping[str, str]], most: int) -> tuple[NearWord, ...]:
    """Return the best words that `near_in` found: fewest edits first, then most documents.

    Of two spellings of a word, the more frequent spelling is returned; if they are equally
    frequent, the spelling with accents.
    """
    counts: Counter[str] = Counter()
    ways: dict[str, Counter[str]] = defaultdict(Counter)
    for near_words in documents:
        for folded, written in near_words.items():
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
