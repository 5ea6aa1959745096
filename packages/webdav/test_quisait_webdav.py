"""Files read from a real Apache, with their rules, and the faults of a server."""

import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from quisait_connector_kit.connector_contract import ConnectorHarness, apply, last_cursor, read
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_webdav.connector import WebdavSource
from quisait_webdav.multistatus import DavEntry, read_multistatus
from quisait_webdav.options import WebdavOptions

from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.ports import (
    AccessChanged,
    Listing,
    Malformed,
    SourceRefused,
    SubtreeHidden,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import (
    Access,
    Document,
    EvidencePolicy,
    Section,
)
from tests.contract.connector_harnesses import complete_document
from tests.dav_server import PASSWORD, USER, DavFolder, ensure_dav

pytestmark = pytest.mark.sources

QUICK = HttpLimits(rate_per_s=0, timeout_s=5, total_timeout_s=10, max_wait_s=0)


@dataclass
class DavHarness:
    """A folder of a real server, with a table of rules at its root."""

    served: DavFolder
    rules: dict[str, str] = field(default_factory=dict)
    resumable_count: int = 110
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self, **options: object) -> Snapshot:
        made = WebdavOptions.model_validate({"url": self.served.url, "user": USER} | options)
        host = HttpHost(made.url, QUICK, "", "Le serveur", (made.user, PASSWORD))
        return Snapshot(WebdavSource("t", made, Access(), host), self.seen)

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        path = self.served.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        if self.rules.get(name) != "|".join(allowed):
            self.set_readers(name, allowed)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.rules[name] = "|".join(allowed)
        rows = "".join(f"{name},{allowed}\n" for name, allowed in self.rules.items())
        (self.served.path / "_quisait.csv").write_text(f"pattern,allowed\n{rows}", "utf-8")

    def remove(self, name: str) -> None:
        (self.served.path / name).unlink()

    def add_invalid_records(self) -> int:
        root = self.served.path
        (root / "odd.txt").write_text("x")
        (root / "odd.txt.quisait.json").write_text("{")
        (root / "a\x01b.txt").write_text("x")
        (root / os.fsdecode(b"latin\xe9.txt")).write_text("x")
        (root / "clos").mkdir(mode=0o000)
        (root / "sous").mkdir()
        (root / "sous" / "_quisait.csv").write_text("pattern,allowed\n**,personne\n")
        return 5

    def add_complete_document(self) -> Document:
        folder = self.served.path / "Études & plans"
        folder.mkdir()
        path = folder / unicodedata.normalize("NFD", "l’été 100 %#1.txt")
        path.write_text("corps", "utf-8")
        os.utime(path, (1e9, 1e9))
        (folder / f"{path.name}.quisait.json").write_text(COMPLETE, "utf-8")
        self.set_readers("**", ("everyone", "test:group:a"))
        made = complete_document(
            "t:Études & plans/l’été 100 %#1.txt",
            sections=(Section("l’été 100 %#1.txt"), Section("corps")),
            version=f"5-{10**15:x}:5:2001-09-09 01:46:40+00:00",
            url="https://f.example/%C3%89tudes%20%26%20plans/l%E2%80%99%C3%A9t%C3%A9%20100%20%25%231.txt",
            label="jdupont",
        )
        modified = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
        return replace(made, replaces=("t:Études & plans/ancien.txt",), modified=modified)


COMPLETE = """{"allowed": "everyone|test:group:a", "denied": "test:agent:x", "kind": "note",
"space": "Cadastre", "author": "jdupont", "entity": "DGFiP/DDFiP 22", "area": "22",
"valid_from": "2020-01-01", "valid_until": "2021-01-01", "replaces": "ancien.txt",
"part_of": "/dossier.txt", "created": "2019-05-04", "title": "L’été", "language": "br",
"evidence": "none", "url": "https://f.example/{path}"}"""


@pytest.fixture
def harness() -> Iterator[DavHarness]:
    with ensure_dav().folder() as served:
        yield DavHarness(served)


def test_contract(connector_check: Callable[[ConnectorHarness], None], harness: DavHarness) -> None:
    """Every check of the contract, from a real server."""
    connector_check(harness)


def test_only_what_changed_is_read(harness: DavHarness) -> None:
    """Below every folder, for Apache's folders have no tag that tells of what is below."""
    for number in range(30):
        harness.add(f"d{number % 3}/{number}.txt", f"texte {number}", ("everyone",))
    cursor = last_cursor(read(harness))
    harness.add("d1/4.txt", "un texte tout autre", ("everyone",))
    changed = [c.document.id for c in read(harness, cursor) if isinstance(c, Upsert)]
    assert changed == ["t:d1/4.txt"]


def test_a_table_holds_below_its_folder_and_closes_where_it_cannot_be_read(
    harness: DavHarness,
) -> None:
    """A deeper table wins; what a table that is no table may speak of is for nobody."""
    harness.add("rh/paie/a.txt", "a", ())
    harness.set_readers("**", ("everyone",))
    table = harness.served.path / "rh" / "_quisait.csv"
    table.write_text("pattern,allowed\npaie/**,annuaire:group:paie\n")
    first = read(harness)
    kept = apply(first)
    assert kept["t:rh/paie/a.txt"].access == Access(frozenset({"annuaire:group:paie"}))
    table.chmod(0o000)
    changes = read(harness, last_cursor(first))
    assert apply(changes, kept)["t:rh/paie/a.txt"].access == Access()
    assert [c.where for c in changes if isinstance(c, Malformed)] == ["rh/_quisait.csv"]


@pytest.mark.trust
def test_who_writes_in_a_folder_adds_no_reader(harness: DavHarness) -> None:
    """Tables and sidecars only add readers if the source trusts them; this is reported."""
    for name in ("a.txt", "b.txt"):
        harness.add(f"rh/{name}", "a", ())
    harness.set_readers("**", ("annuaire:group:rh",))
    folder = harness.served.path / "rh"
    (folder / "_quisait.csv").write_text("pattern,allowed\n**,everyone\n")
    (folder / "b.txt.quisait.json").write_text('{"allowed": "everyone"}')
    closed, opened = (Access(frozenset({one})) for one in ("annuaire:group:rh", "everyone"))
    changes = read(harness)
    assert {one.access for one in apply(changes).values()} == {closed}
    said = {c.where for c in changes if isinstance(c, Malformed)}
    assert said == {"rh/_quisait.csv", "rh/b.txt.quisait.json"}
    trusting = harness.connector(tables="trusted").changes(last_cursor(changes))
    assert {c.access for c in trusting if isinstance(c, AccessChanged)} == {opened}


def test_a_folder_that_the_account_may_not_list_is_closed_and_kept(harness: DavHarness) -> None:
    """It opens again once the account may."""
    harness.add("clos/a.txt", "a", ("everyone",))
    first = read(harness)
    kept = apply(first)
    folder = harness.served.path / "clos"
    folder.chmod(0o000)
    closing = read(harness, last_cursor(first))
    assert SubtreeHidden("t:clos") in closing
    closed = apply(closing, kept)
    assert closed["t:clos/a.txt"].access == Access()
    assert any("« clos »" in said for said in harness.connector().check())
    folder.chmod(0o755)
    opening = read(harness, last_cursor(closing))
    assert apply(opening, closed) == kept


@pytest.mark.parametrize("name", ["renvoi.txt", "change.txt", "efface.txt", "grossi.txt"])
def test_a_file_that_is_no_longer_the_listed_one_is_not_read(
    harness: DavHarness, name: str
) -> None:
    """A redirect to another file (whose readers are others), a text of another moment."""
    harness.add("rh/secret.txt", "un secret", ("annuaire:group:rh",))
    harness.add(name, "un texte", ("everyone",))
    changes = harness.connector().changes(None)
    begun = next(changes)
    path = harness.served.path / name
    match name:
        case "change.txt":
            path.write_text("un tezte")
        case "grossi.txt":
            path.write_text("un texte bien plus long")
        case "efface.txt":
            path.unlink()
    kept = apply([begun, *changes])
    assert f"t:{name}" not in kept or kept[f"t:{name}"].access == Access()


def test_another_host_is_not_followed(harness: DavHarness) -> None:
    """The password is not sent to another host."""
    elsewhere = ensure_dav().url + "ailleurs/"
    with pytest.raises(SourceRefused, match="Vérifiez « url »"):
        list(harness.connector(url=elsewhere).changes(None))


def test_a_wrong_account_is_refused_with_a_sentence(harness: DavHarness) -> None:
    """Nothing is said of the documents."""
    with pytest.raises(SourceRefused):
        list(harness.connector(user="inconnu").changes(None))
    with pytest.raises(SourceRefused):
        list(harness.connector(user="").changes(None))


def test_a_file_is_found_where_it_is_read(harness: DavHarness) -> None:
    """Unless the settings say where people open it; the evidence may be left out."""
    harness.add("note d'été #1.txt", "a", ("everyone",))
    plain = apply(harness.connector().changes(None))["t:note d'été #1.txt"]
    assert plain.url.lower() == f"{harness.served.url}note%20d'%C3%A9t%C3%A9%20%231.txt".lower()
    linked = harness.connector(link="https://f.example/?p={path}", evidence="none")
    made = apply(linked.changes(None))["t:note d'été #1.txt"]
    assert made.url == "https://f.example/?p=note%20d%27%C3%A9t%C3%A9%20%231.txt"
    assert made.evidence is EvidencePolicy.NONE


ODD_NAMES = (
    "100 %.txt", "%41.txt", "50%25.txt", "a#b.txt", "a?b=c.txt", "a;b.txt", "a&b+c.txt", "-rf.txt",
    "http:a.txt", "a\\b.txt", "«a» \"b\".txt", f"{'é' * 120}.txt",
)  # fmt: skip


def test_links_to_files_with_odd_names_open(harness: DavHarness) -> None:
    """Names with a control character or in another encoding are reported and not read."""
    for name in ODD_NAMES:
        (harness.served.path / name).write_text(name, "utf-8")
    for name in ("fin\nde ligne.txt", os.fsdecode(b"latin\xe9.txt")):
        (harness.served.path / name).write_text("x")
    harness.set_readers("**", ("everyone",))
    changes = read(harness)
    documents = apply(changes)
    assert documents.keys() == {f"t:{name}" for name in ODD_NAMES}
    assert len([one for one in changes if isinstance(one, Malformed)]) == 2
    with requests.Session() as browser:
        browser.trust_env = False
        browser.auth = (USER, PASSWORD.encode().decode("latin-1"))  # sent as UTF-8
        for name in ODD_NAMES:
            opened = browser.get(documents[f"t:{name}"].url, timeout=10)
            assert (opened.status_code, opened.content) == (200, name.encode()), name


def test_what_the_settings_leave_out_is_deleted(harness: DavHarness) -> None:
    """And nobody reads it while its deletion waits for a person."""
    harness.add("a.txt", "a", ("everyone",))
    harness.add("archives/b.txt", "b", ("everyone",))
    first = read(harness)
    kept = apply(first)
    chosen = harness.connector(exclude=["archives"])
    changes = list(chosen.changes(last_cursor(first)))
    assert set(apply(changes, kept)) == {"t:a.txt"}
    (listing,) = [c for c in changes if isinstance(c, Listing)]
    assert listing.is_left_out
    assert listing.is_left_out("t:archives/b.txt")


def test_the_check_says_who_will_not_read(harness: DavHarness) -> None:
    """A folder without a table and without readers of the source; a password in the clear."""
    (harness.served.path / "a.txt").write_text("a")
    said = " ".join(harness.connector().check())
    assert "ne nomme de lecteur" in said
    assert "en clair" in said
    harness.set_readers("**", ("everyone",))
    assert "ne nomme de lecteur" not in " ".join(harness.connector().check())
    (harness.served.path / "a.txt").unlink()
    assert "ne nomme de lecteur" not in " ".join(harness.connector().check())


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://x/"},
        {"url": "https://a:b@x/"},
        {"url": "https://x/?a"},
        {"url": "https://x/", "server": "nextcloud", "user": "u"},
        {"url": "https://x/remote.php/dav/files/u/", "server": "nextcloud"},
        {"url": "https://x/", "groups": {"a": "t:group:a"}},
        {"url": "https://x/", "exclude": ["a\\b"]},
    ],
    ids=str,
)
def test_settings_that_cannot_hold_are_refused(options: dict[str, object]) -> None:
    """Before anything is asked."""
    with pytest.raises(ValueError, match="Value error"):
        WebdavOptions.model_validate(options)


_names = st.text(
    st.characters(exclude_characters="/", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", ".."))


@given(st.lists(_names, max_size=5), _names)
def test_every_name_is_read_as_it_is_written(names: list[str], folder: str) -> None:
    """However it is encoded in the server's answer, it is one name below its folder."""
    asked = DavEntry(
        unicodedata.normalize("NFC", folder), f"https://f.example/{quote(folder)}/", is_folder=True
    )
    hrefs = [f"/{quote(folder)}/", *(f"/{quote(folder)}/{quote(name)}" for name in names)]
    kinds = ["<d:collection/>", *([""] * len(names))]
    listed = "".join(
        f"<d:response><d:href>{href}</d:href><d:propstat><d:prop><d:resourcetype>{kind}"
        "</d:resourcetype></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
        for href, kind in zip(hrefs, kinds, strict=True)
    )
    answer = f'<d:multistatus xmlns:d="DAV:">{listed}</d:multistatus>'
    itself, inside, _ = read_multistatus(answer.encode(), asked)
    assert itself.path == asked.path
    assert {entry.name for entry in inside} == {unicodedata.normalize("NFC", n) for n in names}
    assert all(entry.path == f"{asked.path}/{entry.name}" for entry in inside)
