"""`quisait schema`: print the published schemas."""

import typer

from connectors.records.schema import json_schema
from quisait.commands.output import print_json
from quisait.settings.documentation import settings_page

schema_app = typer.Typer(help="Schémas publiés.", no_args_is_help=True)


@schema_app.command("export")
def schema_export() -> None:
    """Le schéma JSON des lignes d'un export."""
    print_json(json_schema())


@schema_app.command("settings")
def schema_settings() -> None:
    """La page de documentation des réglages (docs/reglages.md)."""
    print(settings_page(), end="")
