"""Settings of a folder of files."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from connectors.file_patterns import parse_selection
from connectors.options import on_form


def _file_patterns(patterns: list[str]) -> list[str]:
    parse_selection(patterns, ())
    return patterns


class FolderOptions(BaseModel):
    """The settings of a source of kind `folder`, in its own table."""

    path: str = Field("", description="relatif à quisait.toml", json_schema_extra=on_form("place"))
    include: Annotated[list[str], AfterValidator(_file_patterns)] = Field(
        [],
        description="d'un dossier, les seuls fichiers lus : « *.pdf », « notes/** » ; vide : tous",
    )
    exclude: Annotated[list[str], AfterValidator(_file_patterns)] = Field(
        [],
        description="d'un dossier, les fichiers et dossiers laissés de côté : « *.png », "
        "« archives » ; l'emporte sur include",
    )
    link: str = Field(
        "", description="adresse d'un fichier, où {path} tient la place de son chemin"
    )
    rules: str = Field(
        "",
        description="d'un dossier, table de règles (pattern, allowed…) gardée hors de lui, "
        "relative à quisait.toml ; celles du dossier ne font alors que restreindre ; vide : aucune",
        json_schema_extra=on_form("never"),
    )
    tables: Literal["narrow", "trusted"] = Field(
        "narrow",
        description="d'un dossier, ce que peuvent les tables _quisait.csv des sous-dossiers et les "
        "fiches : « narrow » : ôter des lecteurs ; « trusted » : en ajouter aussi",
        json_schema_extra=on_form("never"),
    )
