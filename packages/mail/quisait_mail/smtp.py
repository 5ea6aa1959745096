"""SMTP server for outgoing mail, over TLS unless it is on this machine."""

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

from connectors.certificates import certificate_fault

WAIT_S = 30.0
"""Timeout for the server's answers, in seconds."""


@dataclass(frozen=True, slots=True)
class SmtpRules:
    """Settings of the server. `ca_file`: the certificate's authority, empty for the system's.

    `name`: name of this machine in the greeting, which is the domain of the sender.
    """

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str
    password: str
    ca_file: str
    name: str


class SmtpUnreachable(Exception):
    """The server does not answer, refuses the login, or hangs up before it receives a message.

    Its text is a French sentence without any mail address.
    """


class RefusedForNow(Exception):
    """The server refuses this message for now (4xx)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class RefusedForGood(Exception):
    """The server refuses this message for good (5xx). `of_address`: because of the recipient."""

    def __init__(self, code: int, *, of_address: bool) -> None:
        super().__init__(code)
        self.code, self.of_address = code, of_address


class InDoubt(Exception):
    """The connection broke when the server may already have accepted the message."""


class SmtpSession:
    """A connection that sends messages one after the other."""

    def __init__(self, client: smtplib.SMTP) -> None:
        self._client = client

    def send(self, message: EmailMessage, begins: Callable[[], bool], bounces_to: str = "") -> bool:
        """Send a message.

        `begins` is called just before its data; if it returns false, nothing is sent. `bounces_to`:
        the address for bounces; empty for the sender. Returns whether the server accepted the
        message. Raises `RefusedForNow`, `RefusedForGood`, `SmtpUnreachable`, `InDoubt`.
        """
        sender = bounces_to or message["From"].addresses[0].addr_spec
        to = message["To"].addresses[0]
        try:
            self._accepted(self._client.mail(sender), of_address=False)
            self._accepted(self._client.rcpt(to.addr_spec), of_address=True)
        except (smtplib.SMTPException, OSError) as error:
            raise SmtpUnreachable(f"le serveur a coupé ({type(error).__name__})") from error
        if not begins():
            self._reset()
            return False
        try:
            answered = self._client.data(message.as_bytes())
        except smtplib.SMTPDataError as error:  # it refused the command before the data
            self._accepted((error.smtp_code, b""), of_address=False)
            raise RefusedForNow(error.smtp_code) from error
        except (smtplib.SMTPException, OSError) as error:
            raise InDoubt from error
        self._accepted(answered, of_address=False)
        return True

    def _accepted(self, answered: tuple[int, bytes], *, of_address: bool) -> None:
        code = answered[0]
        if 200 <= code < 300:
            return
        if code == 421 or code < 0:
            raise SmtpUnreachable(f"le serveur a coupé ({code})")
        self._reset()
        if 500 <= code < 600:
            raise RefusedForGood(code, of_address=of_address)
        raise RefusedForNow(code)

    def _reset(self) -> None:
        with suppress(smtplib.SMTPException, OSError):
            self._client.rset()


@contextmanager
def smtp_session(rules: SmtpRules) -> Iterator[SmtpSession]:
    """Connect, with TLS as the rules say, and log in. Raises `SmtpUnreachable`."""
    client = _connected(rules)
    try:
        yield SmtpSession(client)
    finally:
        with suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()


def _connected(rules: SmtpRules) -> smtplib.SMTP:
    place = f"{rules.host}:{rules.port}"
    try:
        trusted = ssl.create_default_context(cafile=rules.ca_file or None)
        client = (
            smtplib.SMTP_SSL(rules.host, rules.port, rules.name, timeout=WAIT_S, context=trusted)
            if rules.security == "tls"
            else smtplib.SMTP(rules.host, rules.port, rules.name, timeout=WAIT_S)
        )
    except (smtplib.SMTPException, OSError) as error:
        raise SmtpUnreachable(f"{place} {_why(error)}") from error
    try:
        if rules.security == "starttls":
            client.starttls(context=trusted)
        client.ehlo_or_helo_if_needed()
        if rules.user:
            client.login(rules.user, rules.password)
    except (smtplib.SMTPException, OSError) as error:
        client.close()
        raise SmtpUnreachable(f"{place} {_why(error)}") from error
    return client


def _why(error: Exception) -> str:
    """Return the failure in French, without the server's text, which may contain an account."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"a un certificat qui {certificate_fault(error, 'réglez « ca_file »')}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"refuse le compte ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "n'offre pas STARTTLS, ou ne prend pas de compte"
    return f"ne répond pas ({type(error).__name__})"
