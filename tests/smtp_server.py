"""A real SMTP server on loopback (aiosmtpd), with TLS, an account, and refusals by address."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.made_certificates import make_certificates
from tests.service.running import free_port

USER, PASSWORD = "quisait", "un mot de passe"


@dataclass
class SmtpHandler:
    """Keeps what it accepts, and the envelopes' senders.

    `refusals`: by recipient, what it answers (`rcpt` or `data`).

    `at` is told of each point of a message: `rcpt`, `data` before it is kept, `kept` after; where
    it says so at `data`, the message is lost.
    """

    accepted: list[EmailMessage] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    refusals: dict[str, tuple[str, str]] = field(default_factory=dict)
    at: Callable[[str], bool] = lambda point: False

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.at("rcpt")
        step, answer = self.refusals.get(address, ("", ""))
        if step == "rcpt":
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the same
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.at("data"):
            return "451 4.3.0 lost"
        step, answer = self.refusals.get(envelope.rcpt_tos[0], ("", ""))
        if step == "data":
            return answer
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=policy.default)
        self.accepted.append(message)
        self.senders.append(envelope.mail_from or "")
        self.at("kept")
        return "250 OK"


@dataclass(frozen=True)
class SmtpServer:
    """A server's address, and the mails that it received."""

    host: str
    port: int
    ca_file: Path
    handler: SmtpHandler

    @property
    def settings(self) -> dict[str, Any]:
        """The table `[mail]` that reaches it."""
        return {
            "host": self.host,
            "port": self.port,
            "user": USER,
            "password": PASSWORD,
            "ca_file": str(self.ca_file),
            "sender": "qui-sait@finances.test",
            "per_minute": 1000,
        }


@contextmanager
def smtp_server(folder: Path) -> Iterator[SmtpServer]:
    """It offers STARTTLS, and takes nothing before TLS and the account."""
    make_certificates(folder)
    trusted = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trusted.load_cert_chain(folder / "server.pem", folder / "server.key")
    handler = SmtpHandler()
    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=trusted,
        require_starttls=True,
        auth_required=True,
        authenticator=_authenticated,
    )
    controller.start()
    try:
        yield SmtpServer("127.0.0.1", controller.port, folder / "ca.pem", handler)
    finally:
        controller.stop()


def _authenticated(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=False)
