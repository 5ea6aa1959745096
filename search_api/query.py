"""What a reader typed, read forgivingly: there is no query that is an error."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from indexer.values import Question

QUERY_CHARACTERS = 2000
"""A longer query is read up to here, and the answer says so."""

_QUOTES = str.maketrans({"«": '"', "»": '"', "“": '"', "”": '"', "„": '"'})
_PHRASE = re.compile(r'(?<!\S)-?"[^"]*"')
_EXCLUDED = re.compile(r"(?<!\S)-(\w[\w'’.-]*)")
_WITHIN_WORDS = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphens and their like, which come with what is pasted: they part no word."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search as asked: text, filters by facet, and the page (from 1)."""

    text: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    page: int = 1
    page_size: int = 10


def read_question(typed: str) -> Question:
    """Split free text, "phrases" and -excluded words. Anything else is free text."""
    text = _visible(typed)[:QUERY_CHARACTERS].translate(_QUOTES)
    phrases: list[str] = []
    excluded: list[str] = []
    for quoted in _PHRASE.findall(text):
        words = quoted.strip('-"').strip()
        if words:
            (excluded if quoted.startswith("-") else phrases).append(words)
    text = _PHRASE.sub(" ", text).replace('"', " ")
    excluded.extend(_EXCLUDED.findall(text))
    text = _EXCLUDED.sub(" ", text)
    return Question(" ".join(text.split()), tuple(phrases), tuple(excluded))


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
