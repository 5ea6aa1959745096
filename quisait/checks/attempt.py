"""The result of a check, and how an error becomes one."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from connectors.ports import SourceError
from indexer.errors import IndexerError
from quisait.application.database_errors import database_remedy
from quisait.settings.types import reason_of

MOST_LISTED = 3
"""Most items that are named one by one."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `detail` describes the result, or is the remedy.

    `to_review`: the check passed, but a person should look at `detail`.
    """

    name: str
    passed: bool
    detail: str
    to_review: bool = False


class ToReview(ValueError):
    """Raised by a check that passed; its text says what a person should look at."""


def attempt(name: str, check: Callable[[], str]) -> Check:
    """Run a check, which returns what it saw or raises an error with the remedy."""
    try:
        return Check(name, True, check())
    except ToReview as review:
        return Check(name, True, str(review), to_review=True)
    except (SourceError, IndexerError, ValueError) as error:
        remedy = str(error).splitlines()[0]
    except OSError as error:
        where = error.filename or "un fichier"
        remedy = f"{where} ({reason_of(error)}) : vérifiez le chemin et les droits"
    except sa.exc.SQLAlchemyError as error:
        remedy = database_remedy(error)
    return Check(name, False, remedy)
