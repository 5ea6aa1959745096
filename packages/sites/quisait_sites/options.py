"""Settings of sources of kind `site`, `feed`, `wordpress` and `wagtail`."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from connectors.options import (
    BaseUrl,
    Evidence,
    ReaderList,
    ReadersByName,
    SourceOptions,
    evidence_of,
)


def _sections(sections: dict[str, list[str]]) -> dict[str, list[str]]:
    for path in sections:
        if not path.startswith("/"):
            raise ValueError("une section est le début d'un chemin, comme « /rh/ »")
    return sections


class FeedOptions(SourceOptions):
    """The table `options` of a source of kind `feed`."""

    url: BaseUrl = Field(description="adresse du site ; seuls les flux de ce même hôte sont lus")
    feeds: list[str] = Field(
        min_length=1, description="adresses des flux RSS ou Atom, à partir de « url »"
    )
    readers: ReadersByName = Field(
        {},
        description="lecteurs par flux, écrit comme dans « feeds » : "
        '{ "rh/feed" = ["annuaire:group:rh"] } ; [] : personne ; autres : « allowed » de la source',
        title="Lecteurs",
    )
    evidence: Evidence = evidence_of("les signatures des billets")
    rate_per_s: float = Field(2, gt=0, le=50, description="demandes par seconde au plus")
    ca_file: str = Field("", description="autorité de certification du site (PEM)")

    @model_validator(mode="after")
    def _readers_of_feeds(self) -> Self:
        if unknown := sorted(self.readers.keys() - set(self.feeds)):
            raise ValueError(f"« readers » nomme un flux absent de « feeds » : {unknown[0]}")
        return self


class SiteOptions(SourceOptions):
    """The table `options` of a source of kind `site`."""

    url: BaseUrl = Field(description="adresse du site ; rien n'est lu ailleurs que là et plus bas")
    sitemaps: list[str] = Field(
        [],
        description="adresses des plans du site ; vide : ceux que nomme robots.txt, ou sitemap.xml",
    )
    follow: int = Field(
        0,
        ge=0,
        le=20_000,
        description="pour un site sans plan : pages trouvées de lien en lien depuis « url », au "
        "plus ; chacune est demandée à chaque lecture ; 0 : le plan du site",
    )
    sections: Annotated[ReadersByName, AfterValidator(_sections)] = Field(
        {},
        description="lecteurs par début de chemin, le plus long l'emporte : "
        '{ "/rh/" = ["annuaire:group:rh"] } ; [] : personne ; ailleurs : « allowed » de la source',
    )
    exclude: list[str] = Field([], description="débuts de chemins qui ne sont pas lus")
    evidence: Evidence = evidence_of("les signatures des pages")
    rate_per_s: float = Field(2, gt=0, le=50, description="pages demandées par seconde au plus")
    ca_file: str = Field("", description="autorité de certification du site (PEM)")


class WordPressOptions(SourceOptions):
    """The table `options` of a source of kind `wordpress`."""

    url: BaseUrl = Field(description="adresse du WordPress ; seul cet hôte est lu")
    user: str = Field(
        "",
        description="compte qui lit, avec un mot de passe d'application ; vide : comme un visiteur",
    )
    types: list[str] = Field(
        ["posts", "pages"],
        min_length=1,
        description="types de contenus lus, par leur nom dans l'interface REST",
    )
    categories: ReadersByName = Field(
        {},
        description="lecteurs par catégorie (son identifiant dans les adresses) et celles en "
        'dessous : { "rh" = ["annuaire:group:rh"] } ; [] : personne ; un contenu de plusieurs '
        "catégories n'a que les lecteurs de toutes",
    )
    sections: Annotated[ReadersByName, AfterValidator(_sections)] = Field(
        {},
        description="lecteurs par début de chemin, d'une page et de celles en dessous, comme pour "
        "un site ; là où ni catégorie ni section ne dit rien : « allowed » de la source",
    )
    files: bool = Field(
        False,
        description="lire aussi les fichiers joints aux contenus lus (PDF, bureautique), pour les "
        "lecteurs de leur contenu",
    )
    private: ReaderList = Field(
        [],
        description="lecteurs des contenus privés que le compte peut lire, parmi ceux de leur "
        "section ; vide : ils ne sont pas lus",
    )
    accounts: Literal["name", "slug"] = Field(
        "name",
        description="compte d'un auteur : le nom qu'il affiche, ou « slug », son identifiant "
        "dans les adresses",
    )
    evidence: Evidence = evidence_of("les auteurs")
    rate_per_s: float = Field(2, gt=0, le=50, description="demandes par seconde au plus")
    ca_file: str = Field("", description="autorité de certification du site (PEM)")

    @model_validator(mode="after")
    def _fits_the_account(self) -> Self:
        if self.private and not self.user:
            raise ValueError("« private » va avec « user » : un visiteur ne lit rien de privé")
        if unknown := [one for one in self.types if not re.fullmatch(r"[\w-]+", one)]:
            raise ValueError(f"« types » : « {unknown[0]} » n'est pas le nom d'un type")
        return self


class WagtailOptions(SourceOptions):
    """The table `options` of a source of kind `wagtail`."""

    url: BaseUrl = Field(description="adresse de l'API v2, comme https://intranet.exemple/api/v2/")
    types: list[str] = Field(
        [], description="types de pages lus, comme « blog.BlogPage » ; vide : tous"
    )
    fields: list[str] = Field(
        [], description="champs dont le texte est lu ; vide : tous ceux que donne l'interface"
    )
    author_fields: list[str] = Field(
        ["author", "authors", "auteur", "auteurs"], description="champs qui nomment les auteurs"
    )
    sections: Annotated[ReadersByName, AfterValidator(_sections)] = Field(
        {},
        description="lecteurs par début de chemin, d'une page et de celles en dessous, comme pour "
        "un site ; ailleurs : « allowed » de la source",
    )
    evidence: Evidence = evidence_of("les auteurs")
    rate_per_s: float = Field(2, gt=0, le=50, description="demandes par seconde au plus")
    ca_file: str = Field("", description="autorité de certification du site (PEM)")
