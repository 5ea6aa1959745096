"""Read a share: `ShareSource.listing_since` shows the flow.

`client` talks to the server, `descriptors` parses access lists, `readers` converts them to readers.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote, urlsplit

from connectors.batches import batches
from connectors.contributions import Act, contributions_of
from connectors.digests import digest_of
from connectors.file_patterns import EVERY_FILE, FileSelection, parse_selection
from connectors.installed import ConnectorKind, SourcePlace
from connectors.options import filled
from connectors.ports import (
    Former,
    Listed,
    ListingItem,
    Malformed,
    Note,
    RecordUnreadable,
    RecordVanished,
    SourceUnreachable,
    Unlisted,
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
from quisait_smb.client import FileTimes, Share, ShareEntry, SharePlace, Unreadable, moment_of
from quisait_smb.descriptors import read_descriptor
from quisait_smb.options import ShareOptions
from quisait_smb.readers import NOT_UNDERSTOOD, SidReaders, SidReading

CHECK_FILES = 500
"""Maximum number of files that `check` tries."""
CHECK_RIGHTS_EVERY = timedelta(days=1)
"""Interval at which all access lists are read, even if the server is trusted to note changes of
rights.
"""
_MOST_DEEP = 200
_AT_ONCE = 500
"""Number of files that are compared at once with the previous crawl."""
_SKIPPED = frozenset({"Thumbs.db", "desktop.ini"})
ARCHIVED = "il est archivé sur un support lent, et n'est pas rappelé"


@dataclass(frozen=True, slots=True)
class ShareFile:
    """A file of the tree. `path` is used in its id, `raw_path` opens it."""

    path: str
    raw_path: str
    entry: ShareEntry

    def version_at(self, times: FileTimes) -> bytes:
        """Return the file's version, from its opened file: a folder may list older times."""
        return f"{self.entry.number}:{times.size}:{times.modified}:{times.changed}".encode()


@dataclass(slots=True)
class ShareSource:
    """Lists every visible file of a share, or of a folder of it; links are not followed.

    `trust_changed`: the server notes changes of a file's rights, as Windows does and Samba does
    not; access lists of unchanged files are then read only once a day.
    """

    source: str
    place: SharePlace
    sids: SidReading
    selection: FileSelection = EVERY_FILE
    link: str = ""
    evidence: EvidencePolicy = EvidencePolicy.YES
    trust_changed: bool = False
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), compare=False)
    _share: Share = field(init=False, compare=False)

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        """Yield every file, with its readers; access lists known to be unchanged are not read.

        The note is when all access lists were last read. Raises `SourceError`.
        """
        self._share = Share(self.place)
        note = f"{self._rights_digest()} {self.now().isoformat()}"
        trusts = self.trust_changed and self._is_recent(former.note, note)
        told: set[tuple[str, str]] = set()
        for some in batches(walk(self._share, self.source, self.selection, former), _AT_ONCE):
            files = [
                Listed(self._id(one.path), one.version_at(one.entry.times), None, one)
                for one in some
                if isinstance(one, ShareFile)
            ]
            known = former.known(files) if trusts else ()
            unchanged = {one.id: one for one in files if one.id in known}
            for found in some:
                if isinstance(found, Unlisted):
                    yield found
                elif listed := unchanged.get(self._id(found.path)):
                    yield listed
                else:
                    yield from self._listed(found, told)
        yield Note(former.note if trusts else note)

    def read(self, listed: Listed) -> Document:
        """Return a file as it is now; its text is read later. Raises `SourceError`."""
        found: ShareFile = listed.place
        try:
            raw, times = self._share.descriptor(found.raw_path)
        except Unreadable as error:
            raise RecordUnreadable(f"le fichier ou ses droits : {error}") from error
        return self.document(self._share, found, times, raw)

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the readers that the files' descriptors now admit. Raises `SourceError`."""
        readers: dict[str, Access] = {}
        for item in items:
            with suppress(RecordVanished, Unreadable):
                raw, _ = self._share.descriptor(item.place.raw_path)
                readers[item.id] = self.access(raw)[0].access
        return readers

    def left_out(self) -> Callable[[str], bool] | None:
        """Return whether the settings exclude a document."""
        return self.selection.left_out(self.source)

    def _listed(self, found: ShareFile, told: set[tuple[str, str]]) -> Iterator[Listed | Malformed]:
        """Yield a file with its readers; nothing for a deleted file.

        Rights that could not be expressed are reported once per folder and reason.
        """
        document_id, folder = self._id(found.path), found.path.rpartition("/")[0]
        try:
            if found.entry.is_archived:
                raise Unreadable(ARCHIVED)
            raw, times = self._share.descriptor(found.raw_path)
        except RecordVanished:
            return
        except Unreadable as error:
            yield Listed(document_id, b"", problem=f"le fichier ou ses droits : {error}")
            return
        readers, _ = self.access(raw)
        for reason in readers.reasons:
            if (folder, reason) not in told:
                told.add((folder, reason))
                yield Malformed(found.path, reason, document_id)
        yield Listed(document_id, found.version_at(times), readers.access, found)

    def _rights_digest(self) -> str:
        """Return a digest of the settings that decide the readers."""
        sids = self.sids
        principals = sorted((sid, sorted(named)) for sid, named in sids.principals.items())
        share = sorted(sids.share.allowed), sorted(sids.share.denied)
        return digest_of(map(repr, (sids.authority, principals, *share)), 16).hex()

    def _is_recent(self, former: str, now: str) -> bool:
        """Return whether all access lists were read within a day, under the same settings."""
        try:
            (rights, checked), (rights_now, began) = former.split(), now.split()
            since = datetime.fromisoformat(began) - datetime.fromisoformat(checked)
        except (ValueError, TypeError):
            return False
        return rights == rights_now and timedelta(0) <= since < CHECK_RIGHTS_EVERY

    def check(self) -> Iterator[str]:
        """Yield a French sentence per problem: missing rights of the account, unknown readers.

        Only the first `CHECK_FILES` files are tried. Raises `SourceError`.
        """
        share = Share(self.place)
        if share.may_write():
            yield "le compte peut écrire dans le partage : un compte qui ne fait que lire suffit"
        tried = _TrialResults(self, share)
        for found in walk(share, self.source, self.selection, Former()):
            tried.add(found)
            if tried.files >= CHECK_FILES:
                break
        yield from tried.sentences()

    def access(self, raw: bytes) -> tuple[SidReaders, str]:
        """Return the readers of a file with this descriptor, and its owner's SID."""
        try:
            descriptor = read_descriptor(raw)
        except ValueError:
            return SidReaders(Access(), (NOT_UNDERSTOOD,)), ""
        return self.sids.readers(descriptor), descriptor.owner

    def document(self, share: Share, found: ShareFile, times: FileTimes, raw: bytes) -> Document:
        """Return a file's document, as of the moment that its descriptor was read."""
        readers, owner = self.access(raw)
        modified, created = moment_of(times.modified), moment_of(times.created)
        if created and modified and created > modified:
            created = modified  # a copy: created here after it was written
        return Document(
            id=self._id(found.path),
            source=self.source,
            title="",
            access=readers.access,
            content=Content(
                found.path.rpartition("/")[2],
                lambda: share.content(found.raw_path, times),
                None,
                times.size,
                title_of_path(found.path),
            ),
            url=self._address(found.path),
            created=created,
            modified=modified,
            evidence=self.evidence,
            contributions=self._owned(owner, created or modified),
            version=f"{times.size}:{times.modified}:{found.entry.number}",
        )

    def _owned(self, owner: str, moment: datetime | None) -> tuple[Contribution, ...]:
        """Return the owner's contribution; only accounts of a domain count."""
        if not owner.startswith("S-1-5-21-"):
            return ()
        owned = Act(f"{self.source}:{owner}", ContributorRole.AUTHOR, when=moment)
        return contributions_of([owned])

    def _address(self, path: str) -> str:
        if self.link:
            return filled(self.link, path=path)
        place = self.place
        whole = "/".join(filter(None, (place.share, place.folder, path)))
        return f"file://{place.host}/{quote(whole)}"

    def _id(self, path: str) -> str:
        return f"{self.source}:{path}"


@dataclass(slots=True)
class _TrialResults:
    """Results of trying the account."""

    connector: ShareSource
    share: Share
    files: int = 0
    unread: int = 0
    unlisted: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    nobody: set[str] = field(default_factory=set)

    def add(self, found: ShareFile | Unlisted) -> None:
        """Try a file, or note a folder that could not be listed."""
        if isinstance(found, Unlisted):
            self.unlisted.append(found.root.partition(":")[2] or ".")
            return
        self.files += 1
        try:
            raw, times = self.share.descriptor(found.raw_path)
            if not found.entry.is_archived:
                self.share.content(found.raw_path, times, most=1)
            descriptor = read_descriptor(raw)
        except (RecordVanished, Unreadable, ValueError):
            self.unread += 1
            return
        sids = self.connector.sids
        self.reasons.update(sids.readers(descriptor).reasons)
        self.nobody |= {ace.sid for ace in descriptor.aces or () if not sids.of_sid(ace.sid)}

    def sentences(self) -> Iterator[str]:
        """Yield French sentences for the administrator."""
        if self.unlisted:
            count = len(self.unlisted)
            yield f"{count} dossiers que le compte ne peut lister, dont « {self.unlisted[0]} »"
        if self.unread:
            yield f"{self.unread} fichiers sur {self.files} que le compte ne peut lire"
        for reason, count in sorted(self.reasons.items()):
            yield f"{count} fichiers sur {self.files} : {reason}"
        if self.nobody:
            yield (
                "des droits nomment des SID qui ne sont personne ici (« principals » peut leur "
                f"donner des lecteurs) : {', '.join(sorted(self.nobody))}"
            )


def walk(
    share: Share, source: str, selection: FileSelection, former: Former
) -> Iterator[ShareFile | Unlisted]:
    """Yield every wanted file of a share, folder by folder, and folders that cannot be listed.

    Raises `SourceError`.
    """
    pending = [_Folder((), "")]
    while pending:
        subfolders = []
        for found in _entries(share, source, pending.pop(), selection):
            if isinstance(found, Unlisted):
                yield found
            elif former.enters(f"{source}:{found.path}"):
                if isinstance(found, _Folder):
                    subfolders.append(found)
                else:
                    yield found
        pending += reversed(subfolders)


def _entries(
    share: Share, source: str, folder: "_Folder", selection: FileSelection
) -> "Iterator[ShareFile | Unlisted | _Folder]":
    """Yield a folder's selected entries; nothing if it vanished, unless it is the root."""
    root = f"{source}:{folder.path}"
    if len(folder.parts) > _MOST_DEEP:
        yield Unlisted(root, f"plus de {_MOST_DEEP} dossiers l'un dans l'autre")
        return
    try:
        entries = share.entries(folder.raw_path)
    except RecordVanished as error:
        if not folder.parts:
            raise SourceUnreachable(
                f"Le dossier de {share.place.host} n'est plus là : vérifiez « url »."
            ) from error
        return
    except Unreadable as error:
        yield Unlisted(root, f"ce dossier ne se lit pas : {error}")
        return
    for entry in entries:
        below = folder.below(entry.name)
        if entry.is_link or _is_skipped(entry.name):
            continue
        if entry.is_folder and selection.enters(below.parts):
            yield below
        elif not entry.is_folder and selection.takes(below.parts):
            yield ShareFile(below.path, below.raw_path, entry)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder or one of its entries: the path that ids use, and the path that opens it."""

    parts: tuple[str, ...]
    raw_path: str

    @property
    def path(self) -> str:
        return "/".join(self.parts)

    def below(self, name: str) -> "_Folder":
        written = unicodedata.normalize("NFC", _written(name))
        return _Folder((*self.parts, written), "/".join(filter(None, (self.raw_path, name))))


def _written(name: str) -> str:
    """Return a name that can be used in an id: half a surrogate pair is escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def _is_skipped(name: str) -> bool:
    """Return whether a name is hidden, a lock file of an office program, or leads elsewhere."""
    hidden = name.startswith((".", "~$")) or name in _SKIPPED
    return hidden or any(mark in name for mark in "/\\:\0")


def open_share(place: SourcePlace, options: ShareOptions) -> ShareSource:
    """Return the connector of one source; no request is sent yet. Raises `SourceRefused`."""
    address = urlsplit(options.url)
    share, *folders = [name for name in unquote(address.path).split("/") if name]
    sids = SidReading(options.authority, options.principals)
    both = (options.share_allowed, options.share_denied)
    allowed, denied = (
        frozenset(one for name in names for one in sids.of_name(name)) for names in both
    )
    unknown = [name for name in options.share_denied if not sids.of_name(name)]
    return ShareSource(
        place.source,
        SharePlace(
            address.hostname or "",
            address.port or 445,
            share,
            "/".join(folders),
            options.user,
            place.password(),
            options.encrypt,
            options.protocol,
            options.timeout_s,
        ),
        SidReading(
            options.authority,
            options.principals,
            Access() if unknown else Access(allowed, denied),
        ),
        parse_selection(options.include, options.exclude),
        options.link,
        EvidencePolicy(options.evidence),
        options.trust_changed,
    )


KIND = ConnectorKind(
    "partage Windows",
    ShareOptions,
    open_share,
    about="Les fichiers d'un partage de Windows ou de Samba. Un fichier "
    "est lu par ceux que ses droits NTFS admettent.",
)
