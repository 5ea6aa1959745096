"""IMAP mailbox (RFC 9051) for answers and bounces, over TLS unless it is on this machine."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Literal

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from connectors.certificates import certificate_fault

WAIT_S = 30.0
"""Timeout for the server's answers, in seconds."""


@dataclass(frozen=True, slots=True)
class MailboxRules:
    """Settings of the mailbox. `ca_file`: the certificate's authority, empty for the system's.

    `folder` is read; mails that were read go to `done`, mails that cannot be used to `aside`. Both
    are created if they are missing.
    """

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str
    password: str
    ca_file: str
    folder: str
    done: str
    aside: str


class MailboxUnreachable(Exception):
    """The mailbox does not answer, refuses the login or has no such folder. The text is French."""


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """A mail of the folder. `raw` holds only its header fields if `whole` is false."""

    uid: int
    raw: bytes
    whole: bool


class ReplyMailbox:
    """A connection with the folder open. Each method raises `MailboxUnreachable`."""

    def __init__(self, client: IMAPClient, rules: MailboxRules) -> None:
        self._client, self._rules = client, rules

    def waiting(self, most: int) -> Sequence[int]:
        """Return the UIDs of the oldest mails, `most` of them."""
        with _mailbox_errors(self._rules):
            return sorted(self._client.search(["UNDELETED"]))[:most]

    def read(self, uid: int, most_bytes: int) -> WaitingMail | None:
        """Return a mail without marking it as read; None if it is gone.

        Above `most_bytes`, only its header fields are read.
        """
        with _mailbox_errors(self._rules):
            sized = self._client.fetch([uid], ["RFC822.SIZE"]).get(uid)
            if sized is None:
                return None
            whole = int(sized[b"RFC822.SIZE"]) <= most_bytes
            part = "BODY.PEEK[]" if whole else "BODY.PEEK[HEADER]"
            found = self._client.fetch([uid], [part]).get(uid)
            key = b"BODY[]" if whole else b"BODY[HEADER]"
            return None if found is None else WaitingMail(uid, found[key] or b"", whole)

    def put_away(self, uid: int, *, aside: bool = False) -> None:
        """Move a mail out of the folder. A server without MOVE (RFC 6851) may keep a copy there."""
        folder = self._rules.aside if aside else self._rules.done
        with _mailbox_errors(self._rules):
            if self._client.has_capability("MOVE"):
                self._client.move([uid], folder)
                return
            self._client.copy([uid], folder)
            self._client.delete_messages([uid])
            if self._client.has_capability("UIDPLUS"):
                self._client.uid_expunge([uid])

    def erase_before(self, day: date) -> int:
        """Erase moved mails that arrived before a day; return how many.

        A server without UIDPLUS (RFC 4315) also kept them in the folder that is read, marked as
        deleted.
        """
        count, rules = 0, self._rules
        with _mailbox_errors(rules):
            for folder, kept in ((rules.done, []), (rules.aside, []), (rules.folder, ["DELETED"])):
                self._client.select_folder(folder)
                old = self._client.search([*kept, "BEFORE", day])
                if old:
                    self._client.delete_messages(old)
                    self._client.expunge()
                count += len(old)
        return count


@contextmanager
def opened_mailbox(rules: MailboxRules) -> Iterator[ReplyMailbox]:
    """Connect, log in, create missing folders and open the mailbox.

    Raises `MailboxUnreachable`.
    """
    with _mailbox_errors(rules):
        client = _connected(rules)
    try:
        with _mailbox_errors(rules):
            # The LOGIN command accepts only ASCII.
            plain = client.has_capability("AUTH=PLAIN")
            (client.plain_login if plain else client.login)(rules.user, rules.password)
            for folder in (rules.done, rules.aside):
                if not client.folder_exists(folder):
                    client.create_folder(folder)
            client.select_folder(rules.folder)
        yield ReplyMailbox(client, rules)
    finally:
        with suppress(IMAPClientError, OSError):
            client.logout()


def _connected(rules: MailboxRules) -> IMAPClient:
    trusted = ssl.create_default_context(cafile=rules.ca_file or None)
    tls = rules.security == "tls"
    client = IMAPClient(
        rules.host, rules.port, ssl=tls, ssl_context=trusted if tls else None, timeout=WAIT_S
    )
    if rules.security == "starttls":
        try:
            client.starttls(trusted)
        except (IMAPClientError, OSError):
            with suppress(IMAPClientError, OSError):
                client.shutdown()
            raise
    return client


@contextmanager
def _mailbox_errors(rules: MailboxRules) -> Iterator[None]:
    try:
        yield
    except (IMAPClientError, OSError, UnicodeEncodeError) as error:
        why = _why(error)
        # The error quotes the character that failed, which may be part of a password.
        cause = None if isinstance(error, UnicodeEncodeError) else error
        raise MailboxUnreachable(f"{rules.host}:{rules.port} {why}") from cause


def _why(error: Exception) -> str:
    """Return the failure in French, without the server's text, which may contain an account."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"a un certificat qui {certificate_fault(error, 'réglez « ca_file »')}"
    if isinstance(error, LoginError):
        return "refuse le compte"
    if isinstance(error, UnicodeEncodeError):
        return "ne prend ni compte ni mot de passe avec des accents"
    if isinstance(error, IMAPClientError):
        return f"refuse ce qui lui est demandé ({type(error).__name__})"
    return f"ne répond pas ({type(error).__name__})"
