"""Scanned documents: the queue of documents to recognise, and the recognised texts.

A crawl queues a file that holds only images, and goes on. Another pass recognises its text, page by
page (`quisait.work.scans`). The next crawl asks for the document again, and finds the text. A text
belongs to exactly the bytes that it was recognised from: another version is queued again.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from connectors.batches import batches
from connectors.values import Section
from indexer import sql
from indexer.errors import ExtractionFailed
from indexer.recognition import RecognisedPage, scan_kind
from indexer.state import digest, overwrite_deleted, rows_of, scan_days, scans, storable
from indexer.values import Extracted, Failure, UnreadPart

MOST_TRIES = 3
"""Maximum number of tries of a page in a row."""
RETRY = timedelta(hours=1)
"""Delay before a page is tried again, or before a source is asked again for a missing file."""
_IDS_AT_ONCE = 500
"""Number of ids in one statement: below the parameter limit of every database."""


class ScanState(StrEnum):
    """`no_text`: the scan has no words. `unreadable`: no page could be read."""

    WAITING = "waiting"
    READ = "read"
    NO_TEXT = "no_text"
    UNREADABLE = "unreadable"


_AWAITED = "Numérisation : son texte sera reconnu par un prochain passage ([scans])."
_GIVEN_UP = f"Numérisation : aucune page n'a pu être lue, en {MOST_TRIES} essais chacune."


@dataclass(frozen=True, slots=True)
class WaitingScan:
    """A queued document with `done` pages read; `file_pages` is None until it is known.

    `content` is the SHA-256 of the file's bytes; `tries` counts failed tries of the next page.
    """

    source: str
    document_id: str
    content: str
    tries: int
    file_pages: int | None
    done: int


def hash_of(content: bytes) -> str:
    """Return the SHA-256 of a file's bytes, which ties a text to its file."""
    return sha256(content).hexdigest()


class Scans:
    """The scans in a database. `sources` are the sources whose scans are recognised."""

    def __init__(
        self,
        engine: sa.Engine,
        sources: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine, self._sources, self._now = engine, frozenset(sources), now

    def recognise(self, source: str) -> None:
        """Recognise the scans of another source from now on."""
        self._sources |= {source}

    def text_of(self, source: str, document_id: str, content: bytes) -> Extracted | None:
        """Return the recognised text of exactly these bytes, or None if recognition gives none.

        Raises `ExtractionFailed`: with `awaits_recognition` once the document is queued, or with
        `image_only` if no page could be read.
        """
        row = sql.first(self._engine, sa.select(scans).where(_of(source, document_id)))
        if source not in self._sources or scan_kind(content) is None:
            if row is not None:
                self.forget(source, [document_id])
            return None
        if row is None or row.content != hash_of(content):
            self.note(source, document_id, content)
            raise ExtractionFailed(Failure.AWAITS_RECOGNITION, _AWAITED)
        match row.state:
            case ScanState.WAITING:
                raise ExtractionFailed(Failure.AWAITS_RECOGNITION, _AWAITED)
            case ScanState.UNREADABLE:
                raise ExtractionFailed(Failure.IMAGE_ONLY, _GIVEN_UP)
            case ScanState.NO_TEXT:
                return None
        return _extracted(row.pages, row.file_pages)

    def note(self, source: str, document_id: str, content: bytes) -> None:
        """Queue these bytes for recognition; delete results of a former version."""
        row = {
            "source": source,
            "digest": digest(document_id),
            "document_id": storable(document_id),
            "content": hash_of(content),
            "state": ScanState.WAITING,
            "noted": self._now(),
            "tries": 0,
            "pages": [],
        }
        # Another thread or process may note the same document at the same time.
        with suppress(sa.exc.IntegrityError), self._engine.begin() as connection:
            _erase(connection, _of(source, document_id))
            connection.execute(sa.insert(scans), row)

    def note_newer(self, scan: WaitingScan, content: bytes) -> WaitingScan | None:
        """Replace the bytes of a scan that still waits; return None if it does not wait any more.

        If the document was deleted meanwhile, nothing of it may be stored again.
        """
        values = {
            "content": hash_of(content),
            "noted": self._now(),
            "tries": 0,
            "file_pages": None,
            "pages": [],
        }
        with self._engine.begin() as connection:
            overwrite_deleted(connection)
            newer = sa.update(scans).where(_version(scan)).values(**values)
            if not connection.execute(newer).rowcount:
                return None
        return WaitingScan(scan.source, scan.document_id, hash_of(content), 0, None, 0)

    def known(self, source: str) -> frozenset[str]:
        """Return the documents of the source that have a row."""
        return self._ids(scans.c.source == source)

    def awaited(self, source: str) -> frozenset[str]:
        """Return the documents still to be recognised; empty if the source is not in `sources`."""
        if source not in self._sources:
            return frozenset()
        return self._ids((scans.c.source == source) & (scans.c.state == ScanState.WAITING))

    def _ids(self, which: sa.ColumnElement[bool]) -> frozenset[str]:
        return frozenset(sql.scalars(self._engine, sa.select(scans.c.document_id).where(which)))

    def forget(self, source: str, document_ids: Collection[str]) -> None:
        """Delete all that is stored about these documents."""
        keys = sorted(map(digest, document_ids))
        with self._engine.begin() as connection:
            for batch in batches(keys, _IDS_AT_ONCE):
                _erase(connection, (scans.c.source == source) & scans.c.digest.in_(batch))

    def confidences(self, document_ids: Collection[str]) -> Mapping[str, int]:
        """Return the recognition confidence (0 to 100) of documents with a recognised text."""
        by_source: dict[str, list[str]] = defaultdict(list)
        for document_id in document_ids:
            by_source[document_id.partition(":")[0]].append(digest(document_id))
        columns = (scans.c.document_id, scans.c.confidence)
        these = (
            (scans.c.source == source) & scans.c.digest.in_(keys)
            for source, keys in by_source.items()
        )
        query = sa.select(*columns).where(
            sa.or_(sa.false(), *these), scans.c.state == ScanState.READ
        )
        return dict(sql.rows(self._engine, query)) if by_source else {}

    def counts(self, source: str) -> Mapping[ScanState, int]:
        """Return the number of the source's documents in each state."""
        query = sa.select(scans.c.state, sa.func.count()).where(rows_of(scans, source))
        rows = sql.rows(self._engine, query.group_by(scans.c.state))
        return {ScanState(state): count for state, count in rows}

    def waiting(self, source: str, most: int) -> tuple[WaitingScan, ...]:
        """Return queued scans that are due, oldest first."""
        mine = (scans.c.source == source) & (scans.c.state == ScanState.WAITING)
        mine &= scans.c.noted <= self._now()
        query = sa.select(scans).where(mine).order_by(scans.c.noted, scans.c.digest).limit(most)
        return tuple(
            sql.value(WaitingScan, row, done=len(row["pages"]))
            for row in sql.mappings(self._engine, query)
        )

    def due(self) -> tuple[str, ...]:
        """Return the sources with scans that are due, starting with the oldest scan."""
        mine = (scans.c.state == ScanState.WAITING) & (scans.c.noted <= self._now())
        longest = sa.func.min(scans.c.noted)
        query = sa.select(scans.c.source).where(mine).group_by(scans.c.source)
        sources = sql.scalars(self._engine, query.order_by(longest, scans.c.source))
        return tuple(source for source in sources if source in self._sources)

    def put_back(self, scan: WaitingScan) -> None:
        """Postpone the scan by `RETRY`."""
        self._change(scan, noted=self._now() + RETRY)

    def count_try(self, scan: WaitingScan) -> bool:
        """Count a try of the next page before it is made; return whether it may be made.

        The try is counted first, because it may kill the process. If no try is left, the page is
        given up, or the whole file if its number of pages is unknown.
        """
        if scan.tries < MOST_TRIES:
            self._change(scan, tries=scan.tries + 1)
            return True
        if scan.file_pages is None:
            self._change(scan, state=ScanState.UNREADABLE)
        else:
            self.add_page(scan, None)
        return False

    def count_tries(self, scan: WaitingScan, tries: int) -> None:
        """Set the number of failed tries of the scan's next page."""
        self._change(scan, tries=tries)

    def found_pages(self, scan: WaitingScan, file_pages: int) -> None:
        """Store the number of pages of the file, and set the number of tries to 0."""
        self._change(scan, file_pages=file_pages, tries=0)

    def add_page(self, scan: WaitingScan, page: RecognisedPage | None) -> None:
        """Store the text of the next page; None if the page cannot be read."""
        stored = [storable(page.text), round(page.confidence, 1), page.letters] if page else None
        with self._engine.begin() as connection:
            mine = _version(scan)
            pages = connection.execute(sa.select(scans.c.pages).where(mine)).scalar()
            if pages is not None and len(pages) == scan.done:
                more = sa.update(scans).where(mine)
                connection.execute(more.values(pages=[*pages, stored], tries=0))

    def end(self, scan: WaitingScan) -> ScanState:
        """Close a scan after its last page to read; return its state."""
        with self._engine.begin() as connection:
            mine = _version(scan)
            pages = connection.execute(sa.select(scans.c.pages).where(mine)).scalar() or []
            read = [page for page in pages if page]
            letters = sum(page[2] for page in read)
            if letters:
                state = ScanState.READ
            else:
                state = ScanState.NO_TEXT if read else ScanState.UNREADABLE
            mean = sum(page[1] * page[2] for page in read) / letters if letters else 0.0
            values: dict[str, Any] = {"state": state, "confidence": round(mean)}
            if not letters:
                values["pages"] = []
            connection.execute(sa.update(scans).where(mine).values(**values))
        return state

    def take_page(self, day: date, most: int) -> bool:
        """Count one more page on a day, read or not; return whether the limit `most` allows it."""
        with self._engine.begin() as connection:
            mine = scan_days.c.day == day
            more = sa.update(scan_days).where(mine, scan_days.c.pages < most)
            if connection.execute(more.values(pages=scan_days.c.pages + 1)).rowcount:
                return True
            if connection.execute(sa.select(scan_days.c.day).where(mine)).first() or most < 1:
                return False
            connection.execute(sa.delete(scan_days).where(scan_days.c.day < day))
            connection.execute(sa.insert(scan_days).values(day=day, pages=1))
            return True

    def pages_of(self, day: date) -> int:
        """Return the number of pages tried on a day, read or not."""
        query = sa.select(scan_days.c.pages).where(scan_days.c.day == day)
        return sql.scalar(self._engine, query) or 0

    def _change(self, scan: WaitingScan, **values: Any) -> None:
        sql.execute(self._engine, sa.update(scans).where(_version(scan)).values(**values))


def _extracted(pages: Sequence[Any], file_pages: int) -> Extracted:
    """Return a section per page; missing pages are reported like unread parts of any file."""
    sections = tuple(
        Section(page[0], page=number if file_pages > 1 else None)
        for number, page in enumerate(pages, 1)
        if page and page[0]
    )
    failed = [str(number) for number, page in enumerate(pages, 1) if page is None]
    unread = []
    if len(pages) < file_pages:
        reason = f"Texte reconnu sur {len(pages)} pages des {file_pages} ([scans])."
        unread.append(UnreadPart("", Failure.TOO_LARGE, reason))
    elif failed:
        reason = f"Numérisation : pages qui n'ont pas pu être lues : {', '.join(failed)}."
        unread.append(UnreadPart("", Failure.UNREADABLE, reason))
    return Extracted(sections, unread=tuple(unread))


def _of(source: str, document_id: str) -> sa.ColumnElement[bool]:
    return (scans.c.source == source) & (scans.c.digest == digest(document_id))


def _version(scan: WaitingScan) -> sa.ColumnElement[bool]:
    """Match the row while it waits with the same content: a crawl may have replaced it."""
    same = (scans.c.content == scan.content) & (scans.c.state == ScanState.WAITING)
    return _of(scan.source, scan.document_id) & same


def _erase(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    overwrite_deleted(connection)
    connection.execute(sa.delete(scans).where(which))
