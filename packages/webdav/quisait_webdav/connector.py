"""Read a WebDAV server: `WebdavConnector.changes` shows the flow."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from itertools import islice
from typing import Any

from connectors.folder.documents import described, ruled_document
from connectors.folder.rules import RuleScope
from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    Listing,
    Malformed,
    SubtreeHidden,
    Upsert,
)
from connectors.titles import title_of_path
from connectors.values import (
    Access,
    Content,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
)
from quisait_webdav.client import DavClient, FolderUnreadable
from quisait_webdav.cursor import (
    NOTHING,
    FolderState,
    digest_of,
    file_key,
    name_key,
    read_cursor,
    written_cursor,
)
from quisait_webdav.multistatus import DavEntry
from quisait_webdav.nextcloud import NextcloudRights
from quisait_webdav.options import WebdavOptions
from quisait_webdav.rights import Rights, Ruled, TableRights
from quisait_webdav.walk import ListedCollection, UnchangedFolder, UnlistedFolder, walk

CHECKPOINT_FILES = 50
_CHECKED_FOLDERS = 20
_NO_OWNER = "group"
"""A kind of mount without owner: the server names whoever asks."""


@dataclass(frozen=True, slots=True)
class WebdavConnector:
    """Reads every selected file in and below one folder of a server.

    A file with the same tag, date and size is not read again. `password` belongs to the account in
    the options.
    """

    source: str
    options: WebdavOptions
    default_access: Access
    password: str = field(default="", repr=False)
    ca_file: str = ""
    limits: HttpLimits = field(default_factory=HttpLimits)

    def changes(self, since: str | None) -> Iterator[Change]:
        """List everything, then yield changes, removed readers first. Raises `SourceError`."""
        client = self._client()
        rights = self._rights(client)
        yield from rights.load()
        reading = _Reading(self, client, rights, read_cursor(since))
        yield from reading.look()
        yield reading.checkpoint()
        yield from reading.read()
        left_out = self.options.selection.left_out(self.source)
        yield Listing(frozenset(reading.existing), tuple(reading.unlisted), left_out)
        yield reading.checkpoint(whole=True)

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these files as they are now. Raises `SourceError`."""
        client = self._client()
        rights = self._rights(client)
        rights.load()
        wanted = {one.removeprefix(f"{self.source}:") for one in document_ids}

        def entered(folder: str) -> bool:
            return any(path.startswith(f"{folder}/") for path in wanted)

        for seen in walk(client, rights, self.options.selection, entered=entered):
            if isinstance(seen, ListedCollection):
                for entry, ruled in seen.files:
                    if entry.path in wanted and ruled.problem is None:
                        yield Upsert(self._document(client, entry, ruled))

    def check(self) -> Iterator[str]:
        """Yield a French sentence per unread folder or missing reader. Raises `SourceError`."""
        client = self._client()
        rights = self._rights(client)
        problems = list(rights.load())
        root = next(walk(client, rights, self.options.selection))
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

    def _client(self) -> DavClient:
        account = (self.options.user, self.password) if self.options.user else None
        host = HttpHost(self.options.url, self.limits, self.ca_file, "Le serveur", account)
        return DavClient(host, self.options.server == "nextcloud")

    def _rights(self, client: DavClient) -> Rights[Any]:
        if self.options.server == "nextcloud":
            return NextcloudRights(client, self.source, self.options)
        trusted = self.options.tables == "trusted"
        return TableRights(client, RuleScope(self.default_access, trusted=trusted))

    def _document(self, client: DavClient, entry: DavEntry, ruled: Ruled) -> Document:
        made = ruled_document(
            self.source,
            entry.path,
            ruled.rule,
            ruled.access,
            content=Content(
                entry.name, partial(client.read, entry), None, entry.size, title_of_path(entry.path)
            ),
            modified=entry.modified,
            link=self.options.link,
            version=f"{entry.etag}:{entry.size}:{entry.modified}",
        )
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
        day: date | None = modified.date() if modified else None
        label = entry.properties.get("owner-display-name") or owner
        role = ContributorRole(self.options.owner)
        years = ((day.year, 1),) if day else ()
        return (Contribution(f"{self.source}:{owner}", role, label, 1, day, day, years),)


@dataclass(slots=True)
class _Reading:
    """One reading: the former cursor, the state so far, and the files still to be read."""

    connector: WebdavConnector
    client: DavClient
    rights: Rights[Any]
    before: FolderState
    now: FolderState = field(default_factory=FolderState)
    existing: set[str] = field(default_factory=set)
    unlisted: list[str] = field(default_factory=list)
    waiting: list[tuple[FolderState, bytes, DavEntry, Ruled]] = field(default_factory=list)
    _before: dict[str, FolderState | None] = field(default_factory=dict)
    _now: dict[str, FolderState] = field(default_factory=dict)
    _tags: dict[str, str] = field(default_factory=dict)
    _not_whole: set[str] = field(default_factory=set)

    def look(self) -> Iterator[Change]:
        """Walk all folders: yield changed readers, and note the files to read."""
        seen = walk(
            self.client,
            self.rights,
            self.connector.options.selection,
            unchanged=self._unchanged,
        )
        for one in seen:
            match one:
                case ListedCollection():
                    yield from self._listed(one)
                case UnchangedFolder(path):
                    self.unlisted.append(self._id(path))
                    self._keep(path, self._formerly(path) or FolderState())
                case UnlistedFolder():
                    yield from self._unlisted(one)

    def read(self) -> Iterator[Change]:
        """Yield the files that changed, with checkpoints."""
        # The cursor grows with the tree, so it is written less often in large trees.
        between = max(CHECKPOINT_FILES, len(self.existing) // 10)
        for count, (state, key, entry, ruled) in enumerate(self.waiting, 1):
            yield Upsert(self.connector._document(self.client, entry, ruled))
            if entry.etag or entry.modified:
                state.files.add(key)
            if count % between == 0:
                yield self.checkpoint()
        self.waiting.clear()

    def checkpoint(self, *, whole: bool = False) -> Checkpoint:
        """Return a checkpoint of the current state; `whole`: all files seen have been read."""
        if whole and self.rights.trusts_tags:
            for path, tag in self._tags.items():
                if tag and path not in self._not_whole:
                    self._now[path].whole = digest_of([tag])
        return Checkpoint(written_cursor(self.now))

    def _listed(self, folder: ListedCollection) -> Iterator[Change]:
        former = self._formerly(folder.path)
        yield from folder.problems
        readers = digest_of(
            f"{entry.path} {sorted(ruled.access.allowed)} {sorted(ruled.access.denied)}"
            for entry, ruled in folder.files
        )
        others = former is None or former.readers != readers
        state = FolderState(folder.rights, readers)
        for entry, ruled in folder.files:
            document = self.connector._document(self.client, entry, ruled)
            key = file_key(entry.name, described(document))
            known = former is not None and key in former.files
            self.existing.add(document.id)
            if known:
                state.files.add(key)
            else:
                self.waiting.append((state, key, entry, ruled))
            if others:
                changed = AccessChanged if known else AccessNarrowed
                yield changed(document.id, document.access)
        self._tags[folder.path] = folder.tag
        self._keep(folder.path, state)

    def _unlisted(self, folder: UnlistedFolder) -> Iterator[Change]:
        """Keep documents below the folder, hidden unless their readers are surely the same."""
        path, former = folder.path, self._formerly(folder.path)
        yield Malformed(path, folder.reason, self._id(path), kind="closed_folder")
        self.unlisted.append(self._id(path))
        kept = former or FolderState()
        if folder.refused or kept.rights != folder.rights:
            yield SubtreeHidden(self._id(path))
            kept = kept.closed()
        self._keep(path, replace(kept, whole=NOTHING))
        parts = path.split("/")
        self._not_whole |= {"/".join(parts[:end]) for end in range(len(parts))}

    def _unchanged(self, path: str, rights: bytes, tag: str) -> bool:
        if not (self.rights.trusts_tags and tag):
            return False
        former = self._formerly(path)
        known = (former.rights, former.whole) if former else (NOTHING, NOTHING)
        return known == (rights, digest_of([tag]))

    def _formerly(self, path: str) -> FolderState | None:
        if not path:
            return self.before
        parent, _, name = path.rpartition("/")
        if path not in self._before:
            above = self._before.get(parent, self.before) if parent else self.before
            self._before[path] = above.child(name) if above else None
        return self._before[path]

    def _keep(self, path: str, state: FolderState) -> None:
        self._now[path] = state
        if not path:
            self.now = state
            return
        parent, _, name = path.rpartition("/")
        self._now[parent].folders[name_key(name)] = state

    def _id(self, path: str) -> str:
        return f"{self.connector.source}:{path}"


def open_webdav(place: SourcePlace, options: WebdavOptions) -> WebdavConnector:
    """Return the connector of one source; no request is sent yet. Raises `SourceRefused`."""
    ca_file = str(place.folder / options.ca_file) if options.ca_file else ""
    password = place.password() if options.user else ""
    limits = HttpLimits(rate_per_s=options.rate_per_s)
    return WebdavConnector(place.source, options, place.default_access, password, ca_file, limits)


KIND = ConnectorKind(
    "serveur WebDAV",
    WebdavOptions,
    open_webdav,
    about="Les fichiers d'un serveur WebDAV, ou d'un Nextcloud. Un fichier est lu "
    "selon des tables _quisait.csv, ou selon les partages du Nextcloud.",
)
