"""What routes record of each question, and the thread that writes it.

No clicks are followed: only what was asked, how many answers there were, and whether somebody
looked further into them.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from queue import Empty, Full, Queue
from threading import Thread
from typing import Protocol

from indexer.access import Reader
from search_api.query_log.storage import hour_of
from search_api.questions.query import ResultOrder


class QueryKind(StrEnum):
    """What a question looks for."""

    SEARCH = "search"
    EXPERTS = "experts"


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """One question as a route met it. Neither who nor what shows in its `repr`.

    `further`: the answers were known already, and were looked into (a second page, a facet,
    an area, another order); their number then is not the question's own.
    `named`: the agents whom the answer brought up.
    """

    asked_for: QueryKind
    agent_id: str = field(repr=False)
    text: str = field(repr=False)
    results: int
    further: bool = False
    named: Sequence[str] = field(default=(), repr=False)


class QueryLog(Protocol):
    """Where questions are noted."""

    def note(self, asking: AskedQuery) -> None:
        """Returns at once and never raises: an answer neither waits nor fails for it."""
        ...


class NoQueryLog:
    """Keeps nothing: the default."""

    def note(self, asking: AskedQuery) -> None:
        """Let it pass."""


def search_query(
    reader: Reader,
    text: str,
    filters: Mapping[str, Sequence[str]],
    page: int,
    total: int,
    order: ResultOrder = ResultOrder.RELEVANCE,
    named: Sequence[str] = (),
) -> AskedQuery:
    """A search, as the API or a page answered it; `named` are the agents shown beside it."""
    further = page > 1 or bool(filters) or order is not ResultOrder.RELEVANCE
    asker = reader.agent_id or ""
    return AskedQuery(QueryKind.SEARCH, asker, text, total, further, tuple(named))


def experts_query(reader: Reader, text: str, area: str, found: Sequence[str]) -> AskedQuery:
    """A question for those who know; `found` are the candidates' ids."""
    asker = reader.agent_id or ""
    return AskedQuery(QueryKind.EXPERTS, asker, text, len(found), bool(area), tuple(found))


log = logging.getLogger(__name__)

MAX_QUEUED = 1_000
"""Questions beyond it are not noted: a database that is away must not fill the memory."""
CLOSE_EVERY_S = 300.0
"""Where nobody asks, a period that has ended is closed after so long."""
DRAIN_S = 10.0


class QueryLogWriter(Protocol):
    """Where questions end up."""

    def write(self, asking: AskedQuery, moment: datetime) -> None:
        """Keep one."""
        ...

    def turn(self, moment: datetime) -> int:
        """Close a period that has ended."""
        ...


class BackgroundQueryLog:
    """The `Journal` that the routes are given. A fault of it is counted in the log alone."""

    def __init__(
        self, journal: QueryLogWriter, now: Callable[[], datetime], most: int = MAX_QUEUED
    ) -> None:
        self._journal, self._now = journal, now
        self._waiting: Queue[tuple[AskedQuery, datetime] | None] = Queue(most)

    def note(self, asking: AskedQuery) -> None:
        """Leave it to the thread, with the hour alone; lost where too many wait already."""
        try:
            self._waiting.put_nowait((asking, hour_of(self._now())))
        except Full:
            log.warning("journal full", extra={"waiting": self._waiting.maxsize})

    @contextmanager
    def writing(self) -> Iterator[Thread]:
        """Write down what comes; what waits at the end is written too, for `END_S` at most."""
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
            except Exception as error:  # noqa: BLE001 - no fault of it may end the server
                # Its kind alone: the text of an error may hold the question.
                log.warning("journal failed", extra={"error": type(error).__name__})

    def _step(self) -> bool:
        """Write down the next one; False after the last."""
        try:
            taken = self._waiting.get(timeout=CLOSE_EVERY_S)
        except Empty:
            self._journal.turn(self._now())
            return True
        if taken is None:
            return False
        self._journal.write(*taken)
        return True
