"""Archives of lists, as mbox files and as Sympa keeps them."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import pytest
from quisait_connector_kit.connector_contract import ConnectorHarness, apply, last_cursor, read
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_lists import archives
from quisait_lists.connector import ListsSource, open_lists
from quisait_lists.options import ListOptions, ListsOptions
from quisait_mailbox.threads import MailHead, threads_of

from connectors.installed import SourcePlace
from connectors.ports import Change, Checkpoint, Listing, Malformed, SubtreeHidden, Upsert
from connectors.snapshot import Snapshot
from connectors.values import Access, ContributorRole, Document
from tests.made_mails import mail, question_and_answer, thread_of_both

pytestmark = pytest.mark.sources

EVERYONE = ("everyone",)


def write_mbox(path: Path, mails: Sequence[EmailMessage | bytes]) -> None:
    begins = b"From jeanne@exemple.fr Mon Mar  2 10:00:00 2026\n"
    raw = [one if isinstance(one, bytes) else one.as_bytes() for one in mails]
    path.write_bytes(b"".join(begins + one.rstrip(b"\n") + b"\n\n" for one in raw))


@dataclass
class ListsHarness:
    """A folder of archives, one list for each document that the contract adds."""

    folder: Path
    lists: dict[str, ListOptions] = field(default_factory=dict)
    resumable_count: int = 5
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self) -> Snapshot:
        return Snapshot(self.source(), self.seen)

    def source(self) -> ListsSource:
        options = ListsOptions(lists=self.lists or {"vide": ListOptions(path=".", readers=[])})
        return open_lists(SourcePlace("t", self.folder, Access(), str), options)

    def document_id(self, name: str) -> str:
        (thread,) = threads_of([MailHead("k", f"{name}@exemple.fr")])
        return f"t:{name}/{thread.name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        self.write(name, [mail(name, text)], allowed)

    def write(
        self, name: str, mails: Sequence[EmailMessage | bytes], allowed: tuple[str, ...] = EVERYONE
    ) -> None:
        write_mbox(self.folder / f"{name}.mbox", mails)
        self.set_readers(name, allowed)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.lists[name] = ListOptions(path=f"{name}.mbox", readers=list(allowed))

    def remove(self, name: str) -> None:
        write_mbox(self.folder / f"{name}.mbox", [])

    def add_invalid_records(self) -> int:
        self.write("abîmée", [b"ni champ, ni rien", mail("bon", "Les baux.")])
        (self.folder / "page.mbox").write_text("<html>", "utf-8")
        self.set_readers("page", EVERYONE)
        return 2

    def add_complete_document(self) -> Document:
        self.write("complète", question_and_answer())
        thread = self.document_id("q").rpartition("/")[2]
        return thread_of_both(f"t:complète/{thread}", "complète", frozenset(EVERYONE))


@pytest.fixture
def harness(tmp_path: Path) -> ListsHarness:
    return ListsHarness(tmp_path)


def test_contract(
    connector_check: Callable[[ConnectorHarness], None], harness: ListsHarness
) -> None:
    """Every check of the contract."""
    connector_check(harness)


def test_an_unchanged_archive_is_not_read(
    harness: ListsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its documents stay; one that changed is read, and of it the changed threads alone."""
    harness.write("a", [mail(n, f"Le point {n}.") for n in range(300)])
    harness.add("b.txt", "Les baux.", EVERYONE)
    cursor = last_cursor(read(harness))
    read_files: list[Path] = []
    real = archives.mails_of

    def noted(path: Path, *, is_mbox: bool) -> Iterator[tuple[archives.StoredMail, bytes]]:
        read_files.append(path)
        return real(path, is_mbox=is_mbox)

    monkeypatch.setattr("quisait_lists.connector.mails_of", noted)
    again = read(harness, cursor)
    assert read_files == []
    assert all(isinstance(change, Listing | Checkpoint) for change in again)
    mails = [mail(n, f"Le point {n}.") for n in range(301)]
    harness.write("a", mails)
    changed = [c for c in read(harness, cursor) if isinstance(c, Upsert)]
    assert read_files == [harness.folder / "a.mbox"]
    assert harness.document_id("300").rpartition("/")[2] in {
        c.document.id.rpartition("/")[2] for c in changed
    }
    assert len(changed) == 1


def test_an_archive_that_cannot_be_read_is_hidden_and_comes_back(harness: ListsHarness) -> None:
    """Nobody reads what may be gone; nothing is deleted for a disk that is away."""
    harness.add("a.txt", "Les baux.", EVERYONE)
    first = read(harness)
    path = harness.folder / "a.txt.mbox"
    path.rename(harness.folder / "ailleurs")
    changes = read(harness, last_cursor(first))
    assert SubtreeHidden("t:a.txt") in changes
    kept = apply(changes, apply(first))
    assert {one.access for one in kept.values()} == {Access()}
    (said,) = harness.connector().check()
    assert "a.txt" in said
    (harness.folder / "ailleurs").rename(path)
    back = apply(read(harness, last_cursor(changes)), kept)
    assert [one.access for one in back.values()] == [Access(frozenset(EVERYONE))]


def test_a_list_that_the_settings_no_longer_name_is_closed_at_once(harness: ListsHarness) -> None:
    """Also where a person has still to confirm that so much is deleted."""
    harness.add("a.txt", "Les baux.", EVERYONE)
    harness.add("b.txt", "Les régies.", EVERYONE)
    cursor = last_cursor(read(harness))
    del harness.lists["a.txt"]
    (listing,) = [c for c in read(harness, cursor) if isinstance(c, Listing)]
    assert listing.is_left_out
    assert listing.is_left_out(harness.document_id("a.txt"))
    assert not listing.is_left_out(harness.document_id("b.txt"))
    assert not listing.membership()(harness.document_id("a.txt"))


@pytest.mark.parametrize("members", ["Ana@exemple.fr\n", "email ana@exemple.fr\ngecos Ana\n"])
def test_members_narrow_the_readers(harness: ListsHarness, members: str) -> None:
    """As Mailman and Sympa write them; never more than the settings admit."""
    (harness.folder / "abonnés").write_text(members, "utf-8")
    harness.add("a", "Les baux.", EVERYONE)
    ana = Access(frozenset({"t:account:ana@exemple.fr"}))
    for readers, expected in ((["everyone"], ana), ([], Access()), (["x:group:y"], Access())):
        harness.lists["a"] = ListOptions(path="a.mbox", readers=readers, members="abonnés")
        assert harness.source().open("a").place.access == expected
    cursor = last_cursor(read(harness))
    (harness.folder / "abonnés").write_text("", "utf-8")
    harness.lists["a"] = ListOptions(path="a.mbox", readers=["everyone"], members="abonnés")
    assert (
        apply(read(harness, cursor), apply(read(harness)))[harness.document_id("a")].access
        == Access()
    )


@pytest.mark.parametrize("content", [None, "".join(f"a{n}@exemple.fr\n" for n in range(1_001))])
def test_members_that_cannot_be_told_are_nobody(harness: ListsHarness, content: str | None) -> None:
    """A missing file, or more of them than a document names: said, and closed."""
    if content:
        (harness.folder / "abonnés").write_text(content, "utf-8")
    harness.add("a", "Les baux.", EVERYONE)
    harness.lists["a"] = ListOptions(path="a.mbox", readers=["everyone"], members="abonnés")
    changes = read(harness)
    assert apply(changes)[harness.document_id("a")].access == Access()
    assert [c.document_id for c in changes if isinstance(c, Malformed)] == ["t:a"]
    assert any("abonnés" in said for said in harness.connector().check())


def sympa(harness: ListsHarness, month: str, number: int, message: EmailMessage) -> Path:
    path = harness.folder / "arc/baux@exemple.fr" / month / "arctxt" / str(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(message.as_bytes())
    harness.lists["baux"] = ListOptions(path="arc/baux@exemple.fr", readers=["everyone"])
    return path


def test_sympa_s_folder_is_read(harness: ListsHarness) -> None:
    """A thread over two months is one; what Sympa took away is deleted, links are left alone."""
    sympa(harness, "2026-02", 1, mail("q", "Qui signe le bail ?"))
    answer = sympa(
        harness, "2026-03", 1, mail("r", "Le préfet.", answers="q", sender="ana@exemple.fr")
    )
    other = sympa(harness, "2026-03", 2, mail("s", "Un autre point."))
    (answer.parent / "7").symlink_to("/etc/hostname")
    (answer.parents[1] / "msg00000.html").write_text("<html>", "utf-8")
    first = read(harness)
    kept = apply(first)
    assert len(kept) == 2
    thread = kept[f"t:baux/{harness.document_id('q').rpartition('/')[2]}"]
    assert [section.text for section in thread.sections] == ["Qui signe le bail ?", "Le préfet."]
    other.rename(other.parents[1] / "deleted-2")
    answer.unlink()
    after = apply(read(harness, last_cursor(first)), kept)
    assert [one.title for one in after.values()] == ["Bornage"]
    assert len(after[thread.id].sections) == 1


def test_attachments_are_documents_of_their_thread(harness: ListsHarness) -> None:
    """With its readers; an image within the text is none, and they go with their mail."""
    one = mail("q", "Voici le plan.")
    one.add_attachment(
        b"%PDF-1.4", maintype="application", subtype="pdf", filename="Plan du 3e étage.pdf"
    )
    one.add_attachment(
        b"GIF89a", maintype="image", subtype="gif", disposition="inline", filename="logo.gif"
    )
    harness.write("a", [one], ("test:group:a",))
    first = read(harness)
    (upsert,) = [c for c in first if isinstance(c, Upsert) and c.document.content]
    document = upsert.document
    assert document.content
    assert (document.title, document.content.read()) == ("Plan du 3e étage.pdf", b"%PDF-1.4")
    assert document.part_of == f"t:a/{harness.document_id('q').rpartition('/')[2]}"
    assert document.access == Access(frozenset({"test:group:a"}))
    assert [done.role for done in document.contributions] == [ContributorRole.UPLOADER]
    harness.write("a", [mail("q", "Voici le plan.")], ("test:group:a",))
    assert len(apply(read(harness, last_cursor(first)), apply(first))) == 1


def test_a_sentence_that_begins_as_a_separator_stays(harness: ListsHarness) -> None:
    """Quoted, as mbox files do, or not."""
    harness.write("a", [mail("q", "Bonjour.\n\n>From the office.\n\nFrom now on, at 10:00.")])
    (document,) = apply(read(harness)).values()
    assert document.sections[0].text == "Bonjour.\n\nFrom the office.\n\nFrom now on, at 10:00."


def test_a_mail_too_large_is_said(harness: ListsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others arrive, of its thread too."""
    monkeypatch.setattr(archives, "MOST_BYTES", 2_000)
    monkeypatch.setattr("quisait_lists.connector.MOST_BYTES", 2_000)
    monkeypatch.setattr(archives, "_LINE_BYTES", 500)
    harness.write("a", [mail("q", "Trop long. " * 300), mail("r", "Oui.", answers="q")])
    changes = read(harness)
    assert [c.reason for c in changes if isinstance(c, Malformed)] == ["message trop grand"]
    (document,) = apply(changes).values()
    assert [section.text for section in document.sections] == ["Oui."]


def test_only_named_domains_count(harness: ListsHarness) -> None:
    """An address of a user of the service is no contributor, and not kept."""
    harness.write(
        "a",
        [
            mail("q", "Qui signe ?", sender="Un usager <usager@ailleurs.example>"),
            mail("r", "Le préfet.", answers="q", minutes=1),
        ],
    )
    options = ListsOptions(lists=harness.lists, domains=["exemple.fr"], evidence="none")
    connector = Snapshot(ListsSource("t", options, Access(), harness.folder))
    (document,) = apply(connector.changes(None)).values()
    assert [one.account for one in document.contributions] == ["t:jeanne@exemple.fr"]
    assert "ailleurs" not in repr(document)
    assert document.evidence == "none"


def test_a_link_leads_to_the_archive(harness: ListsHarness) -> None:
    """HyperKitty's address of a mail is made of its id, as its documentation shows."""
    one = mail("q", "Qui signe ?")
    del one["Message-ID"]
    one["Message-ID"] = "<87myycy5eh.fsf@uwakimon.sk.tsukuba.ac.jp>"
    harness.write("cadastre@exemple.fr", [one])
    link = "https://listes.exemple/archives/list/{folder}/message/{hash}/?{month}&{id}"
    options = ListsOptions(lists=harness.lists, link=link)
    connector = Snapshot(ListsSource("t", options, Access(), harness.folder))
    (document,) = apply(connector.changes(None)).values()
    assert document.url == (
        "https://listes.exemple/archives/list/cadastre%40exemple.fr/message/"
        "JJIGKPKB6CVDX6B2CUG4IHAJRIQIOUTP/?2026-03&87myycy5eh.fsf%40uwakimon.sk.tsukuba.ac.jp"
    )


def test_a_pipe_in_place_of_an_archive_is_not_waited_for(harness: ListsHarness) -> None:
    """It is no file."""
    os.mkfifo(harness.folder / "a.mbox")
    harness.set_readers("a", EVERYONE)
    changes: list[Change] = read(harness)
    assert [c.document_id for c in changes if isinstance(c, Malformed)] == ["t:a"]
