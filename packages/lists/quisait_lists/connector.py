"""Read archives of mailing lists on disk; `quisait_mailbox.reading` shows the flow."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quisait_mailbox.documents import MailPlace, attached
from quisait_mailbox.reading import FolderClosed, MailSource, MailTooLarge
from quisait_mailbox.text import UnreadableMail, parse_mail
from quisait_mailbox.threads import MailHead, head_of

from connectors.files import disk_timeout_error, read_regular_file
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Malformed,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
)
from connectors.timeouts import DISK_TIMEOUT_S, call_with_timeout, iterate_with_timeout
from connectors.values import MAX_PRINCIPALS, Access, EvidencePolicy, account_principal
from quisait_lists.archives import (
    MOST_BYTES,
    NoArchive,
    StoredMail,
    archive_files,
    mails_of,
    state_of,
)
from quisait_lists.options import ListOptions, ListsOptions

_ADDRESS = re.compile(r"(?:email\s+)?<?([^\s<>,;@]{1,100}@[^\s<>,;@]{1,200})>?(?:\s.*)?")
"""A line of a member list: an address, as Mailman writes it, or as Sympa does (`email …`)."""
_FIELDS_OF_A_MAIL = ("From", "Date", "Message-ID")


@dataclass(slots=True)
class ListsSource(MailSource):
    """Reads the lists that the settings name; `folder` is the base of their paths."""

    options: ListsOptions
    default_access: Access
    folder: Path

    def connect(self) -> None:
        """Do nothing: the archives are files."""

    def roots(self) -> Sequence[Path]:
        """Return the archives of the lists, in the order of their names."""
        return [self.folder / self.options.lists[name].path for name in self.names()]

    def check(self) -> Iterator[str]:
        """Yield a French sentence for each archive that cannot be read or has lost readers."""
        return self.complaints("liste")

    def names(self) -> Sequence[str]:
        """Return the names of the lists, sorted."""
        return sorted(self.options.lists)

    def open(self, name: str) -> "Archive":
        """Open a list's archive as it is now. Raises `FolderClosed`, `SourceUnreachable`."""
        one = self.options.lists[name]
        path = self.folder / one.path
        access, warnings = self._access(one)

        def look() -> tuple[list[tuple[Path, bool]], str]:
            files = archive_files(path)
            return files, state_of(files)

        try:
            files, state = call_with_timeout(DISK_TIMEOUT_S, look, disk_timeout_error(path))
        except NoArchive as error:
            raise FolderClosed(str(error)) from error
        except OSError as error:
            raise FolderClosed(
                f"l'archive ne se lit pas ({os.strerror(error.errno or 0)})"
            ) from error
        evidence = EvidencePolicy(one.evidence or self.options.evidence)
        domains, link = self.options.domains, self.options.link
        place = MailPlace(self.source, name, access, evidence, domains, link)
        return Archive(place, warnings, state, path, tuple(files))

    def readers(self, name: str) -> Access:
        """Return a list's readers as they are now. Raises `SourceError`."""
        return self._access(self.options.lists[name])[0]

    def _access(self, one: ListOptions) -> tuple[Access, tuple[str, ...]]:
        """Return (access, French warnings); readers must be admitted by every rule."""
        access = self.default_access if one.readers is None else Access(frozenset(one.readers))
        if not one.members:
            return access, ()
        try:
            text = read_regular_file(self.folder / one.members).decode("utf-8", "replace")
        except (OSError, SourceRefused):
            return Access(), ("la liste des abonnés ne se lit pas : personne ne lit l'archive",)
        found = [_ADDRESS.fullmatch(line.strip()[:400]) for line in text.splitlines()]
        accounts = {f"{self.source}:{address[1].lower()}" for address in found if address}
        if len(accounts) > MAX_PRINCIPALS:
            return Access(), (
                f"plus de {MAX_PRINCIPALS} abonnés : donnez un groupe à « readers » plutôt que "
                "« members » ; personne ne lit l'archive",
            )
        return access.narrowed_to(Access(frozenset(map(account_principal, accounts)))), ()


@dataclass(slots=True)
class Archive:
    """A list's archive, open for one reading."""

    place: MailPlace
    warnings: tuple[str, ...]
    state: str
    path: Path
    files: tuple[tuple[Path, bool], ...]
    _where: dict[str, StoredMail] = field(default_factory=dict)

    def heads(self) -> Iterator[MailHead | Malformed]:
        """Yield the head of each mail, file by file. Raises `FolderClosed`, `SourceUnreachable`."""
        return iterate_with_timeout(self._heads(), DISK_TIMEOUT_S, disk_timeout_error(self.path))

    def raw(self, head: MailHead) -> bytes:
        """Return the mail. Raises `RecordVanished`, `MailTooLarge`, `SourceUnreachable`."""
        stored = self._where[head.key]
        if stored.length > MOST_BYTES:
            raise MailTooLarge
        try:
            return call_with_timeout(DISK_TIMEOUT_S, stored.read, disk_timeout_error(self.path))
        except (OSError, ValueError, SourceRefused) as error:
            raise RecordVanished("le message n'est plus là où il était") from error

    def _heads(self) -> Iterator[MailHead | Malformed]:
        for path, is_mbox in self.files:
            try:
                for stored, raw in mails_of(path, is_mbox=is_mbox):
                    yield self._head(stored, raw)
            except (NoArchive, SourceRefused) as error:
                if len(self.files) == 1:
                    raise FolderClosed(str(error)) from error
                yield self._malformed(path, str(error))
            except FileNotFoundError:
                continue  # deleted since it was listed
            except PermissionError as error:
                raise FolderClosed(f"droit de lecture manquant sur {path.name}") from error
            except OSError as error:
                raise SourceUnreachable(
                    f"L'archive {self.path} ne se lit pas : elle sera relue plus tard."
                ) from error

    def _head(self, stored: StoredMail, raw: bytes) -> MailHead | Malformed:
        try:
            message = parse_mail(raw)
            numbers = tuple(number for number, _ in attached(message))
        except UnreadableMail:
            # The mail is reported as unreadable when its text is read.
            message, numbers = parse_mail(raw.partition(b"\n\n")[0]), ()
        if not any(name in message for name in _FIELDS_OF_A_MAIL):
            return self._malformed(stored.path, "ni expéditeur, ni date : pas un message", stored)
        self._where[stored.digest] = stored
        return head_of(stored.digest, message, None, numbers)

    def _malformed(self, path: Path, reason: str, stored: StoredMail | None = None) -> Malformed:
        place = f"{path.name}, octet {stored.offset}" if stored else path.name
        name = place.replace("/", " ")
        return Malformed(f"{self.place.folder}, {place}", reason, f"{self.place.root}/{name}")


def open_lists(place: SourcePlace, options: ListsOptions) -> ListsSource:
    """Return the source; nothing is read yet."""
    return ListsSource(place.source, options, place.default_access, place.folder)


KIND = ConnectorKind(
    "listes de diffusion",
    ListsOptions,
    open_lists,
    about="Les archives de listes : fichiers mbox, Mailman ou Sympa, sur cette machine. "
    "Une liste est lue par ceux que vous dites, ou par ses abonnés.",
    credential="",
)
