"""Port of the register: what must be applied again to a restored backup of database or index."""

from datetime import datetime
from typing import Protocol


class Register(Protocol):
    """Stores facts outside the database and the index (`quisait.privacy.register`)."""

    def note(self, kind: str, moment: datetime | None = None, /, **fields: object) -> object:
        """Store a fact durably, before it takes effect. Without `moment`, its time is now."""

    def noted(self, agent_id: str) -> bool:
        """Return whether a restoration would find all facts about an agent."""


class NoRegister:
    """Stores nothing: for changes that are replayed from the register."""

    def note(self, kind: str, moment: datetime | None = None, /, **fields: object) -> None:
        """Do nothing."""

    def noted(self, agent_id: str) -> bool:
        """Return true: nothing has to be found."""
        return True


NO_REGISTER = NoRegister()
