"""What the settings say of a site."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from connectors.records.schema import Readers


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("donnez une adresse en https:// ou http://, sans compte ni mot de passe")
    return url if url.endswith("/") else f"{url}/"


def _readers(sections: dict[str, list[str]]) -> dict[str, list[str]]:
    for path, allowed in sections.items():
        if not path.startswith("/"):
            raise ValueError("une section est le début d'un chemin, comme « /rh/ »")
        Readers(allowed=allowed)
    return sections


class SiteOptions(BaseModel):
    """The source's table `options` in quisait.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_address)] = Field(
        description="adresse du site ; rien n'est lu ailleurs que là et plus bas"
    )
    sitemaps: list[str] = Field(
        [],
        description="adresses des plans du site ; vide : ceux que nomme robots.txt, ou sitemap.xml",
    )
    sections: Annotated[dict[str, list[str]], AfterValidator(_readers)] = Field(
        {},
        description="lecteurs par début de chemin, le plus long l'emporte : "
        '{ "/rh/" = ["annuaire:group:rh"] } ; [] : personne ; ailleurs : « allowed » de la source',
    )
    exclude: list[str] = Field([], description="débuts de chemins qui ne sont pas lus")
    evidence: Literal["yes", "none"] = Field(
        "yes", description="« none » : les signatures des pages ne disent jamais qui sait"
    )
    rate_per_s: float = Field(2, gt=0, le=50, description="pages demandées par seconde au plus")
    ca_file: str = Field("", description="autorité de certification du site (PEM)")
