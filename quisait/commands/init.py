"""`quisait init`: write a first settings file, and the key that signs tokens."""

import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from quisait.settings import SECRETS_FOLDER, beside_file, secrets_folder, settings_file
from quisait.settings.documentation import SHORT_FILE, initial_file
from quisait.settings.files import private_files
from quisait.settings.types import reason_of

KEY_FILE = "server__token_key"


def init(
    shown: Annotated[
        bool, typer.Option("--print", help="L'écrire sur la sortie, pour un conteneur")
    ] = False,
    short: Annotated[
        bool, typer.Option("--short", help="Vingt lignes : ce qu'il faut pour commencer")
    ] = False,
) -> None:
    """Écrit un quisait.toml commenté dans le dossier courant, et la clé des jetons."""
    text = SHORT_FILE if short else initial_file()
    if shown:
        print(text, end="")
        return
    path = settings_file()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        key_file = _write_key()
    except FileExistsError:
        print(f"{path} existe déjà : rien n'a été écrit.", file=sys.stderr)
        raise typer.Exit(1) from None
    except OSError as error:
        name = error.filename or path
        print(f"{name} ne peut être écrit ({reason_of(error)}).", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"{path} écrit, avec la clé qui signe les jetons : {key_file}.")
    print("Complétez-le, puis lancez « quisait check ».")


def _write_key() -> Path:
    """Return the path of the token key's file, which is written unless it exists.

    Raises `OSError`.
    """
    folder = secrets_folder() or beside_file(SECRETS_FOLDER)
    with private_files():
        folder.mkdir(exist_ok=True)
        with suppress(FileExistsError), (folder / KEY_FILE).open("x", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
    return folder / KEY_FILE
