"""Settings of the desk: the sources that administrators may add from its page."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from quisait.settings.types import SettingsTable

_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f.]*:[0-9a-f.:]*")


def _reached_host(written: str) -> str:
    if not _HOST.fullmatch(written):
        raise ValueError(
            f"« {written} » n'est pas un hôte : écrivez-le comme wiki.exemple.fr, *.exemple.fr ou "
            "10.1.2.3, en minuscules, sans https:// ni port"
        )
    return written


class DeskSettings(SettingsTable):
    """Le bureau de l'administration : ce qu'il peut ajouter comme source."""

    sources: Literal["write", "show", "none"] = Field(
        "show",
        description="« show » : l'essayer et montrer quoi coller dans quisait.toml ; « write » : "
        "l'essayer et l'y écrire, si le processus le peut ; « none » : rien",
    )
    folders: list[str] = Field(
        [],
        description="dossiers de cette machine dont il peut faire une source, eux et ce qu'ils "
        "contiennent ; vide : tous, sauf ceux du système et ceux de quisait, et aucun dépôt git",
    )
    hosts: list[Annotated[str, AfterValidator(_reached_host)]] = Field(
        [],
        description="hôtes où il peut lire une source : « wiki.exemple.fr », « *.exemple.fr » ; "
        "vide : aucun",
    )
