"""Start of every command: settings, logs, the application, and readable errors.

An error that a person can correct is printed as a sentence, without a traceback, and sets the exit
status.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic import ValidationError

from connectors.ports import SourceError
from indexer.errors import IndexerError
from quisait.application.logs import set_up_logs
from quisait.application.opening import Opening
from quisait.settings import Settings, load_settings, settings_file
from quisait.settings.files import account
from quisait.settings.types import reason_of, unreadable_message, validation_messages

if TYPE_CHECKING:
    import sqlalchemy as sa

    from quisait.application.assembly import Application


@contextmanager
def opened_application(opening: Opening) -> Iterator["Application"]:
    """Open the application of the settings; errors in the block are printed as sentences."""
    # Imported here: it takes a second, and a command that only shows its help opens nothing.
    from quisait.application.assembly import open_application

    with errors_as_sentences(), open_application(read_settings(), opening) as application:
        yield application


@contextmanager
def opened_state(opening: Opening) -> Iterator[tuple[Settings, "sa.Engine"]]:
    """Open the settings and the state's database for a command that needs no index or encoder.

    Errors in the block are printed as sentences.
    """
    from quisait.application.database import opened_database  # imported here: see above

    with errors_as_sentences():
        settings = read_settings()
        with opened_database(settings, opening) as database:
            yield settings, database


def read_settings(*, without_file: bool = False) -> Settings:
    """Return the settings and set up the logs; print faulty settings, then exit with status 2.

    Without a settings file the command stops, so that a command run in the wrong folder makes no
    index there. `without_file` allows default settings, for commands that store nothing in the
    folder.
    """
    file = settings_file()
    try:
        if not without_file and not file.is_file():
            raise ValueError(
                f"Pas de {file} ici ({Path.cwd()}) : rien n'a été écrit. Placez-vous dans le "
                "dossier de quisait, ou nommez le fichier (quisait --config CHEMIN …, ou "
                "QUISAIT_FILE) ; pour commencer, « quisait init » en écrit un."
            )
        settings = load_settings()
    except ValidationError as error:
        print("\n".join(validation_messages(error, file)), file=sys.stderr)
        raise typer.Exit(2) from None
    except ValueError as error:
        print(unreadable_message(error, file), file=sys.stderr)
        raise typer.Exit(2) from None
    except OSError as error:
        print(
            f"{file} ne peut être lu ({reason_of(error)}) : donnez-en la lecture à ce compte "
            f"({account()}).",
            file=sys.stderr,
        )
        raise typer.Exit(2) from None
    set_up_logs(settings.log.format, settings.log.level)
    return settings


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Print errors that a person can correct as one sentence, and exit with status 1."""
    try:
        yield
    except BrokenPipeError:
        # The reader of the output (« | head ») has closed it: discard the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except Exception as error:
        if (sentence := _sentence_of(error)) is None:
            raise
        print(sentence, file=sys.stderr)
        raise typer.Exit(1) from None


def _sentence_of(error: Exception) -> str | None:
    """Return in French what a person can do about an error; None for an unexpected error."""
    from sqlalchemy import exc  # imported here: a command without an error may not need it

    match error:
        case SourceError() | IndexerError() | ValueError():
            return str(error)
        case OSError():
            return (
                f"{error.filename or 'un fichier'} ne peut être ouvert ou écrit "
                f"({reason_of(error)}) : vérifiez le chemin, les droits de ce compte "
                f"({account()}) et la place sur le disque."
            )
        case exc.SQLAlchemyError():
            from quisait.application.database_errors import database_remedy

            return database_remedy(error)
        case _:
            return None
