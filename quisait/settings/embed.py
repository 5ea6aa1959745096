"""Settings of the box that other sites' pages embed."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from quisait.settings.types import Table

_HOST = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]"
_ORIGIN = re.compile(rf"(https?)://({_HOST})(:[1-9][0-9]{{0,4}})?")
_USUAL_PORTS = {"http": ":80", "https": ":443"}


def origin(written: str) -> str:
    """As written, which must be as browsers write it (RFC 6454, 6.2): they are compared whole."""
    found = _ORIGIN.fullmatch(written)
    if not found or found[4] == _USUAL_PORTS[found[1]]:
        raise ValueError(
            f"« {written} » n'est pas une origine : écrivez-la comme https://intranet.exemple.fr, "
            "en minuscules, sans chemin, sans « / » final, avec le port s'il n'est pas l'habituel"
        )
    return written


class EmbedSettings(Table):
    """La recherche dans les pages d'autres sites (docs/administration.md)."""

    origins: list[Annotated[str, AfterValidator(origin)]] = Field(
        [],
        description="origines de l'intranet dont les pages peuvent chercher au nom de l'agent ; "
        "vide : aucune",
    )
