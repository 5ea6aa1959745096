"""Settings of assistants."""

from pydantic import Field

from quisait.settings.types import SettingsTable


class AssistantSettings(SettingsTable):
    """Les assistants qui cherchent au nom d'un agent, par MCP (docs/assistants.md)."""

    enabled: bool = Field(True, description="servir /mcp et « Mes assistants » ; false : rien")
    per_minute: int = Field(
        60, ge=0, description="appels d'un jeton par minute ; 0 : sans autre borne que [door]"
    )
    kept_days: int = Field(
        30,
        ge=1,
        le=366,
        description="jours pendant lesquels l'agent voit ce que des assistants ont demandé en son "
        "nom (date, outil, jeton)",
    )
    audience: str = Field(
        "",
        description="« aud » des jetons d'accès du fournisseur d'identité ([oidc]) admis à /mcp, "
        "d'ordinaire l'adresse de /mcp ; vide : aucun, seulement des jetons faits ici",
    )
