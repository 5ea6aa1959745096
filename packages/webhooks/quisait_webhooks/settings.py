"""Settings of webhooks: the applications that receive events."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from quisait.settings.types import Address, SettingsTable


def _web_address(written: str) -> str:
    if not re.fullmatch(r"https?://[^\s?#]+", written):
        raise ValueError("donnez une adresse en https:// ou http://, sans « ? » ni « # »")
    return written


class WebhookSettings(SettingsTable):
    """Une application avertie de ce qui arrive (docs/api.md, « Être averti »)."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$", description="nom court, unique parmi les webhooks"
    )
    url: Annotated[Address, AfterValidator(_web_address)] = Field(
        description="adresse de l'application, qui reçoit chaque avis en POST"
    )
    secret_file: str = Field(
        description="fichier du secret partagé, qui signe les avis : « whsec_ » et 24 à 64 octets "
        "en base64"
    )
    events: Annotated[list[Literal["question.answered", "topic.changed"]], Field(min_length=1)] = (
        Field(
            ["question.answered", "topic.changed"],
            description="ce dont elle est avertie : une réponse à une question, un sujet dont les "
            "détenteurs ou l'isolement ont changé",
        )
    )
    ca_file: str = Field("", description="autorité de certification de l'application (PEM)")
