"""Settings of a source that reads files in JSON Lines, written by another application."""

from pydantic import Field

from connectors.options import SourceOptions, on_form


class ExportOptions(SourceOptions):
    """Options in `quisait.toml` of a source that reads an export in JSON Lines."""

    path: str = Field(
        min_length=1,
        description="fichier, ou dossier de fichiers, relatif à quisait.toml",
        json_schema_extra=on_form("place"),
    )
