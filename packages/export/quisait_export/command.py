"""`quisait schema`: print the JSON Schema of an export's lines."""

import typer

from quisait.commands.output import print_json
from quisait_export.schema import json_schema

schema_app = typer.Typer(help="Schémas publiés.", no_args_is_help=True)


@schema_app.callback()
def schema() -> None:
    """Schémas publiés."""


@schema_app.command("export")
def schema_export() -> None:
    """Le schéma JSON des lignes d'un export."""
    print_json(json_schema())
