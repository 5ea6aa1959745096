"""What a house keeps for and about its agents' privacy, in the state's database."""

from dataclasses import dataclass

import sqlalchemy as sa

from expertise.sql_consent import SqlConsent
from quisait.journaling import now
from quisait.privacy.register import (
    DatabaseMark,
    FileMark,
    FileRegister,
    Mark,
    RegisterUnusable,
    Waiting,
)
from quisait.settings import Settings, beside_file
from quisait.settings.roles import grant_of
from search_api.audit.sql import SqlAudit
from search_api.identity.grants import Grants


@dataclass(frozen=True, slots=True)
class Privacy:
    """Who holds which role, the audit of what they read by it, and what agents ask.

    `register` keeps, outside of the database, what a restored one must be told.
    """

    grants: Grants
    audit: SqlAudit
    consent: SqlConsent
    register: FileRegister


def open_privacy(settings: Settings, database: sa.Engine) -> Privacy:
    """As the settings say."""
    grants = Grants(tuple(map(grant_of, settings.roles)))
    audit = SqlAudit(database, now, settings.privacy.audit_days)
    register = open_register(settings, database)
    return Privacy(grants, audit, SqlConsent(database, now, register), register)


def open_register(settings: Settings, database: sa.Engine) -> FileRegister:
    """The register, and the marks of the database and of an index that is in the folder."""
    known_by: list[Mark] = [DatabaseMark(database)]
    if settings.index.engine == "embedded":
        known_by.append(FileMark(beside_file(settings.folder) / "index" / "register.mark"))
    privacy = settings.privacy
    path, waiting = beside_file(privacy.register_file), Waiting(database)
    return FileRegister(path, known_by, now, privacy.backup_days, waiting)


def not_noted(register: FileRegister) -> str:
    """What to say where the register lacks lines, and what a person can do; empty otherwise."""
    if not (count := register.complete()):
        return ""
    try:
        register.try_writing()
        why = "Relancez la commande : le fichier vient d'être rendu."
    except RegisterUnusable as error:
        why = f"{error} La lecture suivante le complète d'elle-même."
    return (
        f"Registre des suppressions, faits qui attendent d'y être notés : {count}. Ce qui est "
        "supprimé, fermé ou retiré l'est dès maintenant pour tous les lecteurs, mais une "
        f"sauvegarde restaurée le ramènerait. {why}"
    )
