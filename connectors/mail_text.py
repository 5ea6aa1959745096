"""What a mail's author wrote: without what they quote, forward or sign with.

Line by line and in linear time: what is read may be hostile. Made for French and English mails,
as Outlook, Thunderbird and web mails write them.
"""

import re
from collections.abc import Sequence

_LINE_ENDS = re.compile(r"\r\n?")
_INTRODUCTION = re.compile(r"(?:Le|On)\b.{5,300}(?:a écrit|wrote) ?: ?$")
"""Before a quotation: « Le 3 mars 2026 à 10:00, Paul Martin a écrit : »."""
_INTRODUCTION_BEGINS = re.compile(r"(?:Le|On)\b.{5,200}$")
_ORIGINAL = re.compile(
    r"[-_* ]{3,40}(?:message d['’]origine|original message|message transféré|forwarded message"
    r"|message initial)[-_* ]{2,40}$",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"\*{0,2}(de|from|envoyé|sent|date|à|to|cc|objet|subject) ?\*{0,2} ?:", re.IGNORECASE
)
_FROM = {"de", "from"}
_HEAD_LINES = 8
"""Among which Outlook's head of a quoted mail has its fields."""
_HEAD_FIELDS = 3
_SIGNATURE = re.compile(r"-- ?$")
"""What separates a signature (RFC 3676, 4.3)."""
_BLANK_LINES = re.compile(r"\n{3,}")


def own_text(text: str) -> str:
    """The author's own words, in their order; empty where everything is quoted.

    Words between quoted lines are kept, in answers to one point after another.
    """
    lines = _LINE_ENDS.sub("\n", text).replace("\u00a0", " ").split("\n")
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if _SIGNATURE.match(lines[at]) or _ORIGINAL.match(line) or _is_head(lines, at):
            break
        if length := _introduction(lines, at):
            if not _is_quoted_next(lines, at + length):
                break
            at += length
            continue
        if not line.startswith(">"):
            kept.append(lines[at].rstrip())
        at += 1
    return _BLANK_LINES.sub("\n\n", "\n".join(kept)).strip()


def _introduction(lines: Sequence[str], at: int) -> int:
    """How many lines introduce a quotation here: none, one, or two where it is broken in two."""
    line = lines[at].strip()
    if _INTRODUCTION.match(line):
        return 1
    if at + 1 < len(lines) and _INTRODUCTION_BEGINS.match(line):
        return 2 if _INTRODUCTION.match(f"{line} {lines[at + 1].strip()}") else 0
    return 0


def _is_quoted_next(lines: Sequence[str], at: int) -> bool:
    """Whether the next line with words is marked as quoted: then others may follow it."""
    for line in lines[at : at + 3]:
        if line.strip():
            return line.lstrip().startswith(">")
    return False


def _is_head(lines: Sequence[str], at: int) -> bool:
    """Whether the head of a quoted mail begins here: « De : … Envoyé : … Objet : … »."""
    first = _FIELD.match(lines[at].strip())
    if first is None or first[1].lower() not in _FROM:
        return False
    fields = {
        found[1].lower()
        for line in lines[at : at + _HEAD_LINES]
        if (found := _FIELD.match(line.strip()))
    }
    return len(fields) >= _HEAD_FIELDS
