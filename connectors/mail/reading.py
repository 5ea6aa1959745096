"""Read folders of mails: `MailReading.changes` shows the flow.

Mailboxes and list archives only differ in how they list a folder and fetch a mail (`MailFolder`).
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.digests import digest_of
from connectors.mail.cursor import FolderCursor, MailCursor, read_cursor
from connectors.mail.documents import (
    EncryptedMail,
    Mail,
    MailPlace,
    attached,
    attachment_document,
    read_mail,
    thread_document,
)
from connectors.mail.text import UnreadableMail, parse_mail
from connectors.mail.threads import MailHead, MailThread, threads_of
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Listing,
    Malformed,
    OutsideOf,
    RecordVanished,
    SubtreeHidden,
    Upsert,
)

CHECKPOINT_MAILS = 50


class FolderClosed(Exception):
    """The folder cannot be read for now; the text is a French reason."""


class MailTooLarge(Exception):
    """The mail is larger than the connector's limit."""


class MailNotGiven(Exception):
    """The source fails to deliver the mail for now; the text is a French reason."""


class MailFolder(Protocol):
    """A folder of mails, open for one reading."""

    @property
    def place(self) -> MailPlace:
        """The ids, readers and links of the folder's documents."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """Parts of the folder's access rule that cannot be expressed, and so admit nobody."""
        ...

    @property
    def state(self) -> str:
        """A text that changes when any of its mails does; empty if the source cannot tell."""
        ...

    def heads(self) -> Iterator[MailHead | Malformed]:
        """Yield the head of each mail, and unreadable mails.

        Raises `FolderClosed`, `SourceError`.
        """
        ...

    def raw(self, head: MailHead) -> bytes:
        """Return the mail's bytes.

        Raises `RecordVanished`, `MailTooLarge`, `MailNotGiven`, `UnreadableMail`, `SourceError`.
        """
        ...


class MailSource(Protocol):
    """A source of mail folders."""

    @property
    def source(self) -> str:
        """The source's name."""
        ...

    def names(self) -> Sequence[str]:
        """Return the names of the folders to read, without repetition. Raises `SourceError`."""
        ...

    def place(self, name: str) -> MailPlace:
        """Return a folder's place, without opening it; its access may be narrower."""
        ...

    def open(self, name: str) -> MailFolder:
        """Open a folder. Raises `FolderClosed`, `SourceError`."""
        ...


@dataclass(slots=True)
class MailReading:
    """One reading of a source."""

    mails: MailSource
    _cursor: MailCursor = field(default_factory=MailCursor)
    _present: set[str] = field(default_factory=set)
    _unlisted: list[str] = field(default_factory=list)
    _states: dict[str, str] = field(default_factory=dict)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield the changes of each folder, then the listing of all folders.

        A folder whose state is unchanged is not listed: its documents stay. A folder that cannot be
        opened is hidden until it can, and is then read in full. Folder states are saved only after
        the listing, so an interrupted reading does not lose deletions.
        """
        self._cursor = read_cursor(since)
        names = self.mails.names()
        for name in self._cursor.folders.keys() - set(names):
            self._cursor = self._cursor.with_folder(name, None)
        for name in names:
            try:
                folder = self.mails.open(name)
            except FolderClosed as closed:
                yield from self._hidden(self.mails.place(name), str(closed))
                continue
            root = folder.place.root
            for warning in folder.warnings:
                self._present.add(root)
                yield Malformed(f"{folder.place.source}, {name}", warning, root)
            yield from self._folder(name, folder)
        roots = frozenset(self.mails.place(name).root for name in names)
        yield Listing(frozenset(self._present), tuple(self._unlisted), OutsideOf(roots))
        for name, state in self._states.items():
            self._cursor = self._cursor.with_state(name, state)
        yield Checkpoint(self._cursor.text())

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these threads and attached files as they are now. Raises `SourceError`."""
        for name in self.mails.names():
            root = f"{self.mails.place(name).root}/"
            if not any(one.startswith(root) for one in document_ids):
                continue
            try:
                folder = self.mails.open(name)
                heads = [one for one in folder.heads() if isinstance(one, MailHead)]
            except FolderClosed:
                continue
            for thread in threads_of(heads):
                if document_ids.isdisjoint(_ids(folder.place, thread)):
                    continue
                for change in _ThreadReading(folder).thread(thread):
                    if isinstance(change, Upsert) and change.document.id in document_ids:
                        yield change

    def _hidden(self, place: MailPlace, reason: str) -> Iterator[Change]:
        # Removed from the cursor first: a hidden folder comes back only when it is read.
        self._cursor = self._cursor.with_folder(place.folder, None)
        yield Checkpoint(self._cursor.text())
        yield SubtreeHidden(place.root)
        self._unlisted.append(place.root)
        yield Malformed(f"{place.source}, {place.folder}", reason, place.root)

    def _folder(self, name: str, folder: MailFolder) -> Iterator[Change]:
        access, state = folder.place.access, folder.state
        known = self._cursor.folders.get(name)
        # With the warnings: once they change, the folder is listed again.
        said = sorted(access.allowed), sorted(access.denied), *folder.warnings
        readers = digest_of([repr(said)]).hex()
        if known and state and (known.state, known.readers) == (state, readers):
            self._unlisted.append(folder.place.root)
            return
        try:
            threads = yield from self._listed(folder)
        except FolderClosed as closed:
            yield from self._hidden(folder.place, str(closed))
            return
        narrowed = known is not None and known.readers != readers
        current = (known or FolderCursor()).for_threads(len(threads))
        # No readers in the cursor: an interrupted reading then starts over with the readers.
        current = replace(current, state="", readers="" if narrowed else readers)
        if narrowed:
            yield self._checkpoint(name, current)
            yield from (AccessNarrowed(one, access) for one in _all_ids(folder.place, threads))
        current, is_whole = yield from self._parts(name, folder, threads, current)
        yield self._checkpoint(name, replace(current, readers=readers))
        if is_whole:
            self._states[name] = state

    def _parts(
        self, name: str, folder: MailFolder, threads: Sequence[MailThread], current: FolderCursor
    ) -> Generator[Change, None, tuple[FolderCursor, bool]]:
        """Read the parts that changed; for unchanged parts, yield the new readers if they changed.

        Return the folder's new cursor, and whether every mail could be read.
        """
        reading = _ThreadReading(folder)
        mails, is_whole = 0, True
        for part, members in _in_parts(threads, current).items():
            digest = digest_of(
                f"{one.name} {[mail.state for mail in one.mails]}" for one in members
            )
            if digest == current.digest(part):
                if not current.readers:
                    ids = _all_ids(folder.place, members)
                    yield from (AccessChanged(one, folder.place.access) for one in ids)
                continue
            reading.is_whole = True
            for thread in members:
                yield from reading.thread(thread)
                mails += len(thread.mails)
            if reading.is_whole:
                current = current.with_part(part, digest)
            is_whole = is_whole and reading.is_whole
            if mails >= CHECKPOINT_MAILS:
                mails = 0
                yield self._checkpoint(name, current)
        self._present -= reading.gone
        return current, is_whole

    def _listed(self, folder: MailFolder) -> Generator[Change, None, list[MailThread]]:
        """Yield unreadable mails; return the threads, after noting that their ids exist."""
        heads: list[MailHead] = []
        for found in folder.heads():
            if isinstance(found, MailHead):
                heads.append(found)
            else:
                yield found
                self._present.update(filter(None, [found.document_id]))
        threads = list(threads_of(heads))
        self._present.update(_all_ids(folder.place, threads))
        return threads

    def _checkpoint(self, name: str, folder: FolderCursor) -> Checkpoint:
        self._cursor = self._cursor.with_folder(name, folder)
        return Checkpoint(self._cursor.text())


@dataclass(slots=True)
class _ThreadReading:
    """Reads threads one mail at a time.

    `gone` are attachments of mails that vanished; `is_whole` is false if a mail could not be read.
    """

    folder: MailFolder
    gone: set[str] = field(default_factory=set)
    is_whole: bool = True

    def thread(self, thread: MailThread) -> Iterator[Change]:
        """Yield the attached files, then the thread's document."""
        place = self.folder.place
        mails: list[Mail] = []
        for head in thread.mails:
            where = f"{place.source}, {place.folder}, {head.key}"
            reported = place.mail_id(thread, head)
            try:
                message = parse_mail(self.folder.raw(head))
                mail = read_mail(head, message)
            except RecordVanished:
                # The next reading will list the folder without it.
                self.is_whole = False
                self.gone.update(place.attachment_id(thread, head, n) for n in head.attachments)
                continue
            except (MailNotGiven, MailTooLarge, UnreadableMail, EncryptedMail) as error:
                self.is_whole = self.is_whole and not isinstance(error, MailNotGiven)
                yield Malformed(where, str(error) or "message trop grand", reported)
                continue
            mails.append(mail)
            if not mail.is_absence and head.attachments:
                parts = dict(attached(message))
                for number, part in parts.items():
                    if number in head.attachments:
                        yield Upsert(attachment_document(place, thread, mail, number, part))
                if len(parts) > len(head.attachments):
                    most = len(head.attachments)
                    reason = f"plus de {most} pièces jointes : les suivantes ne sont pas lues"
                    yield Malformed(where, reason, reported)
        if mails:
            yield Upsert(thread_document(place, thread, mails))
        else:
            # The text that was indexed before may be out of date.
            yield ContentStale(place.thread_id(thread))


def folder_complaints(mails: MailSource, called: str) -> Iterator[str]:
    """Yield a French sentence for each folder that cannot be read or has lost readers.

    `called` is the source's word for a folder. Raises `SourceError`.
    """
    for name in mails.names():
        try:
            folder = mails.open(name)
        except FolderClosed as closed:
            yield f"{called} {name} : {closed}"
            continue
        yield from (f"{called} {name} : {warning}" for warning in folder.warnings)
        if not folder.place.access.allowed:
            yield f"{called} {name} : aucun lecteur, personne n'y trouvera rien"


def _ids(place: MailPlace, thread: MailThread) -> Iterator[str]:
    """Yield the ids of a thread, its mails (for reports) and its attached files."""
    yield place.thread_id(thread)
    for head in thread.mails:
        yield place.mail_id(thread, head)
        for number in head.attachments:
            yield place.attachment_id(thread, head, number)


def _all_ids(place: MailPlace, threads: Iterable[MailThread]) -> Iterator[str]:
    for thread in threads:
        yield from _ids(place, thread)


def _in_parts(
    threads: Iterable[MailThread], cursor: FolderCursor
) -> Mapping[int, list[MailThread]]:
    found: dict[int, list[MailThread]] = {}
    for thread in threads:
        found.setdefault(cursor.part_of(thread.name), []).append(thread)
    return dict(sorted(found.items()))
