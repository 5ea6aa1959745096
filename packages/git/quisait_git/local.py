"""Check a repository in a folder of this machine: git may read that folder only.

Anyone who may write in a folder can make git read another repository by pointers: a `.git` file,
`commondir`, alternates, links, a repository from which missing objects are fetched. A repository
with any of them is refused.
"""

import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from connectors.ports import SourceRefused, SourceUnreachable

_READ = ("HEAD", "config", "info", "objects", "packed-refs", "refs", "shallow")
"""Files and folders that git reads in a repository that it serves."""
_POINTERS = (".git", "commondir", "config.worktree", "objects/info/alternates")
_FETCHES = (
    r"^(extensions\.(partialclone|worktreeconfig)|remote\..*\.(promisor|partialclonefilter))$"
)
_TIMEOUT_S = 60


def git_folder(folder: Path) -> Path:
    """Return the folder that git reads for the repository in `folder`: its `.git`, or itself."""
    try:
        resolved = folder.resolve()
        inner = resolved / ".git"
        return inner if stat.S_ISDIR(inner.lstat().st_mode) else resolved
    except (OSError, RuntimeError):
        return folder.absolute()


def check_plain(git_dir: Path, environment: Mapping[str, str]) -> None:
    """Raise `SourceRefused` unless git reads only `git_dir` and nothing outside it.

    Raises `SourceUnreachable` if there is no such folder.
    """
    if not git_dir.is_dir():
        raise SourceUnreachable(f"Le dépôt {git_dir} est introuvable : vérifiez le chemin.")
    for one in _POINTERS:
        if os.path.lexists(git_dir / one):
            raise _refused(git_dir, one)
    own = dict(environment) | {"GIT_DIR": str(git_dir)}
    asked = ["rev-parse", "--absolute-git-dir", "--git-common-dir"]
    resolved = _answer(asked, git_dir, own).splitlines()
    if not resolved:
        raise SourceRefused(f"{git_dir} n'est pas un dépôt git : vérifiez « url ».")
    if [str((git_dir / one).resolve()) for one in resolved] != [str(git_dir)] * 2:
        raise _refused(git_dir, "gitdir")
    for one in _links(git_dir):
        raise _refused(git_dir, one)
    if _answer(["config", "--includes", "--get-regexp", _FETCHES], git_dir, own):
        raise _refused(git_dir, "partialClone")


def _links(git_dir: Path) -> Iterator[str]:
    """Yield the path of each entry that git reads and that is no folder or regular file."""
    waiting = [git_dir / one for one in _READ if os.path.lexists(git_dir / one)]
    while waiting:
        one = waiting.pop()
        try:
            mode = one.lstat().st_mode
            if stat.S_ISDIR(mode):
                waiting += one.iterdir()
            elif not stat.S_ISREG(mode):
                yield str(one.relative_to(git_dir))
        except FileNotFoundError:
            continue  # git has just renamed or removed it


def _answer(arguments: list[str], git_dir: Path, environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - no shell, no name that is an option
            ["git", "-c", "safe.directory=*", *arguments],  # noqa: S607 - the machine's own
            cwd=git_dir,
            env=environment,
            capture_output=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceUnreachable(f"{git_dir} ne se lit pas ; relu plus tard.") from error
    return done.stdout.decode("utf-8", "surrogateescape")


def _refused(folder: Path, pointer: str) -> SourceRefused:
    return SourceRefused(
        f"{folder} n'est pas un dépôt à lui seul : git y lirait d'autres dossiers ({pointer}). "
        "Donnez un dépôt entier (git clone --mirror --no-local), ou lisez-le par https ou ssh."
    )
