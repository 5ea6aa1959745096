"""Limits of one process: request timeouts, request rates and concurrent requests.

All state is in memory: two processes allow twice as much, and a restart resets it.
"""

import asyncio
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class RequestTimeouts:
    """Timeouts in seconds: `body_s` for the whole body, `answer_s` until the answer starts."""

    body_s: float = 30.0
    answer_s: float = 60.0


MAX_BUCKETS = 50_000
"""Maximum number of token buckets in memory; the least recently used is dropped first."""


class RequesterKind(StrEnum):
    """Kind of requester for which requests are counted."""

    READER = "reader"
    TOKEN = "token"  # noqa: S105 - what is counted, not a secret
    ADDRESS = "address"


class RateLimiter:
    """Token buckets: `per_minute` requests of one requester, refilled evenly; 0 means no limit."""

    def __init__(
        self, per_minute: Mapping[RequesterKind, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute, self._clock = dict(per_minute), clock
        self._buckets: OrderedDict[tuple[RequesterKind, str], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, kind: RequesterKind, key: str) -> int:
        """Take one token; return 0, or the seconds until one is available."""
        most = self._per_minute.get(kind, 0)
        if not most:
            return 0
        with self._lock:
            left = self._left(kind, key, most)
            granted = left >= 1
            self._keep(kind, key, left - 1 if granted else left)
        return 0 if granted else math.ceil((1 - left) * 60 / most)

    def give_back(self, kind: RequesterKind, key: str) -> None:
        """Undo a `take`, because the request belongs to another requester."""
        if most := self._per_minute.get(kind, 0):
            with self._lock:
                self._keep(kind, key, min(float(most), self._left(kind, key, most) + 1))

    def _left(self, kind: RequesterKind, key: str, most: int) -> float:
        left, at = self._buckets.get((kind, key), (float(most), self._clock()))
        return min(float(most), left + (self._clock() - at) * most / 60)

    def _keep(self, kind: RequesterKind, key: str, left: float) -> None:
        self._buckets[kind, key] = left, self._clock()
        self._buckets.move_to_end((kind, key))
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)


def address_key(host: str) -> str:
    """Return the key under which an address is counted: the /64 of IPv6, one subscriber's."""
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
"""Default number of questions of one reader that run at once."""
MAX_OTHERS = 4
"""Number of other requests of one reader that run at once, such as suggestions and pages."""
MAX_WAITING = 16
"""Number of requests of one reader that may wait for a permit: enough for a dozen tabs opened in a
row.
"""
WAIT_S = 20.0
"""Maximum time that a request waits, in seconds: longer than a person waits."""


class RequestKind(StrEnum):
    """Kind of request; each kind has its own limit."""

    QUESTION = "question"
    OTHER = "other"


class TooManyConcurrentRequests(Exception):
    """Too many requests of a reader run or wait."""


@dataclass(slots=True)
class _ReaderQueue:
    """One reader's requests of one kind: `permits` to run, `requests` that run or wait."""

    permits: asyncio.Semaphore
    requests: int = 0


class ConcurrencyLimiter:
    """Limits how many requests of one reader run at once, by kind, in the order of arrival.

    `questions` and `others` are the limits; 0 means no limit. If `waiting` requests wait already,
    the next request is refused at once. A request that has waited `wait_s` seconds is refused, too.
    It belongs to the event loop that serves the application, so that waiting requests hold no
    thread.
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
        self._queues: dict[tuple[RequestKind, str], _ReaderQueue] = {}

    @asynccontextmanager
    async def turn(self, kind: RequestKind, reader: str) -> AsyncIterator[None]:
        """Hold a permit while the block runs. Raises `TooManyConcurrentRequests`."""
        most, key = self._most[kind], (kind, reader)
        if not most:
            yield
            return
        queue = self._queues.setdefault(key, _ReaderQueue(asyncio.Semaphore(most)))
        if queue.requests >= most + self._waiting:
            raise TooManyConcurrentRequests
        queue.requests += 1
        try:
            await self._acquire(queue)
            try:
                yield
            finally:
                queue.permits.release()
        finally:
            queue.requests -= 1
            if not queue.requests:
                del self._queues[key]

    async def _acquire(self, queue: _ReaderQueue) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await queue.permits.acquire()
        except TimeoutError:
            raise TooManyConcurrentRequests from None
