"""Tika's XHTML, read as sections.

Tika marks pages (`div.page`), slides (`div.slide-content`), sheets (`div.sheet`, with
a heading) and attachments (`div.package-entry`, whose first heading is the file's
name). What mail carries inside is not always well-formed, so a lenient parser reads it.
"""

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser

from connectors.values import Section
from indexer.extraction.clean_text import clean_text

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = frozenset({"p", "div", "ul", "ol", "table", "blockquote", "pre", "section", "article"})
_LINES = frozenset({"br", "li", "tr", "dt", "dd"})
_SILENT = frozenset({"script", "style"})
_PAGES = frozenset({"page", "slide-content"})
_ATTACHMENT = "package-entry"
_ATTACHED = re.compile(rf'<div class="{_ATTACHMENT}">\s*<h\d>(.*?)</h\d>', re.DOTALL)


def sections_of(xhtml: str, path: str = "") -> tuple[Section, ...]:
    """Sections in reading order; `path` names the attachment that this is, if it is one."""
    reader = _Reader(path)
    reader.feed(xhtml)
    reader.close()
    return reader.finished()


def attachments_of(xhtml: str) -> Iterator[str]:
    """The names of all attachments, with text or without."""
    return (unescape(name) for name in _ATTACHED.findall(xhtml))


class _Reader(HTMLParser):
    def __init__(self, path: str) -> None:
        super().__init__(convert_charrefs=True)
        self._sections: list[Section] = []
        self._text: list[str] = []
        self._headings: list[str] = []
        self._divs: list[str] = []
        self._paths = [path]
        self._in_body = False
        self._in_heading = self._names_attachment = False
        self._silent = self._pages = 0
        self._page: int | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._in_body = True
        elif tag in _SILENT:
            self._silent += 1
        elif tag in _HEADINGS:
            self._flush()
            self._in_heading = True
        elif tag == "div":
            self._open_div((dict(attrs).get("class") or "").split(" ")[0])
        if tag in {"td", "th"} and self._text and not self._text[-1].endswith("\n"):
            self._text.append(" | ")
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _HEADINGS and self._in_heading:
            self._close_heading()
        elif tag == "div" and self._divs:
            self._close_div(self._divs.pop())
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._in_body or self._silent:
            return
        # Tika indents cells and list items; those blanks are not the document's.
        if data.strip() or (self._text and not self._text[-1].isspace()):
            self._text.append(data if data.strip() else " ")

    def finished(self) -> tuple[Section, ...]:
        self._flush()
        if self._headings:
            self._keep(" – ".join(self._headings), "")
        return tuple(self._sections)

    def _break(self, tag: str) -> None:
        if tag in _LINES:
            self._text.append("\n")
        elif tag in _BLOCKS:
            self._text.append("\n\n")

    def _open_div(self, kind: str) -> None:
        self._divs.append(kind)
        if kind in _PAGES or kind == "sheet":
            self._leave_section()
        if kind in _PAGES:
            self._pages += 1
            self._page = self._pages
        elif kind == _ATTACHMENT:
            self._leave_section()
            self._page, self._pages = None, 0
            self._paths.append("")
            self._names_attachment = True

    def _close_div(self, kind: str) -> None:
        if kind in {"page", _ATTACHMENT}:
            self._leave_section()
            self._page = None
        if kind == _ATTACHMENT:
            self._paths.pop()
            self._names_attachment = False

    def _close_heading(self) -> None:
        self._in_heading = False
        heading = " ".join(clean_text("".join(self._text)).split())
        self._text = []
        if self._names_attachment:
            self._names_attachment = False
            self._paths[-1] = heading
        elif heading:
            self._headings.append(heading)

    def _leave_section(self) -> None:
        """A page, sheet or attachment ends: its headings do not reach beyond it."""
        self._flush()
        if self._headings:
            self._keep(" – ".join(self._headings), "")
        self._headings = []

    def _flush(self) -> None:
        text = clean_text("".join(self._text))
        self._text = []
        if text.strip("| \n"):
            self._keep(text, " – ".join(self._headings))
            self._headings = []

    def _keep(self, text: str, heading: str) -> None:
        path = "/".join(part for part in self._paths if part)
        self._sections.append(Section(text, heading, page=self._page, path=path))
