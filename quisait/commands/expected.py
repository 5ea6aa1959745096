"""`quisait expected`: import and export the questions that documents answer."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from quisait.application.opening import Opening
from quisait.application.startup import opened_application
from quisait.commands.output import AsJson, show
from quisait.privacy.retention import audit_command
from quisait.work.expected import ImportReport, export_questions, import_questions
from search_api.plain_text import safe_json
from search_api.wording import plural

expected_app = typer.Typer(
    help="Les questions attendues d'un document : les importer, les exporter.",
    no_args_is_help=True,
)


@expected_app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FICHIER", help="CSV avec en-têtes, ou JSON par ligne")
    ],
    best_bets: Annotated[
        bool,
        typer.Option(
            "--best-bets", help="Le fichier est l'ancien [search] best_bets : questions épinglées"
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ajoute les questions d'un fichier à leurs documents ; tout, ou rien s'il a une faute."""
    with opened_application(Opening.WRITE) as application:
        try:
            written = file.read_text("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError(f"{file} n'est pas en UTF-8 : enregistrez-le ainsi.") from None
        report = import_questions(application, written, best_bets=best_bets)
    show(report, as_json, _import_text)


def _import_text(report: ImportReport) -> str:
    added = plural("{num} question ajoutée", "{num} questions ajoutées", report.added)
    left = "".join(f"\nLaissée de côté, {line}" for line in report.left)
    return f"{added} ; déjà connues : {report.known}. « quisait run » les met dans l'index.{left}"


@expected_app.command("export")
def export_file() -> None:
    """Écrit toutes les questions attendues, en JSON par ligne, sur la sortie."""
    with opened_application(Opening.READ) as application:
        audit_command(application.privacy, "quisait expected export")
        for line in export_questions(application):
            sys.stdout.write(f"{safe_json(line)}\n")
