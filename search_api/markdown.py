"""The Markdown of questions and answers: lists, emphasis and links, nothing else.

HTML is never let through: it is shown as text. A link leads to `http`, `https`, `mailto` or a page
of this site; of any other link only the words remain. The words of a link to a document or a
question of this site are shown only to its readers, because they may be its title (decision 82).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from search_api.addresses import document_address, document_of_address
from search_api.ranking.results import ExcerptPart
from search_api.wording import safe_text

UNREADABLE = "un document que vous ne pouvez pas lire"
CITED = "un document cité"
"""Words of a link to a document, where the text is the same for all readers, as in the index."""

_PARSER = MarkdownIt("zero", {"breaks": True}).enable(
    ["list", "emphasis", "link", "autolink", "escape", "newline"]
)
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign] # `_allowed` decides
_SCHEMES = ("http://", "https://", "mailto:")
_BARE = re.compile(r"https?://[^\s<>«»\"]*[^\s<>«»\".,;:!?)\]']")
_SPECIAL = re.compile(r"([\\`*_\[\]<>])")

_MARK = re.compile("[\ue000\ue001]")
"""Private characters that stand for the tags of a mark while a text is parsed."""

_LISTS = MarkdownIt("zero").enable("list")
_LINE_START = r"(?:\A|(?<!\s)[^\S\n]*+\n)\s*+"
"""Matches from the first blank of a run to its end: each run is read once, however long it is."""
_BULLET = re.compile(rf"(?:(?<!\s)\s++)?[•▪‣]\s+|{_LINE_START}[–—]\s+")
_NUMBER = re.compile(rf"(?:{_LINE_START}|(?<=[.;:!?…])\s++)(?=(\d{{1,2}})[.)]\s+\S)")


def rendered(source: str, readable: Collection[str]) -> Markup:
    """Return a text as HTML. `readable`: ids of linked documents that its reader may read."""
    return _html(_parsed(source, readable, UNREADABLE))


def plain_text(source: str, readable: Collection[str] | None = None) -> str:
    """Return a text without Markdown. List items begin with `• ` or their number.

    `readable`: ids of linked documents that its reader may read; None: the same text for all.
    """
    blocks: list[list[str]] = []
    counters: list[int | None] = []
    prefix, within = "", False
    for token in _parsed(source, readable or (), CITED if readable is None else UNREADABLE):
        if token.type.endswith("_list_open"):
            ordered = token.type == "ordered_list_open"
            counters.append(int(token.attrGet("start") or 1) if ordered else None)
        elif token.type.endswith("_list_close"):
            counters.pop()
            within = bool(counters)
        elif token.type == "list_item_open":
            number = counters[-1]
            prefix = "• " if number is None else f"{number}. "
            counters[-1] = None if number is None else number + 1
        elif token.type == "inline":
            indent = "  " * (len(counters) - 1)
            said = f"{indent}{prefix}{_words(token)}"
            if within and counters:
                blocks[-1].append(said)
            else:
                blocks.append([said])
            prefix, within = "", bool(counters)
    return "\n\n".join(map("\n".join, blocks))


def with_lists(text: str) -> Markup:
    """Return the HTML of a plain text, with its lists: bullets, or numbers that follow one another.

    Items may stand in one line. Nothing else of Markdown is read.
    """
    numbers = [int(one) for one in _NUMBER.findall(text)]
    if len(numbers) > 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        text = _NUMBER.sub("\n", text)
    return _html(_LISTS.parse(safe_text(_BULLET.sub("\n- ", text))))


def marked_with_lists(pieces: Iterable[ExcerptPart]) -> Markup:
    """Return the HTML of a paragraph, as `with_lists` does, with `<mark>` around marked pieces."""
    plain = ((_MARK.sub("", piece.text), piece.marked) for piece in pieces)
    html = with_lists("".join(f"\ue000{text}\ue001" if marked else text for text, marked in plain))
    return html.replace("\ue000", Markup("<mark>")).replace("\ue001", Markup("</mark>"))


def linked_documents(source: str) -> frozenset[str]:
    """Return the ids of the documents and questions that a text links to."""
    links = (child for one in _PARSER.parse(source) for child in one.children or ())
    found = (_document(str(one.attrGet("href"))) for one in links if one.type == "link_open")
    return frozenset(filter(None, found))


def document_link(title: str, document_id: str) -> str:
    """Return the Markdown of a link to a document."""
    words = _SPECIAL.sub(r"\\\1", " ".join(title.split()))
    return f"[{words}]({document_address(document_id)})"


def _html(tokens: Sequence[Token]) -> Markup:
    # The renderer escapes each text, and knows no HTML token.
    return Markup(_PARSER.renderer.render(tokens, _PARSER.options, {}))  # noqa: S704


def _parsed(source: str, readable: Collection[str], instead: str) -> list[Token]:
    tokens = _PARSER.parse(source)
    for one in tokens:
        if one.children:
            one.children = list(_shown(one.children, readable, instead))
    return tokens


def _shown(children: list[Token], readable: Collection[str], instead: str) -> Iterator[Token]:
    """Yield the tokens of a paragraph, with links only where they may lead."""
    href, dropped, hidden, empty = "", False, False, False
    for child in children:
        if child.type == "link_open":
            href = str(child.attrGet("href"))
            document_id = _document(href)
            hidden = bool(document_id) and document_id not in readable
            dropped = hidden or not _allowed(href)
            if hidden:
                yield _text(instead)
            if not dropped:
                yield _link(href)
            empty = True
        elif child.type == "link_close":
            if not dropped:
                yield from [_text(href), child] if empty else [child]
            dropped = hidden = False
        elif hidden:
            continue
        elif child.type == "text":
            empty = False
            child.content = safe_text(child.content)
            yield from [child] if child.level else _with_bare_links(child)
        else:
            yield child


def _with_bare_links(token: Token) -> Iterator[Token]:
    """Yield a text with its bare addresses as links."""
    end = 0
    for found in _BARE.finditer(token.content):
        yield _text(token.content[end : found.start()])
        yield from (_link(found[0]), _text(found[0]), Token("link_close", "a", -1))
        end = found.end()
    yield _text(token.content[end:])


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _link(href: str) -> Token:
    return Token("link_open", "a", 1, attrs={"href": href, "rel": "nofollow noopener"})


def _allowed(href: str) -> bool:
    return href.lower().startswith(_SCHEMES) or (href[:1] == "/" and href[:2] != "//")


def _document(href: str) -> str:
    """Return the id of the document or question of this site that a link leads to, else empty."""
    own = href.startswith(("/documents/", "/questions/"))
    return document_of_address(href) if own else ""


def _words(token: Token) -> str:
    """Return the words of a paragraph, with the addresses of links to other sites."""
    said, href, start = "", "", 0
    for child in token.children or ():
        if child.type == "link_open":
            href, start = str(child.attrGet("href")), len(said)
        elif child.type == "link_close":
            shown = said[start:].strip()
            if href[:1] != "/" and shown not in (href, href.removeprefix("mailto:")):
                said += f" ({href})"
        else:
            said += "\n" if child.type.endswith("break") else child.content
    return said
