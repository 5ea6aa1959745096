"""A read-only connection to the server, which reconnects when it breaks."""

import imaplib
import logging
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from imapclient import IMAPClient
from imapclient.exceptions import (
    IMAPClientAbortError,
    IMAPClientError,
    LoginError,
    ProtocolError,
)

from connectors.certificates import certificate_fault
from connectors.ports import SourceRefused, SourceUnreachable
from connectors.timeouts import call_with_timeout
from quisait_mailbox.options import MailboxOptions
from quisait_mailbox.reading import FolderClosed

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
_LONGEST_LINE = 16 * 1024 * 1024
"""Maximum bytes of a line of an answer: enough for two million UIDs, or the structure of any mail.
imaplib's own limit of one megabyte would make large folders, and folders with a mail of many parts,
look like folders that do not open.
"""
imaplib._MAXLINE = max(imaplib._MAXLINE, _LONGEST_LINE)  # type: ignore[attr-defined]
_LATER = ("[UNAVAILABLE]", "[INUSE]", "[SERVERBUG]", "[LIMIT]", "[CONTACTADMIN]")
"""Codes of a temporary refusal (RFC 5530)."""


@dataclass(frozen=True, slots=True)
class MailboxLimits:
    """`timeout_s` limits each read from the socket, `total_timeout_s` a whole answer.

    A connection that breaks is opened again after each wait of `waits_s`; the first is tried once.
    """

    timeout_s: float = 30.0
    total_timeout_s: float = 300.0
    waits_s: tuple[float, ...] = (2.0, 8.0, 30.0)


@dataclass(slots=True)
class MailboxSession:
    """A session of one account. Its folders are opened read-only (`EXAMINE`)."""

    options: MailboxOptions
    password: Callable[[], str]
    ca_file: str
    limits: MailboxLimits
    validity: int = field(default=0, init=False)
    """The UIDVALIDITY of the open folder."""
    _client: IMAPClient | None = None
    _responded: bool = False
    _folder: str = ""
    _next_at: float = field(default=0.0)

    def ask(self, what: Callable[[Any], Answer]) -> Answer:
        """Call `what` with the connected client. Raises `SourceUnreachable`, `SourceRefused`.

        Raises `FolderClosed` if the server refuses the command.
        """
        return self._tried(what)

    def ask_folder(self, name: str, what: Callable[[Any], Answer]) -> Answer:
        """Call `what` with the folder open.

        Raises as `ask`, or `FolderClosed` if it cannot be opened.
        """

        def opened(client: IMAPClient) -> Answer:
            if self._folder != name:
                self._folder = ""
                found = client.select_folder(name, readonly=True)
                self._folder, self.validity = name, int(found.get(b"UIDVALIDITY", 0))
            return what(client)

        return self._tried(opened)

    def __del__(self) -> None:
        """End the session with the crawl that used it."""
        self.close()

    def close(self) -> None:
        """End the session, ignoring errors."""
        client, self._client, self._folder = self._client, None, ""
        if client is not None:
            with suppress(OSError, IMAPClientError):
                client.shutdown()

    def _tried(self, what: Callable[[IMAPClient], Answer]) -> Answer:
        for wait_s in (*self.limits.waits_s, None):
            try:
                return self._once(what)
            except SourceUnreachable as error:
                self.close()
                if wait_s is None or not self._responded:
                    raise
                log.info("mailbox asked again", extra={"host": self.options.host, "wait_s": wait_s})
                last = error
                time.sleep(wait_s)
        raise last

    def _once(self, what: Callable[[IMAPClient], Answer]) -> Answer:
        late = self._unreachable("n'a pas fini de répondre")
        self._pace()
        try:
            return call_with_timeout(
                self.limits.total_timeout_s, lambda: what(self._connected()), late
            )
        except (IMAPClientAbortError, ProtocolError, ssl.SSLError, OSError) as error:
            if isinstance(error, ssl.SSLCertVerificationError):
                fault = certificate_fault(error, "vérifiez « host » et « ca_file »")
                raise SourceRefused(f"Le certificat de {self.options.host} {fault}.") from error
            raise self._unreachable("ne répond pas") from error
        except LoginError as error:
            if any(code in str(error) for code in _LATER):
                raise self._unreachable("refuse les connexions pour le moment") from error
            raise SourceRefused(
                f"{self.options.host} refuse le compte {self.options.user} : vérifiez « user » et "
                "son mot de passe."
            ) from error
        except IMAPClientError as error:
            if any(code in str(error) for code in _LATER):
                raise self._unreachable("ne peut pas répondre pour le moment") from error
            raise FolderClosed(
                "le serveur ne l'ouvre pas à ce compte, ou il n'existe pas"
            ) from error

    def _connected(self) -> IMAPClient:
        if self._client is not None:
            return self._client
        options = self.options
        context = ssl.create_default_context(cafile=self.ca_file or None)
        client = IMAPClient(
            options.host,
            options.port,
            ssl=options.security == "tls",
            ssl_context=context,
            timeout=self.limits.timeout_s,
        )
        self._responded = True
        client.normalise_times = False
        try:
            if options.security == "starttls":
                client.starttls(context)
            # LOGIN accepts ASCII only.
            plain = client.has_capability("AUTH=PLAIN")
            (client.plain_login if plain else client.login)(options.user, self.password())
        except BaseException as error:
            with suppress(OSError, IMAPClientError):
                client.shutdown()
            if isinstance(error, UnicodeEncodeError):  # the error contains the password
                raise SourceRefused(
                    f"{options.host} ne prend ni compte ni mot de passe à lettres accentuées "
                    "(il n'a pas AUTH=PLAIN) : changez-les."
                ) from None
            raise
        self._client = client
        return client

    def _pace(self) -> None:
        wait_s = self._next_at - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        self._next_at = time.monotonic() + 1 / self.options.rate_per_s

    def _unreachable(self, how: str) -> SourceUnreachable:
        return SourceUnreachable(
            f"La messagerie {self.options.host} {how} : la boîte sera relue plus tard."
        )
