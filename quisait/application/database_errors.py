"""Errors of the state's database, as sentences that say what a person can do."""

import re
import sqlite3

import sqlalchemy as sa

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_CLOSED = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PASSWORD = re.compile(r"password|mot de passe", re.IGNORECASE)
"""Matches PostgreSQL's messages about a wrong or missing password, in English and in French."""
_DENIED = re.compile(r"pg_hba|authentication|authentification|role .{1,200} does not exist|rôle")
_NO_DATABASE = re.compile(r"database .{1,200} does not exist|base de données .{1,200} n'existe pas")


def database_remedy(error: sa.exc.SQLAlchemyError) -> str:
    """Return in French what is wrong with the database and what to do.

    The driver's text is left out, because it may contain the URL with its password.
    """
    driver = getattr(error, "orig", None)
    if isinstance(driver, sqlite3.Error):
        return _sqlite_remedy(driver)
    if not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return damaged_sentence(type(driver or error).__name__)
    text = str(driver)
    if _PASSWORD.search(text):
        return (
            "PostgreSQL refuse le mot de passe de la base d'état : vérifiez le compte de "
            "« database » et « database_password » (QUISAIT_DATABASE_PASSWORD, ou son fichier des "
            "secrets ; dans une URL, @ s'écrit %40, / %2F et : %3A)."
        )
    if _NO_DATABASE.search(text):
        return (
            "PostgreSQL n'a pas de base de ce nom pour l'état : vérifiez « database », ou créez-la."
        )
    if _DENIED.search(text):
        return (
            "PostgreSQL n'admet pas le compte de la base d'état : vérifiez le compte de "
            "« database », et que pg_hba.conf l'admet depuis cette machine."
        )
    return (
        f"La base d'état (PostgreSQL) ne répond pas ({type(driver).__name__}) : vérifiez qu'elle "
        "est démarrée, la machine et le port de « database », le réseau, et la place de son disque."
    )


def _sqlite_remedy(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _CLOSED:
        return (
            "La base d'état (state.sqlite) ne peut être ouverte ou écrite : vérifiez « folder », "
            "et les droits de ce compte sur ce dossier et ses fichiers."
        )
    if code in _BUSY:
        return (
            "La base d'état (state.sqlite) est occupée par un autre processus : relancez dans un "
            "moment."
        )
    if code == sqlite3.SQLITE_FULL:
        return "Le disque de la base d'état (state.sqlite) est plein : faites de la place."
    if code == sqlite3.SQLITE_IOERR:
        return (
            "La base d'état (state.sqlite) n'a pu être écrite : vérifiez la place, le quota de ce "
            "compte, puis le disque."
        )
    return damaged_sentence("state.sqlite" if code in _DAMAGED else type(error).__name__)


def damaged_sentence(what: str) -> str:
    """Return in French that the database is damaged, with the remedy. `what`: file or error."""
    return (
        f"La base d'état est abîmée, ou n'est pas celle de quisait ({what}) : vérifiez « database "
        "» et « folder ». Si c'est bien elle, arrêtez quisait, vérifiez le disque, gardez une "
        "copie de la base, puis remettez sa dernière copie ou restaurez une sauvegarde "
        "(docs/que-faire.md)."
    )
