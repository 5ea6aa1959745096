"""API schemas of the reader's choices of mail, and the API's description of them."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field
from pydantic.json_schema import models_json_schema

from quisait_mail.values import DigestPace, MailKind, MailPreferences, MailState
from search_api.bodies import Body


class _MailBody(Body):
    model_config = ConfigDict(extra="forbid")


class MailPreferencesBody(_MailBody):
    """The reader's choices of mail; a kind that is left out is not sent."""

    asked: bool = Field(False, description="questions that you are asked")
    answered: bool = Field(False, description="answers to your questions")
    invited: bool = Field(False, description="communities that invite you")
    digest: DigestPace = Field(DigestPace.OFF, description="news of what you follow")

    def chosen(self) -> MailPreferences:
        """Return the choices."""
        return MailPreferences(self.asked, self.answered, self.digest, invited=self.invited)


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


def describe_own_mail(schema: dict[str, Any]) -> None:
    """Add `mail` to the agent's own data in the API's description."""
    _, bodies = models_json_schema(
        [(OwnMailBody, "serialization")], ref_template="#/components/schemas/{model}"
    )
    schemas = schema["components"]["schemas"]
    schemas |= bodies["$defs"]
    own = schemas["MeBody"]
    own["properties"]["mail"] = {
        "description": "null if no mail is sent",
        "anyOf": [{"$ref": "#/components/schemas/OwnMailBody"}, {"type": "null"}],
    }
    own["required"].append("mail")
