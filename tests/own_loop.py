"""Run code that creates an event loop, even if a browser's fixture left one in this thread."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def apart(call: Callable[[], Result]) -> Result:
    """Return the result of a call in a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()


def run_apart(work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of a coroutine that a thread of its own runs."""
    return apart(lambda: asyncio.run(work))
