"""Text as people meant it, out of what a file's format made of it."""

import re
import unicodedata

# Each of these begins with what is rare: text is long, and most of it is words.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff]")
_UNDECODED = re.compile("\ufffd\ufffd\ufffd\ufffd+")
"""What zeros and noise become: no language writes it."""
_HYPHENATED = re.compile(r"-(?<=[a-zà-öø-ÿ]-)[ \t]*\n[ \t]*(?=[a-zà-öø-ÿ])")
_SPACES = re.compile(r"  +")
_BLANK_LINES = re.compile(r"\n\n\n+")


def clean_text(text: str) -> str:
    """NFC, without control characters and soft hyphens; words split at a line's end rejoined.

    A hyphen that belongs to its word ("est-ce") is lost where a line ended on it.
    """
    text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _UNDECODED.sub(" ", text)
    text = _HYPHENATED.sub("", unicodedata.normalize("NFC", text))
    text = _SPACES.sub(" ", text.replace("\t", " ").replace("\xa0", " "))
    text = text.replace(" \n", "\n").replace("\n ", "\n")
    return _BLANK_LINES.sub("\n\n", text).strip()
