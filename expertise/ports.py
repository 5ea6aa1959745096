"""What expertise asks of others: a window of documents, and who an account is."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Protocol, TypeAlias

from connectors.values import Agent
from expertise.names import Named
from expertise.values import Window
from indexer.access import Reader
from indexer.spelling import NearWord
from indexer.values import IndexedDocument, Kept, Shown, ShowRequest

TopicsOf: TypeAlias = Mapping[str, Sequence[tuple[str, float]]]
"""By document: ids of topics, each with the confidence, from 0 to 1, that it is about it."""


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


class NameBook(Protocol):
    """The directory's words, as a question may name somebody by them."""

    def named(self, question: str) -> tuple[Named, ...]:
        """Those listed of whom the directory says every word; see `names.named_among`."""
        ...


class NamesBook(Protocol):
    """Names and places of those who are listed and present on a day."""

    def begun(self, typed: str, today: date, limit: int) -> tuple[Agent, ...]:
        """Agents with the typed words in their name, the last of which may be only begun.

        By name; accents and case aside. Nobody where nothing is typed.
        """
        ...

    def near(self, word: str, today: date) -> tuple[NearWord, ...]:
        """The best words of a name or place within few slips of a folded one.

        The word itself, with no slip, is among them where it is one.
        """
        ...


class AssignedTopics(Protocol):
    """What the last build found documents to be about."""

    def topics_of(self, document_ids: Collection[str], today: date) -> TopicsOf:
        """Documents without a topic are left out, and all where no build may be read."""
        ...


class DirectoryBook(AgentBook, Protocol):
    """The whole directory, for what is counted over it."""

    def everyone(self) -> tuple[Agent, ...]:
        """Every agent, by name."""
        ...

    def agents(self, agent_ids: Iterable[str]) -> Mapping[str, Agent]:
        """These agents, as far as the directory knows them."""
        ...


class KeptNow(Protocol):
    """What has become of documents since they were counted."""

    def kept(self, document_ids: Collection[str]) -> Mapping[str, Kept]:
        """What is kept of these documents, those left out that are not."""
        ...

    def show(self, request: ShowRequest) -> tuple[Shown, ...]:
        """In the order asked for; what the reader may not read is left out."""
        ...


class KeptDocuments(KeptNow, Protocol):
    """Everything that is kept. It never meets a reader."""

    def sources(self) -> frozenset[str]:
        """The sources of which documents are kept."""
        ...

    def scan(self, source: str) -> Iterator[Kept]:
        """Every kept document of a source, in no particular order."""
        ...

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """These documents whole, those left out that are not kept."""
        ...
