"""Add a table at the end of the settings' file, without changing the rest of the file."""

import fcntl
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from stat import S_IMODE
from threading import Lock
from typing import Any

from pydantic import ValidationError

from quisait.settings import Settings, settings_file
from quisait.settings.documentation import toml_value
from quisait.settings.files import account, write_whole
from quisait.settings.types import reason_of, validation_messages

SOURCES_VARIABLE = "QUISAIT_SOURCES"
_WRITE_BITS = 0o222
_WRITING = Lock()


def source_table(values: Mapping[str, Any], day: str) -> str:
    """Return a source as a TOML table, followed by the table of its options."""
    lines = [f"# Ajoutée le {day}.", "[[sources]]"]
    lines += [f"{name} = {toml_value(one)}" for name, one in values.items() if name != "options"]
    if options := values.get("options"):
        lines += ["", "[sources.options]"]
        lines += [f"{name} = {toml_value(one)}" for name, one in options.items()]
    return "\n".join(lines) + "\n"


def sources_in_file() -> list[dict[str, Any]]:
    """Return the tables of the sources in the file, without those that lack a name or kind.

    Empty if the file is not readable TOML.
    """
    try:
        found = tomllib.loads(settings_file().read_text("utf-8")).get("sources", [])
    except (OSError, ValueError):
        return []
    tables = found if isinstance(found, list) else []
    return [
        one
        for one in tables
        if isinstance(one, dict) and all(isinstance(one.get(key), str) for key in ("name", "kind"))
    ]


def why_locked() -> str:
    """Return in French why this process may not write the file; empty if it may."""
    path = settings_file().resolve()
    if os.environ.get(SOURCES_VARIABLE):
        return (
            f"Les sources viennent de la variable {SOURCES_VARIABLE}, qui l’emporte sur le "
            "fichier : ajoutez-y celle-ci."
        )
    try:
        found = path.stat()
    except OSError as error:
        return f"{path} ne peut pas être lu ({reason_of(error)}) : ajoutez la table à la main."
    # Replacing a file needs only its folder's write bits: its own are checked here.
    if not found.st_mode & _WRITE_BITS or not os.access(path, os.W_OK):
        return f"{path} est en lecture seule pour ce service (compte {account()})."
    if found.st_uid != os.geteuid():
        return f"{path} est d’un autre compte que ce service ({account()})."
    if not os.access(path.parent, os.W_OK):
        return f"Le dossier {path.parent} est en lecture seule pour ce service ({account()})."
    return ""


def add_table(table: str, now: datetime) -> Path:
    """Add a table at the end if the file stays valid; return the path of a copy of the former file.

    Otherwise raises `ValueError` with a sentence, without changing the file.
    """
    path = settings_file().resolve()
    try:
        with _WRITING, _lock_for_additions(path.parent):
            before = path.read_bytes()
            text = before.decode("utf-8")
            end = "" if text.endswith("\n") or not text else "\n"
            # Use the file's own line endings, so that they stay uniform.
            added = f"{end}\n{table}"
            if "\r\n" in text:
                added = added.replace("\n", "\r\n")
            after = text + added
            _check(after, path)
            mode = S_IMODE(path.stat().st_mode)
            copy = _free(path.with_name(f"{path.name}.{now:%Y%m%d-%H%M%S}.bak"))
            write_whole(copy, before, mode)
            if path.read_bytes() != before:
                raise ValueError(
                    f"{path.name} vient d’être modifié : rien n’est écrit, recommencez."
                )
            write_whole(path, after.encode(), mode)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} n’est pas en UTF-8 : rien n’est écrit.") from error
    except OSError as error:
        raise ValueError(
            f"{path} ne peut pas être écrit ({reason_of(error)}) : rien n’est changé. Collez la "
            "table à la fin du fichier, sur la machine."
        ) from error
    return copy


@contextmanager
def _lock_for_additions(folder: Path) -> Iterator[None]:
    """Exclude other processes of this machine that add a table."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _free(path: Path) -> Path:
    """Return the path, or the first free path with a number, so that no copy is replaced."""
    numbered = (path.with_name(f"{path.stem}-{one}{path.suffix}") for one in count(2))
    return next(one for one in chain([path], numbered) if not one.exists())


def _check(text: str, path: Path) -> None:
    """Raise `ValueError` if the text would not be valid settings."""
    try:
        Settings(**tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(
            f"Ajoutée à la fin de {path.name}, la table n’y serait pas lue : le fichier a déjà "
            "« sources = » en tête, ou n’est pas du TOML. Rien n’est écrit : ajoutez-la à la main."
        ) from error
    except ValidationError as error:
        told = " ; ".join(validation_messages(error, path))
        raise ValueError(f"Rien n’est écrit, les réglages ne seraient plus lus : {told}") from error
