"""Settings of a folder of files."""

from typing import Literal

from pydantic import BaseModel, Field

from connectors.options import Patterns, on_form


class FolderOptions(BaseModel):
    """The settings of a source of kind `folder`, in its own table."""

    path: str = Field("", description="relatif à quisait.toml", json_schema_extra=on_form("place"))
    include: Patterns = Field(
        [],
        description="d'un dossier, les seuls fichiers lus : « *.pdf », « notes/** » ; vide : tous",
    )
    exclude: Patterns = Field(
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
