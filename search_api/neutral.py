"""Texts of sources as they may be shown: nothing in them steers what shows them.

A title may hold a terminal's escape sequence, or a character that turns the order of what
follows it (Unicode TR 36, "bidirectional text spoofing": `note\u202efdp.exe` reads
`noteexe.pdf`). Accents, signs that join letters and right-to-left letters stay.
"""

import re

_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, less tabulation and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks and overrides of direction
    "\u200b\u2028\u2029\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # what is not seen
    "\U000e0000-\U000e007f\ud800-\udfff]"  # tags, and half a character
)


def neutral(text: str) -> str:
    """The text without what steers: each such character is left out."""
    return _STEERING.sub("", text)
