"""Text as people meant it, out of what a file's format made of it."""

import re
import unicodedata

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff]")
_UNDECODED = re.compile("\ufffd{4,}")
"""What zeros and noise become: no language writes it."""
_HYPHENATED = re.compile(r"(?<=[a-zà-öø-ÿ])-[ \t]*\n[ \t]*(?=[a-zà-öø-ÿ])")
_SPACES = re.compile(r"[ \t\xa0]+")
_LINE_ENDS = re.compile(r" *\n *")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean_text(text: str) -> str:
    """NFC, without control characters and soft hyphens; words split at a line's end rejoined.

    A hyphen that belongs to its word ("est-ce") is lost where a line ended on it.
    """
    text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _UNDECODED.sub(" ", text)
    text = _HYPHENATED.sub("", unicodedata.normalize("NFC", text))
    text = _LINE_ENDS.sub("\n", _SPACES.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", text).strip()
