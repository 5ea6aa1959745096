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
"""Classes of elements for navigation on the screen, which are not indexed."""
HEADINGS = {f"h{depth}": depth for depth in range(1, 7)}
HEADING_SEPARATOR = " › "
MAX_DEPTH = 1_000
"""The maximum nesting of elements; browsers stop at 512. For each end tag that closes nothing,
libxml2 searches all open elements."""
_CHUNK_BYTES = 1 << 14
"""Number of bytes passed to the parser at once: it parses all of them even after an exception."""
_TAG = re.compile("<[^<>]*>")


class _TooDeep(Exception):
    """Elements are nested too deep to be parsed in time."""


def sections_of(html: str) -> tuple[Section, ...]:
    """Return the text before the first heading, then the text below each heading.

    A section's heading includes all headings above it. A page with elements nested too deep becomes
    text without headings.
    """
    try:
        return _parse(html)
    except _TooDeep:
        plain = _TAG.sub("\0", html.replace("\0", "")).replace("<", "&lt;")
        return _parse(plain.replace("\0", "<br>"))


def _parse(html: str) -> tuple[Section, ...]:
    parser = etree.HTMLParser(target=_SectionBuilder(), encoding="utf-8", huge_tree=True)
    # Wrapped in an element, since the parser rejects bare text.
    written = f"<div>{html}".encode("utf-8", "replace")
    for at in range(0, len(written), _CHUNK_BYTES):
        parser.feed(written[at : at + _CHUNK_BYTES])  # raises what the builder raised
    found: tuple[Section, ...] = parser.close()
    return found


class _SectionBuilder:
    """The parser's target: it builds one section after the other from tags and text."""

    def __init__(self) -> None:
        self._sections: list[Section] = []
        self._pending: list[str] = []
        self._text: list[str] = []
        self._headings: dict[int, str] = {}
        self._heading: int | None = None
        self._hidden: list[str] = []
        self._preformatted = 0
        self._depth = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Open a heading, a line, a cell or a hidden element. Raises `_TooDeep`."""
        self._flush_text()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeep
        if tag in VOID_TAGS:
            if tag in BLOCK_TAGS:
                self._text.append("\n")
            return
        if self._hidden or _is_hidden(tag, attributes):
            self._hidden.append(tag)
            return
        if tag in HEADINGS:
            self._end_section()
            self._heading = HEADINGS[tag]
        elif tag in BLOCK_TAGS:
            self._text.append("\n")
        self._preformatted += tag == "pre"

    def end(self, tag: str) -> None:
        """Close an element."""
        self._flush_text()
        self._depth -= 1
        if tag in VOID_TAGS:
            return
        if self._hidden:
            self._hidden.pop()
            return
        if tag in HEADINGS and self._heading is not None:
            self._end_heading(self._heading)
        elif tag in ("td", "th"):
            self._text.append(" \t")
        elif tag in BLOCK_TAGS:
            self._text.append("\n")
        self._preformatted -= tag == "pre"

    def data(self, data: str) -> None:
        """Add text; the parser may split it anywhere."""
        self._pending.append(data)

    def close(self) -> tuple[Section, ...]:
        """Return all sections, at the end of the document."""
        self._flush_text()
        self._end_section()
        return tuple(self._sections)

    def _flush_text(self) -> None:
        """Add the text since the last tag to the section, unless it is hidden."""
        text, self._pending = "".join(self._pending), []
        if text and not self._hidden:
            self._text.append(text if self._preformatted else re.sub(r"[ \t\r\n]+", " ", text))

    def _end_section(self) -> None:
        """Finish a section, with the headings above it."""
        text = _tidy("".join(self._text))
        self._text = []
        heading = HEADING_SEPARATOR.join(self._headings[depth] for depth in sorted(self._headings))
        if text:
            self._sections.append(Section(text, heading=heading))

    def _end_heading(self, depth: int) -> None:
        name = " ".join("".join(self._text).split())
        self._text, self._heading = [], None
        self._headings = {d: n for d, n in self._headings.items() if d < depth}
        if name:
            self._headings[depth] = name


def _is_hidden(tag: str, attributes: Mapping[str, str]) -> bool:
    classes = set(attributes.get("class", "").split())
    return tag in HIDDEN_TAGS or bool(classes & HIDDEN_CLASSES) or attributes.get("id") == "toc"


def _tidy(text: str) -> str:
    """Separate cells by a bar, and remove empty lines and spaces at the ends of lines."""
    lines = []
    for line in text.split("\n"):
        cells = [cell.strip(" ") for cell in line.split(" \t")]
        joined = " | ".join(cell for cell in cells if cell)
        if joined.strip():
            lines.append(joined.rstrip())
    return "\n".join(lines)
