"""How many requests of one reader are worked on at once; the others wait for their turn.

What waits holds no thread: whoever opens many connections holds up nobody but themselves. In
the memory of one process, as the rates are.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

QUESTIONS = 2
"""Questions of one reader that are answered at once, unless the settings say otherwise."""
OTHERS = 4
"""Their other requests: suggestions while they type, pages. They wait for no question."""
WAITING = 16
"""So many more may wait: a dozen tabs, opened one after the other."""
WAIT_S = 20.0
"""How long a request waits. Nobody who reads what they ask for waits so long."""


class Work(StrEnum):
    """What a request asks for; each has its own turns."""

    QUESTION = "question"
    OTHER = "other"


class TooManyAtOnce(Exception):
    """A reader has too many requests under way."""


@dataclass(slots=True)
class _Waiter:
    """A request that waits, in the loop that serves it."""

    loop: asyncio.AbstractEventLoop
    granted: "asyncio.Future[None]"


@dataclass(slots=True)
class _Line:
    """One reader's requests of one kind."""

    running: int = 0
    waiting: deque[_Waiter] = field(default_factory=deque)


class AtOnce:
    """Turns, by kind of work and reader, in the order in which they were asked for.

    `questions` and `others` are how many have theirs at once, 0: any. Beyond `waiting` others
    the next is refused at once; after `wait_s` seconds whoever still waits is.
    """

    def __init__(
        self,
        questions: int = QUESTIONS,
        others: int = OTHERS,
        waiting: int = WAITING,
        wait_s: float = WAIT_S,
    ) -> None:
        self._most = {Work.QUESTION: questions, Work.OTHER: others}
        self._waiting, self._wait_s = waiting, wait_s
        self._lines: dict[tuple[Work, str], _Line] = {}
        # Several loops may share one: each request's waits in its own.
        self._lock = threading.Lock()

    @asynccontextmanager
    async def turn(self, work: Work, reader: str) -> AsyncIterator[None]:
        """While a request of this reader is worked on. Raises `TooManyAtOnce`."""
        if not self._most[work]:
            yield
            return
        key = work, reader
        waiter = self._queued(key)
        if waiter is not None:
            await self._granted(key, waiter)
        try:
            yield
        finally:
            self._leave(key)

    def _queued(self, key: tuple[Work, str]) -> _Waiter | None:
        """None where the turn has come already. Raises `TooManyAtOnce`."""
        with self._lock:
            line = self._lines.setdefault(key, _Line())
            if line.running < self._most[key[0]]:
                line.running += 1
                return None
            if len(line.waiting) >= self._waiting:
                raise TooManyAtOnce
            loop = asyncio.get_running_loop()
            waiter = _Waiter(loop, loop.create_future())
            line.waiting.append(waiter)
            return waiter

    async def _granted(self, key: tuple[Work, str], waiter: _Waiter) -> None:
        try:
            await asyncio.wait({waiter.granted}, timeout=self._wait_s)
        except BaseException:
            if not self._withdrawn(key, waiter):
                self._leave(key)
            raise
        if self._withdrawn(key, waiter):
            raise TooManyAtOnce

    def _withdrawn(self, key: tuple[Work, str], waiter: _Waiter) -> bool:
        """Take it out of the line; False where its turn had come."""
        with self._lock:
            line = self._lines[key]
            if waiter not in line.waiting:
                return False
            line.waiting.remove(waiter)
            return True

    def _leave(self, key: tuple[Work, str]) -> None:
        """Hand the turn to who waits longest."""
        with self._lock:
            line = self._lines[key]
            while line.waiting:
                next_one = line.waiting.popleft()
                try:
                    next_one.loop.call_soon_threadsafe(_grant, next_one.granted)
                except RuntimeError:  # its loop has ended, and its request with it
                    continue
                return
            line.running -= 1
            if not line.running:
                del self._lines[key]


def _grant(granted: "asyncio.Future[None]") -> None:
    if not granted.done():
        granted.set_result(None)
