"""Cut a model's text into sentences with their citations, while the text arrives."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.passages import sentences

LONGEST = 1_500
"""Number of characters after which a sentence without an end is cut."""

_GROUP = (
    r"(?:\[|【)\s*(?:(?:passages?|sources?|docs?|n[°o])\s*)?\d{1,3}"
    r"(?:\s*(?:,|;|et)\s*\d{1,3})*\s*(?:\]|】)"
)
_CITATION = re.compile(_GROUP, re.IGNORECASE)
_AFTER_THE_END = re.compile(rf"([.!?…])\s*((?:{_GROUP}\s*)+)", re.IGNORECASE)
_CITED_END = re.compile(rf"({_GROUP}\s*[.!?…])\s+", re.IGNORECASE)
"""Matches a citation that ends a sentence, whatever follows; otherwise a small letter after it
would join two sentences.
"""
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_ITEM = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)]|#{1,6})\s+")
_ENDED = re.compile(rf"(?:[.!?…][»”\"’)]*|{_GROUP})\Z", re.IGNORECASE)
_EMPHASIS = re.compile(r"\*\*|__|`")
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SPACE_BEFORE = re.compile(r" (?=[.,])")


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence without its citations, and the numbers that it cites, in order."""

    text: str
    cited: tuple[int, ...]


class SentenceCutter:
    """Returns each sentence as soon as the text after it has begun."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, piece: str) -> Iterator[CitedSentence]:
        """Add a piece of text and yield the sentences that it completes."""
        self._rest += _INVISIBLE.sub("", piece)
        if self._rest.lstrip().startswith("<think>") and "</think>" not in self._rest:
            return
        text = _with_inner_citations(self._rest)
        *whole, last = sentences(text)
        begun = text[last[0] :].lstrip()
        if not begun or begun.startswith(("[", "【")):  # a citation of the sentence before
            whole, last = (whole[:-1], whole[-1]) if whole else (whole, last)
        if last[1] - last[0] > LONGEST:
            whole, last = [*whole, last], (last[1], last[1])
        self._rest = text[last[0] :]
        yield from (one for start, end in whole if (one := _read(text[start:end])))

    def end(self) -> Iterator[CitedSentence]:
        """Yield the remaining sentences once the text is complete.

        A sentence that was cut cites nothing.
        """
        text, self._rest = _with_inner_citations(self._rest), ""
        for start, end in sentences(text):
            one, whole = _read(text[start:end]), _ENDED.search(text[start:end].rstrip())
            if one:
                yield one if whole else CitedSentence(one.text, ())


def without_thoughts(text: str) -> str:
    """Return the text without the reasoning that a model writes before its answer."""
    return _THOUGHT.sub("", text)


def _with_inner_citations(text: str) -> str:
    """Return the text with citations before the full stop, and each line a sentence."""
    text = re.sub(r"\n+", "\n\n", without_thoughts(text))
    return _CITED_END.sub("\\1\n\n", _AFTER_THE_END.sub(r" \2\1 ", text))


def _read(written: str) -> CitedSentence | None:
    """Return the sentence, or None if the text only consists of signs."""
    numbers = [int(n) for group in _CITATION.findall(written) for n in re.findall(r"\d+", group)]
    text = _ITEM.sub("", _CITATION.sub(" ", written))
    text = _SPACE_BEFORE.sub("", " ".join(_EMPHASIS.sub("", text).split()))
    return CitedSentence(text, tuple(dict.fromkeys(numbers))) if re.search(r"\w", text) else None
