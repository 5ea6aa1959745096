"""Settings of a WebDAV source."""

from typing import Literal, Self

from pydantic import Field, model_validator

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

NEXTCLOUD_FILES = "/remote.php/dav/files/"


class WebdavOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

    url: BaseUrl = Field(
        description="adresse du dossier à lire ; rien n'est lu ailleurs que là et plus bas"
    )
    server: Literal["webdav", "nextcloud"] = Field(
        "webdav",
        description="« nextcloud » : les lecteurs sont ceux des partages ; sinon ceux des tables "
        "_quisait.csv, comme d'un dossier",
        title="Genre de serveur",
        json_schema_extra=on_form("place", webdav="WebDAV", nextcloud="Nextcloud"),
    )
    tables: Literal["narrow", "trusted"] = Field(
        "narrow",
        description="ce que peuvent les tables des sous-dossiers et les fiches : « narrow » : ôter "
        "des lecteurs ; « trusted » : en ajouter aussi",
        json_schema_extra=on_form(narrow="ôter des lecteurs", trusted="en ajouter aussi"),
    )
    user: str = Field("", description="compte qui lit ; vide : sans compte")
    include: Patterns = Field([], description="motifs des fichiers lus ; vide : tous")
    exclude: Patterns = Field([], description="motifs des fichiers et dossiers qui ne le sont pas")
    link: str = Field(
        "",
        description="adresse d'un fichier pour qui le trouve, avec {path} pour son chemin ; vide : "
        "celle où il est lu",
    )
    groups: GroupPrincipals = Field(
        {},
        description="groupes de Nextcloud et ce qu'ils sont dans les droits : "
        '{ "compta" = "annuaire:group:comptables" }',
    )
    group_authority: str = Field(
        "",
        pattern=r"^[^:\s]*$",
        description="annuaire dont les groupes ont le même nom dans Nextcloud, comme « ldap » ; "
        "vide : un groupe que « groups » ne nomme pas n'est personne",
        json_schema_extra=on_form("readers"),
    )
    owner: Literal["uploader", "author"] = Field(
        "uploader",
        description="ce qu'est le propriétaire d'un fichier : « uploader » ne dit pas qui sait",
        json_schema_extra=on_form(uploader="ne dit pas qui sait", author="compte comme auteur"),
    )
    evidence: Evidence = evidence_of("les auteurs des fichiers")
    rate_per_s: float = Field(10, gt=0, le=100, description="demandes par seconde au plus")
    ca_file: str = Field("", description="autorité de certification du serveur (PEM)")

    @model_validator(mode="after")
    def _fits_the_server(self) -> Self:
        nextcloud = self.server == "nextcloud"
        if nextcloud and not self.user:
            raise ValueError("« user » manque : Nextcloud dit ses partages à un compte")
        if nextcloud and NEXTCLOUD_FILES not in self.url:
            raise ValueError(f"« url » d'un Nextcloud contient {NEXTCLOUD_FILES} puis le compte")
        if not nextcloud and (self.groups or self.group_authority):
            raise ValueError("« groups » et « group_authority » vont avec server = « nextcloud »")
        return self

    @property
    def selection(self) -> FileSelection:
        """The selection of the files that are read."""
        return parse_selection(self.include, self.exclude)
