"""Format text for people: counts with plurals, and text without invisible characters.

This module only has quick imports.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable


def plural(one: str, many: str, count: int, /, **values: object) -> str:
    """Return `one` for 0 and 1, else `many`; `{num}` is the number with grouped thousands."""
    return (one if count < 2 else many).format(num=number(count), **values)


def number(value: int) -> str:
    """Return a number as `12 345`, its thousands joined by narrow no-break spaces."""
    return f"{value:,}".replace(",", "\u202f")


def unbroken(text: str) -> str:
    """Return a text of the interface with no-break spaces inside its quotation marks."""
    return text.replace("« ", "«\u00a0").replace(" »", "\u00a0»")


_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls except tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks and overrides
    "\u200b\u2028\u2029\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # invisible characters
    "\U000e0000-\U000e007f\ud800-\udfff]"  # tags and surrogates
)


def safe_text(text: str) -> str:
    """Return the text without invisible characters, control characters and marks of direction."""
    return _UNSAFE.sub("", text)


def safe_spans(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans of a text, as (start, end), as spans of its `safe_text`."""
    removed = [match.start() for match in _UNSAFE.finditer(text)]
    return [
        (start - bisect_left(removed, start), end - bisect_left(removed, end))
        for start, end in spans
    ]


def safe_json(document: str) -> str:
    """Return the same JSON, with the characters that `safe_text` removes written as escapes."""
    return _UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], document)
