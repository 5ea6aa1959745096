"""A passage cut to what a result page has room for, in marked and unmarked pieces."""

from collections.abc import Sequence
from dataclasses import dataclass

EXCERPT_CHARACTERS = 320


@dataclass(frozen=True, slots=True)
class Piece:
    """Text to be escaped as it stands; `marked` where it answers a word of the question."""

    text: str
    marked: bool = False


def excerpt(
    text: str, highlights: Sequence[tuple[int, int]], length: int = EXCERPT_CHARACTERS
) -> list[Piece]:
    """About `length` characters around the first highlight, cut between words.

    `highlights` are (start, end) offsets into `text`; what overlaps or lies outside
    is left unmarked.
    """
    start, end = _borders(text, highlights[0][0] if highlights else 0, length)
    pieces = [Piece("… ")] if start > 0 else []
    at = start
    for first, last in sorted(highlights):
        if at <= first < last <= end:
            pieces += [Piece(text[at:first]), Piece(text[first:last], marked=True)]
            at = last
    pieces.append(Piece(text[at:end]))
    if end < len(text):
        pieces.append(Piece(" …"))
    return [piece for piece in pieces if piece.text]


def _borders(text: str, focus: int, length: int) -> tuple[int, int]:
    if len(text) <= length:
        return 0, len(text)
    start = max(0, min(focus - length // 4, len(text) - length))
    if start > 0:
        space = text.find(" ", start, start + 40)
        start = space + 1 if 0 <= space < focus else start
    end = min(len(text), start + length)
    if end < len(text):
        space = text.rfind(" ", end - 40, end)
        end = space if space > start else end
    return start, end
