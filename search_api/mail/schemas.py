"""API schemas of the reader's choices of mail."""

from datetime import datetime

from pydantic import ConfigDict, Field

from search_api.bodies import Body
from search_api.mail.values import DigestPace, MailKind, MailState


class _MailBody(Body):
    model_config = ConfigDict(extra="forbid")


class MailPreferencesBody(_MailBody):
    """The reader's choices of mail; a kind that is left out is not sent."""

    asked: bool = Field(False, description="questions that you are asked")
    answered: bool = Field(False, description="answers to your questions")
    invited: bool = Field(False, description="communities that invite you")
    digest: DigestPace = Field(DigestPace.OFF, description="news of what you follow")


class KeptMailBody(_MailBody):
    """A message to the reader: its kind, when it was queued, its state."""

    kind: MailKind
    queued: datetime
    state: MailState


class OwnMailBody(MailPreferencesBody):
    """The reader's choices, their address in the directory, and the kept messages."""

    parts_of_answer = ("preferences",)
    address: str = Field(description="empty: the directory has none, and nothing is sent")
    refused: datetime | None = Field(
        description="when the mail server refused this address for good; nothing is sent since"
    )
    kept: list[KeptMailBody] = Field(description="messages of thirty days, the newest first")
