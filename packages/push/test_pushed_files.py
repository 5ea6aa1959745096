"""Files that are pushed by their address: which are fetched, from where, and what is refused."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from quisait_export.schema import AttachmentLine, RecordLine
from quisait_lasuite.documents import SuiteRules, parse_find_item
from quisait_push.addresses import is_origin, origin_of
from quisait_push.connector import PushConnector
from quisait_push.files import FileOrigin, PushedFiles
from quisait_push.inbox import Inbox
from quisait_push.items import (
    PushedItem,
    PushOutcome,
    PushReceipt,
    parse_item,
)

from connectors.http_limits import HttpLimits
from connectors.ports import (
    AccessNarrowed,
    ContentStale,
    Delete,
    Malformed,
    RecordUnreachable,
    RecordVanished,
    Upsert,
)
from connectors.values import Access, Document
from quisait.application.database import migrate
from tests.file_server import FileServer, Given, served_files
from tests.pushed_documents import CLOSED, DOCUMENT, OPEN, post

pytestmark = [pytest.mark.sources, pytest.mark.trust]

PDF = "application/pdf"
BODY = b"le plan de la parcelle"
DRIVE = "https://drive.exemple"
ORIGINS = frozenset({DRIVE})
LIMITS = HttpLimits(rate_per_s=0, timeout_s=5, total_timeout_s=5, max_wait_s=0.1)


@pytest.fixture(scope="module")
def running() -> Iterator[FileServer]:
    with served_files() as files:
        elsewhere = files.origin.replace("127.0.0.1", "localhost") + "/plan.pdf"
        files.given = {
            "/plan.pdf": Given(BODY),
            "/untyped": Given(BODY, "application/octet-stream"),
            "/login": Given(b"<p>Connectez-</p>".ljust(len(BODY)), "text/html; charset=utf-8"),
            "/shorter": Given(BODY[:-1]),
            "/endless": Given(BODY * 10_000),
            "/moved": Given(b"", status=302, headers={"Location": "/plan.pdf"}),
            "/elsewhere": Given(b"", status=302, headers={"Location": elsewhere}),
            "/before": Given(BODY, headers={"Last-Modified": "Thu, 01 Jan 2026 10:00:00 GMT"}),
            "/later": Given(BODY, headers={"Last-Modified": "Sat, 03 Jan 2026 10:00:00 GMT"}),
            "/closed": Given(b"", status=401),
            "/broken": Given(b"", status=500),
        }
        yield files


@pytest.fixture
def server(running: FileServer) -> FileServer:
    running.asked.clear()
    return running


def files_of(server: FileServer, token: Callable[[], str] = lambda: "un-jeton") -> PushedFiles:
    return PushedFiles({server.origin: FileOrigin(token)}, LIMITS)


def attachment(server: FileServer, path: str = "plan.pdf") -> AttachmentLine:
    url = f"{server.origin}/{path}"
    return AttachmentLine(name="plan.pdf", url=url, size=len(BODY), media_type=PDF)


MODIFIED = datetime(2026, 1, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize("path", ["plan.pdf", "moved", "untyped", "before"])
def test_a_file_is_fetched_with_the_token_of_its_origin(server: FileServer, path: str) -> None:
    assert files_of(server).read(attachment(server, path), MODIFIED) == BODY
    assert {token for _, token in server.asked} == {"Bearer un-jeton"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("login", "page de connexion"),
        ("shorter", "autre taille"),
        ("endless", "plus grand"),
        ("elsewhere", "seul l'hôte réglé"),
        ("later", "changé depuis"),
        ("unknown", "404"),
    ],
)
def test_another_answer_is_not_the_file(server: FileServer, path: str, said: str) -> None:
    """None of them is asked for again forever, and no other host is ever asked."""
    with pytest.raises(RecordVanished, match=said) as raised:
        files_of(server).read(attachment(server, path), MODIFIED)
    assert not isinstance(raised.value, RecordUnreachable)
    assert server.asked == [(f"/{path}", "Bearer un-jeton")]


def test_a_server_that_is_away_is_asked_for_three_files(server: FileServer) -> None:
    """The others wait for the next reading, which asks again."""
    files = files_of(server)
    for _ in range(5):
        with pytest.raises(RecordUnreachable, match=r"127\.0\.0\.1"):
            files.read(attachment(server, "broken"), MODIFIED)
    assert len(server.asked) == 3
    with pytest.raises(RecordUnreachable, match="jeton"):
        files_of(server).read(attachment(server, "closed"), MODIFIED)


@pytest.mark.parametrize("token", ["é", "deux\nlignes", "a b"])
def test_a_token_that_is_none_is_sent_nowhere(server: FileServer, token: str) -> None:
    with pytest.raises(RecordUnreachable, match="ASCII"):
        files_of(server, lambda: token).read(attachment(server), MODIFIED)

    def unreadable() -> str:
        raise FileNotFoundError

    with pytest.raises(RecordUnreachable, match="file_hosts"):
        files_of(server, unreadable).read(attachment(server), MODIFIED)
    assert server.asked == []


HOSTILE_ADDRESSES = [
    "https://drive.exemple",
    "https://drive.exemple.pirate.exemple/f",
    "https://drive.exemple@pirate.exemple/f",
    "https://ana:mot@drive.exemple/f",
    "https://drive.exemple:8443/f",
    "https://drive.exemple:443/f",
    "http://drive.exemple/f",
    "https://DRIVE.exemple/f",
    "https://drive.exemple./f",
    "https://drive。exemple/f",
    "https://driv\u0435.exemple/f",
    "https://127.1/f",
    "https://2130706433/f",
    "https://[::1]/f",
    "https://169.254.169.254/latest/",
    "//drive.exemple/f",
    "file:///etc/passwd",
    "https:\\\\drive.exemple\\f",
    "https://drive.exemple/\\pirate.exemple",
    "https://drive.exemple/f\r\nHost: pirate.exemple",
    "https://drive.exemple/ f",
    "https://drive.exemple/é",
    " https://drive.exemple/f\0",
    "",
]


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_no_other_address_is_on_an_origin(address: str) -> None:
    assert origin_of(address, ORIGINS) is None
    given = {"name": "f", "url": address, "size": 1, "media_type": PDF}
    receipt = parse_item(post("a", attachments=[given]), 100_000, ORIGINS)
    assert isinstance(receipt, PushReceipt)
    assert receipt.outcome is PushOutcome.REFUSED
    assert receipt.place.startswith("attachments")


@given(st.text(max_size=30))
def test_whatever_follows_leads_to_that_host(rest: str) -> None:
    """What is admitted is parsed by the client as the origin's own scheme, host and port."""
    from requests import Request
    from urllib3.util import parse_url

    for written in (f"{DRIVE}{rest}", f"{DRIVE}/{rest}"):
        if origin_of(written, ORIGINS):
            url = parse_url(Request("GET", written).prepare().url or "")
            assert (url.scheme, url.auth, url.host, url.port) == (
                "https", None, "drive.exemple", None
            )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "accepted"),
    [
        ("https://drive.exemple", True),
        ("https://drive.exemple:8443", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]", True),
        ("http://drive.exemple", False),
        ("http://localhost.pirate.exemple", False),
        ("https://drive.exemple/", False),
        ("https://drive.exemple/fichiers", False),
        ("https://ana:mot@drive.exemple", False),
        ("https://*.exemple", False),
        ("https://Drive.exemple", False),
        ("https://", False),
    ],
)
def test_an_origin_is_a_scheme_a_host_and_a_port(written: str, accepted: bool) -> None:
    assert is_origin(written) is accepted


def refusal(**fields: object) -> str:
    given = {"name": "f.pdf", "url": f"{DRIVE}/f", "size": 1, "media_type": PDF} | fields
    got = parse_item(post("a", attachments=[given]), 100_000, ORIGINS)
    return got.reason if isinstance(got, PushReceipt) else ""


def test_a_file_says_its_size_and_a_type_with_text() -> None:
    assert refusal() == ""
    assert "size" in refusal(size=None)
    assert "size" in refusal(size=0)
    assert "media_type" in refusal(media_type=None)
    assert "media_type" in refusal(media_type="video/mp4")
    assert "base64" in refusal(base64="YQ==")
    assert "base64" in refusal(path="../f")
    assert "size" in refusal(url=None, base64="YQ==")


RULES = SuiteRules(file_origins=ORIGINS)
OF_DRIVE = DOCUMENT | {
    "title": "Plan.pdf\nLe plan du lot", "content": " ", "mimetype": PDF, "size": 26,
    "url": f"{DRIVE}/f/1",
}  # fmt: skip


def attached(rules: SuiteRules = RULES, **fields: object) -> list[AttachmentLine]:
    item = parse_find_item(OF_DRIVE | fields, "drive", rules, 100_000)
    assert isinstance(item, PushedItem), item
    assert isinstance(item.line, RecordLine)
    return item.line.attachments


def test_a_document_of_find_without_text_has_its_file() -> None:
    """It is never refused for its address: without the file it is found by its title."""
    (file,) = attached()
    assert (file.name, file.url, file.size) == ("Plan.pdf", f"{DRIVE}/f/1", 26)
    assert attached(SuiteRules()) == []
    assert attached(content="le texte") == []
    for url in (*HOSTILE_ADDRESSES, 3, None, ["x"]):
        assert attached(url=url) == []
    for size in (0, -1, True, "26", None, 10**40):
        assert attached(size=size) == []
    for kind in ("video/mp4", "", 3, None):
        assert attached(mimetype=kind) == []


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    engine = migrate(
        sa.create_engine(
            "sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False}
        )
    )
    yield Inbox(engine, lambda source: None, 1000)
    engine.dispose()


@dataclass
class Pushing:
    server: FileServer
    inbox: Inbox

    def push(self, readers: object = OPEN, **more: object) -> None:
        files = [attachment(self.server).model_dump(exclude_none=True)]
        item = post("a", "", readers, **({"attachments": files} | more))
        origins = frozenset({self.server.origin})
        (receipt,) = self.inbox.receive("docs", [parse_item(item, 100_000, origins)])
        assert receipt.outcome is PushOutcome.ACCEPTED, receipt

    def connector(self, files: PushedFiles | None = None) -> PushConnector:
        return PushConnector("docs", self.inbox, files or files_of(self.server))

    def documents(self) -> dict[str, Document]:
        changes = self.connector().changes(None)
        return {one.document.id: one.document for one in changes if isinstance(one, Upsert)}


@pytest.fixture
def pushing(server: FileServer, inbox: Inbox) -> Pushing:
    return Pushing(server, inbox)


def test_a_file_has_the_readers_of_its_document(pushing: Pushing) -> None:
    """The push itself asks nobody, nor does the listing: only the reading of the file does."""
    pushing.push(CLOSED)
    found = pushing.documents()
    assert pushing.server.asked == []
    assert {one.access for one in found.values()} == {Access(frozenset(CLOSED["allowed"]))}
    file = found["docs:a#plan.pdf"].content
    assert file is not None
    assert (file.size_bytes, file.media_type) == (len(BODY), PDF)
    assert file.read() == BODY
    again = list(pushing.connector().refetch(frozenset({"docs:a#plan.pdf", "docs:b", "x:a"})))
    assert [one.document.id for one in again if isinstance(one, Upsert)] == ["docs:a#plan.pdf"]


def test_files_that_are_never_given_hold_up_no_other_for_ever(
    pushing: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three in a row end a reading of their server; the next begins with others."""
    monkeypatch.setattr("quisait_push.connector.random.shuffle", random.Random(0).shuffle)
    paths = {"a": "broken", "b": "broken", "c": "broken", "d": "plan.pdf"}
    for name, path in paths.items():
        item = post(name, "", OPEN)
        item["attachments"] = [attachment(pushing.server, path).model_dump(exclude_none=True)]
        pushing.inbox.receive(
            "docs", [parse_item(item, 100_000, frozenset({pushing.server.origin}))]
        )
    asked = frozenset(f"docs:{name}#plan.pdf" for name in paths)
    read: set[str] = set()
    for _ in range(9):
        for one in pushing.connector().refetch(asked):
            assert isinstance(one, Upsert)
            assert one.document.content is not None
            with suppress(RecordUnreachable):
                one.document.content.read()
                read.add(one.document.id)
    assert read == {"docs:d#plan.pdf"}


@pytest.mark.parametrize("later", [{"readers": CLOSED}, {"attachments": []}])
def test_a_file_is_not_read_for_the_readers_of_a_former_version(
    pushing: Pushing, later: dict[str, object]
) -> None:
    """Between the listing and the reading a later version came: that one is read instead."""
    pushing.push()
    file = pushing.documents()["docs:a#plan.pdf"].content
    assert file is not None
    pushing.push(**later)
    with pytest.raises(RecordVanished):
        file.read()


def test_a_later_push_closes_the_file_first(pushing: Pushing) -> None:
    """Fewer readers close it before anything is fetched; a file that is no more is deleted."""
    pushing.push()
    pushing.push(CLOSED)
    closed = Access(frozenset(CLOSED["allowed"]))
    first = list(pushing.connector().changes("1"))
    assert first[:2] == [
        AccessNarrowed("docs:a", closed),
        AccessNarrowed("docs:a#plan.pdf", closed),
    ]
    pushing.push(CLOSED, attachments=[])
    assert Delete("docs:a#plan.pdf") in list(pushing.connector().changes("2"))


def test_an_origin_that_the_settings_name_no_more_is_not_asked(pushing: Pushing) -> None:
    """The document stays; its file, until then readable, is nobody's."""
    pushing.push()
    for connector in (
        PushConnector("docs", pushing.inbox),
        pushing.connector(PushedFiles({"https://autre.exemple": FileOrigin()})),
    ):
        changes = list(connector.changes(None))
        assert [one.document.id for one in changes if isinstance(one, Upsert)] == ["docs:a"]
        assert ContentStale("docs:a#plan.pdf") in changes
        assert any(isinstance(one, Malformed) and "file_hosts" in one.reason for one in changes)
    assert pushing.server.asked == []
