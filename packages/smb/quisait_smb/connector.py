"""Read a share: `ShareConnector.changes` shows the flow.

`client` talks to the server, `descriptors` parses access lists, `readers` converts them to readers.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote, unquote, urlsplit

from connectors.file_patterns import EVERY_FILE, FileSelection, parse_selection
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    AccessChanged,
    Change,
    Checkpoint,
    ContentStale,
    Listing,
    Malformed,
    RecordVanished,
    SourceUnreachable,
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
from quisait_smb.client import FileTimes, Share, ShareEntry, SharePlace, Unreadable, moment_of
from quisait_smb.cursor import (
    FileMarks,
    ShareCursor,
    access_mark,
    path_key,
    read_cursor,
    state_mark,
)
from quisait_smb.descriptors import read_descriptor
from quisait_smb.options import ShareOptions
from quisait_smb.readers import NOT_UNDERSTOOD, SidReaders, SidReading

CHECKPOINT_FILES = 50
CHECK_FILES = 500
"""Maximum number of files that `check` tries."""
CHECK_RIGHTS_EVERY = timedelta(days=1)
"""All access lists are read this often, even if the server is trusted to note changes of rights."""
_MOST_DEEP = 200
_SKIPPED = frozenset({"Thumbs.db", "desktop.ini"})
ARCHIVED = "il est archivé sur un support lent, et n'est pas rappelé"
SAME_NAME = "un autre fichier porte le même nom"


@dataclass(frozen=True, slots=True)
class ShareFile:
    """A file of the tree. `path` is used in its id, `raw_path` opens it."""

    path: str
    raw_path: str
    entry: ShareEntry

    @property
    def state(self) -> bytes:
        """A digest that differs between versions of the file."""
        return self.state_at(self.entry.times)

    def state_at(self, times: FileTimes) -> bytes:
        """Return the state with the times of the opened file: a folder may list older times."""
        return state_mark(self.entry.number, times.size, times.modified, times.changed)


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A folder that could not be listed, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ShareConnector:
    """Reads every visible file of a share, or of a folder of it; links are not followed.

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

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield new and changed files, then the listing. Raises `SourceError`.

        A file with the same path, number, size and times has not changed. Files below a folder that
        cannot be listed are hidden.
        """
        reading = _Reading(self, Share(self.place), read_cursor(since), self.now())
        existing: set[str] = set()
        unlisted: list[str] = []
        pending = 0
        for found in walk(reading.share, self.selection):
            document_id = self._id(found.path)
            if isinstance(found, Unlisted):
                unlisted.append(document_id)
                yield Malformed(found.path or ".", found.reason, kind="closed_folder")
                yield SubtreeHidden(document_id)
                continue
            if document_id in existing:
                yield Malformed(found.path, SAME_NAME)
                continue
            existing.add(document_id)
            yield from reading.file(found)
            pending += 1
            # The cursor grows with the share, so it is written less often in large ones.
            if pending >= max(CHECKPOINT_FILES, len(reading.files) // 10):
                pending = 0
                # Once a folder was hidden, the former marks are no longer valid.
                yield Checkpoint(reading.cursor({} if unlisted else reading.before.files).text())
        # Vanished files are left out: they are new if they return, whatever became of the listing.
        yield Checkpoint(reading.cursor().text())
        existing -= reading.vanished
        yield Listing(frozenset(existing), tuple(unlisted), self.selection.left_out(self.source))
        yield Checkpoint(reading.last_cursor().text())

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these files as they are now. Raises `SourceError`."""
        paths = {one.removeprefix(f"{self.source}:") for one in document_ids}
        reading = _Reading(self, Share(self.place), None, self.now())
        seen: set[str] = set()
        for found in walk(reading.share, self.selection, paths):
            if isinstance(found, ShareFile) and found.path in paths and found.path not in seen:
                seen.add(found.path)
                for change in reading.file(found):
                    if isinstance(change, Upsert):
                        yield change

    def check(self) -> Iterator[str]:
        """Yield a French sentence per problem: missing rights of the account, unknown readers.

        Only the first `CHECK_FILES` files are tried. Raises `SourceError`.
        """
        share = Share(self.place)
        if share.may_write():
            yield "le compte peut écrire dans le partage : un compte qui ne fait que lire suffit"
        tried = _Tried(self, share)
        for found in walk(share, self.selection):
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
        day: date | None = moment.date() if moment else None
        years = ((day.year, 1),) if day else ()
        account, role = f"{self.source}:{owner}", ContributorRole.AUTHOR
        return (Contribution(account, role, "", 1, day, day, years),)

    def _address(self, path: str) -> str:
        if self.link:
            return self.link.replace("{path}", quote(path))
        place = self.place
        whole = "/".join(filter(None, (place.share, place.folder, path)))
        return f"file://{place.host}/{quote(whole)}"

    def _id(self, path: str) -> str:
        return f"{self.source}:{path}"


@dataclass(slots=True)
class _Reading:
    """One reading of a share: the former cursor, and the state so far."""

    connector: ShareConnector
    share: Share
    since: ShareCursor | None
    began: datetime
    vanished: set[str] = field(default_factory=set)
    told: set[tuple[str, str]] = field(default_factory=set)
    files: dict[bytes, FileMarks] = field(default_factory=dict)
    rights: str = field(init=False)
    before: ShareCursor = field(init=False)
    all_rights: bool = field(init=False)

    def __post_init__(self) -> None:
        sids = self.connector.sids
        principals = sorted((sid, sorted(named)) for sid, named in sids.principals.items())
        share = (sorted(sids.share.allowed), sorted(sids.share.denied))
        self.rights = access_mark(sids.authority, principals, *share).hex()
        self.before = self.since or ShareCursor({}, self.rights, self.began.isoformat())
        self.all_rights = (
            not self.connector.trust_changed or self.rights != self.before.rights or self._is_due()
        )

    def _is_due(self) -> bool:
        try:
            checked = datetime.fromisoformat(self.before.checked)
            return not timedelta(0) <= self.began - checked < CHECK_RIGHTS_EVERY
        except (ValueError, TypeError):
            return True

    def cursor(self, known: Mapping[bytes, FileMarks] | None = None) -> ShareCursor:
        """Return a cursor during the reading; `known` are marks of files not seen yet."""
        files = {**(known or {}), **self.files}
        return ShareCursor(files, self.before.rights, self.before.checked)

    def last_cursor(self) -> ShareCursor:
        """Return the cursor after the complete reading."""
        checked = self.began.isoformat() if self.all_rights else self.before.checked
        return ShareCursor(self.files, self.rights, checked)

    def file(self, found: ShareFile) -> Iterator[Change]:
        """Yield the changes of a file, and note its marks.

        A file that could not be read is marked as unknown: the next reading tries it again.
        """
        document_id, key = f"{self.connector.source}:{found.path}", path_key(found.path)
        former = self.before.files.get(key, _UNKNOWN)
        same = found.state == former.state
        if same and not self.all_rights:
            self.files[key] = former
            return
        self.files[key] = _UNKNOWN
        try:
            if found.entry.is_archived:
                raise Unreadable(ARCHIVED)
            raw, times = self.share.descriptor(found.raw_path)
        except RecordVanished:
            self.vanished.add(document_id)
            return
        except Unreadable as error:
            yield ContentStale(document_id)
            yield Malformed(found.path, f"le fichier ou ses droits : {error}", document_id)
            return
        if same and times != found.entry.times:
            yield ContentStale(document_id)  # these rights belong to a newer text
            return
        readers, _ = self.connector.access(raw)
        access = access_mark(sorted(readers.access.allowed), sorted(readers.access.denied))
        if not same:
            yield Upsert(self.connector.document(self.share, found, times, raw))
        elif access != former.access:
            yield AccessChanged(document_id, readers.access)
        self.files[key] = FileMarks(found.state_at(times), access)
        if not same or access != former.access:
            yield from self._told(found, readers, document_id)

    def _told(self, found: ShareFile, readers: SidReaders, document_id: str) -> Iterator[Malformed]:
        """Report rights that could not be expressed, once per folder and reason."""
        folder = found.path.rpartition("/")[0]
        for reason in readers.reasons:
            if (folder, reason) not in self.told:
                self.told.add((folder, reason))
                yield Malformed(found.path, reason, document_id)


_UNKNOWN = FileMarks(bytes(6), bytes(6))
"""The marks of a file that was not read; no digest is likely to equal them."""


@dataclass(slots=True)
class _Tried:
    """Results of trying the account."""

    connector: ShareConnector
    share: Share
    files: int = 0
    unread: int = 0
    unlisted: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    nobody: set[str] = field(default_factory=set)

    def add(self, found: ShareFile | Unlisted) -> None:
        """Try a file, or note a folder that could not be listed."""
        if isinstance(found, Unlisted):
            self.unlisted.append(found.path or ".")
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
    share: Share, selection: FileSelection, wanted: Collection[str] | None = None
) -> Iterator[ShareFile | Unlisted]:
    """Yield every file of a share, folder by folder, and folders that cannot be listed.

    If `wanted` paths are given, only the folders above them are entered. Raises `SourceError`.
    """
    above = None if wanted is None else {one for path in wanted for one in _folders(path)}
    pending = [_Folder((), "")]
    while pending:
        folder = pending.pop()
        if above is not None and folder.path not in above:
            continue
        subfolders = []
        for found in _listed(share, folder, selection):
            if isinstance(found, _Folder):
                subfolders.append(found)
            else:
                yield found
        pending += reversed(subfolders)


def _listed(
    share: Share, folder: "_Folder", selection: FileSelection
) -> "Iterator[ShareFile | Unlisted | _Folder]":
    """Yield a folder's selected entries; nothing if it vanished, unless it is the root."""
    if len(folder.parts) > _MOST_DEEP:
        yield Unlisted(folder.path, f"plus de {_MOST_DEEP} dossiers l'un dans l'autre")
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
        yield Unlisted(folder.path, f"ce dossier ne se lit pas : {error}")
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
    """A folder or an entry of one: its path as used in ids, and the path that opens it."""

    parts: tuple[str, ...]
    raw_path: str

    @property
    def path(self) -> str:
        return "/".join(self.parts)

    def below(self, name: str) -> "_Folder":
        written = unicodedata.normalize("NFC", _written(name))
        return _Folder((*self.parts, written), "/".join(filter(None, (self.raw_path, name))))


def _folders(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(len(parts)))


def _written(name: str) -> str:
    """Return a name that can be used in an id: half a surrogate pair is escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def _is_skipped(name: str) -> bool:
    """Return whether a name is hidden, a lock file of an office program, or leads elsewhere."""
    hidden = name.startswith((".", "~$")) or name in _SKIPPED
    return hidden or any(mark in name for mark in "/\\:\0")


def open_share(place: SourcePlace, options: ShareOptions) -> ShareConnector:
    """Return the connector of one source; no request is sent yet. Raises `SourceRefused`."""
    address = urlsplit(options.url)
    share, *folders = [name for name in unquote(address.path).split("/") if name]
    sids = SidReading(options.authority, options.principals)
    both = (options.share_allowed, options.share_denied)
    allowed, denied = (
        frozenset(one for name in names for one in sids.of_name(name)) for names in both
    )
    unknown = [name for name in options.share_denied if not sids.of_name(name)]
    return ShareConnector(
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
