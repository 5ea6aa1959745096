"""Archives of a real Mailman 3 and HyperKitty."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from quisait_connector_kit.connector_contract import apply, last_cursor
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_lists.hyperkitty import (
    HyperkittySource,
    moments_of,
    open_hyperkitty,
)
from quisait_lists.hyperkitty_client import ArchivedMail, ExportFailed, HyperkittyClient
from quisait_lists.hyperkitty_options import ArchivedListOptions, HyperkittyOptions
from quisait_mailbox.documents import link_of
from quisait_mailbox.threads import MailHead, threads_of

from connectors.http_host import HttpHost, HttpResponse
from connectors.http_limits import HttpLimits
from connectors.installed import SourcePlace
from connectors.ports import (
    Change,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import Access, ContributorRole, Document
from tests.hostile_server import Manner, hostile_server
from tests.hyperkitty_server import (
    CORE_PASSWORD,
    DOMAIN,
    PASSWORD,
    READER,
    HyperkittyServer,
    ensure_hyperkitty,
)
from tests.made_mails import FIRST, mail, question_and_answer, thread_of_both
from tests.recorded_servers import Check, Tape
from tests.service.running import free_port

pytestmark = pytest.mark.sources

EVERYONE = ("everyone",)


def account(name: str) -> str:
    return f"t:account:{name}@{DOMAIN}"


def digest(name: str) -> str:
    return link_of("{hash}", "", f"{name}@exemple.fr", None)


@dataclass
class HyperkittyHarness:
    """A list of its own for each document that the contract adds."""

    folder: Path
    server: HyperkittyServer
    lists: dict[str, ArchivedListOptions] = field(default_factory=dict)
    real: dict[str, str] = field(default_factory=dict)
    mails: dict[str, list[str]] = field(default_factory=dict)
    user: str = ""
    resumable_count: int = 3
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self, **more: object) -> Snapshot:
        return Snapshot(self.source(**more), self.seen)

    def source(self, **more: object) -> HyperkittySource:
        said = {
            "url": self.server.url,
            "user": self.user,
            "core_url": self.server.core_url,
            "core_password_file": "core",
            "rate_per_s": 100,
            "lists": self.lists or {"aucune@exemple.fr": ArchivedListOptions(readers=[])},
        }
        (self.folder / "core").write_text(CORE_PASSWORD, "utf-8")
        (self.folder / "core").chmod(0o600)
        options = HyperkittyOptions.model_validate(said | more)
        place = SourcePlace("t", self.folder, Access(frozenset(EVERYONE)), lambda: PASSWORD)
        return open_hyperkitty(place, options)

    def document_id(self, name: str) -> str:
        return self.thread_id(self.real[name], name)

    def thread_id(self, mailing_list: str, name: str) -> str:
        (thread,) = threads_of([MailHead("k", digest(name))])
        return f"t:{mailing_list}/{thread.name}"

    def new_list(self, policy: str = "public", *members: str, **options: object) -> str:
        name = self.server.new_list(policy, *members)
        if policy != "public":  # without an account a reading is quicker
            self.user = READER
        self.lists[name] = ArchivedListOptions.model_validate(options)
        return name

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        # Another text is an answer, of a thread whose first mail was taken away.
        mails = self.mails.setdefault(name, [])
        mails.append(f"{name}-{len(mails)}" if mails else name)
        if not mails[1:]:
            self.real[name] = self.new_list()
        *before, now = mails
        answers = before[-1] if before else ""
        self.server.archive(self.real[name], mail(now, text, answers=answers))
        if before:
            self.server.act("delete", mlist=self.real[name], message=f"{answers}@exemple.fr")
        self.set_readers(name, allowed)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.lists[self.real[name]] = ArchivedListOptions(readers=list(allowed))

    def remove(self, name: str) -> None:
        self.server.act("empty", mlist=self.real[name])

    def add_invalid_records(self) -> int:
        self.lists["inconnue@exemple.fr"] = ArchivedListOptions()
        name = self.new_list("never")
        self.server.set_policy(name, "public")
        self.server.archive(name, mail("jamais", "Les baux."))
        self.server.set_policy(name, "never")
        return 2

    def add_complete_document(self) -> Document:
        self.real["q"] = name = self.new_list("private", "ana")
        for one in question_and_answer():
            self.server.archive(name, one)
        self.server.act("vote", mlist=name, message="r@exemple.fr", name="ben", value=1)
        url = f"{self.server.url}list/{name}/thread/{digest('q')}/"
        return thread_of_both(self.document_id("q"), name, READERS.allowed, url, thanks=1)


@pytest.fixture
def harness(tmp_path: Path) -> HyperkittyHarness:
    return HyperkittyHarness(tmp_path, ensure_hyperkitty())


TAPE = Tape(
    Path(__file__).with_name("recorded_hyperkitty.json.gz"),
    tuple((HyperkittyServer, name) for name in ("new_list", "set_policy", "archive", "act")),
)


def test_contract(connector_check: Check, tmp_path: Path) -> None:
    """Every check of the contract."""
    server = ensure_hyperkitty()
    with TAPE.recording(connector_check, server.core_port, server.port):
        connector_check(HyperkittyHarness(tmp_path, server))


def test_contract_as_recorded(connector_check: Check, tmp_path: Path) -> None:
    """Every check, on what that server answered."""
    with TAPE.playing(connector_check):
        connector_check(HyperkittyHarness(tmp_path, HyperkittyServer(tmp_path, 1, 2)))


@pytest.fixture
def archive(harness: HyperkittyHarness) -> "PrivateList":
    """A private list of Ana's, with a thread of two."""
    name = harness.new_list("private", "ana")
    found = PrivateList(harness, name)
    ana = "Ana <ana@exemple.fr>"
    found.write(
        mail("q", "Qui signe le bail ?"),
        mail("r", "Le préfet.", answers="q", sender=ana, minutes=9),
    )
    return found


@dataclass
class PrivateList:
    """A list with its archive."""

    harness: HyperkittyHarness
    name: str

    def write(self, *mails: EmailMessage) -> None:
        for one in mails:
            self.harness.server.archive(self.name, one)

    def act(self, action: str, **arguments: object) -> None:
        self.harness.server.act(action, mlist=self.name, **arguments)

    def read(self, cursor: str | None = None, **options: object) -> list[Change]:
        return list(self.harness.connector(**options).changes(cursor))

    def texts(self, documents: Iterable[Document]) -> dict[str, list[str]]:
        """The sections of each thread, by the name of its first mail."""
        names = {self.harness.thread_id(self.name, one): one for one in ("q", "r", "s", "t")}
        return {
            names[one.id]: [section.text for section in one.sections]
            for one in documents
            if one.kind == "thread"
        }


READERS = Access(frozenset({account(READER), account("ana")}))


def test_members_owners_and_moderators_read_a_private_list(archive: PrivateList) -> None:
    """As in HyperKitty; who leaves reads nothing after one reading, without a text read anew."""
    server = archive.harness.server
    for name, role in (("ben", "owner"), ("cyd", "moderator"), ("dan", "nonmember")):
        server.subscribe(archive.name, name, role)
    first = archive.read()
    (document,) = apply(first).values()
    expected = Access(frozenset(map(account, (READER, "ana", "ben", "cyd"))))
    assert document.access == expected
    server.unsubscribe(archive.name, "ana")
    changes = archive.read(last_cursor(first))
    assert not any(isinstance(one, Upsert) for one in changes)
    (after,) = apply(changes, apply(first)).values()
    assert after.access == Access(expected.allowed - {account("ana")})


def test_the_narrower_policy_holds(archive: PrivateList) -> None:
    """HyperKitty's copy may be older than Mailman's; what is never archived is closed, and said."""
    server, cursor, kept = archive.harness.server, None, {}
    for policy, synced, expected in (
        ("public", True, Access(frozenset(EVERYONE))),
        ("private", False, READERS),  # HyperKitty still shows it to all
        ("private", True, READERS),
        ("public", False, READERS),  # HyperKitty still keeps it to members
        ("never", False, Access()),
        ("public", True, Access(frozenset(EVERYONE))),
    ):
        server.set_policy(archive.name, policy, synced=synced)
        changes = archive.read(cursor)
        cursor, kept = last_cursor(changes), apply(changes, kept)
        assert {one.access for one in kept.values()} == {expected}, (policy, synced)
        said = [one.document_id for one in changes if isinstance(one, Malformed)]
        assert said == ([f"t:{archive.name}"] if policy == "never" else [])


def test_settings_bound_what_mailman_admits(archive: PrivateList) -> None:
    """Stated readers are narrowed to members, or said to be them."""
    lists = archive.harness.lists
    for stated, expected in (
        ({"readers": []}, Access()),
        ({"readers": ["x:group:y"]}, Access()),
        ({"readers": ["x:group:y"], "readers_are_members": True}, Access({"x:group:y"})),
    ):
        lists[archive.name] = ArchivedListOptions.model_validate(stated)
        assert {one.access for one in apply(archive.read()).values()} == {expected}


@pytest.mark.parametrize("wrong", ["password", "port", "list"])
def test_members_that_cannot_be_told_are_nobody(archive: PrivateList, wrong: str) -> None:
    """Mailman refuses its account, is away, or does not know the list: closed, said, and back."""
    first = archive.read()
    kept = apply(first)
    assert {one.access for one in kept.values()} == {READERS}
    options: dict[str, object] = {}
    if wrong == "password":
        options["core_user"] = "personne"
    elif wrong == "port":
        options["core_url"] = f"http://127.0.0.1:{free_port()}/3.1/"
    else:
        options["core_url"] = f"{archive.harness.server.core_url}autre/"
    source = archive.harness.source(**options)
    source.limits = replace(source.limits, max_wait_s=0)
    changes = list(Snapshot(source, archive.harness.seen).changes(last_cursor(first)))
    closed = apply(changes, kept)
    assert {one.access for one in closed.values()} == {Access()}
    assert [one.document_id for one in changes if isinstance(one, Malformed)] == [
        f"t:{archive.name}"
    ]
    back = apply(archive.read(last_cursor(changes)), closed)
    assert {one.access for one in back.values()} == {READERS}


def test_more_members_than_a_document_names_are_nobody(
    archive: PrivateList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said with what to do."""
    monkeypatch.setattr("quisait_lists.hyperkitty.MAX_PRINCIPALS", 1)
    assert {one.access for one in apply(archive.read()).values()} == {Access()}
    (said,) = (one for one in archive.harness.connector().check() if "abonnés" in one)
    assert "readers_are_members" in said


def test_an_account_that_is_no_member_is_told(archive: PrivateList) -> None:
    """Its archive is hidden, not deleted; a wrong password stops the source."""
    first = archive.read()
    archive.harness.server.unsubscribe(archive.name, READER)
    changes = archive.read(last_cursor(first))
    assert SubtreeHidden(f"t:{archive.name}") in changes
    assert {one.access for one in apply(changes, apply(first)).values()} == {Access()}
    (said,) = archive.harness.connector().check()
    assert "abonnez-le" in said
    (said,) = archive.harness.connector(user="").check()
    assert "réglez « user »" in said
    with pytest.raises(SourceRefused):
        archive.read(user="autre")
    with pytest.raises(SourceRefused, match="formulaire"):
        archive.read(login="/archives/")


def test_deleted_and_moved_mails_are_seen_in_one_reading(archive: PrivateList) -> None:
    """A moved thread stands where HyperKitty shows it, whatever its mails say that they answer."""
    archive.write(mail("s", "Un autre point.", minutes=20))
    first = archive.read()
    kept = apply(first)
    assert archive.texts(kept.values()) == {
        "q": ["Qui signe le bail ?", "Le préfet."],
        "s": ["Un autre point."],
    }
    archive.act("attach", message="s@exemple.fr", parent="r@exemple.fr")
    moved = archive.read(last_cursor(first))
    kept = apply(moved, kept)
    joined = ["Qui signe le bail ?", "Le préfet.", "Un autre point."]
    assert archive.texts(kept.values()) == {"q": joined}
    archive.act("delete", message="q@exemple.fr")
    deleted = archive.read(last_cursor(moved))
    kept = apply(deleted, kept)
    assert archive.texts(kept.values()) == {"q": joined[1:]}
    (document,) = kept.values()
    assert {one.role for one in document.contributions} == {ContributorRole.ANSWERER}
    archive.act("empty")
    assert apply(archive.read(last_cursor(deleted)), kept) == {}


def test_votes_are_thanks(archive: PrivateList) -> None:
    """Seen when the list changes, and once a day."""
    first = archive.read()
    archive.act("vote", message="r@exemple.fr", name="ben", value=1)
    archive.act("vote", message="r@exemple.fr", name="cyd", value=1)
    archive.act("vote", message="q@exemple.fr", name="ben", value=-1)
    archive.write(mail("s", "Un autre point.", minutes=20))
    kept = apply(archive.read(last_cursor(first)), apply(first))
    thread = kept[archive.harness.thread_id(archive.name, "q")]
    thanks = {one.role: one.thanks for one in thread.contributions}
    assert thanks[ContributorRole.ASKER] == 0
    assert sum(thanks.values()) == 2


def test_attached_files_are_documents_and_pages_are_not(archive: PrivateList) -> None:
    """HyperKitty keeps a mail's text as a web page as a file: it is none, and neither is a logo."""
    both = mail("s", "Voici le plan.")
    both.add_alternative("<p>Voici le plan.</p>", subtype="html")
    both.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="plan.pdf")
    both.add_attachment(b"GIF89a", maintype="image", subtype="gif", filename="logo.gif")
    both.add_attachment(mail("joint", "Le texte joint."))
    page = mail("t", "")
    page.set_content("<p>Une <b>page</b> seule.</p>", subtype="html")
    archive.write(both, page)
    first = archive.read()
    kept = apply(first)
    assert archive.texts(kept.values()) == {
        "q": ["Qui signe le bail ?", "Le préfet."],
        "s": ["Voici le plan."],
        "t": ["Une page seule."],
    }
    inner, attached = sorted(
        (one for one in kept.values() if one.part_of), key=lambda one: one.title
    )
    assert [one.title for one in (inner, attached)] == ["attachment.eml", "plan.pdf"]
    assert "Le texte joint." in inner.sections[1].text
    assert attached.part_of == archive.harness.thread_id(archive.name, "s")
    assert attached.url == f"{archive.harness.server.url}list/{archive.name}/message/{digest('s')}/"
    assert attached.access == READERS
    archive.harness.server.unsubscribe(archive.name, "ana")
    changes = archive.read(last_cursor(first))
    kept = apply(changes, kept)
    assert kept[attached.id].access == Access(frozenset({account(READER)}))
    archive.act("delete", message="s@exemple.fr")
    assert attached.id not in apply(archive.read(last_cursor(changes)), kept)


def test_links_open_the_message_and_the_thread(archive: PrivateList) -> None:
    """To a member; HyperKitty sends others to its own page of private lists."""
    (document,) = apply(archive.read()).values()
    source = archive.harness.source()
    source.connect()
    client = source.client
    path = document.url.removeprefix(archive.harness.server.url)
    assert path.endswith(f"/thread/{digest('q')}/")
    assert client.host.request("GET", document.url).status_code == 403
    client.policy(archive.name)  # opens the session
    for url in (document.url, document.url.replace("/thread/", "/message/")):
        assert client.host.request("GET", url).status_code == 200


def test_a_wrong_clock_changes_no_thread(archive: PrivateList) -> None:
    """An answer dated before its question comes after it; a date to come is none."""
    archive.write(
        mail("s", "Quel délai ?", minutes=500),
        mail("s2", "Deux mois.", answers="s", minutes=-500, sender="ana@exemple.fr"),
        mail("t", "Demain.", minutes=60 * 24 * 365 * 50),
    )
    kept = apply(archive.read())
    texts = archive.texts(kept.values())
    assert texts["s"] == ["Quel délai ?", "Deux mois."]
    thread = kept[archive.harness.thread_id(archive.name, "s")]
    assert {one.account: one.role for one in thread.contributions} == {
        "t:jeanne@exemple.fr": ContributorRole.ASKER,
        "t:ana@exemple.fr": ContributorRole.ANSWERER,
    }
    assert kept[archive.harness.thread_id(archive.name, "t")].created is None


def test_an_unchanged_archive_is_not_gone_through(
    archive: PrivateList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a changed archive, only the changed threads are exported."""
    archive.write(*(mail(f"a{number}", f"Le point {number}.") for number in range(12)))
    cursor = last_cursor(archive.read())
    asked: list[str] = []
    real = HttpHost.request

    def noted(host: HttpHost, method: str, url: str, *more: Any, **named: Any) -> HttpResponse:
        asked.append(url.rpartition("/list/")[2].partition("/")[2])
        return real(host, method, url, *more, **named)

    monkeypatch.setattr(HttpHost, "request", noted)
    archive.read(cursor)
    assert not any("export" in one for one in asked)
    assert asked.count("emails/") == asked.count("threads/") == 1
    archive.write(mail("r2", "Et le maire.", answers="q", minutes=30))
    asked.clear()
    archive.read(cursor)
    assert sum("export" in one for one in asked) == 1


@given(
    links=st.dictionaries(st.integers(0, 9), st.integers(0, 12), max_size=10),
    hours=st.lists(st.none() | st.integers(-99, 99), min_size=10, max_size=10),
)
def test_no_mail_is_older_than_what_it_answers(
    links: dict[int, int], hours: list[int | None]
) -> None:
    """Whatever dates say; what answers in a circle or answers nobody keeps its date."""
    dates = [None if hour is None else FIRST + timedelta(hours=hour) for hour in hours]
    mails = [
        ArchivedMail(str(number), "0", str(links.get(number, "")), day)
        for number, day in enumerate(dates)
    ]
    latest = FIRST + timedelta(hours=50)
    moments = moments_of(mails, latest)
    assert moments.keys() == {one.hash for one in mails}
    assert all(not one or one <= latest + timedelta(minutes=1) for one in moments.values())
    for one in mails:
        above, seen = one, set[str]()
        while above.parent in moments and above.hash not in seen:
            seen.add(above.hash)
            above = mails[int(above.parent)]
        before, own = moments.get(one.parent), moments[one.hash]
        if above.hash not in seen and before:
            assert own
            assert own > before


@pytest.mark.parametrize("manner", ["silent", "half", "sign_in"])
def test_a_server_that_speaks_nonsense_ends_the_reading(
    archive: PrivateList, manner: Manner
) -> None:
    """With a sentence, in bounded time, whichever of the two it is; nothing is deleted."""
    kept = apply(archive.read())
    with hostile_server(manner) as port:
        away = f"http://127.0.0.1:{port}/"
        source = archive.harness.source(url=away)
        limits = HttpLimits(100, 0.2, 0.4, 0, 1_000_000)
        with pytest.raises((SourceRefused, SourceUnreachable)):
            list(Snapshot(replace(source, limits=limits)).changes(None))
        source = archive.harness.source(core_url=away)
        patient = HttpLimits(100, 1, 3, 0, 1_000_000)  # of the archive, too
        closed = apply(Snapshot(replace(source, limits=patient)).changes(None), kept)
        assert {one.access for one in closed.values()} == {Access()}


def test_settings_that_cannot_be_meant_are_refused(harness: HyperkittyHarness) -> None:
    """A password in the clear, a list without an address, members that nobody names."""
    for wrong in (
        {"core_url": "http://listes.exemple.fr:8001/3.1/"},
        {"url": "http://listes.exemple.fr/archives/", "user": READER},
        {"url": "https://listes.exemple.fr/archives/?page=1"},
        {"lists": {"cadastre": {}}},
        {"lists": {"a@b/../c": {}}},
        {"lists": {"a@b.fr": {"readers_are_members": True}}},
    ):
        with pytest.raises(ValidationError):
            harness.connector(**wrong)
    harness.connector(url="http://listes.exemple.fr/archives/", user="")
    connector = harness.connector()
    (harness.folder / "core").chmod(0o644)
    assert any("chmod 600" in said for said in connector.check())
    (harness.folder / "core").unlink()
    with pytest.raises(SourceRefused, match="core_password_file"):
        list(connector.changes(None))


@pytest.mark.parametrize("happens", ["comes", "goes"])
def test_a_list_that_changes_between_pages_is_listed_whole(
    archive: PrivateList, monkeypatch: pytest.MonkeyPatch, happens: str
) -> None:
    """Offsets move: one mail would be given twice, or be missing and taken for deleted."""
    archive.write(*(mail(f"a{number}", f"Le point {number}.") for number in range(5)))
    monkeypatch.setattr("quisait_lists.hyperkitty_client._PAGE", 2)
    real, done = HttpHost.request, list[str]()

    def late(host: HttpHost, method: str, url: str, *more: Any, **named: Any) -> HttpResponse:
        if url.endswith("/emails/") and more[0].get("offset") == 4 and not done:
            done.append(happens)
            if happens == "comes":
                archive.write(mail("s", "Le dernier."))
            else:
                archive.act("delete", message="a4@exemple.fr")
        return real(host, method, url, *more, **named)

    monkeypatch.setattr(HttpHost, "request", late)
    texts = {one.sections[0].text for one in apply(archive.read()).values()}
    expected = {"Qui signe le bail ?", *(f"Le point {number}." for number in range(4))}
    assert done
    assert texts == expected | ({"Le point 4.", "Le dernier."} if happens == "comes" else set())


def test_a_thread_that_is_not_exported_is_asked_for_mail_by_mail(
    archive: PrivateList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail whose export fails is reported, and does not hide other mails."""
    real = HyperkittyClient.exported

    def broken(client: HyperkittyClient, name: str, **which: str) -> list[bytes]:
        if which.get("thread") or which.get("message") == digest("q"):
            raise ExportFailed("réponse 500")
        return real(client, name, **which)

    monkeypatch.setattr(HyperkittyClient, "exported", broken)
    changes = archive.read()
    assert archive.texts(apply(changes).values()) == {"q": ["Le préfet."]}
    thread = archive.harness.thread_id(archive.name, "q")
    assert [one.document_id for one in changes if isinstance(one, Malformed)] == [
        f"{thread}/{digest('q')}"
    ]


def test_what_is_exported_is_bounded(archive: PrivateList, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is too large is asked for mail by mail; of those the large one is listed."""
    archive.write(mail("s", "Un mot. " * 2_000, answers="r", minutes=20))
    monkeypatch.setattr("quisait_lists.hyperkitty_client.MOST_EXPORTED", 9_000)
    changes = archive.read()
    assert archive.texts(apply(changes).values()) == {"q": ["Qui signe le bail ?", "Le préfet."]}
    (said,) = (one.reason for one in changes if isinstance(one, Malformed))
    assert said == "message trop grand"


@pytest.mark.parametrize("who", ["core", "archives"])
def test_a_failure_for_one_list_closes_that_one_alone(
    archive: PrivateList, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """The other lists are read, and keep their readers."""
    other = archive.harness.new_list("private", "ben")
    archive.harness.server.archive(other, mail("s", "Un autre point."))
    first = archive.read()
    real, broken = HttpHost.request, f"{archive.name}/roster/member"
    if who == "archives":
        broken = f"api/list/{archive.name}/emails/"

    def failing(host: HttpHost, method: str, url: str, *more: Any, **named: Any) -> HttpResponse:
        if url.endswith(broken):
            raise SourceUnreachable("en panne")
        return real(host, method, url, *more, **named)

    monkeypatch.setattr(HttpHost, "request", failing)
    kept = apply(archive.read(last_cursor(first)), apply(first))
    assert {one.space: one.access for one in kept.values()} == {
        archive.name: Access(),
        other: Access(frozenset({account(READER), account("ben")})),
    }


def test_ids_that_are_written_alike_are_told_apart(archive: PrivateList) -> None:
    """HyperKitty exports two mails of a thread under one id; each keeps its own text."""
    for name, text in (("x y", "Le bail."), ("xy", "Le loyer.")):
        one = mail("s", text, answers="q", minutes=30)
        del one["Message-ID"]
        raw = one.as_bytes().replace(b"From:", f"Message-ID: <{name}@exemple.fr>\nFrom:".encode())
        archive.harness.server.archive(archive.name, raw)
    (document,) = apply(archive.read()).values()
    texts = sorted(section.text for section in document.sections)
    assert texts == ["Le bail.", "Le loyer.", "Le préfet.", "Qui signe le bail ?"]
