"""The query language: phrases, exclusions, alternatives, field operators and dates.

Parsing is tolerant: every query is valid.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from indexer.french.analysis import fold
from indexer.french.stop_words import ASKING_WORDS, STOP_WORDS
from indexer.values import FACETS, Question

PHRASE = r'-?"[^"]*"'
"""Matches a quoted phrase, in which no operator is read."""


class QueryPartKind(StrEnum):
    """The meaning of a part of a query; `WORDS`: an unknown value, searched as words."""

    AUTHOR = "author"
    SINCE = "since"
    BEFORE = "before"
    ENTITY = "entity"
    KIND = "kind"
    SOURCE = "source"
    SPACE = "space"
    ANY_OF = "any_of"
    WORDS = "words"


FACET_FIELDS = frozenset(
    {QueryPartKind.ENTITY, QueryPartKind.KIND, QueryPartKind.SOURCE, QueryPartKind.SPACE}
)

_NAMES = {
    "auteur": QueryPartKind.AUTHOR,
    "autrice": QueryPartKind.AUTHOR,
    "apres": QueryPartKind.SINCE,
    "depuis": QueryPartKind.SINCE,
    "avant": QueryPartKind.BEFORE,
    "entite": QueryPartKind.ENTITY,
    "service": QueryPartKind.ENTITY,
    "type": QueryPartKind.KIND,
    "nature": QueryPartKind.KIND,
    "source": QueryPartKind.SOURCE,
    "espace": QueryPartKind.SPACE,
}
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("janvier", "janv"),
            ("fevrier", "fevr"),
            ("mars",),
            ("avril", "avr"),
            ("mai",),
            ("juin",),
            ("juillet", "juil"),
            ("aout",),
            ("septembre", "sept"),
            ("octobre", "oct"),
            ("novembre", "nov"),
            ("decembre", "dec"),
        ),
        1,
    )
    for name in names
}
_WRITTEN_DATE = r"(?:(?:\d{1,2}(?:er)?\s+)?[^\W\d_]{3,9}\.?\s+\d{4}(?!\w))"
_OPERATOR = re.compile(
    rf"(?<!\S){PHRASE}"
    r"|(?<!\S)(?P<name>auteur|autrice|apr[eè]s|depuis|avant|entit[eé]|service|type|nature|source"
    rf"|espace)\s?:\s?(?P<value>\"[^\"]*\"|{_WRITTEN_DATE}|[^\s\"]+)",
    re.IGNORECASE,
)
_ISO = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_SLASHED = re.compile(r"(?:(\d{1,2})[/.])?(\d{1,2})[/.](\d{4})")
_WRITTEN = re.compile(r"(?:(\d{1,2})(?:er)?\s+)?([^\W\d_]+)\.?\s+(\d{4})")


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator. `text[start:end]` is the whole operator; `value` has no quotes."""

    field: QueryPartKind
    value: str
    start: int
    end: int


def operators_in(text: str) -> Iterator[Operator]:
    """Yield every operator with a value, in order. `text` has straight quotes only."""
    at = 0
    while match := _OPERATOR.search(text, at):
        at = match.end()
        if not match["name"]:
            continue
        field, value = _NAMES[fold(match["name"].lower())], match["value"]
        if value[0] != '"' and field not in (QueryPartKind.SINCE, QueryPartKind.BEFORE):
            value = value.split()[0]  # only date operators take a date of several words
            at = match.start("value") + len(value)
        bare = value.strip('"').strip()
        if bare:
            yield Operator(field, bare, match.start(), at)


def read_day(written: str) -> date | None:
    """Return the first day of a date: 2024, 2024-03, 12/03/2024, 03/2024, «12 mars 2024».

    Returns None if it is not a date.
    """
    if match := _ISO.fullmatch(written):
        year, month, day = match[1], match[2], match[3]
    elif match := _SLASHED.fullmatch(written):
        day, month, year = match[1], match[2], match[3]
    elif match := _WRITTEN.fullmatch(written):
        number = _MONTHS.get(fold(match[2].lower()), 0)
        day, month, year = match[1], str(number), match[3]
    else:
        return None
    try:
        return date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None


QUERY_CHARACTERS = 2000
"""Maximum number of characters of a query; a longer query is cut, and the answer says so."""

TYPED_WORDS = 30
"""Maximum number of words of a typed text. In a longer text, which was pasted, quotes and dashes
are punctuation, not operators.
"""

SENTENCE_WORDS = 2
"""Minimum number of function words, outside guillemets, of a query that counts as a sentence."""

_QUOTES = str.maketrans({"«": '"', "»": '"', "“": '"', "”": '"', "„": '"'})
_NO_QUOTES = str.maketrans("«»“”„", "     ")
_GUILLEMETS = re.compile(r"[«“„][^»”“]*+(?:[»”“]|\Z)")
_PHRASE = re.compile(r'(?<!\S)-?"[^"]*"')
_EXCLUDED = re.compile(r"(?<!\S)-(\w[\w'’.-]*)")
_OR = frozenset({"OU", "OR"})
_TOKEN = re.compile(r'"[^"]*"|[^\s"]+')
_OPERAND = r'(?:"[^"]*"|[^\s"()\-][^\s"()]*)'
_ALTERNATIVES = re.compile(
    r'(?<!\S)\((?P<group>(?:"[^"]*"|[^()"])*?\s(?:OU|OR)\s(?:"[^"]*"|[^()"])*)\)'
    rf"|(?<!\S)(?P<chain>{_OPERAND}(?:\s+(?:OU|OR)\s+{_OPERAND})+)(?!\S)"
    r'|(?<!\S)-?"[^"]*"'
)
"""Only OU and OR in capitals are operators: «ou» is a word. The last alternative of the pattern
skips phrases, in which OU is a word too.
"""
_WITHIN_WORDS = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Matches soft hyphens and similar characters of pasted text, which do not separate words."""


class ResultOrder(StrEnum):
    """Order of results.

    The order by date is newest first, among documents with most of the words.
    """

    RELEVANCE = "relevance"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Query:
    """A search request: text, filters by facet, page (from 1) and order.

    `wide`: documents that are only near the query are shown too. `verified`: only documents that
    their author confirmed are shown; `only` contains their ids once they are known. `as_typed`: a
    correction is never answered instead. As text, it is the address of its page.
    """

    text: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    page: int = 1
    page_size: int = 10
    order: ResultOrder = ResultOrder.RELEVANCE
    wide: bool = False
    verified: bool = False
    only: tuple[str, ...] | None = None
    as_typed: bool = False

    def __str__(self) -> str:
        pairs = [*self._pairs, ("page", str(self.page))] if self.page > 1 else self._pairs
        return f"/?{urlencode(pairs)}" if pairs else "/"

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        said = {"wide": self.wide, "verified": self.verified, "as_typed": self.as_typed}
        return [
            *([("q", self.text)] if self.text else []),
            *self.chosen,
            *self.ordered,
            *((name, "1") for name, holds in said.items() if holds),
        ]

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """The filters as (facet, value) pairs, in the order of the facets."""
        return [(name, value) for name in FACETS for value in self.filters.get(name, ())]

    @property
    def ordered(self) -> list[tuple[str, str]]:
        """The parameter of the order, if it is not the default."""
        return [] if self.order == ResultOrder.RELEVANCE else [("sort", str(self.order))]

    def has(self, facet: str, value: str) -> bool:
        """Return whether the search is filtered by this value."""
        return value in self.filters.get(facet, ())

    def narrowed(self, facet: str, value: str) -> "Query":
        """Return the first page, filtered by this value too."""
        values = tuple(dict.fromkeys((*self.filters.get(facet, ()), value)))
        return self.but(filters={**self.filters, facet: values})

    def widened(self, facet: str, value: str) -> "Query":
        """Return the first page, without this filter."""
        values = tuple(other for other in self.filters.get(facet, ()) if other != value)
        return self.but(filters={**self.filters, facet: values})

    def but(self, **changes: Any) -> "Query":
        """Return the same search with other fields: its first page, unless `page` is given."""
        return replace(self, **({"page": 1} | changes))

    def asking(self, text: str) -> "Query":
        """Return the first page of another text, with the same filters."""
        return self.but(text=text, wide=False, as_typed=False)

    def showing(self, facet: str) -> str:
        """Return the address of the same page with every value of a facet."""
        return f"/?{urlencode([*self._pairs, ('more', facet)])}"

    def unfiltered(self) -> "Query":
        """Return the same text and order without filters."""
        return Query(self.text, order=self.order)


def since(typed: str, day: date) -> str | None:
    """Return the query restricted to documents from `day` on, instead of its own start.

    Returns None if the result would be too long to have operators.
    """
    plain = typed.translate(_QUOTES)
    kept, at = [], 0
    for operator in operators_in(plain):
        if operator.field is QueryPartKind.SINCE:
            kept.append(typed[at : operator.start])
            at = operator.end
    words = " ".join("".join((*kept, typed[at:])).split())
    asked = f"{words} depuis:{day.isoformat()}".strip()
    return asked if len(asked.split()) <= TYPED_WORDS else None


def typed_text(typed: str) -> str:
    """Return the text without invisible characters and with straight quotes, to read operators.

    The result is empty for a pasted text (more than `TYPED_WORDS` words), which has no operators.
    In a sentence, guillemets are removed because they quote; only straight quotes request a phrase.
    """
    text = _visible(typed)[:QUERY_CHARACTERS]
    if len(text.split()) > TYPED_WORDS:
        return ""
    outside = _GUILLEMETS.sub(" ", text)
    if outside != text and _is_sentence(outside):
        return text.translate(_NO_QUOTES)
    return text.translate(_QUOTES)


def without_quotes(typed: str) -> str:
    """Return the query with its phrases as free text; excluded phrases stay."""
    return _PHRASE.sub(
        lambda match: match[0] if match[0].startswith("-") else match[0].strip('"'),
        typed.translate(_QUOTES),
    )


def _is_sentence(text: str) -> bool:
    """Return whether a text has several function words, which is rare in keywords."""
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", text)]
    return sum(word in STOP_WORDS or word in ASKING_WORDS for word in words) >= SENTENCE_WORDS


def read_question(typed: str) -> Question:
    """Split a query into free text, "phrases", -excluded words and alternatives with OU.

    Everything else is free text; a pasted text is entirely free text.
    """
    text = typed_text(typed)
    if not text:
        return Question(" ".join(_visible(typed)[:QUERY_CHARACTERS].split()))
    text, any_of = _alternatives(text)
    phrases: list[str] = []
    excluded: list[str] = []
    for quoted in _PHRASE.findall(text):
        words = quoted.strip('-"').strip()
        if words:
            (excluded if quoted.startswith("-") else phrases).append(words)
    text = _PHRASE.sub(" ", text).replace('"', " ")
    excluded.extend(_EXCLUDED.findall(text))
    text = _EXCLUDED.sub(" ", text)
    return Question(" ".join(text.split()), tuple(phrases), tuple(excluded), any_of)


def _alternatives(text: str) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """Return (the rest, the groups) for `a OU "b c"`, and `(a OU b c)` without nesting."""
    groups: list[tuple[str, ...]] = []

    def taken(match: re.Match[str]) -> str:
        if match["group"] is None and match["chain"] is None:
            return match[0]
        pieces: list[list[str]] = [[]]
        for token in _TOKEN.findall(match["group"] or match["chain"]):
            if token in _OR:
                pieces.append([])
            else:
                pieces[-1].extend(token.strip('-"').split())
        group = tuple(dict.fromkeys(" ".join(piece) for piece in pieces if piece))
        if len(group) > 1:
            groups.append(group)
            return " "
        return match[0]

    return _ALTERNATIVES.sub(taken, text), tuple(groups)


def was_shortened(typed: str) -> bool:
    """Return whether `read_question` cut the query."""
    return len(_visible(typed)) > QUERY_CHARACTERS


PREFIX_CHARACTERS = 200
"""Maximum number of characters that are read for suggestions: nobody types more of a title."""


def read_prefix(typed: str) -> str:
    """Return the visible characters typed so far, for suggestions, up to a limit."""
    return " ".join(_visible(typed)[:PREFIX_CHARACTERS].split())


def _visible(typed: str) -> str:
    """Return the text in NFC with spaces instead of control characters."""
    normal = unicodedata.normalize("NFC", _WITHIN_WORDS.sub("", typed))
    return "".join(c if c.isprintable() else " " for c in normal).strip()
