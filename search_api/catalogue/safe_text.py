"""Remove control and direction characters from a source's text before it is shown.

A title may hold a terminal's escape sequence, or a character that reverses the order of what
follows it (Unicode TR 36, "bidirectional text spoofing": `note\u202efdp.exe` reads
`noteexe.pdf`). Accents, joining characters and right-to-left letters stay.
"""

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, less tabulation and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks and overrides of direction
    "\u200b\u2028\u2029\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # what is not seen
    "\U000e0000-\U000e007f\ud800-\udfff]"  # tags, and half a character
)


def safe_text(text: str) -> str:
    """The text without such characters."""
    return _UNSAFE.sub("", text)
