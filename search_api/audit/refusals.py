"""Attempts at a role's page that were refused: in the audit too, and not so often as to fill it.

In the memory of one process: two processes may write one attempt each, and a restart forgets.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from search_api.audit.port import REFUSED, Audit, AuditUnwritable, Reading

EVERY_S = 3_600.0
"""An agent's attempts at one page are written once in so long."""
KEPT = 10_000
"""So many are remembered; the one that was written longest ago is forgotten first."""


class Refusals:
    """Threads may share it. `clock` is in seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._written: OrderedDict[tuple[str, str], float] = OrderedDict()

    def note(self, audit: Audit, actor: str, role: str, reading: str) -> None:
        """Write one down, unless the same was within `EVERY_S`.

        Nothing was shown: where it cannot be written, the refusal stands all the same.
        """
        key = (actor, reading)
        if not self._is_due(key):
            return
        try:
            audit.write(Reading(actor, role, REFUSED + reading))
        except AuditUnwritable:
            with self._lock:
                self._written.pop(key, None)

    def _is_due(self, key: tuple[str, str]) -> bool:
        with self._lock:
            now = self._clock()
            if now - self._written.get(key, float("-inf")) < EVERY_S:
                return False
            self._written[key] = now
            self._written.move_to_end(key)
            if len(self._written) > KEPT:
                self._written.popitem(last=False)
            return True
