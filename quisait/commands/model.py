"""`quisait model export`: write a model's folder for the « onnx » encoder."""

from pathlib import Path
from typing import Annotated

import typer

from quisait.application.progress import shown_progress
from quisait.application.startup import errors_as_sentences

model_app = typer.Typer(help="Modèles d'encodage.", no_args_is_help=True)


@model_app.command("export")
def model_export(
    directory: Annotated[Path, typer.Argument(help="Dossier à écrire")],
    source: Annotated[
        Path,
        typer.Option(
            "--from", help="Dossier d'un modèle (sentence-transformers, transformers ou ONNX)"
        ),
    ],
    floats: Annotated[
        bool, typer.Option("--float", help="Garder les nombres réels : plus lent, plus gros")
    ] = False,
    query_prompt: Annotated[
        str | None, typer.Option(help="Ce qui précède une question ; sinon, ce qu'en dit le modèle")
    ] = None,
    passage_prompt: Annotated[
        str | None, typer.Option(help="Ce qui précède un passage ; sinon, ce qu'en dit le modèle")
    ] = None,
) -> None:
    """Écrit un modèle que sert l'encodeur « onnx » (extra torch, sauf s'il est déjà en ONNX)."""
    # Imported here, so that `--help` is quick.
    from quisait.application.engines import export_model_directory

    stated = {"query": query_prompt, "passage": passage_prompt}
    prompts = {side: text for side, text in stated.items() if text is not None}
    with errors_as_sentences(), shown_progress("modèle", "étapes") as advance:
        said = export_model_directory(
            source, directory, int8=not floats, prompts=prompts, progress=advance
        )
    print("\n".join((*said, f"Modèle écrit dans {directory}.")))
