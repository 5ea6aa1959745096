"""Read regular files below a folder: no pipe, no device, no symbolic link.

The folder itself may be reached through links, since the settings name it. Below it no component of
a path may be a link. Each component is opened relative to the folder opened before it (`dir_fd`,
`O_NOFOLLOW`), so a folder that is replaced by a link in between is refused, not followed.
"""

import errno
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from connectors.ports import RecordVanished, SourceRefused, SourceUnreachable
from connectors.timeouts import DISK_TIMEOUT_S, call_with_timeout

# Without O_NONBLOCK, opening a pipe waits for a writer, and a leased file for its release.
_READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK

_TRAVERSE_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
"""O_PATH opens a folder without the right to list it."""
_LIST_FLAGS = os.O_RDONLY | os.O_DIRECTORY
_LINK_ERRORS = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)

FileStamp = tuple[int, int, int]
"""Size, mtime and ctime (ns) of a file. A stamp differs if the file was written to or replaced."""


class UnsafePath(ValueError):
    """The path leads out of its folder or through a link, or is not a regular file."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file's state at the time its readers were determined.

    `rule_stamps`: the paths (relative to the root) of the files that decide its readers,
    each with its stamp, or None if there was no such file.
    """

    size: int
    mtime_ns: int
    rule_stamps: tuple[tuple[str, FileStamp | None], ...] = ()


def regular_file_status(root: Path, path: str) -> os.stat_result:
    """Return the status of the regular file `path`, relative to `root` or absolute below it.

    Raises `UnsafePath`, OSError, or `SourceUnreachable` if the disk does not answer.
    """

    def status() -> os.stat_result:
        with _parent_folder(root, path) as (folder, name):
            return regular_status_at(folder, name)

    return call_with_timeout(DISK_TIMEOUT_S, status, disk_timeout_error(root))


def regular_status_at(folder: int, name: str) -> os.stat_result:
    """Return the status of a regular file of an open folder. Raises `UnsafePath` or OSError."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        raise _symlink_error()
    _check_regular(status)
    return status


def stamp_of(status: os.stat_result) -> FileStamp:
    """Return the size, mtime and ctime of a file's status."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def open_regular_file(path: Path, *, may_be_link: bool = True) -> BinaryIO:
    """Open a file that the settings name. Raises OSError, or `SourceRefused` if it is not regular.

    Pass `may_be_link=False` for a file inside a folder that the settings name.
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
    """Return the bytes of a file that the settings name.

    Raises OSError, `SourceRefused` or `SourceUnreachable`.
    """

    def read() -> bytes:
        with open_regular_file(path) as opened:
            return opened.read()

    return call_with_timeout(DISK_TIMEOUT_S, read, disk_timeout_error(path))


def disk_timeout_error(path: Path) -> SourceUnreachable:
    """Return the error to raise if the disk of `path` does not answer."""
    return SourceUnreachable(
        f"Le disque de {path} ne répond plus : vérifiez le montage. Il sera relu plus tard."
    )


def open_root(root: Path) -> AbstractContextManager[int]:
    """Open a folder that the settings name, to list it. Raises OSError."""
    return _closing(os.open(root, _LIST_FLAGS))


def open_subfolder(parent: int, name: str) -> AbstractContextManager[int]:
    """Open a subfolder of an open folder, to list it. Raises OSError, or `UnsafePath`."""
    return _closing(_open_below(parent, name, _LIST_FLAGS))


def read_file_at(folder: int, name: str, most: int | None = None) -> tuple[bytes, FileStamp]:
    """Return the bytes of a regular file of an open folder, and its stamp before the read.

    Raises `UnsafePath` or OSError (`EFBIG` if it has more than `most` bytes).
    """
    with os.fdopen(_open_below(folder, name, _READ_FLAGS), "rb") as opened:
        status = os.fstat(opened.fileno())
        _check_regular(status)
        content = opened.read(-1 if most is None else most + 1)
        if most is not None and len(content) > most:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return content, stamp_of(status)


def read_contained(root: Path, path: str, listed: FileState | None = None) -> bytes:
    """Return the bytes of `path`, which must still be a regular file inside `root`.

    If `listed` is given, the file and its rules must be unchanged since then: the text of one
    version never gets the readers of another.

    Raises `RecordVanished` if the file can no longer be read or has changed, and
    `SourceUnreachable` if the whole folder was removed or its disk does not answer.
    """
    return call_with_timeout(
        DISK_TIMEOUT_S, lambda: _read_contained(root, path, listed), disk_timeout_error(root)
    )


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file that is read piece by piece; all pieces come from the same version."""

    name: str
    size: int
    root: Path
    path: str
    listed: FileState
    file: BinaryIO

    def read(self, start: int, count: int) -> bytes:
        """Return 1 to `count` bytes from offset `start`, if the file and its rules are unchanged.

        Raises `RecordVanished` if they have changed since the listing, or `SourceUnreachable`.
        """
        timeout = disk_timeout_error(self.root)
        return call_with_timeout(DISK_TIMEOUT_S, lambda: self._read(start, count), timeout)

    def _read(self, start: int, count: int) -> bytes:
        try:
            piece = os.pread(self.file.fileno(), count, start)
            stamp = stamp_of(os.fstat(self.file.fileno()))
            same = _is_unchanged(self.root, self.path, stamp, self.listed)
        except (OSError, UnsafePath) as error:
            raise RecordVanished("Le fichier a disparu ou n'est plus lisible.") from error
        if not piece or not same:
            raise RecordVanished("Le fichier, ou une règle qui dit qui le lit, vient de changer.")
        return piece

    def __enter__(self) -> "OpenFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def open_contained(root: Path, path: str, listed: FileState) -> OpenFile:
    """Open a regular file inside `root`, if it and its rules are unchanged since `listed`.

    Raises `UnsafePath`, OSError, or `RecordVanished` if one of them has changed.
    """
    with _parent_folder(root, path) as (folder, name):
        file = os.fdopen(_open_below(folder, name, _READ_FLAGS), "rb")
    try:
        status = os.fstat(file.fileno())
        _check_regular(status)
        if not _is_unchanged(root, path, stamp_of(status), listed):
            raise RecordVanished("Le fichier, ou une règle qui dit qui le lit, vient de changer.")
    except BaseException:
        file.close()
        raise
    return OpenFile(name, status.st_size, root, path, listed, file)


def _read_contained(root: Path, path: str, listed: FileState | None) -> bytes:
    try:
        with _parent_folder(root, path) as (folder, name):
            content, stamp = read_file_at(folder, name)
        # Checked after the read, to notice changes during it.
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
    """Return whether the file that was read and its rules are as they were in the listing."""
    if read[:2] != (listed.size, listed.mtime_ns):
        return False
    return rules_unchanged(root, listed.rule_stamps, {}) and _stamp_below(root, path) == read


def rules_unchanged(
    root: Path,
    rule_stamps: Iterable[tuple[str, FileStamp | None]],
    now: dict[str, FileStamp | None],
) -> bool:
    """Return whether the files with access rules still have these stamps (see `FileState`).

    `now` caches current stamps by path for further calls. Raises OSError.
    """
    for path, stamp in rule_stamps:
        if path not in now:
            now[path] = _stamp_below(root, path)
        if now[path] != stamp:
            return False
    return True


def _stamp_below(root: Path, path: str) -> FileStamp | None:
    with _parent_folder(root, path) as (folder, name):
        return stamp_at(folder, name)


def stamp_at(folder: int, name: str) -> FileStamp | None:
    """Return the stamp of an entry of an open folder, or None if it does not exist."""
    try:
        return stamp_of(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None


@contextmanager
def _parent_folder(root: Path, path: str) -> Iterator[tuple[int, str]]:
    """Open the folder that contains `path`; yield its descriptor and the file's name."""
    *parents, name = _path_components(root, path)
    folder = os.open(root, _TRAVERSE_FLAGS)
    try:
        for component in parents:
            parent, folder = folder, _open_below(folder, component, _TRAVERSE_FLAGS)
            os.close(parent)
        yield folder, name
    finally:
        os.close(folder)


def _path_components(root: Path, path: str) -> list[str]:
    """Return the components of a path below the root.

    Without links, `..` can be resolved as text.
    """
    relative = posixpath.normpath(path)
    if posixpath.isabs(relative):
        if not Path(relative).is_relative_to(root):
            raise UnsafePath("son chemin sort du dossier")
        relative = str(Path(relative).relative_to(root))
    names = relative.split("/")
    if names[0] == "..":
        raise UnsafePath("son chemin sort du dossier")
    return names


def _open_below(folder: int, name: str, flags: int) -> int:
    """Open an entry of an open folder. Raises `UnsafePath` for a link."""
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


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
