"""What a person can mend is told in a sentence, with an exit status and no trace."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
import typer
from pydantic import ValidationError

from connectors.errors import SourceError
from indexer.errors import IndexerError
from quisait.assembly import House, open_house
from quisait.logs import set_up_logs
from quisait.settings import Settings, load_settings, settings_file
from quisait.settings.faults import sentences


@contextmanager
def opened_house() -> Iterator[House]:
    """The house of the settings; what goes wrong inside the block is told in a sentence."""
    with in_sentences(), open_house(read_settings()) as house:
        yield house


def read_settings() -> Settings:
    """The settings, or their faults one a line and exit status 2. Journals follow them."""
    try:
        settings = load_settings()
    except ValidationError as error:
        print("\n".join(sentences(error, settings_file())), file=sys.stderr)
        raise typer.Exit(2) from None
    except ValueError as error:  # not TOML, or a variable that is not the JSON of its list
        print(
            f"{settings_file()} : ce n'est pas du TOML, ou une variable QUISAIT_… est mal écrite "
            f"({error}).",
            file=sys.stderr,
        )
        raise typer.Exit(2) from None
    set_up_logs(settings.log.format, settings.log.level)
    return settings


@contextmanager
def in_sentences() -> Iterator[None]:
    """A fault that a person can mend is a sentence and an exit status, not a trace."""
    try:
        yield
    except (SourceError, IndexerError, ValueError, FileNotFoundError) as error:
        print(str(error), file=sys.stderr)
        raise typer.Exit(1) from None
    except sa.exc.OperationalError as error:
        print(
            f"La base d'état ne répond pas ({type(error.orig).__name__}) : vérifiez « database », "
            "que cette base est ouverte et que son disque a de la place.",
            file=sys.stderr,
        )
        raise typer.Exit(1) from None
