"""File permissions: files that quisait writes and files of secrets are closed to other accounts.

Read `private_files` first. An index holds the text of restricted documents.
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

from quisait.settings import Settings, beside_file, settings_file
from quisait.settings.secret_files import FOLDER
from quisait.settings.types import reason_of as reason_of

LOCKS_FOLDER = "locks"
"""In the settings' folder: the files of locks, where the state is in SQLite."""
RESTORING = "restoring"
RANKER_FILE = "ranker.json"
"""In the settings' folder, while a backup is put back: nothing may be opened until it is."""
OTHERS_READ_OR_WRITE = stat.S_IROTH | stat.S_IWOTH


def exposed_secret_files(settings: Settings) -> list[str]:
    """Paths of files of secrets that every account may read or change, in order."""
    return sorted({str(path) for path in _secret_files(settings) if _is_exposed(path)})


def _secret_files(settings: Settings) -> Iterator[Path]:
    if folder := os.environ.get(FOLDER):
        yield from (path for path in Path(folder).iterdir() if path.is_file())
    yield from (
        beside_file(source.password_file) for source in settings.sources if source.password_file
    )
    yield from (
        beside_file(token)
        for source in settings.sources
        for token in source.file_hosts.values()
        if token
    )
    text = settings_file().read_text("utf-8") if settings_file().is_file() else ""
    secrets = {settings.index.password, settings.server.token_key, settings.metrics.token}
    secrets |= {settings.database_password, settings.oidc.client_secret}
    if any(secret and secret in text for secret in secrets):
        yield settings_file()


def _is_exposed(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & OTHERS_READ_OR_WRITE)
    except OSError:
        return False


OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""What a mode gives to the group and to everybody else."""


def account() -> str:
    """The account that this process runs as, as an administrator names it."""
    return f"uid {os.geteuid()}"


@contextmanager
def private_files() -> Iterator[None]:
    """What is made in the block is 0600, and 0700 for a folder, whatever the umask was.

    Of the whole process: SQLite, tantivy and libraries make files by themselves, and go on
    making them (WAL, segments) as long as they are open.
    """
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


@dataclass(frozen=True, slots=True)
class LockedFile:
    """A file that this process holds a lock on."""

    path: Path
    descriptor: int

    def is_at_path(self) -> bool:
        """Whether the path still names it: a lock on a deleted file keeps nobody out."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except OSError:
            return False


@contextmanager
def locked_file(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[LockedFile]:
    """Hold an advisory lock (flock(2)) on a file, which is made where it is missing.

    The system releases it when the process ends. Raises `BlockingIOError` where it is held and
    `wait` is false, `OSError` where the folder or the file cannot be made or opened.
    """
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        locked = LockedFile(path, os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            fcntl.flock(locked.descriptor, kind)
            if locked.is_at_path():  # else it was deleted between its opening and its lock
                yield locked
                return
        finally:
            os.close(locked.descriptor)


def serving_here(settings: Settings, port: int) -> AbstractContextManager[object]:
    """Hold the lock by which `is_served_here` knows that a port is served."""
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
    """Write beside the file, then take its place: a reader sees the one or the other, whole.

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


def make_folder(settings: Settings) -> Path:
    """The settings' folder, made where it is missing. Raises `ValueError` where it cannot be."""
    folder = beside_file(settings.folder)
    try:
        with private_files():
            folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "")
    except OSError as error:
        raise ValueError(
            f"{folder} ne peut être ni fait ni écrit ({reason_of(error)}) : réglez « folder » "
            f"(QUISAIT_FOLDER) sur un dossier à écrire par ce compte ({account()})."
        ) from error
    return folder


def written_files(settings: Settings) -> Iterator[Path]:
    """The files and folders that quisait makes and that exist, links left out.

    Only what has one of its names: `folder` may be one that holds other things too, and is
    then no file of ours itself.
    """
    for top, deep in _top_paths(settings):
        yield from _walk(top, deep=deep)


def _top_paths(settings: Settings) -> Iterator[tuple[Path, bool]]:
    """Each path that quisait makes, and whether what lies below it is quisait's too."""
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
    """The fewest paths beneath which all of these are, of the folder's and the register's."""
    folder = beside_file(settings.folder)
    found = set(paths)
    if folder in found:
        return {folder, *(path for path in found if not path.is_relative_to(folder))}
    return {
        folder / path.relative_to(folder).parts[0] if path.is_relative_to(folder) else path
        for path in found
    }


def close_to_others(settings: Settings) -> None:
    """Take from the group and from others what an older quisait gave them.

    What belongs to another account stays as it is: `quisait check` names it. No link is
    followed, not even one that another account puts in a file's place meanwhile.
    """
    for top, deep in _top_paths(settings):
        _close(top, None, deep=deep)


def _close(name: Path | str, within: int | None, *, deep: bool) -> None:
    """A file or folder, and what is in it; `within` is the opened folder that has the name.

    What is opened is what is looked at and changed. A file that is closed already is not
    opened: to close it again would end this process's locks on it (SQLite's).
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
    """Those of the kept files and folders that the group or others may enter, read or change."""
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
    """A file, or a folder with what is in it, as far as they may be looked at."""
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
