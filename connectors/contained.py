"""Reading a file that must lie inside a folder, whatever links appear meanwhile."""

import os
import stat
from pathlib import Path

from connectors.errors import RecordVanished, SourceUnreachable


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


def read_contained(root: Path, path: Path) -> bytes:
    """The bytes of `path`, which must still be an ordinary file inside `root`.

    Raises `RecordVanished` where this file can no longer be read, and
    `SourceUnreachable` where the whole folder went away.
    """
    try:
        regular_file(root, path)
        # A pipe put in its place since must not make us wait for a writer.
        descriptor = os.open(path.resolve(strict=True), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
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
