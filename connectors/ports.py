"""The two ports that every source implements, beside the values they yield."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from connectors.changes import Change, Malformed
from connectors.values import Agent, Group


class Connector(Protocol):
    """A source of documents."""

    @property
    def source(self) -> str:
        """The source's name: the part of each document id before its first colon."""
        ...

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield what changed after the cursor `since`; None asks for everything.

        A cursor is what an earlier `Checkpoint` of the same source carried; one that
        is no longer understood reads as None. Raises `SourceUnreachable` or
        `SourceRefused`.
        """
        ...


@runtime_checkable
class Counted(Protocol):
    """A source that can tell, cheaply, how many documents a reading may bring."""

    def expected(self, since: str | None) -> int | None:
        """At most so many documents after the cursor; None where it cannot tell."""
        ...


@runtime_checkable
class Rereadable(Protocol):
    """A source that can be asked again for single documents."""

    def again(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield those documents as they are now; what is no more is left out.

        Raises `SourceUnreachable` or `SourceRefused`.
        """
        ...


class Directory(Protocol):
    """A source of agents and groups; each reading is complete."""

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield every agent and group. Raises `SourceUnreachable` or `SourceRefused`."""
        ...


@runtime_checkable
class Stamped(Protocol):
    """A directory that can tell, cheaply, whether it changed."""

    def stamp(self) -> str | None:
        """A text that stays as long as nothing changed; None where it cannot tell.

        Raises `SourceUnreachable` or `SourceRefused`.
        """
        ...
