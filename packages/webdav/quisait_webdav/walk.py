"""Walk a server's folders in name order, with the readers of each file."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from connectors.file_patterns import FileSelection
from connectors.folder.rules import is_skipped
from connectors.ports import (
    Former,
    ListedFolder,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    UnchangedFolder,
    Unlisted,
)
from quisait_webdav.client import DavClient
from quisait_webdav.multistatus import DavEntry, FolderUnreadable
from quisait_webdav.rights import Rights, Ruled

MOST_DEPTH = 200


@dataclass(frozen=True, slots=True)
class ListedCollection:
    """A folder with its selected files and their readers, in name order."""

    listed: ListedFolder
    files: tuple[tuple[DavEntry, Ruled], ...]
    problems: tuple[Malformed, ...]


WalkEntry = ListedCollection | UnchangedFolder | Unlisted


def walk(
    source: str,
    client: DavClient,
    rights: Rights[Any],
    selection: FileSelection,
    former: Former,
) -> Iterator[WalkEntry]:
    """Yield every folder, from the root down. Raises `SourceUnreachable`, `SourceRefused`.

    A folder whose tag is unchanged is not entered, because nothing in or below it changed.
    """
    waiting: list[tuple[DavEntry, Any, int]] = [(client.root, None, 0)]
    while waiting:
        folder, above, depth = waiting.pop()
        root, known = f"{source}:{folder.path}", rights.upper(above, folder) if depth else b""
        tagged = ListedFolder(root, known, _tag(rights, folder))
        if depth and former.known([tagged]):
            yield UnchangedFolder(root)
            continue
        try:
            if depth > MOST_DEPTH:
                raise FolderUnreadable(f"plus de {MOST_DEPTH} dossiers l'un dans l'autre")
            folder, entries, odd = client.listed(folder)
        except FolderUnreadable as error:
            if not depth:
                raise _root_unread(client, error) from error
            yield Unlisted(root, str(error), b"" if error.refused else known)
            continue
        inside = {entry.name: entry for entry in entries}
        context, said = rights.enter(above, folder, inside)
        taken = [entry for entry in entries if _is_taken(entry, selection)]
        files = tuple(
            (entry, rights.ruled(context, entry, inside))
            for entry in taken
            if entry.status == HTTPStatus.OK and not entry.is_folder
        )
        yield ListedCollection(
            ListedFolder(root, known or rights.upper(above, folder), _tag(rights, folder)),
            files,
            (
                *said,
                *(Malformed(name, "ce nom ne se lit pas") for name in odd),
                *(ruled.problem for _, ruled in files if ruled.problem),
                *dict.fromkeys(one for _, ruled in files for one in ruled.said),
            ),
        )
        for entry in taken:
            if entry.status != HTTPStatus.OK:
                reason = f"le serveur ne le montre pas (réponse {entry.status})"
                refused = entry.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
                known = b"" if refused else rights.upper(context, entry)
                yield Unlisted(f"{source}:{entry.path}", reason, known)
        waiting += [
            (entry, context, depth + 1)
            for entry in reversed(taken)
            if entry.status == HTTPStatus.OK
            and entry.is_folder
            and former.enters(f"{source}:{entry.path}")
        ]


def _tag(rights: Rights[Any], folder: DavEntry) -> bytes:
    return folder.etag.encode() if rights.trusts_tags else b""


def _is_taken(entry: DavEntry, selection: FileSelection) -> bool:
    path = tuple(entry.path.split("/"))
    if is_skipped(entry.name) or not selection.enters(path):
        return False
    return entry.is_folder or entry.status != HTTPStatus.OK or selection.takes(path)


def _root_unread(client: DavClient, error: FolderUnreadable) -> Exception:
    host = client.host.host
    if error.refused:
        return SourceRefused(
            f"{host} refuse le compte : vérifiez « user » et son mot de passe, et que ce compte "
            "peut lire le dossier réglé."
        )
    if isinstance(error.__cause__, SourceUnreachable | SourceRefused):
        return error.__cause__
    return SourceRefused(f"{host}, le dossier réglé : {error}. Vérifiez « url ».")
