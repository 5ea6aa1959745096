"""Read regular files below a folder: no pipe, no device, no symbolic link.

The folder itself may be reached through links, since the settings name it. Below it no
component of a path may be a link. Each component is opened relative to the folder opened
before it (`dir_fd`, `O_NOFOLLOW`), so a folder that is replaced by a link in between is
refused, not followed.
"""

import errno
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from connectors.ports import RecordVanished, SourceRefused, SourceUnreachable
from connectors.timeouts import DISK_TIMEOUT_S, call_with_timeout

# A pipe would wait for who writes to it, a file that a server lent for who gives it back.
_READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK

_TRAVERSE_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
"""To open what is below a folder, its names need not be readable."""
_LIST_FLAGS = os.O_RDONLY | os.O_DIRECTORY
_LINK_ERRORS = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)

FileStamp = tuple[int, int, int]
"""Size, and times of the last change of content and of status (ns): another one, another file."""


class UnsafePath(ValueError):
    """The path leads out of its folder or through a link, or is no ordinary file."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was when its readers were decided.

    `ruled_by`: the paths (relative to the root) at which a file would change its readers,
    each with its stamp, None where no file was there.
    """

    size: int
    mtime_ns: int
    ruled_by: tuple[tuple[str, FileStamp | None], ...] = ()


def regular_file_status(root: Path, path: str) -> os.stat_result:
    """Status of the ordinary file `path`, relative to `root` or absolute below it.

    Raises `OutsideFolder`, OSError where it cannot be looked at, or `SourceUnreachable`
    where the disk does not answer.
    """

    def look() -> os.stat_result:
        with _parent_folder(root, path) as (folder, name):
            return regular_status_at(folder, name)

    return call_with_timeout(DISK_TIMEOUT_S, look, disk_timeout_error(root))


def regular_status_at(folder: int, name: str) -> os.stat_result:
    """Status of the ordinary file `name` of an open folder. Raises `OutsideFolder` or OSError."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        raise _symlink_error()
    _check_regular(status)
    return status


def stamp_of(status: os.stat_result) -> FileStamp:
    """What differs once a file is written to, or another takes its place."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def open_regular_file(path: Path, *, may_be_link: bool = True) -> BinaryIO:
    """Open a file that the settings name. Raises OSError, or `SourceRefused` for a pipe.

    Of the files of a folder that the settings name, none `may_be_link`.
    """
    flags = _READ_FLAGS | (0 if may_be_link else os.O_NOFOLLOW)
    opened = os.fdopen(os.open(path, flags), "rb")
    if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        return opened
    opened.close()
    raise SourceRefused(
        f"{path} n'est pas un fichier ordinaire (un tube, un périphérique) : déposez un fichier, "
        "ou corrigez le chemin."
    )


def read_regular_file(path: Path) -> bytes:
    """The bytes of such a file. Raises OSError, `SourceRefused` or `SourceUnreachable`."""

    def read() -> bytes:
        with open_regular_file(path) as opened:
            return opened.read()

    return call_with_timeout(DISK_TIMEOUT_S, read, disk_timeout_error(path))


def disk_timeout_error(path: Path) -> SourceUnreachable:
    """What a disk that never answers is told as."""
    return SourceUnreachable(
        f"Le disque de {path} ne répond plus : vérifiez le montage. Il sera relu plus tard."
    )


@contextmanager
def open_root(root: Path) -> Iterator[int]:
    """A folder that the settings name, opened to be listed. Raises OSError."""
    yield from _closing(os.open(root, _LIST_FLAGS))


@contextmanager
def open_subfolder(parent: int, name: str) -> Iterator[int]:
    """A folder of an open one, opened to be listed. Raises OSError, or `OutsideFolder`."""
    yield from _closing(_open_below(parent, name, _LIST_FLAGS))


def read_file_at(folder: int, name: str, most: int | None = None) -> tuple[bytes, FileStamp]:
    """The bytes of an ordinary file of an open folder, and its stamp before they were read.

    Raises `OutsideFolder` or OSError, `EFBIG` where it has more than `most` bytes.
    """
    with os.fdopen(_open_below(folder, name, _READ_FLAGS), "rb") as opened:
        status = os.fstat(opened.fileno())
        _check_regular(status)
        content = opened.read(-1 if most is None else most + 1)
        if most is not None and len(content) > most:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return content, stamp_of(status)


def read_contained(root: Path, path: str, listed: FileState | None = None) -> bytes:
    """The bytes of `path`, which must still be an ordinary file inside `root`.

    Where `listed` is given, the file and what rules it must still be as they were: the
    text of another version does not get the readers of that one.

    Raises `RecordVanished` where this file can no longer be read or has changed, and
    `SourceUnreachable` where the whole folder went away, or its disk does not answer.
    """
    return call_with_timeout(
        DISK_TIMEOUT_S, lambda: _read_contained(root, path, listed), disk_timeout_error(root)
    )


def _read_contained(root: Path, path: str, listed: FileState | None) -> bytes:
    try:
        with _parent_folder(root, path) as (folder, name):
            content, stamp = read_file_at(folder, name)
        # Looked at after the reading: what changed before it is seen then.
        same = listed is None or _is_unchanged(root, path, stamp, listed)
    except (OSError, UnsafePath) as error:
        if not root.is_dir():
            raise SourceUnreachable(
                f"Le dossier {root} a disparu pendant la lecture : remettez-le en place, "
                "puis relancez."
            ) from error
        raise RecordVanished("Le fichier a disparu ou n'est plus lisible.") from error
    if not same:
        raise RecordVanished(
            "Le fichier, ou une règle qui dit qui le lit, a changé pendant la lecture."
        )
    return content


def _is_unchanged(root: Path, path: str, read: FileStamp, listed: FileState) -> bool:
    """Whether the file that was read is the one that was listed, and so is what rules it."""
    if read[:2] != (listed.size, listed.mtime_ns):
        return False
    if any(_stamp_below(root, rule) != stamp for rule, stamp in listed.ruled_by):
        return False
    return _stamp_below(root, path) == read


def _stamp_below(root: Path, path: str) -> FileStamp | None:
    with _parent_folder(root, path) as (folder, name):
        return stamp_at(folder, name)


def stamp_at(folder: int, name: str) -> FileStamp | None:
    """The stamp of what bears that name in an open folder, None where nothing does."""
    try:
        return stamp_of(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None


@contextmanager
def _parent_folder(root: Path, path: str) -> Iterator[tuple[int, str]]:
    """The folder that holds `path`, opened from the root down, and the name it has in there."""
    *above, name = _path_components(root, path)
    folder = os.open(root, _TRAVERSE_FLAGS)
    try:
        for one in above:
            former, folder = folder, _open_below(folder, one, _TRAVERSE_FLAGS)
            os.close(former)
        yield folder, name
    finally:
        os.close(folder)


def _path_components(root: Path, path: str) -> list[str]:
    """The components of a path below the root. Without links `..` is what it is written as."""
    below = posixpath.normpath(path)
    if posixpath.isabs(below):
        if not Path(below).is_relative_to(root):
            raise UnsafePath("son chemin sort du dossier")
        below = str(Path(below).relative_to(root))
    names = below.split("/")
    if names[0] == "..":
        raise UnsafePath("son chemin sort du dossier")
    return names


def _open_below(folder: int, name: str, flags: int) -> int:
    """Open what bears that name in an open folder, unless it is a link."""
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        if error.errno in _LINK_ERRORS and _is_link(folder, name):
            raise _symlink_error() from error
        raise


def _is_link(folder: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _symlink_error() -> UnsafePath:
    return UnsafePath(
        "son chemin passe par un lien symbolique : mettez le fichier ou le dossier à sa place"
    )


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsafePath("ce n'est pas un fichier ordinaire")


def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
