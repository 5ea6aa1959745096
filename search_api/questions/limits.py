"""Daily counts of what each agent did, kept in the memory of this process only."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

_DAY = timedelta(days=1)
_KEPT = 10_000
"""Number of agents remembered; the agent with the least recent act is dropped."""


class DailyActs:
    """The acts of each agent in the last 24 hours, in memory. Thread-safe."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._lock = now, threading.Lock()
        self._done: OrderedDict[str, dict[str, datetime]] = OrderedDict()

    def is_new(self, agent_id: str, subject: str, most: int) -> bool:
        """Record an act; return whether it is the agent's first on this subject today.

        Also returns False if the agent acted on `most` other subjects today.
        """
        known, room = self._note(agent_id, subject, most)
        return room and not known

    def is_within(self, agent_id: str, subject: str, most: int) -> bool:
        """Record an act; return whether its subject is one of the agent's first `most` today."""
        known, room = self._note(agent_id, subject, most)
        return known or room

    def _note(self, agent_id: str, subject: str, most: int) -> tuple[bool, bool]:
        """Return (whether the subject was noted before, whether there was room for another)."""
        with self._lock:
            moment = self._now()
            recent = {
                one: when
                for one, when in self._done.pop(agent_id, {}).items()
                if moment - when < _DAY
            }
            known, room = subject in recent, len(recent) < most
            if room and not known:
                recent[subject] = moment
            self._done[agent_id] = recent
            if len(self._done) > _KEPT:
                self._done.popitem(last=False)
            return known, room
