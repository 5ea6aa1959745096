"""Sources that list all documents: nothing is lost, and lost rights close documents.

Crawls are killed at each step, interrupted at each item, given wrong listings, and given a million
documents.
"""

import resource
import subprocess
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from quisait_connector_kit.connector_contract import IndexedDocuments, apply, last_cursor
from quisait_connector_kit.memory_seen import MemorySeen

from connectors import snapshot
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    Connector,
    ContentStale,
    Former,
    Listed,
    ListedFolder,
    Listing,
    ListingItem,
    Malformed,
    Note,
    RecordIncomplete,
    RecordKept,
    RecordUnreadable,
    RecordVanished,
    SourceUnreachable,
    SubtreeHidden,
    UnchangedFolder,
    Unlisted,
    Upsert,
)
from connectors.snapshot import SeenRow, Snapshot
from connectors.values import Access, Document, Section
from indexer.access import access_filter
from indexer.crawl.pipeline import CrawlDependencies, CrawlReport, crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.seen import SqlSeen
from indexer.state import State
from quisait.application.database import migrate
from tests.builders import ENCODER, OPEN, allowed, reader_with
from tests.oracle import may_read
from tests.postgres_server import database
from tests.selection import examples

pytestmark = [pytest.mark.sources, pytest.mark.trust]

A, B = "t:group:a", "t:group:b"
NOTE = "note"
ACCESSES = (OPEN, allowed(A), allowed(B), allowed(A, B), Access())
READERS = {"nobody's": reader_with(), "a": reader_with(A), "b": reader_with(B)}


class Killed(BaseException):
    """The process ended here."""


@dataclass(frozen=True)
class Book:
    text: str
    access: Access
    fault: str = ""


@dataclass
class Shelf:
    """A source of books in folders; `closed` folders cannot be listed, others may be `tagged`.

    Where it is `noted`, each book has a part: a note whose text is its own and `NOTE`.
    """

    books: dict[str, Book] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    without_access: bool = False
    tagged: bool = False
    noted: bool = False
    breaks_after: int | None = None
    tick: Callable[[], None] = lambda: None
    left: Callable[[str], bool] | None = None
    source: str = "s"
    reads: int = 0
    plain: bool = True

    def be(self, kind: str) -> None:
        setattr(self, kind, True)

    def listing(self) -> Iterator[Listed | Unlisted | Malformed]:
        for root in sorted(self.closed):
            yield Unlisted(f"s:{root}", "fermé")
        for number, (name, book) in enumerate(sorted(self.books.items())):
            self.tick()
            if number == self.breaks_after:
                raise SourceUnreachable("en panne")
            if name.partition("/")[0] not in self.closed:
                access = None if self.without_access else book.access
                parts = (f"s:{name}/note",) if self.noted else ()
                yield Listed(f"s:{name}", self.version(book), access, name, _problem(book), parts)

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        return self._tagged_listing(former) if self.tagged else self.listing()

    def _tagged_listing(self, former: Former) -> Iterator[ListingItem]:
        skipped = set()
        for folder in sorted({name.partition("/")[0] for name in self.books} - self.closed):
            books = [book for name, book in sorted(self.books.items()) if name.startswith(folder)]
            rights = repr([sorted(book.access.allowed) for book in books]).encode()
            tag = repr([(book.text, book.fault) for book in books]).encode()
            listed = ListedFolder(f"s:{folder}", rights, tag)
            if former.known([listed]):
                skipped.add(folder)
                yield UnchangedFolder(listed.root)
            else:
                yield listed
        for item in self.listing():
            if not (isinstance(item, Listed) and item.place.partition("/")[0] in skipped):
                yield item

    def version(self, book: Book) -> bytes:
        told = f"{book.text} {sorted(book.access.allowed)}" if self.without_access else book.text
        return told.encode()

    def read(self, listed: Listed) -> Any:
        return self._with_note(listed) if self.noted else self._book(listed)

    def _with_note(self, listed: Listed) -> Iterator[Document]:
        document = self._book(listed)
        self.tick()
        yield document
        if self.books[listed.place].fault == "incomplete":
            raise RecordIncomplete
        text = f"{document.sections[0].text}{NOTE}"
        yield replace(document, id=f"{listed.id}/note", sections=(Section(text),))

    def _book(self, listed: Listed) -> Document:
        self.tick()
        book = self.books.get(listed.place)
        if book is None:
            raise RecordVanished("parti")
        if book.fault == "unreadable":
            raise RecordUnreadable("illisible")
        self.reads += 1
        return Document(
            id=listed.id,
            source="s",
            title="livre",
            access=book.access,
            sections=(Section(book.text),),
        )

    def left_out(self) -> Callable[[str], bool] | None:
        return self.left


def _problem(book: Book) -> str:
    return "verrouillé" if book.fault == "locked" else ""


@dataclass
class Ticking:
    """Passes everything on; each named step is a moment before it and one after it."""

    inner: Any
    steps: frozenset[str]
    tick: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name == "seen":
            steps = frozenset({"begin", "put", "forget", "forget_below"})
            return lambda *told: Ticking(found(*told), steps, self.tick)
        if name not in self.steps:
            return found

        def step(*told: Any, **named: Any) -> Any:
            self.tick()
            done = found(*told, **named)
            self.tick()
            return done

        return step


class Library:
    """A shelf, the index that it is crawled into, and who was ever allowed which text."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.shelf = Shelf()
        self.index = EmbeddedIndex(folder / "index", ENCODER.dimension)
        url = url or f"sqlite:///{folder / 'state.sqlite'}"
        self.state = State(migrate(sa.create_engine(url)))
        self.allowed: dict[str, list[Access]] = defaultdict(list)
        self.texts = count()

    def put(self, name: str, access: Access, fault: str = "") -> None:
        self.shelf.books[name] = Book(f"texte{next(self.texts)}", access, fault)
        self.restrict(name, access)

    def restrict(self, name: str, access: Access) -> None:
        book = self.shelf.books[name] = replace(self.shelf.books[name], access=access)
        self.allowed[book.text].append(access)

    def crawl(self, kill_at: int | None = None, **options: Any) -> CrawlReport | None:
        """The report; None if it was killed at that moment, or the source was away."""
        moments = count(1)

        def tick() -> None:
            if next(moments) == kill_at:
                raise Killed

        self.shelf.tick = tick
        state: Any = Ticking(self.state, frozenset({"save", "note_ahead"}), tick)
        index: Any = Ticking(self.index, frozenset({"write"}), tick)
        dependencies = CrawlDependencies(None, ENCODER, index, state, self.state)  # type: ignore[arg-type]
        with suppress(Killed, SourceUnreachable):
            return crawl(Snapshot(self.shelf), dependencies, guard_share=1.0, **options)
        return None

    def shown_to(self, reader: str) -> set[str]:
        entries = (one.document_id for one in self.index.scan("s"))
        found = (self.index.read(access_filter(READERS[reader]), one) for one in entries)
        return {passage.text for one in found if one for passage in one.passages}

    def check_leaks(self) -> None:
        for name, reader in READERS.items():
            for text in self.shown_to(name):
                allowed_once = self.allowed[text.removesuffix(NOTE)]
                assert any(may_read(reader, access, "s", "") for access in allowed_once), (
                    name,
                    text,
                )

    def check_whole(self) -> None:
        """Each reads exactly what is theirs; what cannot be read may have been read before."""
        faulty = {book.text for book in self.shelf.books.values() if book.fault}
        readable = [
            book
            for name, book in self.shelf.books.items()
            if not book.fault and name.partition("/")[0] not in self.shelf.closed
        ]
        for name, reader in READERS.items():
            theirs = {book.text for book in readable if may_read(reader, book.access, "s", "")}
            if self.shelf.noted:
                theirs |= {f"{text}{NOTE}" for text in theirs}
            shown = self.shown_to(name)
            assert {text for text in shown if text.removesuffix(NOTE) not in faulty} == theirs


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def a_change(library: Library) -> None:
    """One of each kind: text, both, readers alone, wider and narrower, gone, new, closed."""
    for number in range(24):
        library.put(f"f{number % 3}/d{number:02}", ACCESSES[number % 4])
    library.crawl()
    library.put("f0/d00", allowed(A))
    library.put("f0/d03", allowed(B))
    library.restrict("f0/d06", allowed(B))
    library.restrict("f0/d09", OPEN)
    del library.shelf.books["f0/d12"]
    library.put("f0/new", allowed(A))
    library.put("f0/d15", allowed(A), "unreadable")
    library.put("f0/d18", allowed(A), "locked")
    library.put("f0/d20", allowed(A), "incomplete" if library.shelf.noted else "")
    library.shelf.books["f0/d21"] = replace(library.shelf.books["f0/d21"], fault="locked")
    library.shelf.closed = {"f2"}


APART = 8


@pytest.mark.parametrize("first", range(1, APART + 1))
@pytest.mark.parametrize("kind", ["plain", "without_access", "tagged", "noted"])
def test_killed_at_each_step_a_crawl_loses_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    first: int,
) -> None:
    """Before and after each write of a row, of the index and of a cursor, and each item."""
    monkeypatch.setattr(snapshot, "PAGE", 7)
    monkeypatch.setattr(snapshot, "CHECKPOINT_DOCUMENTS", 2)
    ended = False
    for number in count(first, APART):
        (folder := tmp_path / str(number)).mkdir()
        library = Library(folder)
        library.shelf.be(kind)
        a_change(library)
        ended = library.crawl(kill_at=number) is not None
        library.check_leaks()
        library.crawl(kill_at=number + 3)
        library.check_leaks()
        library.crawl()
        library.check_leaks()
        library.check_whole()
        before = library.shelf.reads
        library.shelf.closed = set()
        library.shelf.books = {
            name: replace(book, fault="") for name, book in library.shelf.books.items()
        }
        library.crawl()
        library.check_whole()
        assert library.shelf.reads - before <= 11, "only what was closed or unreadable is read"
        if ended:
            assert number > 60
            return


FAULTS = ("", "locked", "unreadable", "incomplete")
changes = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 8), st.sampled_from(ACCESSES)),
    st.tuples(st.just("restrict"), st.integers(0, 8), st.sampled_from(ACCESSES)),
    st.tuples(st.just("revert"), st.integers(0, 8), st.integers(0, 3)),
    st.tuples(st.just("delete"), st.integers(0, 8), st.none()),
    st.tuples(st.just("fault"), st.integers(0, 8), st.sampled_from(FAULTS)),
    st.tuples(st.just("close"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("crawl"), st.integers(1, 40), st.booleans()),
    st.tuples(st.just("break"), st.integers(0, 8), st.none()),
)


@examples(40, 400)
@given(
    told=st.lists(changes, min_size=3, max_size=25),
    kind=st.sampled_from(("without_access", "tagged", "noted", "plain")),
)
def test_whatever_happens_the_next_crawl_brings_the_truth(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, int, Any]], kind: str
) -> None:
    """Texts come back, folders close, crawls die: no leak at any time, no loss at the end."""
    library = Library(tmp_path_factory.mktemp("library"))
    library.shelf.be(kind)
    former: dict[str, list[Book]] = defaultdict(list)
    for what, number, how in told:
        name = f"f{number % 3}/d{number}"
        shelf = library.shelf
        match what:
            case "put":
                library.put(name, how)
                former[name].append(shelf.books[name])
            case "restrict" if name in shelf.books:
                library.restrict(name, how)
            case "revert" if how < len(former[name]):
                shelf.books[name] = former[name][how]
                library.restrict(name, former[name][how].access)
            case "delete":
                shelf.books.pop(name, None)
            case "fault" if name in shelf.books:
                shelf.books[name] = replace(shelf.books[name], fault=how)
            case "close":
                (shelf.closed.add if how else shelf.closed.discard)(f"f{number}")
            case "crawl":
                library.crawl(kill_at=None if how else number)
            case "break":
                shelf.breaks_after = number
                library.crawl()
                shelf.breaks_after = None
        library.check_leaks()
    library.crawl()
    library.check_leaks()
    library.check_whole()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        yield migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"))
        return
    with database(request.getfixturevalue("postgres")) as url:
        made = migrate(sa.create_engine(url))
        yield made
        made.dispose()


def read_with_cuts(
    connector: Callable[[], Connector], change: Callable[[Random], None], seed: int, rounds: int
) -> None:
    """Check that a source read in interrupted pieces ends with the same documents as one full read.

    A cut reading may keep changes after its last checkpoint; the next reading yields them again.
    Raises AssertionError if the final documents differ.
    """
    draw = Random(seed)
    kept: IndexedDocuments = {}
    cursor: str | None = None
    for number in range(rounds):
        change(draw)
        changes = []
        last = number == rounds - 1
        most = draw.choice((1, 3, 10, 30, 100))
        for found in connector().changes(cursor):
            changes.append(found)
            if isinstance(found, Checkpoint):
                kept = apply(changes, kept)
                changes, cursor = [], found.cursor
            if not last and draw.random() < 1 / most:
                break
        kept = apply(changes, kept)
    assert kept == apply(connector().changes(None))


@pytest.mark.parametrize("seed", range(3))
def test_cut_at_any_item_it_goes_on(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Readings of a shelf that moves on, each ended at a drawn change."""
    monkeypatch.setattr(snapshot, "PAGE", 5)
    monkeypatch.setattr(snapshot, "CHECKPOINT_DOCUMENTS", 3)
    shelf, texts = Shelf(), count()

    def change(draw: Random) -> None:
        for _ in range(6):
            name = f"f{draw.randrange(3)}/d{draw.randrange(30)}"
            if draw.random() < 0.3:
                shelf.books.pop(name, None)
            else:
                shelf.books[name] = Book(f"texte{next(texts)}", draw.choice(ACCESSES))

    read_with_cuts(lambda: Snapshot(shelf, SqlSeen(engine, "s")), change, seed, 25)


def test_rows_are_kept_as_the_port_says(engine: sa.Engine) -> None:
    """On both databases: each method, ids of any form, other names apart, a fence that holds."""
    seen, other = SqlSeen(engine, "s"), SqlSeen(engine, "t")
    row = SeenRow(b"v", b"a")
    odd = ["s:é_%/b", "s:a\ud800", "s:a\0b", "s:" + "x" * 5000]
    assert seen.begin(None) == 0
    seen.put(1, {"s:a/1": row, "s:a/2": row, "s:ab": row} | dict.fromkeys(odd, row))
    seen.put(2, {"s:a/2": SeenRow(b"w", b"b")})
    other.put(1, {"s:a/1": row})
    assert seen.rows({"s:a/1", "s:a/2", "s:z", *odd}) == {
        "s:a/1": row, "s:a/2": SeenRow(b"w", b"b"), **dict.fromkeys(odd, row),
    }  # fmt: skip
    assert seen.count() == 7
    assert seen.begin(1) == 2
    assert set(seen.rows({"s:a/1", "s:a/2"})) == {"s:a/1"}
    assert [*seen.others({"s:a/1", *odd})] == [["s:ab"]]
    seen.forget_below("s:a")
    assert set(seen.rows({"s:a/1", "s:ab"})) == {"s:ab"}
    seen.forget({"s:ab"})
    seen.forget_below("s:é_%")
    assert seen.count() == 3
    assert seen.begin(None) == 2
    assert (seen.count(), other.count()) == (0, 1)

    def refuse() -> None:
        raise Killed

    with pytest.raises(Killed):
        SqlSeen(engine, "t", check=refuse).put(3, {"s:a/1": SeenRow(b"stale", b"")})
    assert other.rows({"s:a/1"}) == {"s:a/1": row}


def test_a_folder_is_read_again_and_the_rest_is_not(engine: sa.Engine) -> None:
    """Despite tags and a note; nobody loses or gains a reader meanwhile."""
    state, row = State(engine), SeenRow(b"v", b"a")
    books = {f"{folder}/{name}": Book("a", allowed(A)) for folder in "xy" for name in "12"}
    shelf = Shelf(books, tagged=True)
    seen = state.seen("s")
    cursor = last_cursor(list(Snapshot(shelf, seen).changes(None)))
    state.save("s", f"{cursor}note")
    seen.put(1, {"": row})
    assert state.read_again("s", "s:x/nowhere") == 0
    assert state.read_again("s", "s:x") == 2
    assert state.load("s") == cursor
    assert not seen.rows({""})
    shelf.reads = 0
    changes = list(Snapshot(shelf, seen).changes(state.load("s")))
    assert {one.document.id for one in changes if isinstance(one, Upsert)} == {"s:x/1", "s:x/2"}
    assert not [one for one in changes if isinstance(one, SubtreeHidden | ContentStale)]
    assert shelf.reads == 2


def read(shelf: Shelf, seen: MemorySeen, since: str | None = None) -> list[Change]:
    return list(Snapshot(shelf, seen).changes(since))


def read_until_broken(shelf: Shelf, seen: MemorySeen, since: str | None = None) -> list[Change]:
    said: list[Change] = []
    try:
        said.extend(Snapshot(shelf, seen).changes(since))  # keeps what came before the error
    except SourceUnreachable:
        return said
    raise AssertionError("it came to its end")


def test_close_first_then_read_then_compare_the_listing() -> None:
    """Whatever order the source lists it in."""
    shelf, seen = Shelf({f"d{n}": Book("a", OPEN) for n in range(4)}), MemorySeen()
    cursor = last_cursor(read(shelf, seen))
    shelf.books |= {"d0": Book("b", OPEN), "d2": Book("b", allowed(A)), "d3": Book("a", allowed(B))}
    del shelf.books["d1"]
    said = [one for one in read(shelf, seen, cursor) if not isinstance(one, Checkpoint)]
    assert said[:2] == [
        AccessNarrowed("s:d2", allowed(A)),
        AccessChanged("s:d3", allowed(B)),
    ]
    assert [one.document.id for one in said if isinstance(one, Upsert)] == ["s:d0", "s:d2"]
    assert said[-1] == Listing(frozenset({"s:d0", "s:d2", "s:d3"}))


def test_a_first_crawl_deletes_before_it_reads_everything() -> None:
    """After an upgrade nothing is known; what is gone while it is read is deleted at the end."""
    shelf = Shelf({f"d{n}": Book("a", OPEN) for n in range(3)})
    said = read(shelf, MemorySeen())
    assert [type(one) for one in said if not isinstance(one, Checkpoint | AccessNarrowed)] == [
        Listing, Upsert, Upsert, Upsert,
    ]  # fmt: skip
    read_book = shelf.read

    def without_d1(listed: Listed) -> Any:
        shelf.books.pop("d1", None)
        return read_book(listed)

    shelf.read = without_d1  # type: ignore[method-assign]
    assert set(apply(read(shelf, MemorySeen()))) == {"s:d0", "s:d2"}


def test_an_unchanged_source_is_only_listed() -> None:
    """Nothing is read, nothing is stored, the cursor stays."""
    shelf, seen = Shelf({f"d{n}": Book("a", OPEN) for n in range(4)}), MemorySeen()
    cursor = last_cursor(read(shelf, seen))
    said = read(shelf, seen, cursor)
    assert {type(one) for one in said} == {Checkpoint, Listing}
    assert shelf.reads == 4


def test_a_cursor_of_a_former_version_is_none() -> None:
    """One full listing; what is as it was is not written again."""
    shelf = Shelf({"d": Book("a", OPEN)})
    for former in ("", "[]", "seen:", "seen:-1", "seen:x", "7", '{"v": 1, "files": ""}'):
        assert any(isinstance(one, Upsert) for one in read(shelf, MemorySeen(), former))


def test_a_source_that_was_never_listed_writes_nothing_that_is_kept(library: Library) -> None:
    """After an upgrade the index holds what the rows do not know yet."""
    for number in range(20):
        library.put(f"d{number}", ACCESSES[number % 4])
    assert library.crawl()
    library.state.save("s", '{"of": "a former version"}')
    report = library.crawl()
    assert report is not None
    assert (report.seen, report.unchanged, report.changed) == (20, 20, 0)
    library.check_whole()


def test_a_version_that_goes_back_is_read() -> None:
    """A file that is put back from a backup has an older date."""
    shelf, seen = Shelf({"d": Book("2026-01-02", OPEN)}), MemorySeen()
    cursor = last_cursor(read(shelf, seen))
    for version in ("2026-01-01", "2026-01-02", "1970-01-01"):
        shelf.books["d"] = Book(version, OPEN)
        said = read(shelf, seen, cursor)
        assert [one for one in said if isinstance(one, Upsert)], version
        cursor = last_cursor(said)


def test_readers_of_the_moment_of_reading_are_kept() -> None:
    """A reading may know fewer readers than the listing: a later change asks for it again."""

    class Narrower(Shelf):
        def read(self, listed: Listed) -> Any:
            made = super().read(listed)
            return replace(made, access=made.access.narrowed_to(allowed(A)))

    shelf, seen = Narrower({"d": Book("a", OPEN)}), MemorySeen()
    first = read(shelf, seen)
    assert apply(first)["s:d"].access == allowed(A)
    cursor = last_cursor(first)
    assert not any(isinstance(one, Upsert) for one in read(shelf, seen, cursor))
    shelf.books["d"] = Book("a", allowed(A, B))
    kept = apply(read(shelf, seen, cursor), apply(first))
    assert kept["s:d"].access == allowed(A)


def test_a_reading_opens_a_document_to_nobody_who_was_not_listed() -> None:
    """It may be opened to others since: the next listing says so, and it is read again."""

    class Wider(Shelf):
        def read(self, listed: Listed) -> Any:
            return replace(super().read(listed), access=OPEN)

    shelf, seen = Wider({"d": Book("a", allowed(A))}), MemorySeen()
    first = read(shelf, seen)
    assert apply(first)["s:d"].access == allowed(A)
    shelf.books["d"] = Book("a", OPEN)
    assert apply(read(shelf, seen, last_cursor(first)), apply(first))["s:d"].access == OPEN


def test_a_lying_listing_opens_nothing_and_ends_nothing() -> None:
    """Twice the same name, a folder that closes after what is in it, a document that is gone."""

    class Lying(Shelf):
        def listing(self) -> Iterator[Listed | Unlisted | Malformed]:
            yield from super().listing()
            yield Listed("s:f0/d0", b"other", OPEN, "f0/d0")
            yield Listed("s:f0/gone", b"other", OPEN, "f0/gone")
            yield Unlisted("s:f0", "fermé après coup")

    shelf = Lying({"f0/d0": Book("a", allowed(A)), "f1/d1": Book("b", OPEN)})
    seen = MemorySeen()
    said = read(shelf, seen)
    assert [one.where for one in said if isinstance(one, Malformed)] == ["f0/d0", "f0"]
    assert apply(said)["s:f0/d0"].access in (Access(), allowed(A))
    honest = Shelf(shelf.books)
    kept = apply(read(honest, seen, last_cursor(said)), apply(said))
    assert kept == apply(read(honest, MemorySeen()))


def test_below_a_folder_that_is_listed_in_part_only_what_is_read_again_is_seen() -> None:
    """What the folder no longer shows may have lost its readers."""

    class Partly(Shelf):
        def listing(self) -> Iterator[Listed | Unlisted | Malformed]:
            yield Unlisted("s:f0", "un objet manque")
            yield from super().listing()

    books = {"f0/d0": Book("a", OPEN), "f0/d1": Book("b", OPEN), "f1/d": Book("c", OPEN)}
    seen = MemorySeen()
    first = read(Shelf(books), seen)
    partly = Partly({name: book for name, book in books.items() if name != "f0/d1"})
    said = read(partly, seen, last_cursor(first))
    assert SubtreeHidden("s:f0") in said
    kept = apply(said, apply(first))
    assert {one: kept[one].access for one in kept} == {
        "s:f0/d0": OPEN, "s:f0/d1": Access(), "s:f1/d": OPEN,
    }  # fmt: skip
    again = read(Shelf(books), seen, last_cursor(said))
    assert apply(again, kept) == apply(first)


def test_what_the_settings_leave_out_closes_before_anything_is_read() -> None:
    """Its deletion may wait for a person."""
    shelf, seen = Shelf({"a": Book("a", OPEN), "b": Book("b", OPEN)}), MemorySeen()
    cursor = last_cursor(read(shelf, seen))
    del shelf.books["a"]
    shelf.books["b"] = Book("c", OPEN)
    shelf.left = "s:a".__eq__
    said = [one for one in read(shelf, seen, cursor) if not isinstance(one, Checkpoint)]
    assert said[0] == AccessNarrowed("s:a", Access())
    assert isinstance(said[1], Upsert)


def test_a_source_that_breaks_off_gets_somewhere() -> None:
    """What it listed is read, nothing is deleted, and its error is told."""
    shelf, seen = Shelf({f"d{n}": Book("a", OPEN) for n in range(9)}), MemorySeen()
    shelf.breaks_after = 5
    said = read_until_broken(shelf, seen)
    assert len(apply(said)) == 5
    assert not any(isinstance(one, Listing) for one in said)
    shelf.breaks_after = None
    assert len(apply(read(shelf, seen, last_cursor(said)), apply(said))) == 9
    assert shelf.reads == 9


def test_only_readers_are_narrowed_where_no_version_is_known() -> None:
    """A source that is away may still know who lost a right."""

    class Away(Shelf):
        def listing(self) -> Iterator[Listed | Unlisted | Malformed]:
            for name, book in self.books.items():
                yield Listed(f"s:{name}", None, book.access)
            raise SourceUnreachable("en panne")

    books = {"a": Book("a", OPEN), "b": Book("b", OPEN)}
    shelf, seen = Shelf(books), MemorySeen()
    cursor = last_cursor(read(shelf, seen))
    away = Away(books | {"b": Book("b", allowed(A))})
    said = read_until_broken(away, seen, cursor)
    assert [one for one in said if not isinstance(one, Checkpoint)] == [
        AccessNarrowed("s:b", allowed(A))
    ]
    whole = apply(read(shelf, MemorySeen()))
    kept = apply(said, whole)
    assert apply(read(shelf, seen, last_cursor(said)), kept) == whole


def test_what_could_not_be_read_is_closed_and_asked_for_again() -> None:
    """Until it can be read: its text of before may no longer be its text."""
    shelf, seen = Shelf({"d": Book("a", OPEN)}), MemorySeen()
    first = read(shelf, seen)
    for fault in ("unreadable", "locked"):
        shelf.books["d"] = Book("b", OPEN, fault)
        said = read(shelf, seen, last_cursor(first))
        assert ContentStale("s:d") in said
        assert apply(said, apply(first))["s:d"].access == Access()
        shelf.books["d"] = Book("b", OPEN)
        assert any(isinstance(one, Upsert) for one in read(shelf, seen, last_cursor(said)))


def test_a_folder_with_its_former_tag_is_not_listed() -> None:
    """A tag counts once everything below was read; a former tag that comes back does not."""
    shelf, seen = Shelf({f"f{n}/d": Book("a", OPEN) for n in range(3)}, tagged=True), MemorySeen()
    shelf.books["f2/d"] = Book("a", OPEN, "unreadable")
    said = read(shelf, seen)
    kept = apply(said)
    for text, listed in (("a", ["f2"]), ("b", ["f0", "f2"]), ("a", ["f0", "f2"])):
        shelf.books["f0/d"] = Book(text, OPEN)
        said = read(shelf, seen, last_cursor(said))
        kept = apply(said, kept)
        (listing,) = (one for one in said if isinstance(one, Listing))
        assert listing.document_ids == {f"s:{one}/d" for one in listed}
        assert kept["s:f0/d"].sections[0].text == text
    del shelf.books["f0/d"], shelf.books["f1/d"]
    assert "s:f1/d" not in apply(read(shelf, seen, last_cursor(said)), kept)


class Noting(Shelf):
    """A source with a log: it lists what is in `logged`, and leaves the rest as it is."""

    got: tuple[str, ...] = ()
    logged: frozenset[str] = frozenset()

    def rights(self, items: Sequence[Listed]) -> dict[str, Access]:
        return {one.id: self.books[one.place].access for one in items if one.place in self.books}

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        self.got = (*self.got, former.note)
        if former.note:
            yield UnchangedFolder("s:")
        for item in self.listing():
            if not former.note or (isinstance(item, Listed) and item.place in self.logged):
                yield item
        yield Note(f"note {len(self.got)}")


def test_a_note_is_given_back_to_the_crawl_after_one_that_came_to_its_end() -> None:
    """Skipped documents stay as they are; after an interrupted crawl all are listed again."""
    shelf, seen = Noting({f"d{n}": Book("a", OPEN) for n in range(3)}), MemorySeen()
    said = read(shelf, seen)
    kept = apply(said)
    shelf.books |= {"d0": Book("b", allowed(A)), "d1": Book("b", OPEN)}
    shelf.logged = frozenset({"d0"})
    said = read(shelf, seen, last_cursor(said))
    kept = apply(said, kept)
    assert not any(isinstance(one, Listing) for one in said)
    assert [kept[f"s:d{n}"].sections[0].text for n in range(3)] == ["b", "a", "a"]
    shelf.breaks_after = 2
    said = read_until_broken(shelf, seen, last_cursor(said))
    shelf.breaks_after = None
    said = read(shelf, seen, last_cursor(said))
    assert shelf.got == ("", "note 1", "note 2", "")
    assert apply(said, kept) == apply(read(shelf, MemorySeen()))


@pytest.mark.parametrize("reason", ["", "en panne"])
def test_a_document_that_is_not_sent_again_keeps_its_text(reason: str) -> None:
    """Its readers are still compared, and a failed request is reported."""

    class Conditional(Shelf):
        known: frozenset[str] = frozenset()

        def listing_since(self, former: Former) -> Iterator[ListingItem]:
            listed = [one for one in self.listing() if isinstance(one, Listed)]
            self.known = frozenset(former.known(listed))
            yield from listed

        def version(self, book: Book) -> bytes:
            return b""

        def read(self, listed: Listed) -> Any:
            if listed.id in self.known:
                raise RecordKept(reason)
            return super().read(listed)

    shelf, seen = Conditional({"d": Book("a", OPEN), "e": Book("a", OPEN)}), MemorySeen()
    first = read(shelf, seen)
    said = read(shelf, seen, last_cursor(first))
    assert apply(said, apply(first)) == apply(first)
    assert [one.document_id for one in said if isinstance(one, Malformed)] == (
        ["s:d", "s:e"] if reason else []
    )
    shelf.books["d"], kept = Book("b", allowed(A)), apply(first)
    for _ in range(2):
        said = read(shelf, seen, last_cursor(said))
        kept = apply(said, kept)
        assert kept["s:d"].access == allowed(A)
    assert shelf.known == frozenset({"s:d", "s:e"})
    del shelf.books["e"]
    shelf.left = "s:e".__eq__
    assert AccessNarrowed("s:e", Access()) in read(shelf, seen, last_cursor(said))


MILLION = 1_000_000
MOST_MIB = 300


@pytest.mark.timeout(1800)
def test_a_million_documents_take_bounded_memory(tmp_path: Path) -> None:
    """Listed, read, listed again without a change, and with half of them gone."""
    child = [sys.executable, "-c", "from tests.property.test_snapshot import _million; _million()"]
    done = subprocess.run([*child, str(tmp_path)], check=True, capture_output=True, text=True)
    read_first, read_again, vanished, grown_mib = map(int, done.stdout.split())
    assert (read_first, read_again, vanished) == (MILLION, 0, MILLION // 2)
    assert grown_mib < MOST_MIB


def _million() -> None:
    class Large(Shelf):
        most = MILLION

        def listing(self) -> Iterator[Listed | Unlisted | Malformed]:
            for number in range(self.most):
                yield Listed(f"s:dossier/{number}", b"%d" % number, OPEN, number)

        def read(self, listed: Listed) -> Any:
            return Document(id=listed.id, source="s", title="livre", access=OPEN)

    engine = migrate(sa.create_engine(f"sqlite:///{sys.argv[1]}/state.sqlite"))
    shelf, seen = Large(), SqlSeen(engine, "s")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cursor, reads = None, []
    for _ in range(2):
        reads.append(0)
        for change in Snapshot(shelf, seen).changes(cursor):
            reads[-1] += isinstance(change, Upsert)
            cursor = change.cursor if isinstance(change, Checkpoint) else cursor
    shelf.most //= 2
    deque(Snapshot(shelf, seen).changes(cursor), maxlen=0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(*reads, MILLION - seen.count(), grown >> 10)  # noqa: T201 - read by its parent
