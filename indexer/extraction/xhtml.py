"""Reads Tika's XHTML as sections of clean text."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape

from lxml import etree

from connectors.values import Section

# For speed, each of these begins with a rare character: most of a text is words.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff]")
_UNDECODED = re.compile("\ufffd\ufffd\ufffd\ufffd+")
"""Matches the result of decoding zeros and noise, which occurs in no language."""
_HYPHENATED = re.compile(r"-(?<=[a-zà-öø-ÿ]-)[ \t]*\n[ \t]*(?=[a-zà-öø-ÿ])")
_SPACES = re.compile(r"  +")
_BLANK_LINES = re.compile(r"\n\n\n+")


def clean_text(text: str) -> str:
    """Return NFC text without control characters and soft hyphens; rejoin words split at line ends.

    A hyphen of the word itself ("est-ce") is lost if a line ended there.
    """
    text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _UNDECODED.sub(" ", text)
    text = _HYPHENATED.sub("", unicodedata.normalize("NFC", text))
    text = _SPACES.sub(" ", text.replace("\t", " ").replace("\xa0", " "))
    text = text.replace(" \n", "\n").replace("\n ", "\n")
    return _BLANK_LINES.sub("\n\n", text).strip()


_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CELLS = frozenset({"td", "th"})
_BLOCKS = frozenset({"p", "div", "ul", "ol", "table", "blockquote", "pre", "section", "article"})
_LINES = frozenset({"br", "li", "tr", "dt", "dd"})
_BREAKS = dict.fromkeys(_BLOCKS, "\n\n") | dict.fromkeys(_LINES, "\n")
_SILENT = frozenset({"script", "style"})
_PAGES = frozenset({"page", "slide-content"})
_ATTACHMENT = "package-entry"
_UNTITLED = frozenset({"sheet", _ATTACHMENT})
_ATTACHED = re.compile(rf'<div class="{_ATTACHMENT}">\s*<h\d>([^<]*)</h\d>')


@dataclass(frozen=True, slots=True)
class Page:
    """Sections in reading order; `title` is the first heading if no text precedes it."""

    sections: tuple[Section, ...]
    title: str = ""


def page_of(xhtml: str, path: str = "") -> Page:
    """Return the text of an XHTML page; `path` is its path if it is an attachment."""
    parser = etree.HTMLParser(target=_XhtmlReader(path), encoding="utf-8", huge_tree=True)
    parser.feed(xhtml.encode("utf-8", "replace"))
    page: Page = parser.close()
    return page


def attachments_of(xhtml: str) -> Iterator[str]:
    """Yield the names of all attachments, with or without text."""
    return (unescape(name) for name in _ATTACHED.findall(xhtml))


class _XhtmlReader:
    """Collects sections from the parser's calls for tags and text."""

    def __init__(self, path: str) -> None:
        self._said: list[str] = []
        self._sections: list[Section] = []
        self._text: list[str] = []
        self._headings: list[str] = []
        self._divs: list[str] = []
        self._paths = [path]
        self._in_body = False
        self._in_heading = self._names_attachment = False
        self._silent = self._pages = 0
        self._page: int | None = None
        self._title = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Handle an opening tag."""
        if self._said:
            self._hear()
        if tag == "div":
            self._open_div(attributes.get("class", "").split(" ")[0])
        elif tag in _CELLS:
            if self._text and not self._text[-1].endswith("\n"):
                self._text.append(" | ")
        elif tag in _HEADINGS:
            self._flush()
            self._in_heading = True
        elif tag in _SILENT:
            self._silent += 1
        elif tag == "body":
            self._in_body = True
        if tag in _BREAKS:
            self._text.append(_BREAKS[tag])

    def end(self, tag: str) -> None:
        """Handle a closing tag."""
        if self._said:
            self._hear()
        if tag == "div" and self._divs:
            self._close_div(self._divs.pop())
        elif tag in _HEADINGS and self._in_heading:
            self._close_heading()
        elif tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        if tag in _BREAKS:
            self._text.append(_BREAKS[tag])

    def data(self, data: str) -> None:
        """Collect a piece of text, which the parser may cut anywhere."""
        self._said.append(data)

    def close(self) -> Page:
        """Return the page at the end of the document."""
        if self._said:
            self._hear()
        self._leave_section()
        return Page(tuple(self._sections), self._title)

    def _hear(self) -> None:
        data, self._said = "".join(self._said), []
        if self._silent or not self._in_body:
            return
        # Tika indents cells and list items; these blanks are not part of the document.
        if not data.isspace():
            self._text.append(data)
        elif self._text and not self._text[-1].isspace():
            self._text.append(" ")

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
            # Neither a sheet's name nor a heading in an attachment is the title.
            if not self._sections and not self._headings and not _UNTITLED & {*self._divs}:
                self._title = heading
            self._headings.append(heading)

    def _leave_section(self) -> None:
        """End a page, sheet or attachment, beyond which its headings do not apply."""
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
