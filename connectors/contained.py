"""Reading ordinary files only: no pipe nor device, nor what lies outside a given folder."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from connectors.bounded import SILENCE_S, within
from connectors.errors import RecordVanished, SourceRefused, SourceUnreachable

# A pipe would wait for who writes to it, a file that a server lent for who gives it back.
_WITHOUT_WAITING = os.O_RDONLY | os.O_NONBLOCK


class OutsideFolder(ValueError):
    """The path leads out of its folder, or is no ordinary file."""


def regular_file(root: Path, path: Path) -> os.stat_result:
    """Status of the ordinary file `path`, once it is certain that it lies inside `root`.

    Raises `OutsideFolder`, or OSError where it cannot be looked at.
    """
    real = path.resolve(strict=True)
    if not real.is_relative_to(root.resolve(strict=True)):
        raise OutsideFolder("son chemin sort du dossier")
    status = real.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OutsideFolder("ce n'est pas un fichier ordinaire")
    return status


def open_ordinary(path: Path) -> BinaryIO:
    """Open a file that the settings name. Raises OSError, or `SourceRefused` for a pipe."""
    opened = os.fdopen(os.open(path, _WITHOUT_WAITING), "rb")
    if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        return opened
    opened.close()
    raise SourceRefused(
        f"{path} n'est pas un fichier ordinaire (un tube, un périphérique) : déposez un fichier, "
        "ou corrigez le chemin."
    )


def read_ordinary(path: Path) -> bytes:
    """The bytes of such a file. Raises OSError, `SourceRefused` or `SourceUnreachable`."""

    def read() -> bytes:
        with open_ordinary(path) as opened:
            return opened.read()

    return within(SILENCE_S, read, silent(path))


def silent(path: Path) -> SourceUnreachable:
    """What a disk that never answers is told as."""
    return SourceUnreachable(
        f"Le disque de {path} ne répond plus : vérifiez le montage. Il sera relu plus tard."
    )


def read_contained(root: Path, path: Path) -> bytes:
    """The bytes of `path`, which must still be an ordinary file inside `root`.

    Raises `RecordVanished` where this file can no longer be read, and
    `SourceUnreachable` where the whole folder went away, or its disk does not answer.
    """
    return within(SILENCE_S, lambda: _read_contained(root, path), silent(root))


def _read_contained(root: Path, path: Path) -> bytes:
    try:
        regular_file(root, path)
        descriptor = os.open(path.resolve(strict=True), _WITHOUT_WAITING | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise OutsideFolder("ce n'est pas un fichier ordinaire")
            return opened.read()
    except (OSError, RuntimeError, OutsideFolder) as error:
        if not root.is_dir():
            raise SourceUnreachable(
                f"Le dossier {root} a disparu pendant la lecture : remettez-le en place, "
                "puis relancez."
            ) from error
        raise RecordVanished("Le fichier a disparu ou n'est plus lisible.") from error
