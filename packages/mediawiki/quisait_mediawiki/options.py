"""Settings of a wiki."""

from typing import Annotated

from pydantic import AfterValidator, Field

from connectors.options import Principal, SourceOptions, on_form, without_password


def _address(url: str) -> str:
    without_password(url)
    if not url.startswith(("https://", "http://")):
        raise ValueError("donnez une adresse en https:// ou http://")
    return url


class WikiOptions(SourceOptions):
    """The options of a source of kind `mediawiki`."""

    url: Annotated[str, AfterValidator(_address)] = Field(
        description="adresse de api.php d'un wiki", json_schema_extra=on_form("place")
    )
    user: str = Field(
        "", description="compte qui lit le wiki (« compte@robot » pour un mot de passe de robot)"
    )
    namespaces: dict[str, list[Principal]] = Field(
        {},
        description="espaces de noms lus (nom ou numéro) et leurs lecteurs ; [] : personne",
        title="Espaces de noms lus, et leurs lecteurs",
        json_schema_extra=on_form("readers"),
    )
    rate_per_s: float = Field(
        10, ge=0, description="demandes par seconde au plus ; 0 : sans attendre"
    )
    ca_file: str = Field("", description="autorité de certification du wiki (PEM)")
    reader_groups: bool = Field(
        False,
        description="demander au wiki les groupes du compte de chaque lecteur : droits "
        "« nom:group:groupe »",
        json_schema_extra=on_form("never"),
    )
