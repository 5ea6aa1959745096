"""Limits of one process: how long a request may take, how often and how many at once one may ask.

All in memory: two processes grant twice as much, and a restart forgets.
"""

import asyncio
import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class RequestTimeouts:
    """`body_s` for a whole body, `answer_s` from then to the beginning of the answer."""

    body_s: float = 30.0
    answer_s: float = 60.0


MAX_BUCKETS = 50_000
"""So many askers are remembered; the one who was longest away is forgotten first."""


class RequesterKind(StrEnum):
    """Whose requests are counted."""

    READER = "reader"
    TOKEN = "token"  # noqa: S105 - what is counted, not a secret
    ADDRESS = "address"


class RateLimiter:
    """`per_minute` requests of one asker: so many at once at most, refilled evenly. 0: any."""

    def __init__(
        self, per_minute: Mapping[RequesterKind, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute, self._clock = dict(per_minute), clock
        self._buckets: OrderedDict[tuple[RequesterKind, str], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, asker: RequesterKind, key: str) -> int:
        """Grant one request: 0, or the seconds after which there is one to grant."""
        most = self._per_minute.get(asker, 0)
        if not most:
            return 0
        with self._lock:
            left = self._left(asker, key, most)
            granted = left >= 1
            self._keep(asker, key, left - 1 if granted else left)
        return 0 if granted else math.ceil((1 - left) * 60 / most)

    def give_back(self, asker: RequesterKind, key: str) -> None:
        """Undo a `take`: the request turned out to be somebody else's to account for."""
        if most := self._per_minute.get(asker, 0):
            with self._lock:
                self._keep(asker, key, min(float(most), self._left(asker, key, most) + 1))

    def _left(self, asker: RequesterKind, key: str, most: int) -> float:
        left, at = self._buckets.get((asker, key), (float(most), self._clock()))
        return min(float(most), left + (self._clock() - at) * most / 60)

    def _keep(self, asker: RequesterKind, key: str, left: float) -> None:
        self._buckets[asker, key] = left, self._clock()
        self._buckets.move_to_end((asker, key))
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)


def address_key(host: str) -> str:
    """An address, or for IPv6 its /64: one subscriber has all of it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


MAX_QUESTIONS = 2
"""Questions of one reader that are answered at once, unless the settings say otherwise."""
MAX_OTHERS = 4
"""Their other requests: suggestions while they type, pages. They wait for no question."""
MAX_WAITING = 16
"""So many more may wait: a dozen tabs, opened one after the other."""
WAIT_S = 20.0
"""How long a request waits. Nobody who reads what they ask for waits so long."""


class RequestKind(StrEnum):
    """What a request asks for; each has its own turns."""

    QUESTION = "question"
    OTHER = "other"


class TooManyConcurrentRequests(Exception):
    """A reader has too many requests under way."""


@dataclass(slots=True)
class _Waiter:
    """A request that waits, in the loop that serves it."""

    loop: asyncio.AbstractEventLoop
    granted: "asyncio.Future[None]"


@dataclass(slots=True)
class _ReaderQueue:
    """One reader's requests of one kind."""

    running: int = 0
    waiting: deque[_Waiter] = field(default_factory=deque)


class ConcurrencyLimiter:
    """Turns, by kind of work and reader, in the order in which they were asked for.

    `questions` and `others` are how many have theirs at once, 0: any. Beyond `waiting` others
    the next is refused at once; after `wait_s` seconds whoever still waits is.
    """

    def __init__(
        self,
        questions: int = MAX_QUESTIONS,
        others: int = MAX_OTHERS,
        waiting: int = MAX_WAITING,
        wait_s: float = WAIT_S,
    ) -> None:
        self._most = {RequestKind.QUESTION: questions, RequestKind.OTHER: others}
        self._waiting, self._wait_s = waiting, wait_s
        self._lines: dict[tuple[RequestKind, str], _ReaderQueue] = {}
        # Several loops may share one: each request's waits in its own.
        self._lock = threading.Lock()

    @asynccontextmanager
    async def turn(self, work: RequestKind, reader: str) -> AsyncIterator[None]:
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

    def _queued(self, key: tuple[RequestKind, str]) -> _Waiter | None:
        """None where the turn has come already. Raises `TooManyAtOnce`."""
        with self._lock:
            line = self._lines.setdefault(key, _ReaderQueue())
            if line.running < self._most[key[0]]:
                line.running += 1
                return None
            if len(line.waiting) >= self._waiting:
                raise TooManyConcurrentRequests
            loop = asyncio.get_running_loop()
            waiter = _Waiter(loop, loop.create_future())
            line.waiting.append(waiter)
            return waiter

    async def _granted(self, key: tuple[RequestKind, str], waiter: _Waiter) -> None:
        try:
            await asyncio.wait({waiter.granted}, timeout=self._wait_s)
        except BaseException:
            if not self._withdrawn(key, waiter):
                self._leave(key)
            raise
        if self._withdrawn(key, waiter):
            raise TooManyConcurrentRequests

    def _withdrawn(self, key: tuple[RequestKind, str], waiter: _Waiter) -> bool:
        """Take it out of the line; False where its turn had come."""
        with self._lock:
            line = self._lines[key]
            if waiter not in line.waiting:
                return False
            line.waiting.remove(waiter)
            return True

    def _leave(self, key: tuple[RequestKind, str]) -> None:
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
