"""What an agent did how often in a day, known to this process alone, and never kept."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

_DAY = timedelta(days=1)
_KEPT = 10_000
"""So many agents are remembered, as many as refused accesses; the oldest is dropped first."""


class DailyActs:
    """Acts of each agent in the last 24 hours, in memory. Threads may share it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._lock = now, threading.Lock()
        self._done: OrderedDict[str, dict[str, datetime]] = OrderedDict()

    def is_new(self, agent_id: str, subject: str, most: int) -> bool:
        """Note an act and say whether it counts: the first on its subject, of `most` at most."""
        known, room = self._note(agent_id, subject, most)
        return room and not known

    def is_within(self, agent_id: str, subject: str, most: int) -> bool:
        """Note an act and say whether its subject, tried again or not, is among the first."""
        known, room = self._note(agent_id, subject, most)
        return known or room

    def _note(self, agent_id: str, subject: str, most: int) -> tuple[bool, bool]:
        """(whether its subject was noted before, whether there was room for one more)."""
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
