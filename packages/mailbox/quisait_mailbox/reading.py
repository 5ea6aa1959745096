"""List and read folders of mails: `MailSource.listing_since` shows the flow.

Mailboxes and list archives only differ in how they list a folder and fetch a mail (`MailFolder`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from connectors.digests import digest_of
from connectors.ports import (
    Former,
    Listed,
    ListedFolder,
    ListingItem,
    Malformed,
    OutsideOf,
    RecordIncomplete,
    RecordVanished,
    UnchangedFolder,
    Unlisted,
)
from connectors.values import Access, Document
from quisait_mailbox.documents import (
    EncryptedMail,
    Mail,
    MailPlace,
    attached,
    attachment_document,
    folder_root,
    read_mail,
    thread_document,
)
from quisait_mailbox.text import UnreadableMail, parse_mail
from quisait_mailbox.threads import MailHead, MailThread, threads_of


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
        """A text that changes when any mail of the folder changes; empty if unknown."""
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


@dataclass(slots=True)
class MailSource(ABC):
    """Base of mailboxes and list archives: lists and reads the threads of their folders."""

    source: str
    _folders: dict[str, MailFolder] = field(init=False, default_factory=dict)

    @abstractmethod
    def connect(self) -> None:
        """Make the session or clients that open folders in this crawl. Raises `SourceError`."""

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Return the names of the folders to read, without repetition. Raises `SourceError`."""

    @abstractmethod
    def open(self, name: str) -> MailFolder:
        """Open a folder. Raises `FolderClosed`, `SourceError`."""

    @abstractmethod
    def readers(self, name: str) -> Access:
        """Return the current readers of a folder. Raises `FolderClosed`, `SourceError`."""

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the current readers of each thread: those of its folder. Raises `SourceError`."""
        readers: dict[str, Access] = {}
        for name in dict.fromkeys(item.place[0] for item in items):
            with suppress(FolderClosed):
                readers[name] = self.readers(name)
        return {one.id: readers[one.place[0]] for one in items if one.place[0] in readers}

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        """Yield every thread, without the folders whose state is unchanged. Raises `SourceError`.

        A folder that cannot be opened is hidden until a later crawl opens it and reads it in full.
        """
        self.connect()
        for name in self.names():
            root = folder_root(self.source, name)
            if not former.enters(root):
                continue
            try:
                folder = self._folders[name] = self.open(name)
                yield from self._listed(name, folder, former)
            except FolderClosed as closed:
                yield Unlisted(root, str(closed))

    def _listed(self, name: str, folder: MailFolder, former: Former) -> Iterator[ListingItem]:
        place = folder.place
        for warning in folder.warnings:
            yield Malformed(f"{self.source}, {name}", warning, place.root)
        access = place.access
        readers = sorted(access.allowed), sorted(access.denied), *folder.warnings
        tag = f"{folder.state} {readers}".encode() if folder.state else b""
        listed = ListedFolder(place.root, b"", tag)
        if former.known([listed]):
            yield UnchangedFolder(place.root)
            return
        heads = list(folder.heads())
        yield listed
        if folder.warnings:
            yield Listed(place.root, None)  # the warnings are about it
        for head in heads:
            if not isinstance(head, MailHead):
                yield head
                if head.document_id:
                    yield Listed(head.document_id, None)
        for thread in threads_of(one for one in heads if isinstance(one, MailHead)):
            thread_id, *parts = _ids(place, thread)
            states = [mail.state for mail in thread.mails]
            version = digest_of([f"{thread.name} {states}"])
            yield Listed(thread_id, version, access, (name, thread), parts=tuple(parts))

    def read(self, listed: Listed) -> Iterator[Document | Malformed]:
        """Yield the files attached to a thread's mails, then the thread. Raises `SourceError`."""
        name, thread = listed.place
        folder = self._folders[name]
        place = folder.place
        mails: list[Mail] = []
        is_whole = True
        for head in thread.mails:
            where = f"{self.source}, {name}, {head.key}"
            reported = place.mail_id(thread, head)
            try:
                message = parse_mail(folder.raw(head))
                mail = read_mail(head, message)
            except RecordVanished:
                continue  # the next crawl lists the thread without it
            except (MailNotGiven, MailTooLarge, UnreadableMail, EncryptedMail) as error:
                is_whole = is_whole and not isinstance(error, MailNotGiven)
                yield Malformed(where, str(error) or "message trop grand", reported)
                continue
            mails.append(mail)
            if not mail.is_absence and head.attachments:
                parts = dict(attached(message))
                for number, part in parts.items():
                    if number in head.attachments:
                        yield attachment_document(place, thread, mail, number, part)
                if len(parts) > len(head.attachments):
                    most = len(head.attachments)
                    reason = f"plus de {most} pièces jointes : les suivantes ne sont pas lues"
                    yield Malformed(where, reason, reported)
        if mails:
            yield thread_document(place, thread, mails)
        if not is_whole:
            raise RecordIncomplete

    def left_out(self) -> Callable[[str], bool]:
        """Return whether a document is in no folder that the settings name."""
        return OutsideOf(frozenset(folder_root(self.source, name) for name in self.names()))

    def complaints(self, called: str) -> Iterator[str]:
        """Yield a French sentence for each folder that cannot be read or has lost readers.

        `called` is the source's word for a folder. Raises `SourceError`.
        """
        for name in self.names():
            try:
                folder = self.open(name)
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
