"""Where one authority is asked: remembered for a while, in parallel, left alone after failures."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from connectors.values import authority_of, principal_forms

WORKERS = 4
"""So many questions to one authority at once."""
MOST_WAITING = 64
"""Beyond so many questions under way, nobody joins the queue: it would be too late for them."""
MOST_KEPT = 50_000
"""Answers remembered; the oldest are forgotten first."""


class Misvouched(Exception):
    """An authority vouched for a principal that is not its own: nothing of it is believed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How authorities are asked. All in seconds.

    An answer is believed for `fresh_s` from when it was asked for. A reader waits at most
    `wait_s`. After `failures` in a row an authority is left alone for `rest_s`; then one
    question tells whether it is back.
    """

    fresh_s: float = 60.0
    wait_s: float = 2.0
    failures: int = 3
    rest_s: float = 30.0


class Asked(Protocol):
    """The authority, as its desk asks it; see `authorities.Authority`."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """What an agent is for it."""
        ...


Identity = tuple[str, frozenset[str]]


class Desk:
    """The questions to one authority."""

    def __init__(self, authority: Asked, patience: Patience, clock_s: Callable[[], float]) -> None:
        self._authority, self._patience, self._clock_s = authority, patience, clock_s
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix=f"authority-{self.name}")
        self._lock = Lock()
        self._kept: dict[Identity, tuple[float, frozenset[str]]] = {}
        self._flying: dict[Identity, Future[frozenset[str]]] = {}
        self._age, self._failures, self._rests_until_s = 0, 0, 0.0

    @property
    def name(self) -> str:
        """The authority's."""
        return self._authority.name

    def ask(self, agent_id: str, accounts: frozenset[str]) -> Future[frozenset[str]] | None:
        """The answer, at once or to come; None where the authority is not to be asked now."""
        identity, now_s = (agent_id, accounts), self._clock_s()
        with self._lock:
            asked_s, known = self._kept.get(identity, (float("-inf"), frozenset()))
            if now_s - asked_s < self._patience.fresh_s:
                done: Future[frozenset[str]] = Future()
                done.set_result(known)
                return done
            if identity in self._flying:
                return self._flying[identity]
            if len(self._flying) >= MOST_WAITING or not self._may_ask(now_s):
                return None
            flying = self._pool.submit(self._answer, identity, now_s, self._age)
            self._flying[identity] = flying
        flying.add_done_callback(lambda _: self._landed(identity, flying))
        return flying

    def failed(self) -> None:
        """It did not answer, or not in time."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._patience.failures:
                self._rests_until_s = self._clock_s() + self._patience.rest_s

    def forget(self) -> None:
        """Remember nothing, not even an answer that is under way."""
        with self._lock:
            self._age += 1
            self._kept.clear()
            self._flying.clear()

    def close(self) -> None:
        """Ask nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _may_ask(self, now_s: float) -> bool:
        if self._failures < self._patience.failures:
            return True
        if now_s < self._rests_until_s:
            return False
        # One question at a time tells whether it is back.
        self._rests_until_s = now_s + self._patience.rest_s
        return True

    def _answer(self, identity: Identity, asked_s: float, age: int) -> frozenset[str]:
        try:
            found = principal_forms(self._authority.principals(*identity))
            if any(authority_of(one) != self.name for one in found):
                raise Misvouched
        except Exception:
            self.failed()
            raise
        with self._lock:
            self._failures = 0
            if age == self._age:
                self._kept.pop(identity, None)
                self._kept[identity] = (asked_s, found)
                while len(self._kept) > MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
        return found

    def _landed(self, identity: Identity, flying: Future[frozenset[str]]) -> None:
        with self._lock:
            if self._flying.get(identity) is flying:
                del self._flying[identity]
