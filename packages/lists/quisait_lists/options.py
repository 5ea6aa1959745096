"""Settings of a source of mailing list archives."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from connectors.records.schema import Readers


def _principals(readers: list[str] | None) -> list[str] | None:
    if readers is not None:
        Readers(allowed=readers)
    return readers


def _web_address(link: str) -> str:
    if link and not link.startswith(("https://", "http://")):
        raise ValueError("donnez une adresse en https:// ou http://")
    return link


ReadersOfList = Annotated[list[str] | None, AfterValidator(_principals)]


class ListOptions(BaseModel):
    """One list, in the table `lists`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(
        min_length=1,
        description="fichier mbox, dossier de fichiers mbox, ou dossier de la liste dans arc/ de "
        "Sympa ; relatif à quisait.toml",
    )
    readers: ReadersOfList = Field(
        None, description="lecteurs de la liste ; [] : personne ; absent : « allowed » de la source"
    )
    members: str = Field(
        "",
        description="fichier des adresses des abonnés, une par ligne : eux seuls des lecteurs",
    )
    evidence: Literal["yes", "none"] | None = Field(
        None, description="de cette liste seule ; absent : « evidence » de la source"
    )


class ListsOptions(BaseModel):
    """The source's table `options` in quisait.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lists: dict[str, ListOptions] = Field(
        min_length=1,
        description='les seules listes lues : { cadastre = { path = "arc/cadastre@exemple.fr", '
        'readers = ["annuaire:group:cadastre"] } } ; aussi members, evidence',
    )
    link: Annotated[str, AfterValidator(_web_address)] = Field(
        "",
        description="adresse d'un message dans l'archive en ligne, où {folder}, {id}, {hash} (de "
        "HyperKitty) et {month} (AAAA-MM) tiennent leur place ; vide : aucune",
    )
    domains: list[str] = Field(
        [],
        description="domaines dont les adresses comptent comme auteurs (« exemple.gouv.fr ») ; "
        "vide : tous",
    )
    evidence: Literal["yes", "none"] = Field(
        "yes", description="« none » : les messages ne disent jamais qui sait"
    )
