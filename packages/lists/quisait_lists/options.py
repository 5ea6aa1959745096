"""Settings of a source of mailing list archives."""

from pydantic import Field

from connectors.options import Evidence, Link, OptionalReaders, SourceOptions, evidence_of, on_form


class ListOptions(SourceOptions):
    """One list, in the table `lists`."""

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
    evidence: Evidence | None = Field(
        None, description="de cette liste seule ; absent : « evidence » de la source"
    )


class ListsOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

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
    evidence: Evidence = evidence_of("les messages")
