"""Every source at its worst: each reading ends in time, says what to do, and deletes nothing."""

import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest
import sqlalchemy as sa
from quisait_export.connector import ExportSource
from quisait_ldap.config import LdapConfig
from quisait_ldap.directory import LdapDirectory
from quisait_mediawiki.config import WikiConfig
from quisait_mediawiki.connector import WikiSource

from connectors.folder.connector import FolderSource
from connectors.http_limits import HttpLimits
from connectors.ports import Connector, SourceError, SourceRefused
from connectors.snapshot import Snapshot
from connectors.timeouts import call_with_timeout
from connectors.values import EVERYONE, Access
from expertise.directory import SqlDirectory
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.state import State
from quisait.application.assembly import open_application
from quisait.application.database import migrate
from quisait.settings import load_settings
from quisait.settings.files import LOCKS_FOLDER
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.source_status import status_of
from quisait.work.worker import Worker
from tests.builders import ENCODER, put
from tests.hostile_server import MANNERS, Manner, hostile_server
from tests.service.place import POSTS, export, make_place
from tests.unit.test_pipeline import FileReader

pytestmark = [pytest.mark.sources, pytest.mark.trust]

IN_TIME_S = 120
"""Far more than any of them takes, far less than for ever."""
OPEN = Access(frozenset({EVERYONE}))
PLAIN = FileReader()


def in_time(call: Callable[[], object]) -> None:
    call_with_timeout(IN_TIME_S, call, AssertionError("it does not end"))


@dataclass
class Kept:
    """An index that holds two documents of the source, and is to hold them afterwards."""

    folder: Path
    index: EmbeddedIndex = field(init=False)

    def __post_init__(self) -> None:
        self.index = EmbeddedIndex(self.folder / "index", ENCODER.dimension)
        self.state = State(migrate(sa.create_engine(f"sqlite:///{self.folder / 'state.sqlite'}")))
        self.index.write([put("s:1", "cadastre", access=OPEN), put("s:2", "régie", access=OPEN)])

    def fails(self, connector: Connector) -> str:
        """What a reading from the beginning is told; accepts any number of deletions."""
        dependencies = CrawlDependencies(None, ENCODER, self.index, self.state, self.state)  # type: ignore[arg-type]
        with pytest.raises(SourceError) as failed:
            in_time(lambda: crawl(connector, dependencies, full=True, guard_share=1.0))
        kept = self.index.kept(["s:1", "s:2"])
        assert {one.access for one in kept.values()} == {OPEN}
        assert len(kept) == 2
        assert self.state.load("s") in (None, "seen:0:")
        return str(failed.value)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.mark.parametrize("manner", MANNERS)
def test_a_wiki_that_is_none(kept: Kept, manner: Manner) -> None:
    """Silent, endless, cut, garbage, or a sign-in page in its place."""
    with hostile_server(manner) as port:
        limits = HttpLimits(rate_per_s=0, timeout_s=1, total_timeout_s=3, max_wait_s=1)
        place = WikiConfig(f"http://127.0.0.1:{port}/", allowed=frozenset({EVERYONE}))
        told = kept.fails(Snapshot(WikiSource("s", WikiConfig(place.url, limits=limits))))
    assert "wiki" in told
    assert any(word in told for word in ("vérifiez", "Vérifiez", "plus tard")), told


@pytest.mark.parametrize("manner", MANNERS)
def test_a_directory_that_is_none(tmp_path: Path, manner: Manner) -> None:
    """The same for who is an agent and who is in which group: what was known stays."""
    book = SqlDirectory(migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}")))
    with hostile_server(manner) as port:
        place = LdapConfig(
            (f"ldap://127.0.0.1:{port}",),
            "dc=a",
            "(uid=*)",
            timeout_s=1,
            total_timeout_s=3,
        )
        with pytest.raises(SourceError, match="plus tard"):
            in_time(lambda: book.replace(LdapDirectory(place), 1.0))
    assert list(book.everyone()) == []


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        # The path of a socket may not be long.
        os.chdir(path.parent)
        one.bind(path.name)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def elsewhere(path: Path) -> None:
    path.symlink_to("/nonexistent/export.jsonl")


def sign_in(path: Path) -> None:
    path.write_text("<!DOCTYPE html><title>Connexion</title>\n", "utf-8")


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 100)


UNFIT = (pipe, device, loop, elsewhere, sign_in, garbage, listening)


@pytest.mark.parametrize("among_others", [False, True])
@pytest.mark.parametrize("make", UNFIT)
def test_an_export_that_is_none(
    kept: Kept,
    make: Callable[[Path], None],
    among_others: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pipe, a device, a broken link, a page in its place; alone, or beside a sound file."""
    monkeypatch.chdir(kept.folder)
    folder = kept.folder / "exports"
    folder.mkdir()
    if among_others:
        (folder / "a.jsonl").write_text(export(POSTS), "utf-8")
    make(folder / "b.jsonl")
    told = kept.fails(Snapshot(ExportSource("s", folder if among_others else folder / "b.jsonl")))
    assert "b.jsonl" in told
    assert any(word in told for word in ("vérifiez", "corrigez", "Refaites")), told


@dataclass
class Rewritten:
    """An export that is written anew once its reading has given so many changes."""

    path: Path
    how: Callable[[Path], None]
    source: str = "s"

    def changes(self, since: str | None) -> Iterator[object]:
        for count, change in enumerate(Snapshot(ExportSource("s", self.path)).changes(since)):
            if count == 1:
                self.how(self.path)
            yield change


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def written_over(path: Path) -> None:
    text = path.read_text("utf-8")
    path.write_text(text.replace("Message", "Courrier"), "utf-8")


def replaced(path: Path) -> None:
    path.with_suffix(".new").write_text(export(POSTS[:1]), "utf-8")
    path.with_suffix(".new").replace(path)


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("how", [cut, written_over, replaced, gone])
def test_an_export_that_changes_while_it_is_read(kept: Kept, how: Callable[[Path], None]) -> None:
    """It says that it is complete, and what it held is not what it holds: nothing is deleted."""
    path = kept.folder / "export.jsonl"
    path.write_text(export(POSTS), "utf-8")
    kept.fails(Rewritten(path, how))  # type: ignore[arg-type]


def test_what_is_appended_while_an_export_is_read_waits(kept: Kept) -> None:
    """That is how a living export grows."""
    path = kept.folder / "export.jsonl"
    path.write_text(export(POSTS), "utf-8")

    def appended(path: Path) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"type": "deleted", "id": "1"}) + "\n")

    dependencies = CrawlDependencies(None, ENCODER, kept.index, kept.state, kept.state)  # type: ignore[arg-type]
    crawl(Rewritten(path, appended), dependencies, full=True, guard_share=1.0)  # type: ignore[arg-type]
    assert len(kept.index.kept(["s:1", "s:2", "s:3"])) == 3
    crawl(Snapshot(ExportSource("s", path)), dependencies)
    assert len(kept.index.kept(["s:1", "s:2", "s:3"])) == 2


@pytest.mark.parametrize("full", [False, True])
def test_a_folder_that_cannot_be_listed_loses_nothing_and_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """A table above it closed it meanwhile: its documents stay, for nobody, until it is listed."""
    kept, root = Kept(tmp_path), tmp_path / "root"
    (root / "mort").mkdir(parents=True)
    for name in ("x.txt", "mort/y.txt"):
        (root / name).write_text("Le cadastre.", "utf-8")
    (root / "_quisait.csv").write_text("pattern,allowed\n**,everyone\n", "utf-8")
    opening = os.open

    def broken_below(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "mort":
            raise OSError(errno.EIO, "Input/output error")
        return opening(path, flags, mode, dir_fd=dir_fd)

    def read(*, full: bool = False) -> dict[str, frozenset[str]]:
        source = Snapshot(FolderSource("s", root))
        in_time(lambda: crawl(source, dependencies, full=full, guard_share=1.0))
        now = kept.index.kept(["s:x.txt", "s:mort/y.txt"])
        return {name: one.access.allowed for name, one in now.items()}

    dependencies = CrawlDependencies(PLAIN, ENCODER, kept.index, kept.state, kept.state)
    everyone, few, nobody = ({EVERYONE}, {"g:g:few"}, frozenset[str]())
    assert read() == {"s:x.txt": everyone, "s:mort/y.txt": everyone}
    (root / "_quisait.csv").write_text("pattern,allowed\n**,g:g:few\n", "utf-8")
    with monkeypatch.context() as broken:
        broken.setattr(os, "open", broken_below)
        assert read(full=full) == {"s:x.txt": few, "s:mort/y.txt": nobody}
        assert kept.state.failure_counts("s") == {"closed_folder": 1}
        assert read() == {"s:x.txt": few, "s:mort/y.txt": nobody}
    assert read() == {"s:x.txt": few, "s:mort/y.txt": few}


@pytest.mark.parametrize("change", ["a link", "another folder"])
def test_a_root_that_was_replaced_is_read_once_a_person_says_so(
    tmp_path: Path, change: str
) -> None:
    """Neither a crawl nor a full one reads it; what was read stays; `check` says it."""
    place = make_place(tmp_path / "place")
    place.run("crawl", "notes")
    notes, other = place.folder / "notes", tmp_path / "ailleurs"
    other.mkdir()
    (other / "_quisait.csv").write_text("pattern,allowed\n**,everyone\n", "utf-8")
    (other / "secret.md").write_text("Le zanzibar du cadastre.", "utf-8")
    notes.rename(place.folder / "avant")
    if change == "a link":
        notes.symlink_to(other)
    else:
        other.rename(notes)

    def found() -> set[str]:
        asked = place.json("search", "zanzibar régisseur recettes", "--agent", "ag-1")
        return {hit["id"] for hit in asked["documents"]}

    before = found()
    assert before
    for more in ((), ("--full",)):
        (outcome,) = place.json("crawl", "notes", *more, status=1)
        assert outcome["report"] is None
        assert "--accept-root" in outcome["error"]
        assert found() == before
    assert "--accept-root" in place.run("check", status=1).stdout
    (outcome,) = place.json("crawl", "notes", "--accept-root", "--accept-deletions")
    assert found() == {"notes:secret.md"}
    assert place.json("crawl", "notes")[0]["error"] == ""


@contextmanager
def put_aside(*paths: Path) -> Iterator[None]:
    """A pipe in the place of each; afterwards they are what they were."""
    with ExitStack() as stack:
        for path in paths:
            aside = path.with_suffix(".aside")
            path.rename(aside)
            stack.callback(aside.replace, path)
            os.mkfifo(path)
        yield


def test_the_others_are_read_and_the_next_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command does it: export and directory are pipes for a while."""
    place = make_place(tmp_path / "place")
    monkeypatch.setenv("QUISAIT_FILE", str(place.folder / "quisait.toml"))
    with open_application(load_settings()) as application:

        def read(*, full: bool = False) -> dict[str, str]:
            done = crawl_sources(
                application,
                application.settings.sources,
                full=full,
                accept_deletions=True,
                quiet=True,
            )
            return {one.source: one.error for one in done}

        def standing() -> dict[str, tuple[int, str]]:
            now = datetime.now(UTC)
            rows = [status_of(application, one, now) for one in application.settings.sources]
            return {one.source: (one.documents, one.state) for one in rows}

        assert read_directory(application) is not None
        assert read() == {"notes": "", "wiki": ""}
        note = place.folder / "notes" / "nouvelle.txt"
        note.write_text("Le cadastre solaire recense les toitures.", "utf-8")
        with put_aside(place.folder / "export.jsonl", place.folder / "agents.csv"):
            for full in (False, True):
                told = read(full=full)
                assert told["notes"] == ""
                assert "export.jsonl n'est pas un fichier ordinaire" in told["wiki"]
            with pytest.raises(SourceRefused, match=r"agents\.csv n'est pas un fichier ordinaire"):
                read_directory(application)
            counts = {name: count for name, (count, _) in standing().items()}
            assert counts == {"notes": 4, "wiki": 3}
            assert len(list(application.book.everyone())) == 3
        assert read() == {"notes": "", "wiki": ""}
        assert "à jour" in standing()["wiki"][1]


def test_a_lock_that_cannot_be_taken_ends_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one source's lock fails, other sources are read; if all fail, the worker waits."""
    place = make_place(tmp_path / "place")
    monkeypatch.setenv("QUISAIT_FILE", str(place.folder / "quisait.toml"))
    with open_application(load_settings()) as application:
        locks = place.folder / application.settings.folder / LOCKS_FOLDER
        lock = locks / "source-notes.lock"
        lock.mkdir(parents=True)
        stop = Event()
        Worker(application, stop).round()
        (notes, wiki) = application.settings.sources
        states = [status_of(application, one, datetime.now(UTC)) for one in (notes, wiki)]
        assert [one.last_run and one.last_run.outcome for one in states] == ["failed", "done"]
        lock.rmdir()
        locks.rename(place.folder / "verrous")
        locks.write_text("", "utf-8")
        loops = Worker(application, stop).loops()
        threads = [Thread(target=loop, daemon=True) for loop in loops.values()]
        for thread in threads:
            thread.start()
        threads[0].join(3)
        assert all(thread.is_alive() for thread in threads)
        stop.set()
        for thread in threads:
            thread.join(IN_TIME_S)
        assert not any(thread.is_alive() for thread in threads)
