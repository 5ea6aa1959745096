"""The local folders and files that a source's settings name: whether they are still the same.

A folder may be replaced by another, a link may lead elsewhere, a disk may not be mounted. What was
indexed would then seem deleted, and another folder's files would get the readers of the settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.files import disk_timeout_error
from connectors.ports import SourceRefused, SourceUnreachable
from connectors.timeouts import DISK_TIMEOUT_S, call_with_timeout


@dataclass(frozen=True, slots=True)
class RootIdentity:
    """What a path of the settings leads to: its path without links, device and inode.

    Of a file, it is its folder, since exports and archives are replaced by renaming a new file.
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
            found = (root if root.is_dir() else root.parent).resolve(strict=True)
            root.stat()
            status = found.stat()
        except (OSError, RuntimeError):
            return None
        return RootIdentity(found, status.st_dev, status.st_ino)

    return call_with_timeout(DISK_TIMEOUT_S, identity, disk_timeout_error(root))


def written_roots(roots: Sequence[Path]) -> str:
    """Return the roots as the settings write them, one a line; links are not resolved."""
    return "\n".join(str(root.absolute()) for root in roots)


def noted_identities(roots: Sequence[Path], noted: str = "") -> str:
    """Return the identities of the roots to note, one a line; an absent root keeps its `noted` one.

    Raises `SourceUnreachable`.
    """
    former = noted.split("\n") if noted else [""] * len(roots)
    return "\n".join(
        before or (now.text() if (now := identity_of(root)) else "")
        for root, before in zip(roots, former, strict=True)
    )


def check_roots(source: str, roots: Sequence[Path], noted: str) -> None:
    """Raise `SourceRefused` if a root is not the noted one; absent roots are left to the source."""
    for root, before in zip(roots, noted.split("\n") if noted else (), strict=bool(noted)):
        now = identity_of(root)
        if before and now and now.text() != before:
            raise SourceRefused(
                f"Le dossier de {source} n'est plus celui qui était lu (un lien, un autre dossier, "
                f"un disque qui n'est pas monté) : {root}. Rien n'en est lu. S'il est le bon : "
                f"quisait crawl {source} --accept-root."
            )


def identities_of(roots: Sequence[Path]) -> tuple[RootIdentity | None, ...]:
    """Return the identities of all roots. Raises `SourceUnreachable`."""
    return tuple(map(identity_of, roots))


def replaced_root(source: str) -> SourceUnreachable:
    """Return the error for a root that was replaced while it was listed."""
    return SourceUnreachable(
        f"Un dossier de {source} a été remplacé pendant la lecture : relancez."
    )
