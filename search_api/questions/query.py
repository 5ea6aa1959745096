"""What a reader typed, read forgivingly: there is no query that is an error."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from indexer.values import Question

QUERY_CHARACTERS = 2000
"""A longer query is read up to here, and the answer says so."""

TYPED_WORDS = 30
"""More words than that are a pasted text: its quotes and dashes are punctuation, not orders."""

_QUOTES = str.maketrans({"«": '"', "»": '"', "“": '"', "”": '"', "„": '"'})
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
"""Capitals alone: «ou» is a word. The last case steps over phrases, whose OU is a word too."""
_WITHIN_WORDS = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphens and their like, which come with what is pasted: they part no word."""


class Order(StrEnum):
    """How results stand. By date: the newest first, of what has most of the words."""

    RELEVANCE = "relevance"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Query:
    """A search as asked: text, filters by facet, the page (from 1) and the order."""

    text: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    page: int = 1
    page_size: int = 10
    order: Order = Order.RELEVANCE


def typed_text(typed: str) -> str:
    """What is read of a query: visible characters up to a limit, every quote a straight one.

    A pasted text (more than `TYPED_WORDS` words) keeps none: it is free text throughout.
    """
    text = _visible(typed)[:QUERY_CHARACTERS]
    if len(text.split()) > TYPED_WORDS:
        return ""
    return text.translate(_QUOTES)


def read_question(typed: str) -> Question:
    """Split free text, "phrases", -excluded words and what stands on both sides of OU.

    Anything else is free text, and so is a pasted text throughout.
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
    """(what is left, each group): `a OU "b c"`, and `(a OU b c)` of one level."""
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
    """Whether `read_question` left some of it out."""
    return len(_visible(typed)) > QUERY_CHARACTERS


PREFIX_CHARACTERS = 200
"""Longer than any title's beginning that somebody types."""


def read_prefix(typed: str) -> str:
    """What is being typed, for suggestions: visible characters, a title's length of them."""
    return " ".join(_visible(typed)[:PREFIX_CHARACTERS].split())


def _visible(typed: str) -> str:
    """Without control characters, which no engine takes well and nobody means to type."""
    normal = unicodedata.normalize("NFC", _WITHIN_WORDS.sub("", typed))
    return "".join(c if c.isprintable() else " " for c in normal).strip()
