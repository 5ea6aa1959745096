"""From the wiki's own rendering of a page to sections of plain text.

The rendering is read, not the wikitext: only the wiki knows what its templates, tables,
and extensions become, and TextExtracts drops tables.
"""

import re
from html.parser import HTMLParser

from connectors.values import Section

VOID = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source",
    "track", "wbr",
}  # fmt: skip
LINES = {
    "blockquote", "br", "caption", "center", "dd", "div", "dl", "dt", "figcaption", "figure",
    "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
UNSEEN = {"annotation", "audio", "noscript", "script", "style", "template", "video"}
UNSEEN_CLASSES = {
    "catlinks", "error", "mw-cite-backlink", "mw-editsection", "mw-empty-elt", "mw-jump-link",
    "navbox", "noprint", "reference", "toc",
}  # fmt: skip
"""What serves to read on the screen, not to be found."""
HEADINGS = {f"h{depth}": depth for depth in range(1, 7)}
PATH_MARK = " › "


def sections_of(html: str) -> tuple[Section, ...]:
    """The text before the first heading, then that below each; headings carry those above."""
    reading = _Reading()
    reading.feed(html)
    reading.close()
    reading.end_section()
    return tuple(reading.sections)


class _Reading(HTMLParser):
    """Gathers the text of one section after the other."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[Section] = []
        self._text: list[str] = []
        self._above: dict[int, str] = {}
        self._heading: int | None = None
        self._unseen: list[str] = []
        self._as_written = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a heading, a line, a cell, or something that is not seen."""
        if tag in VOID:
            if tag in LINES:
                self._say("\n")
            return
        if self._unseen or _is_unseen(tag, dict(attrs)):
            self._unseen.append(tag)
            return
        if tag in HEADINGS:
            self.end_section()
            self._heading = HEADINGS[tag]
        elif tag in LINES:
            self._say("\n")
        self._as_written += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened; what was left open inside it closes too."""
        if self._unseen:
            if tag in self._unseen:
                while self._unseen.pop() != tag:
                    pass
            return
        if tag in HEADINGS and self._heading is not None:
            self._end_heading(self._heading)
        elif tag in ("td", "th"):
            self._say(" \t")
        elif tag in LINES:
            self._say("\n")
        if tag == "pre":
            self._as_written = max(0, self._as_written - 1)

    def handle_data(self, data: str) -> None:
        """Take text that is seen."""
        if not self._unseen:
            self._say(data if self._as_written else re.sub(r"[ \t\r\n]+", " ", data))

    def end_section(self) -> None:
        """Keep what was gathered under the headings that stand above it."""
        text = _tidy("".join(self._text))
        self._text = []
        heading = PATH_MARK.join(self._above[depth] for depth in sorted(self._above))
        if text:
            self.sections.append(Section(text, heading=heading))

    def _end_heading(self, depth: int) -> None:
        name = " ".join("".join(self._text).split())
        self._text, self._heading = [], None
        self._above = {d: n for d, n in self._above.items() if d < depth}
        if name:
            self._above[depth] = name

    def _say(self, text: str) -> None:
        self._text.append(text)


def _is_unseen(tag: str, attributes: dict[str, str | None]) -> bool:
    classes = set((attributes.get("class") or "").split())
    return tag in UNSEEN or bool(classes & UNSEEN_CLASSES) or attributes.get("id") == "toc"


def _tidy(text: str) -> str:
    """Cells apart by a bar, no space at the ends of lines, no empty lines."""
    lines = []
    for line in text.split("\n"):
        cells = [cell.strip(" ") for cell in line.split(" \t")]
        joined = " | ".join(cell for cell in cells if cell)
        if joined.strip():
            lines.append(joined.rstrip())
    return "\n".join(lines)
