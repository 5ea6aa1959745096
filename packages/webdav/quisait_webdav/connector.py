"""Read a WebDAV server: `WebdavSource.listing_since` shows the flow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from connectors.contributions import Act, contributions_of
from connectors.folder.documents import ReadFile, described, ruled_document
from connectors.folder.rules import RuleScope
from connectors.http_host import HttpHost
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import Former, Listed, ListingItem
from connectors.titles import title_of_path
from connectors.values import (
    Access,
    Content,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
)
from quisait_webdav.client import DavClient
from quisait_webdav.multistatus import DavEntry, FolderUnreadable
from quisait_webdav.nextcloud import NextcloudRights
from quisait_webdav.options import WebdavOptions
from quisait_webdav.rights import Rights, Ruled, TableRights
from quisait_webdav.walk import ListedCollection, walk

_CHECKED_FOLDERS = 20
_NO_OWNER = "group"
"""A kind of mount without an owner: the server returns the requesting account as its owner."""


@dataclass(slots=True)
class WebdavSource:
    """Lists every selected file in and below one folder of a server."""

    source: str
    options: WebdavOptions
    default_access: Access
    host: HttpHost
    _client: DavClient = field(init=False)

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        """Yield every file, except in unchanged folders. Raises `SourceError`."""
        self._client = self._opened()
        rights = self._rights(self._client)
        yield from rights.load()
        for found in walk(self.source, self._client, rights, self.options.selection, former):
            if not isinstance(found, ListedCollection):
                yield found
                continue
            yield found.listed
            yield from found.problems
            for entry, ruled in found.files:
                made = self._document(self._client, entry, ruled)
                version = described(made).encode() if entry.etag or entry.modified else b""
                yield Listed(made.id, version, made.access, (entry, ruled))

    def read(self, listed: Listed) -> Document:
        """Return a file as it was listed; its text is read later."""
        return self._document(self._client, *listed.place)

    def left_out(self) -> Callable[[str], bool] | None:
        """Return whether the settings exclude a document."""
        return self.options.selection.left_out(self.source)

    def check(self) -> Iterator[str]:
        """Yield a French sentence per unread folder or missing reader. Raises `SourceError`."""
        client = self._opened()
        rights = self._rights(client)
        problems = list(rights.load())
        root = next(walk(self.source, client, rights, self.options.selection, Former()))
        if isinstance(root, ListedCollection):
            problems += root.problems
        yield from (f"{one.where} : {one.reason}" for one in problems)
        if self.options.user and self.options.url.startswith("http:"):
            yield "le mot de passe part en clair : réglez « url » en https://"
        if isinstance(rights, NextcloudRights):
            yield from rights.unsaid()
        elif (
            isinstance(rights, TableRights)
            and not self.default_access.allowed
            and not self._names_readers(client, rights)
        ):
            yield (
                "ni « allowed » ni table _quisait.csv à la racine ne nomme de lecteur : ce "
                "que d'autres tables ne disent pas ne sera lu de personne"
            )
        yield from self._unreadable(client)

    def _names_readers(self, client: DavClient, rights: TableRights) -> bool:
        """Return whether a rule of the root's own table names readers."""
        root, entries, _ = client.listed(client.root)
        tables, _ = rights.enter(None, root, {entry.name: entry for entry in entries})
        return any(row.rule and row.rule.allowed for table in tables for row in table.rows)

    def _unreadable(self, client: DavClient) -> Iterator[str]:
        _, entries, _ = client.listed(client.root)
        untagged = sum(not (one.is_folder or one.etag or one.modified) for one in entries)
        if untagged:
            yield f"{untagged} fichiers de la racine sans etag ni date, redemandés à chaque lecture"
        for entry in islice((one for one in entries if one.is_folder), _CHECKED_FOLDERS):
            try:
                client.listed(entry)
            except FolderUnreadable as error:
                yield f"le dossier « {entry.name} » n'est pas lu : {error}"

    def _opened(self) -> DavClient:
        return DavClient(self.host, self.options.server == "nextcloud")

    def _rights(self, client: DavClient) -> Rights[Any]:
        if self.options.server == "nextcloud":
            return NextcloudRights(client, self.source, self.options)
        trusted = self.options.tables == "trusted"
        return TableRights(client, RuleScope(self.default_access, trusted=trusted))

    def _document(self, client: DavClient, entry: DavEntry, ruled: Ruled) -> Document:
        content = Content(
            entry.name, partial(client.read, entry), None, entry.size, title_of_path(entry.path)
        )
        version = f"{entry.etag}:{entry.size}:{entry.modified}"
        file = ReadFile(entry.path, content, entry.modified, self.options.link, version)
        made = ruled_document(self.source, file, ruled.rule, ruled.access)
        return replace(
            made,
            url=made.url or self._url(client, entry),
            evidence=EvidencePolicy.NONE if self.options.evidence == "none" else made.evidence,
            contributions=made.contributions or self._owner(entry, made.modified),
        )

    def _url(self, client: DavClient, entry: DavEntry) -> str:
        file_id = entry.properties.get("fileid")
        return f"{client.base}/index.php/f/{file_id}" if file_id else entry.url

    def _owner(self, entry: DavEntry, modified: Any) -> tuple[Contribution, ...]:
        owner = entry.properties.get("owner-id")
        if not owner or entry.properties.get("mount-type") == _NO_OWNER:
            return ()
        label = entry.properties.get("owner-display-name") or owner
        role = ContributorRole(self.options.owner)
        return contributions_of([Act(f"{self.source}:{owner}", role, label, modified)])


def open_webdav(place: SourcePlace, options: WebdavOptions) -> WebdavSource:
    """Return the connector of one source; no request is sent yet. Raises `SourceRefused`."""
    host = place.http(options, "Le serveur", options.user)
    return WebdavSource(place.source, options, place.default_access, host)


KIND = ConnectorKind(
    "serveur WebDAV",
    WebdavOptions,
    open_webdav,
    about="Les fichiers d'un serveur WebDAV, ou d'un Nextcloud. Un fichier est lu "
    "selon des tables _quisait.csv, ou selon les partages du Nextcloud.",
)
