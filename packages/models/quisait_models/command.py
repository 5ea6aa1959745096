"""`quisait model export`: write a model's folder for the « onnx » encoder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from indexer.encoding.onnx_encoder import CARD, TorchMissing
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
    stated = {"query": query_prompt, "passage": passage_prompt}
    prompts = {side: text for side, text in stated.items() if text is not None}
    with errors_as_sentences(), shown_progress("modèle", "étapes") as advance:
        said = export_model_directory(
            source, directory, int8=not floats, prompts=prompts, progress=advance
        )
    typer.echo("\n".join((*said, f"Modèle écrit dans {directory}.")))


def export_model_directory(
    source: Path,
    directory: Path,
    *,
    int8: bool,
    prompts: Mapping[str, str],
    progress: Callable[[int, int], None] = lambda _done, _steps: None,
) -> Sequence[str]:
    """Export the model in `source` for the ONNX encoder; return what was written, in French.

    Raises `ValueError` if the model cannot be exported, or if `directory` exists and is no model.
    """
    if directory.exists() and not (directory / CARD).is_file():
        raise ValueError(f"{directory} existe et n'est pas un modèle : rien n'a été remplacé.")
    try:
        from quisait_models.export_directory import export_directory, texts_of
    except ImportError as missing:
        raise ValueError(
            "Il faut les bibliothèques onnx et tokenizers : « pip install onnx tokenizers », dans "
            "l'environnement de quisait."
        ) from missing
    try:
        report = export_directory(source, directory, int8=int8, prompts=prompts, progress=progress)
    except TorchMissing as error:
        raise ValueError(
            f"{source} n'a pas de fichier ONNX, et il faut torch pour en faire un : installez "
            "sentence-transformers et onnx, ou donnez un dossier qui a onnx/model.onnx."
        ) from error
    return texts_of(report)
