"""State of scanned documents: pending documents, recognised texts, and the day's count of pages."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.values import Section
from indexer.errors import ExtractionFailed
from indexer.recognition import RecognisedPage
from indexer.scans import MOST_TRIES, RETRY, Scans, ScanState, WaitingScan
from indexer.state import State
from indexer.values import Failure
from quisait.application.database import connect, migrate
from tests.builders import Clock

pytestmark = [pytest.mark.sources, pytest.mark.trust]

FIRST, SECOND = b"%PDF-first", b"%PDF-second"
DAY = date(2026, 11, 27)
HANDS = 6


NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def scans(engine: sa.Engine) -> Scans:
    return Scans(engine, {"wiki"}, Clock(NOW))


def awaited(scans: Scans, content: bytes = FIRST, name: str = "wiki:1") -> WaitingScan:
    with pytest.raises(ExtractionFailed) as waits:
        scans.text_of("wiki", name, content)
    assert waits.value.failure is Failure.AWAITS_RECOGNITION
    return {one.document_id: one for one in scans.waiting("wiki", 9)}[name]


def again(scans: Scans, scan: WaitingScan) -> WaitingScan:
    (now,) = [one for one in scans.waiting("wiki", 9) if one.document_id == scan.document_id]
    return now


def read(scans: Scans, scan: WaitingScan, *pages: RecognisedPage | None) -> ScanState:
    scans.found_pages(scan, len(pages))
    for page in pages:
        scans.add_page(again(scans, scan), page)
    return scans.end(again(scans, scan))


def test_a_text_is_of_these_very_bytes(scans: Scans) -> None:
    """Another version waits, and what was kept of the former one is gone, at once."""
    page = RecognisedPage("Le bornage\0.", 80.4, 10)
    assert read(scans, awaited(scans), page, RecognisedPage("Fin", 20, 5)) is ScanState.READ
    found = scans.text_of("wiki", "wiki:1", FIRST)
    assert found is not None
    assert found.sections == (Section("Le bornage\ufffd.", page=1), Section("Fin", page=2))
    assert scans.confidences(["wiki:1", "wiki:2", "notes:1"]) == {"wiki:1": 60}
    awaited(scans, SECOND)
    assert scans.confidences(["wiki:1"]) == {}
    awaited(scans)


def test_a_page_read_of_a_former_version_is_kept_nowhere(scans: Scans) -> None:
    """Nor one that comes twice, of a reader that was taken for dead."""
    former = awaited(scans)
    scans.found_pages(former, 1)
    new = awaited(scans, SECOND)
    scans.add_page(former, RecognisedPage("former", 90, 6))
    scans.end(former)
    assert again(scans, new) == new
    scans.found_pages(new, 2)
    for said in ("first", "first again"):
        scans.add_page(new, RecognisedPage(said, 90, 5))
    assert again(scans, new).done == 1


def test_a_file_without_words_or_unreadable_is_not_tried_again(scans: Scans) -> None:
    """No text of the one; of the other, why."""
    blank, broken = awaited(scans), awaited(scans, name="wiki:2")
    assert read(scans, blank, RecognisedPage("", 0, 0)) is ScanState.NO_TEXT
    for _ in range(MOST_TRIES):
        assert scans.count_try(again(scans, broken))
    assert not scans.count_try(again(scans, broken))
    assert scans.text_of("wiki", "wiki:1", FIRST) is None
    with pytest.raises(ExtractionFailed) as given_up:
        scans.text_of("wiki", "wiki:2", FIRST)
    assert given_up.value.failure is Failure.IMAGE_ONLY
    assert scans.known("wiki") == {"wiki:1", "wiki:2"}
    assert scans.awaited("wiki") == frozenset()
    assert scans.counts("wiki") == {ScanState.NO_TEXT: 1, ScanState.UNREADABLE: 1}
    scans.forget("wiki", ["wiki:1"])
    assert scans.known("wiki") == {"wiki:2"}


def test_what_is_missing_of_a_text_is_told(scans: Scans) -> None:
    """Pages that could not be read; pages beyond those that are read of one document."""
    first, second = awaited(scans), awaited(scans, name="wiki:2")
    assert read(scans, first, RecognisedPage("a", 90, 1), None) is ScanState.READ
    scans.found_pages(second, 9)
    scans.add_page(again(scans, second), RecognisedPage("b", 90, 1))
    scans.end(again(scans, second))
    told = []
    for name in ("wiki:1", "wiki:2"):
        found = scans.text_of("wiki", name, FIRST)
        assert found is not None
        told += [(part.failure, part.reason) for part in found.unread]
    assert [failure for failure, _ in told] == [Failure.UNREADABLE, Failure.TOO_LARGE]
    assert told[0][1].endswith(": 2.")


def test_what_is_put_back_waits(engine: sa.Engine, scans: Scans) -> None:
    """An hour; then it is the last."""
    clock = Clock(NOW)
    scans = Scans(engine, {"wiki"}, clock)
    awaited(scans)
    scans.put_back(awaited(scans))
    assert scans.waiting("wiki", 9) == ()
    clock.now += RETRY
    assert [one.document_id for one in scans.waiting("wiki", 9)] == ["wiki:1"]


def test_the_source_that_waits_longest_is_read_first(engine: sa.Engine) -> None:
    """One that always has more to read holds up no other for ever."""
    clock = Clock(NOW)
    scans = Scans(engine, {"archives", "wiki"}, clock)
    scans.note("wiki", "wiki:1", FIRST)
    clock.now += RETRY
    scans.note("archives", "archives:1", FIRST)
    Scans(engine, {"other"}, clock).note("other", "other:1", FIRST)
    assert scans.due() == ("wiki", "archives")
    (scan,) = scans.waiting("wiki", 9)
    scans.put_back(scan)
    assert scans.due() == ("archives",)


def test_nothing_is_kept_again_of_what_a_crawl_forgot_meanwhile(scans: Scans) -> None:
    """Its file was read while it was deleted; of one that is there, the newer bytes wait."""
    scan = awaited(scans)
    newer = scans.note_newer(scan, SECOND)
    assert newer is not None
    assert again(scans, newer) == newer
    scans.forget("wiki", ["wiki:1"])
    assert scans.note_newer(newer, FIRST) is None
    assert scans.known("wiki") == frozenset()


def test_one_document_may_be_noted_twice_at_once(scans: Scans) -> None:
    """By two crawls, or by two hands of one."""
    with ThreadPoolExecutor(HANDS) as hands:
        gate = Barrier(HANDS)

        def note(_: int) -> None:
            gate.wait()
            scans.note("wiki", "wiki:1", FIRST)

        list(hands.map(note, range(HANDS)))
    assert scans.awaited("wiki") == {"wiki:1"}


def test_the_text_of_a_forgotten_source_is_written_over(tmp_path: Path) -> None:
    """Nothing of it is left in the file."""
    path = tmp_path / "state.sqlite"
    engine = migrate(connect(f"sqlite:///{path}"))
    engine.dispose()

    def leave(connection: Any, _: object) -> None:  # as where SQLite is not built to write over
        connection.execute("pragma secure_delete = off")

    sa.event.listen(engine, "connect", leave)
    scans = Scans(engine, {"wiki"}, Clock(NOW))
    read(scans, awaited(scans), RecognisedPage("carrousel " * 2_000, 90, 9))
    engine.dispose()  # another connection forgets than the one that wrote
    State(engine).forget("wiki")
    with engine.connect() as connection:
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    engine.dispose()
    assert b"carrousel" not in path.read_bytes()


def test_a_day_has_so_many_pages(scans: Scans) -> None:
    """Counted before each is read; the next day begins anew."""
    assert [scans.take_page(DAY, 2) for _ in range(3)] == [True, True, False]
    assert not scans.take_page(DAY.replace(day=28), 0)
    assert scans.take_page(DAY.replace(day=28), 2)
    assert (scans.pages_of(DAY), scans.pages_of(DAY.replace(day=28))) == (0, 1)


def test_nothing_is_kept_of_other_files_and_sources(engine: sa.Engine, scans: Scans) -> None:
    """A sound, a source that is set so, one that is forgotten."""
    assert scans.text_of("wiki", "wiki:3", b"ID3 sound") is None
    assert scans.text_of("notes", "notes:1", FIRST) is None
    awaited(scans)
    assert Scans(engine).text_of("wiki", "wiki:1", FIRST) is None
    assert scans.known("wiki") == frozenset()
    awaited(scans)
    State(engine).forget("wiki")
    assert scans.known("wiki") == frozenset()
