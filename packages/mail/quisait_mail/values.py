"""Values of mail: an agent's choices, and one message of the outbox.

The outbox holds no text: a message is written when it is sent, under the rights of that moment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from connectors.values import Agent

ANSWER_ABOVE = "Répondez au-dessus de cette ligne"
"""Line of a mail that may be answered; the text below it is not part of the answer."""


class MailKind(StrEnum):
    """Reason for which a message is sent."""

    ASKED = "asked"
    ANSWERED = "answered"
    INVITED = "invited"
    DIGEST = "digest"
    RECEIVED = "received"
    """Kind of the reply to an answer by mail: it tells the agent the outcome."""


class DigestPace(StrEnum):
    """How often an agent receives the news of what they follow."""

    OFF = "off"
    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def period(self) -> timedelta | None:
        """Time between two digests; None without digests."""
        return {"daily": timedelta(days=1), "weekly": timedelta(days=7)}.get(self.value)


class MailState(StrEnum):
    """State of a message in the outbox.

    `sending`: the message is being handed to the server, which may have accepted it already.
    `doubtful`: sending was interrupted, so that the outcome is unknown; it is only sent again if a
    person requests it. `dropped`: there was no reason left to send it at its turn. `refused`: the
    server refused it for good. `failed`: all attempts failed.
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
    """An agent's choices of mail; the defaults apply to agents who made no choice.

    `refused`: when the server permanently refused their address; no mail is sent to it since then.
    """

    asked: bool = True
    answered: bool = True
    digest: DigestPace = DigestPace.OFF
    refused: datetime | None = None
    invited: bool = True

    def wants(self, kind: MailKind) -> bool:
        """Return whether the agent wants this kind of message."""
        if kind is MailKind.DIGEST:
            return self.digest is not DigestPace.OFF
        if kind is MailKind.RECEIVED:
            return True
        return {"asked": self.asked, "answered": self.answered, "invited": self.invited}[kind]


NO_MAIL = MailPreferences(asked=False, answered=False, invited=False)
"""Choices of an agent who wants no mail."""


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """A message of the outbox.

    `subject`: the id of the question or answer, a hash of the topic's id of a community, or the day
    of a digest; for a reply to an answer by mail, the outcome and the question's id. `begins` and
    `queued`: the period of a digest. `attempts`: number of attempts made. `holder`: the sender that
    claimed the message and may change its state.
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
    """The data of a message that its agent may see: its kind, when it was queued, its state."""

    kind: MailKind
    queued: datetime
    state: MailState


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Number of messages in each state, and number of refused addresses."""

    states: dict[MailState, int]
    refused_addresses: int

    def of(self, state: MailState) -> int:
        """Return the number of messages in a state."""
        return self.states.get(state, 0)


@dataclass(frozen=True, slots=True)
class MailRules:
    """Rules of the settings.

    `site`: the address of the pages, without a slash at its end. `domain`: the part of message ids
    after the @. `titled_entities`: paths of entities whose restricted titles may be written in a
    mail.
    """

    site: str
    domain: str
    titled_entities: frozenset[str] = frozenset()

    def may_title(self, entity: str) -> bool:
        """Return whether restricted titles of this entity may be written in a mail."""
        parts = entity.split("/")
        above = {"/".join(parts[: end + 1]) for end in range(len(parts))}
        return bool(entity) and bool(above & self.titled_entities)


@dataclass(frozen=True, slots=True)
class MailLine:
    """A title with the whole address of its page; `said` is a further description."""

    title: str
    address: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class MailSection:
    """Lines under a heading; `more` tells how many lines are left out, or is empty."""

    heading: str
    lines: tuple[MailLine, ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class MailContent:
    """Content of a message and its recipient. `unsubscribe` and `choices` are whole addresses.

    `reply_to` and `bounces_to` are added by a feature, and empty without one.
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


@dataclass(frozen=True, slots=True)
class MailNote:
    """A message to an agent about their mail: its subject and its text."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class MailAddition:
    """What a feature adds to mail.

    `complete` returns a message's content for this agent and day with what the feature adds, such
    as an address for answers. `notes`: by the name given to `SqlMail.queue_note`.
    """

    complete: Callable[[MailContent, QueuedMail, Agent, date], MailContent]
    notes: Mapping[str, MailNote]
