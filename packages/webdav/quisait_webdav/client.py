"""A client of a WebDAV server, and of Nextcloud's own interfaces."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.ports import RecordVanished, SourceUnreachable
from quisait_webdav.multistatus import (
    LIVE,
    NEXTCLOUD,
    DavEntry,
    FolderUnreadable,
    plain_etag,
    propfind_body,
    read_multistatus,
)


@dataclass(slots=True)
class DavClient:
    """Requests to one server; distinguishes a failing folder or file from a server that is down."""

    host: HttpHost
    nextcloud: bool = False
    failures: FailuresInARow = field(default_factory=FailuresInARow, init=False)

    @property
    def root(self) -> DavEntry:
        """The folder to read, with no properties but its URL."""
        return DavEntry("", self.host.root, is_folder=True)

    def listed(self, folder: DavEntry) -> tuple[DavEntry, list[DavEntry], list[str]]:
        """List a folder: return the result of `read_multistatus`.

        Raises `FolderUnreadable`, `SourceUnreachable`.
        """
        answer = self.failures.ask(
            lambda: self.host.request(
                "PROPFIND",
                folder.url,
                data=propfind_body(LIVE + NEXTCLOUD if self.nextcloud else LIVE),
                headers={"Depth": "1", "Content-Type": "application/xml; charset=utf-8"},
            ),
            FolderUnreadable,
        )
        status = answer.status_code
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            reason = f"le serveur le refuse au compte (réponse {status})"
            raise FolderUnreadable(reason, refused=True)
        if status != HTTPStatus.MULTI_STATUS:
            raise FolderUnreadable(f"le serveur ne le liste pas (réponse {status})")
        return read_multistatus(answer.content, folder)

    def read(self, entry: DavEntry) -> bytes:
        """Return a file if it is as listed, else raise `RecordVanished`.

        Raises `SourceUnreachable`.
        """
        answer = self.failures.ask(
            lambda: self.host.request("GET", entry.url, headers={"Accept-Encoding": "identity"}),
            RecordVanished,
        )
        if answer.status_code != HTTPStatus.OK:
            raise RecordVanished(f"le serveur ne rend pas le fichier ({answer.status_code})")
        if unquote(urlsplit(answer.url).path) != unquote(urlsplit(entry.url).path):
            raise RecordVanished("le fichier renvoie à un autre, dont les lecteurs sont autres")
        etag = plain_etag(answer.headers.get("ETag", ""))
        changed = bool(etag and entry.etag and etag != entry.etag)
        if changed or entry.size not in (None, len(answer.content)):
            raise RecordVanished("le fichier a changé pendant la lecture")
        return answer.content

    def ocs(self, path: str, parameters: Mapping[str, object] | None = None) -> Any:
        """Return the data of an answer of Nextcloud's OCS, or None if the account may not have it.

        `path` follows the address of the Nextcloud. Raises `SourceUnreachable`.
        """
        answer = self.host.request(
            "GET",
            f"{self.base}{path}",
            {**(parameters or {}), "format": "json"},
            headers={"OCS-APIRequest": "true", "Accept": "application/json"},
        )
        if answer.status_code in (
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.NOT_FOUND,
        ):
            return None
        try:
            said = json.loads(answer.content)["ocs"]
            if answer.status_code == HTTPStatus.OK and said["meta"]["status"] == "ok":
                return said["data"]
        except (ValueError, LookupError, TypeError, RecursionError):
            pass
        raise SourceUnreachable(
            f"{self.host.host} ne dit pas ses partages (réponse {answer.status_code}) : rien n'est "
            "lu sans eux. Il sera relu plus tard."
        )

    @property
    def base(self) -> str:
        """The address of the Nextcloud, without a slash at its end."""
        return self.host.root.partition("/remote.php/")[0]
