"""Folders of a mailbox, read from a real Dovecot."""

import contextlib
import itertools
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.message import EmailMessage

import pytest
from imapclient import IMAPClient
from quisait_connector_kit.connector_contract import ConnectorHarness, apply, last_cursor, read
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_mailbox.connector import ImapFolder, MailboxSource, _attached
from quisait_mailbox.documents import attached
from quisait_mailbox.options import MailboxOptions
from quisait_mailbox.rights import readers_of
from quisait_mailbox.session import MailboxLimits, MailboxSession
from quisait_mailbox.text import parse_mail
from quisait_mailbox.threads import MailHead, threads_of

from connectors.ports import (
    Checkpoint,
    Listing,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import Access, Document
from tests.cut_relay import relay
from tests.dovecot_server import PASSWORD, DovecotServer, ensure_dovecot
from tests.made_mails import mail, question_and_answer, thread_of_both

pytestmark = pytest.mark.sources

EVERYONE = ("everyone",)
QUICK = MailboxLimits(timeout_s=20, total_timeout_s=60, waits_s=(0.01, 0.01))
_numbers = itertools.count()


def with_file(message: EmailMessage, name: str = "plan.pdf") -> EmailMessage:
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename=name)
    return message


@dataclass
class MailboxHarness:
    """A mailbox of its own, one folder for each document that the contract adds."""

    server: DovecotServer
    client: IMAPClient
    user: str
    folders: dict[str, list[str] | str] = field(default_factory=dict)
    resumable_count: int = 5
    seen: MemorySeen = field(default_factory=MemorySeen)

    def options(self, **others: object) -> MailboxOptions:
        given = {
            "host": "127.0.0.1",
            "port": self.server.tls_port,
            "user": self.user,
            "folders": self.folders or {"INBOX": []},
            "evidence": "yes",
            "rate_per_s": 1_000,
        }
        return MailboxOptions.model_validate(given | others)

    def connector(self, **others: object) -> Snapshot:
        return Snapshot(self.source(**others), self.seen)

    def source(self, **others: object) -> MailboxSource:
        options = self.options(**others)
        return MailboxSource("t", options, lambda: PASSWORD, self.server.ca_file, QUICK)

    def document_id(self, name: str, folder: str = "") -> str:
        (thread,) = threads_of([MailHead("k", f"{name}@exemple.fr")])
        return f"t:{folder or name}/{thread.name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        if name not in self.folders:
            self.client.create_folder(name)
        else:
            self.expunge(name, 0)
        self.client.append(name, mail(name, text).as_bytes())
        self.set_readers(name, allowed)

    def append(self, folder: str, *messages: EmailMessage) -> None:
        if folder != "INBOX" and not self.client.folder_exists(folder):
            self.client.create_folder(folder)
        for one in messages:
            self.client.append(folder, one.as_bytes())
        self.folders.setdefault(folder, list(EVERYONE))

    def expunge(self, folder: str, at: int, *, mark_only: bool = False) -> None:
        """Delete the mail at that place, or only mark it to be deleted."""
        self.client.select_folder(folder)
        if some := self.client.search(["UNDELETED"])[at : at + 1]:
            self.client.delete_messages(some)
        if mark_only:
            self.client.unselect_folder()
        else:
            self.client.expunge()

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.folders[name] = list(allowed)

    def remove(self, name: str) -> None:
        self.expunge(name, 0)

    def add_invalid_records(self) -> int:
        self.folders["absent"] = list(EVERYONE)
        message = mail("c", "x")
        message.replace_header("Content-Type", "multipart/encrypted; boundary=b")
        self.append("chiffrés", message)
        return 2

    def add_complete_document(self) -> Document:
        self.append("Équipe/Régies", *question_and_answer())
        thread = self.document_id("q", "Équipe%2FRégies")
        return thread_of_both(thread, "Équipe/Régies", frozenset(EVERYONE))


@pytest.fixture
def harness() -> Iterator[MailboxHarness]:
    server = ensure_dovecot()
    user = f"boite{next(_numbers)}"
    with server.account(user) as client:
        yield MailboxHarness(server, client, user)


def test_contract(
    connector_check: Callable[[ConnectorHarness], None], harness: MailboxHarness
) -> None:
    """Every check of the contract."""
    connector_check(harness)


def test_a_folder_that_did_not_change_is_not_opened(
    harness: MailboxHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server counts its changes; its documents stay."""
    harness.append("a", *(mail(n, f"Le point {n}.") for n in range(40)))
    cursor = last_cursor(read(harness))
    with monkeypatch.context() as patched:
        patched.setattr(ImapFolder, "heads", None)
        again = read(harness, cursor)
    assert all(isinstance(change, Listing | Checkpoint) for change in again)
    harness.append("a", mail("neuf", "Un point de plus."))
    changed = [c.document.id for c in read(harness, cursor) if isinstance(c, Upsert)]
    assert harness.document_id("neuf", "a") in changed
    assert len(changed) == 1


def test_a_mail_marked_to_be_deleted_is_deleted_in_one_reading(harness: MailboxHarness) -> None:
    """Many programs only mark, and expunge on another day."""
    harness.append("a", mail("q", "Qui signe ?"), with_file(mail("r", "Le préfet.")))
    first = read(harness)
    assert len(apply(first)) == 3
    harness.expunge("a", 1, mark_only=True)
    kept = apply(read(harness, last_cursor(first)), apply(first))
    assert set(kept) == {harness.document_id("q", "a")}


def test_a_mail_without_a_date_has_that_of_its_arrival(harness: MailboxHarness) -> None:
    """In UTC, as all moments."""
    message = mail("q", "Qui signe ?")
    del message["Date"]
    harness.append("a", message)
    (document,) = apply(read(harness)).values()
    assert document.created
    assert document.created.tzinfo is UTC


def test_nothing_is_written(harness: MailboxHarness) -> None:
    """A mail that was read by quisait is still unread for people."""
    harness.append("a", with_file(mail("q", "Qui signe ?")))
    harness.client.select_folder("a", readonly=True)
    before = harness.client.fetch([1], ["FLAGS"])[1][b"FLAGS"]
    read(harness)
    harness.client.select_folder("a", readonly=True)
    after = harness.client.fetch([1], ["FLAGS"])[1][b"FLAGS"]
    assert b"\\Seen" not in after
    assert set(before) - {b"\\Recent"} == set(after) - {b"\\Recent"}


def test_a_folder_made_anew_keeps_its_threads(harness: MailboxHarness) -> None:
    """With another UIDVALIDITY, all of it is read again under the same ids."""
    mails = [mail("q", "Qui signe ?"), mail("s", "Un autre point.")]
    harness.append("a", *mails)
    first = read(harness)
    harness.client.delete_folder("a")
    harness.append("a", mails[0], mail("n", "Un point neuf."))
    kept = apply(read(harness, last_cursor(first)), apply(first))
    assert set(kept) == {harness.document_id(name, "a") for name in ("q", "n")}


def test_a_folder_that_is_not_there_is_hidden(harness: MailboxHarness) -> None:
    """And read whole when it is again; another folder goes on."""
    harness.append("a", mail("q", "Qui signe ?"))
    harness.append("b", mail("s", "Un autre point."))
    first = read(harness)
    harness.client.rename_folder("a", "ailleurs")
    changes = read(harness, last_cursor(first))
    assert SubtreeHidden("t:a") in changes
    kept = apply(changes, apply(first))
    assert kept[harness.document_id("q", "a")].access == Access()
    assert kept[harness.document_id("s", "b")].access == Access(frozenset(EVERYONE))
    assert [said for said in harness.connector().check() if said.startswith("dossier a")]
    harness.client.rename_folder("ailleurs", "a")
    back = apply(read(harness, last_cursor(changes)), kept)
    assert back[harness.document_id("q", "a")].access == Access(frozenset(EVERYONE))


SHAPES = ("plain", "mixed", "alternative", "image", "mail", "single", "no name")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_server_and_the_reader_number_files_alike(harness: MailboxHarness, shape: str) -> None:
    """In whatever a mail is put together of."""
    message = mail("q", "Voici le plan.")
    if shape in ("mixed", "alternative"):
        message.add_alternative("<p>Voici le plan.", subtype="html")
        with_file(message, "Plan du 3e étage – définitif.pdf")
        with_file(message)
    elif shape == "image":
        message.add_related(b"GIF89a", maintype="image", subtype="gif", cid="<logo>")
        message.add_attachment(b"GIF89a", maintype="image", subtype="gif", filename="scan.gif")
        message.add_attachment("un texte", filename="notes.txt")
    elif shape == "mail":
        message.add_attachment(with_file(mail("autre", "Un autre.")))
        with_file(message)
    elif shape == "single":
        message.set_content(b"%PDF", maintype="application", subtype="pdf", filename="seul.pdf")
    elif shape == "no name":
        message.add_attachment(b"x", maintype="application", subtype="octet-stream")
    harness.append("a", message)
    harness.client.select_folder("a", readonly=True)
    structure = harness.client.fetch([1], ["BODYSTRUCTURE"])[1][b"BODYSTRUCTURE"]
    numbers = [number for number, _ in attached(parse_mail(message.as_bytes()))]
    assert list(_attached(structure)) == numbers
    expected = {"plain": 0, "mixed": 2, "alternative": 2, "image": 2, "mail": 2}
    assert len(numbers) == expected.get(shape, 1)
    kept = apply(read(harness))
    assert len(kept) == 1 + len(numbers)


def test_readers_come_from_the_folder_s_own_rights(harness: MailboxHarness) -> None:
    """Those who may read it; a group is whom the settings say; who is refused does not."""
    reader = f"{harness.user}-lecteur"
    harness.append("a", mail("q", "Qui signe ?"))
    folder = f"shared/{harness.user}/a"
    for identifier, rights in (
        (reader, "lra"), ("ana", "lr"), ("poste", "lp"), ("group=compta", "lr"), ("-ben", "r"),
        ("group=autres", "lr"),
    ):  # fmt: skip
        harness.client.setacl("a", identifier, rights)
    harness.folders = {folder: "acl"}
    options = {"user": reader, "identifiers": {"group=compta": "ldap:group:compta"}}
    connector = harness.connector(**options)
    (document,) = apply(connector.changes(None)).values()
    assert document.access.allowed == {"t:account:ana", f"t:account:{reader}", "ldap:group:compta"}
    assert document.access.denied == {"t:account:ben", "t:account:poste"}
    assert any("group=autres" in said for said in connector.check())
    harness.client.setacl("a", reader, "lr")
    changes = list(harness.connector(**options).changes(None))
    assert {one.access for one in apply(changes).values()} == {Access()}
    assert any(
        "GETACL" in c.reason or "droit" in c.reason for c in changes if isinstance(c, Malformed)
    )


@pytest.mark.parametrize(
    ("entries", "access"),
    [
        ([("anyone", "lr")], Access()),
        ([("ana", "l")], Access()),
        ([("ana", "lr"), ("-group=x", "r")], Access()),
        ([("ana", "lr"), ("-group=x", "l")], Access(frozenset({"t:account:ana"}))),
        ([("ana", "lr"), ("group-override=x", "l")], Access()),
        ([("", "lr")], Access()),
        ([("group:x", "lr")], Access()),
        ([("ana", "lr"), ("-group:x", "r")], Access()),
        ([("ana", "lr"), ("-user=ben", "r")], Access()),
        ([("ana", "lr"), ("-Anyone", "r")], Access()),
    ],
)
def test_a_right_that_cannot_be_said_is_nobody_s(
    entries: list[tuple[str, str]], access: Access
) -> None:
    """Fewer readers, never more."""
    assert readers_of("t", entries, {})[0] == access


def test_too_many_rights_are_nobody_s() -> None:
    """They need a group."""
    access, warnings = readers_of("t", [(f"a{n}", "lr") for n in range(1_001)], {})
    assert (access, len(warnings)) == (Access(), 1)


def test_connections_are_protected(harness: MailboxHarness) -> None:
    """TLS or StartTLS, with a certificate that is checked; in the clear on this machine alone."""
    harness.append("a", mail("q", "Qui signe ?"))
    plain = {"port": harness.server.port}
    for others in ({}, plain | {"security": "starttls"}, plain | {"security": "none"}):
        assert len(apply(harness.connector(**others).changes(None))) == 1
    other_ca = harness.server.ca_file.replace("ca.pem", "other.pem")
    for others in ({}, plain | {"security": "starttls"}):
        with pytest.raises(SourceRefused, match="certificat"):
            list(Snapshot(replace(harness.source(**others), ca_file=other_ca)).changes(None))
    with pytest.raises(ValueError, match="hors boucle locale"):
        harness.options(host="imap.exemple.fr", security="none")


def test_a_wrong_password_is_refused_and_not_tried_again(harness: MailboxHarness) -> None:
    """With a sentence; neither the sentence nor a representation has it."""
    source = replace(harness.source(), password=lambda: "un secret faux")
    with pytest.raises(SourceRefused) as refused:
        list(Snapshot(source).changes(None))
    assert "secret" not in f"{refused.value}{source!r}"


def test_a_server_that_is_away_or_silent_is_tried_later(harness: MailboxHarness) -> None:
    """Nothing is deleted meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        limits = MailboxLimits(timeout_s=0.2, total_timeout_s=1, waits_s=(0.01,))
        for security in ("tls", "none"):
            source = replace(harness.source(port=port, security=security), limits=limits)
            with pytest.raises(SourceUnreachable):
                list(Snapshot(source).changes(None))
    with pytest.raises(SourceUnreachable):
        list(Snapshot(replace(harness.source(port=port), limits=limits)).changes(None))


@contextlib.contextmanager
def plain_server(search: str) -> Iterator[MailboxOptions]:
    """Run a server with LOGIN only, which answers each search with this line."""

    class Server(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
            for line in self.rfile:
                tag, command = line.decode().split()[:2]
                said = {"UID": f"* SEARCH {search}\r\n", "CAPABILITY": "* CAPABILITY IMAP4rev1\r\n"}
                self.wfile.write(f"{said.get(command, '')}{tag} OK done\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        where = {"host": "127.0.0.1", "port": server.server_address[1], "security": "none"}
        try:
            yield MailboxOptions.model_validate({**where, "user": "x", "folders": {"a": []}})
        finally:
            server.shutdown()


def test_a_folder_of_many_mails_opens() -> None:
    """All their numbers come in one line."""
    with plain_server(" ".join(map(str, range(1_000_000, 1_200_000)))) as options:
        session = MailboxSession(options, lambda: "x", "", QUICK)
        found = session.ask_folder("a", lambda client: client.search(["UNDELETED"]))
        session.close()
    assert len(found) == 200_000


def test_a_password_that_cannot_be_sent_is_told_without_it() -> None:
    """LOGIN takes ASCII alone; the error of the standard library has the password."""
    with plain_server("") as options:
        source = MailboxSource("t", options, lambda: "un secret d'été", limits=QUICK)
        with pytest.raises(SourceRefused, match="AUTH=PLAIN") as refused:
            list(Snapshot(source).changes(None))
    assert refused.value.__cause__ is None


@pytest.fixture
def long_mailbox(harness: MailboxHarness) -> MailboxHarness:
    harness.append("a", *(mail(n, f"Le point {n}. " * 50, minutes=n) for n in range(120)))
    harness.append("b", with_file(mail("q", "Qui signe ?")))
    return harness


def test_a_line_that_comes_back_goes_on_in_the_same_reading(
    long_mailbox: MailboxHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session is made again after a wait."""
    with relay(long_mailbox.server.port) as line:
        waits: list[float] = []

        def come_back(wait_s: float) -> None:
            if wait_s in QUICK.waits_s:
                waits.append(wait_s)
                line.most_bytes = None

        connector = long_mailbox.connector(port=line.port, security="none")
        whole = apply(connector.changes(None))
        line.most_bytes, line.passed = line.passed // 2, 0
        monkeypatch.setattr("quisait_mailbox.session.time.sleep", come_back)
        assert apply(connector.changes(None)) == whole
        assert len(waits) == 1
