"""Settings of what a request must be to be let in, and how often one may ask."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from quisait.settings.types import Table

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


def _host(written: str) -> str:
    if not _NAME.fullmatch(written):
        raise ValueError(
            f"« {written} » n'est pas un nom d'hôte : écrivez-le comme quisait.exemple.fr, en "
            "minuscules, sans https:// ni port"
        )
    return written


def _network(written: str) -> str:
    try:
        ipaddress.ip_network(written)
    except ValueError:
        raise ValueError(
            f"« {written} » n'est ni une adresse ni un réseau : écrivez 10.1.2.3, ou 10.1.2.0/24"
        ) from None
    return written


class DoorSettings(Table):
    """La porte : à quel nom elle s'ouvre, à quel rythme et pour combien de temps."""

    hosts: list[Annotated[str, AfterValidator(_host)]] = Field(
        [],
        description="noms sous lesquels quisait est connu, sans port ; les adresses et "
        "« localhost » conviennent toujours, tout autre nom est refusé",
    )
    proxies: list[Annotated[str, AfterValidator(_network)]] = Field(
        ["127.0.0.1", "::1"],
        description="mandataires dont « X-Forwarded-For » et « X-Forwarded-Proto » sont crus : "
        "adresses ou réseaux",
    )
    reader_per_minute: int = Field(
        300,
        ge=0,
        description="demandes d'un agent par minute, pour chaque serveur ; 0 : sans borne",
    )
    reader_questions: int = Field(
        2,
        ge=0,
        description="questions d'un agent traitées à la fois, pour chaque serveur ; les suivantes "
        "attendent leur tour ; 0 : sans borne",
    )
    token_per_minute: int = Field(
        600, ge=0, description="envois d'un jeton de source par minute ; 0 : sans borne"
    )
    address_per_minute: int = Field(
        600, ge=0, description="demandes sans session d'une adresse par minute ; 0 : sans borne"
    )
    body_s: float = Field(30, gt=0, description="temps pour recevoir une demande, en secondes")
    answer_s: float = Field(60, gt=0, description="temps pour commencer à répondre, en secondes")
