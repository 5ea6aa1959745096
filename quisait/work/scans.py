"""Recognise the text of waiting scanned documents, page by page, within a daily budget.

A crawl queues such documents (`indexer.scans`) without reading them. This module fetches each
document from its source again and reads it page by page. Each page is stored at once, so that a
crash only loses one page.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Event

from connectors.ports import RecordVanished, SourceError, SupportsRefetch, Upsert
from connectors.values import Document
from indexer.recognition import (
    RecognisedPage,
    RecognitionFailed,
    RecognitionLimits,
    RecognitionStopped,
    Tesseract,
    scan_kind,
)
from indexer.scans import Scans, ScanState, WaitingScan, hash_of
from indexer.state import reference_of
from quisait.application.assembly import Application
from quisait.application.sources import on_noted_root, open_source
from quisait.clock import today
from quisait.settings import Settings
from quisait.settings.sources import SourceSettings

log = logging.getLogger(__name__)

ROUND_S = 60.0
"""Maximum duration of one round, in seconds, so that a worker's sources do not wait longer. The
current page and the time to fetch the first file are not counted.
"""
ASKED_AT_ONCE = 50
"""Maximum number of documents per request to a source, which may read all its files for it."""


@dataclass(slots=True)
class ScanReport:
    """The result of a round.

    `pages` is the number of pages read, `failed` of pages that could not be read. `ended` counts
    finished documents by state. `budget_spent`: the day's pages are used up. `away`: one sentence
    for each source that did not answer.
    """

    pages: int = 0
    failed: int = 0
    ended: dict[ScanState, int] = field(default_factory=dict)
    budget_spent: bool = False
    away: list[str] = field(default_factory=list)


def open_tesseract(settings: Settings, stop: Event) -> Tesseract:
    """Return Tesseract with the language and the limits of the settings."""
    asked = settings.scans
    limits = RecognitionLimits(asked.page_timeout_s, asked.max_memory_bytes)
    return Tesseract(asked.language, limits, stop.is_set)


def read_scans(
    application: Application, stop: Event, *, round_s: float | None = ROUND_S
) -> ScanReport:
    """Read pages until none waits, the budget or the round's time is used up, or `stop` is set.

    Raises `RecognitionUnavailable` if Tesseract or its language is missing. A source that does not
    answer is reported, and does not delay other sources.
    """
    settings = application.settings
    tesseract = open_tesseract(settings, stop)
    reading = _Round(application, tesseract, stop, round_s, time.monotonic())
    if application.scans.pages_of(today()) >= settings.scans.pages_per_day:
        reading.report.budget_spent = True
        return reading.report
    named = {source.name: source for source in settings.sources}
    due = application.scans.due()
    if due:
        tesseract.check()
    for source in map(named.__getitem__, due):
        if reading.is_over():
            break
        try:
            reading.source(source)
        except SourceError as error:
            reading.report.away.append(str(error))
            if not reading.given:  # before the first file, time is not counted
                reading.begun = time.monotonic()
    return reading.report


@dataclass(slots=True)
class _Round:
    application: Application
    tesseract: Tesseract
    stop: Event
    round_s: float | None
    begun: float
    report: ScanReport = field(default_factory=ScanReport)
    given: bool = False
    """Whether a file has been fetched. The time before is not counted, because otherwise no page
    would ever be read of a source that takes a whole round to find a file.
    """

    def must_end(self) -> bool:
        return self.is_late() or self.stop.is_set()

    def is_late(self) -> bool:
        return self.round_s is not None and time.monotonic() >= self.begun + self.round_s

    @property
    def scans(self) -> Scans:
        return self.application.scans

    def is_over(self) -> bool:
        return self.report.budget_spent or self.must_end()

    def source(self, settings: SourceSettings) -> None:
        """Read the waiting scans of one source, each at most once. Raises `SourceError`."""
        connector = on_noted_root(
            open_source(settings, self.application.database, self.application.questions),
            settings,
            self.application.state,
        )
        if not isinstance(connector, SupportsRefetch):
            return
        seen: set[str] = set()
        while not self.is_over():
            found = self.scans.waiting(settings.name, len(seen) + ASKED_AT_ONCE)
            some = {one.document_id: one for one in found if one.document_id not in seen}
            if not some:
                return
            seen |= some.keys()
            self.some(connector, some)

    def some(self, connector: SupportsRefetch, asked: Mapping[str, WaitingScan]) -> None:
        """Read these scans as long as there is time.

        Put scans back that the source does not give.
        """
        silent = dict(asked)
        for change in connector.refetch(frozenset(asked)):
            if isinstance(change, Upsert) and (scan := silent.pop(change.document.id, None)):
                self.document(scan, change.document)
            if self.is_over():
                return
        for scan in silent.values():
            self.scans.put_back(scan)

    def document(self, scan: WaitingScan, document: Document) -> None:
        """Read the document's remaining pages."""
        if not document.access.allowed:
            self.scans.put_back(scan)  # nobody may read it now: try again later
            return
        content = self.content(scan, document)
        if content is None:
            return
        if hash_of(content) != scan.content:
            # A crawl has not read this version yet; its text will be ready by then.
            if scan_kind(content) is None:
                self.scans.forget(scan.source, [scan.document_id])
                return
            newer = self.scans.note_newer(scan, content)
            if newer is None:
                return  # meanwhile a crawl has deleted it, or noted another version
            scan = newer
        self.pages(scan, content)

    def content(self, scan: WaitingScan, document: Document) -> bytes | None:
        """Return the document's bytes; if there are none, put the scan back and return None."""
        most = self.application.settings.extractor.max_bytes
        if document.content is not None and (document.content.size_bytes or 0) <= most:
            try:
                content = document.content.read()
            except RecordVanished:
                pass
            else:
                if len(content) <= most:
                    return content
        self.scans.put_back(scan)
        return None

    def pages(self, scan: WaitingScan, content: bytes) -> None:
        is_first, self.given = not self.given, True
        if is_first:
            self.begun = time.monotonic()
        if scan.file_pages is None:
            if not self.scans.count_try(scan):
                self.count(ScanState.UNREADABLE)
                return
            try:
                file_pages = self.tesseract.pages(content)
            except RecognitionStopped:
                self.take_back(scan)
                return
            except RecognitionFailed as failed:
                self.tell(scan, failed)
                return
            self.scans.found_pages(scan, file_pages)
            scan = replace(scan, file_pages=file_pages, tries=0)
        most = self.application.settings.scans.pages_per_document
        while scan.done < min(scan.file_pages or 0, most):
            if self.stop.is_set() or (self.is_late() and not is_first):
                return
            if not self.page(scan, content):
                return
            scan, is_first = replace(scan, done=scan.done + 1, tries=0), False
        self.count(self.scans.end(scan))

    def page(self, scan: WaitingScan, content: bytes) -> bool:
        """Read the next page; return whether it is finished, either read or given up."""
        if not self.scans.count_try(scan):
            return True
        if not self.scans.take_page(today(), self.application.settings.scans.pages_per_day):
            self.report.budget_spent = True
            self.take_back(scan)
            return False
        try:
            page: RecognisedPage = self.tesseract.page(content, scan.done + 1)
        except RecognitionStopped:
            self.take_back(scan)
            return False
        except RecognitionFailed as failed:
            self.tell(scan, failed)
            return False
        self.scans.add_page(scan, page)
        self.report.pages += 1
        return True

    def take_back(self, scan: WaitingScan) -> None:
        """Undo the last count of a try."""
        self.scans.count_tries(scan, scan.tries)

    def tell(self, scan: WaitingScan, failed: RecognitionFailed) -> None:
        """Put the scan back for another try, and log the failure."""
        self.report.failed += 1
        self.scans.put_back(scan)
        fields = {"source": scan.source, "reference": reference_of(scan.document_id)}
        log.info("page not recognised", extra={**fields, "reason": str(failed)})

    def count(self, state: ScanState) -> None:
        self.report.ended[state] = self.report.ended.get(state, 0) + 1
