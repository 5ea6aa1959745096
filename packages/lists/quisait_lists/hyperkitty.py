"""Read the archives of a Mailman 3 (HyperKitty); `quisait_mailbox.reading` shows the flow.

Threads are as HyperKitty shows them, also if mails were moved to another thread. A mail's attached
files are not listed, so `_NUMBERS` stands for all files that it may have.
"""

import base64
import hashlib
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from urllib.parse import quote

from quisait_mailbox.documents import MailPlace
from quisait_mailbox.reading import (
    FolderClosed,
    MailNotGiven,
    MailSource,
    MailTooLarge,
)
from quisait_mailbox.text import UnreadableMail, decoded_text, inner_parts, parse_mail
from quisait_mailbox.threads import MailHead, head_of

from connectors.files import read_regular_file
from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Malformed,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
)
from connectors.values import MAX_PRINCIPALS, Access, EvidencePolicy, account_principal
from quisait_lists.archives import as_sent
from quisait_lists.hyperkitty_client import (
    ArchivedMail,
    ArchiveRefused,
    ExportFailed,
    ExportTooLarge,
    HyperkittyClient,
)
from quisait_lists.hyperkitty_options import HyperkittyOptions
from quisait_lists.mailman_core import POLICIES, ListUnknown, MailmanCore

MOST_ATTACHED = 9
_NUMBERS = tuple(str(number) for number in range(2, 2 + MOST_ATTACHED))
"""Part numbers of the files of an exported mail; part 1 is its text. A listing may name files that
do not exist, because a listed id alone keeps no document in the index.
"""
_LIMITS = HttpLimits(max_bytes=64 * 1024 * 1024)
_OTHERS = stat.S_IROTH | stat.S_IWOTH
_AHEAD, _NEXT = timedelta(days=1), timedelta(seconds=1)


@dataclass(slots=True)
class HyperkittySource(MailSource):
    """Reads the lists that the settings name; `folder` is the base of a password file's path."""

    options: HyperkittyOptions
    default_access: Access
    folder: Path
    password: Callable[[], str] = field(repr=False)
    limits: HttpLimits = _LIMITS
    client: HyperkittyClient = field(init=False)
    core: MailmanCore = field(init=False)

    def check(self) -> Iterator[str]:
        """Yield a French sentence per unreadable list or lost reader. Raises `SourceError`."""
        self.connect()
        if (self.folder / self.options.core_password_file).stat().st_mode & _OTHERS:
            yield "« core_password_file » se lit par tous les comptes de la machine : chmod 600"
        yield from self.complaints("liste")

    def connect(self) -> None:
        """Make the clients of both servers. Raises `SourceRefused` if a password is missing."""
        options = self.options
        limits = replace(self.limits, rate_per_s=options.rate_per_s)
        ca_file = str(self.folder / options.ca_file) if options.ca_file else ""
        try:
            written = read_regular_file(self.folder / options.core_password_file)
            core_password = written.decode("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceRefused(
                f"{self.source} : « core_password_file » ne se lit pas : vérifiez ce fichier."
            ) from error
        account = (options.core_user, core_password)
        host = HttpHost(options.url, limits, ca_file, "L'archive")
        self.client = HyperkittyClient(host, options.login, options.user, self.password)
        self.core = MailmanCore(HttpHost(options.core_url, limits, ca_file, "Mailman", account))

    def names(self) -> Sequence[str]:
        """Return the names of the lists, sorted."""
        return sorted(self.options.lists)

    def open(self, name: str) -> "ArchivedList":
        """Open a list as it is now. Raises `FolderClosed`, `SourceError`."""
        try:
            shown, state = self.client.policy(name), self.client.newest(name)
        except ArchiveRefused as error:
            raise FolderClosed(str(error)) from error
        except SourceUnreachable as error:
            if reason := self._failure_of_list(name):
                raise FolderClosed(reason) from error
            raise
        try:
            access, warnings = self._access(name, shown)
        except ListUnknown as error:
            access, warnings = Access(), (f"{error} : personne ne lit l'archive",)
        # The state changes once a day, so that new votes are read at least daily.
        today = datetime.now(UTC).date().isoformat()
        return ArchivedList(
            self._place(name, access), warnings, f"{state} {today}", name, self.client
        )

    def readers(self, name: str) -> Access:
        """Return a list's readers as they are now. Raises `FolderClosed`, `SourceError`."""
        try:
            return self._access(name, self.client.policy(name))[0]
        except ListUnknown:
            return Access()
        except ArchiveRefused as error:
            raise FolderClosed(str(error)) from error

    def _failure_of_list(self, name: str) -> str:
        """Return why HyperKitty fails for one list, in French; empty if it fails for all.

        HyperKitty asks Mailman whether an account may read a private list.
        """
        try:
            self.core.policy(name)
        except ListUnknown as error:
            return str(error)
        return "HyperKitty est en panne pour cette liste" if self.client.is_there() else ""

    def _access(self, name: str, shown: str) -> tuple[Access, tuple[str, ...]]:
        """Return (access, French warnings). Raises `ListUnknown`.

        `shown` is HyperKitty's copy of the policy. The copy may be older than Mailman's policy, and
        is "public" if it was never fetched, so the narrower policy applies.
        """
        one = self.options.lists[name]
        stated = one.readers
        access = self.default_access if stated is None else Access(frozenset(stated))
        policy = min(self.core.policy(name), shown, key=_width)
        if policy == "public":
            return access, ()
        if policy != "private":
            return Access(), ("la liste dit ne pas être archivée : personne ne lit l'archive",)
        if one.readers_are_members:
            return access, ()
        members = self.core.subscribers(name)
        if len(members) > MAX_PRINCIPALS:
            return Access(), (
                f"plus de {MAX_PRINCIPALS} abonnés : donnez un groupe à « readers », avec "
                "« readers_are_members » ; personne ne lit l'archive",
            )
        accounts = (account_principal(f"{self.source}:{address}") for address in members)
        return access.narrowed_to(Access(frozenset(accounts))), ()

    def _place(self, name: str, access: Access) -> MailPlace:
        options = self.options
        pages = f"{options.url}list/{quote(name, safe='@')}"
        return MailPlace(
            self.source,
            name,
            access,
            EvidencePolicy(options.lists[name].evidence or options.evidence),
            options.domains,
            f"{pages}/message/{{id}}/",
            f"{pages}/thread/{{thread}}/",
        )


@dataclass(slots=True)
class ArchivedList:
    """A list's archive, open for one reading."""

    place: MailPlace
    warnings: tuple[str, ...]
    state: str
    name: str
    client: HyperkittyClient
    _thread_of: dict[str, str] = field(default_factory=dict)
    _held: Mapping[str, bytes] = field(default_factory=dict)
    _held_thread: str = ""
    _failures: FailuresInARow = field(default_factory=FailuresInARow)

    def heads(self) -> Iterator[MailHead | Malformed]:
        """Yield the head of each mail. Raises `FolderClosed`, `SourceError`.

        A mail's key is the digest of its `Message-ID`. Its references are its thread's first mail,
        deleted or not, and the mail that it answers.
        """
        try:
            mails = self.client.mails(self.name)
            voted = self.client.voted_threads(self.name)
        except ArchiveRefused as error:
            raise FolderClosed(str(error)) from error
        moments = moments_of(mails, datetime.now(UTC) + _AHEAD)
        self._thread_of = {mail.hash: mail.thread for mail in mails}
        for mail in mails:
            before = (mail.thread, mail.parent)
            references = tuple(dict.fromkeys(one for one in before if one not in ("", mail.hash)))
            thanks = self.client.likes(self.name, mail.hash) if mail.thread in voted else 0
            yield MailHead(mail.hash, mail.hash, references, moments[mail.hash], _NUMBERS, thanks)

    def raw(self, head: MailHead) -> bytes:
        """Return the mail's bytes.

        Raises `RecordVanished`, `MailTooLarge`, `MailNotGiven`, `UnreadableMail`, `SourceError`.
        """
        if (thread := self._thread_of[head.key]) != self._held_thread:
            self._held_thread, self._held = thread, {}
            with suppress(ExportTooLarge):  # then its mails are exported one by one
                self._held = self._exported(thread=thread)
        raw = self._held.get(head.key)
        if raw is None:
            try:
                raw = next(iter(self._exported(message=head.key).values()), None)
            except ExportTooLarge as error:
                raise MailTooLarge from error
        if raw is None:
            raise RecordVanished("le message n'est plus dans l'archive")
        return without_shown_parts(raw)

    def _exported(self, **which: str) -> Mapping[str, bytes]:
        """Return exported mails by digest; empty if the export of a whole thread fails.

        If several threads fail in a row, HyperKitty counts as down. Failures of mails of one thread
        do not count as long as HyperKitty answers. Raises `ExportTooLarge`, `MailNotGiven`,
        `UnreadableMail`, `RecordVanished`, `SourceError`.
        """
        try:
            found = self.client.exported(self.name, **which)
        except ExportTooLarge:
            raise
        except ArchiveRefused as error:
            raise RecordVanished("l'archive ne se lit plus") from error
        except (ExportFailed, SourceUnreachable) as error:
            if isinstance(error, SourceUnreachable) and (
                "message" not in which or not self.client.is_there()
            ):
                self._failures.note(error)
            if "message" in which:
                raise MailNotGiven("HyperKitty ne parvient pas à l'exporter") from error
            return {}
        self._failures.end()
        named = [(_hash_of(raw), raw) for raw in map(as_sent, found)]
        times = Counter(digest for digest, _ in named)
        # HyperKitty removes spaces from invalid ids, so two mails may get the same id.
        return {digest: raw for digest, raw in named if times[digest] == 1}


def moments_of(mails: Sequence[ArchivedMail], latest: datetime) -> Mapping[str, datetime | None]:
    """Return when each mail was sent, by digest, corrected so that answers follow their parent.

    Clocks may be wrong: a date after `latest` is ignored, and a mail that is not later than the
    mail that it answers gets a later moment.
    """
    by_hash = {mail.hash: mail for mail in mails}
    found: dict[str, datetime | None] = {}
    for mail in mails:
        chain: list[ArchivedMail] = []
        at = mail
        while at.hash not in found:
            found[at.hash] = at.date if at.date and at.date <= latest else None
            chain.append(at)
            at = by_hash.get(at.parent, at)
        for one in reversed(chain):
            own, before = found[one.hash], found.get(one.parent)
            if before and (own is None or own <= before):
                found[one.hash] = before + _NEXT
    return found


def without_shown_parts(raw: bytes) -> bytes:
    """Return an exported mail without files that HyperKitty made of parts of its text.

    Such files are the HTML version of the text (which becomes the text if there is no plain text),
    and images: HyperKitty does not tell whether an image is embedded in the text. Raises
    `UnreadableMail`.
    """
    message = parse_mail(raw)
    parts = inner_parts(message)
    if len(parts) < 2:
        return raw
    text, *files = parts
    pages = [part for part in files if _is_page(part)]
    kept = [part for part in files if part.get_content_maintype() != "image" and part not in pages]
    if pages and not decoded_text(text).strip():
        text = pages[0]
        del text["Content-Disposition"]
    try:
        message.set_payload([text, *map(_without_base64, kept)])
        return message.as_bytes()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableMail("message mal formé dans l'archive") from error


def _without_base64(part: Message) -> Message:
    """Return the part; an attached mail, which HyperKitty encodes (RFC 2046), is decoded."""
    inner = inner_parts(part)
    encoded = str(part.get("Content-Transfer-Encoding", "")).strip().lower() == "base64"
    if part.get_content_type() == "message/rfc822" and inner and encoded:
        part.set_payload([parse_mail(base64.b64decode(str(inner[0].get_payload())))])
        del part["Content-Transfer-Encoding"]
    return part


def _is_page(part: Message) -> bool:
    """Return whether HyperKitty named the part itself, so that it is not an attached file."""
    name = part.get_filename() or ""
    return part.get_content_type() == "text/html" and name.partition(".")[0] == "attachment"


def _hash_of(raw: bytes) -> str:
    """Return HyperKitty's id of a mail: base32 of the SHA-1 of its `Message-ID`."""
    message_id = head_of("", parse_mail(raw.partition(b"\n\n")[0]), None).message_id
    digest = hashlib.sha1(message_id.encode("utf-8", "surrogateescape"), usedforsecurity=False)
    return base64.b32encode(digest.digest()).decode()


def _width(policy: str) -> int:
    """Return how wide a policy is; an unknown policy is the narrowest."""
    return POLICIES.index(policy) if policy in POLICIES else -1


def open_hyperkitty(place: SourcePlace, options: HyperkittyOptions) -> HyperkittySource:
    """Return the source; nothing is read yet."""
    return HyperkittySource(
        place.source, options, place.default_access, place.folder, place.password
    )


KIND = ConnectorKind(
    "listes de diffusion de Mailman 3",
    HyperkittyOptions,
    open_hyperkitty,
    about="Les listes d'un Mailman 3, par les archives de HyperKitty. Une liste est lue par ses "
    "abonnés, ou par ceux que vous dites.",
    credential="le mot de passe du compte qui lit HyperKitty",
)
