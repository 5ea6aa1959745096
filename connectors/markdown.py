"""Turn Markdown into plain text under headings, for files and for texts of exports.

Works line by line and in linear time, because the text may be hostile (decision 32). Front matter,
comments, directives (`{% … %}`) and rules are left out; links and bold keep their words. Fenced
blocks stay unchanged.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SHARPS = re.compile(r" {0,3}#{1,6}(?=[ \t]|$)")
_FENCE = re.compile(r" {0,3}(```+(?=[^`]*$)|~~~+)")
_UNDERLINE = re.compile(r" {0,3}(?:==+|---+)[ \t]*$")
_NO_PARAGRAPH = re.compile(r"[ \t]*$| {4}|\t|[ \t]*(?:(?:[-+*]|\d+[.)])(?:[ \t]|$)|>|\|)")
_LINE_ENDS = re.compile(r"\r\n?|\n")
_FRONT_ENDS = {"---": ("---", "..."), "+++": ("+++",)}
_MOST_FRONT_LINES = 200
"""Maximum number of lines of front matter; a longer text between two rules is ordinary text."""
_FRONT_KEY = re.compile(r"[A-Za-z_][\w-]{0,60}[ \t]*[:=]")
_FRONT_TITLE = re.compile(r"title[ \t]*[:=][ \t]*(.*)", re.IGNORECASE)
_BLOCK_SCALARS = ("", ">", "|", ">-", "|-")
_ENDS = {"<!--": "-->", "{%": "%}"}
"""Maps each start mark to its end mark; the text between the two marks is left out."""
_MARK = re.compile(r"<!--|-->|\{%|%\}")
_NO_WORDS = re.compile(
    r"[ \t]*(?:(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}"  # a rule
    r"|:{3,}[ \t]*[\w-]*|\{:[^{}]*\})$"  # the mark of a container, or attributes
)
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\]\((?:[^()]|\([^()]{0,200}\)){0,500}\)")
_BOLD = re.compile(r"\*\*(?=\S)([^*]{1,500})\*\*")
_TAG = re.compile(
    r"</?(?:a|b|br|center|details|div|em|h[1-6]|hr|i|img|p|span|strong|sub|summary|sup|table|tbody"
    r"|td|th|thead|tr|u)(?:[ /][^<>]{0,500})?>",
    re.IGNORECASE,
)
_MOST_BULLETS = 2
_LOOKED_AT = 20_000
_MARKS = (
    re.compile(r"^ {0,3}#{1,6}[ \t]+\S", re.MULTILINE),
    re.compile(r"\]\((?:https?:|/|#|\.|mailto:)"),
    _BOLD,
    re.compile(r"^(?:```|~~~)", re.MULTILINE),
    re.compile(r"\{%|<!--"),
    re.compile(r"^\|?[ \t]*:?-{3,}:?[ \t]*\|", re.MULTILINE),
)
_ENOUGH_MARKS = 2


@dataclass(frozen=True, slots=True)
class MarkdownPart:
    """The text below a heading, or below several headings that no text separates."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class MarkdownText:
    """The parts in reading order.

    `title` is the title in the front matter, else the heading at the beginning of the text.
    """

    title: str
    parts: tuple[MarkdownPart, ...]

    @property
    def plain(self) -> str:
        """The whole text, with each heading on a line of its own."""
        lines = (line for part in self.parts for line in (part.heading, part.text))
        return "\n\n".join(filter(None, lines))


def looks_like_markdown(text: str) -> bool:
    """Return whether a text begins with front matter, or has two kinds of marks near its start."""
    start = text[:_LOOKED_AT]
    return (
        _front_matter(_LINE_ENDS.split(start))[0] > 0
        or sum(mark.search(start) is not None for mark in _MARKS) >= _ENOUGH_MARKS
    )


def read_markdown(text: str) -> MarkdownText:
    """Return the text without its Markdown marks."""
    lines = _LINE_ENDS.split(text.removeprefix("\ufeff"))
    length, title = _front_matter(lines)
    parts: list[MarkdownPart] = []
    headings: list[str] = []
    held: list[str] = []

    def close() -> None:
        written = "\n".join(held).strip("\n")
        if written.strip():
            parts.append(MarkdownPart(" – ".join(headings), written))
            headings.clear()
        held.clear()

    for line, is_heading in _lines(lines[length:]):
        if not is_heading:
            held.append(line)
            continue
        close()
        if not title and not parts and not headings:
            title = line
        headings.append(line)
    close()
    if headings:
        parts.append(MarkdownPart(" – ".join(headings), ""))
    return MarkdownText(title, tuple(parts))


def _front_matter(lines: Sequence[str]) -> tuple[int, str]:
    """Return the number of lines of the front matter and its title; (0, "") if there is none."""
    ends = _FRONT_ENDS.get(lines[0].rstrip(), ()) if lines else ()
    title, keys = "", 0
    for number, line in enumerate(lines[1:_MOST_FRONT_LINES] if ends else (), 1):
        if line.rstrip() in ends:
            return (number + 1, title) if keys else (0, "")
        keys += _FRONT_KEY.match(line) is not None
        found = _FRONT_TITLE.match(line)
        if found and found[1].strip() not in _BLOCK_SCALARS:
            title = found[1].strip().strip("\"'")
    return 0, ""


def _lines(lines: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield (line, whether it is a heading)."""
    fence = ""
    underlined = False
    for at, line in enumerate(_without_comments(lines)):
        mark = _FENCE.match(line)
        if fence:
            # Inside a list, the closing fence may be indented further.
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark[1]
        elif underlined:
            underlined = False
            continue
        elif sharps := _SHARPS.match(line):
            heading = _bare(_unclosed(line[sharps.end() :]))
            if heading:
                yield heading, True
            continue
        elif _is_underlined(lines, at) and line == lines[at]:
            underlined = True
            yield _bare(line), True
            continue
        else:
            yield "" if _has_no_words(line) else _worded(line), False
            continue
        yield line, False


def _without_comments(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines without comments and directives; unclosed ones are kept as text."""
    last = {
        end: max((number for number, line in enumerate(lines) if end in line), default=-1)
        for end in _ENDS.values()
    }
    fence, awaited = "", ""
    for number, line in enumerate(lines):
        if not awaited:
            mark = _FENCE.match(line)
            if fence:
                if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                    fence = ""
                yield line
                continue
            if mark:
                fence = mark[1]
                yield line
                continue
        below = frozenset(end for end, at in last.items() if at > number)
        kept, awaited = _cut_out(line, awaited, below)
        yield kept


def _cut_out(line: str, awaited: str, below: frozenset[str]) -> tuple[str, str]:
    """Return (the line without comments and directives, the end mark that is still missing).

    `below` are the end marks that occur in a later line.
    """
    if not awaited and not any(
        start in line and (end in below or end in line) for start, end in _ENDS.items()
    ):
        return line, ""
    marks = list(_MARK.finditer(line))
    last = {mark[0]: mark.start() for mark in marks}
    kept: list[str] = []
    at = 0
    for mark in marks:
        end = _ENDS.get(mark[0], "")
        if awaited:
            if mark[0] == awaited:
                at, awaited = mark.end(), ""
        elif (last.get(end, -1) >= mark.end() or end in below) and line[
            max(0, mark.start() - 1) : mark.start()
        ] != "`":
            kept.append(line[at : mark.start()])
            awaited = end
    return "".join(kept) + ("" if awaited else line[at:]), awaited


def _unclosed(heading: str) -> str:
    """Return a heading without its closing `#` marks; a `#` inside a word stays («C#»)."""
    heading = heading.strip()
    bare = heading.rstrip("#")
    return bare.rstrip() if bare[-1:] in {"", " ", "\t"} else heading


def _is_underlined(lines: Sequence[str], at: int) -> bool:
    """Return whether a line stands alone above an underline, and so is a heading."""
    return (
        at + 1 < len(lines)
        and _UNDERLINE.match(lines[at + 1]) is not None
        and _NO_PARAGRAPH.match(lines[at]) is None
        and (at == 0 or not lines[at - 1].strip())
    )


def _has_no_words(line: str) -> bool:
    """Return whether a line is a rule (also of a table), a container's mark or attributes."""
    dashes = "--" in line or line.count("-") > _MOST_BULLETS
    return (dashes and not line.strip(" \t|:-")) or _NO_WORDS.match(line) is not None


def _worded(line: str) -> str:
    """Replace links, images and bold with their words, and HTML tags with spaces."""
    if "](" in line:
        line = _LINK.sub(r"\1", _LINK.sub(r"\1", line))  # an image may stand in a link
    if "**" in line:
        line = _BOLD.sub(r"\1", line)
    return _TAG.sub(" ", line) if "<" in line else line


def _bare(heading: str) -> str:
    return " ".join(_worded(heading).split())
