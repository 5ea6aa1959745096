"""Copy a repository's own files from a folder of this machine before git reads it.

Anyone who may write in a folder can make git read another repository by pointers: a `.git` file,
`commondir`, alternates, links, a repository from which missing objects are fetched. A repository
with any of them is refused. A pointer that is created while git reads has no effect, because git
reads a copy. The copy is made of files that were opened without following a link, and its
configuration is written here.
"""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connectors.ports import SourceRefused, SourceUnreachable

_READ = ("HEAD", "config", "refs", "packed-refs", "shallow", "objects")
"""Files and folders that are copied, in this order: git writes an object before the reference that
names it, and packs both before it removes the loose ones.
"""
_WANTED = re.compile(
    r"HEAD|config|packed-refs|shallow|refs(/[^/]+){0,50}|objects"
    r"|objects/[0-9a-f]{2}(/[0-9a-f]+)?|objects/pack(/[^/]+\.(pack|idx))?"
)
_POINTERS = (".git", "commondir", "config.worktree", "objects/info/alternates")
_FETCHES = (
    r"^(extensions\.(partialclone|worktreeconfig)|remote\..*\.(promisor|partialclonefilter))$"
)
_BIG_BYTES = 1 << 20
_MOST_OPEN = 128
"""Maximum number of file descriptors of a copy. A process may have 1024."""
_TIMEOUT_S = 60
_CONFIG = """[core]
\trepositoryFormatVersion = 1
\tbare = true
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
"""
_SHA256 = """[extensions]
\tobjectFormat = sha256
"""


def git_folder(folder: Path) -> Path:
    """Return the folder that git reads for the repository in `folder`: its `.git`, or itself."""
    try:
        resolved = folder.resolve()
        inner = resolved / ".git"
        return inner if stat.S_ISDIR(inner.lstat().st_mode) else resolved
    except (OSError, RuntimeError):
        return folder.absolute()


@dataclass(frozen=True, slots=True)
class PlainCopy:
    """A copy of a repository; its big packs are links to `descriptors`, which git must inherit."""

    folder: Path
    descriptors: list[int] = field(default_factory=list)


@contextmanager
def plain_copy(git_dir: Path, into: Path, environment: Mapping[str, str]) -> Iterator[PlainCopy]:
    """Copy the repository's own files, and delete the copy when the block ends.

    Raises `SourceRefused` if the folder is no repository, or if git would read files elsewhere too;
    `SourceUnreachable` if the folder cannot be read.
    """
    shutil.rmtree(into, ignore_errors=True)
    copy = PlainCopy(into)
    try:
        _take(git_dir, copy)
        _write_config(git_dir, into, environment)
        yield copy
    finally:
        for descriptor in copy.descriptors:
            os.close(descriptor)
        shutil.rmtree(into, ignore_errors=True)


def _take(git_dir: Path, copy: PlainCopy) -> None:
    try:
        root = os.open(git_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise SourceUnreachable(
            f"Le dépôt {git_dir} est introuvable : vérifiez le chemin."
        ) from error
    try:
        # The path had no link when it was resolved: another folder may stand there since.
        if Path(f"/proc/self/fd/{root}").readlink() != git_dir:
            raise _refused(git_dir, "gitdir")
        for pointer in _POINTERS:
            if _is_there(pointer, root):
                raise _refused(git_dir, pointer)
        copy.folder.mkdir(mode=0o700, parents=True)
        taking = _Taking(git_dir, copy)
        for name in _READ:
            taking.entry(root, name, name)
    finally:
        os.close(root)


@dataclass(frozen=True, slots=True)
class _Taking:
    """Copies files of `git_dir` by their folder's descriptor; a `path` is relative to `git_dir`."""

    git_dir: Path
    copy: PlainCopy

    def entry(self, folder: int, name: str, path: str) -> None:
        """Copy a file, or a folder with the files that git reads in it."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe would wait for its writer
        try:
            opened = os.open(name, flags, dir_fd=folder)
        except FileNotFoundError:
            return  # none, or git has just renamed or removed it
        except PermissionError as error:
            raise SourceUnreachable(
                f"{self.git_dir}/{path} ne se lit pas : donnez-en la lecture au compte de quisait."
            ) from error
        except OSError as error:  # a link, or a socket
            raise _refused(self.git_dir, path) from error
        try:
            about = os.fstat(opened)
            if stat.S_ISDIR(about.st_mode):
                self._folder(opened, path)
            elif stat.S_ISREG(about.st_mode):
                self._file(opened, path, about.st_size)
            else:
                raise _refused(self.git_dir, path)
        finally:
            os.close(opened)

    def _folder(self, opened: int, path: str) -> None:
        (self.copy.folder / path).mkdir(mode=0o700)
        with os.scandir(opened) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            if _WANTED.fullmatch(inner := f"{path}/{name}"):
                self.entry(opened, name, inner)

    def _file(self, opened: int, path: str, size: int) -> None:
        target, held = self.copy.folder / path, self.copy.descriptors
        if path.startswith("objects/pack/") and size >= _BIG_BYTES and len(held) < _MOST_OPEN:
            held.append(os.dup(opened))
            target.symlink_to(f"/proc/self/fd/{held[-1]}")
            return
        with os.fdopen(os.dup(opened), "rb") as source, target.open("xb") as written:
            shutil.copyfileobj(source, written)


def _is_there(path: str, folder: int) -> bool:
    try:
        os.stat(path, dir_fd=folder, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _write_config(git_dir: Path, copy: Path, environment: Mapping[str, str]) -> None:
    """Replace the repository's configuration, which may name other repositories.

    Only the kind of hash is taken from it.
    """
    given = copy / "config"
    read = ["config", "--file", str(given), "--no-includes"]
    if _answer([*read, "--get-regexp", _FETCHES], copy, environment):
        raise _refused(git_dir, "partialClone")
    longer = _answer([*read, "--get", "extensions.objectFormat"], copy, environment) == "sha256"
    given.write_text(_CONFIG + (_SHA256 if longer else ""), "utf-8")
    if not _answer(["rev-parse", "--git-dir"], copy, dict(environment) | {"GIT_DIR": str(copy)}):
        raise SourceRefused(f"{git_dir} n'est pas un dépôt git : vérifiez « url ».")


def _answer(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - no shell, no name that is an option
            ["git", *arguments],  # noqa: S607 - the machine's own
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceUnreachable(f"{folder} ne se lit pas ; relu plus tard.") from error
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def _refused(folder: Path, pointer: str) -> SourceRefused:
    return SourceRefused(
        f"{folder} n'est pas un dépôt à lui seul : git y lirait d'autres dossiers ({pointer}). "
        "Donnez un dépôt entier (git clone --mirror --no-local), ou lisez-le par https ou ssh."
    )
