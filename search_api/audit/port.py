"""Who read what by a role: the port that a privileged reading is written to before it is shown.

What a role would have opened, to who does not hold it, is written as `REFUSED`.

An entry says what was opened, never what was asked: no query and no text is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

REFUSED = "refused "
"""Before the reading of an entry: it was asked for, and not shown."""


@dataclass(frozen=True, slots=True)
class Reading:
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
class Entry:
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
class Soundness:
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

    def write(self, reading: Reading) -> None:
        """Kept once this returns. Raises `AuditUnwritable`."""
        ...

    def newest(self, limit: int, before: int | None = None) -> Sequence[Entry]:
        """The newest entries, or those before a number, newest first."""
        ...

    def soundness(self) -> Soundness:
        """Read every entry, and hold each against the one before."""
        ...


class NoAudit:
    """Keeps nothing: what must be written before it is shown is not shown."""

    def write(self, reading: Reading) -> None:
        """Raises `AuditUnwritable`."""
        raise AuditUnwritable

    def newest(self, limit: int, before: int | None = None) -> Sequence[Entry]:
        """Nothing."""
        return ()

    def soundness(self) -> Soundness:
        """Of nothing."""
        return Soundness(0, 0, "")
