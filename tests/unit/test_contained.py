"""No reading leads out of a folder, whatever happens in it meanwhile."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from quisait_connector_kit.connector_contract import apply
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_export.connector import ExportSource

from connectors.files import read_contained
from connectors.folder.connector import FolderSource
from connectors.ports import Change, Malformed, RecordVanished, SourceError, SourceRefused, Upsert
from connectors.snapshot import Snapshot
from connectors.values import Access

pytestmark = [pytest.mark.sources, pytest.mark.trust]

RACES = 300
"""The reading that resolved paths twice was led outside after 14 to 50."""


class Place:
    """A root whose folder `a` can be replaced by a link to a folder outside, and put back."""

    def __init__(self, tmp_path: Path) -> None:
        self.root, self.outside = tmp_path / "root", tmp_path / "outside"
        (self.root / "a" / "b").mkdir(parents=True)
        (self.outside / "b").mkdir(parents=True)
        for folder, text in ((self.root / "a", "inside"), (self.outside, "OUTSIDE")):
            (folder / "x.txt").write_text(text)
            (folder / "b" / "x.txt").write_text(text)
        (self.outside / "secret.txt").write_text("OUTSIDE")
        (self.outside / "_quisait.csv").write_text("pattern,allowed\n**,g:g:outside\n")
        (self.root / "_quisait.csv").write_text("pattern,allowed\n**,g:g:inside\n")
        (self.root / ".link").symlink_to(self.outside)

    def swap(self) -> None:
        (self.root / "a").rename(self.root / ".was")
        (self.root / ".link").rename(self.root / "a")

    def put_back(self) -> None:
        if (self.root / ".was").exists():
            (self.root / "a").rename(self.root / ".link")
            (self.root / ".was").rename(self.root / "a")


@contextmanager
def at_call(number: int, do: dict[int, Callable[[], None]]) -> Iterator[list[int]]:
    """Before the system call of that number, and others after it, of any thread, do something.

    Yields how many calls there were, a list of one number.
    """
    calls = [0]

    def hook(_frame: object, event: str, called: object) -> None:
        owner = (
            getattr(called, "__module__", None)
            or type(getattr(called, "__self__", None)).__module__
        )
        if event == "c_call" and owner == "posix":
            calls[0] += 1
            do.get(calls[0] - number, lambda: None)()

    threading.setprofile(hook)
    sys.setprofile(hook)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def at_every_call(place: Place, read: Callable[[], object]) -> None:
    """Replace the folder before each system call of a reading, for a while or for good."""
    for lasting in (1, 2, 5, 1_000):
        number, calls = 1, [1]
        while calls[0] >= number:
            swaps = {0: place.swap, lasting: place.put_back}
            with at_call(number, swaps) as calls:
                read()
            place.put_back()
            number += 1
        assert number > 5, "the calls are seen"


def test_a_file_is_read_inside_at_every_step(tmp_path: Path) -> None:
    """A folder replaced by a link before any system call of the reading leads nowhere."""
    place = Place(tmp_path)

    def read() -> None:
        with suppress(RecordVanished):
            assert read_contained(place.root, "a/b/x.txt") == b"inside"

    at_every_call(place, read)


def test_a_folder_is_walked_inside_at_every_step(tmp_path: Path) -> None:
    """Neither names, nor rules, nor texts come from where a link leads."""
    place = Place(tmp_path)

    def read() -> None:
        for change in Snapshot(FolderSource("f", place.root)).changes(None):
            if isinstance(change, Upsert):
                found = change.document
                assert "secret" not in found.id
                assert found.access.allowed <= {"g:g:inside"}
                assert found.content is not None
                with suppress(RecordVanished):
                    assert found.content.read() == b"inside"

    at_every_call(place, read)


def exported(folder: Path, *paths: str) -> Snapshot:
    attached = [{"name": path or "nothing", "path": path} for path in paths]
    readers = {"allowed": ["everyone"]}
    lines = [
        {"type": "header", "version": 1},
        {"type": "post", "id": "p", "title": "p", "readers": readers, "attachments": attached},
    ]
    (folder / "e.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Snapshot(ExportSource("w", folder))


def attachments(changes: list[Change]) -> dict[str, bytes | None]:
    """What each attachment gives, None where it cannot be read."""
    found: dict[str, bytes | None] = {}
    for change in changes:
        if isinstance(change, Upsert) and change.document.content:
            try:
                found[change.document.title] = change.document.content.read()
            except RecordVanished:
                found[change.document.title] = None
    return found


def test_an_attachment_is_read_inside_at_every_step(tmp_path: Path) -> None:
    """The same for what an export names."""
    place = Place(tmp_path)
    connector = exported(place.root, "a/b/x.txt")

    def read() -> None:
        assert set(attachments(list(connector.changes(None))).values()) <= {b"inside", None}

    at_every_call(place, read)


def test_a_race_is_never_lost(tmp_path: Path) -> None:
    """Without steps: another thread replaces the folder all the time."""
    place, over = Place(tmp_path), threading.Event()

    def swapping() -> None:
        while not over.is_set():
            place.swap()
            place.put_back()

    other = threading.Thread(target=swapping)
    other.start()
    read = []
    try:
        for _ in range(RACES):
            with suppress(SourceError):
                read.append(read_contained(place.root, "a/x.txt"))
    finally:
        over.set()
        other.join()
    assert set(read) == {b"inside"}


def narrow_above(root: Path) -> None:
    (root / "_quisait.csv").write_text("pattern,allowed\n**,g:g:few\n")


def narrow_here(root: Path) -> None:
    (root / "a" / "_quisait.csv").write_text("pattern,allowed\n**,g:g:few\n")


def narrow_the_file(root: Path) -> None:
    (root / "a" / "x.txt.quisait.json").write_text('{"allowed": "g:g:few"}')


def write_anew(root: Path) -> None:
    (root / "a" / "x.txt").write_text("what few may read")


def another_folder_of_its_own_rule(root: Path) -> None:
    """A narrower folder with the same file takes the place of the folder."""
    status = (root / "a" / "x.txt").stat()
    (root / "few").mkdir()
    (root / "few" / "x.txt").write_text("secret")
    os.utime(root / "few" / "x.txt", ns=(status.st_atime_ns, status.st_mtime_ns))
    (root / "few" / "_quisait.csv").write_text("pattern,allowed\n**,g:g:few\n")
    (root / "a").rename(root / "former")
    (root / "few").rename(root / "a")


MEANWHILE = [
    narrow_above, narrow_here, narrow_the_file, write_anew, another_folder_of_its_own_rule,
]  # fmt: skip


@pytest.mark.parametrize("happens", MEANWHILE)
def test_a_text_gets_the_readers_of_its_own_moment_alone(
    tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    """A file that changed since it was listed is not read; if its rules did, they are followed."""
    root = Place(tmp_path).root
    changes = Snapshot(FolderSource("f", root), MemorySeen()).changes(None)
    begun = next(changes)
    happens(root)
    kept = apply([begun, *changes])
    now = apply(Snapshot(FolderSource("f", root)).changes(None))
    for name in kept.keys() & now.keys():
        assert kept[name].access.allowed <= now[name].access.allowed
    former = kept.get("f:a/x.txt")
    assert former is None or former.access in (Access(), now["f:a/x.txt"].access)


def test_an_attachment_that_changed_since_it_was_listed_is_not_read(tmp_path: Path) -> None:
    """A newer file may be another record's, with other readers."""
    place = Place(tmp_path)
    changes = list(exported(place.root, "a/x.txt").changes(None))
    (place.root / "a" / "x.txt").write_text("what few may read")
    assert attachments(changes) == {"a/x.txt": None}


def test_below_the_folder_nothing_is_reached_through_a_link(tmp_path: Path) -> None:
    """Not even inside: what it leads to can change between two looks. The folder itself may be."""
    place = Place(tmp_path)
    (place.root / "inner").symlink_to("a")
    (place.root / "inner.txt").symlink_to("a/x.txt")
    (tmp_path / "named").symlink_to(place.root)
    good = ["a/x.txt", "./a/../a/b/x.txt", str(tmp_path / "named" / "a" / "x.txt")]
    bad = ["inner/x.txt", "inner.txt", ".link/x.txt", str(place.outside / "x.txt"), "a/../../x"]
    changes = list(exported(tmp_path / "named", *good, *bad).changes(None))
    assert attachments(changes) == dict.fromkeys(good, b"inside")
    refused = {c.document_id: c.reason for c in changes if isinstance(c, Malformed)}
    assert set(refused) == {f"w:p#{path}" for path in bad}
    assert [path for path in bad if "lien symbolique" in refused[f"w:p#{path}"]] == bad[:3]


def test_an_export_of_another_folder_is_not_read_through_a_link(tmp_path: Path) -> None:
    """Who may drop a file could else open another source's export to all."""
    place = Place(tmp_path)
    exported(place.outside)
    exported(place.root)
    (place.root / "z.jsonl").symlink_to(place.outside / "e.jsonl")
    with pytest.raises(SourceRefused, match="lien"):
        list(Snapshot(ExportSource("w", place.root)).changes(None))
    (tmp_path / "named.jsonl").symlink_to(place.outside / "e.jsonl")
    assert [
        change.document.id
        for change in Snapshot(ExportSource("w", tmp_path / "named.jsonl")).changes(None)
        if isinstance(change, Upsert)
    ] == ["w:p"]
