"""Run a call for at most so many seconds."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def with_timeout(attempt: Callable[[], T], timeout_s: float, late: str) -> T:
    """What it returns or raises; `ValueError` with the sentence `late` once the time is over.

    What goes on after that ends with this process: it keeps it from ending no more than the
    caller.
    """
    told: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def tell() -> None:
        try:
            told.put((attempt(), None))
        except Exception as error:  # noqa: BLE001 - the caller's, raised there
            told.put((None, error))

    Thread(target=tell, daemon=True).start()
    try:
        found, error = told.get(timeout=timeout_s)
    except Empty:
        raise ValueError(late) from None
    if error is not None:
        raise error
    return found  # type: ignore[return-value]  # None only where the attempt returned it
