"""Markdown's headings, as those of a page: Tika reads Markdown as plain text, marks and all.

As CommonMark 0.31.2 has them (sections 4.2, 4.3 and 4.5): not in fenced or indented code.
An underlined heading is taken for one only where it is one line. Metadata before the text and
what stands in HTML comments are read as text.
"""

import re
from collections.abc import Iterator, Sequence

from indexer.extraction.tika_failures import TikaPart, first

_NAMES = (".md", ".markdown", ".mdown", ".mkd")
_TYPES = ("text/plain", "text/x-web-markdown")
_BODY = re.compile(r"<body>\s*<p>([^<]*)</p>\s*</body>")
"""Of a text, as Tika writes it: no mark of the text's own is one of the page's."""
_SHARPS = re.compile(r" {0,3}#{1,6}(?=[ \t]|$)")
_FENCE = re.compile(r" {0,3}(```+(?=[^`]*$)|~~~+)")
_UNDERLINE = re.compile(r" {0,3}(?:==+|---+)[ \t]*$")
_NO_PARAGRAPH = re.compile(r"[ \t]*$| {4}|\t|[ \t]*(?:(?:[-+*]|\d+[.)])(?:[ \t]|$)|&gt;|\|)")
_LINE_ENDS = re.compile(r"\r\n?|\n")


def is_markdown(part: TikaPart, name: str) -> bool:
    """Whether a text is Markdown: its name says so, and its bytes nothing else."""
    kind = first(part.metadata, "Content-Type").partition(";")[0]
    return kind in _TYPES and name.lower().endswith(_NAMES)


def with_headings(xhtml: str) -> str:
    """The same page, in which Markdown's headings are the page's."""
    body = _BODY.search(xhtml)
    if body is None:
        return xhtml
    start, end = body.span(1)
    return xhtml[:start] + "\n".join(_lines(_LINE_ENDS.split(body[1]))) + xhtml[end:]


def _lines(lines: Sequence[str]) -> Iterator[str]:
    fence = ""
    underlined = False
    for at, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            # In a list it may stand further in than it may elsewhere.
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark[1]
        elif underlined:
            underlined = False
            continue
        elif sharps := _SHARPS.match(line):
            line = _heading(_unclosed(line[sharps.end() :]))
        elif _is_underlined(lines, at):
            line, underlined = _heading(line), True
        yield line


def _unclosed(said: str) -> str:
    """Without the sharps that may close a heading; those of a word stay («C#»)."""
    said = said.strip()
    bare = said.rstrip("#")
    return bare.rstrip() if bare[-1:] in {"", " ", "\t"} else said


def _heading(said: str) -> str:
    return f"</p><h2>{said.strip()}</h2><p>" if said.strip() else ""


def _is_underlined(lines: Sequence[str], at: int) -> bool:
    """Whether a line stands alone above a rule of its own."""
    return (
        at + 1 < len(lines)
        and _UNDERLINE.match(lines[at + 1]) is not None
        and _NO_PARAGRAPH.match(lines[at]) is None
        and (at == 0 or not lines[at - 1].strip())
    )
