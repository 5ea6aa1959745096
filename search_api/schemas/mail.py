"""API schemas of the reader's choices of mail."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from search_api.answers.mail import OwnMail
from search_api.mail.values import DigestPace, MailKind, MailState


class _MailSchema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MailPreferencesBody(_MailSchema):
    """The reader's choices of mail; a kind that is left out is not sent."""

    asked: bool = Field(False, description="questions that one is asked")
    answered: bool = Field(False, description="answers to one's questions")
    digest: DigestPace = Field(DigestPace.OFF, description="news of what one follows")


class KeptMailBody(_MailSchema):
    """A message to the reader: its kind, when it was queued, its state."""

    kind: MailKind
    queued: datetime
    state: MailState


class OwnMailBody(MailPreferencesBody):
    """The reader's choices, their address in the directory, and the kept messages."""

    address: str = Field(description="empty: the directory has none, and nothing is sent")
    refused: datetime | None = Field(
        description="when the mail server refused this address for good; nothing is sent since"
    )
    kept: list[KeptMailBody] = Field(description="messages of thirty days, the newest first")


def own_mail_body(found: OwnMail) -> OwnMailBody:
    """Return the response body for the reader's mail."""
    said = found.preferences
    return OwnMailBody(
        asked=said.asked,
        answered=said.answered,
        digest=said.digest,
        address=found.address,
        refused=said.refused,
        kept=[
            KeptMailBody(kind=one.kind, queued=one.queued, state=one.state) for one in found.kept
        ],
    )
