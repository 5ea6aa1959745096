"""What expertise asks of others: a window of documents, and who an account is."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from connectors.values import Agent
from expertise.values import Window
from indexer.access import Reader


class DocumentRanker(Protocol):
    """Ranks documents for a topic, under a reader's rights."""

    def window(self, topic: str, reader: Reader) -> Window:
        """At most W documents, best first, each readable by the reader."""
        ...


class AgentBook(Protocol):
    """The directory as it stands now."""

    def by_account(self, accounts: Iterable[str]) -> Mapping[str, Agent]:
        """The agent of each account that the directory joins to one; others are left out."""
        ...
