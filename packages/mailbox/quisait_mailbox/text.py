"""Extract the own text of a mail's author, without quotations, forwarded mails and signatures.

Works line by line and in linear time, because the mail may be hostile. Made for French and English
mails, as Outlook, Thunderbird and web mails write them.
"""

import codecs
import re
from collections import deque
from collections.abc import Iterator, Sequence
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from email.utils import collapse_rfc2231_value
from typing import Any

from lxml import etree

_LINE_ENDS = re.compile(r"\r\n?")
_INTRODUCTION = re.compile(r"(?:Le|On)\b.{5,300}(?:a écrit|wrote) ?: ?$")
"""Before a quotation: « Le 3 mars 2026 à 10:00, Paul Martin a écrit : »."""
_INTRODUCTION_BEGINS = re.compile(r"(?:Le|On)\b.{5,200}$")
_ORIGINAL = re.compile(
    r"[-_* ]{3,40}(?:message d['’]origine|original message|message initial)[-_* ]{2,40}$",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"[-_* ]{3,40}(?:message transféré|forwarded message)[-_* ]{2,40}$", re.IGNORECASE
)
_FORWARDING_SUBJECT = re.compile(r"\s*(?:tr|fw|fwd)\s*:", re.IGNORECASE)
_FIELD = re.compile(
    r"\*{0,2}(de|from|envoyé|sent|date|à|to|cc|objet|subject) ?\*{0,2} ?:", re.IGNORECASE
)
_FROM = {"de", "from"}
_HEAD_LINES = 8
"""Number of lines in which the fields of a quoted mail's head must be."""
_HEAD_FIELDS = 3
_SIGNATURE = re.compile(r"-- ?$")
"""Matches the line that separates a signature (RFC 3676, 4.3)."""
_CLOSING = re.compile(
    r"(?:(?:bien|très|tres)[ ,])?(?:cordialement|respectueusement|cdt|cdlt|bien à (?:vous|toi)|"
    r"(?:sincères )?salutations(?: distinguées)?|(?:best |kind )?regards)"
    r"(?: à (?:vous|toi|tous))?[ ,.!]*$",
    re.IGNORECASE,
)
_CLOSING_LINES = 12
_LONGEST_SIGNATURE_LINE = 100
_AFTER_ALL = re.compile(r"(?:p\.? ?-?s\.?|nb|n\.b\.)\b", re.IGNORECASE)
_SENT_FROM = re.compile(
    r"(?:envoyé (?:de|depuis|à partir de) (?:mon|outlook|yahoo|l['’]application)\b"
    r"|sent from my\b|obtenir outlook pour\b|get outlook for\b|télécharger outlook\b).{0,60}$",
    re.IGNORECASE,
)
_RULE = re.compile(r"[-_=*]{5,}$")
_BLANK_LINES = re.compile(r"\n{3,}")
_LOOKED_AT = 600
"""Number of characters of a line that are matched with patterns; all patterns are shorter."""

LONGEST_FIELD = 20_000
"""Maximum characters of a header field. Longer fields are cut, because parsing does not take linear
time.
"""
MOST_PARTS = 1_000


class UnreadableMail(ValueError):
    """The mail cannot be parsed: its parts are nested too deep."""


class _BoundedFields(Compat32):
    """Keeps header fields as written, cut to `LONGEST_FIELD` characters.

    The newer policies parse each field in a time that is not linear.
    """

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:LONGEST_FIELD]


_POLICY = _BoundedFields()


MOST_NESTED = 50
"""Maximum depth of nested parts: each line is compared with the boundaries of all parts around it.
A mail that forwards another mail as a file adds two or three levels.
"""
_NO_CHARSETS = frozenset({"punycode", "idna", "undefined"})
"""Codecs of host names, which do not decode in linear time, and a codec that always fails."""


class _WrittenPart(Message):
    """A mail part that hides invalid or dangerous parameters, such as unknown charsets."""

    _depth = 0

    def attach(self, payload: Any) -> None:
        if isinstance(payload, _WrittenPart):
            payload._depth = self._depth + 1
            if payload._depth > MOST_NESTED:
                raise UnreadableMail("parties emboîtées sans fin")
        super().attach(payload)

    _payload: Any

    def get_payload(self, i: Any = None, decode: Any = False) -> Any:
        # Undecoded, because `as_bytes` of a part that is multipart by type only needs the raw text.
        return super().get_payload(i, decode) if decode or self.is_multipart() else self._payload

    def get_param(
        self, param: str, failobj: Any = None, header: str = "content-type", unquote: bool = True
    ) -> Any:
        try:
            found = super().get_param(param, None, header, unquote)
            text = collapse_rfc2231_value(found) if isinstance(found, tuple) else found
        except (TypeError, ValueError):  # invalid charset or number
            return failobj
        if text is None or (param == "charset" and not _is_charset(text)):
            return failobj
        return text


def _is_charset(name: str) -> bool:
    """Return whether text can be decoded from this charset, in linear time."""
    try:
        return codecs.lookup(name).name not in _NO_CHARSETS
    except (LookupError, ValueError):
        return False


def parse_mail(raw: bytes) -> Message:
    """Parse a mail into its parts; header fields stay as written. Raises `UnreadableMail`."""
    try:
        return BytesParser(_WrittenPart, policy=_POLICY).parsebytes(raw)
    except RecursionError as error:
        raise UnreadableMail("parties emboîtées sans fin") from error


def new_text(message: Message) -> tuple[str, bool]:
    """Return (the author's own text, False); if they only forward a mail, (its text, True).

    The plain text is read, or the HTML if there is none. A mail forwarded below the author's own
    words is cut away like a quotation. Pass a message from `parse_mail`: with other policies,
    fields may not be read in linear time.
    """
    text = body_text(message)
    if own := own_text(text):
        return own, False
    lines = _lines(text)
    marked = any(_FORWARDED.match(line.strip()[:_LOOKED_AT]) for line in lines)
    if marked or _FORWARDING_SUBJECT.match(str(message.get("Subject", ""))[:_LOOKED_AT]):
        return _forwarded(lines), True
    return "", False


def body_text(message: Message) -> str:
    """Return the mail's text as sent, with quotations; empty if it has no text.

    Quoted lines of HTML are marked with `>`.
    """
    html = ""
    for part in leaves(message):
        if part.get_filename() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind == "text/plain" and (text := decoded_text(part)).strip():
            return text
        if kind == "text/html" and not html:
            html = text_of_html(decoded_text(part))
    return html


def leaves(message: Message) -> Iterator[Message]:
    """Yield the parts that contain no other parts, in order, `MOST_PARTS` at most.

    An attached mail counts as one part.
    """
    waiting: deque[Message] = deque([message])
    found = 0
    while waiting and found < MOST_PARTS:
        part = waiting.popleft()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting.extendleft(reversed(inner_parts(part)))
        else:
            found += 1
            yield part


def inner_parts(part: Message) -> list[Message]:
    """Return the parts directly inside a part; empty if it has text instead."""
    payload = part.get_payload() if part.is_multipart() else []
    return [one for one in payload if isinstance(one, Message)]


def decoded_text(part: Message) -> str:
    """Return a part's text, even if its charset or bytes are invalid."""
    payload = part.get_payload(decode=True)
    return text_of(payload if isinstance(payload, bytes) else b"", part.get_content_charset())


def text_of(raw: bytes, charset: str | None) -> str:
    """Decode bytes in `charset`, else in UTF-8, else in Windows-1252 with errors replaced."""
    for name in (charset or "utf-8", "utf-8"):
        try:
            text = raw.decode(name)
            text.encode()  # UTF-7 can encode half a surrogate pair, which is invalid
        except (LookupError, ValueError):
            continue
        return text.replace("\0", " ")
    return raw.decode("cp1252", "replace").replace("\0", " ")


def own_text(text: str) -> str:
    """Return the author's own words, in order; empty if everything is quoted.

    Words between quoted lines are kept, since they answer one point after another. The text ends at
    the signature mark (`-- `) or at a closing formula on its own line; long text or a postscript
    after a formula is kept.
    """
    lines = _lines(text)
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at].strip()[:_LOOKED_AT]
        if (
            _SIGNATURE.match(lines[at][:_LOOKED_AT])
            or _ORIGINAL.match(line)
            or _FORWARDED.match(line)
            or _is_head(lines, at)
        ):
            break
        if length := _introduction(lines, at):
            if not _is_quoted_next(lines, at + length):
                break
            at += length
            continue
        if not line.startswith(">") and not _SENT_FROM.match(line):
            kept.append(lines[at].rstrip())
        at += 1
    return _joined(_unsigned(kept))


def _lines(text: str) -> list[str]:
    return _LINE_ENDS.sub("\n", text).replace("\u00a0", " ").replace("\u202f", " ").split("\n")


def _joined(lines: Sequence[str]) -> str:
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _unsigned(lines: list[str]) -> list[str]:
    """Return the lines without closing formula, short lines below it, and rules at the end."""
    below = 0
    end = len(lines)
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at].strip()
        if not line:
            continue
        if _CLOSING.match(line[:_LOOKED_AT]):
            end = at
            break
        below += 1
        if (
            below > _CLOSING_LINES
            or len(line) > _LONGEST_SIGNATURE_LINE
            or "?" in line
            or _AFTER_ALL.match(line)
        ):
            break
    while end and (not lines[end - 1].strip() or _RULE.match(lines[end - 1].strip()[:_LOOKED_AT])):
        end -= 1
    return lines[:end]


def _forwarded(lines: Sequence[str]) -> str:
    """Return a forwarded mail's own text, which is below its mark and its head."""
    for at, whole in enumerate(lines):
        line = whole.strip()[:_LOOKED_AT]
        if line and not (_FORWARDED.match(line) or _ORIGINAL.match(line) or _FIELD.match(line)):
            return own_text("\n".join(lines[at:]))
    return ""


def _introduction(lines: Sequence[str], at: int) -> int:
    """Return how many lines introduce a quotation here: 0, 1, or 2 if the sentence is broken."""
    line = lines[at].strip()[:_LOOKED_AT]
    if _INTRODUCTION.match(line):
        return 1
    if at + 1 < len(lines) and _INTRODUCTION_BEGINS.match(line):
        following = lines[at + 1].strip()[:_LOOKED_AT]
        return 2 if _INTRODUCTION.match(f"{line} {following}") else 0
    return 0


def _is_quoted_next(lines: Sequence[str], at: int) -> bool:
    """Return whether the next non-empty line is marked as quoted, so that own words may follow."""
    for line in lines[at : at + 3]:
        if line.strip():
            return line.lstrip().startswith(">")
    return False


def _is_head(lines: Sequence[str], at: int) -> bool:
    """Return whether the head of a quoted mail begins here: « De : … Envoyé : … Objet : … »."""
    first = _FIELD.match(lines[at].strip()[:_LOOKED_AT])
    if first is None or first[1].lower() not in _FROM:
        return False
    fields = {
        found[1].lower()
        for line in lines[at : at + _HEAD_LINES]
        if (found := _FIELD.match(line.strip()[:_LOOKED_AT]))
    }
    return len(fields) >= _HEAD_FIELDS


_VOID_TAGS = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source",
    "track", "wbr",
}  # fmt: skip
_BLOCK_TAGS = {
    "blockquote", "br", "caption", "center", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
_HIDDEN_TAGS = {"head", "noscript", "script", "style", "template", "title"}
_SIGNATURE_CLASSES = {"gmail_signature", "moz-signature"}
_MAX_DEPTH = 1_000
"""Maximum depth of elements: for each end tag that closes nothing, libxml2 searches all open
elements.
"""
_CHUNK = 1 << 14
_TAG = re.compile("<[^<>]*>")


class _NestedTooDeep(Exception):
    """Elements are nested too deep to be parsed in time."""


def text_of_html(html: str) -> str:
    """Return the visible text of HTML: quotations marked by `>`, known signatures left out."""
    try:
        return _parsed(html)
    except _NestedTooDeep:
        return _parsed(_TAG.sub(" ", html).replace("<", "&lt;"))


def _parsed(html: str) -> str:
    builder = _TextBuilder()
    parser = etree.HTMLParser(target=builder, encoding="utf-8", huge_tree=True)
    # Wrapped in an element, since the parser rejects bare text.
    written = f"<div>{html}".encode("utf-8", "replace")
    for at in range(0, len(written), _CHUNK):
        parser.feed(written[at : at + _CHUNK])
    return str(parser.close())


class _TextBuilder:
    """The parser's target: builds the text from tags and data."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._words: list[str] = []
        self._depth = 0
        self._hidden_at = 0
        self._quoted = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _VOID_TAGS:
            if tag in _BLOCK_TAGS and not self._hidden_at:
                self._break()
            return
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _NestedTooDeep
        if self._hidden_at:
            return
        classes = attributes.get("class", "")[:200].split()
        if tag in _HIDDEN_TAGS or not _SIGNATURE_CLASSES.isdisjoint(classes):
            self._hidden_at = self._depth
            return
        if tag in _BLOCK_TAGS:
            self._break()
        self._quoted += tag == "blockquote"

    def end(self, tag: str) -> None:
        if tag in _VOID_TAGS:
            return
        self._depth -= 1
        if self._hidden_at:
            if self._depth < self._hidden_at:
                self._hidden_at = 0
            return
        if tag in _BLOCK_TAGS:
            self._break()
            if tag == "p":
                self._lines.append(">" if self._quoted else "")
        self._quoted -= tag == "blockquote"

    def data(self, text: str) -> None:
        if not self._hidden_at:
            self._words.append(text)

    def close(self) -> str:
        self._break()
        return "\n".join(self._lines)

    def _break(self) -> None:
        line = " ".join("".join(self._words).split())
        self._words.clear()
        if line:
            self._lines.append(f"> {line}" if self._quoted else line)
