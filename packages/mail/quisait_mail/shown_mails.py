"""Mails of the demo: written to a folder and shown on a page, never sent to a server."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from itertools import islice
from pathlib import Path

MOST_KEPT = 200
"""Maximum number of mails in the folder; older ones are deleted."""
MOST_SHOWN = 30
"""Maximum number of mails on the page of an agent."""


@dataclass(frozen=True, slots=True)
class ShownMail:
    """A mail as its recipient would read it, as plain text."""

    sender: str
    to: str
    subject: str
    moment: datetime
    text: str


class ShownMails:
    """The folder of the mails, which replaces an SMTP session.

    It is created with the first mail.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: EmailMessage, begins: Callable[[], bool], bounces_to: str = "") -> bool:
        """Store a message. `begins` is called first; if it returns false, nothing is stored."""
        if not begins():
            return False
        self._folder.mkdir(0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020}"
        written = self._folder / f"{name}.part"
        written.touch(0o600, exist_ok=False)
        written.write_bytes(message.as_bytes())
        written.replace(self._folder / f"{name}.eml")
        for old in self._newest_first()[MOST_KEPT:]:
            old.unlink(missing_ok=True)
        return True

    def of(self, address: str) -> tuple[ShownMail, ...]:
        """Return the newest mails to an address, newest first."""
        own = (one for one in map(_read, self._newest_first()) if one.to == address.strip())
        return tuple(islice(own, MOST_SHOWN))

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("*.eml"), reverse=True)


def _read(path: Path) -> ShownMail:
    message = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    body = message.get_body(("plain",))
    return ShownMail(
        sender=str(message["From"]),
        to=message["To"].addresses[0].addr_spec,
        subject=str(message["Subject"]),
        moment=message["Date"].datetime,
        text=body.get_content() if body else "",
    )
