"""Settings of a source whose documents an application pushes."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from connectors.options import SourceOptions, on_form
from quisait_push.addresses import is_origin


def _file_hosts(hosts: dict[str, str]) -> dict[str, str]:
    for origin in hosts:
        if not is_origin(origin):
            # The refused text may contain a password: it is not repeated.
            raise ValueError(
                "donnez l'origine seule, en minuscules : https://hote ou https://hote:port, sans "
                "chemin ni compte ; http:// pour cette machine seulement"
            )
    return hosts


class PushOptions(SourceOptions):
    """The options of a source of kind `push`."""

    open_reach: list[Literal["public", "authenticated"]] = Field(
        [],
        description="documents de La Suite que tout agent trouve, de ceux qu'un lien ouvre : "
        "« public », « authenticated » ; vide : aucun",
        title="Documents de La Suite que tout agent trouve",
        json_schema_extra=on_form("readers"),
    )
    link: str = Field("", description="adresse d'un document de La Suite, où {id} tient sa place")
    file_hosts: Annotated[dict[str, str], AfterValidator(_file_hosts)] = Field(
        {},
        description="serveurs où chercher les fichiers qu'une application pousse par leur adresse, "
        "et le fichier du jeton à leur présenter (vide : aucun jeton) : "
        '{ "https://drive.exemple" = "drive.jeton" } ; vide : aucun fichier n\'est cherché',
        json_schema_extra=on_form("never"),
    )
    scim: bool = Field(
        False,
        description="prend les groupes que l'application envoie (SCIM 2.0) ; sans cela ils ne sont "
        "personne",
        json_schema_extra=on_form("never"),
    )
    search_client: str = Field(
        "",
        description="identifiant, chez le fournisseur d'identité, de l'application de La Suite qui "
        "cherche ici au nom de ses agents ; vide : aucune",
        json_schema_extra=on_form("never"),
    )
    ca_file: str = Field(
        "",
        description="autorité de certification de « file_hosts » (PEM)",
        json_schema_extra=on_form("never"),
    )
