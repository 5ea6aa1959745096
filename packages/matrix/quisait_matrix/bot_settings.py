"""Settings of the bot that answers in Matrix rooms."""

from pydantic import Field

from quisait.settings.types import SettingsTable


class BotSettings(SettingsTable):
    """Répondre dans les salons où on l'appelle (docs/sources/tchap.md) ; éteint sans « source »."""

    source: str = Field(
        "",
        description="source « matrix » dont le compte répond à qui l'appelle ; vide : personne ne "
        "répond",
    )
    name: str = Field(
        "qui-sait",
        min_length=2,
        max_length=100,
        description="nom par lequel on l'appelle, au début d'un message : « @qui-sait »",
    )
    per_minute: int = Field(
        6, ge=1, le=60, description="réponses par minute, au plus, à un compte et dans un salon"
    )
