"""Walk a repository's folders in name order, and find the paths of one object."""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from connectors.file_patterns import FileSelection
from quisait_cmis.client import CmisClient
from quisait_cmis.objects import DOCUMENT, FOLDER, CmisObject, ObjectUnreadable

MOST_DEPTH = 200
_ODD_NAME = "ce nom ne se lit pas"


@dataclass(frozen=True, slots=True)
class ListedObject:
    """A document as its folder lists it, without its access list. `path` is below the root."""

    path: str
    found: CmisObject


@dataclass(frozen=True, slots=True)
class UnlistedObjects:
    """A folder that could not be listed, and why; `partly`: only some objects are missing."""

    path: str
    reason: str
    partly: bool = False
    error: ObjectUnreadable | None = None


def walk(
    client: CmisClient,
    root: CmisObject,
    selection: FileSelection,
    entered: Callable[[str], bool] = lambda path: True,
) -> Iterator[ListedObject | UnlistedObjects]:
    """Yield every selected document, from the root down. Raises `SourceError`.

    `entered` returns whether to look into the folder of a path.
    """
    waiting = [(root, "", 0)]
    seen: set[str] = set()
    while waiting:
        folder, path, depth = waiting.pop()
        if folder.id in seen or depth > MOST_DEPTH:
            yield UnlistedObjects(path, "ce dossier est dans lui-même, ou trop profond")
            continue
        seen.add(folder.id)
        try:
            children, odd = client.children(folder)
        except ObjectUnreadable as error:
            yield UnlistedObjects(path, str(error), error=error)
            continue
        # Before the folder's objects, so that their access is yielded again afterwards.
        if odd:
            yield UnlistedObjects(path, f"{odd} objets de ce dossier ne se lisent pas", partly=True)
        if any(one.base in (FOLDER, DOCUMENT) and not is_segment(one.segment) for one in children):
            yield UnlistedObjects(path, _ODD_NAME, partly=True)
        folders = []
        for one in sorted(children, key=lambda child: child.segment):
            where = _nfc(f"{path}/{one.segment}" if path else one.segment)
            names = tuple(where.split("/"))
            if not is_segment(one.segment):
                continue
            if one.base == DOCUMENT and is_read(one) and selection.takes(names):
                yield ListedObject(where, one)
            elif one.base == FOLDER and selection.enters(names) and entered(where):
                folders.append((one, where, depth + 1))
        waiting += reversed(folders)


def is_segment(name: str) -> bool:
    """Return whether a name can be one part of a path."""
    return bool(name.strip()) and name not in (".", "..") and not set(name) & {"/", "\0"}


def is_read(found: CmisObject) -> bool:
    """Return whether it is a document, and not somebody's private working copy."""
    return found.base == DOCUMENT and not found.flag("cmis:isPrivateWorkingCopy")


def paths_of(client: CmisClient, object_id: str, root: str) -> list[str]:
    """Return a document's paths below the folder `root`, from the paths of its folders.

    Raises `ObjectUnreadable`, `SourceUnreachable`.
    """
    above = root.rstrip("/")
    found = []
    for parent in client.parents(object_id):
        folder = parent.text("cmis:path").rstrip("/")
        if (folder == above or folder.startswith(f"{above}/")) and is_segment(parent.segment):
            found.append(_nfc(f"{folder}/{parent.segment}"[len(above) + 1 :]))
    return found


def _nfc(path: str) -> str:
    return unicodedata.normalize("NFC", path)
