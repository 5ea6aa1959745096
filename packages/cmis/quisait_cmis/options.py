"""Settings of a CMIS source."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from connectors.file_patterns import FileSelection, parse_selection
from connectors.options import (
    BaseUrl,
    Evidence,
    GroupPrincipals,
    Patterns,
    SourceOptions,
    evidence_of,
    on_form,
)
from connectors.readers import Readers


def _principal(principal: str) -> str:
    Readers(allowed=[principal] if principal else [])
    return principal


def _folder(path: str) -> str:
    return "/" + path.strip("/")


class CmisOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

    url: BaseUrl = Field(description="adresse du service CMIS 1.1 « browser binding »")
    user: str = Field(min_length=1, description="compte qui lit")
    repository: str = Field("", description="dépôt à lire ; vide : le seul du service")
    folder: Annotated[str, AfterValidator(_folder)] = Field(
        "/", description="dossier à lire, avec ce qui est en dessous, comme « /Sites/compta »"
    )
    include: Patterns = Field([], description="motifs des documents lus ; vide : tous")
    exclude: Patterns = Field([], description="motifs des documents et dossiers qui ne le sont pas")
    versions: Literal["latest", "major"] = Field(
        "latest",
        description="« major » : la dernière version majeure, et rien d'un document qui n'en a pas",
    )
    changes: Literal["walk", "log"] = Field(
        "walk",
        description="« log » : le journal du dépôt dit ce qui a changé, s'il dit aussi les "
        "droits ; « walk » : tout est parcouru à chaque lecture",
    )
    walk_every_h: float = Field(
        24, gt=0, description="avec « log », heures après lesquelles tout est parcouru quand même"
    )
    anyone: Annotated[str, AfterValidator(_principal)] = Field(
        "",
        description="ce qu'est « tous les utilisateurs » du dépôt dans les droits, comme "
        "« everyone » ; vide : personne",
    )
    groups: GroupPrincipals = Field(
        {},
        description="groupes du dépôt et ce qu'ils sont dans les droits : "
        '{ "GROUP_compta" = "annuaire:group:comptables" }',
    )
    group_prefix: str = Field(
        "GROUP_", description="ce par quoi commence le nom d'un groupe du dépôt ; vide : rien"
    )
    group_authority: str = Field(
        "",
        pattern=r"^[^:\s]*$",
        description="annuaire dont les groupes ont le même nom que ceux du dépôt, sans "
        "« group_prefix » ; vide : un groupe que « groups » ne nomme pas n'est personne",
        json_schema_extra=on_form("readers"),
    )
    read_permissions: list[str] = Field(
        ["cmis:read", "cmis:all"],
        min_length=1,
        description="permissions du dépôt dont chacune suffit pour lire",
    )
    creator: Literal["author", "uploader"] = Field(
        "author",
        description="ce qu'est qui a créé un document : « uploader » ne dit pas qui sait",
        json_schema_extra=on_form(uploader="ne dit pas qui sait", author="compte comme auteur"),
    )
    bots: list[str] = Field(
        [], description="comptes techniques du dépôt, qui ne disent jamais qui sait"
    )
    title: str = Field(
        "", description="propriété qui porte le titre, comme « cm:title » ; vide : le nom"
    )
    link: str = Field(
        "",
        description="adresse d'un document pour qui le trouve, avec {id}, {series} ou {path} ; "
        "vide : celle du service",
    )
    evidence: Evidence = evidence_of("les auteurs")
    rate_per_s: float = Field(20, gt=0, le=200, description="demandes par seconde au plus")
    ca_file: str = Field("", description="autorité de certification du serveur (PEM)")

    @property
    def selection(self) -> FileSelection:
        """The selection of the documents that are read."""
        return parse_selection(self.include, self.exclude)
