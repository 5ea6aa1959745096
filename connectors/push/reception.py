"""The door of all sources that push: who may, what is understood, what is taken in."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from connectors.push.find import find_submitted
from connectors.push.inbox import Inbox
from connectors.push.lines import submitted
from connectors.push.tokens import PushTokens
from connectors.push.values import InboxUnreachable, PushLimits, Receipt, SuiteRules


class Reception:
    """`sources` are those of the settings that push, each with its rules for La Suite."""

    def __init__(
        self,
        inbox: Inbox,
        tokens: PushTokens,
        sources: Mapping[str, SuiteRules],
        limits: PushLimits,
    ) -> None:
        self._inbox, self._tokens, self._sources = inbox, tokens, sources
        self.limits = limits

    def source_of(self, token: str) -> str | None:
        """The source that a token opens; None for no token of a source of the settings.

        Raises `InboxUnreachable`.
        """
        try:
            source = self._tokens.source_of(token)
        except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
            raise InboxUnreachable from error
        return source if source in self._sources else None

    def receive(self, source: str, items: Sequence[object]) -> tuple[Receipt, ...]:
        """Take in records, tombstones and new readers. Raises `InboxFull`, `InboxUnreachable`."""
        most = self.limits.document_bytes
        return self._inbox.receive(source, [submitted(item, most) for item in items])

    def receive_find(self, source: str, items: Sequence[object]) -> tuple[Receipt, ...]:
        """The same for documents as find takes them."""
        rules, most = self._sources[source], self.limits.document_bytes
        understood = [find_submitted(item, source, rules, most) for item in items]
        return self._inbox.receive(source, understood)

    def delete(self, source: str, ids: Sequence[str]) -> tuple[Receipt, ...]:
        """Take in tombstones alone; an id that is none is refused by its receipt."""
        most = self.limits.document_bytes
        lines = [submitted({"type": "deleted", "id": name}, most) for name in ids]
        return self._inbox.receive(source, lines)
