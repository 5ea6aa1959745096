"""Convert a page's HTML, as the wiki renders it, to sections of plain text.

The rendering is read, not the wikitext: only the wiki knows what its templates, tables and
extensions expand to, and the extension TextExtracts drops tables. libxml2 parses it in time
linear in its length; Python's `html.parser` takes quadratic time for tags that are never closed.
"""

import re
from collections.abc import Mapping

from lxml import etree

from connectors.values import Section

VOID_TAGS = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source",
    "track", "wbr",
}  # fmt: skip
BLOCK_TAGS = {
    "blockquote", "br", "caption", "center", "dd", "div", "dl", "dt", "figcaption", "figure",
    "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
HIDDEN_TAGS = {"annotation", "audio", "noscript", "script", "style", "template", "video"}
HIDDEN_CLASSES = {
    "catlinks", "error", "mw-cite-backlink", "mw-editsection", "mw-empty-elt", "mw-jump-link",
    "navbox", "noprint", "reference", "toc",
}  # fmt: skip
"""What serves to read on the screen, not to be found."""
HEADINGS = {f"h{depth}": depth for depth in range(1, 7)}
HEADING_SEPARATOR = " › "
MAX_DEPTH = 1_000
"""So many elements in one another, at most: browsers stop at 512. libxml2 looks through all that
are open for each end tag that closes none."""
_CHUNK_BYTES = 1 << 14
"""Bytes that the parser is given at once: it goes through them even once the reading stopped."""
_TAG = re.compile("<[^<>]*>")


class _TooDeep(Exception):
    """Elements stand too deep in one another to be read in time."""


def sections_of(html: str) -> tuple[Section, ...]:
    """The text before the first heading, then that below each; headings carry those above.

    A page of too many elements in one another is read without them: all its text, with no
    headings.
    """
    try:
        return _parse(html)
    except _TooDeep:
        plain = _TAG.sub("\0", html.replace("\0", "")).replace("<", "&lt;")
        return _parse(plain.replace("\0", "<br>"))


def _parse(html: str) -> tuple[Section, ...]:
    parser = etree.HTMLParser(target=_SectionBuilder(), encoding="utf-8", huge_tree=True)
    # Within an element, as a page without any is no document to the parser.
    written = f"<div>{html}".encode("utf-8", "replace")
    for at in range(0, len(written), _CHUNK_BYTES):
        parser.feed(written[at : at + _CHUNK_BYTES])  # raises what the reading raised before it
    found: tuple[Section, ...] = parser.close()
    return found


class _SectionBuilder:
    """What the parser tells of tags and text: the text of one section after the other."""

    def __init__(self) -> None:
        self._sections: list[Section] = []
        self._said: list[str] = []
        self._text: list[str] = []
        self._above: dict[int, str] = {}
        self._heading: int | None = None
        self._unseen: list[str] = []
        self._as_written = 0
        self._depth = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Open a heading, a line, a cell, or something that is not seen. Raises `_TooDeep`."""
        self._hear()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeep
        if tag in VOID_TAGS:
            if tag in BLOCK_TAGS:
                self._text.append("\n")
            return
        if self._unseen or _is_hidden(tag, attributes):
            self._unseen.append(tag)
            return
        if tag in HEADINGS:
            self._end_section()
            self._heading = HEADINGS[tag]
        elif tag in BLOCK_TAGS:
            self._text.append("\n")
        self._as_written += tag == "pre"

    def end(self, tag: str) -> None:
        """Close what was opened."""
        self._hear()
        self._depth -= 1
        if tag in VOID_TAGS:
            return
        if self._unseen:
            self._unseen.pop()
            return
        if tag in HEADINGS and self._heading is not None:
            self._end_heading(self._heading)
        elif tag in ("td", "th"):
            self._text.append(" \t")
        elif tag in BLOCK_TAGS:
            self._text.append("\n")
        self._as_written -= tag == "pre"

    def data(self, data: str) -> None:
        """A piece of text: the parser cuts it where it likes."""
        self._said.append(data)

    def close(self) -> tuple[Section, ...]:
        """The end: every section."""
        self._hear()
        self._end_section()
        return tuple(self._sections)

    def _hear(self) -> None:
        """Take the text that was told since the last tag, if it is seen."""
        said, self._said = "".join(self._said), []
        if said and not self._unseen:
            self._text.append(said if self._as_written else re.sub(r"[ \t\r\n]+", " ", said))

    def _end_section(self) -> None:
        """Keep what was gathered under the headings that stand above it."""
        text = _tidy("".join(self._text))
        self._text = []
        heading = HEADING_SEPARATOR.join(self._above[depth] for depth in sorted(self._above))
        if text:
            self._sections.append(Section(text, heading=heading))

    def _end_heading(self, depth: int) -> None:
        name = " ".join("".join(self._text).split())
        self._text, self._heading = [], None
        self._above = {d: n for d, n in self._above.items() if d < depth}
        if name:
            self._above[depth] = name


def _is_hidden(tag: str, attributes: Mapping[str, str]) -> bool:
    classes = set(attributes.get("class", "").split())
    return tag in HIDDEN_TAGS or bool(classes & HIDDEN_CLASSES) or attributes.get("id") == "toc"


def _tidy(text: str) -> str:
    """Cells apart by a bar, no space at the ends of lines, no empty lines."""
    lines = []
    for line in text.split("\n"):
        cells = [cell.strip(" ") for cell in line.split(" \t")]
        joined = " | ".join(cell for cell in cells if cell)
        if joined.strip():
            lines.append(joined.rstrip())
    return "\n".join(lines)
