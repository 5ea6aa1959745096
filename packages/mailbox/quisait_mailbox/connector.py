"""Read the folders of a mailbox; `quisait_mailbox.reading` shows the flow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import RecordVanished, SourceUnreachable
from connectors.values import Access, EvidencePolicy
from quisait_mailbox.documents import MailPlace, is_attached
from quisait_mailbox.options import ACL, MailboxOptions
from quisait_mailbox.reading import FolderClosed, MailSource, MailTooLarge
from quisait_mailbox.rights import readers_of
from quisait_mailbox.session import MailboxLimits, MailboxSession
from quisait_mailbox.text import UnreadableMail, parse_mail
from quisait_mailbox.threads import MailHead, head_of

MOST_BYTES = 50 * 1024 * 1024
"""Maximum size of a mail; a larger mail is reported and not read."""
_HEADS_AT_ONCE = 500
_HEADS = (
    "INTERNALDATE",
    "RFC822.SIZE",
    "BODYSTRUCTURE",
    "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID REFERENCES IN-REPLY-TO DATE)]",
)
_STATE = ("MESSAGES", "UIDNEXT", "UIDVALIDITY")


@dataclass(slots=True)
class MailboxSource(MailSource):
    """Reads the folders of one account that the settings name, in one session."""

    options: MailboxOptions
    password: Callable[[], str] = field(repr=False)
    ca_file: str = ""
    limits: MailboxLimits = field(default_factory=MailboxLimits)
    session: MailboxSession = field(init=False)

    def connect(self) -> None:
        """Make a session, which connects at its first request."""
        self.session = MailboxSession(self.options, self.password, self.ca_file, self.limits)

    def check(self) -> Iterator[str]:
        """Yield a French sentence per unreadable folder or lost right. Raises `SourceError`."""
        self.connect()
        if not self.has_states:
            yield (
                "le serveur ne connaît pas CONDSTORE : les en-têtes de tous les messages sont "
                "redemandés à chaque lecture"
            )
        yield from self.complaints("dossier")

    def names(self) -> Sequence[str]:
        """Return the names of the folders, sorted."""
        return sorted(self.options.folders)

    @property
    def has_states(self) -> bool:
        """Whether the server tells if any mail of a folder changed (CONDSTORE, RFC 7162)."""
        return bool(self.session.ask(lambda client: client.has_capability("CONDSTORE")))

    def open(self, name: str) -> "ImapFolder":
        """Open a folder as it is now. Raises `FolderClosed`, `SourceError`."""
        state = self._state(name)
        access, warnings = self._access(name)
        evidence = EvidencePolicy(self.options.evidence)
        domains, link = self.options.domains, self.options.link
        place = MailPlace(self.source, name, access, evidence, domains, link)
        return ImapFolder(place, warnings, state, self.session)

    def readers(self, name: str) -> Access:
        """Return a folder's readers as they are now. Raises `SourceError`."""
        return self._access(name)[0]

    def _state(self, name: str) -> str:
        """Return a folder's state, or an empty text if the server does not count flag changes."""
        wanted = (*_STATE, "HIGHESTMODSEQ") if self.has_states else _STATE
        found = self.session.ask(lambda client: client.folder_status(name, wanted))
        if not found.get(b"HIGHESTMODSEQ"):
            return ""
        return " ".join(f"{found.get(one.encode(), 0)}" for one in wanted)

    def _access(self, name: str) -> tuple[Access, tuple[str, ...]]:
        readers = self.options.folders[name]
        if readers != ACL:
            return Access(frozenset(readers)), ()
        try:
            entries = self.session.ask(lambda client: client.getacl(name))
        except FolderClosed:
            return Access(), (
                "ses droits ne se lisent pas (droit « a » manquant, ou serveur sans ACL) : "
                "personne ne le lit",
            )
        written = [(_text(identifier), _text(rights)) for identifier, rights in entries]
        return readers_of(self.source, written, self.options.identifiers)


@dataclass(slots=True)
class ImapFolder:
    """A mail folder that is open for one reading of the source.

    A mail's key is the folder's UIDVALIDITY and its UID.
    """

    place: MailPlace
    warnings: tuple[str, ...]
    state: str
    session: MailboxSession
    _uids: dict[str, tuple[int, int]] = field(default_factory=dict)

    def heads(self) -> Iterator[MailHead]:
        """Yield the heads of all mails that are not marked as deleted.

        Raises `FolderClosed`, `SourceError`.
        """
        name = self.place.folder
        # SEARCH returns all UIDs at once: seven megabytes for a million.
        uids = self.session.ask_folder(name, lambda client: sorted(client.search(["UNDELETED"])))
        validity = self.session.validity
        for at in range(0, len(uids), _HEADS_AT_ONCE):
            some = uids[at : at + _HEADS_AT_ONCE]
            found = self._fetch(some, _HEADS)
            self._check(validity)
            for uid in some:
                if uid in found:
                    key = f"{validity}.{uid}"
                    self._uids[key] = uid, int(found[uid].get(b"RFC822.SIZE", 0))
                    yield _head(key, found[uid])

    def raw(self, head: MailHead) -> bytes:
        """Return the mail's bytes.

        Raises `RecordVanished`, `MailTooLarge`, `UnreadableMail`, `SourceError`.
        """
        uid, size = self._uids[head.key]
        if size > MOST_BYTES:
            raise MailTooLarge
        try:
            found = self._fetch([uid], ("BODY.PEEK[]",))
        except FolderClosed as closed:
            raise UnreadableMail("le serveur ne donne pas ce message") from closed
        self._check(int(head.key.partition(".")[0]))
        raw = found.get(uid, {}).get(b"BODY[]")
        if not isinstance(raw, bytes):
            raise RecordVanished("le message a été supprimé pendant la lecture")
        return raw

    def _fetch(self, uids: Sequence[int], wanted: Sequence[str]) -> dict[int, dict[bytes, Any]]:
        def fetch(client: Any) -> dict[int, dict[bytes, Any]]:
            return dict(client.fetch(uids, wanted))

        return self.session.ask_folder(self.place.folder, fetch)

    def _check(self, validity: int) -> None:
        """Raise `SourceUnreachable` if the folder was recreated, which changes all UIDs."""
        if self.session.validity != validity:
            raise SourceUnreachable(
                f"Le dossier {self.place.folder} a été recréé pendant la lecture : relancez."
            )


def _head(key: str, found: dict[bytes, Any]) -> MailHead:
    fields = next((value for name, value in found.items() if name.startswith(b"BODY[")), b"")
    received = found.get(b"INTERNALDATE")
    return head_of(
        key,
        parse_mail(fields if isinstance(fields, bytes) else b""),
        received.astimezone(UTC) if isinstance(received, datetime) else None,
        tuple(_attached(found.get(b"BODYSTRUCTURE"))),
    )


def _attached(structure: Any) -> Iterator[str]:
    """Yield the numbers of attached files in a BODYSTRUCTURE (RFC 3501, 7.4.2)."""
    waiting = [("", structure)]
    while waiting:
        number, part = waiting.pop()
        if not isinstance(part, tuple) or not part:
            continue
        if isinstance(part[0], list):
            inner = [
                (f"{number}.{at}" if number else str(at), one) for at, one in enumerate(part[0], 1)
            ]
            waiting.extend(reversed(inner))
            continue
        media_type = f"{_text(part[0])}/{_text(part[1])}".lower()
        # Extension fields after the part's basic fields: MD5, disposition, language, location.
        at = 8 if media_type.startswith("text/") else 10 if media_type == "message/rfc822" else 7
        disposition = part[at + 1] if len(part) > at + 1 else None
        how = _text(disposition[0]).lower() if isinstance(disposition, tuple) else ""
        names = set(_names(part[2])) | set(
            _names(disposition[1]) if isinstance(disposition, tuple) else ()
        )
        if is_attached(media_type, how, not names.isdisjoint({"name", "filename"})):
            yield number or "1"


def _names(parameters: Any) -> Iterator[str]:
    """Yield the names of parameters, without suffixes for charset and pieces (RFC 2231)."""
    if isinstance(parameters, tuple):
        yield from (_text(one).lower().partition("*")[0] for one in parameters[::2])


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def open_mailbox(place: SourcePlace, options: MailboxOptions) -> MailboxSource:
    """Return the source; no request is sent yet."""
    return MailboxSource(place.source, options, place.password, place.file(options.ca_file))


KIND = ConnectorKind(
    "boîte aux lettres partagée",
    MailboxOptions,
    open_mailbox,
    about="Les dossiers que vous nommez d'une boîte partagée, par IMAP. Un "
    "dossier est lu par ceux que vous dites, ou selon ses droits.",
)
