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
"""Before the reading of an entry: it was asked for, and not shown."""


@dataclass(frozen=True, slots=True)
class PrivilegedAccess:
    """One privileged reading.

    `actor` is an agent's id, or `system:` and a name where it was read by command;
    `reading` a route (`GET /audit`) or a command (`quisait audit`); `subject` what it was
    about (`agent:ag-1`) or with whose rights (`as:ag-1`), empty where it was neither.
    """

    actor: str
    role: str
    reading: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A reading as it was written. `digest` covers it and, by `previous`, all before it."""

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
        """Whether it was not shown."""
        return self.reading.startswith(REFUSED)

    @property
    def asked(self) -> str:
        """What was read or, if it was refused, would have been."""
        return self.reading.removeprefix(REFUSED)


@dataclass(frozen=True, slots=True)
class AuditIntegrity:
    """Whether the audit is as it was written.

    `broken` is the number of the first entry that was changed, or that something is
    missing before; None where there is none. `last` and `head` are those of the newest.
    """

    entries: int
    last: int
    head: str
    broken: int | None = None


class AuditUnwritable(Exception):
    """The reading could not be written: it must not be shown. Try again later."""


class Audit(Protocol):
    """Where privileged readings are kept. Nothing of it is changed or taken away."""

    def write(self, reading: PrivilegedAccess) -> None:
        """Kept once this returns. Raises `AuditUnwritable`."""
        ...

    def newest(self, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """The newest entries, or those before a number, newest first."""
        ...

    def soundness(self) -> AuditIntegrity:
        """Read every entry, and hold each against the one before."""
        ...


class NoAudit:
    """Keeps nothing: what must be written before it is shown is not shown."""

    def write(self, reading: PrivilegedAccess) -> None:
        """Raises `AuditUnwritable`."""
        raise AuditUnwritable

    def newest(self, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """Nothing."""
        return ()

    def soundness(self) -> AuditIntegrity:
        """Of nothing."""
        return AuditIntegrity(0, 0, "")


EVERY_S = 3_600.0
"""An agent's attempts at one page are written once in so long."""
KEPT = 10_000
"""So many are remembered; the one that was written longest ago is forgotten first."""


class RefusedAccesses:
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
