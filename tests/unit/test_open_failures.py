"""Documents that were read incompletely: what is missing, and what is requested again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.folder.connector import FolderSource
from connectors.ports import Change, Checkpoint, Delete, Listing, SourceUnreachable, Upsert
from connectors.snapshot import Snapshot
from connectors.values import Access, Content, Document
from indexer.crawl.batches import TRIES
from indexer.crawl.pipeline import crawl
from indexer.values import Failure, UnreadPart, Vectors
from tests.unit.test_pipeline import CountingEncoder, CrawlBench, ScriptedSource, filed

pytestmark = pytest.mark.sources

LOCKED = UnreadPart("annexe.pdf", Failure.ENCRYPTED, "a password")
CUT = UnreadPart("", Failure.TOO_LARGE, "cut")
PART_KEY = "wiki:1 ▸ annexe.pdf"


@pytest.fixture
def crawls(tmp_path: Path) -> CrawlBench:
    made = CrawlBench(tmp_path)
    made.extractor.unread = (LOCKED, CUT)
    made.crawl(Upsert(filed(1)), Upsert(filed(2)), Checkpoint("a"))
    return made


def test_a_document_is_found_without_what_is_missing_from_it(crawls: CrawlBench) -> None:
    """Its attachment has a failure of its own; where it is cut, it has one too."""
    assert crawls.ids() == {"wiki:1", "wiki:2"}
    kinds = {row.key: row.kind for row in crawls.state.failures_of("wiki")}
    assert kinds == {
        PART_KEY: "encrypted", "wiki:1": "too_large",
        "wiki:2 ▸ annexe.pdf": "encrypted", "wiki:2": "too_large",
    }  # fmt: skip


def test_what_is_read_whole_is_missing_no_more(crawls: CrawlBench) -> None:
    """By the next version; another document's failures stay."""
    crawls.extractor.unread = ()
    crawls.crawl(Upsert(filed(1)), Checkpoint("b"))
    assert crawls.state.keys("wiki") == {"wiki:2", "wiki:2 ▸ annexe.pdf"}


def test_the_parts_of_a_removed_document_are_missing_no_more(crawls: CrawlBench) -> None:
    """By tombstone and by listing; a listing that holds the document keeps them."""
    crawls.crawl(Listing(frozenset({"wiki:1", "wiki:2"})), Checkpoint("b"))
    assert PART_KEY in crawls.state.keys("wiki")
    crawls.crawl(Delete("wiki:1"), Checkpoint("c"))
    assert crawls.state.keys("wiki") == {"wiki:2", "wiki:2 ▸ annexe.pdf"}
    crawls.crawl(Listing(frozenset()), Checkpoint("d"), guard_share=1.0)
    assert crawls.state.keys("wiki") == frozenset()


def test_a_document_that_fails_whole_has_one_failure(crawls: CrawlBench) -> None:
    """Its attachments went with it; where the old text stays, so do they."""
    crawls.extractor.failure = Failure.TIMED_OUT
    crawls.crawl(Upsert(filed(1)), Checkpoint("b"))
    assert PART_KEY in crawls.state.keys("wiki")
    crawls.extractor.failure = Failure.UNREADABLE
    crawls.crawl(Upsert(filed(1)), Checkpoint("c"))
    assert {key for key in crawls.state.keys("wiki") if key.startswith("wiki:1")} == {"wiki:1"}


class Rereadable(ScriptedSource):
    """A scripted source that notes what it is asked for again."""

    asked: tuple[frozenset[str], ...] = ()

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        self.asked = (*self.asked, document_ids)
        yield from (Upsert(filed(int(one.rpartition(":")[2]))) for one in sorted(document_ids))


@pytest.mark.parametrize("failure", [Failure.TIMED_OUT, Failure.ENCRYPTED])
def test_bad_luck_is_tried_again_a_few_times(tmp_path: Path, failure: Failure) -> None:
    """By ordinary crawls, until it is read; what a person must mend is not."""
    crawls = CrawlBench(tmp_path)
    crawls.extractor.failure = failure
    crawls.crawl(Upsert(filed(1)), Checkpoint("a"))
    source = Rereadable([Checkpoint("b")])
    for _ in range(TRIES + 2):
        crawl(source, crawls.dependencies)
    assert len(source.asked) == (TRIES if failure is Failure.TIMED_OUT else 0)
    assert set(source.asked) <= {frozenset({"wiki:1"})}


def test_what_is_read_again_is_missing_until_it_is_written(tmp_path: Path) -> None:
    """A run that ends while it encodes leaves it to be asked for once more."""

    class Killed(CountingEncoder):
        def passages(self, texts: Sequence[str]) -> Vectors:
            raise KeyboardInterrupt

    crawls = CrawlBench(tmp_path)
    crawls.extractor.failure = Failure.TIMED_OUT
    crawls.crawl(Upsert(filed(1)), Checkpoint("a"))
    crawls.extractor.failure = None
    source = Rereadable([Checkpoint("b")])
    with pytest.raises(KeyboardInterrupt):
        crawl(source, replace(crawls.dependencies, encoder=Killed()))
    assert crawls.state.keys("wiki") == {"wiki:1"}
    crawl(source, crawls.dependencies)
    assert crawls.ids() == {"wiki:1"}
    assert crawls.state.keys("wiki") == frozenset()


class AwayOf(Rereadable):
    """A source that is away for its changes, or for what is asked again."""

    away_again = False

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        if self.away_again:
            raise SourceUnreachable("away")
        yield from super().refetch(document_ids)


@pytest.mark.parametrize("again", [False, True], ids=["changes", "again"])
def test_a_source_that_is_away_uses_up_no_try(tmp_path: Path, again: bool) -> None:
    """Once it is back, the document is read."""
    crawls = CrawlBench(tmp_path)
    crawls.extractor.failure = Failure.TIMED_OUT
    crawls.crawl(Upsert(filed(1)), Checkpoint("a"))
    crawls.extractor.failure = None
    away = AwayOf([Checkpoint("b") if again else SourceUnreachable("away")])
    away.away_again = again
    for _ in range(TRIES + 1):
        with pytest.raises(SourceUnreachable):
            crawl(away, crawls.dependencies)
    crawl(AwayOf([Checkpoint("b")]), crawls.dependencies)
    assert crawls.ids() == {"wiki:1"}
    assert crawls.state.failures_of("wiki") == ()


def test_a_new_version_has_tries_of_its_own(tmp_path: Path) -> None:
    """Those of the former one were used up; bad luck with the new one is tried again."""
    crawls = CrawlBench(tmp_path)
    crawls.extractor.failure = Failure.TIMED_OUT
    crawls.crawl(Upsert(filed(1)), Checkpoint("a"))
    source = Rereadable([Checkpoint("b")])
    for _ in range(TRIES + 1):
        crawl(source, crawls.dependencies)
    assert len(source.asked) == TRIES
    newer = Rereadable([Upsert(replace(filed(1), title="Nouvelle version")), Checkpoint("c")])
    crawl(newer, crawls.dependencies)
    assert newer.asked == (), "what came by itself is not asked for again in the same reading"
    crawls.extractor.failure = None
    crawl(source, crawls.dependencies)
    assert crawls.ids() == {"wiki:1"}


def test_what_the_source_has_no_more_is_not_asked_for_without_end(tmp_path: Path) -> None:
    """It is left out of what is given again."""
    crawls = CrawlBench(tmp_path)
    crawls.extractor.failure = Failure.TIMED_OUT
    crawls.crawl(Upsert(filed(1)), Checkpoint("a"))

    class Empty(Rereadable):
        def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
            self.asked = (*self.asked, document_ids)
            yield from ()

    source = Empty([Checkpoint("b")])
    for _ in range(TRIES + 2):
        crawl(source, crawls.dependencies)
    assert len(source.asked) == TRIES


def test_what_is_read_at_last_is_not_asked_for_again(tmp_path: Path) -> None:
    """And its failure is gone."""
    crawls = CrawlBench(tmp_path)
    crawls.extractor.failure = Failure.TIMED_OUT
    crawls.crawl(Upsert(filed(1)), Checkpoint("a"))
    crawls.extractor.failure = None
    source = Rereadable([Checkpoint("b")])
    source.script = []  # no checkpoint follows what is read again
    for _ in range(4):
        crawl(source, crawls.dependencies)
    # Once to read it, once more since it was written after the cursor was saved.
    assert (len(source.asked), crawls.ids()) == (2, {"wiki:1"})
    assert crawls.state.failures_of("wiki") == ()


def test_a_folder_gives_a_file_again(tmp_path: Path) -> None:
    """Though its cursor has seen it; a file that is gone is left out."""
    (tmp_path / "note.txt").write_text("texte")
    folder = Snapshot(FolderSource("f", tmp_path, Access(frozenset({"everyone"}))))
    given = list(folder.refetch(frozenset({"f:note.txt", "f:partie.txt"})))
    assert [change.document.id for change in given if isinstance(change, Upsert)] == ["f:note.txt"]


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    """Its size is known before: it does not pass through memory."""

    def read() -> bytes:
        raise AssertionError("read")

    crawls = CrawlBench(tmp_path)
    content = Content("film.mp4", read, size_bytes=crawls.extractor.max_bytes + 1)
    document: Document = replace(filed(1), content=content)
    crawls.crawl(Upsert(document), Checkpoint("a"))
    assert [row.kind for row in crawls.state.failures_of("wiki")] == ["too_large"]


def test_many_files_without_text_take_few_transactions_and_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A transaction for each file would take an hour for 100 000 of them, and fill the journal."""
    made, commits = CrawlBench(tmp_path), list[object]()
    made.extractor.failure = Failure.EMPTY
    sa.event.listen(made.state._engine, "commit", commits.append)
    made.crawl(*(Upsert(filed(number)) for number in range(600)), Checkpoint("a"))
    assert made.state.failure_counts("wiki") == {"empty": 600}
    assert len(commits) < 30
    (line,) = [one for one in caplog.records if one.message == "records failed"]
    assert (line.__dict__["failure"], line.__dict__["n"]) == ("empty", 600)
