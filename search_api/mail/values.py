"""The values of mail: what an agent chose, and one message of the queue.

The queue holds no text: a message is written at the moment of sending, under the rights of then.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

ANSWER_ABOVE = "Répondez au-dessus de cette ligne"
"""Stands in a mail that may be answered: what comes below it is no part of the answer."""


class MailKind(StrEnum):
    """Why a message is sent."""

    ASKED = "asked"
    ANSWERED = "answered"
    DIGEST = "digest"
    RECEIVED = "received"
    """What became of an answer by mail: it follows from the agent's own mail."""


class DigestPace(StrEnum):
    """How often an agent gets the news of what they follow."""

    OFF = "off"
    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def period(self) -> timedelta | None:
        """Between two of them; None for never."""
        return {"daily": timedelta(days=1), "weekly": timedelta(days=7)}.get(self.value)


class MailState(StrEnum):
    """Where a message stands.

    `sending`: it is being handed to the server, which may have taken it already. `doubtful`: this
    was cut short, so that nobody knows; it is sent again only when a person asks for it.
    `dropped`: at its turn it was not to be sent. `refused`: the server refused it for good.
    `failed`: it was tried as often as may be.
    """

    WAITING = "waiting"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    DROPPED = "dropped"
    REFUSED = "refused"
    FAILED = "failed"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class MailPreferences:
    """What an agent chose: nothing by mail, until they say so.

    `refused`: when the server refused their address for good; nothing is sent to it since.
    """

    asked: bool = False
    answered: bool = False
    digest: DigestPace = DigestPace.OFF
    refused: datetime | None = None

    def wants(self, kind: MailKind) -> bool:
        """Whether this kind of message is wanted."""
        if kind is MailKind.DIGEST:
            return self.digest is not DigestPace.OFF
        if kind is MailKind.RECEIVED:
            return True
        return self.asked if kind is MailKind.ASKED else self.answered


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """One message.

    `subject`: the id of the question or answer, or the day of a digest; of what became of an answer
    by mail, what that is and the question's id.
    `begins` and `queued` are the period of a digest. `attempts`: how often it was tried. `holder`:
    the one who claimed it, for whom alone it goes on.
    """

    id: str
    message_id: str
    agent_id: str
    kind: MailKind
    subject: str
    queued: datetime
    begins: datetime | None
    attempts: int
    holder: str


@dataclass(frozen=True, slots=True)
class KeptMail:
    """What an agent is told of a message to them: why, when it was queued, what became of it."""

    kind: MailKind
    queued: datetime
    state: MailState


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many messages are in each state, and how many addresses were refused."""

    states: dict[MailState, int]
    refused_addresses: int

    def of(self, state: MailState) -> int:
        """How many are in a state."""
        return self.states.get(state, 0)


@dataclass(frozen=True, slots=True)
class MailRules:
    """What the settings decide.

    `site`: the address of the pages, without a slash at its end. `domain`: behind the @ of message
    ids. `titled_entities`: paths of entities whose restricted titles may stand in a mail.
    """

    site: str
    domain: str
    titled_entities: frozenset[str] = frozenset()

    def may_title(self, entity: str) -> bool:
        """Whether a restricted title of this entity may stand in a mail."""
        parts = entity.split("/")
        above = {"/".join(parts[: end + 1]) for end in range(len(parts))}
        return bool(entity) and bool(above & self.titled_entities)


@dataclass(frozen=True, slots=True)
class MailLine:
    """Something with its page: a whole address, and what it is."""

    title: str
    address: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class MailSection:
    """Lines under a heading; `more` says what is left out, empty for nothing."""

    heading: str
    lines: tuple[MailLine, ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class MailContent:
    """What a message says to whom. `unsubscribe` and `choices` are whole addresses.

    `reply_to` and `bounces_to` are addresses of the mailbox, empty where there is none.
    """

    to: str
    subject: str
    lead: str
    sections: tuple[MailSection, ...]
    why: str
    unsubscribe: str
    choices: str
    reply_to: str = ""
    bounces_to: str = ""
