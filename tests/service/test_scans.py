"""Scanned documents, from the settings to a text found by its reader; killed, and let go."""

import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.ports import Change, Connector, SourceUnreachable, SupportsRefetch
from indexer.scans import RETRY, Scans, ScanState
from indexer.state import scan_days, scans
from quisait.application.assembly import Application, open_application
from quisait.application.sources import open_source, sources_named
from quisait.application.state_copy import backed_up_tables
from quisait.clock import today
from quisait.commands.answers import answer_context, command_line_reader, results_text
from quisait.settings import load_settings
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.scans import ROUND_S, ScanReport, read_scans
from search_api.documents.service import document_answer
from search_api.query.query import Query
from search_api.search.responses import search_answer
from search_api.search.service import QuestionAnswer, answer_question
from tests.samples.pdf_files import text_pages
from tests.samples.scans import NOTE, drawn, png, scanned_pdf, tiff
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

SECRET = "Le carrousel Zanzibar\npasse par trois sociétés."
NEWER = "Le bornage de la parcelle\nse signe en mairie."
QUESTION = "régie trésorier carrousel Zanzibar bornage parcelle"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A scan for everybody, one for a group, one that is a typed text; the rules of `place`."""
    made = make_place(tmp_path / "place", QUISAIT_SCANS__ENABLED="true")
    for name in ("bornage.txt", "regie.md", "secret.txt"):
        (made.folder / "notes" / name).unlink()
    rules = "pattern,allowed,author\n*,everyone,ana\nsecret.*,annuaire:group:fraude,ana\n"
    (made.folder / "notes" / "_quisait.csv").write_text(rules, "utf-8")
    (made.folder / "notes" / "regie.pdf").write_bytes(scanned_pdf([drawn(NOTE), drawn(NEWER)]))
    (made.folder / "notes" / "secret.png").write_bytes(png(drawn(SECRET)))
    made.enter(monkeypatch)
    return made


@contextmanager
def opened() -> Iterator[Application]:
    with open_application(load_settings()) as application:
        yield application


def crawled(application: Application, *, full: bool = False) -> None:
    notes = sources_named(application.settings, ["notes"])
    (outcome,) = crawl_sources(application, notes, full=full, quiet=True, accept_deletions=True)
    assert not outcome.error


def read(application: Application) -> ScanReport:
    return read_scans(application, Event(), round_s=None)


def found(application: Application, agent: str, words: str = QUESTION) -> QuestionAnswer:
    with answer_context(application) as context:
        reader = command_line_reader(application, agent)
        return answer_question(context, reader, Query(words), candidates=3)


def ids(answer: QuestionAnswer) -> set[str]:
    return {one.card.document_id for one in answer.results.results}


def kept(application: Application) -> dict[str, str]:
    """State of each scan by its document, as the database has it."""
    with application.database.connect() as connection:
        return dict(connection.execute(sa.select(scans.c.document_id, scans.c.state)).all())


def test_from_the_settings_to_a_found_text(place: Place) -> None:
    """It waits, is read, is found by whom its rules admit, and says how sure that is."""
    with opened() as application:
        assert {scans, scan_days} <= set(backed_up_tables())
        assert application.book.agent("ag-1") is None
        read_directory(application)
        crawled(application)
        waiting = {"notes:regie.pdf": ScanState.WAITING, "notes:secret.png": ScanState.WAITING}
        assert kept(application) == waiting
        assert application.state.failure_counts("notes") == {"awaits_recognition": 2}
        assert ids(found(application, "ag-2")) == set()

        report = read(application)
        assert (report.pages, report.failed, report.ended) == (3, 0, {ScanState.READ: 2})
        assert ids(found(application, "ag-2")) == set()
        crawled(application)
        assert application.state.failure_counts("notes") == {}
        seen = found(application, "ag-1")
        assert ids(seen) == {"notes:regie.pdf"}
        assert ids(found(application, "ag-2")) == {"notes:regie.pdf", "notes:secret.png"}
        known = found(application, "ag-2", "régie trésorier").people.cards
        assert [one.candidate.agent.id for one in known] == ["ag-1"]

        sure = seen.recognised["notes:regie.pdf"]
        assert 80 < sure <= 100
        assert f"Texte reconnu sur une numérisation (confiance {sure} %)" in results_text(seen)
        (document,) = search_answer(seen, today()).documents
        assert document.recognised == sure
        with answer_context(application) as context:
            reader = command_line_reader(application, "ag-1")
            whole = document_answer(context, reader, "notes:regie.pdf")
        assert whole.recognised == sure
        assert [part.place for part in whole.parts] == ["page\u00a01", "page\u00a02"]

        # Nothing is read twice, by whichever way the source is read.
        crawled(application, full=True)
        assert read(application).pages == 0
        assert ids(found(application, "ag-1")) == {"notes:regie.pdf"}


def test_a_former_version_and_a_deleted_file_leave_nothing(place: Place) -> None:
    """The recognised text of a replaced or deleted file is deleted at once."""
    notes = place.folder / "notes"
    with opened() as application:
        read_directory(application)
        crawled(application)
        read(application)
        crawled(application)
        (notes / "regie.pdf").write_bytes(scanned_pdf([drawn(NEWER)]))
        (notes / "secret.png").unlink()
        crawled(application)
        assert kept(application) == {"notes:regie.pdf": ScanState.WAITING}
        assert ids(found(application, "ag-2")) == set()
        assert "Zanzibar" not in everything_in(application.database)
        assert "trésorier" not in everything_in(application.database)

        (notes / "regie.pdf").write_bytes(scanned_pdf([drawn(NOTE)]))
        read(application)  # of the version that is there, before the crawl knows it
        crawled(application)
        assert ids(found(application, "ag-1", "régie trésorier")) == {"notes:regie.pdf"}
        (notes / "regie.pdf").write_bytes(text_pages([NEWER]))
        crawled(application)
        typed = found(application, "ag-1", "bornage parcelle")
        assert (ids(typed), typed.recognised, kept(application)) == ({"notes:regie.pdf"}, {}, {})


def everything_in(database: sa.Engine) -> str:
    with database.connect() as connection:
        return str(connection.execute(sa.select(scans)).all())


def test_what_is_not_to_be_read_is_not(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that nobody reads, or of a source that is set so; nor more than the day's pages."""
    notes = place.folder / "notes"
    rules = "pattern,allowed,author\n*,everyone,ana\nsecret.*,nobody,ana\n"
    (notes / "_quisait.csv").write_text(rules, "utf-8")
    monkeypatch.setenv("QUISAIT_SCANS__PAGES_PER_DAY", "1")
    with opened() as application:
        crawled(application)
        report = read(application)
        assert (report.pages, report.budget_spent) == (1, True)
        assert read(application).pages == 0
        assert kept(application)["notes:secret.png"] == ScanState.WAITING
        assert "Zanzibar" not in everything_in(application.database)
    monkeypatch.setenv("QUISAIT_SCANS__PAGES_PER_DAY", "100")
    monkeypatch.setenv("QUISAIT_SCANS__PAGES_PER_DOCUMENT", "1")
    with opened() as application:
        assert read(application).ended == {ScanState.READ: 1}
        assert kept(application)["notes:secret.png"] == ScanState.WAITING
        crawled(application)
        (cut,) = application.state.failures_of("notes")[:1]
        assert application.state.failure_counts("notes")["too_large"] == 1, cut
    settings = (place.folder / "quisait.toml").read_text("utf-8")
    off = settings.replace('path = "notes"\n', 'path = "notes"\nscans = false\n')
    (place.folder / "quisait.toml").write_text(off, "utf-8")
    with opened() as application:
        crawled(application, full=True)
        assert kept(application) == {}
        assert application.index.count("notes") == 0
        assert application.state.failure_counts("notes") == {"image_only": 1, "not_text": 1}


class Far:
    """A source that takes more than a round to find what is asked, and the clock of it."""

    moment = 0.0
    source: Connector
    away = ""
    """The source that does not answer at all."""

    def open(self, *asked: Any) -> "Far":
        self.source = open_source(*asked)
        return self

    def monotonic(self) -> float:
        return self.moment

    def changes(self, since: str | None) -> Iterator[Change]:
        return self.source.changes(since)

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        assert isinstance(self.source, SupportsRefetch)
        self.moment += 2 * ROUND_S
        if self.source.source == self.away:
            raise SourceUnreachable("absente")
        yield from self.source.refetch(document_ids)


def test_a_source_that_takes_a_round_to_find_a_file_has_it_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share of many files may: the time of a round is that of reading."""
    far = Far()
    monkeypatch.setattr("quisait.work.scans.open_source", far.open)
    monkeypatch.setattr("quisait.work.scans.time", far)
    with opened() as application:
        crawled(application)
        assert read_scans(application, Event()).pages == 3


def test_a_source_that_is_away_holds_up_no_other(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes to find that out, and though its scans wait longest."""
    shutil.copytree(place.folder / "notes", place.folder / "archives")
    more = '\n[[sources]]\nname = "archives"\nkind = "folder"\npath = "archives"\n'
    with (place.folder / "quisait.toml").open("a", encoding="utf-8") as settings:
        settings.write(more)
    far = Far()
    far.away = "notes"
    monkeypatch.setattr("quisait.work.scans.open_source", far.open)
    monkeypatch.setattr("quisait.work.scans.time", far)
    with opened() as application:
        crawled(application)
        crawl_sources(application, sources_named(application.settings, ["archives"]), quiet=True)
        report = read_scans(application, Event())
        assert (report.pages, report.away) == (3, ["absente"])


def test_a_page_that_cannot_be_read_is_given_up(place: Place) -> None:
    """After so many tries; the others are found, and what is missing is listed."""
    notes = place.folder / "notes"
    broken = bytearray(tiff([drawn(SECRET), drawn(NOTE)]))
    second = int.from_bytes(broken[4:8], "little") + 2 + 9 * 12
    at = int.from_bytes(broken[second : second + 4], "little")
    broken[at + 2 + 2 * 12 + 8] = 77  # so many bits a pixel no program reads
    (notes / "regie.pdf").write_bytes(bytes(broken))
    (notes / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"rien")
    with opened() as application:
        crawled(application)
        for hours in range(4):
            later = datetime.now(UTC) + hours * RETRY + timedelta(minutes=1)
            shifted = Scans(application.database, ["notes"], partial(_same, later))
            read(replace(application, scans=shifted))
        assert kept(application) == {
            "notes:regie.pdf": ScanState.READ,
            "notes:secret.png": ScanState.UNREADABLE,
        }
        crawled(application)
        told = {row.key: row.kind for row in application.state.failures_of("notes")}
        assert told == {"notes:regie.pdf": "unreadable", "notes:secret.png": "image_only"}
        assert application.index.count("notes") == 1


def _same(moment: datetime) -> datetime:
    return moment


MANY, KILLS = 2, 4


def test_killed_at_any_write_it_loses_nothing(place: Place) -> None:
    """Crawls and readings die at writes that a seed chooses; each page is then there once."""
    draw = random.Random(0)
    for number in range(MANY):
        words = f"Le dossier numéro {number}\nest instruit au greffe."
        (place.folder / "notes" / f"{number}.pdf").write_bytes(scanned_pdf([drawn(words)]))
    killed = 0
    for _ in range(KILLS):
        killed += child(place, draw.randint(2, 40)) == -signal.SIGKILL
    assert killed >= KILLS / 2
    assert child(place, 0) == 0
    with opened() as application:
        assert set(kept(application).values()) == {ScanState.READ}
        assert application.state.failure_counts("notes") == {}
        assert application.index.count("notes") == MANY + 2
        with application.database.connect() as connection:
            rows = connection.execute(sa.select(scans.c.pages, scans.c.file_pages)).all()
            (pages,) = connection.execute(sa.select(scan_days.c.pages)).scalars()
        assert all(len(row.pages) == row.file_pages for row in rows)
        assert MANY + 3 <= pages <= MANY + 3 + killed


def child(place: Place, writes: int) -> int:
    """Crawl, read and crawl; it ends itself at that write, and not for 0. Its exit status."""
    return place.begun(str(writes), module="tests.service.scan_reader").wait(120)


def test_the_commands_say_where_it_stands(place: Place) -> None:
    """Commands show the engine, the pages read, the waiting scans and the next command."""
    assert "numérisations : tesseract" in place.run("check").stdout
    place.run("crawl", "notes")
    told = place.run("scans", "--read").stdout
    assert "3 pages lues" in told
    assert "Lancez « quisait crawl »" in told
    assert "notes : reconnus : 2" in told
    off = Place(place.folder, {**place.environment, "QUISAIT_SCANS__ENABLED": "false"})
    assert "[scans] enabled" in off.run("scans", status=1).stderr
