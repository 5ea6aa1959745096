"""Turn DokuWiki's markup into plain text under headings, line by line, without included pages."""

import re

from connectors.mediawiki.html import HEADING_SEPARATOR
from connectors.values import Section

_HEADING = re.compile(r"[ \t]*(={2,6})[ \t]*(\S.*?)[ \t]*={2,}[ \t]*$")
_MOST = 1_000
"""Maximum length of a heading's line, in characters."""
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
        heading = None if end or len(line) > _MOST else _HEADING.match(line)
        if heading:
            close()
            depth = -len(heading[1])  # six signs are the highest heading
            headings = {at: title for at, title in headings.items() if at < depth}
            headings[depth] = _plain(heading[2])
            continue
        opened = None if end else _VERBATIM.search(line)
        if opened:
            end = f"</{opened[1].lower()}>"
        held.append(line if end else _plain(line))
        if end and end in line.lower():
            end = ""
    close()
    return tuple(found)


def _plain(line: str) -> str:
    """Return a line without its marks; links keep their words."""
    for mark, kept in _MARKS:
        line = mark.sub(kept, line)
    return line.replace("^", "|") if _TABLE.match(line) else line
