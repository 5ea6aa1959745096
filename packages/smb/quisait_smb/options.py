"""Settings of a Windows share source."""

import re
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field

from connectors.options import Evidence, Patterns, SourceOptions, evidence_of, on_form
from connectors.readers import Readers
from connectors.values import RESERVED_AUTHORITIES

_SID = re.compile(r"S-1-\d+(-\d+){0,15}")


def _address(url: str) -> str:
    parts = urlsplit(url)
    names = [name for name in unquote(parts.path).split("/") if name]
    if parts.scheme != "smb" or not parts.hostname or "@" in parts.netloc:
        raise ValueError("donnez une adresse comme smb://serveur/partage, sans compte")
    if not names or any(name in {".", ".."} or "\\" in name for name in names):
        raise ValueError("donnez le serveur et le partage : smb://serveur/partage/dossier")
    return url


def _sids(principals: dict[str, list[str]]) -> dict[str, list[str]]:
    for sid, named in principals.items():
        if not _SID.fullmatch(sid):
            raise ValueError(f"« {sid} » n'est pas un SID, comme S-1-5-32-545")
        Readers(allowed=named)
    return principals


def _readers(named: list[str]) -> list[str]:
    Readers(allowed=[one for one in named if not _SID.fullmatch(one)])
    return named


def _authority(name: str) -> str:
    if name in RESERVED_AUTHORITIES:
        raise ValueError(f"« {name} » est réservé")
    return name


class ShareOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

    url: Annotated[str, AfterValidator(_address)] = Field(
        description="adresse du partage, ou d'un dossier : smb://serveur/partage/dossier"
    )
    user: str = Field(
        min_length=1, description="compte qui lit : « DOMAINE\\\\compte » ou « compte@domaine »"
    )
    share_allowed: Annotated[list[str], AfterValidator(_readers)] = Field(
        description="qui passe les droits du partage lui-même (SID ou lecteurs) ; "
        '["everyone"] : tout le monde',
        json_schema_extra=on_form("readers"),
    )
    share_denied: Annotated[list[str], AfterValidator(_readers)] = Field(
        [],
        description="qui ces droits refusent (SID ou lecteurs)",
        json_schema_extra=on_form("readers"),
    )
    authority: Annotated[
        str, Field(pattern=r"^([a-z0-9][a-z0-9_-]{0,99})?$"), AfterValidator(_authority)
    ] = Field(
        "ldap",
        description="annuaire qui connaît les SID : « ldap:sid:S-1-… » ; vide : aucun",
    )
    principals: Annotated[dict[str, list[str]], AfterValidator(_sids)] = Field(
        {},
        description="lecteurs que désigne un SID, avant l'annuaire : "
        '{ "S-1-5-32-545" = ["everyone"] }',
        json_schema_extra=on_form("readers"),
    )
    include: Patterns = Field(
        [], description="les seuls fichiers lus : « *.pdf », « notes/** » ; vide : tous"
    )
    exclude: Patterns = Field(
        [], description="fichiers et dossiers laissés de côté ; l'emporte sur include"
    )
    evidence: Evidence = evidence_of("les propriétaires des fichiers")
    link: str = Field(
        "",
        description="adresse d'un fichier, où {path} tient la place de son chemin ; vide : file://",
    )
    encrypt: bool = Field(
        True, description="exiger le chiffrement (SMB 3) ; la signature l'est toujours"
    )
    protocol: Literal["negotiate", "ntlm", "kerberos"] = Field(
        "negotiate",
        description="authentification ; Kerberos demande smbprotocol[kerberos]",
        json_schema_extra=on_form(negotiate="négociée", ntlm="NTLM", kerberos="Kerberos"),
    )
    trust_changed: bool = Field(
        False,
        description="le serveur note l'heure d'un changement de droits (Windows, jamais Samba) : "
        "ceux des fichiers inchangés ne sont alors relus qu'une fois par jour",
    )
    timeout_s: float = Field(30, gt=0, le=600, description="attente d'une réponse, en secondes")
