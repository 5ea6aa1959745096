"""A crawl brings the index up to its source, and keeps its place only after each write."""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    Delete,
    Listing,
    Malformed,
    RecordVanished,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
)
from connectors.values import Access, Content, Document, Section
from indexer.crawl import pipeline
from indexer.crawl.batches import GUARD_SHARE
from indexer.crawl.pipeline import CrawlDependencies, CrawlReport, Wait, crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.errors import DeletionsHeld, ExtractionFailed, ExtractorUnreachable, IndexUnreachable
from indexer.scans import Scans
from indexer.state import State
from indexer.values import WITHHELD, Extracted, Failure, UnreadPart, Vectors, Write, WriteReport
from quisait.application.database import migrate
from tests.builders import OPEN, asking, make_document, reading
from tests.encoders import FakeEncoder

pytestmark = pytest.mark.sources

CELL = Access(frozenset({"wiki:group:cellule"}))


@dataclass
class ScriptedSource:
    """Yields the changes that it is given, whatever the cursor."""

    script: Sequence[Change | Exception]
    source: str = "wiki"
    asked_since: list[str | None] = field(default_factory=list)

    def changes(self, since: str | None) -> Iterator[Change]:
        self.asked_since.append(since)
        for change in self.script:
            if isinstance(change, Exception):
                raise change
            yield change


class Rereadable(ScriptedSource):
    """May be asked for single documents: it has the pages of `page`."""

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        yield from (Upsert(page(int(one.rpartition(":")[2]))) for one in sorted(document_ids))


class CountingEncoder(FakeEncoder):
    encoded = 0

    def passages(self, texts: Sequence[str]) -> Vectors:
        self.encoded += len(texts)
        return super().passages(texts)


@dataclass
class FileReader:
    """An extractor that reads UTF-8 and fails as it is told."""

    failure: Failure | None = None
    unread: tuple[UnreadPart, ...] = ()
    max_bytes: int = 1_000

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        if self.failure:
            raise ExtractionFailed(self.failure, "told to")
        return Extracted((Section(content.decode()),), unread=self.unread)


class CrawlBench:
    def __init__(self, folder: Path) -> None:
        self.index = EmbeddedIndex(folder / "index", 16)
        self.encoder = CountingEncoder()
        self.extractor = FileReader()
        self.state = State(migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}")))

    @property
    def dependencies(self) -> CrawlDependencies:
        return CrawlDependencies(self.extractor, self.encoder, self.index, self.state, self.state)

    def crawl(self, *script: Change | Exception, guard_share: float = GUARD_SHARE) -> CrawlReport:
        return crawl(ScriptedSource(script), self.dependencies, guard_share=guard_share)

    def ids(self) -> set[str]:
        return {ranked.document_id for ranked in self.index.search(asking()).lexical}


@pytest.fixture
def crawls(tmp_path: Path) -> CrawlBench:
    return CrawlBench(tmp_path)


def page(number: int, text: str = "Le cadastre", **fields: object) -> Document:
    return make_document(f"wiki:{number}", sections=(Section(text),), **fields)


def pages(count: int) -> list[Change | Exception]:
    return [Upsert(page(n)) for n in range(count)]


def test_the_cursor_is_kept_after_the_write(crawls: CrawlBench) -> None:
    """What stands before a checkpoint is found once the checkpoint is kept."""
    report = crawls.crawl(Upsert(page(1)), Checkpoint("a"), Upsert(page(2)), Checkpoint("b"))
    assert (report.put, crawls.state.load("wiki"), crawls.ids()) == (2, "b", {"wiki:1", "wiki:2"})


def test_a_batch_is_bounded_by_time(crawls: CrawlBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow source's documents are written before there are many; a slow encoder gets fewer."""
    script = [change for n in range(8) for change in (Upsert(page(n)), Malformed(f"l{n}", "x"))]
    written: list[int] = []
    waited: list[Wait] = []

    def read() -> CrawlReport:
        return crawl(
            ScriptedSource(script),
            crawls.dependencies,
            full=True,
            progress=lambda report: written.append(report.put),
            waits=waited.append,
        )

    read()
    assert written == [8]
    assert set(waited) == set(Wait)
    monkeypatch.setattr(pipeline, "BATCH_S", 0.0)
    written.clear()
    script[:] = [Upsert(page(n, f"Le cadastre {n}")) for n in range(8)]
    assert read().put == 8
    assert written[-1] == 8
    assert len(set(written)) > 2


def test_a_slow_encoder_gets_smaller_batches(
    crawls: CrawlBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many passages as it encodes in the time of a batch."""
    given: list[int] = []

    class Slow(CountingEncoder):
        def passages(self, texts: Sequence[str]) -> Vectors:
            given.append(len(texts))
            time.sleep(0.005 * len(texts))
            return super().passages(texts)

    monkeypatch.setattr(pipeline, "BATCH_S", 0.025)
    crawls.encoder = Slow()
    assert crawls.crawl(*pages(160)).put == 160
    assert sum(given) == 160
    assert max(given[2:]) < pipeline.BATCH_PASSAGES / 4


def test_a_source_that_breaks_off_is_read_on_from_its_last_checkpoint(crawls: CrawlBench) -> None:
    """Nothing acknowledged is lost, and nothing later is claimed."""
    script: list[Change | Exception] = [Upsert(page(1)), Checkpoint("a")]
    script += [Upsert(page(2)), SourceUnreachable("gone")]
    with pytest.raises(SourceUnreachable):
        crawls.crawl(*script)
    again = Rereadable([Upsert(page(2)), Checkpoint("b")])
    crawl(again, crawls.dependencies)
    assert again.asked_since == ["a"]
    assert crawls.ids() == {"wiki:1", "wiki:2"}


def test_a_source_that_tells_no_single_document_is_read_whole_after_it_broke_off(
    crawls: CrawlBench,
) -> None:
    """The index may hold a later text than the cursor knows."""
    with pytest.raises(SourceUnreachable):
        crawls.crawl(Upsert(page(1)), Checkpoint("a"), Upsert(page(2)), SourceUnreachable("gone"))
    again = ScriptedSource([Upsert(page(1)), Upsert(page(2)), Checkpoint("b")])
    crawl(again, crawls.dependencies)
    crawl(again, crawls.dependencies)
    assert again.asked_since == [None, "b"]


def test_what_was_read_again_is_no_longer_ahead(crawls: CrawlBench) -> None:
    """Later readers of it may be more than before."""

    class Silent(Rereadable):
        def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
            yield from ()

    script: list[Change | Exception] = [Upsert(page(1)), Checkpoint("a")]
    with pytest.raises(SourceUnreachable):
        crawls.crawl(*script, Upsert(page(2, access=CELL)), SourceUnreachable("gone"))
    assert crawls.state.ahead("wiki") == {"wiki:2"}
    again: list[Change | Exception] = []
    again += [Upsert(page(2, access=CELL)), AccessChanged("wiki:2", OPEN), Checkpoint("b")]
    crawl(Silent(again), crawls.dependencies)
    assert crawls.ids() == {"wiki:1", "wiki:2"}
    assert crawls.state.ahead("wiki") == frozenset()


def test_a_text_ahead_of_the_cursor_gets_no_readers_unread(crawls: CrawlBench) -> None:
    """The cursor stands before a held removal; a former text comes back and is opened."""
    crawls.crawl(*(Upsert(page(n, access=CELL)) for n in range(30)), Checkpoint("a"))
    kept = frozenset(f"wiki:{n}" for n in range(10))
    secret = Upsert(page(1, "Un secret", access=CELL))
    with pytest.raises(DeletionsHeld):
        crawls.crawl(secret, Listing(kept), Checkpoint("b"))
    source = Rereadable([AccessChanged("wiki:1", OPEN), Checkpoint("c")])
    crawl(source, crawls.dependencies)
    assert crawls.index.search(asking("secret")).total == 0
    assert crawls.ids() == {"wiki:1"}


def test_what_is_ahead_stays_so_through_a_second_break(crawls: CrawlBench) -> None:
    """A checkpoint before it was read again does not forget it: its source went back meanwhile."""
    crawls.crawl(Upsert(page(1, access=CELL)), Upsert(page(2)), Checkpoint("a"))
    with pytest.raises(SourceUnreachable):
        crawls.crawl(AccessChanged("wiki:1", OPEN), SourceUnreachable("cut"))
    cut = Rereadable([Upsert(page(3)), Checkpoint("b"), SourceUnreachable("cut again")])
    with pytest.raises(SourceUnreachable):
        crawl(cut, crawls.dependencies)
    assert crawls.state.load("wiki") == "b"
    assert crawls.state.ahead("wiki") == {"wiki:1"}


def test_what_closes_at_once_is_ahead_of_the_checkpoint_before_it(crawls: CrawlBench) -> None:
    """It is written before the batch of that checkpoint, and the cursor knows nothing of it."""
    crawls.crawl(Upsert(page(1, access=CELL)), Checkpoint("a"))
    opened = AccessChanged("wiki:1", OPEN)
    with pytest.raises(SourceUnreachable):
        crawls.crawl(Upsert(page(2)), Checkpoint("b"), opened, SourceUnreachable("cut"))
    assert crawls.state.load("wiki") == "b"
    assert crawls.state.ahead("wiki") == {"wiki:1"}


def test_what_is_read_as_it_is_kept_is_ahead_of_the_checkpoint_before_it(
    crawls: CrawlBench,
) -> None:
    """Its source goes back to the text that this cursor knows: nobody reads the later one."""
    secret = Upsert(page(1, "Un secret", access=CELL))
    crawls.crawl(Upsert(page(1, access=CELL)), Checkpoint("a"))
    with pytest.raises(SourceUnreachable):
        crawls.crawl(secret, SourceUnreachable("cut"))
    cut = Rereadable([Upsert(page(2)), Checkpoint("b"), secret, SourceUnreachable("cut again")])
    with pytest.raises(SourceUnreachable):
        crawl(cut, crawls.dependencies)
    assert crawls.state.load("wiki") == "b"
    assert crawls.state.ahead("wiki") == {"wiki:1"}
    crawl(Rereadable([AccessChanged("wiki:1", OPEN), Checkpoint("c")]), crawls.dependencies)
    assert crawls.index.search(asking("secret")).total == 0


def test_what_is_read_again_is_ahead_until_it_is_written(tmp_path: Path) -> None:
    """The last checkpoint is kept while it waits to be encoded; a run that ends then asks again."""

    class KilledAtTheSecond(CountingEncoder):
        def passages(self, texts: Sequence[str]) -> Vectors:
            if any("Le cadastre" in text for text in texts):
                raise KeyboardInterrupt
            return super().passages(texts)

    crawls = CrawlBench(tmp_path)
    crawls.crawl(Upsert(page(1, "Une note", access=CELL)), Checkpoint("a"))
    with pytest.raises(SourceUnreachable):
        crawls.crawl(AccessChanged("wiki:1", OPEN), SourceUnreachable("cut"))
    killed = replace(crawls.dependencies, encoder=KilledAtTheSecond())
    with pytest.raises(KeyboardInterrupt):
        crawl(Rereadable([Upsert(page(3, "Une autre")), Checkpoint("b")]), killed)
    assert crawls.state.load("wiki") == "b"
    assert crawls.state.ahead("wiki") == {"wiki:1"}


def test_half_a_character_stops_no_reading(crawls: CrawlBench) -> None:
    """A source's JSON may say it; the index keeps it, or refuses that document alone."""
    crawls.crawl(Upsert(page(1, "Le \ud800 cadastre", title="\udfff")), Upsert(page(2)))
    assert "wiki:2" in crawls.ids()


def test_what_closes_waits_for_no_extractor(crawls: CrawlBench) -> None:
    """Restrictions and deletions that were read are applied though no text can be."""

    class Down(FileReader):
        def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
            raise ExtractorUnreachable("down")

    crawls.crawl(*pages(3), Checkpoint("a"))
    crawls.extractor = Down()
    with pytest.raises(ExtractorUnreachable):
        crawls.crawl(
            AccessNarrowed("wiki:0", CELL), Delete("wiki:1"), Upsert(filed(5)), Checkpoint("b")
        )
    assert crawls.ids() == {"wiki:2"}
    assert crawls.state.load("wiki") == "a"


def test_what_closes_waits_for_no_encoder(crawls: CrawlBench) -> None:
    """Nor for the vectors of other documents."""

    class Broken(CountingEncoder):
        def passages(self, texts: Sequence[str]) -> Vectors:
            raise MemoryError

    crawls.crawl(*pages(3), Checkpoint("a"))
    crawls.encoder = Broken()
    with pytest.raises(MemoryError):
        crawls.crawl(
            AccessNarrowed("wiki:0", CELL), Delete("wiki:1"), Upsert(page(5)), Checkpoint("b")
        )
    assert crawls.ids() == {"wiki:2"}


def test_an_engine_that_does_not_answer_leaves_the_cursor(crawls: CrawlBench) -> None:
    """The next run asks for the same changes again."""

    class Unreachable(EmbeddedIndex):
        def write(self, batch: Sequence[Write]) -> WriteReport:
            raise IndexUnreachable("no answer")

    crawls.index.__class__ = Unreachable
    with pytest.raises(IndexUnreachable):
        crawls.crawl(Upsert(page(1)), Checkpoint("a"))
    assert crawls.state.load("wiki") is None


def test_what_did_not_change_is_neither_encoded_nor_written_again(crawls: CrawlBench) -> None:
    """A second full reading costs no encoding."""
    crawls.crawl(*pages(3))
    before = crawls.encoder.encoded
    report = crawls.crawl(*pages(3))
    assert (report.unchanged, report.put, crawls.encoder.encoded) == (3, 0, before)


def test_new_readers_alone_cost_no_encoding(crawls: CrawlBench) -> None:
    """By an access change and by a whole document alike."""
    crawls.crawl(*pages(2))
    before = crawls.encoder.encoded
    closed = Access(frozenset({"wiki:group:cellule"}))
    report = crawls.crawl(AccessChanged("wiki:0", closed), Upsert(replace(page(1), access=closed)))
    assert (report.access_changed, crawls.encoder.encoded) == (2, before)
    assert crawls.ids() == set()
    assert crawls.index.search(asking(access=reading("wiki:group:cellule"))).total == 2


def test_a_folder_of_many_documents_gets_its_new_readers_in_one_write(crawls: CrawlBench) -> None:
    """An index that writes a whole folder at once has to be told of it at once."""
    batches: list[int] = []

    class Counting(EmbeddedIndex):
        def write(self, batch: Sequence[Write]) -> WriteReport:
            batches.append(len(batch))
            return super().write(batch)

    crawls.crawl(*pages(600))
    crawls.index.__class__ = Counting
    closed = Access(frozenset({"wiki:group:cellule"}))
    report = crawls.crawl(*[AccessChanged(f"wiki:{n}", closed) for n in range(600)])
    assert (report.access_changed, batches) == (600, [600])


def test_a_changed_field_is_written(crawls: CrawlBench) -> None:
    """Even where the text is the same."""
    crawls.crawl(Upsert(page(1)))
    assert crawls.crawl(Upsert(page(1, url="https://exemple.fr/1"))).put == 1


def test_deletions_come_by_tombstone_and_by_listing(crawls: CrawlBench) -> None:
    """Either way the document is no longer found."""
    crawls.crawl(*pages(4))
    report = crawls.crawl(Delete("wiki:0"), Listing(frozenset({"wiki:1", "wiki:2"})))
    assert (report.removed, crawls.ids()) == (2, {"wiki:1", "wiki:2"})


def test_a_listing_speaks_of_what_was_just_read_too(crawls: CrawlBench) -> None:
    """A document that was read in this run is deleted or closed like one of the index."""
    listing = Listing(frozenset({"wiki:2", "wiki:3"}))
    crawls.crawl(*pages(4), listing, SubtreeHidden("wiki:3"), guard_share=1.0)
    assert {one.document_id for one in crawls.index.scan("wiki")} == {"wiki:2", "wiki:3"}
    assert crawls.ids() == {"wiki:2"}


@pytest.mark.parametrize("goes", [True, False], ids=["goes", "held"])
def test_a_listing_forgets_the_scans_of_what_goes(crawls: CrawlBench, goes: bool) -> None:
    """And of nothing else, nor where the deletions wait for a person."""
    forgotten: list[str] = []

    class Recognised(Scans):
        def known(self, source: str) -> frozenset[str]:
            return frozenset(f"wiki:{n}" for n in range(30))

        def forget(self, source: str, document_ids: Collection[str]) -> None:
            forgotten.extend(sorted(document_ids))

    crawls.crawl(*pages(30))
    dependencies = replace(crawls.dependencies, scans=Recognised(sa.create_engine("sqlite://")))
    kept = frozenset(f"wiki:{n}" for n in range(29 if goes else 10))
    with nullcontext() if goes else pytest.raises(DeletionsHeld):
        crawl(ScriptedSource([Listing(kept)]), dependencies)
    assert forgotten == (["wiki:29"] if goes else [])


def test_many_deletions_are_written_in_several_batches(
    crawls: CrawlBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes of access do not count among them."""
    crawls.crawl(*pages(8))
    batches: list[int] = []

    class Counting(EmbeddedIndex):
        def write(self, batch: Sequence[Write]) -> WriteReport:
            batches.append(len(batch))
            return super().write(batch)

    crawls.index.__class__ = Counting
    monkeypatch.setattr(pipeline, "BATCH_WRITES", 2)
    closed = [AccessChanged(f"wiki:{n}", CELL) for n in range(4)]
    crawls.crawl(*closed, *(Delete(f"wiki:{n}") for n in range(4, 8)))
    assert batches == [6, 2]


def test_an_index_settles_what_is_pending_before_a_crawl(crawls: CrawlBench) -> None:
    settled: list[int] = []

    class Settling(EmbeddedIndex):
        def flush(self) -> None:
            settled.append(len(crawls.ids()))
            super().flush()

    crawls.crawl(*pages(2))
    crawls.index.__class__ = Settling
    crawls.crawl(Delete("wiki:0"))
    assert settled[0] == 2


def test_a_source_that_loses_much_at_once_is_held(crawls: CrawlBench) -> None:
    """An unmounted share is no deletion; a person may say that it is one."""
    crawls.crawl(*pages(60), Checkpoint("a"))
    kept = frozenset(f"wiki:{n}" for n in range(40))
    with pytest.raises(DeletionsHeld, match="--accept-deletions"):
        crawls.crawl(Listing(kept), Checkpoint("b"))
    assert (len(crawls.ids()), crawls.state.load("wiki")) == (60, "a")
    crawls.crawl(Listing(kept), Checkpoint("b"), guard_share=1.0)
    assert len(crawls.ids()) == 40


def test_a_listing_spares_what_it_does_not_speak_of(crawls: CrawlBench) -> None:
    """Documents and failures below a folder that could not be listed stay, and no others."""
    ids = ("wiki:a/1", "wiki:a/b/2", "wiki:ab/3", "wiki:4", "wiki:5")
    crawls.crawl(*(Upsert(make_document(one)) for one in ids), Checkpoint("a"))
    for one in ids:
        crawls.state.record("wiki", one, "unreadable", "x")
        crawls.state.record("wiki", f"{one} ▸ annexe.pdf", "unreadable", "x")
    spared = {"wiki:a/1", "wiki:a/b/2", "wiki:5"}
    listing = Listing(frozenset({"wiki:5"}), ("wiki:a",))
    crawls.crawl(listing, Checkpoint("b"), guard_share=1.0)
    assert crawls.ids() == spared
    assert crawls.state.keys("wiki") == spared | {f"{one} ▸ annexe.pdf" for one in spared}


def test_a_small_source_that_is_emptied_is_held(crawls: CrawlBench) -> None:
    """All of several is too much, however few they are."""
    crawls.crawl(*pages(3))
    with pytest.raises(DeletionsHeld):
        crawls.crawl(Listing(frozenset()))
    assert len(crawls.ids()) == 3


def test_tombstones_wait_for_nobody(crawls: CrawlBench) -> None:
    """What the source itself says is deleted is removed at once, however much it is."""
    crawls.crawl(*pages(20))
    crawls.crawl(*[Delete(f"wiki:{n}") for n in range(15)])
    assert crawls.ids() == {f"wiki:{n}" for n in range(15, 20)}
    assert crawls.index.count("wiki") == 5


def test_tombstones_go_where_what_vanished_is_held(crawls: CrawlBench) -> None:
    """The same reading may hold both."""
    crawls.crawl(*pages(60), Checkpoint("a"))
    kept = frozenset(f"wiki:{n}" for n in range(2, 20))
    with pytest.raises(DeletionsHeld):
        crawls.crawl(Delete("wiki:0"), Delete("wiki:1"), Listing(kept), Checkpoint("b"))
    assert crawls.ids() == {f"wiki:{n}" for n in range(2, 60)}
    assert crawls.state.load("wiki") == "a"


def test_a_malformed_record_is_kept_as_a_failure(crawls: CrawlBench) -> None:
    """It is shown, and forgotten when the source is read whole without it."""
    report = crawls.crawl(Malformed("export.jsonl:12", "not JSON"))
    assert report.malformed == 1
    assert [row.key for row in crawls.state.failures_of("wiki")] == ["export.jsonl:12"]
    crawls.crawl()
    assert crawls.state.failures_of("wiki") == ()


def test_a_full_reading_that_breaks_off_forgets_no_failure(crawls: CrawlBench) -> None:
    """What it did not come to is still missing, and still listed."""
    crawls.crawl(Malformed("export.jsonl:12", "not JSON"), Malformed("export.jsonl:40", "not JSON"))
    with pytest.raises(SourceUnreachable):
        crawls.crawl(Malformed("export.jsonl:12", "not JSON"), SourceUnreachable("gone"))
    assert crawls.state.keys("wiki") == {"export.jsonl:12", "export.jsonl:40"}
    crawls.crawl(Malformed("export.jsonl:12", "not JSON"))
    assert crawls.state.keys("wiki") == {"export.jsonl:12"}


def filed(number: int, read: object = None) -> Document:
    content = Content("note.txt", read or (lambda: b"Le texte du fichier"))  # type: ignore[arg-type]
    return make_document(f"wiki:{number}", content=content)


def test_a_file_is_extracted(crawls: CrawlBench) -> None:
    """Its text is found."""
    crawls.crawl(Upsert(filed(1)))
    assert crawls.index.search(asking("fichier")).total == 1


def test_a_file_that_lost_its_text_is_no_longer_found(crawls: CrawlBench) -> None:
    """An encrypted new version does not leave the old one behind, and is named."""
    crawls.crawl(Upsert(filed(1)))
    crawls.extractor.failure = Failure.ENCRYPTED
    report = crawls.crawl(Upsert(filed(1)))
    assert (report.failed, crawls.ids()) == (1, set())
    assert [row.kind for row in crawls.state.failures_of("wiki")] == ["encrypted"]


def test_a_file_that_took_too_long_is_withheld_until_it_is_read(crawls: CrawlBench) -> None:
    """A slow day of the extractor opens no former text, and loses no document."""
    crawls.crawl(Upsert(replace(filed(1), access=CELL)))
    crawls.extractor.failure = Failure.TIMED_OUT
    crawls.crawl(Upsert(filed(1)))
    assert crawls.ids() == set()
    assert [kept.access for kept in crawls.index.scan("wiki")] == [WITHHELD]
    crawls.crawl(AccessChanged("wiki:1", OPEN), AccessNarrowed("wiki:1", OPEN))
    assert crawls.ids() == set()
    crawls.extractor.failure = None
    crawls.crawl(Upsert(filed(1)))
    assert crawls.ids() == {"wiki:1"}


def test_a_failure_that_is_mended_is_forgotten(crawls: CrawlBench) -> None:
    """The list of failures is what is missing now."""
    crawls.extractor.failure = Failure.UNREADABLE
    crawls.crawl(Upsert(filed(1)), Checkpoint("a"))
    crawls.extractor.failure = None
    crawls.crawl(Upsert(filed(1)))
    assert crawls.state.failures_of("wiki") == ()


def test_a_file_that_vanishes_while_it_is_read_is_skipped(crawls: CrawlBench) -> None:
    """The rest of the source arrives."""

    def vanish() -> bytes:
        raise RecordVanished("gone")

    report = crawls.crawl(Upsert(filed(1, vanish)), Upsert(filed(2)))
    assert (report.put, crawls.ids()) == (1, {"wiki:2"})


def test_a_failed_file_that_is_deleted_is_no_longer_missing(crawls: CrawlBench) -> None:
    """By tombstone or by listing."""
    crawls.extractor.failure = Failure.ENCRYPTED
    crawls.crawl(Upsert(filed(1)), Upsert(filed(2)), Checkpoint("a"))
    crawls.crawl(Delete("wiki:1"), Checkpoint("b"))
    assert crawls.state.keys("wiki") == {"wiki:2"}
    crawls.crawl(Listing(frozenset()), Checkpoint("c"))
    assert crawls.state.keys("wiki") == frozenset()
