"""Check that a source's settings still lead to the local folders and files that were read before.

A folder may be replaced by another, a link may lead elsewhere, a disk may not be mounted. The
indexed documents would then seem deleted, and another folder's files would get the readers of the
settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.files import disk_timeout_error
from connectors.ports import SourceRefused, SourceUnreachable
from connectors.timeouts import DISK_TIMEOUT_S, call_with_timeout


@dataclass(frozen=True, slots=True)
class RootIdentity:
    """The folder to which a path of the settings leads: its path without links, device and inode.

    A file has the identity of its folder, because exports and archives are replaced by new files.
    """

    path: Path
    device: int
    inode: int

    def text(self) -> str:
        """Return the identity to note for later crawls.

        The device is left out: a network share gets a new one at each mount.
        """
        return f"{self.inode}:{self.path}"


def identity_of(root: Path) -> RootIdentity | None:
    """Return a root's identity, or None if it is absent. Raises `SourceUnreachable`."""

    def identity() -> RootIdentity | None:
        try:
            folder = (root if root.is_dir() else root.parent).resolve(strict=True)
            root.stat()
            status = folder.stat()
        except (OSError, RuntimeError):
            return None
        return RootIdentity(folder, status.st_dev, status.st_ino)

    return call_with_timeout(DISK_TIMEOUT_S, identity, disk_timeout_error(root))


def written_roots(roots: Sequence[Path]) -> str:
    """Return the absolute paths of the roots, one per line, without resolving symbolic links."""
    return "\n".join(str(root.absolute()) for root in roots)


def noted_identities(roots: Sequence[Path], noted: str = "") -> str:
    """Return the text of each root's identity to note, one per line.

    A root with an identity in `noted` keeps it. The line of an absent root without one is empty.
    Raises `SourceUnreachable`.
    """
    former = noted.split("\n") if noted else [""] * len(roots)
    return "\n".join(
        before or (now.text() if (now := identity_of(root)) else "")
        for root, before in zip(roots, former, strict=True)
    )


def check_roots(source: str, roots: Sequence[Path], noted: str) -> None:
    """Raise `SourceRefused` if a root has another identity than in `noted`.

    Absent roots are not checked here: the source itself raises an error when it reads them. Raises
    `SourceUnreachable` if a disk does not answer.
    """
    for root, before in zip(roots, noted.split("\n") if noted else (), strict=bool(noted)):
        now = identity_of(root)
        if before and now and now.text() != before:
            raise SourceRefused(
                f"Le dossier de {source} n'est plus celui qui était lu (un lien, un autre dossier, "
                f"un disque qui n'est pas monté) : {root}. Rien n'en est lu. S'il est le bon : "
                f"quisait crawl {source} --accept-root."
            )


def identities_of(roots: Sequence[Path]) -> tuple[RootIdentity | None, ...]:
    """Return each root's identity, or None for an absent root. Raises `SourceUnreachable`."""
    return tuple(map(identity_of, roots))


def replaced_root(source: str) -> SourceUnreachable:
    """Return the error for a root that was replaced while it was listed."""
    return SourceUnreachable(
        f"Un dossier de {source} a été remplacé pendant la lecture : relancez."
    )
