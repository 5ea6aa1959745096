"""Read an incoming mail: its claimed sender, the signed addresses it was sent to, its text.

This module trusts nothing in the mail: header fields contain whatever the sender wrote.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from quisait_mail.values import ANSWER_ABOVE

from quisait_mailbox.reply_addresses import ReplyAddresses, SignedAddress
from quisait_mailbox.text import LONGEST_FIELD, inner_parts, leaves, new_text, parse_mail

_ADDRESSES = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = rf"(?!=\?|[^@]*\?=@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*"
"""Pattern of a local part and a host (RFC 5322, `dot-atom`), without quoted strings and encoded
words.
"""
_MAILBOX = re.compile(
    r'\s*+(?:(?:[^()<>\[\]:;@\\,"\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|"(?:[^"\\]|\\.)*+")*+'
    rf"<({_ADDRESS})>|({_ADDRESS}))\s*",
    re.DOTALL,
)
"""Matches one mailbox: an address, or a name and an address in angle brackets, without comments and
groups.
"""
_DMARC = re.compile(r"\s*dmarc\s*=\s*(\w+)(.*)", re.IGNORECASE | re.DOTALL)
_FROM_DOMAIN = re.compile(r"(?<!\S)header\.from\s*=\s*(\S*)", re.IGNORECASE)
_RECIPIENT_FIELDS = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
_ROBOTS = frozenset({"mailer-daemon", "postmaster", "noreply", "no-reply", "ne-pas-repondre"})
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
_AUTOMATIC_FIELDS = ("X-Autoreply", "X-Autorespond", "X-AutoReply-From", "List-Id")
_AUTOMATIC_SUBJECT = re.compile(
    r"\s*(?:réponse automatique|automatic reply|auto(?:matic)?[- ]?reply|auto ?:|"
    r"absence du bureau|absent du bureau|message d['’]absence|out of (?:the )?office)",
    re.IGNORECASE,
)
_STATUS = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})")
_SMTP_CODE = re.compile(r"\b([45]\d\d)\b")


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """A recipient that a mail did not reach, according to a bounce (RFC 3464, `Action: failed`).

    `addresses`: as given and as tried, in lower case. `status`: as in RFC 3463, `5.1.1`. `code`:
    reply code of the SMTP server, 0 if unknown.
    """

    addresses: frozenset[str]
    status: str
    code: int

    @property
    def of_address(self) -> bool:
        """Whether the address is the cause: it does not exist (5.1.x) or gets no mail (5.2.1)."""
        return self.status.startswith("5.1.") or self.status == "5.2.1"


@dataclass(frozen=True, slots=True)
class IncomingMail:
    """An incoming mail. `key`: the same for all copies of a mail.

    `sender`: empty unless there is exactly one. `signed`: content of the signed addresses among the
    recipients, in order. `automatic`: a program wrote the mail. `authenticated`: the trusted server
    says that the sender's domain passed DMARC, or no server is configured. `text`: the author's own
    text, without quotations. `whole`: the text was read, not only the header fields. `files`:
    number of attachments, which are not kept. `failed`: recipients that a bounce names.
    """

    key: str
    sender: str
    signed: tuple[SignedAddress, ...]
    automatic: bool
    authenticated: bool
    text: str
    whole: bool
    files: int
    failed: tuple[FailedRecipient, ...]


def read_incoming(
    raw: bytes, addresses: ReplyAddresses, *, whole: bool = True, trusted_server: str = ""
) -> IncomingMail:
    """Read a mail. `raw` holds only its header fields if `whole` is false.

    `trusted_server`: the server whose `Authentication-Results` are trusted (RFC 8601); empty for
    none. Raises `quisait_mailbox.text.UnreadableMail`.
    """
    message = parse_mail(raw)
    sender = _sender(message)
    return IncomingMail(
        hashlib.sha256((_field(message, "Message-ID").strip().encode()) or raw).hexdigest(),
        sender,
        tuple(_signed(message, addresses)),
        _is_automatic(message, sender),
        not trusted_server or _passed(message, trusted_server, sender),
        _text(message) if whole else "",
        whole,
        sum(map(_is_file, leaves(message))) if whole else 0,
        tuple(_failed(message)) if whole else (),
    )


def _field(message: Message, name: str) -> str:
    return str(message.get(name, ""))


def _whole_fields(message: Message, name: str) -> list[str]:
    """Return the fields of a name, newest first; an empty text for a truncated field."""
    fields = (str(one) for one in message.get_all(name) or [])
    return [one if len(one) < LONGEST_FIELD else "" for one in fields]


def _sender(message: Message) -> str:
    """Return the address of the From field in lower case.

    The result is empty unless there is exactly one From field with exactly one mailbox.
    """
    fields = _whole_fields(message, "From")
    found = _MAILBOX.fullmatch(fields[0]) if len(fields) == 1 else None
    return (found[1] or found[2]).lower() if found else ""


def _signed(message: Message, addresses: ReplyAddresses) -> Iterator[SignedAddress]:
    """Yield each signed address once, from any field that names a recipient."""
    written = (str(one) for name in _RECIPIENT_FIELDS for one in message.get_all(name) or [])
    found = dict.fromkeys(one for text in written for one in _ADDRESSES.findall(text))
    signed = (addresses.read(one) for one in found)
    yield from dict.fromkeys(one for one in signed if one is not None)


def _is_automatic(message: Message, sender: str) -> bool:
    """Return whether no person wrote it, by RFC 3834 and older fields; bounces are automatic."""
    submitted = _field(message, "Auto-Submitted").partition(";")[0].strip().lower()
    if submitted not in ("", "no"):
        return True
    if _field(message, "Precedence").strip().lower() in _BULK:
        return True
    if any(name in message for name in _AUTOMATIC_FIELDS):
        return True
    if _field(message, "Return-Path").strip() == "<>":
        return True
    if message.get_content_type() == "multipart/report":
        return True
    if sender.partition("@")[0] in _ROBOTS:
        return True
    return _AUTOMATIC_SUBJECT.match(_decoded(_field(message, "Subject"))) is not None


def _decoded(field: str) -> str:
    try:
        return str(make_header(decode_header(field[:1_000])))
    except (HeaderParseError, LookupError, ValueError):
        return field


def _passed(message: Message, trusted_server: str, sender: str) -> bool:
    """Return whether the trusted server says that the sender's domain passed DMARC.

    Only the topmost field of that server counts, because the server adds its field above the fields
    that came with the mail. The field must hold one DMARC result, for one domain, which must be the
    sender's. If a field is unreadable, the fields below it do not count, because it may be the
    server's own field.
    """
    for field in _whole_fields(message, "Authentication-Results"):
        readable = _without_quotes(field)
        if not readable:
            return False
        server, *results = readable.split(";")
        if [name.lower() for name in server.split()[:1]] == [trusted_server.lower()]:
            said = [found.groups() for one in results if (found := _DMARC.match(one))]
            if [result.lower() for result, _ in said] != ["pass"]:
                return False
            domains = [one.lower() for one in _FROM_DOMAIN.findall(said[0][1])]
            return sender != "" and domains == [sender.rpartition("@")[2]]
    return False


def _without_quotes(field: str) -> str | None:
    """Return a field without quoted strings and comments, or None if one of them is not closed.

    The sender of a mail may have written the content of quoted strings and comments.
    """
    kept: list[str] = []
    quoted, depth = False, 0
    characters = iter(field)
    for one in characters:
        if one == "\\":
            next(characters, "")
        elif quoted:
            quoted = one != '"'
        elif one == '"' and not depth:
            quoted = True
        elif one in "()":
            depth += 1 if one == "(" else -1
            kept.append(" ")
            if depth < 0:
                return None
        elif not depth:
            kept.append(one)
    return None if quoted or depth else "".join(kept)


def _text(message: Message) -> str:
    """Return the author's own text above the `ANSWER_ABOVE` line, without forwarded mails."""
    text, forwarded = new_text(message)
    kept = []
    for line in () if forwarded else text.split("\n"):
        if ANSWER_ABOVE in line:
            break
        kept.append(line)
    return "\n".join(kept).strip()


def _is_file(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or (
        part.get_content_maintype() not in ("text", "multipart")
        and part.get_content_disposition() != "inline"
    )


def _failed(message: Message) -> Iterator[FailedRecipient]:
    """Yield the recipients to which delivery failed permanently, by a delivery report."""
    if message.get_content_type() != "multipart/report":
        return
    for part in leaves(message):
        if part.get_content_type() != "message/delivery-status":
            continue
        for group in inner_parts(part):
            status = _STATUS.match(_field(group, "Status"))
            if _field(group, "Action").strip().lower() != "failed" or status is None:
                continue
            named = (_field(group, name) for name in ("Original-Recipient", "Final-Recipient"))
            code = _SMTP_CODE.search(_field(group, "Diagnostic-Code"))
            yield FailedRecipient(
                frozenset(one.lower() for text in named for one in _ADDRESSES.findall(text)),
                ".".join(status.groups()),
                int(code[1]) if code else 0,
            )
