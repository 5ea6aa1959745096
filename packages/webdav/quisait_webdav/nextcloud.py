"""Find the readers in a Nextcloud: its shares (OCS Share API) and its group folders.

Written from the public descriptions of both interfaces. Shares that principals cannot express (a
link, a mail, another server, a team, a room) give no reader.
"""

import json
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from connectors.digests import digest_of
from connectors.ports import Malformed, SourceRefused, SourceUnreachable
from connectors.values import MAX_PRINCIPALS, Access, account_principal, assume_utc
from quisait_webdav.client import DavClient
from quisait_webdav.multistatus import DavEntry
from quisait_webdav.options import NEXTCLOUD_FILES, WebdavOptions
from quisait_webdav.rights import Ruled

_SHARES = "/ocs/v2.php/apps/files_sharing/api/v1/shares"
_GROUP_FOLDERS = "/ocs/v2.php/apps/groupfolders/folders"
_USER, _GROUP = 0, 1
_READ = 1
_NAMED_GROUPS = 20
_KINDS = MappingProxyType(
    {
        3: "lien public",
        4: "courriel",
        6: "autre serveur",
        7: "équipe",
        9: "groupe d'un autre serveur",
        10: "salon",
        12: "tableau Deck",
    }
)
"""The interface's types of shares whose readers are unknown here."""


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


_Id = Annotated[str, BeforeValidator(_text)]


class NextcloudShare(BaseModel):
    """A share in an answer of the interface; `path` is below the account's own folder."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: _Id
    share_type: int
    share_with: Annotated[str | None, BeforeValidator(_text)] = None
    file_source: _Id
    path: str
    permissions: int = 0
    expiration: str | None = None
    attributes: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The names in the share's path."""
        return _parts(self.path)

    def in_force(self, now: datetime) -> bool:
        """Return whether the share is valid and lets its readers read and download."""
        if not self.permissions & _READ:
            return False
        try:
            limit = datetime.fromisoformat(self.expiration) if self.expiration else None
            for one in json.loads(self.attributes or "[]") or []:
                named = (one["scope"], one["key"])
                if named == ("permissions", "download") and not one.get(
                    "value", one.get("enabled")
                ):
                    return False
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return False
        return limit is None or assume_utc(limit) > now


class GroupOfFolder(BaseModel):
    """A group of a group folder, and its permissions there."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: str
    permissions: int


class GroupFolder(BaseModel):
    """A group folder. If `acl` is true, each of its files may have its own rules."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    mount_point: str
    acl: bool = True
    group_details: Annotated[
        dict[str, GroupOfFolder], BeforeValidator(lambda value: value or {})
    ] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mount:
    """The origin and the readers that a folder passes to everything below it.

    `closed`: nobody may read anything in the folder, whatever is shared below it.
    """

    kind: str | None
    owner: str
    readers: frozenset[str] = frozenset()
    closed: bool = False


@dataclass(slots=True)
class NextcloudRights:
    """Finds readers from the shares of a file and of the folders above it, within one mount.

    A share applies to its own file or folder only at the path where the account sees it. A folder
    is listed again when the shares below it change.
    """

    client: DavClient
    source: str
    options: WebdavOptions
    trusts_tags: bool = True
    unknown_groups: set[str] = field(default_factory=set, init=False)
    group_folders_told: bool = field(default=False, init=False)
    _by_file: dict[tuple[str, tuple[str, ...]], frozenset[str]] = field(
        default_factory=dict, init=False
    )
    _share_lines: list[tuple[tuple[str, ...], str]] = field(default_factory=list, init=False)
    _received: frozenset[tuple[str, ...]] = field(default=frozenset(), init=False)
    _folders: dict[tuple[str, ...], GroupFolder] = field(default_factory=dict, init=False)
    _always: str = field(default="", init=False)

    @property
    def prefix(self) -> tuple[str, ...]:
        """The path of the source's root below the account's own folder."""
        path = unquote(urlsplit(self.client.host.root).path)
        return _parts(path.partition(NEXTCLOUD_FILES)[2])[2:]  # without the account's name

    def load(self) -> Sequence[Malformed]:
        """Request all shares that the account sees. Raises `SourceUnreachable`, `SourceRefused`."""
        self.unknown_groups.clear()
        shares = {share.id: share for share in self._shares(reshares="true")}
        received = list(self._shares(shared_with_me="true"))
        shares |= {share.id: share for share in received}
        for path in sorted({share.path for share in received}):
            # Shares to others of files that this account received.
            shares |= {one.id: one for one in self._shares(path=path, reshares="true")}
        self._received = frozenset(share.parts for share in received)
        self._read_group_folders()
        now, unsaid = datetime.now(UTC), Counter[str]()
        readers: dict[tuple[str, tuple[str, ...]], set[str]] = {}
        for share in shares.values():
            principal = self._principal(share) if share.in_force(now) else None
            if principal:
                readers.setdefault((share.file_source, share.parts), set()).add(principal)
            elif share.share_type not in (_USER, _GROUP):
                unsaid[_KINDS.get(share.share_type, f"sorte {share.share_type}")] += 1
        self._by_file = {one: frozenset(some) for one, some in readers.items()}
        self._share_lines = sorted(
            (parts, f"{file_source} {sorted(self._by_file.get((file_source, parts), ()))}")
            for file_source, parts in {(one.file_source, one.parts) for one in shares.values()}
        )
        folders = [f"{path} {self._of_group_folder(path)}" for path in sorted(self._folders)]
        self._always = digest_of([*folders, self.options.model_dump_json()], 8).hex()
        problems = [
            Malformed(f"partages ({kind})", f"{count} ne donnent de lecteur à personne")
            for kind, count in sorted(unsaid.items())
        ]
        if self.unknown_groups:
            count = len(self.unknown_groups)
            reason = f"{count} que « groups » ne nomme pas : leurs membres ne lisent rien par eux"
            problems.append(Malformed("groupes", reason))
        return problems

    def unsaid(self) -> Iterator[str]:
        """Yield a French sentence for each right that the account lacks, after `load`."""
        if not self.group_folders_told:
            yield (
                "les dossiers de groupe ne disent pas leurs groupes à ce compte : personne ne "
                "les lit (déléguez-lui leur administration, s'il y en a)"
            )
        for name in sorted(self.unknown_groups)[:_NAMED_GROUPS]:
            yield f"le groupe « {name} » n'est personne : nommez-le dans « groups »"

    def upper(self, above: Mount | None, folder: DavEntry) -> bytes:
        """Return a digest of the folder's mount and readers, and of every share in or below it."""
        mount = self._mount(above, folder)
        said = [str(mount.kind), mount.owner, *sorted(mount.readers), str(mount.closed)]
        told = self._shares_below(self._place(folder))
        return digest_of([self._always, *said, *told], 8)

    def enter(
        self, above: Mount | None, folder: DavEntry, inside: Mapping[str, DavEntry]
    ) -> tuple[Mount, Sequence[Malformed]]:
        """Return the folder's mount, with its own shares."""
        mount = self._mount(above, folder)
        if above is None and mount.kind is None:
            raise SourceRefused(
                f"{self.client.host.host} ne répond pas comme un Nextcloud : corrigez « url », ou "
                "réglez server = « webdav »."
            )
        newly = mount.closed and not (above and above.closed)
        reason = "ce dossier a des droits que quisait ne sait pas dire : personne ne le lit"
        return mount, [Malformed(folder.path or ".", reason)] if newly else []

    def ruled(self, context: Mount, file: DavEntry, inside: Mapping[str, DavEntry]) -> Ruled:
        """Return the readers of the folder and of the file's own shares."""
        readers = self._mount(context, file).readers
        if len(readers) > MAX_PRINCIPALS:
            reason = f"plus de {MAX_PRINCIPALS} lecteurs : personne ne le lit"
            return Ruled(Access(), None, Malformed(file.path, reason))
        return Ruled(Access(readers))

    def _mount(self, above: Mount | None, entry: DavEntry) -> Mount:
        kind, owner = entry.properties.get("mount-type"), entry.properties.get("owner-id", "")
        place = self._place(entry)
        begins = (
            above is None
            or kind != above.kind
            or entry.properties.get("is-mount-root") == "true"
            or place in self._received
            or place in self._folders
            or (kind != "group" and owner != above.owner)
        )
        mount = self._mounted(kind, owner, place) if begins or above is None else above
        shared = self._by_file.get((entry.properties.get("fileid", ""), place), frozenset())
        return mount if mount.closed else replace(mount, readers=mount.readers | shared)

    def _mounted(self, kind: str | None, owner: str, place: tuple[str, ...]) -> Mount:
        """Return the mount that begins here, with its readers before any share."""
        if kind in ("", "shared") and owner:
            owners = frozenset({account_principal(f"{self.source}:{owner}")})
            return Mount(kind, owner, owners)
        readers = self._of_group_folder(place) if kind == "group" else None
        if readers is None:
            return Mount(kind, owner, closed=True)
        return Mount(kind, owner, readers)

    def _of_group_folder(self, place: tuple[str, ...]) -> frozenset[str] | None:
        """Return the groups that may read, or None if rules inside may differ."""
        folder = self._folders.get(place)
        if folder is None or folder.acl:
            return None
        groups = (
            self._group(name)
            for name, group in folder.group_details.items()
            if group.type == "group" and group.permissions & _READ
        )
        return frozenset(filter(None, groups))

    def _principal(self, share: NextcloudShare) -> str | None:
        if not share.share_with:
            return None
        if share.share_type == _USER:
            return account_principal(f"{self.source}:{share.share_with}")
        return self._group(share.share_with) if share.share_type == _GROUP else None

    def _group(self, name: str) -> str | None:
        if name in self.options.groups:
            return self.options.groups[name]
        if self.options.group_authority and name.strip():
            return f"{self.options.group_authority}:group:{name}"
        self.unknown_groups.add(name)
        return None

    def _place(self, entry: DavEntry) -> tuple[str, ...]:
        return ("", *self.prefix, *_parts(entry.path)[1:])

    def _shares_below(self, place: tuple[str, ...]) -> Iterator[str]:
        at = bisect_left(self._share_lines, (place, ""))
        for path, line in self._share_lines[at:]:
            if path[: len(place)] != place:
                return
            yield f"{path} {line}"

    def _shares(self, **parameters: str) -> Iterable[NextcloudShare]:
        said = self.client.ocs(_SHARES, parameters)
        if said is None and "path" in parameters:
            return ()  # the share was revoked meanwhile
        if said is None:
            raise SourceRefused(
                f"{self.client.host.host} ne dit pas ses partages à ce compte : donnez-lui le "
                "droit de lire les siens, et vérifiez que le partage est ouvert sur ce Nextcloud."
            )
        return self._parsed(said)

    def _parsed(self, said: Any) -> list[NextcloudShare]:
        try:
            if not isinstance(said, list):
                raise TypeError
            return [NextcloudShare.model_validate(one) for one in said]
        except (ValidationError, TypeError) as error:
            raise self._odd("ses partages") from error

    def _read_group_folders(self) -> None:
        said = self.client.ocs(_GROUP_FOLDERS)
        self.group_folders_told = said is not None
        try:
            folders = [
                GroupFolder.model_validate(one) for one in (dict(said) if said else {}).values()
            ]
        except (ValidationError, TypeError, ValueError) as error:
            raise self._odd("ses dossiers de groupe") from error
        places = Counter(_parts(folder.mount_point) for folder in folders)
        self._folders = {
            place: folder for folder in folders if places[place := _parts(folder.mount_point)] == 1
        }

    def _odd(self, what: str) -> SourceUnreachable:
        return SourceUnreachable(
            f"{self.client.host.host} dit {what} dans une forme qui ne se comprend pas : rien "
            "n'est lu sans eux. Si cela dure, signalez-le avec la version de Nextcloud."
        )


def _parts(path: str) -> tuple[str, ...]:
    """Return a path as names, after an empty name for the account's own folder."""
    return ("", *filter(None, unicodedata.normalize("NFC", path).split("/")))
