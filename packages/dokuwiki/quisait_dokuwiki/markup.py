"""Turn DokuWiki's markup into plain text under headings, line by line, without included pages."""

import re

from connectors.html import HEADING_SEPARATOR
from connectors.values import Section

_MOST_SIGNS = 6
"""Number of signs around a heading of the highest level; further signs mean nothing."""
_VERBATIM = re.compile(r"<(code|file|nowiki|html|php)\b[^<>]{0,100}>", re.IGNORECASE)
_MARKS = (
    (re.compile(r"\[\[(?:[^][|]{1,500}\|)?([^][|]{0,500})\]\]"), r"\1"),
    (re.compile(r"\{\{(?:[^{}|]{1,500}\|)?([^{}|]{0,500})\}\}"), r"\1"),
    (re.compile(r"\(\(([^()]{1,500})\)\)"), r" (\1)"),
    (re.compile(r"\*\*|''|__|%%|\\\\(?=\s|$)|~~[A-Z]{1,30}[^~]{0,100}~~|</?[a-z]{1,20}>"), ""),
    (re.compile(r"(?<!:)//"), ""),
)
_TABLE = re.compile(r"[ \t]*[|^].*[|^][ \t]*$")


def sections_of(text: str) -> tuple[Section, ...]:
    """Return the text before the first heading, then the text below each heading.

    A section's heading includes the headings above it.
    """
    headings: dict[int, str] = {}
    found: list[Section] = []
    held: list[str] = []
    end = ""  # of what is shown as it is written

    def close() -> None:
        written = "\n".join(held).strip("\n")
        if written.strip():
            path = HEADING_SEPARATOR.join(headings[depth] for depth in sorted(headings))
            found.append(Section(written, path))
        held.clear()

    for line in text.splitlines():
        depth, title = (0, "") if end else _heading(line)
        if title:
            close()
            headings = {at: above for at, above in headings.items() if at < depth}
            headings[depth] = _plain(title)
            continue
        opened = None if end else _VERBATIM.search(line)
        if opened:
            end = f"</{opened[1].lower()}>"
        held.append(line if end else _plain(line))
        if end and end in line.lower():
            end = ""
    close()
    return tuple(found)


def _heading(line: str) -> tuple[int, str]:
    """Return the depth of a heading, from -6 (highest) to -2, and its title; empty if it is none.

    As in DokuWiki, at least two signs stand on each side, and the number of those before counts.
    """
    written = line.strip(" \t")
    if not (written.startswith("==") and written.endswith("==")):
        return 0, ""
    signs = len(written) - len(written.lstrip("="))
    return -min(signs, _MOST_SIGNS), written.strip("=").strip()


def _plain(line: str) -> str:
    """Return a line without its marks; links keep their words."""
    for mark, kept in _MARKS:
        line = mark.sub(kept, line)
    return line.replace("^", "|") if _TABLE.match(line) else line
