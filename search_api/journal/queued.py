"""The journal of a server: routes put questions in a queue, one thread writes them down."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from queue import Empty, Full, Queue
from threading import Thread
from typing import Protocol

from search_api.journal.period import hour_of
from search_api.journal.port import Asking

log = logging.getLogger(__name__)

MOST_WAITING = 1_000
"""Questions beyond it are not noted: a database that is away must not fill the memory."""
TURNS_EVERY_S = 300.0
"""Where nobody asks, a period that has ended is closed after so long."""
END_S = 10.0


class WrittenJournal(Protocol):
    """Where questions end up."""

    def write(self, asking: Asking, moment: datetime) -> None:
        """Keep one."""
        ...

    def turn(self, moment: datetime) -> int:
        """Close a period that has ended."""
        ...


class QueuedJournal:
    """The `Journal` that the routes are given. A fault of it is counted in the log alone."""

    def __init__(
        self, journal: WrittenJournal, now: Callable[[], datetime], most: int = MOST_WAITING
    ) -> None:
        self._journal, self._now = journal, now
        self._waiting: Queue[tuple[Asking, datetime] | None] = Queue(most)

    def note(self, asking: Asking) -> None:
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
                self._waiting.put(None, timeout=END_S)
            except Full:
                log.warning("journal cut short", extra={"waiting": self._waiting.qsize()})
            else:
                thread.join(END_S)

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
            taken = self._waiting.get(timeout=TURNS_EVERY_S)
        except Empty:
            self._journal.turn(self._now())
            return True
        if taken is None:
            return False
        self._journal.write(*taken)
        return True
