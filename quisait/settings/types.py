"""Types of settings, and French messages for their errors."""

import errno
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings.exceptions import SettingsError

from connectors.faults import MESSAGES, expected
from connectors.options import Principal as Principal
from connectors.options import without_password

_UNITS_S = {"s": 1, "min": 60, "h": 3600, "j": 86400}
_WRITTEN = re.compile(r"(\d{1,6})\s*(s|min|h|j)")


def seconds_of(written: str) -> float:
    """Return a written duration in seconds. Raises `ValueError` if it is invalid or 0."""
    understood = _WRITTEN.fullmatch(written.strip())
    if not understood or not int(understood[1]):
        raise ValueError("écrivez une durée comme « 30 s », « 15 min », « 2 h » ou « 1 j »")
    return float(int(understood[1]) * _UNITS_S[understood[2]])


class SettingsTable(BaseModel):
    """A table of the settings' file, which refuses unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Secret = Annotated[str, Field(repr=False)]
"""Text that is never shown in a `repr` or in a message about settings."""

Address = Annotated[str, AfterValidator(without_password)]
"""Address of a server, without an account or a password, because messages show addresses."""


def _addresses(written: object) -> object:
    """Return one address or a tuple of addresses. Raises `ValueError` for anything else."""
    if isinstance(written, str):
        return without_password(written)
    if isinstance(written, list | tuple) and written and all(isinstance(w, str) for w in written):
        return tuple(map(without_password, written))
    raise ValueError('donnez une adresse, ou une liste d\'adresses : ["http://a", "http://b"]')


Addresses = Annotated[str | tuple[str, ...], BeforeValidator(_addresses)]
"""One or several addresses of the nodes of one server."""


def _duration(written: str) -> str:
    """Return the duration unchanged. Raises `ValueError` if it is not a duration."""
    seconds_of(written)
    return written


Duration = Annotated[str, AfterValidator(_duration)]

NEVER = "jamais"


def pace(written: str) -> str:
    """Return a duration, « jamais » or an empty text. Raises `ValueError` for anything else."""
    return written if written in ("", NEVER) else _duration(written)


_LIST = 'donnez une liste, entre crochets : ["a", "b"]'
_TABLE = "donnez une table de réglages, pas une valeur seule"
_MESSAGES = dict(MESSAGES) | {
    "extra_forbidden": "réglage inconnu : corrigez son nom, ou retirez-le",
    "missing": "réglage manquant : ajoutez-le",
    "string_type": "donnez un texte, entre guillemets",
    "bool_type": "donnez true ou false, sans guillemets",
    "bool_parsing": "donnez true ou false, sans guillemets",
    "list_type": _LIST,
    "set_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "value_error": "{error}",
    "assertion_error": "{error}",
}
"""Messages for settings, which are not written in JSON."""

_IN_PACKAGES = {
    "assistants": "quisait-mcp",
    "bot": "quisait-matrix",
    "desk": "quisait-desk",
    "ldap": "quisait-ldap",
    "mail": "quisait-mail",
    "mailbox": "quisait-mailbox",
    "reranker": "quisait-second-model",
    "webhooks": "quisait-webhooks",
    "written_answer": "quisait-written-answer",
}
"""The package of each table that an earlier version knew without it."""
_REMOVED: dict[tuple[int | str, ...], str] = {
    ("pages", "catalogue"): "ce réglage n'existe plus, les textes des pages ne se reformulent "
    "plus : retirez-le",
    ("search", "best_bets"): "les réponses en tête sont devenues des questions épinglées : retirez "
    "ce réglage, puis lancez « quisait expected import FICHIER --best-bets » avec ce fichier",
    **{
        (table,): f"cette table est celle du paquet « {package} », qui n'est pas installé : "
        "installez-le, ou retirez-la"
        for table, package in _IN_PACKAGES.items()
    },
}
"""Settings of earlier versions by their location, and the remedy if a file still has one."""

_DEFAULT_MESSAGE = "valeur refusée : docs/reglages.md dit ce qu'il attend"

_REASONS = {
    errno.EACCES: "accès refusé",
    errno.EPERM: "opération refusée",
    errno.EROFS: "disque en lecture seule",
    errno.ENOSPC: "plus de place sur le disque",
    errno.EDQUOT: "plus de place dans le quota",
    errno.EFBIG: "fichier trop grand, ou plus de place",
    errno.ENOENT: "introuvable",
    errno.ENOTDIR: "un fichier est à la place d'un dossier",
    errno.EEXIST: "un fichier est à la place d'un dossier",
    errno.EISDIR: "c'est un dossier",
    errno.ENAMETOOLONG: "nom trop long",
    errno.EIO: "erreur du disque",
}


def reason_of(error: OSError) -> str:
    """Return in French why the system refused, or the system's own message."""
    known = _REASONS.get(error.errno or 0)
    return known or error.strerror or type(error).__name__


def validation_messages(error: ValidationError, file: Path) -> list[str]:
    """Return one line per fault: the file or the variable, the setting, the remedy."""
    return [
        f"{_place(one['loc'], file)} : {_REMOVED.get(one['loc']) or _message(one)}"
        for one in error.errors()
    ]


def fault_lines(error: ValidationError) -> list[str]:
    """Return one line per fault of a table outside the settings: the field and the remedy."""
    return [f"{'.'.join(map(str, place))} : {said}" for place, said in faults_by_place(error)]


def faults_by_place(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """Return (location, remedy) per fault; the location is empty for settings that conflict."""
    return [(one["loc"], _message(one)) for one in error.errors()]


def unreadable_message(error: Exception, file: Path) -> str:
    """Return in French why the settings could not be read at all, and the remedy."""
    if isinstance(error, tomllib.TOMLDecodeError):
        found = re.search(r"at line (\d+), column (\d+)", str(error))
        where = "ligne {}, colonne {}".format(*found.groups()) if found else "à sa fin"
        return (
            f"{file} n'est pas du TOML ({where}) : un texte s'écrit entre guillemets, une table "
            "entre crochets, chaque nom et chaque table une seule fois."
        )
    if isinstance(error, UnicodeDecodeError):
        return f"{file} n'est pas en UTF-8 : enregistrez-le de nouveau dans ce codage."
    if isinstance(error, SettingsError):
        found = re.search(r'field "(\w+)"', str(error))
        name = f"QUISAIT_{found[1].upper()}" if found else "QUISAIT_…"
        given = sorted(variable for variable in os.environ if variable.upper().startswith(name))
        return (
            f"{', '.join(given) or name} : une liste ou une table se donne en JSON dans une "
            'variable, comme ["a", "b"].'
        )
    return str(error)


def _place(loc: Sequence[int | str], file: Path) -> str:
    """Return the setting's location in the file, or its variable if one is set.

    For settings that conflict, return only the file: the message names them.
    """
    name = ".".join(map(str, loc))
    for end in range(len(loc), 0, -1):
        variable = f"QUISAIT_{'__'.join(map(str, loc[:end]))}".upper()
        if variable in os.environ:
            return f"{variable} ({name})"
    return f"{file} : {name}" if name else str(file)


def _message(error: Mapping[str, Any]) -> str:
    return expected(error, _MESSAGES, _DEFAULT_MESSAGE)
