"""Time limits for calls that may never return, such as a read from a dead mount.

A late call keeps running in its own daemon thread.
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
"""Seconds; listing a folder of a million files on a slow network share takes less."""
_BATCH_WEIGHT = 256
_BATCH_S = 0.1
_QUEUED_BATCHES = 2


def call_with_timeout(
    timeout_s: float, call: Callable[[], Result], timeout_error: Exception
) -> Result:
    """Return the result of `call`, or raise `timeout_error` if it takes over `timeout_s`."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            future.set_exception(error)

    Thread(target=run, name="timed call", daemon=True).start()
    try:
        return future.result(timeout_s)
    except TimeoutError:
        if future.done():  # raised by the call itself
            raise
        raise timeout_error from None


def iterate_with_timeout(
    items: Iterator[Item],
    timeout_s: float,
    timeout_error: Exception,
    weight: Callable[[Item], int] = lambda _item: 1,
) -> Iterator[Item]:
    """Yield the same items; raise `timeout_error` if the next one takes over `timeout_s`.

    Items are read ahead: up to a few hundred, counted by their `weight`.
    """
    batches: Queue[tuple[list[Item], BaseException | None]] = Queue(_QUEUED_BATCHES)
    stopped = Event()
    arguments = (items, batches, stopped, weight)
    Thread(target=_produce, args=arguments, name="timed iterator", daemon=True).start()
    try:
        while True:
            try:
                batch, end = batches.get(timeout=timeout_s)
            except Empty:
                raise timeout_error from None
            yield from batch
            if isinstance(end, StopIteration):
                return
            if end is not None:
                raise end
    finally:
        stopped.set()


def _produce(
    items: Iterator[Item],
    batches: "Queue[tuple[list[Item], BaseException | None]]",
    stopped: Event,
    weight: Callable[[Item], int],
) -> None:
    """Put items into the queue in batches, because single puts would cost more than reading."""
    end: BaseException | None = None
    while end is None and not stopped.is_set():
        batch: list[Item] = []
        started, batch_weight = time.monotonic(), 0
        try:
            while batch_weight < _BATCH_WEIGHT and time.monotonic() - started < _BATCH_S:
                batch.append(next(items))
                batch_weight += weight(batch[-1])
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            end = error
        while not stopped.is_set():
            try:
                batches.put((batch, end), timeout=1)
                break
            except Full:
                continue
