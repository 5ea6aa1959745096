"""Close quisait's files, and files of secrets, to other accounts of the machine.

Read `private_files` first. An index contains the text of restricted documents.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from quisait.features import installed_features
from quisait.settings import Settings, beside_file, secrets_folder, settings_file
from quisait.settings.types import reason_of as reason_of

LOCKS_FOLDER = "locks"
"""Name of the folder of lock files in the settings' folder, used if the state is in SQLite."""
RESTORING = "restoring"
"""Name of the folder that exists in the settings' folder while a backup is being restored. The
application may not be opened meanwhile.
"""
RANKER_FILE = "ranker.json"
"""Name of the file in the settings' folder with the ranker learned by `quisait tune`."""
OTHERS_READ_OR_WRITE = stat.S_IROTH | stat.S_IWOTH


def ranker_path(settings: Settings) -> Path:
    """Return the file in which `quisait tune` stores the learned ranker."""
    return beside_file(settings.folder) / RANKER_FILE


def exposed_secret_files(settings: Settings) -> list[str]:
    """Return the sorted paths of secret files that every account can read or change."""
    return sorted({str(path) for path in _secret_files(settings) if _is_exposed(path)})


def _secret_files(settings: Settings) -> Iterator[Path]:
    if folder := secrets_folder():
        yield from (path for path in folder.iterdir() if path.is_file())
    yield from (
        beside_file(source.password_file) for source in settings.sources if source.password_file
    )
    for feature in installed_features():
        yield from map(beside_file, feature.secret_files(settings))
    text = settings_file().read_text("utf-8") if settings_file().is_file() else ""
    secrets = set[str]()
    for name, field, value in _texts(settings):
        if name == "secret_file" and value:
            yield beside_file(value)
        elif not field.repr and value != settings.database:
            secrets.add(value)
    if any(secret and secret in text for secret in secrets):
        yield settings_file()


def _texts(table: BaseModel) -> Iterator[tuple[str, FieldInfo, str]]:
    """Yield name, description and value of each text in a table and the tables inside it."""
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        if isinstance(value, str):
            yield name, field, value
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, BaseModel):
                yield from _texts(inner)


def _is_exposed(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & OTHERS_READ_OR_WRITE)
    except OSError:
        return False


OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Permissions of the group and of everybody else."""


def account() -> str:
    """Return this process's account as `uid N`."""
    return f"uid {os.geteuid()}"


@contextmanager
def private_files() -> Iterator[None]:
    """Give files made in the block the mode 0600, and folders 0700, whatever the umask was.

    This sets the umask of the whole process, because SQLite, tantivy and libraries create files
    themselves, and create more (WAL, segments) as long as they are open.
    """
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


@dataclass(frozen=True, slots=True)
class LockedFile:
    """A file on which this process holds a lock."""

    path: Path
    descriptor: int

    def is_at_path(self) -> bool:
        """Return whether the file is still at its path: a lock on a deleted file is useless."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except OSError:
            return False


@contextmanager
def locked_file(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[LockedFile]:
    """Hold an advisory lock (flock(2)) on a file, which is created if it is missing.

    The system releases it when the process ends. Raises `BlockingIOError` if it is held and `wait`
    is false, `OSError` if the folder or the file cannot be created or opened.
    """
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        locked = LockedFile(path, os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            fcntl.flock(locked.descriptor, kind)
            if locked.is_at_path():  # else it was deleted between opening and locking
                yield locked
                return
        finally:
            os.close(locked.descriptor)


def serving_here(settings: Settings, port: int) -> AbstractContextManager[object]:
    """Hold the lock that `is_served_here` tests for a served port."""
    return locked_file(_serving_lock(settings, port), shared=True)


def is_served_here(settings: Settings, port: int) -> bool:
    """Return whether a process of this installation, of this version or later, serves a port."""
    path = _serving_lock(settings, port)
    if not path.exists():
        return False
    try:
        with locked_file(path, wait=False):
            return False
    except BlockingIOError:
        return True


def _serving_lock(settings: Settings, port: int) -> Path:
    return beside_file(settings.folder) / LOCKS_FOLDER / f"port-{port}.lock"


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Write a temporary file, then rename it, so that readers see the complete old or new content.

    Raises `OSError`.
    """
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with beside.open("xb") as file:
            os.chmod(beside, mode)  # noqa: PTH101 - before anything is in it
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def try_writing(path: Path) -> None:
    """Raise `OSError` if a file cannot be written. The file is not changed.

    If its folder is missing, only the right to create the folder is tested.
    """
    if path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_APPEND))
    if not path.parent.exists():
        _require_access(nearest_folder(path.parent))
        return
    trial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        write_whole(trial, b"{}\n", 0o600)
    finally:
        trial.unlink(missing_ok=True)


def make_folder(settings: Settings) -> Path:
    """Return the settings' folder, created if needed. Raises `ValueError` if it is not writable."""
    folder = beside_file(settings.folder)
    with _refused_folder_as_sentence(folder), private_files():
        folder.mkdir(parents=True, exist_ok=True)
        _require_access(folder)
    return folder


def require_writable_folder(settings: Settings) -> None:
    """Raise `ValueError` unless the settings' folder is writable, or can be created."""
    folder = beside_file(settings.folder)
    with _refused_folder_as_sentence(folder):
        _require_access(nearest_folder(folder))


@contextmanager
def _refused_folder_as_sentence(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"{folder} ne peut être ni fait ni écrit ({reason_of(error)}) : réglez « folder » "
            f"(QUISAIT_FOLDER) sur un dossier à écrire par ce compte ({account()})."
        ) from error


def nearest_folder(path: Path) -> Path:
    """Return this path if it exists, else the nearest folder above it that exists."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _require_access(folder: Path) -> None:
    """Raise `OSError` unless this account may read the folder and create files in it."""
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def written_files(settings: Settings) -> Iterator[Path]:
    """Yield the existing files and folders that quisait makes, without links.

    Only paths with quisait's own names are yielded. If `folder` contains other files, it is left
    out itself.
    """
    for top, deep in _top_paths(settings):
        yield from _walk(top, deep=deep)


def _top_paths(settings: Settings) -> Iterator[tuple[Path, bool]]:
    """Yield each path that quisait makes, and whether everything below it is quisait's."""
    folder = beside_file(settings.folder)
    register = beside_file(settings.privacy.register_file)
    tops = [folder / LOCKS_FOLDER]
    if settings.index.engine == "embedded":
        tops.append(folder / "index")
    tops += _glob(folder, f"{RESTORING}*")
    tops += [*_glob(folder, "state.sqlite*"), *_glob(folder, "vectors.sqlite*")]
    tops += _glob(folder, f"*{RANKER_FILE}*")
    tops += [register, *_glob(register.parent, f"{register.name}.*")]
    yield from ((top, True) for top in tops)
    if all(path in tops for path in _glob(folder, "*")):
        yield folder, False


def common_paths(settings: Settings, paths: Iterable[Path]) -> set[Path]:
    """Return the fewest paths, below the folder or the register's, that contain all of these."""
    folder = beside_file(settings.folder)
    found = set(paths)
    if folder in found:
        return {folder, *(path for path in found if not path.is_relative_to(folder))}
    return {
        folder / path.relative_to(folder).parts[0] if path.is_relative_to(folder) else path
        for path in found
    }


def close_to_others(settings: Settings) -> None:
    """Remove permissions that an older quisait gave to the group and to others.

    Files of another account stay unchanged; `quisait check` names them. No link is followed, not
    even a link that another account puts in a file's place meanwhile.
    """
    for top, deep in _top_paths(settings):
        _close(top, None, deep=deep)


def _close(name: Path | str, within: int | None, *, deep: bool) -> None:
    """Close a file or folder and its content; `within` is the open parent folder's descriptor.

    The opened file itself is examined and changed. A file that is already closed to others is not
    opened, because closing its descriptor would end this process's locks on it (SQLite's locks).
    """
    with suppress(OSError):
        found = os.lstat(name, dir_fd=within)
        if not stat.S_ISDIR(found.st_mode) and not found.st_mode & OTHERS:
            return
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=within)
        try:
            found = os.fstat(opened)
            folder = stat.S_ISDIR(found.st_mode)
            if found.st_uid != os.geteuid() or not (folder or stat.S_ISREG(found.st_mode)):
                return
            if found.st_mode & OTHERS:
                os.fchmod(opened, stat.S_IMODE(found.st_mode) & ~OTHERS)
            if folder and deep:
                with os.scandir(opened) as names:
                    for one in names:
                        _close(one.name, opened, deep=True)
        finally:
            os.close(opened)


def exposed_files(settings: Settings) -> list[Path]:
    """Return quisait's files and folders that the group or others may enter, read or change."""
    return sorted(_exposed(written_files(settings)))


def _exposed(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        with suppress(OSError):  # gone meanwhile
            if path.lstat().st_mode & OTHERS:
                yield path


def _glob(folder: Path, pattern: str) -> Iterator[Path]:
    with suppress(OSError):
        yield from folder.glob(pattern)


def _walk(top: Path, *, deep: bool) -> Iterator[Path]:
    """Yield a file, or a folder with its readable content."""
    try:
        mode = top.lstat().st_mode
    except OSError:
        return
    if stat.S_ISLNK(mode):
        return
    yield top
    if deep and stat.S_ISDIR(mode):
        for name, folders, files in os.walk(top):
            yield from (
                path
                for path in (Path(name, folder) for folder in (*folders, *files))
                if not path.is_symlink()
            )
