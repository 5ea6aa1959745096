"""What an agent asks about themselves: the port, and the values it takes.

A wish acts at the next answer, whatever the directory says and however often it is read
again. It never hides a document: what an agent wrote stays, under the name that its source
shows, to those who may read it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from connectors.values import ContactVia


class Kind(StrEnum):
    """What is asked."""

    WITHDRAW = "withdraw"
    REFUSE = "refuse"
    DECLARE = "declare"
    CONTACT = "contact"


FINDER = ""
"""The subject of a withdrawal from the finder as a whole; else it is a source's name."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that an agent asks, one row for each (agent, kind, subject).

    `subject`: a source or `FINDER` (withdraw), a topic's id (refuse, declare), empty
    (contact). `said`: the topic's labels, its own first, or the way of contact.
    """

    agent_id: str
    kind: Kind
    subject: str = ""
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A wish that is in force, and since when."""

    wish: Wish
    since: datetime


class Consent(Protocol):
    """Where agents' wishes are kept. Each call acts at the next answer."""

    def of(self, agent_id: str) -> Sequence[Kept]:
        """The wishes of one agent, in force now."""
        ...

    def ask(self, wish: Wish) -> None:
        """Put one in force. A topic is refused or declared, never both."""
        ...

    def take_back(self, wish: Wish) -> None:
        """Undo one; nothing where it was not in force."""
        ...

    def noted(self, agent_id: str) -> bool:
        """Whether a restored backup would be told all that this agent asked."""
        ...


NARROWER: dict[ContactVia, tuple[ContactVia, ...]] = {
    ContactVia.DIRECT: tuple(ContactVia),
    ContactVia.SERVICE: (ContactVia.SERVICE, ContactVia.HEAD, ContactVia.NONE),
    ContactVia.HEAD: (ContactVia.HEAD, ContactVia.NONE),
    ContactVia.NONE: (ContactVia.NONE,),
}
"""What an agent may choose where their entity wishes for this way: as narrow, or narrower."""
