"""Settings of what is held about agents (docs/vie-privee.md)."""

from pydantic import Field

from quisait.settings.types import Table


class PrivacySettings(Table):
    """Ce qui est gardé des agents, et combien de temps (docs/vie-privee.md)."""

    audit_days: int = Field(
        1_095,
        ge=365,
        description="jours pendant lesquels le registre des consultations privilégiées est gardé",
    )
    departed_days: int = Field(
        365,
        ge=0,
        description="jours après le départ d'un agent, au bout desquels ce qui est gardé de lui "
        "s'efface",
    )
    register_file: str = Field(
        "registre.jsonl",
        description="registre des retraits et suppressions, rejoué après une restauration ; à "
        "mettre hors de ce qui est sauvegardé",
    )
    backup_days: int = Field(
        90,
        ge=1,
        description="âge, en jours, de la plus vieille sauvegarde gardée : le registre remonte "
        "jusque-là",
    )
