"""Cuts sections into passages, the pieces of text that become one vector each.

Words are separated by white space. Each 30 characters of a longer run count as a word, so that text
without spaces is bounded too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from connectors.values import Section
from indexer.values import Passage

PASSAGE_WORDS = 180
OVERLAP_WORDS = 30
_SHORT_SHARE = 4

_LONGEST_WORD = 30
_WORD = re.compile(rf"\S{{1,{_LONGEST_WORD}}}")
_LINE = re.compile(r"[^\n]+")
_BORDER = re.compile(
    r"[\n.!?…](?:"  # cheap test first: text is long
    r"(?<=\n)\s*\n"  # a blank line
    r"|(?<=[.!?…])(?<![.!?…]{2})"
    r"[.!?…]*[»”\"’)\]]*\s+(?=[«“\"(\[]?[\s\u00a0\u202f]?[A-ZÀ-ÖØ-Þ0-9•–—-])"
    r")"
)
_ABBREVIATED = re.compile(
    r"(?:^|[\s(«’'])(?:m|mm|mme|mmes|mlle|dr|pr|me|art|al|cf|p|pp|ex|etc|chap|sect|fig|tab|réf|"
    r"tél|vol|éd|av|bd|env|max|min|no|n°|n|[A-Z]|\d{1,3})$",
    re.IGNORECASE,
)


class _Span(NamedTuple):
    start: int
    end: int
    words: int


def cut(
    sections: Sequence[Section],
    title: str,
    words: int = PASSAGE_WORDS,
    overlap: int = OVERLAP_WORDS,
) -> tuple[Passage, ...]:
    """Return passages in reading order; each has at most `words` words besides its heading.

    Passages begin and end at headings and sentences; a passage never spans two pages, authors or
    paths. Neighbours cut from one section share at most `overlap` words. No text is lost: very
    short neighbours are merged, with their headings in the text. A document without text becomes a
    passage made of its title.
    """
    if not 0 <= overlap < words:
        raise ValueError("overlap must be at least 0 and less than words")
    passages = tuple(
        Passage(text, section.heading, section.author, section.page, section.path)
        for section in _merged(sections, words)
        for text in _cut_text(section.text, words, overlap)
    )
    if not passages and title.strip():
        return tuple(Passage(text) for text in _cut_text(title, words, overlap))
    return passages


def passage_text(title: str, passage: Passage) -> str:
    """Return the text to encode: title, heading and text, one per line, without repetitions."""
    parts = [part.strip() for part in (title, passage.heading, passage.text)]
    return "\n".join(dict.fromkeys(part for part in parts if part))


def joined(passages: Sequence[Passage]) -> tuple[str, tuple[int, ...]]:
    """Return the joined text of passages cut from one section, and where each passage begins.

    Text shared by two neighbours appears once. White space between neighbours that share nothing is
    replaced with a line feed.
    """
    text, starts, before = "", [], ""
    for passage in passages:
        shared = _overlap(before, passage.text)
        text += "" if shared or not text else "\n"
        starts.append(len(text) - shared)
        text += passage.text[shared:]
        before = passage.text
    return text, tuple(starts)


def _overlap(before: str, after: str) -> int:
    """Return the length of the longest end of `before` that begins `after`, as `cut` makes it.

    It has whole sentences or lines, is not all of `before`, and has at most `OVERLAP_WORDS` words.
    Other words that both share are a repetition.
    """
    begins = {start for start, _ in sentences(before)}
    words = list(re.finditer(r"\S+", before))
    for last, word in list(pairwise(words))[-OVERLAP_WORDS:]:
        if word.start() not in begins and "\n" not in before[last.end() : word.start()]:
            continue
        end = before[word.start() :]
        if after.startswith(end) and (len(end) == len(after) or after[len(end)].isspace()):
            return len(end)
    return 0


def _merged(sections: Sequence[Section], words: int) -> Iterator[Section]:
    """Join very short neighbours, so that a slide deck does not give a passage per line."""
    pending: Section | None = None
    parts: list[str] = []
    held = 0
    for section in filter(None, map(_with_text, sections)):
        length = _length(section.heading) + _length(section.text)
        short = min(length, held) * _SHORT_SHARE < words
        if pending and _origin(pending) == _origin(section) and short and held + length <= words:
            new_heading = section.heading != pending.heading
            parts.extend([section.heading] * new_heading + [section.text])
            held += length
            continue
        if pending:
            yield replace(pending, text="\n\n".join(parts))
        pending, parts, held = section, [section.text], _length(section.text)
    if pending:
        yield replace(pending, text="\n\n".join(parts))


def _with_text(section: Section) -> Section | None:
    """Return the section, with its heading as text if it has no text; None without both."""
    if section.text.strip():
        return section
    return replace(section, text=section.heading, heading="") if section.heading.strip() else None


def _origin(section: Section) -> tuple[str | None, int | None, str]:
    return section.author, section.page, section.path


def _length(text: str) -> int:
    words = text.split()
    if max(map(len, words), default=0) <= _LONGEST_WORD:
        return len(words)
    return len(_WORD.findall(text))


def _cut_text(text: str, words: int, overlap: int) -> Iterator[str]:
    held: list[_Span] = []
    total = 0
    for span in _spans(text, words):
        if held and total + span.words > words:
            yield _slice(text, held)
            held = _tail(held, min(overlap, words - span.words))
            total = sum(span.words for span in held)
        held.append(span)
        total += span.words
    if held:
        yield _slice(text, held)


def _slice(text: str, spans: Sequence[_Span]) -> str:
    return text[spans[0].start : spans[-1].end].strip()


def _tail(spans: Sequence[_Span], words: int) -> list[_Span]:
    """Return the last whole sentences that together have at most `words` words."""
    count = 0
    first = len(spans)
    while first > 0 and count + spans[first - 1].words <= words:
        first -= 1
        count += spans[first].words
    return list(spans[first:])


def _spans(text: str, words: int) -> Iterator[_Span]:
    """Yield sentences; split a sentence longer than a passage at line ends, then between words."""
    for start, end in sentences(text):
        count = _length(text[start:end])
        if 0 < count <= words:
            yield _Span(start, end, count)
        elif count:
            yield from _pieces(text, start, end, words)


def _pieces(text: str, start: int, end: int, words: int) -> Iterator[_Span]:
    for line in _LINE.finditer(text, start, end):
        spans = [word.span() for word in _WORD.finditer(text, *line.span())]
        for first in range(0, len(spans), words):
            piece = spans[first : first + words]
            yield _Span(piece[0][0], piece[-1][1], len(piece))


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) of each sentence in order. Abbreviations do not end a sentence."""
    start = 0
    for border in _BORDER.finditer(text):
        at = border.start()
        if text[at] == "." and _ABBREVIATED.search(text[max(start, at - 12) : at]):
            continue
        yield start, border.end()
        start = border.end()
    yield start, len(text)
