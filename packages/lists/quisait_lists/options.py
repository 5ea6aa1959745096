"""Settings of a source of mailing list archives."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.options import Link, OptionalReaders, on_form


class ListOptions(BaseModel):
    """One list, in the table `lists`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(
        min_length=1,
        description="fichier mbox, dossier de fichiers mbox, ou dossier de la liste dans arc/ de "
        "Sympa ; relatif à quisait.toml",
    )
    readers: OptionalReaders = Field(
        None,
        description="lecteurs de la liste ; [] : personne ; absent : « allowed » de la source",
        title="Lecteurs",
    )
    members: str = Field(
        "",
        description="fichier des adresses des abonnés, une par ligne : eux seuls des lecteurs",
        title="Fichier des abonnés",
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
        title="Nom de la liste",
        json_schema_extra=on_form(row="Liste"),
    )
    link: Link = Field(
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
