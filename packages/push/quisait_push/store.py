"""What applications pushed to a source, as a whole: its documents and its tokens."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from quisait_push.inbox import Inbox
from quisait_push.tokens import PushTokens


@dataclass(frozen=True, slots=True)
class PushStore:
    """Adapter of `SourceStore`: the inbox and the tokens."""

    database: sa.Engine

    def holds(self, source: str) -> bool:
        """Return whether the source has a pushed document or a token."""
        return bool(self._inbox().last_seq(source) or PushTokens(self.database).of(source))

    def forget(self, source: str) -> None:
        """Delete the documents and tokens of a source."""
        self._inbox().forget(source)
        tokens = PushTokens(self.database)
        for token in tokens.of(source):
            tokens.revoke(source, token.id)

    def withdraw(self, source: str, names: Collection[str]) -> int:
        """Remove documents until they are pushed again; return the number of removed documents."""
        return self._inbox().withdraw(source, names)

    def _inbox(self) -> Inbox:
        return Inbox(self.database, lambda _: None, max_waiting=0)
