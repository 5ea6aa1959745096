"""Port of the register: a log of changes that a restored backup must apply again."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

Clock = Callable[[], datetime]
"""Returns the present time; in a replay of the register, the time of the line."""


class Register(Protocol):
    """Writes changes to a file outside database and index (`quisait.privacy.register`)."""

    def note(self, kind: str, moment: datetime | None = None, /, **fields: object) -> object:
        """Write a change to disk, before it takes effect. Without `moment`, its time is now."""

    def noted(self, agent_id: str) -> bool:
        """Return whether a restoration would find all changes about an agent in the file."""


class NoRegister:
    """Stores nothing: used for changes that are replayed from the register."""

    def note(self, kind: str, moment: datetime | None = None, /, **fields: object) -> None:
        """Do nothing."""

    def noted(self, agent_id: str) -> bool:
        """Return true, because no change has to be found."""
        return True


NO_REGISTER = NoRegister()


class RegisteredStore:
    """A store in a database whose changes are first noted in the register."""

    def __init__(self, engine: sa.Engine, now: Clock, register: Register = NO_REGISTER) -> None:
        self._engine, self.now, self._register = engine, now, register
