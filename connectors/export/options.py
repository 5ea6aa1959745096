"""Settings of a source that reads files in JSON Lines, written by another application."""

from pydantic import BaseModel, Field

from connectors.options import on_form


class ExportOptions(BaseModel):
    """The settings of a source of kind `export`, in its own table."""

    path: str = Field(
        "",
        description="fichier, ou dossier de fichiers, relatif à quisait.toml",
        json_schema_extra=on_form("place"),
    )
