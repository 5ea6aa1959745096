"""A mail and its attachments, apart: in-process Tika runs them into one text.

Standard library only: the extractor's child imports it and must start at once.
"""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message

_BODIES = frozenset({"text", "multipart"})
_BROKEN = (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError)
"""What `email` raises on mails that break the rules (KeyError and UnicodeError among them)."""

_KIND = re.compile(rb"^content-(?:type|disposition)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_END_OF_FIELD = re.compile(rb"\r?\n(?![ \t])|\r(?!\n)")
_LONGEST_KIND = 8_192
"""Bytes: `email` takes the square of such a field's length, and no honest one is as long."""


@dataclass(frozen=True, slots=True)
class MailPart:
    """The mail without its attachments (`path` empty), or one attachment or inner mail."""

    path: str
    content: bytes


def mail_parts(content: bytes) -> tuple[MailPart, ...]:
    """The bare mail, then its attachments in order.

    Nothing where there are none, or where the mail is too broken to be taken apart:
    it is then best read whole.
    """
    if any(_is_endless(content, found.end()) for found in _KIND.finditer(content)):
        return ()
    try:
        mail = message_from_bytes(content)
        attached = _taken_out(mail)
        if not attached:
            return ()
        parts = tuple(
            MailPart(_name(part) or f"embedded-{number}", _bytes_of(part))
            for number, part in enumerate(attached, 1)
        )
        return (MailPart("", mail.as_bytes()), *parts)
    except _BROKEN:
        return ()


def _is_endless(content: bytes, start: int) -> bool:
    """Whether the field that says a part's kind is longer than it may be."""
    end = start + _LONGEST_KIND
    return end < len(content) and _END_OF_FIELD.search(content, start, end) is None


def _taken_out(mail: Message) -> list[Message]:
    """Removes the attachments from `mail` and returns them."""
    attached: list[Message] = []
    inner = mail.get_payload()
    if mail.get_content_maintype() != "multipart" or not isinstance(inner, list):
        return attached
    kept: list[Message | str] = []
    for part in inner:
        if not isinstance(part, Message):
            continue
        if _is_attachment(part):
            attached.append(part)
        else:
            attached += _taken_out(part)
            kept.append(part)
    mail.set_payload(kept)
    return attached


def _is_attachment(part: Message) -> bool:
    return (
        part.get_content_disposition() == "attachment"
        or part.get_filename() is not None
        or part.get_content_maintype() not in _BODIES
    )


def _name(part: Message) -> str:
    name = str(make_header(decode_header(part.get_filename() or "")))
    return " ".join(name.replace("\\", "/").rpartition("/")[2].split())


def _bytes_of(part: Message) -> bytes:
    inner = part.get_payload()
    if part.get_content_type() == "message/rfc822" and isinstance(inner, list) and inner:
        mail = inner[0]
        return mail.as_bytes() if isinstance(mail, Message) else mail.encode()
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else part.as_bytes()
