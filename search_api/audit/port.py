"""The audit log: a privileged access is written to it before anything is shown.

An attempt by a reader without the role is written as `REFUSED`, at most once in `EVERY_S` for each
agent and page. Attempts are remembered in the memory of one process: two processes may write an
attempt each, and a restart forgets them.

An entry contains the page or command that was opened, but never a query or a text.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

REFUSED = "refused "
"""Prefix of an entry's `reading` if the page was requested but not shown."""


@dataclass(frozen=True, slots=True)
class PrivilegedAccess:
    """One access by a role, or one command.

    `actor` is an agent's id, or `system:` and an account for a command; `reading` is a route (`GET
    /audit`) or a command (`quisait audit`); `subject` is the thing concerned (`agent:ag-1`), the
    agent whose rights were used (`as:ag-1`), or empty.
    """

    actor: str
    role: str
    reading: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An access as stored. `digest` covers the entry and, by `previous`, all entries before it."""

    number: int
    moment: datetime
    actor: str
    role: str
    reading: str
    subject: str
    previous: str
    digest: str

    @property
    def refused(self) -> bool:
        """Whether the access was refused."""
        return self.reading.startswith(REFUSED)

    @property
    def asked(self) -> str:
        """The route or command, without the prefix of a refusal."""
        return self.reading.removeprefix(REFUSED)


@dataclass(frozen=True, slots=True)
class AuditIntegrity:
    """Whether the audit log is unchanged.

    `broken` is the number of the first entry that was changed, or that follows a missing entry;
    None if there is no such entry. `last` and `head` are number and digest of the newest entry.
    """

    entries: int
    last: int
    head: str
    broken: int | None = None


class AuditUnwritable(Exception):
    """The access could not be written, so nothing may be shown. Try again later."""


class Audit:
    """Stores privileged accesses. Entries are never changed, and only deleted with age.

    The `write` of this class always raises, so that nothing is shown that must be logged first.
    """

    def write(self, reading: PrivilegedAccess) -> None:
        """Store an access; it is durable once this returns. Raises `AuditUnwritable`."""
        raise AuditUnwritable

    def newest(self, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """Return the newest entries, or those before a number, newest first."""
        return ()

    def verify(self) -> AuditIntegrity:
        """Read every entry, check it against the entry before, and return the result."""
        return AuditIntegrity(0, 0, "")


EVERY_S = 3_600.0
"""Least time between two written attempts of an agent at one page, in seconds."""
KEPT = 10_000
"""Number of attempts that are remembered; the oldest is dropped first."""


class RefusedAccesses:
    """Writes refused accesses, each at most once in `EVERY_S`.

    Thread-safe. `clock` returns seconds and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._written: OrderedDict[tuple[str, str], float] = OrderedDict()

    def note(self, audit: Audit, actor: str, role: str, reading: str) -> None:
        """Write a refused access, unless the same was written within `EVERY_S`.

        If the entry cannot be written, no error is raised, because nothing was shown.
        """
        key = (actor, reading)
        if not self._is_due(key):
            return
        try:
            audit.write(PrivilegedAccess(actor, role, REFUSED + reading))
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
