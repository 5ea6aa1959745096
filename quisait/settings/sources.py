"""The settings of one source."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from quisait.settings.types import Principal, Table, pace, without_password


def _where_it_is_read(path: str, about: ValidationInfo) -> str:
    """A source on this machine says where."""
    if not path and about.data.get("kind") not in ("push", "mediawiki"):
        raise PydanticCustomError("missing", "path is missing")
    return path


def _where_it_answers(url: str, about: ValidationInfo) -> str:
    """A source that is asked over the network says where."""
    if url:
        without_password(url)
        if not url.startswith(("https://", "http://")):
            raise ValueError("donnez une adresse en https:// ou http://")
    elif about.data.get("kind") == "mediawiki":
        raise PydanticCustomError("missing", "url is missing")
    return url


class SourceSettings(Table):
    """Une source de documents."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")] = Field(
        description="nom court, sans deux-points : il commence l'identifiant de ses documents"
    )
    kind: Literal["folder", "export", "mediawiki", "push"] = Field(
        description="« folder » (dossier de fichiers), « export » (JSON Lines), « mediawiki » "
        "(wiki) ou « push » (reçus d'une application)"
    )
    path: Annotated[str, AfterValidator(_where_it_is_read)] = Field(
        "",
        validate_default=True,
        description="dossier ou fichier, relatif à quisait.toml ; rien pour les autres",
    )
    every: Annotated[str, AfterValidator(pace)] = Field(
        "",
        description="rythme de lecture par « quisait run » : « 15 min », « 2 h », « 1 j », ou "
        "« jamais » ; vide : « 1 h », et « 1 min » pour « push »",
    )
    allowed: list[Principal] = Field(
        [],
        description="lecteurs des fichiers sans règle (dossiers), ou de l'espace principal "
        "(wiki) ; vide : personne",
    )
    trust: float = Field(
        1,
        ge=0.1,
        le=2,
        description="confiance : multiplie la note de ses documents ; ils remplacent ceux de leur "
        "source, et ceux de sources de confiance moindre",
    )
    open_reach: list[Literal["public", "authenticated"]] = Field(
        [],
        description="documents de La Suite que tout agent trouve, de ceux qu'un lien ouvre : "
        "« public », « authenticated » ; vide : aucun",
    )
    link: str = Field(
        "", description="adresse d'un document de La Suite, où {id} tient sa place ; vide : aucune"
    )
    url: Annotated[str, AfterValidator(_where_it_answers)] = Field(
        "", validate_default=True, description="adresse de api.php d'un wiki"
    )
    user: str = Field(
        "", description="compte qui lit le wiki (« compte@robot » pour un mot de passe de robot)"
    )
    password_file: str = Field(
        "", description="fichier du mot de passe ; ou la variable QUISAIT_PASSWORD_ suivie du nom"
    )
    namespaces: dict[str, list[Principal]] = Field(
        {}, description="espaces de noms lus (nom ou numéro) et leurs lecteurs ; [] : personne"
    )
    rate_per_s: float = Field(
        10, ge=0, description="demandes par seconde au plus ; 0 : sans attendre"
    )
    ca_file: str = Field("", description="autorité de certification du wiki (PEM)")
    reader_groups: bool = Field(
        False,
        description="demander au wiki les groupes du compte de chaque lecteur : droits "
        "« nom:group:groupe »",
    )
    join: list[Literal["uid", "email"]] = Field(
        [],
        description="ce qui y nomme le compte d'un agent : « uid » (son identifiant), « email » "
        "(son adresse, que la source a vérifiée) ; vide : les comptes que donne l'annuaire",
    )
