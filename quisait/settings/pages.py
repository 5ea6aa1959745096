"""Settings of what a person sees."""

from pydantic import Field

from quisait.settings.types import Table


class PagesSettings(Table):
    """Ce que l'on voit (docs/habillage.md)."""

    theme: str = Field(
        "",
        description="dossier d'un habillage : son « theme.css » s'ajoute au style des pages ; "
        "vide : aucun",
    )
    catalogue: str = Field(
        "",
        description="dossier de vos propres textes, « fr/LC_MESSAGES/quisait.po » (gettext), qui "
        "l'emportent sur ceux de quisait ; vide : aucun",
    )
    contact: str = Field(
        "", description="adresse électronique de qui l'on prévient d'un défaut d'accessibilité"
    )
