"""What a provider publishes, kept for a while: fetched again on need, and not hammered."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from search_api.sign_on.errors import SignOnFailed

KNOWN_S = 3600
"""What a provider withdrew is believed no longer than this."""
AGAIN_S = 60
"""Something newer is looked for at most so often: strangers choose a token's `kid`."""
REST_S = 5
"""After a failure the next ones are told at once: a provider that is down must not hold
every thread of the server for its time-out."""

T = TypeVar("T")


class Fetched(Generic[T]):
    """One published thing; threads may share it. `fetch` may raise `SignOnFailed`."""

    def __init__(self, fetch: Callable[[], T], now_s: Callable[[], float]) -> None:
        self._fetch, self._now_s = fetch, now_s
        self._lock = Lock()
        self._value: T | None = None
        self._fetched_s = self._failed_s = float("-inf")
        self._failure = SignOnFailed()

    def now(self, *, newer: bool = False) -> T:
        """What is published. `newer`: unless it was fetched just now, fetch it again."""
        with self._lock:
            age_s = self._now_s() - self._fetched_s
            if self._value is None or age_s >= (AGAIN_S if newer else KNOWN_S):
                self._refresh()
            assert self._value is not None  # noqa: S101 - fetched above
            return self._value

    def _refresh(self) -> None:
        if self._now_s() - self._failed_s < REST_S:
            raise self._failure
        try:
            self._value = self._fetch()
        except SignOnFailed as failure:
            self._failure, self._failed_s = failure, self._now_s()
            raise
        self._fetched_s = self._now_s()
