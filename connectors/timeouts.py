"""Time limits for calls that may never return: a dead mount, a server that sends a byte a minute.

A call that is late is left running in its own daemon thread.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

DISK_TIMEOUT_S = 300.0
"""So long may a disk be silent: a folder of a million files on a slow share is listed by then."""
_BATCH_WEIGHT = 256
_BATCH_S = 0.1
_QUEUED_BATCHES = 2


def call_with_timeout(limit_s: float, call: Callable[[], Result], late: Exception) -> Result:
    """What `call` gives or raises; raises `late` where it has done neither after `limit_s`."""
    outcome: Future[Result] = Future()

    def work() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
            outcome.set_exception(error)

    Thread(target=work, name="bounded", daemon=True).start()
    try:
        return outcome.result(limit_s)
    except TimeoutError:
        if outcome.done():  # the call's own
            raise
        raise late from None


def iterate_with_timeout(
    items: Iterator[Item],
    silence_s: float,
    late: Exception,
    weight: Callable[[Item], int] = lambda _item: 1,
) -> Iterator[Item]:
    """The same items; raises `late` where none comes, nor their end, for `silence_s`.

    They are read ahead, up to some hundreds by their `weight`.
    """
    told: Queue[tuple[list[Item], BaseException | None]] = Queue(_QUEUED_BATCHES)
    left = Event()
    Thread(target=_produce, args=(items, told, left, weight), name="watched", daemon=True).start()
    try:
        while True:
            try:
                some, end = told.get(timeout=silence_s)
            except Empty:
                raise late from None
            yield from some
            if isinstance(end, StopIteration):
                return
            if end is not None:
                raise end
    finally:
        left.set()


def _produce(
    items: Iterator[Item],
    told: "Queue[tuple[list[Item], BaseException | None]]",
    left: Event,
    weight: Callable[[Item], int],
) -> None:
    """A few at a time: one by one, handing over would cost more than most of them do."""
    end: BaseException | None = None
    while end is None and not left.is_set():
        some: list[Item] = []
        began, weighed = time.monotonic(), 0
        try:
            while weighed < _BATCH_WEIGHT and time.monotonic() - began < _BATCH_S:
                some.append(next(items))
                weighed += weight(some[-1])
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
            end = error
        while not left.is_set():
            try:
                told.put((some, end), timeout=1)
                break
            except Full:
                continue
