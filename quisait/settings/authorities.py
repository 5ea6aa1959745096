"""Settings of the authorities: how long what they say of a reader is believed."""

from pydantic import Field

from quisait.settings.types import Duration, Table


class AuthoritySettings(Table):
    """Les sources de droits, interrogées quand un lecteur vient (docs/annuaire.md)."""

    fresh: Duration = Field(
        "1 min", description="temps pendant lequel les groupes d'un lecteur sont retenus"
    )
    wait_s: float = Field(
        2.0, gt=0, le=30, description="temps qu'un lecteur les attend au plus, en secondes"
    )
    failures: int = Field(
        3, ge=1, description="échecs de suite après lesquels une source de droits se repose"
    )
    rest: Duration = Field(
        "30 s", description="repos pendant lequel elle n'est pas demandée ; rien n'en est cru"
    )
