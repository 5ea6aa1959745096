"""French analysis in Python: the same terms are indexed, queried and highlighted.

A text is read into references (`indexer/french/references.py`) and words; a word loses its elision,
its capitals and its ending (`indexer/french/stems.py`). Both engines receive these terms.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from indexer.french.references import NormalisedReference, references
from indexer.french.stems import stem
from indexer.french.stop_words import ACRONYMS, ASKING_WORDS, ELISIONS, STOP_WORDS

ANALYSIS = 3
"""Raise it when the terms of a text change: existing indexes are then rebuilt."""

MAX_WORD_CHARS = 255
"""Number of characters of a word that count; further characters are ignored."""

NOTHING, BESIDE, EXACT = "_", "|", "="
"""Marks in an encoded line: a place without terms, the separator of terms at one place, and the
prefix of a word as written.
"""

_MARKS = "\u00ad\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u200b\u200d\u2060"
_DROPPED_MARKS = re.compile("['\u00ad\u200b\u200d\u2060]")
_ONE_SIGN = str.maketrans(
    dict.fromkeys("’ʼ‘´", "'")
    | dict.fromkeys("‐‑‒–−", "-")
    | dict.fromkeys("‧•", "·")
    | dict.fromkeys("\u00a0\u202f\u2007\u2009", " ")
)
_LETTER = rf"(?:[^\W_]|[{_MARKS}])"
_WORD = re.compile(
    rf"(?P<acronym>(?<![\w.])[^\W\d_](?:\.[^\W\d_])+(?!\w))"
    rf"|[^\W_]{_LETTER}*(?:'(?=[^\W_]){_LETTER}+)*"
)
_GENDER = "e|s|es|x|ne|nes|le|les|se|ses|te|tes|ve|ves|[eè]res?|i[eè]res?|t?rices?|euses?|[ti]ves?"
_INCLUSIVE = re.compile(
    r"(?<=[^\W\d_]{3})(?:(?:·[^\W\d_]+)+"
    rf"|\((?:{_GENDER})\)s?|(?P<sign>[.-])(?:{_GENDER})(?:(?P=sign)s)?)(?![\w'-])"
)
"""Endings of «agent» in «agent·e·s», «agent(e)s», «agent-e-s», «agent.e.s»."""

_WITHOUT_PLACE = re.compile(
    r"n\s?[°º]|n[°º]s?|https?(?=://)|no(?=\s\d)|[ld](?= [aeiouyhàâéèêëîïôœ])", re.IGNORECASE
)
"""Words without a position: «n° 3310», «https://»; «d habitation», typed without apostrophe."""

_MAY_LACK_PLACE = frozenset("n N nº Nº nºs no No NO l d L D http https HTTP HTTPS".split())  # noqa: SIM905
_BEFORE_GENDER = frozenset("·(-.")

_ARTICLE_NEXT = re.compile(r"\.?\s?(?:[LRDA]\b|[LRDA]?\d)")
_HYPHEN = re.compile(r"-(?:[^\S\n]*\n\s*)?")
_ORDINALS = {
    form: f"{number}e"
    for number, word in enumerate(
        "deuxieme troisieme quatrieme cinquieme sixieme septieme huitieme neuvieme dixieme".split(),  # noqa: SIM905
        2,
    )
    for form in (word, f"{word}s")
}
_ORDINALS |= {f"{n}{ending}": f"{n}e" for n in range(2, 100) for ending in ("eme", "ieme")}
_ORDINALS |= dict.fromkeys("premier premiers premiere premieres 1ers 1re 1ere 1eres".split(), "1er")  # noqa: SIM905
_ORDINALS |= {"2nd": "2e", "2nde": "2e"}
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d"})


@dataclass(frozen=True, slots=True)
class Term:
    """A term at a place of a text: `text[start:end]` is the word without its elision.

    `position` counts words including stop words, so that phrases keep their gaps. `broader`: other
    query terms that match here. `exact`: the word as written, without accents and capitals; empty
    for a reference.
    """

    term: str
    start: int
    end: int
    position: int
    broader: tuple[str, ...] = ()
    exact: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """Every term of the place."""
        return (self.term, *self.broader, *([EXACT + self.exact] if self.exact else []))


class _Word(NamedTuple):
    """A word in lower case. `capital`: written in capitals; `alone`: unlike its neighbours."""

    text: str
    start: int
    end: int
    capital: bool
    alone: bool = False


def analyse(text: str) -> list[Term]:
    """Return the terms that find a text, in reading order, with character offsets."""
    return [term for term, _ in _read(text)]


def analyse_query(text: str, *, phrase: bool = False) -> list[Term]:
    """Return the terms that a query looks for; references only by their own names.

    Words that only ask («comment») are dropped unless no other words are left, and so is «article»
    before its number; phrases keep both. Except in a phrase, a compound (`micro-entreprise`) is
    also searched as one word.
    """
    read = [(replace(term, broader=()), kind) for term, kind in _read(text, question=not phrase)]
    left = {_Kind.PART, _Kind.COMPOUND if phrase else _Kind.ASKING}
    wanted = [term for term, kind in read if kind not in left]
    return wanted or [term for term, kind in read if kind is _Kind.ASKING]


def terms(text: str) -> list[str]:
    """Return the main term of each place, in reading order, with repetitions."""
    return [term.term for term in analyse(text)]


def all_terms(text: str) -> frozenset[str]:
    """Return the terms of a text with their broader terms, without order."""
    return frozenset(term for found in analyse(text) for term in found.all)


def encoded(terms: Sequence[Term]) -> str:
    """Return the terms as a line for an engine: a piece per place, `NOTHING` for stop words."""
    places: list[list[str]] = []
    for term in terms:
        places.extend([] for _ in range(term.position + 1 - len(places)))
        places[term.position].extend(term.all)
    return " ".join(BESIDE.join(dict.fromkeys(place)) or NOTHING for place in places)


def decoded(line: str) -> Iterator[tuple[int, str]]:
    """Yield the (position, term) of each term of an encoded line."""
    for position, place in enumerate(line.split(" ")):
        if place not in ("", NOTHING):
            yield from ((position, term) for term in place.split(BESIDE))


def folded_words(text: str) -> list[str]:
    """Return all words in lower case without accents, neither stemmed nor stopped: for prefixes."""
    plain = text.translate(_ONE_SIGN)
    return [folded for word in _words(plain, 0, len(plain)) if (folded := fold(word.text))]


@lru_cache(maxsize=100_000)
def fold(word: str) -> str:
    """Remove the accents, ligatures and apostrophes of a lower-case word or text.

    A text keeps its spaces. A word gets no spaces, although Unicode decomposes a few signs into
    phrases.
    """
    decomposed = unicodedata.normalize("NFKD", word.translate(_LIGATURES))
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    folded = _DROPPED_MARKS.sub("", plain)
    return folded if any(map(str.isspace, word)) else folded.replace(" ", "")


class _Kind(Enum):
    """Kind of a term. Queries drop `PART` and `ASKING`; phrases drop `PART` and `COMPOUND`."""

    WORD, COMPOUND, REFERENCE, PART, ASKING = range(5)


_Found = Iterator[tuple[Term, _Kind]]


def _read(text: str, *, question: bool = False) -> _Found:
    """Yield every term of a text with its kind, in reading order."""
    plain = text.translate(_ONE_SIGN)
    position, at = 0, 0
    for reference in (*references(plain), None):
        words = _words(plain, at, reference.start if reference else len(plain))
        alone = question and not reference and not at and all(w.text in STOP_WORDS for w in words)
        for word, following in zip_longest(words, words[1:]):
            if term := _term(word, position, keep=alone):
                yield term, _kind(plain, word, following, reference)
            if following and (term := _compound(plain, word, following, position)):
                yield term, _Kind.COMPOUND
            position += 1
        if reference:
            parts = list(_parts(plain, reference, position))
            yield from _referred(reference, position, parts)
            position += max(1, len(parts))
            at = reference.end


def _term(word: _Word, position: int, *, keep: bool) -> Term | None:
    folded = fold(word.text)
    if not folded:
        return None
    if word.alone and (word.text in ACRONYMS or word.text in STOP_WORDS):
        return Term(folded.upper(), word.start, word.end, position, (folded,))
    if word.text in STOP_WORDS and not keep and not (word.capital and word.text in ACRONYMS):
        return None
    form = folded if word.text in ACRONYMS or keep else _ORDINALS.get(folded) or stem(folded)
    return Term(form, word.start, word.end, position, (), folded)


def _kind(
    plain: str, word: _Word, following: _Word | None, reference: NormalisedReference | None
) -> _Kind:
    if word.text in ASKING_WORDS and not word.alone:
        return _Kind.ASKING
    if word.text in ("article", "articles"):
        long = re.match(r"[ .]*\d{3}", plain[word.end : word.end + 8])
        close = reference and not following and not plain[word.end : reference.start].strip(" .")
        return _Kind.ASKING if long or close else _Kind.WORD
    return _Kind.WORD


def _compound(plain: str, first: _Word, other: _Word, position: int) -> Term | None:
    """Return «micro-entreprise», or a word hyphenated at the end of a line, as one term."""
    if not _HYPHEN.fullmatch(plain, first.end, other.start):
        return None
    letters = first.text.isalpha() and other.text.isalpha()
    if not letters or len(first.text) < 2 or len(other.text) < 3 or other.text in STOP_WORDS:
        return None
    return Term(stem(fold(first.text + other.text)), first.start, other.end, position)


def _parts(plain: str, reference: NormalisedReference, position: int) -> Iterator[Term]:
    """Yield the words of a reference as terms, in order."""
    if reference.words is not None:
        for number, text in enumerate(reference.words):
            yield Term(stem(text), reference.start, reference.end, position + number)
        return
    for number, word in enumerate(_words(plain, reference.start, reference.end)):
        yield Term(stem(fold(word.text)), word.start, word.end, position + number)


def _referred(reference: NormalisedReference, position: int, parts: list[Term]) -> _Found:
    first = [parts[0].term] if parts and parts[0].term != reference.name else []
    broader = tuple(dict.fromkeys((*reference.broader, *first)))
    yield Term(reference.name, reference.start, reference.end, position, broader), _Kind.REFERENCE
    for part in parts[1:]:
        yield part, _Kind.PART


def _words(plain: str, start: int, end: int) -> list[_Word]:
    """Return the words between two offsets; forms such as «agent·e·s» are one word, «agent»."""
    words: list[_Word] = []
    at = start
    while match := _WORD.search(plain, at, end):
        at = match.end()
        if match[0] in _MAY_LACK_PLACE:
            skipped = _WITHOUT_PLACE.match(plain, match.start(), end)
            if skipped and skipped.end() >= at:
                at = skipped.end()
                continue
        words.append(_trimmed(match))
        if plain[at : at + 1] in _BEFORE_GENDER and not match["acronym"]:
            ending = _INCLUSIVE.match(plain, at, end)
            at = ending.end() if ending else at
    return [
        _marked_if_alone(words, number) if word.capital else word
        for number, word in enumerate(words)
    ]


def _marked_if_alone(words: Sequence[_Word], number: int) -> _Word:
    """Return a word in capitals with `alone` set, unless all its neighbours are in capitals too."""
    around = [*words[max(0, number - 1) : number], *words[number + 1 : number + 2]]
    return words[number]._replace(alone=not around or not all(word.capital for word in around))


def _trimmed(match: re.Match[str]) -> _Word:
    """Return the word without its elision, or without the dots of an acronym."""
    written, start = match[0][:MAX_WORD_CHARS], match.start()
    head, apostrophe, rest = written.partition("'")
    if apostrophe and rest and head.lower() in ELISIONS:
        written, start = rest, start + len(head) + 1
    if match["acronym"]:
        written = written.replace(".", "")
    word = unicodedata.normalize("NFKC", written).replace(" ", "").lower()
    if word == "art" and _ARTICLE_NEXT.match(match.string[match.end() : match.end() + 4]):
        word = "article"
    return _Word(word, start, match.end(), len(written) > 1 and written.isupper())
