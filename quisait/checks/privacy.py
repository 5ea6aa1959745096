"""Checks of secrets, of the register of deletions, and of withdrawn accesses."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import sqlalchemy as sa

from expertise.directory_tables import agents
from indexer import sql
from indexer.state import State
from quisait.application.database import open_access_marks, opened_database
from quisait.application.opening import Opening
from quisait.application.sources import has_directory
from quisait.checks.attempt import Check, ToReview, attempt
from quisait.clock import now
from quisait.privacy.accesses import LABELS, OF_DIRECTORY
from quisait.privacy.retention import open_register
from quisait.settings import Settings, beside_file, unknown_variables
from quisait.settings.files import account, exposed_secret_files
from quisait.work.source_status import backup_state

EMPTIED_SHOWN_DAYS = 30
"""Number of days for which the check reports that accesses were deleted."""


def privacy_checks(settings: Settings) -> Iterator[Check]:
    """Check secrets, variables of the environment, register and accesses."""
    yield attempt("secrets", partial(_check_secrets, settings))
    if unknown := unknown_variables():
        yield Check("variables", False, f"aucun réglage de ce nom : {', '.join(unknown)}")
    yield attempt("registre", partial(_check_register, settings))
    yield attempt("accès", partial(_check_accesses, settings))
    yield attempt("sauvegarde", partial(_check_backup, settings))


def _check_secrets(settings: Settings) -> str:
    """Raise `ToReview` for secrets that others may read.

    That is no failure: everyone in a container may read its mounted files.
    """
    if found := exposed_secret_files(settings):
        raise ToReview(f"lisibles par tous : {', '.join(found)} (chmod 600)")
    return "à l'abri"


def _check_backup(settings: Settings) -> str:
    with opened_database(settings, Opening.READ) as database:
        try:
            return backup_state(State(database))
        except ValueError as error:
            raise ToReview(str(error)) from error


def _check_register(settings: Settings) -> str:
    """Read the whole register of deletions, and test that it can be written."""
    with opened_database(settings, Opening.READ) as database:
        register = open_register(settings, database)
        register.try_writing()
        for _ in register.lines():
            pass
        waits = register.waiting()
    inside = register.path.is_relative_to(beside_file(settings.folder))
    facts = [
        str(register.path),
        f"{waits} faits à y noter, à la prochaine lecture" if waits else "",
        "dans le dossier de la base : une restauration l'écraserait" if inside else "",
    ]
    told = " ; ".join(filter(None, facts))
    if inside:
        raise ToReview(told)
    return told


def _check_accesses(settings: Settings) -> str:
    """Check that revocations are recorded; return which accesses a restored database has lost."""
    with opened_database(settings, Opening.READ) as database:
        marks = open_access_marks(settings, database)
        if mismatch := marks.mismatch() or open_register(settings, database).mismatch():
            raise ValueError(mismatch)
        emptied = marks.emptied(now() - timedelta(days=EMPTIED_SHOWN_DAYS))
        unread = sql.first(database, sa.select(agents.c.key).limit(1)) is None
        if marks.behind():
            raise ValueError(
                f"{marks.path} ne peut être écrit : une base restaurée rendrait les accès retirés "
                f"depuis. Donnez-en l'écriture à ce compte ({account()})"
            )
    if unread and OF_DIRECTORY in {one.kind for one in emptied} and has_directory(settings):
        raise ValueError(
            "le service a effacé l'annuaire avec les autres accès (base remise d'une copie, ou "
            "repères du registre absents) : personne ne lit avant qu'il soit relu (« quisait "
            "directory read »)"
        )
    if not emptied:
        return "retraits notés"
    names = ", ".join(LABELS[one.kind] for one in emptied)
    day = max(one.moment for one in emptied).date()
    return (
        f"retraits notés ; effacés le {day:%d/%m/%Y} par le service (base remise d'une copie, ou "
        f"repères du registre absents) : {names}"
    )
