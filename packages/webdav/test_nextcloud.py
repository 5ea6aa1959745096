"""Nextcloud's shares, and the faults of a server.

No Nextcloud was tried: `Cloud` answers as its public descriptions say (WebDAV properties, OCS
NextcloudShare API, group folders), over a real socket.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from quisait_connector_kit.connector_contract import ConnectorHarness, apply, last_cursor
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_webdav.connector import WebdavSource
from quisait_webdav.options import WebdavOptions

from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.ports import (
    AccessChanged,
    Change,
    Listing,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import Access, Contribution, ContributorRole, Document, Section

pytestmark = [pytest.mark.sources, pytest.mark.trust]

QUICK = HttpLimits(rate_per_s=0, timeout_s=5, total_timeout_s=10, max_wait_s=0)
HOME = "/remote.php/dav/files/svc"
SHARES = "/ocs/v2.php/apps/files_sharing/api/v1/shares"
GROUP_FOLDERS = "/ocs/v2.php/apps/groupfolders/folders"
DAY = datetime(2026, 1, 15, 9, tzinfo=UTC)
USER, GROUP, LINK = 0, 1, 3


class Cloud:
    """A tree of files, each with what Nextcloud says of it, and its shares."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.mounts: dict[str, dict[str, str]] = {"": {"mount-type": "", "owner-id": "svc"}}
        self.shares: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []
        self.seen = MemorySeen()
        self.group_folders: dict[str, Any] | None = {}
        self.broken: dict[str, Callable[[bytes], tuple[int, bytes]]] = {}
        self.asked: list[str] = []
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                parts = urlsplit(self.path)
                path, query = unquote(parts.path), parse_qs(parts.query)
                place = path.removeprefix(HOME).strip("/")
                cloud.asked.append(f"{self.command} {place if HOME in path else path}")
                kind, headers = "application/json", {}
                if not path.startswith(HOME):
                    status, body = cloud.ocs(path, {name: some[0] for name, some in query.items()})
                elif self.command == "PROPFIND":
                    status, body, kind = *cloud.listing(place), "application/xml"
                elif place in cloud.files:
                    status, body, kind = 200, cloud.files[place].encode(), "text/plain"
                    headers = {"ETag": f'"{cloud.etag(place)}"'}
                else:
                    status, body = 404, b""
                if fault := cloud.broken.get(place if HOME in path else path):
                    status, body = fault(body)
                self.send_response(status)
                for name, value in {"Content-Type": kind, **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PROPFIND = answer  # noqa: N815 - names of http.server

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.url = f"{self.base}{HOME}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def below(self, folder: str) -> list[str]:
        start = f"{folder}/" if folder else ""
        return sorted(path for path in self.files if path.startswith(start))

    def etag(self, place: str) -> str:
        """Changes with anything below, but not with a share."""
        within = [place] if place in self.files else self.below(place)
        said = "".join(f"{path}\0{self.files[path]}\0" for path in within)
        return hashlib.sha256(f"{place}\0{said}".encode()).hexdigest()[:16]

    def file_id(self, place: str) -> str:
        return str(int(hashlib.sha256(place.encode()).hexdigest()[:8], 16))

    def listing(self, folder: str) -> tuple[int, bytes]:
        inside = {
            path[len(folder) + bool(folder) :].partition("/")[0] for path in self.below(folder)
        }
        inside |= {
            path.rpartition("/")[2]
            for path in self.mounts
            if path and path.rpartition("/")[0] == folder
        }
        if folder and not inside and folder not in self.mounts:
            return 404, b""
        places = [f"{folder}/{name}" if folder else name for name in sorted(inside)]
        entries = "".join(map(self._entry, [folder, *places]))
        return 207, (
            '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" '
            'xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns">'
            f"{entries}</d:multistatus>"
        ).encode()

    def _entry(self, place: str) -> str:
        mounted = max((m for m in self.mounts if self._is_in(place, m)), key=len)
        is_file = place in self.files
        properties = {
            "oc:fileid": self.file_id(place),
            "oc:permissions": "G",
            "nc:is-mount-root": str(place == mounted).lower(),
            **{
                f"{'nc' if name == 'mount-type' else 'oc'}:{name}": value
                for name, value in self.mounts[mounted].items()
            },
            "d:getetag": f'"{self.etag(place)}"',
            "d:getlastmodified": format_datetime(DAY, usegmt=True),
        }
        if is_file:
            properties["d:getcontentlength"] = str(len(self.files[place].encode()))
        said = "".join(f"<{n}>{escape(v)}</{n}>" for n, v in properties.items())
        kind = "" if is_file else "<d:collection/>"
        slash = "" if is_file or not place else "/"
        return (
            f"<d:response><d:href>{HOME}/{quote(place)}{slash}</d:href><d:propstat><d:prop>{said}"
            f"<d:resourcetype>{kind}</d:resourcetype></d:prop><d:status>HTTP/1.1 200 OK</d:status>"
            "</d:propstat><d:propstat><d:prop><oc:owner-display-name/></d:prop>"
            "<d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response>"
        )

    def _is_in(self, place: str, mount: str) -> bool:
        return not mount or place == mount or place.startswith(f"{mount}/")

    def ocs(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        data: Any = None
        if path == SHARES and "path" in query:
            data = [one for one in self.shares if one["path"] == query["path"]]
        elif path == SHARES and "shared_with_me" in query:
            data = self.received
        elif path == SHARES:
            data = [one for one in self.shares if one["uid_owner"] == "svc"]
        elif path == GROUP_FOLDERS and self.group_folders is not None:
            data = self.group_folders or []
        if data is None:
            failed = {"status": "failure", "statuscode": 403, "message": ""}
            return 403, json.dumps({"ocs": {"meta": failed, "data": []}}).encode()
        meta = {"status": "ok", "statuscode": 200, "message": "OK"}
        return 200, json.dumps({"ocs": {"meta": meta, "data": data}}).encode()

    def share(self, place: str, kind: int, name: str, **more: Any) -> dict[str, Any]:
        return {
            "id": f"{place}-{kind}-{name}", "share_type": kind, "uid_owner": "svc",
            "permissions": 17, "expiration": None, "path": f"/{place}",
            "item_source": int(self.file_id(place)), "file_source": int(self.file_id(place)),
            "share_with": name or None, "attributes": None, **more,
        }  # fmt: skip


@dataclass
class CloudHarness:
    """A group folder without groups, whose files the account shares with groups."""

    cloud: Cloud
    options: dict[str, Any] = field(default_factory=dict)
    resumable_count: int = 110

    def __post_init__(self) -> None:
        self.cloud.mounts["Fonds"] = {"mount-type": "group"}
        self.cloud.group_folders = {"1": group_folder("Fonds")}

    def connector(self) -> Snapshot:
        return connector_of(self.cloud, url=f"{self.cloud.url}Fonds")

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        self.cloud.files[f"Fonds/{name}"] = text
        self.set_readers(name, allowed)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        place = f"Fonds/{name}"
        others = [one for one in self.cloud.shares if one["path"] != f"/{place}"]
        groups = [one.rpartition(":")[2] for one in allowed]
        self.cloud.shares = others + [self.cloud.share(place, GROUP, one) for one in groups]

    def remove(self, name: str) -> None:
        del self.cloud.files[f"Fonds/{name}"]

    def add_invalid_records(self) -> int:
        self.cloud.files["Fonds/a\x7fb.txt"] = "x"
        self.cloud.files["Fonds/cassé/a.txt"] = "x"
        self.cloud.broken["Fonds/cassé"] = lambda body: (500, b"")
        self.cloud.files["Fonds/coupé/a.txt"] = "x"
        self.cloud.broken["Fonds/coupé"] = lambda body: (207, body[:-30])
        self.cloud.shares.append(self.cloud.share("Fonds/d001.txt", LINK, ""))
        return 4

    def add_complete_document(self) -> Document:
        place = "Fonds/Études & plans/l’été 100 %#1.txt"
        self.cloud.files[place] = "corps"
        self.cloud.mounts[place] = {
            "mount-type": "shared", "owner-id": "zoe", "owner-display-name": "Zoé L'Écuyer",
        }  # fmt: skip
        size = len(b"corps")
        return Document(
            id="t:Études & plans/l’été 100 %#1.txt", source="t", title="",
            sections=(Section("l’été 100 %#1.txt"), Section("corps")),
            access=Access(frozenset({"t:account:zoe"})),
            url=f"{self.cloud.base}/index.php/f/{self.cloud.file_id(place)}",
            modified=DAY, version=f"{self.cloud.etag(place)}:{size}:{DAY}",
            contributions=(
                Contribution(
                    "t:zoe", ContributorRole.UPLOADER, "Zoé L'Écuyer", 1, date(2026, 1, 15),
                    date(2026, 1, 15), ((2026, 1),),
                ),
            ),
        )  # fmt: skip


def connector_of(cloud: Cloud, **options: Any) -> Snapshot:
    given = {
        "url": cloud.url, "server": "nextcloud", "user": "svc", "group_authority": "test",
        "groups": {"everyone": "everyone", "a": "test:group:a"}, **options,
    }  # fmt: skip
    made = WebdavOptions.model_validate(given)
    host = HttpHost(made.url, QUICK, "", "Le serveur", (made.user, "pw"))
    return Snapshot(WebdavSource("t", made, Access(), host), cloud.seen)


def group_folder(place: str, acl: bool = False, **groups: int) -> dict[str, Any]:
    details = {name: {"type": "group", "permissions": some} for name, some in groups.items()}
    return {"id": 1, "mount_point": place, "acl": acl, "group_details": details or []}


def readers(cloud: Cloud, **options: Any) -> dict[str, set[str]]:
    kept = apply(connector_of(cloud, **options).changes(None))
    return {one.removeprefix("t:"): set(made.access.allowed) for one, made in kept.items()}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with closing(Cloud()) as running:
        yield running


@pytest.fixture
def harness(cloud: Cloud) -> CloudHarness:
    return CloudHarness(cloud)


def test_contract(
    connector_check: Callable[[ConnectorHarness], None], harness: CloudHarness
) -> None:
    """Every check of the contract."""
    connector_check(harness)


def test_a_share_gives_readers_to_all_below_it(cloud: Cloud) -> None:
    """Its own shares, and those of the folders above it; never those of a folder beside."""
    cloud.files |= {"a/b/c.txt": "c", "a/d.txt": "d", "a b/e.txt": "e"}
    cloud.shares = [cloud.share("a", GROUP, "compta"), cloud.share("a/b/c.txt", USER, "zoe")]
    assert readers(cloud) == {
        "a/b/c.txt": {"t:account:svc", "test:group:compta", "t:account:zoe"},
        "a/d.txt": {"t:account:svc", "test:group:compta"},
        "a b/e.txt": {"t:account:svc"},
    }


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (LINK, {}),
        (4, {"share_with": "x@exemple.fr"}),
        (6, {"share_with": "zoe@ailleurs.exemple"}),
        (7, {"share_with": "équipe"}),
        (10, {"share_with": "salon"}),
        (99, {"share_with": "zoe"}),
        (GROUP, {"permissions": 4}),
        (GROUP, {"expiration": "2020-01-01 00:00:00"}),
        (GROUP, {"expiration": "bientôt"}),
        (GROUP, {"attributes": '[{"scope":"permissions","key":"download","value":false}]'}),
        (GROUP, {"attributes": "{"}),
    ],
    ids=str,
)
def test_what_cannot_be_said_gives_no_reader(cloud: Cloud, kind: int, more: dict[str, Any]) -> None:
    """A link, another server, a team, one that ended or may not keep what it reads."""
    cloud.files["a.txt"] = "a"
    cloud.shares = [cloud.share("a.txt", kind, "compta") | more]
    assert readers(cloud) == {"a.txt": {"t:account:svc"}}
    said = [c.where for c in connector_of(cloud).changes(None) if isinstance(c, Malformed)]
    assert bool(said) == (kind not in (USER, GROUP)), "it is listed"


def test_a_group_that_nobody_named_is_nobody(cloud: Cloud) -> None:
    """And `quisait check` names it."""
    cloud.files["a.txt"] = "a"
    cloud.shares = [cloud.share("a.txt", GROUP, "compta")]
    assert readers(cloud, group_authority="") == {"a.txt": {"t:account:svc"}}
    said = " ".join(connector_of(cloud, group_authority="").check())
    assert "« compta » n'est personne" in said
    assert "en clair" in said


def test_what_was_received_is_not_shared_on_by_the_folder_around_it(cloud: Cloud) -> None:
    """Shares above a mount are of another storage: they do not open what is mounted in it."""
    cloud.files |= {"Recus/Projet/note.txt": "n", "Recus/autre.txt": "a"}
    cloud.mounts["Recus/Projet"] = {"mount-type": "shared", "owner-id": "zoe"}
    received = cloud.share("Recus/Projet", USER, "svc", uid_owner="zoe")
    cloud.received = [received]
    cloud.shares = [
        cloud.share("Recus", GROUP, "compta"),
        cloud.share("Recus/Projet", GROUP, "equipe", uid_owner="zoe"),
    ]
    assert readers(cloud) == {
        "Recus/autre.txt": {"t:account:svc", "test:group:compta"},
        "Recus/Projet/note.txt": {"t:account:zoe", "t:account:svc", "test:group:equipe"},
    }


def test_group_folders_are_read_by_their_groups(cloud: Cloud) -> None:
    """By none where each file may have rules of its own, or where the account is told nothing."""
    for name in ("Ouvert", "Fin", "Inconnu", "Externe"):
        cloud.files[f"{name}/a.txt"] = "a"
        cloud.mounts[name] = {"mount-type": "group", "owner-id": "svc"}
    cloud.mounts["Externe"] = {"mount-type": "external", "owner-id": "svc"}
    details = {"equipe": {"type": "circle", "permissions": 31}}
    cloud.group_folders = {
        "1": group_folder("Ouvert", compta=31, depot=4),
        "2": group_folder("Fin", acl=True, compta=31),
    }
    cloud.group_folders["1"]["group_details"] |= details
    cloud.shares = [cloud.share("Fin/a.txt", USER, "zoe")]
    assert readers(cloud) == {
        "Ouvert/a.txt": {"test:group:compta"},
        "Fin/a.txt": set(),
        "Inconnu/a.txt": set(),
        "Externe/a.txt": set(),
    }
    changes = list(connector_of(cloud).changes(None))
    assert {c.where for c in changes if isinstance(c, Malformed)} == {"Fin", "Inconnu", "Externe"}
    cloud.group_folders = None
    assert readers(cloud)["Ouvert/a.txt"] == set()
    assert any("dossiers de groupe" in said for said in connector_of(cloud).check())


def test_only_what_changed_is_descended_into(cloud: Cloud) -> None:
    """A folder whose tag is as it was is not listed, and its documents stay."""
    for number in range(40):
        cloud.files[f"dossier {number % 4}/sous/{number}.txt"] = f"texte {number}"
    first = list(connector_of(cloud).changes(None))
    before = apply(first)
    cloud.files["dossier 2/sous/2.txt"] = "un autre texte"
    del cloud.files["dossier 2/sous/6.txt"]
    cloud.asked.clear()
    changes = list(connector_of(cloud).changes(last_cursor(first)))
    listed = [one.removeprefix("PROPFIND ") for one in cloud.asked if one.startswith("PROPFIND")]
    folders = ["", "dossier 2", "dossier 2/sous"]
    assert listed == [*folders, *folders], "a second time for the readers, after the text was read"
    assert [c.document.id for c in changes if isinstance(c, Upsert)] == ["t:dossier 2/sous/2.txt"]
    kept = apply(changes, before)
    assert len(kept) == 39
    assert "t:dossier 2/sous/6.txt" not in kept


def test_a_share_taken_back_is_seen_though_no_tag_changed(cloud: Cloud) -> None:
    """The share is below a folder that would not be listed again."""
    cloud.files |= {"a/b/c.txt": "c", "a/b/d.txt": "d", "z/y.txt": "y"}
    cloud.shares = [cloud.share("a/b/c.txt", GROUP, "compta")]
    first = list(connector_of(cloud).changes(None))
    cloud.shares = []
    cloud.asked.clear()
    changes = list(connector_of(cloud).changes(last_cursor(first)))
    closed = AccessChanged("t:a/b/c.txt", Access(frozenset({"t:account:svc"})))
    assert closed in changes
    assert "PROPFIND z" not in cloud.asked
    assert not [one for one in cloud.asked if one.startswith("GET") and "a/b" in one]


def test_a_share_told_in_another_place_is_taken_back_too(cloud: Cloud) -> None:
    """The account sees the folder at two paths, and the interface names only the other path."""
    cloud.files["a/b/c.txt"] = "c"
    cloud.shares = [cloud.share("a/b", GROUP, "compta") | {"path": "/z/b"}]
    first = list(connector_of(cloud).changes(None))
    cloud.shares = []
    kept = apply(connector_of(cloud).changes(last_cursor(first)), apply(first))
    assert kept["t:a/b/c.txt"].access.allowed == {"t:account:svc"}


def test_a_copy_under_another_name_is_read(cloud: Cloud) -> None:
    """It has the size, the date and the tag of what it was copied from, and the same link."""
    cloud.files["a.txt"] = "a"
    cloud.etag = lambda place: "1"  # type: ignore[method-assign]
    linked = {"link": "https://f.example/"}
    first = list(connector_of(cloud, **linked).changes(None))
    cloud.files["b.txt"] = "b"
    changes = connector_of(cloud, **linked).changes(last_cursor(first))
    assert [c.document.id for c in changes if isinstance(c, Upsert)] == ["t:b.txt"]


@pytest.mark.parametrize("status", ["HTTP/1.1 ²00 OK", "HTTP/1.1 " + "9" * 5_000])
def test_a_status_that_is_none_stops_no_reading(cloud: Cloud, status: str) -> None:
    """The entry is named, and the others are read."""
    cloud.files |= {"a.txt": "a", "b.txt": "b"}

    def odd(body: bytes) -> tuple[int, bytes]:
        before, href, after = body.rpartition(f"<d:href>{HOME}/b.txt</d:href>".encode())
        return 207, before + href + f"<d:status>{status}</d:status>".encode() + after

    cloud.broken[""] = odd
    changes = list(connector_of(cloud).changes(None))
    assert set(apply(changes)) == {"t:a.txt"}
    assert [c.where for c in changes if isinstance(c, Malformed)] == ["b.txt"]


@pytest.mark.parametrize("fault", ["500", "429", "cut", "html", "404", "empty"])
def test_a_folder_that_fails_deletes_nothing(cloud: Cloud, fault: str) -> None:
    """It is named, its documents stay as they were, and it is read again when it answers."""
    cloud.files |= {"a/b.txt": "b", "a/c/d.txt": "d", "z.txt": "z"}
    first = list(connector_of(cloud).changes(None))
    before = apply(first)
    cloud.files |= {"a/b.txt": "b changé", "z.txt": "z changé"}
    cloud.broken["a"] = {
        "500": lambda body: (500, b""),
        "429": lambda body: (429, b""),
        "cut": lambda body: (207, body[: len(body) // 2]),
        "html": lambda body: (200, b"<html>Connexion</html>"),
        "404": lambda body: (404, b""),
        "empty": lambda body: (207, b'<d:multistatus xmlns:d="DAV:"/>'),
    }[fault]
    changes = list(connector_of(cloud).changes(last_cursor(first)))
    kept = apply(changes, before)
    assert [c.where for c in changes if isinstance(c, Malformed)] == ["a"]
    assert {one: made.sections[-1].text for one, made in kept.items()} == {
        "t:a/b.txt": "b", "t:a/c/d.txt": "d", "t:z.txt": "z changé",
    }  # fmt: skip
    assert kept["t:a/b.txt"].access.allowed, "the shares are those that it was read with"
    cloud.broken.clear()
    again = list(connector_of(cloud).changes(last_cursor(changes)))
    assert [c.document.id for c in again if isinstance(c, Upsert)] == ["t:a/b.txt"]


def test_a_folder_that_comes_back_is_missing_no_more(cloud: Cloud) -> None:
    """The listing holds what is said of it as long as it fails, and no longer."""
    cloud.files |= {"a/b.txt": "b", "c.txt": "c"}
    cloud.broken["a"] = lambda body: (500, b"")
    first = list(connector_of(cloud).changes(None))
    (failed,) = (c.document_id for c in first if isinstance(c, Malformed))
    cloud.broken.clear()
    then = list(connector_of(cloud).changes(last_cursor(first)))
    held = [c.membership()(failed or "") for c in (*first, *then) if isinstance(c, Listing)]
    assert held == [True, False]


def test_a_folder_that_refuses_the_account_is_closed(cloud: Cloud) -> None:
    """And opens again once the account may list it."""
    cloud.files |= {"a/b.txt": "b", "a/c/d.txt": "d"}
    first = list(connector_of(cloud).changes(None))
    before = apply(first)
    cloud.files["a/e.txt"] = "e"
    cloud.broken["a"] = lambda body: (403, b"")
    changes = list(connector_of(cloud).changes(last_cursor(first)))
    assert SubtreeHidden("t:a") in changes
    closed = apply(changes, before)
    assert [made.access for made in closed.values()] == [Access(), Access()]
    cloud.broken.clear()
    again = list(connector_of(cloud).changes(last_cursor(changes)))
    assert apply(again, closed) == apply(connector_of(cloud).changes(None))


def test_a_folder_that_fails_while_its_shares_change_is_closed(cloud: Cloud) -> None:
    """The readers of its documents are then unknown."""
    cloud.files["a/b.txt"] = "b"
    cloud.shares = [cloud.share("a/b.txt", GROUP, "compta")]
    first = list(connector_of(cloud).changes(None))
    cloud.files["a/b.txt"], cloud.shares = "changé", []
    cloud.broken["a"] = lambda body: (500, b"")
    changes = list(connector_of(cloud).changes(last_cursor(first)))
    assert SubtreeHidden("t:a") in changes


@pytest.mark.parametrize("place", ["", SHARES, GROUP_FOLDERS])
@pytest.mark.parametrize("body", [b"", b"{", b'{"ocs": {"meta": {"status": "ok"}, "data": [7]}}'])
def test_nothing_is_read_without_the_shares(cloud: Cloud, place: str, body: bytes) -> None:
    """A server that is away, or that says them in an unknown form, changes nothing."""
    cloud.files["a.txt"] = "a"
    cloud.broken[place] = lambda _: (200 if body else 503, body)
    changes: list[Change] = []
    with pytest.raises((SourceUnreachable, SourceRefused)):
        changes += connector_of(cloud).changes(None)
    assert not changes


def test_an_unknown_certificate_is_told_as_one(cloud: Cloud) -> None:
    """The server is plain WebDAV, whose first request may also be refused for other reasons."""
    plain = {"server": "webdav", "groups": {}, "group_authority": ""}
    secure = cloud.url.replace("http:", "https:")
    with pytest.raises(SourceRefused, match="certificat"):
        list(connector_of(cloud, url=secure, **plain).changes(None))


def test_a_server_that_is_away_ends_the_reading(cloud: Cloud) -> None:
    """Five folders in a row: nothing is deleted, and the next reading goes on."""
    for number in range(9):
        cloud.files[f"{number}/a.txt"] = "a"
        cloud.broken[f"{number}"] = lambda body: (503, b"")
    changes: list[Change] = []
    with pytest.raises(SourceUnreachable):
        changes += connector_of(cloud).changes(None)
    assert not [c for c in changes if isinstance(c, Listing)]


def test_names_that_lead_elsewhere_are_not_followed(cloud: Cloud) -> None:
    """Out of the folder, to another host, below it twice, or by an entity."""
    cloud.files["a.txt"] = "a"
    hrefs = (
        "/remote.php/dav/files/admin/secret.txt", f"{HOME}/../admin/secret.txt", f"{HOME}/x/y.txt",
        f"{HOME}/x%2Fy.txt", "https://ailleurs.example/a.txt", f"{HOME}/%00.txt", f"{HOME}/%ff.txt",
        "//ailleurs.example/x", f"{HOME}/%2e%2e", "//[x",
    )  # fmt: skip
    odd = "".join(
        f"<d:response><d:href>{one}</d:href><d:propstat><d:prop><d:getetag>1</d:getetag>"
        "</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
        for one in hrefs
    )
    end = b"</d:multistatus>"
    cloud.broken[""] = lambda body: (207, body.replace(end, odd.encode() + end))
    changes = list(connector_of(cloud).changes(None))
    assert set(apply(changes)) == {"t:a.txt"}
    assert len([c for c in changes if isinstance(c, Malformed)]) == len(hrefs)
    bomb = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    cloud.broken[""] = lambda body: (207, body.replace(b'<?xml version="1.0"?>', bomb))
    assert set(apply(connector_of(cloud).changes(None))) == {"t:a.txt"}
