"""The data that routes record about each question, and the thread that writes them.

Clicks are not recorded. Only the question, the number of results, and whether the asker looked
further into the results are recorded.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from queue import Empty, Full, Queue
from threading import Thread
from typing import Protocol

from indexer.access import Reader
from search_api.query.query import Query
from search_api.query_log.storage import hour_of

log = logging.getLogger(__name__)


class QueryKind(StrEnum):
    """Whether a question looks for documents or for experts."""

    SEARCH = "search"
    EXPERTS = "experts"


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """One question that a route answered. Its `repr` shows neither the asker nor the text.

    `further`: the asker looks further into an answer (a second page, a facet, an area, another
    order); the number of results is then not the question's own. `named` are the agents named in
    the answer.
    """

    asked_for: QueryKind
    agent_id: str = field(repr=False)
    text: str = field(repr=False)
    results: int
    further: bool = False
    named: Sequence[str] = field(default=(), repr=False)


class QueryLog(Protocol):
    """Port: where routes record questions."""

    def note(self, query: AskedQuery) -> None:
        """Record a question. Returns at once and never raises, so that no answer waits or fails."""


class NoQueryLog:
    """The default: records nothing."""

    def note(self, query: AskedQuery) -> None:
        """Do nothing."""


def search_query(reader: Reader, query: Query, total: int, named: Sequence[str]) -> AskedQuery:
    """Return the record of a search; `named` are the agents shown beside its results."""
    further = query.page > 1 or bool(query.filters or query.ordered)
    asker = reader.agent_id or ""
    return AskedQuery(QueryKind.SEARCH, asker, query.text, total, further, tuple(named))


def experts_query(reader: Reader, text: str, area: str, found: Sequence[str]) -> AskedQuery:
    """Return the record of a question for experts; `found` are the candidates' ids."""
    asker = reader.agent_id or ""
    return AskedQuery(QueryKind.EXPERTS, asker, text, len(found), bool(area), tuple(found))


MAX_QUEUED = 1_000
"""Number of questions waiting to be written; more are dropped, so that memory stays bounded."""
CLOSE_EVERY_S = 300.0
"""Interval, in seconds, within which an ended period is closed even without questions."""
DRAIN_S = 10.0
"""Time to write the waiting questions when the server stops, in seconds."""


class QueryLogWriter(Protocol):
    """Port: the stored log, for the background thread."""

    def write(self, query: AskedQuery, moment: datetime) -> None:
        """Store one question."""

    def close_ended(self, moment: datetime) -> int:
        """Close a period that has ended, and return the number of deleted rows."""


class BackgroundQueryLog:
    """A `QueryLog` written by one thread. Failures to write are only logged."""

    def __init__(
        self, stored: QueryLogWriter, now: Callable[[], datetime], most: int = MAX_QUEUED
    ) -> None:
        self._stored, self._now = stored, now
        self._waiting: Queue[tuple[AskedQuery, datetime] | None] = Queue(most)

    def note(self, query: AskedQuery) -> None:
        """Queue a question with its hour; drop it if too many questions wait."""
        try:
            self._waiting.put_nowait((query, hour_of(self._now())))
        except Full:
            log.warning("journal full", extra={"waiting": self._waiting.maxsize})

    @contextmanager
    def writing(self) -> Iterator[Thread]:
        """Write during the block, then write the waiting questions for at most `DRAIN_S`."""
        thread = Thread(target=self._work, name="journal", daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            try:
                self._waiting.put(None, timeout=DRAIN_S)
            except Full:
                log.warning("journal cut short", extra={"waiting": self._waiting.qsize()})
            else:
                thread.join(DRAIN_S)

    def _work(self) -> None:
        going = True
        while going:
            try:
                going = self._step()
            except Exception as error:  # noqa: BLE001 - no failure here may end the server
                # Only the error's class: its text may contain the question.
                log.warning("journal failed", extra={"error": type(error).__name__})

    def _step(self) -> bool:
        """Write the next question; return False after the last."""
        try:
            taken = self._waiting.get(timeout=CLOSE_EVERY_S)
        except Empty:
            self._stored.close_ended(self._now())
            return True
        if taken is None:
            return False
        self._stored.write(*taken)
        return True
