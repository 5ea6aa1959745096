"""A crawl leaves no former right in place, whatever is refused, repeated or unreadable."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    Delete,
    Listing,
    RecordVanished,
    Upsert,
)
from connectors.values import Access
from indexer.embedded.index import EmbeddedIndex
from indexer.errors import DeletionsHeld, ExtractionFailed, IndexRefused
from indexer.values import Extracted, Failure, Put, Remove, Write, WriteReport
from tests.builders import OPEN
from tests.unit.test_pipeline import CrawlBench, FileReader, filed, page, pages

pytestmark = [pytest.mark.sources, pytest.mark.trust]


@pytest.fixture
def crawls(tmp_path: Path) -> CrawlBench:
    return CrawlBench(tmp_path)


class Refusing(EmbeddedIndex):
    """Refuses puts and access changes; removals too where `all_of_them`."""

    all_of_them = False

    def write(self, batch: Sequence[Write]) -> WriteReport:
        taken = [w for w in batch if isinstance(w, Remove) and not self.all_of_them]
        refused = [w.indexed.document.id if isinstance(w, Put) else w.document_id
                   for w in batch if w not in taken]  # fmt: skip
        written = super().write(taken).written
        return WriteReport(written, tuple((document_id, "refused") for document_id in refused))


CLOSED = Access(frozenset({"wiki:group:cellule"}))


@pytest.mark.parametrize(
    "change",
    [
        Upsert(replace(page(1, "Un autre texte"), access=CLOSED)),
        Upsert(replace(page(1), access=CLOSED)),
        AccessChanged("wiki:1", CLOSED),
    ],
    ids=["text", "readers", "access"],
)
def test_a_refused_write_leaves_no_former_right(crawls: CrawlBench, change: Change) -> None:
    """Where new readers do not get in, the version under the old ones goes."""
    crawls.crawl(*pages(3))
    crawls.index.__class__ = Refusing
    report = crawls.crawl(change, Checkpoint("a"))
    assert (report.failed, crawls.ids()) == (1, {"wiki:0", "wiki:2"})
    assert [row.kind for row in crawls.state.failures_of("wiki")] == ["refused"]
    assert crawls.state.load("wiki") == "a"


@pytest.mark.parametrize("change", [AccessChanged("wiki:1", CLOSED), Delete("wiki:1")])
def test_what_cannot_even_be_withdrawn_stops_the_crawl(crawls: CrawlBench, change: Change) -> None:
    """The cursor stays before it, so that the next run tries again."""
    crawls.crawl(*pages(3))
    crawls.index.__class__ = Refusing
    crawls.index.all_of_them = True  # type: ignore[attr-defined]
    with pytest.raises(IndexRefused, match="wiki:1"):
        crawls.crawl(change, Checkpoint("a"))
    assert crawls.state.load("wiki") is None


def test_the_last_word_about_a_document_holds(crawls: CrawlBench) -> None:
    """A source that repeats its history, the readers of then included, opens nothing."""
    crawls.crawl(*pages(2), Upsert(replace(page(2), access=CLOSED)))
    assert crawls.ids() == {"wiki:0", "wiki:1"}
    crawls.crawl(Upsert(page(2)), Upsert(replace(page(2), access=CLOSED)))
    assert crawls.ids() == {"wiki:0", "wiki:1"}
    crawls.crawl(Delete("wiki:0"), Upsert(page(0)))
    assert crawls.ids() == {"wiki:0", "wiki:1"}


def test_a_new_version_without_text_replaces_one_just_read(crawls: CrawlBench) -> None:
    """Also where the former version waits in the same batch."""

    class Second(FileReader):
        def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
            if content == b"2":
                raise ExtractionFailed(Failure.ENCRYPTED, "told to")
            return super().extract(content, filename, media_type)

    crawls.extractor = Second()
    crawls.crawl(Upsert(filed(1)), Upsert(filed(1, lambda: b"2")))
    assert crawls.ids() == set()


@pytest.mark.parametrize("present", [CLOSED, OPEN], ids=["narrower", "wider"])
def test_a_file_that_cannot_be_read_is_read_by_nobody(crawls: CrawlBench, present: Access) -> None:
    """Neither its former readers nor its present ones read the former text; it is named."""

    def vanish() -> bytes:
        raise RecordVanished("gone")

    crawls.crawl(Upsert(replace(filed(1), access=CLOSED)), Upsert(filed(2)))
    report = crawls.crawl(Upsert(replace(filed(1, vanish), access=present)))
    assert (report.failed, crawls.ids()) == (1, {"wiki:2"})
    assert [row.kind for row in crawls.state.failures_of("wiki")] == ["vanished"]


def test_new_readers_do_not_wait_for_a_word_about_deletions(crawls: CrawlBench) -> None:
    """Those before what is held and those after it are written; the cursor stays."""
    crawls.crawl(*pages(60), Checkpoint("a"))
    vanished = Listing(frozenset(f"wiki:{n}" for n in range(30)))
    before, after = AccessChanged("wiki:0", CLOSED), AccessChanged("wiki:1", CLOSED)
    with pytest.raises(DeletionsHeld):
        crawls.crawl(before, vanished, after, Checkpoint("b"))
    assert crawls.ids() == {f"wiki:{n}" for n in range(2, 60)}
    assert crawls.state.load("wiki") == "a"


@pytest.mark.parametrize("present", [CLOSED, OPEN], ids=["narrower", "wider"])
def test_an_unreadable_version_that_waits_is_read_by_nobody(
    crawls: CrawlBench, present: Access
) -> None:
    """A file whose removal is held as one of many opens its former text to nobody new."""
    crawls.crawl(*[Upsert(replace(filed(n), access=CLOSED)) for n in range(30)])
    crawls.extractor.failure = Failure.ENCRYPTED
    with pytest.raises(DeletionsHeld):
        crawls.crawl(*[Upsert(replace(filed(n), access=present)) for n in range(30)])
    assert crawls.ids() == set()
    crawls.crawl(AccessChanged("wiki:0", OPEN))
    assert crawls.ids() == set()


def test_readers_known_before_the_text_only_narrow(crawls: CrawlBench) -> None:
    """The push's first phase: whoever is added waits for the text."""
    crawls.crawl(Upsert(replace(page(1), access=CLOSED)), Upsert(page(2)))
    crawls.crawl(AccessNarrowed("wiki:1", OPEN), AccessNarrowed("wiki:2", CLOSED))
    assert {kept.document_id: kept.access for kept in crawls.index.scan("wiki")} == {
        "wiki:1": CLOSED,
        "wiki:2": CLOSED,
    }
