"""One French analysis in Python: the same terms are indexed, asked for and highlighted.

The steps, in Lucene's order: one apostrophe, words, elision, lower case, stop words,
Snowball's French stemmer (snowballstem.org/algorithms/french), and only then accents
folded: «financier» and «financière» meet in the stemmer, which needs the accents.
OpenSearch's analyzer of this project is built from the same constants.
"""

import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import Stemmer

ELISIONS = frozenset(
    "l d c j m n s t qu jusqu lorsqu puisqu quoiqu presqu quelqu entr".split()  # noqa: SIM905
)
"""What falls away in front of an apostrophe («l'exonération»), in lower case."""

STOP_WORDS = frozenset(
    """
    le la les un une des du de au aux et ou où que qui quoi dont ce cet cette
    il elle ils elles on je tu nous vous se me te lui leur leurs y en
    mon ma notre nos votre vos son ne ni mais donc si comme
    à dans par pour sur avec sous chez vers entre
    est sont était étaient être suis sommes êtes soit
    ont avons avez avait avaient avoir
    """.split()  # noqa: SIM905 — a word list reads better without 70 quotes
)
"""French function words, in lower case and with their accents.

PAS, TA, AI, ES, SA, CES and AS are not among them: the acronyms must be found; nor
are single letters («catégorie C», «2042-C-PRO»).
"""

MAX_WORD_CHARS = 255
"""A longer word counts by its first characters only (Lucene's own limit)."""

SHORTEST_STEMMED = 3
"""A shorter word stays as it is."""

_MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u200d"
_LETTERS = rf"[\w{_MARKS}]+"
_WORD = re.compile(rf"{_LETTERS}(?:['’ʼ.·‧](?=\w){_LETTERS}|(?<=\d),(?=\d){_LETTERS})*")
_DOTTED_ACRONYM = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")
_INCLUSIVE_ENDING = re.compile(r"[·‧].*")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d"})
_UNACCENTED_IERE = re.compile(r"iere(s?)$")
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Term:
    """An analysed word: `text[start:end]` is the word without its elision.

    `position` counts words, stop words included, so that a phrase keeps its gaps.
    """

    term: str
    start: int
    end: int
    position: int


def analyse(text: str) -> list[Term]:
    """Give the terms of a text in reading order, with character offsets into it."""
    found = []
    for position, (word, start, end) in enumerate(_words(text)):
        if word not in STOP_WORDS and (term := _stemmed(word)):
            found.append(Term(term, start, end, position))
    return found


def terms(text: str) -> list[str]:
    """Give the terms alone, in reading order, repeats kept."""
    return [found.term for found in analyse(text)]


def folded_words(text: str) -> list[str]:
    """Give every word in lower case without accents, neither stemmed nor stopped: for prefixes."""
    return [folded for word, _, _ in _words(text) if (folded := fold(word))]


def fold(word: str) -> str:
    """Strip a lower-case word of accents and ligatures."""
    decomposed = unicodedata.normalize("NFKD", word.translate(_LIGATURES))
    return "".join(c for c in decomposed if not unicodedata.combining(c) and c != "\u200d")


def _words(text: str) -> list[tuple[str, int, int]]:
    """(word in lower case, start, end); dotted words that are no acronym come apart."""
    words: list[tuple[str, int, int]] = []
    for match in _WORD.finditer(text):
        word, start = match.group(), match.start()
        if "." in word and not _DOTTED_ACRONYM.fullmatch(word) and not word[0].isdigit():
            for piece in re.finditer(r"[^.]+", word):
                words.append(_trimmed(piece.group(), start + piece.start()))
        else:
            words.append(_trimmed(word, start))
    return words


def _trimmed(word: str, start: int) -> tuple[str, int, int]:
    """Without elision, inclusive endings («agent·e·s») and the dots of an acronym."""
    end = start + len(word)
    kept = word[:MAX_WORD_CHARS].replace("’", "'").replace("ʼ", "'")
    head, apostrophe, rest = kept.partition("'")
    if apostrophe and rest and head.lower() in ELISIONS:
        kept, start = rest, start + len(head) + 1
    kept = _INCLUSIVE_ENDING.sub("", kept)
    if _DOTTED_ACRONYM.fullmatch(kept):
        kept = kept.replace(".", "")
    return unicodedata.normalize("NFC", kept).lower(), start, end


@lru_cache(maxsize=100_000)
def _stemmed(word: str) -> str:
    """Stem, then fold.

    Two letters are an acronym (Snowball would make «e» of ES); «fonciere», typed without
    its accent, is read as «foncière», which alone the stemmer joins to «foncier».
    """
    if len(word) < SHORTEST_STEMMED:
        return fold(word)
    return fold(_stemmer().stemWord(_UNACCENTED_IERE.sub(r"ière\1", word)))


def _stemmer() -> Stemmer.Stemmer:
    """One stemmer per thread: PyStemmer's objects are not to be shared."""
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("french", 0)
    stemmer: Stemmer.Stemmer = _local.stemmer
    return stemmer
