"""`quisait init`: write a first settings file."""

import sys
from typing import Annotated

import typer

from quisait.settings import settings_file
from quisait.settings.documentation import SHORT_FILE, initial_file
from quisait.settings.types import reason_of


def init(
    shown: Annotated[
        bool, typer.Option("--print", help="L'écrire sur la sortie, pour un conteneur")
    ] = False,
    short: Annotated[
        bool, typer.Option("--short", help="Vingt lignes : ce qu'il faut pour commencer")
    ] = False,
) -> None:
    """Écrit un quisait.toml commenté dans le dossier courant."""
    text = SHORT_FILE if short else initial_file()
    if shown:
        print(text, end="")
        return
    path = settings_file()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        print(f"{path} existe déjà : rien n'a été écrit.", file=sys.stderr)
        raise typer.Exit(1) from None
    except OSError as error:
        print(f"{path} ne peut être écrit ({reason_of(error)}).", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"{path} écrit. Complétez-le, puis lancez « quisait check ».")
