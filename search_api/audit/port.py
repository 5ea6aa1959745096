"""The audit log's port: a privileged access is written to it before anything is shown.

An attempt at what a role opens, by who does not hold it, is written as `REFUSED`, at most
once in `EVERY_S` for each agent and page: in the memory of one process, so two processes may
write one attempt each, and a restart forgets.

An entry says what was opened, never what was asked: it holds no query and no text.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

REFUSED = "refused "
"""Prefix of an entry's `reading`: it was asked for, and not shown."""


@dataclass(frozen=True, slots=True)
class PrivilegedAccess:
    """One access that a role opens, or a command.

    `actor` is an agent's id, or `system:` and an account where a command was run;
    `reading` is a route (`GET /audit`) or a command (`quisait audit`); `subject` what it was
    about (`agent:ag-1`) or with whose rights (`as:ag-1`), empty where it was neither.
    """

    actor: str
    role: str
    reading: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An access as it was written. `digest` covers it and, by `previous`, all before it."""

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
        """The route or command, whether it was refused or not."""
        return self.reading.removeprefix(REFUSED)


@dataclass(frozen=True, slots=True)
class AuditIntegrity:
    """Whether the audit log is as it was written.

    `broken` is the number of the first entry that was changed, or before which one is
    missing; None where there is none. `last` and `head` are those of the newest.
    """

    entries: int
    last: int
    head: str
    broken: int | None = None


class AuditUnwritable(Exception):
    """The access could not be written, so nothing may be shown. Try again later."""


class Audit(Protocol):
    """Stores privileged accesses. Entries are never changed, and deleted only with age."""

    def write(self, reading: PrivilegedAccess) -> None:
        """Store one; it is durable once this returns. Raises `AuditUnwritable`."""
        ...

    def newest(self, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """The newest entries, or those before a number, newest first."""
        ...

    def verify(self) -> AuditIntegrity:
        """Read every entry, and check each against the one before."""
        ...


class NoAudit:
    """No audit log: what must be written before it is shown is not shown."""

    def write(self, reading: PrivilegedAccess) -> None:
        """Raises `AuditUnwritable`."""
        raise AuditUnwritable

    def newest(self, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """No entries."""
        return ()

    def verify(self) -> AuditIntegrity:
        """Of an empty log."""
        return AuditIntegrity(0, 0, "")


EVERY_S = 3_600.0
"""How often an agent's attempts at one page are written."""
KEPT = 10_000
"""How many attempts are remembered; the oldest is dropped first."""


class RefusedAccesses:
    """Writes refused accesses, each at most once in `EVERY_S`.

    Threads may share it. `clock` is in seconds and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._written: OrderedDict[tuple[str, str], float] = OrderedDict()

    def note(self, audit: Audit, actor: str, role: str, reading: str) -> None:
        """Write one, unless the same was written within `EVERY_S`.

        Nothing was shown, so an entry that cannot be written is no error.
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
