"""Documents read from a real OpenCMIS repository, and from one that lies before it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_cmis.connector import CmisSource, WalkNote, read_note
from quisait_cmis.objects import AccessEntry, CmisObject
from quisait_cmis.options import CmisOptions
from quisait_cmis.readers import AccessReading
from quisait_connector_kit.connector_contract import (
    apply,
    last_cursor,
    read,
)
from quisait_connector_kit.memory_seen import MemorySeen

from connectors.http_host import HttpHost, HttpResponse
from connectors.http_limits import HttpLimits
from connectors.ports import (
    AccessChanged,
    Checkpoint,
    ContentStale,
    Listing,
    Malformed,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import (
    MAX_PRINCIPALS,
    Access,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
)
from tests.cmis_server import PASSWORD, REPOSITORY, USER, CmisFolder, CmisServer, ensure_cmis
from tests.recorded_servers import Check, Tape

pytestmark = pytest.mark.sources

QUICK = HttpLimits(rate_per_s=0, timeout_s=5, total_timeout_s=10, max_wait_s=0)
GROUPS = {f"GROUP_{name}": f"test:group:{name}" for name in "ab"}
PRINCIPALS = {principal: name for name, principal in GROUPS.items()} | {"everyone": "anyone"}


@dataclass
class Lies:
    """Answers that differ from those of the in-memory server, which does not support them.

    By an object's id: a status, or what its answer has instead. `log` is a change log: each entry
    a kind and an id, its token the number of those before it.
    """

    status: dict[str, int] = field(default_factory=dict)
    instead: dict[str, dict[str, Any]] = field(default_factory=dict)
    odd_children: dict[str, list[Any]] = field(default_factory=dict)
    repository: dict[str, Any] = field(default_factory=dict)
    log: list[tuple[str, str, str]] | None = None
    oldest: int = 0
    asked: list[str] = field(default_factory=list)
    before: Callable[[Mapping[str, object]], None] | None = None


@dataclass(slots=True)
class LyingHost(HttpHost):
    """The real repository's answers, with lies."""

    lies: Lies = field(default_factory=Lies)

    def request(
        self, method: str, url: str, params: Any = None, *rest: Any, **more: Any
    ) -> HttpResponse:
        asked, lies = dict(params or {}), self.lies
        selector, object_id = str(asked.get("cmisselector", "")), str(asked.get("objectId", ""))
        lies.asked.append(selector)
        if lies.before:
            lies.before(asked)
        if object_id in lies.status and selector != "content":
            return HttpResponse(lies.status[object_id], {}, b"{}", url)
        if selector == "contentChanges" and lies.log is not None:
            return self._logged(asked, url)
        answer = HttpHost.request(self, method, url, params, *rest, **more)
        if answer.status_code != 200 or selector == "content":
            return answer
        said = json.loads(answer.content)
        if not selector:
            told = said[REPOSITORY]
            told |= lies.repository
            if lies.log is not None:
                told["latestChangeLogToken"] = str(len(lies.log))
        elif selector == "object":
            said |= lies.instead.get(object_id, {})
        elif selector == "children" and object_id in lies.odd_children:
            said["objects"] += lies.odd_children[object_id]
        return HttpResponse(200, {}, json.dumps(said).encode(), answer.url)

    def _logged(self, asked: Mapping[str, object], url: str) -> HttpResponse:
        begin, most = int(str(asked["changeLogToken"])), int(str(asked["maxItems"]))
        assert self.lies.log is not None
        if begin < self.lies.oldest:
            return HttpResponse(400, {}, b'{"exception": "invalidArgument"}', url)
        entries = self.lies.log[begin : begin + most]
        objects = [
            {
                "succinctProperties": {"cmis:objectId": one, "cmis:baseTypeId": base},
                "changeEventInfo": {"changeType": kind, "changeTime": 0},
            }
            for kind, one, base in entries
        ]
        end = begin + len(entries)
        more = end < len(self.lies.log)
        said = {"objects": objects, "hasMoreItems": more, "changeLogToken": str(end)}
        return HttpResponse(200, {}, json.dumps(said).encode(), url)


@dataclass
class CmisHarness:
    """A folder of a real repository."""

    served: CmisFolder
    lies: Lies = field(default_factory=Lies)
    resumable_count: int = 110
    readers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self, **options: object) -> Snapshot:
        made = CmisOptions.model_validate(
            {
                "url": self.served.server.url,
                "user": USER,
                "folder": self.served.path,
                "anyone": "everyone",
                "groups": GROUPS,
            }
            | options
        )
        account = (made.user, PASSWORD)
        host = LyingHost(made.url, QUICK, "", "Le dépôt", account, lies=self.lies)
        return Snapshot(CmisSource("t", made, Access(), host, lambda: self.now), self.seen)

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        if self.readers.get(name, allowed) != allowed:
            self.remove(name)  # the account that writes would lose its right to
        self.served.write(name, text)
        if self.readers.get(name) != allowed:
            self.set_readers(name, allowed)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.readers[name] = allowed
        self.served.let_read(name, *(PRINCIPALS[one] for one in allowed))

    def remove(self, name: str) -> None:
        self.served.delete(name)
        self.readers.pop(name, None)

    def add_invalid_records(self) -> int:
        self.lies.odd_children[self.served.ids[""]] = [{"object": {}}, "x"]
        self.lies.instead[self.served.write("inexact.txt", "x")] = {"exactACL": False}
        self.lies.instead[self.served.write("sous/sans.txt", "x")] = {"acl": None}
        self.lies.instead[self.served.write("autre/faux.txt", "x")] = {"acl": {"aces": [{}]}}
        self.lies.status[self.served.folder("clos")] = 403
        return 5

    def add_complete_document(self) -> Document:
        path = "Études & plans/l’été 100 %#1.txt"
        object_id = self.served.write(path, "corps")
        self.served.let_read(path, "GROUP_a", "ana")
        self.lies.instead[object_id] = {
            "succinctProperties": {
                "cmis:objectId": object_id,
                "cmis:baseTypeId": "cmis:document",
                "cmis:name": "l’été 100 %#1.txt",
                "cmis:contentStreamFileName": "corps.txt",
                "cmis:contentStreamLength": 5,
                "cmis:changeToken": "7",
                "cmis:creationDate": 1_000_000_000_000,
                "cmis:lastModificationDate": 1_100_000_000_000,
                "cmis:createdBy": "ana",
                "cmis:lastModifiedBy": "ben",
                "cm:title": ["L’été"],
            }
        }
        made, changed = datetime(2001, 9, 9, 1, 46, 40), datetime(2004, 11, 9, 11, 33, 20)
        first, last = made.date(), changed.date()
        return Document(
            id=f"t:{path}", source="t", title="",
            sections=(Section("corps.txt"), Section("corps")),
            url=f"{self.served.server.url}/{REPOSITORY}/root?cmisselector=content"
            f"&objectId={object_id}",
            access=Access(frozenset({"test:group:a", "t:account:ana"})),
            created=made.replace(tzinfo=UTC), modified=changed.replace(tzinfo=UTC),
            version=f"{object_id}:7:5:1100000000000",
            contributions=(
                Contribution("t:ana", ContributorRole.AUTHOR, "ana", 1, first, first, ((2001, 1),)),
                Contribution("t:ben", ContributorRole.EDITOR, "ben", 1, last, last, ((2004, 1),)),
            ),
        )  # fmt: skip


TAPE = Tape(
    Path(__file__).with_name("recorded.json.gz"),
    (
        *((CmisServer, name) for name in ("create", "post")),
        *((CmisFolder, name) for name in ("folder", "write", "let_read", "delete")),
    ),
)


@contextmanager
def served(server: CmisServer) -> Iterator[CmisHarness]:
    with server.folder() as folder:
        yield CmisHarness(folder)


@pytest.fixture
def harness() -> Iterator[CmisHarness]:
    with served(ensure_cmis()) as made:
        yield made


def test_contract(connector_check: Check) -> None:
    """Every check of the contract, from a real server."""
    server = replace(ensure_cmis(), numbers=count(1))
    with TAPE.recording(connector_check, server.port), served(server) as harness:
        connector_check(harness)


def test_contract_as_recorded(connector_check: Check) -> None:
    """Every check, on what that server answered."""
    with TAPE.playing(connector_check), served(CmisServer(1)) as harness:
        connector_check(harness)


def test_only_what_changed_is_read(harness: CmisHarness) -> None:
    """Every document's readers are asked for; of one that is as it was nothing comes."""
    for number in range(6):
        harness.add(f"d{number % 3}/{number}.txt", f"texte {number}", ("everyone",))
    cursor = last_cursor(read(harness))
    harness.add("d1/4.txt", "un texte tout autre", ("everyone",))
    harness.lies.asked.clear()
    changed = [c.document.id for c in read(harness, cursor) if isinstance(c, Upsert)]
    assert changed == ["t:d1/4.txt"]
    assert "content" not in harness.lies.asked


@pytest.mark.parametrize(
    ("instead", "why"),
    [
        ({"exactACL": False}, "isExact"),
        ({"exactACL": None}, "isExact"),
        ({"acl": None}, "ne rend pas sa liste"),
        ({"acl": {"aces": "x"}}, "ne rend pas sa liste"),
        (
            {
                "acl": {
                    "aces": [
                        {"principal": {"principalId": f"u{n}"}, "permissions": ["cmis:read"]}
                        for n in range(MAX_PRINCIPALS + 1)
                    ]
                }
            },
            "plus de",
        ),
    ],
    ids=["inexact", "unsaid", "no-list", "odd-list", "too-many"],
)
def test_a_list_that_does_not_tell_who_reads_leaves_nobody(
    harness: CmisHarness, instead: dict[str, Any], why: str
) -> None:
    """Documents are closed at the next reading, which reports this once per folder."""
    for name in ("a.txt", "b.txt"):
        harness.add(name, name, ("everyone",))
    first = read(harness)
    harness.lies.instead = {harness.served.ids[name]: instead for name in ("a.txt", "b.txt")}
    changes = read(harness, last_cursor(first))
    assert {AccessChanged(f"t:{name}", Access()) for name in ("a.txt", "b.txt")} <= {
        c for c in changes if isinstance(c, AccessChanged)
    }
    (told,) = [c for c in changes if isinstance(c, Malformed)]
    assert why in told.reason
    assert any(why in said for said in harness.connector().check())


def test_a_denial_that_a_repository_adds_is_no_reader(harness: CmisHarness) -> None:
    """CMIS has no denials: a permission that the settings do not name gives no reader."""
    harness.add("a.txt", "a", ())
    harness.served.let_read("a.txt", "ana", permission="cmis:write")
    assert apply(read(harness))["t:a.txt"].access == Access()
    wider = harness.connector(read_permissions=["cmis:write"]).changes(None)
    assert apply(wider)["t:a.txt"].access == Access(frozenset({"t:account:ana"}))


def test_a_folder_that_the_account_may_not_list_is_closed_and_kept(harness: CmisHarness) -> None:
    """Nothing is deleted there; it opens again when it can be listed."""
    harness.add("clos/a.txt", "a", ("everyone",))
    harness.add("b.txt", "b", ("everyone",))
    first = read(harness)
    kept = apply(first)
    harness.lies.status[harness.served.ids["clos"]] = 403
    closing = read(harness, last_cursor(first))
    assert SubtreeHidden("t:clos") in closing
    closed = apply(closing, kept)
    assert closed["t:clos/a.txt"].access == Access()
    assert closed["t:b.txt"] == kept["t:b.txt"]
    assert any("« clos »" in said for said in harness.connector().check())
    harness.lies.status.clear()
    assert apply(read(harness, last_cursor(closing)), closed) == kept


def test_a_document_that_the_account_may_not_read_any_more_is_closed(harness: CmisHarness) -> None:
    """While its folder lists it still; one that is gone is deleted."""
    harness.add("a.txt", "a", ("everyone",))
    harness.add("b.txt", "b", ("everyone",))
    first = read(harness)
    kept = apply(first)
    harness.lies.status = {harness.served.ids["a.txt"]: 403, harness.served.ids["b.txt"]: 404}
    changes = read(harness, last_cursor(first))
    assert ContentStale("t:a.txt") in changes
    after = apply(changes, kept)
    assert {name: one.access for name, one in after.items()} == {"t:a.txt": Access()}


def test_the_root_must_be_listed(harness: CmisHarness) -> None:
    """Otherwise nothing is said of any document."""
    harness.add("a.txt", "a", ("everyone",))
    harness.lies.status[harness.served.ids[""]] = 500
    with pytest.raises(SourceRefused, match="folder"):
        read(harness)
    with pytest.raises(SourceRefused, match="/inconnu"):
        list(harness.connector(folder="/inconnu").changes(None))


def test_versions_are_the_latest_or_the_latest_major_one(harness: CmisHarness) -> None:
    """Readers of a major version may read both versions; drafts and working copies are not read."""
    served = harness.served
    served.write("v.txt", "un", "VersionableType", versioningState="major")
    served.write("brouillon.txt", "b", "VersionableType", versioningState="minor")
    for name in ("v.txt", "brouillon.txt"):
        served.let_read(name, "ana", "ben")
    served.new_version("v.txt", "un et demi", major=False)
    served.let_read("v.txt", "ana")
    latest = apply(read(harness))
    assert latest["t:v.txt"].sections[-1].text == "un et demi"
    assert set(latest) == {"t:v.txt", "t:brouillon.txt"}
    major = apply(harness.connector(versions="major").changes(None))
    assert set(major) == {"t:v.txt"}
    assert major["t:v.txt"].sections[-1].text == "un"
    assert major["t:v.txt"].access == Access(frozenset({"t:account:ana"}))
    served.new_version("v.txt", "deux", major=True)
    served.let_read("v.txt", "ana")
    after = apply(harness.connector(versions="major").changes(None))
    assert after["t:v.txt"].sections[-1].text == "deux"
    served.server.post("checkOut", served.ids["v.txt"])
    assert set(apply(read(harness))) == {"t:v.txt", "t:brouillon.txt"}


@pytest.mark.parametrize("fault", ["text", "readers", "gone"])
def test_text_and_readers_are_of_one_moment(harness: CmisHarness, fault: str) -> None:
    """A text that changed after its access list was requested is not shown to these readers."""
    harness.add("a.txt", "un texte", ("everyone",))
    (listed,) = [c.document for c in read(harness) if isinstance(c, Upsert)]
    match fault:
        case "text":
            harness.served.write("a.txt", "un tezte")
        case "readers":
            harness.set_readers("a.txt", ("test:group:a",))
        case "gone":
            harness.remove("a.txt")
    assert listed.content
    with pytest.raises(RecordVanished):
        listed.content.read()


def test_a_folder_that_changes_while_it_is_listed_loses_nothing(
    harness: CmisHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A removal between two pages moves the rest forward: it is listed again."""
    monkeypatch.setattr("quisait_cmis.client.PAGE", 3)
    for number in range(8):
        harness.add(f"{number}.txt", "x", ("everyone",))
    pages = iter(range(100))

    def removing(asked: Mapping[str, object]) -> None:
        listing = asked.get("cmisselector") == "children"
        if listing and asked["objectId"] == harness.served.ids[""] and next(pages) == 1:
            harness.remove("0.txt")

    harness.lies.before = removing
    assert set(apply(read(harness))) == {f"t:{number}.txt" for number in range(1, 8)}


def test_what_was_deleted_beside_an_unreadable_object_is_for_nobody(harness: CmisHarness) -> None:
    """It may be that object, so it stays, and nobody finds it; what is listed is read as before."""
    harness.add("a/un.txt", "un", ("everyone",))
    harness.add("a/b/deux.txt", "deux", ("everyone",))
    harness.add("c.txt", "trois", ("everyone",))
    first = read(harness)
    before = apply(first)
    harness.remove("a/un.txt")
    harness.lies.odd_children[harness.served.ids["a"]] = [{"object": {}}]
    changes = read(harness, last_cursor(first))
    kept = {name: one.access for name, one in apply(changes, before).items()}
    everyone = Access(frozenset({"everyone"}))
    assert kept == {"t:a/un.txt": Access(), "t:a/b/deux.txt": everyone, "t:c.txt": everyone}
    # Killed once all is closed, the next reading opens it again.
    closed_at = changes.index(SubtreeHidden("t:a"))
    checkpoints = (at for at, one in enumerate(changes) if isinstance(one, Checkpoint))
    cut = changes[: next(at for at in checkpoints if at > closed_at) + 1]
    harness.lies.odd_children.clear()
    again = apply(read(harness, last_cursor(cut)), apply(cut, before))
    assert {name: one.access for name, one in again.items()} == {
        "t:a/b/deux.txt": everyone,
        "t:c.txt": everyone,
    }


def test_a_listing_without_end_is_left(
    harness: CmisHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder in itself, a page that comes again: said, and what else there is comes."""
    harness.add("a.txt", "a", ("everyone",))
    loop = {"cmis:objectId": harness.served.folder("boucle"), "cmis:baseTypeId": "cmis:folder"}
    harness.lies.odd_children[harness.served.ids["boucle"]] = [
        {"object": {"succinctProperties": loop}, "pathSegment": "encore"}
    ]
    changes = read(harness)
    assert [c.where for c in changes if isinstance(c, Malformed)] == ["boucle/encore"]
    assert set(apply(changes)) == {"t:a.txt"}


def test_a_wrong_account_or_address_is_refused_with_a_sentence(harness: CmisHarness) -> None:
    """The in-memory server takes any password: what it would answer is said before it."""
    with pytest.raises(SourceRefused, match="Nommez-en un"):
        list(harness.connector(repository="autre").changes(None))
    address = harness.served.server.url.removesuffix("/browser")
    with pytest.raises(SourceRefused, match="vérifiez « url »"):
        list(harness.connector(url=f"{address}/rien").changes(None))
    harness.lies.status[""] = 401
    with pytest.raises(SourceRefused):
        read(harness)
    harness.lies.status.clear()
    harness.lies.repository["rootFolderUrl"] = "https://ailleurs.example/root"
    with pytest.raises(SourceRefused, match=r"ailleurs\.example"):
        read(harness)


def test_a_server_that_is_away_stops_the_reading(harness: CmisHarness) -> None:
    """After some requests in a row; what was read stays."""
    for number in range(9):
        harness.add(f"{number}.txt", "x", ("everyone",))

    def away(asked: Mapping[str, object]) -> None:
        if asked.get("includeACL") and asked["objectId"] != harness.served.ids[""]:
            raise SourceUnreachable("Le dépôt ne répond pas.")

    harness.lies.before = away
    with pytest.raises(SourceUnreachable):
        read(harness)


def test_without_access_lists_the_settings_say_who_reads(harness: CmisHarness) -> None:
    """Or nobody."""
    harness.add("a.txt", "a", ("everyone",))
    harness.lies.repository["capabilities"] = {"capabilityACL": "none"}
    assert apply(read(harness))["t:a.txt"].access == Access()
    assert any("n'a pas de listes" in said for said in harness.connector().check())


def test_the_check_names_who_is_nobody(harness: CmisHarness) -> None:
    """A group without a directory's, all users, a password in the clear."""
    harness.add("a.txt", "a", ())
    harness.served.let_read("a.txt", "GROUP_inconnu")
    harness.add("b.txt", "b", ("everyone",))
    said = " ".join(harness.connector(anyone="").check())
    assert "GROUP_inconnu" in said
    assert "anyone" in said
    assert "en clair" in said


def test_link_title_and_contributions_are_as_the_settings_say(harness: CmisHarness) -> None:
    """A template of Share or of Nuxeo; a technical account never tells who knows."""
    path = "sous dossier/a.txt"
    harness.add(path, "a", ("everyone",))
    object_id = harness.served.ids[path]
    options = {"link": "https://ged/{series}?p={path}", "bots": [USER], "evidence": "none"}
    made = apply(harness.connector(**options).changes(None))[f"t:{path}"]
    assert made.url == f"https://ged/{object_id}?p=sous%20dossier/a.txt"
    assert made.evidence is EvidencePolicy.NONE
    assert [one.role for one in made.contributions] == [ContributorRole.BOT]
    uploaded = apply(harness.connector(creator="uploader").changes(None))[f"t:{path}"]
    assert [one.role for one in uploaded.contributions] == [ContributorRole.UPLOADER]


def test_a_document_without_a_file_is_its_description(harness: CmisHarness) -> None:
    """Its name is its title."""
    object_id = harness.served.write("note_vide.txt", None)
    harness.served.let_read("note_vide.txt", "ana")
    whole = ensure_cmis().get(cmisselector="object", objectId=object_id, succinct="true")
    described = whole["succinctProperties"] | {"cmis:description": "Le bornage."}
    harness.lies.instead[object_id] = {"succinctProperties": described}
    made = apply(read(harness))["t:note_vide.txt"]
    assert (made.content, made.title) == (None, "Note vide")
    assert made.sections == (Section("Le bornage."),)


def test_what_the_settings_leave_out_is_deleted(harness: CmisHarness) -> None:
    """And nobody reads it while its deletion waits for a person."""
    harness.add("a.txt", "a", ("everyone",))
    harness.add("archives/b.txt", "b", ("everyone",))
    first = read(harness)
    changes = list(harness.connector(exclude=["archives"]).changes(last_cursor(first)))
    assert set(apply(changes, apply(first))) == {"t:a.txt"}
    (listing,) = [c for c in changes if isinstance(c, Listing)]
    assert listing.is_left_out
    assert listing.is_left_out("t:archives/b.txt")


def by_log(harness: CmisHarness, since: str | None) -> list[Any]:
    """Return the changes of a reading that may use the log, and note its requests."""
    harness.lies.asked.clear()
    return list(harness.connector(changes="log").changes(since))


def test_the_log_spares_the_walk(harness: CmisHarness) -> None:
    """A text, readers, a new document: read alone; nothing new: nothing is asked for."""
    harness.lies.log = []
    for name in ("a.txt", "b.txt", "c.txt"):
        harness.add(name, name, ("everyone",))
    first = by_log(harness, None)
    kept, cursor = apply(first), last_cursor(first)
    quiet = by_log(harness, cursor)
    assert harness.lies.asked == [""]
    assert {type(one) for one in quiet} == {Checkpoint}
    harness.add("a.txt", "autre", ("everyone",))
    harness.set_readers("b.txt", ("test:group:a",))
    harness.add("n.txt", "neuf", ("everyone",))
    ids = harness.served.ids
    harness.lies.log += [
        ("updated", ids["a.txt"], "cmis:document"),
        ("security", ids["b.txt"], "cmis:document"),
        ("created", ids["n.txt"], "cmis:document"),
    ]
    after = by_log(harness, last_cursor(quiet))
    assert "children" not in harness.lies.asked
    assert apply(after, kept) == apply(read(harness))
    assert {type(one) for one in by_log(harness, last_cursor(after))} == {Checkpoint}


@pytest.mark.parametrize(
    "event", ["removed", "moved", "folder", "old token", "late", "settings", "no log", "unknown"]
)
def test_what_the_log_cannot_place_is_walked(harness: CmisHarness, event: str) -> None:
    """Whatever happened, what is kept in the end is what the repository holds."""
    harness.lies.log = [("created", "x", "cmis:document")]
    for name in ("a.txt", "b.txt", "sous/c.txt"):
        harness.add(name, name, ("everyone",))
    first = by_log(harness, None)
    kept, cursor = apply(first), last_cursor(first)
    ids = dict(harness.served.ids)
    options: dict[str, object] = {"changes": "log"}
    match event:
        case "removed":
            harness.remove("a.txt")
            harness.lies.log.append(("deleted", ids["a.txt"], "cmis:document"))
        case "moved":
            elsewhere = {"sourceFolderId": ids["sous"], "targetFolderId": ids[""]}
            ensure_cmis().post("move", ids["sous/c.txt"], None, **elsewhere)
            harness.lies.log.append(("updated", ids["sous/c.txt"], "cmis:document"))
        case "folder":
            harness.set_readers("sous/c.txt", ("test:group:a",))
            harness.lies.log.append(("security", ids["sous"], "cmis:folder"))
        case "old token":
            harness.add("a.txt", "autre", ("everyone",))
            harness.lies.log += [("updated", ids["a.txt"], "cmis:document")] * 3
            harness.lies.oldest = 2
        case "late":
            harness.set_readers("a.txt", ("test:group:a",))
            harness.now += timedelta(hours=25)
        case "settings":
            options |= {"anyone": "", "groups": {}}
        case "no log":
            harness.add("a.txt", "autre", ("everyone",))
            harness.lies.repository["capabilities"] = {
                "capabilityACL": "manage",
                "capabilityChanges": "none",
            }
        case "unknown":
            harness.remove("b.txt")
            harness.lies.log.append(("deleted", "une-version", "cmis:document"))
    after = apply(harness.connector(**options).changes(cursor), kept)
    assert after == apply(harness.connector(**options).changes(None))
    assert after != kept


def test_a_log_that_does_not_end_is_left(harness: CmisHarness) -> None:
    """After its bound, all is walked."""
    harness.lies.log = []
    harness.add("a.txt", "a", ("everyone",))
    cursor = last_cursor(by_log(harness, None))
    harness.lies.log += [("updated", harness.served.ids["a.txt"], "cmis:document")] * 5_000
    by_log(harness, cursor)
    assert harness.lies.asked.count("contentChanges") <= 7
    assert "children" in harness.lies.asked


def test_the_check_says_what_the_log_must_tell(harness: CmisHarness) -> None:
    """It is the repository's word: whether it tells of rights is for a person to verify."""
    harness.add("a.txt", "a", ("everyone",))
    assert "changements de droits" in " ".join(harness.connector(changes="log").check())


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://x/"},
        {"url": "https://a:b@x/"},
        {"url": "https://x/?a"},
        {"url": "https://x", "exclude": ["a\\b"]},
        {"url": "https://x", "groups": {"g": "personne"}},
        {"url": "https://x", "anyone": "tous"},
        {"url": "https://x", "read_permissions": []},
    ],
    ids=str,
)
def test_settings_that_cannot_hold_are_refused(options: dict[str, object]) -> None:
    """Before anything is asked."""
    with pytest.raises(ValueError, match="validation error"):
        CmisOptions.model_validate({"user": "u"} | options)


_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["GROUP_a", "GROUP_", "anyone", "anonymous", USER, "cmis:user", "ana"]
)
_entries = st.lists(
    st.builds(
        AccessEntry,
        _names,
        st.frozensets(st.sampled_from(["cmis:read", "cmis:write", "cmis:all", "deny", "x"])),
    ),
    max_size=6,
)


@given(_entries, st.booleans(), st.sampled_from(["", "everyone"]), st.sampled_from(["", "ldap"]))
def test_no_reader_is_invented(
    entries: list[AccessEntry], exact: bool, anyone: str, authority: str
) -> None:
    """Each reader is that of an entry which may read, in a list that tells all."""
    options = CmisOptions(
        url="https://x", user=USER, anyone=anyone, groups=GROUPS, group_authority=authority
    )
    reading = AccessReading("t", options, frozenset({"anyone", "anonymous"}))
    access, problem = reading.readers(CmisObject({}, tuple(entries), exact))
    reads = {one.principal for one in entries if one.permissions & {"cmis:read", "cmis:all"}}
    assert not access.denied
    assert exact or (not access.allowed and problem)
    for principal in access.allowed:
        if principal == "everyone":
            assert anyone
            assert reads & {"anyone", "anonymous"}
        elif principal.startswith("ldap:group:"):
            assert authority
            assert any(name.startswith("GROUP_") for name in reads)
        elif principal.startswith("test:group:"):
            assert PRINCIPALS[principal] in reads
        else:
            assert principal.startswith("t:account:")
            assert principal != f"t:account:{USER}"


@given(st.text(max_size=60), st.builds(WalkNote, st.text(), st.text(), st.text()))
def test_a_note_of_another_form_is_a_beginning(text: str, note: WalkNote) -> None:
    """Any text is read without an error; a written note is read back unchanged."""
    read_note(text)
    assert read_note(note.text()) == note
