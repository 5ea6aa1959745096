"""Turn a mail thread into a document with its contributors, and attached files into documents."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message

from connectors.contributions import Act, contributions_of
from connectors.options import filled
from connectors.values import (
    CONVERSATION_HEADINGS,
    Access,
    Content,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
)
from quisait_mailbox.text import inner_parts, new_text, text_of
from quisait_mailbox.threads import MailHead, MailThread

_LONGEST_FIELD = 2_000
"""Maximum characters of a subject or a sender: finding encoded words does not take linear time."""
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]@]{1,100}@[^\s<>,;:\"()\[\]@]{1,200}")
_ANSWER_MARKS = re.compile(
    r"(?:\s*(?:re|ré|rép|tr|fw|fwd|aw)\s*(?:\[\d{1,3}\])?\s*:|\s*\[[^\[\]]{1,60}\])+\s*",
    re.IGNORECASE,
)
_NO_SUBJECT = "(sans objet)"
_SIGNATURES = {"pgp-signature", "pkcs7-signature", "x-pkcs7-signature"}
_ENCRYPTED = {"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}
_DEFAULT_FILENAMES = {"message/rfc822": "message.eml"}


class EncryptedMail(ValueError):
    """The mail is encrypted; only its recipients can read its text."""


@dataclass(frozen=True, slots=True)
class Mail:
    """The parsed content of one mail. `sender` is a lower-case address, empty if it is invalid.

    `by_machine`: a program wrote the mail. `is_absence`: the mail only says that somebody is away,
    or that another mail was not delivered.
    """

    head: MailHead
    subject: str
    sender: str
    sender_name: str
    text: str
    forwarded: bool
    by_machine: bool
    is_absence: bool


def folder_root(source: str, folder: str) -> str:
    """Return the id below which all documents of a folder are."""
    written = folder.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")
    return f"{source}:{written}"


@dataclass(frozen=True, slots=True)
class MailPlace:
    """The ids, readers and links of a folder's documents.

    `domains` are the mail domains whose senders count as contributors; if empty, all senders do.
    `link` is a URL with `{id}`, `{hash}`, `{month}` and `{folder}` for the mail (for a thread, its
    first mail). `thread_link` is a URL for threads, where `{thread}` is the id of the oldest mail
    that they refer to.
    """

    source: str
    folder: str
    access: Access
    evidence: EvidencePolicy
    domains: Sequence[str] = ()
    link: str = ""
    thread_link: str = ""

    @property
    def root(self) -> str:
        """The id below which all documents of the folder are."""
        return folder_root(self.source, self.folder)

    def thread_id(self, thread: MailThread) -> str:
        """Return the id of a thread's document."""
        return f"{self.root}/{thread.name}"

    def mail_id(self, thread: MailThread, head: MailHead) -> str:
        """Return the id under which an unreadable mail is reported."""
        return f"{self.thread_id(thread)}/{head.key}"

    def attachment_id(self, thread: MailThread, head: MailHead, number: str) -> str:
        """Return the id of an attached file's document."""
        return f"{self.mail_id(thread, head)}-{number}"

    def counts(self, mail: Mail) -> bool:
        """Return whether the mail's sender counts as a contributor."""
        domains = {one.lower().lstrip("@") for one in self.domains}
        return bool(mail.sender) and (not domains or mail.sender.rpartition("@")[2] in domains)


def read_mail(head: MailHead, message: Message) -> Mail:
    """Parse a mail. Raises `EncryptedMail`."""
    if message.get_content_type() in _ENCRYPTED:
        raise EncryptedMail("message chiffré")
    name, sender = _sender(_written(message, "From"))
    text, forwarded = new_text(message)
    said = re.split(r"[^a-z-]", _written(message, "Auto-Submitted").strip().lower(), maxsplit=1)[0]
    reports = message.get_content_type() == "multipart/report"
    return Mail(
        head,
        _decoded(_written(message, "Subject")),
        sender,
        name,
        text,
        forwarded,
        by_machine=said not in ("", "no"),
        is_absence=reports or said == "auto-replied" or "X-Autoreply" in message,
    )


def attached(message: Message) -> Iterator[tuple[str, Message]]:
    """Yield (number, part) of each attached file, numbered as in IMAP (RFC 3501, 6.4.5)."""
    waiting = [("", message)]
    while waiting:
        number, part = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            inner = [
                (f"{number}.{at}" if number else str(at), one)
                for at, one in enumerate(inner_parts(part), 1)
            ]
            waiting.extend(reversed(inner))
        elif is_attached(
            part.get_content_type(), part.get_content_disposition() or "", bool(part.get_filename())
        ):
            yield number or "1", part


def is_attached(media_type: str, disposition: str, has_name: bool) -> bool:
    """Return whether a part is an attached file, not the mail's text or an embedded image."""
    kind, _, subtype = media_type.partition("/")
    if subtype in _SIGNATURES or media_type in _ENCRYPTED:
        return False
    if disposition == "attachment":
        return True
    return kind != "image" and (has_name or media_type == "message/rfc822")


def thread_document(place: MailPlace, thread: MailThread, mails: Sequence[Mail]) -> Document:
    """Return the document of a thread, from its readable mails, oldest first.

    The sender of the first mail is the asker if somebody else answered or the mail has a question
    mark, else its author; all other senders are answerers. Repeated mails and absence notices are
    left out.
    """
    said = _without_repeats(mails)
    asker = said[0].sender if said and thread.is_whole_from_start else ""
    answered = any(mail.sender != asker for mail in said)
    sections, done = [], []
    for number, mail in enumerate(said):
        first = number == 0 and thread.is_whole_from_start
        if mail.forwarded:
            role = ContributorRole.FORWARDER
        elif mail.by_machine:
            role = ContributorRole.BOT
        elif asker and mail.sender == asker:
            asked = answered or "?" in f"{said[0].subject}{said[0].text}"
            role = ContributorRole.ASKER if asked else ContributorRole.AUTHOR
        else:
            role = ContributorRole.ANSWERER
        counts = place.counts(mail)
        account = f"{place.source}:{mail.sender}" if counts else None
        if mail.text:
            heading = "" if first else CONVERSATION_HEADINGS[ContributorRole.ANSWERER]
            sections.append(Section(mail.text, heading, account))
        if account and mail.text:
            done.append(_act(account, role, mail))
    dates = [mail.head.date for mail in said if mail.head.date]
    return Document(
        id=place.thread_id(thread),
        source=place.source,
        title=_title(said),
        access=place.access,
        sections=tuple(sections),
        url=_link(place, thread.mails[0], place.thread_link),
        kind="thread",
        created=min(dates, default=None),
        modified=max(dates, default=None),
        space=place.folder,
        evidence=place.evidence,
        contributions=_labelled(done),
    )


def attachment_document(
    place: MailPlace, thread: MailThread, mail: Mail, number: str, part: Message
) -> Document:
    """Return the document of an attached file, which is part of the document of its thread."""
    payload = part.get_payload(decode=True)
    if part.is_multipart():
        inner = inner_parts(part)
        payload = inner[0].as_bytes() if inner else b""
    content = payload if isinstance(payload, bytes) else b""
    media_type = part.get_content_type()
    written = _decoded(part.get_filename() or "")[-200:].replace("/", "_").strip()
    name = written or _DEFAULT_FILENAMES.get(media_type, "pièce jointe")
    uploaded = _act(f"{place.source}:{mail.sender}", ContributorRole.UPLOADER, mail)
    return Document(
        id=place.attachment_id(thread, mail.head, number),
        source=place.source,
        title=name,
        access=place.access,
        content=Content(name, lambda: content, media_type, len(content)),
        url=_link(place, mail.head),
        created=mail.head.date,
        modified=mail.head.date,
        space=place.folder,
        part_of=place.thread_id(thread),
        evidence=place.evidence,
        contributions=_labelled([uploaded] if place.counts(mail) else []),
    )


def _act(account: str, role: ContributorRole, mail: Mail) -> Act:
    return Act(account, role, mail.sender_name, mail.head.date, mail.head.thanks)


def _labelled(acts: Sequence[Act]) -> tuple[Contribution, ...]:
    """Return the contributions; an account without a name is shown by its address."""
    return tuple(
        replace(one, label=one.label or one.account.partition(":")[2])
        for one in contributions_of(acts)
    )


def _without_repeats(mails: Sequence[Mail]) -> list[Mail]:
    kept, seen = [], set()
    for mail in mails:
        what = mail.head.message_id, mail.sender, mail.text
        if mail.is_absence or (mail.head.message_id and what in seen):
            continue
        seen.add(what)
        kept.append(mail)
    return kept


def _title(mails: Sequence[Mail]) -> str:
    subject = next((mail.subject for mail in mails if mail.subject), "")
    marks = _ANSWER_MARKS.match(subject)
    return subject[marks.end() if marks else 0 :].strip() or subject or _NO_SUBJECT


def _link(place: MailPlace, head: MailHead, thread_link: str = "") -> str:
    """Return the source's URL of a mail, or of its thread; empty if the settings give none."""
    link = thread_link or place.link
    if not link or not head.message_id:
        return ""
    first, *_ = (*head.references, head.message_id)
    return link_of(filled(link, safe="", thread=first), place.folder, head.message_id, head.date)


def link_of(link: str, folder: str, message_id: str, date: datetime | None) -> str:
    """Fill in a URL template. `{hash}` is HyperKitty's: base32 of the message id's SHA-1."""
    digest = hashlib.sha1(message_id.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    hashed = base64.b32encode(digest.digest()).decode()
    month = date.strftime("%Y-%m") if date else ""
    return filled(link, safe="", id=message_id, hash=hashed, month=month, folder=folder)


def _sender(written: str) -> tuple[str, str]:
    """Return (name, address) of a `From` field; the address is in the last angle brackets, if any.

    A name that looks like an address is never taken for the address.
    """
    before, bracket, after = written.rpartition("<")
    if bracket:
        found = _ADDRESS.fullmatch(after.partition(">")[0].strip())
        return _decoded(before).strip().strip('"').strip(), found[0].lower() if found else ""
    found = _ADDRESS.fullmatch(written.partition("(")[0].strip())
    return "", found[0].lower() if found else ""


def _written(message: Message, name: str) -> str:
    """Return the raw text of a header field, cut to a bounded length."""
    for field, value in message.raw_items():
        if field.lower() == name.lower():
            raw = str(value)[:_LONGEST_FIELD].encode("utf-8", "surrogateescape")
            try:
                return raw.decode("utf-8")
            except UnicodeDecodeError:
                return raw.decode("cp1252", "replace")
    return ""


def _decoded(written: str) -> str:
    """Return a field's text on one line, with encoded words (RFC 2047) decoded."""
    try:
        found = decode_header(written[:_LONGEST_FIELD])
    except (HeaderParseError, binascii.Error, ValueError):
        return " ".join(written.split())
    words = (value if isinstance(value, str) else text_of(value, one) for value, one in found)
    return " ".join("".join(words).replace("\0", " ").split())
