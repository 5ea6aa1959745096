"""Settings of feeds."""

from pydantic import Field

from quisait.settings.types import SettingsTable


class FeedSettings(SettingsTable):
    """Les flux Atom, et les résultats en CSV (docs/flux.md)."""

    enabled: bool = Field(True, description="servir les flux et l'export CSV ; false : rien")
    days: int = Field(
        180,
        ge=1,
        le=366,
        description="durée, en jours, de l'adresse secrète par laquelle un lecteur de flux lit au "
        "nom d'un agent",
    )
