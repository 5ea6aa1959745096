"""Cut a passage to the length that a result page has room for: whole sentences, where they fit."""

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.french.analysis import fold
from indexer.passages import sentences

EXCERPT_CHARACTERS = 320

Span = tuple[int, int]
"""(start, end) character offsets."""


@dataclass(frozen=True, slots=True)
class ExcerptPart:
    """Text to be escaped as it stands; `marked` where it answers a word of the question."""

    text: str
    marked: bool = False


def excerpt(
    text: str, highlights: Sequence[Span], length: int = EXCERPT_CHARACTERS
) -> list[ExcerptPart]:
    """What `excerpt_span` cuts out, in marked and unmarked pieces; «…» stands for the rest.

    `highlights` are offsets into `text`; what overlaps or lies outside is left unmarked.
    """
    start, end = excerpt_span(text, highlights, length)
    pieces = [ExcerptPart("… ")] if text[:start].strip() else []
    at = start
    for first, last in sorted(highlights):
        if at <= first < last <= end:
            pieces += [ExcerptPart(text[at:first]), ExcerptPart(text[first:last], marked=True)]
            at = last
    pieces.append(ExcerptPart(text[at:end]))
    if text[end:].strip():
        pieces.append(ExcerptPart(" …"))
    return [piece for piece in pieces if piece.text]


def excerpt_span(text: str, highlights: Sequence[Span], length: int = EXCERPT_CHARACTERS) -> Span:
    """The neighbouring sentences, of at most `length` characters, that say most of the question.

    Most distinct marked words, then most marks, then what stands first. A sentence that is
    longer is cut between words, around its first mark.
    """
    if len(text) <= length:
        return 0, len(text)
    spans = [_stripped(text, span) for span in sentences(text)]
    spans = [span for span in spans if span[0] < span[1]]
    best, found = (0, len(text)), (-1, -1)
    for number, (start, _) in enumerate(spans):
        end = _last_whole_sentence(spans[number:], start + length)
        marked = [fold(text[a:b].lower()) for a, b in highlights if start <= a < b <= end]
        told = len(set(marked)), len(marked)
        if told > found:
            best, found = (start, end), told
    if best[1] - best[0] <= length:
        return best
    return _cut(text, best, [mark for mark in highlights if best[0] <= mark[0] < best[1]], length)


def _last_whole_sentence(spans: Sequence[Span], limit: int) -> int:
    """The end of the last whole sentence within the limit; the first one's in any case."""
    end = spans[0][1]
    for _, last in spans[1:]:
        if last > limit:
            break
        end = last
    return end


def _stripped(text: str, span: Span) -> Span:
    piece = text[span[0] : span[1]]
    start = span[0] + len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())


def _cut(text: str, within: Span, marks: Sequence[Span], length: int) -> Span:
    """`length` characters around the first mark, between words, within one sentence."""
    first, last = within
    focus = marks[0][0] if marks else first
    start = max(first, min(focus - length // 4, last - length))
    if start > first:
        space = text.find(" ", start, start + 40)
        start = space + 1 if 0 <= space < focus else start
    end = min(last, start + length)
    if end < last:
        space = text.rfind(" ", end - 40, end)
        end = space if space > start else end
    return start, end
