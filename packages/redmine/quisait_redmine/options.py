"""Settings of a Redmine source."""

from typing import Literal

from pydantic import Field

from connectors.options import (
    BaseUrl,
    Evidence,
    GroupPrincipals,
    ReaderList,
    SourceOptions,
    evidence_of,
)

Kind = Literal["issues", "wiki", "news", "files"]


class RedmineOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

    url: BaseUrl = Field(description="adresse du Redmine, https:// ; seul cet hôte est lu")
    projects: list[str] = Field(
        [], description="identifiants des projets lus ; vide : tous ceux que voit le compte"
    )
    exclude: list[str] = Field([], description="identifiants de projets laissés")
    read: list[Kind] = Field(
        ["issues", "wiki", "news", "files"], description="ce qui est lu de chaque projet"
    )
    trackers: list[str] = Field(
        [],
        description="suivis (trackers) dont les demandes sont lues : ceux que voit tout rôle qui a "
        "« Voir les demandes », car Redmine ne dit pas quel rôle n'en voit que certains ; "
        'vide : aucune demande ; ["*"] : tous',
    )
    rejected: list[str] = Field(
        ["Rejeté", "Rejected"],
        description="états fermés qui ne sont pas une solution",
    )
    groups: GroupPrincipals = Field(
        {},
        description="groupes de Redmine et ce qu'ils sont dans les droits : "
        '{ "Compta" = "annuaire:group:comptables" }',
    )
    accounts: ReaderList = Field(
        [],
        description='qui a un compte sur ce Redmine, comme ["everyone"] : les lecteurs d\'un '
        "projet public que seul le rôle « Non membre » ouvre ; vide : personne",
    )
    anonymous: bool = Field(
        True, description="ce que Redmine montre sans compte est lu par tout agent"
    )
    non_member_role: int = Field(1, gt=0, description="numéro du rôle « Non membre »")
    anonymous_role: int = Field(2, gt=0, description="numéro du rôle « Anonyme »")
    account: Literal["login", "mail", "id"] = Field(
        "login", description="ce qui nomme un compte : pour « join » ou la table « accounts »"
    )
    text: Literal["textile", "markdown"] = Field(
        "textile", description="mise en forme des textes (Administration > Configuration)"
    )
    versions: int = Field(
        20, ge=0, description="versions d'une page de wiki dont l'auteur est demandé, les dernières"
    )
    notes_days: int = Field(
        1,
        ge=0,
        le=365,
        description="jours au bout desquels chaque demande est relue : une note corrigée, effacée "
        "ou rendue privée après coup ne s'annonce pas ; 0 : à chaque lecture",
    )
    wiki_files: bool = Field(
        True,
        description="pièces jointes du wiki : chaque page est alors redemandée à chaque lecture",
    )
    evidence: Evidence = evidence_of("les auteurs")
    rate_per_s: float = Field(10, gt=0, le=100, description="demandes par seconde au plus")
    ca_file: str = Field("", description="autorité de certification du serveur (PEM)")
